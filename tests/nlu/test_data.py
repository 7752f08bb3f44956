"""Training data in Rasa's nlu.yml format, and the line of whatever is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.marks import read_marks
from config.source import BadProject, parse_yaml
from nlu.data import NluData, collect, read_data


def read(text: str) -> NluData:
    return collect([parse_yaml(text, Path("nlu.yml"))])


def problem(text: str) -> str:
    with pytest.raises(BadProject) as caught:
        read(text)
    return str(caught.value)


def test_a_mark_names_the_entity() -> None:
    text, [entity] = read_marks("从[北京](city)出发")
    assert text == "从北京出发"
    assert (entity.type, entity.text, entity.value, entity.start, entity.end) == ("city", "北京", "北京", 1, 3)


def test_a_long_mark_gives_value_role_and_group() -> None:
    text, entities = read_marks(
        '从[帝都]{"entity": "city", "value": "北京", "role": "from", "group": "1"}到[上海](city)'
    )
    assert text == "从帝都到上海"
    assert (entities[0].value, entities[0].role, entities[0].group) == ("北京", "from", "1")
    assert (entities[1].start, entities[1].end) == (4, 6)


def test_a_short_mark_may_give_a_value_too() -> None:
    assert read_marks("[帝都](city:北京)")[1][0].value == "北京"


def test_one_stretch_may_be_several_entities() -> None:
    _, entities = read_marks('[苹果][{"entity": "fruit"}, {"entity": "brand", "role": "maker"}]')
    assert [entity.type for entity in entities] == ["fruit", "brand"]


def test_wechat_emoticons_are_no_marks() -> None:
    assert read_marks("谢谢[微笑]再见[玫瑰]") == ("谢谢[微笑]再见[玫瑰]", ())


@given(st.lists(st.tuples(st.text("我要查订单的，a1 ", max_size=5), st.text("北京上海DD12", min_size=1, max_size=5))))
def test_marks_always_index_the_text_without_them(parts: list[tuple[str, str]]) -> None:
    text, entities = read_marks("".join(f"{before}[{value}](thing)" for before, value in parts))
    assert text == "".join(before + value for before, value in parts)
    assert [entity.text for entity in entities] == [value for _, value in parts]
    assert all(text[entity.start : entity.end] == entity.text for entity in entities)


@pytest.mark.parametrize(
    ("marked", "said"),
    [
        ("[北京](city", "not complete"),
        ("[北京]（city）", "full-width"),
        ("[](city)", "nothing between"),
        ("[北京]()", "names no entity"),
        ('[北京]{"entity": "city", "rolle": "from"}', "unknown key 'rolle'"),
        ("[北京]{entity: city}", "not JSON"),
        ('[北京]{"value": "x"}', "names no entity"),
    ],
)
def test_a_broken_mark_is_named_with_its_line(marked: str, said: str) -> None:
    message = problem(f"nlu:\n  - intent: go\n    examples: |\n      - 你好\n      - 去{marked}\n")
    assert message.startswith("nlu.yml:5: ")
    assert said in message
    assert "[值](entity)" in message


def test_all_sections_are_read() -> None:
    data = read(
        "nlu:\n"
        "  - intent: go\n    metadata: {sentiment: neutral}\n    examples: |\n      - 去北京\n"
        "  - intent: faq/fee\n    examples:\n      - 运费多少\n"
        "      - text: |\n          谁出邮费\n        metadata: {a: 1}\n"
        "  - synonym: 北京\n    examples: |\n      - 帝都\n"
        '  - regex: order_id\n    examples: |\n      - "DD\\d+"\n'
        "  - lookup: city\n    examples: |\n      - 北京\n      - 上海\n"
        "  - lookup: city\n    examples: |\n      - 上海\n      - 三亚\n"
    )
    assert [(one.intent, one.text, one.line) for one in data.examples] == [
        ("go", "去北京", 5),
        ("faq/fee", "运费多少", 8),
        ("faq/fee", "谁出邮费", 9),
    ]
    assert data.examples[1].label == "faq"
    assert data.synonyms == {"帝都": "北京"}
    assert data.lookups == {"city": ("北京", "上海", "三亚")}
    assert [pattern.name for pattern in data.patterns] == ["order_id"]
    assert "三亚" in data.words


def test_a_mark_with_a_value_is_a_synonym() -> None:
    data = read('nlu:\n  - intent: go\n    examples: |\n      - 去[帝都]{"entity": "city", "value": "北京"}\n')
    assert data.synonyms == {"帝都": "北京"}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("nlu:\n  - intnet: go\n    examples: |\n      - 去\n", 2, "did you mean 'intent'"),
        ("nlu:\n  - intent: go\n    exmples: |\n      - 去\n", 3, "did you mean 'examples'"),
        ("nlu:\n  - intent: go\n    examples: |\n      - 去\n      回来\n", 5, "begin the line with '- '"),
        ("nlu:\n  - intent: go\n    examples: |\n      -\n", 4, "not an example"),
        ("nlu:\n  - intent: go\n", 2, "has no examples"),
        ("nlu:\n  - intent:\n    examples: |\n      - 去\n", 2, "has no name"),
        ("nlu:\n  intent: go\n", 1, "must be a list"),
        ("nlu:\n  - regex: code\n    examples: |\n      - 'a('\n      - (\n", 4, "not valid"),
        ("nlu:\n  - intent: go\n    examples:\n      - 去\n      - {txt: 来}\n", 5, "an example is a text"),
        ("nlu:\n  - intent: go\n    examples: 5\n", 3, "examples: |"),
    ],
)
def test_what_is_malformed_is_told_with_its_line(text: str, line: int, said: str) -> None:
    message = problem(text)
    assert message.startswith(f"nlu.yml:{line}: ")
    assert said in message


def test_every_problem_is_told_at_once() -> None:
    assert len(problem("nlu:\n  - intent: go\n    examples: |\n      - [a](\n      - [](b)\n").splitlines()) == 2


def test_data_is_gathered_from_all_files_and_folders(tmp_path: Path) -> None:
    for name, text in (
        ("data/nlu/a.yml", "nlu:\n  - intent: go\n    examples: |\n      - 去\n"),
        ("data/b.yaml", "nlu:\n  - intent: faq/fee\n    examples: |\n      - 运费\n"),
        ("data/rules.yml", "rules: []\n"),
        ("domain/faq.yml", "responses:\n  utter_faq/fee:\n  - text: 满99包邮\n  utter_hi:\n  - text: 您好\n"),
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    data = read_data(tmp_path)
    assert {one.intent for one in data.examples} == {"go", "faq/fee"}
    assert data.answers == {"faq/fee": "满99包邮"}


def test_a_text_file_is_a_word_list(tmp_path: Path) -> None:
    lists = tmp_path / "data" / "lookups"
    lists.mkdir(parents=True)
    section = "nlu:\n  - lookup: city\n    examples: |\n      - 北京\n  - lookup: size\n    examples: |\n      - 大号\n"
    (tmp_path / "data" / "nlu.yml").write_text(section, "utf-8")
    (lists / "city.txt").write_text("\ufeff# 城市\n上海\n\n 北京 \r\n广州", "utf-8")
    (lists / "carrier.txt").write_text("顺丰快递\n", "utf-8")
    assert read_data(tmp_path).lookups == {
        "city": ("北京", "上海", "广州"),
        "size": ("大号",),
        "carrier": ("顺丰快递",),
    }
    (lists / "carrier.txt").write_bytes("顺丰快递".encode("gb18030"))
    with pytest.raises(BadProject, match=r"carrier\.txt:1: the word list cannot be read.*UTF-8"):
        read_data(tmp_path)
