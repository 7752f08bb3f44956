"""Entities by the author's own patterns and word lists."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.source import parse_yaml
from nlu.component import Component, Corpus
from nlu.data import collect
from nlu.doc import Doc
from nlu.gazetteer import (
    EntitySynonymMapper,
    LookupEntityExtractor,
    LookupOptions,
    RegexEntityExtractor,
    RegexOptions,
    RuleEntityExtractor,
    RuleOptions,
    SynonymOptions,
    compile_pattern,
)
from nlu.normalizer import Normalizer
from nlu.pipeline import blank

NOW = datetime(2026, 11, 18, 10, tzinfo=UTC)
NOTHING = "nlu:\n  - intent: x\n    examples: |\n      - 你好\n"


def corpus(sections: str) -> Corpus:
    return Corpus(Path(), collect([parse_yaml(NOTHING + sections, Path("nlu.yml"))]), ())


def found(text: str, *components: Component) -> list[tuple[str, str, object]]:
    doc: Doc = Normalizer()(blank(text, NOW))
    for component in components:
        doc = component(doc)
    return [(one.type, one.text, one.value) for one in doc.entities]


def regex(pattern: str, **options: bool) -> RegexEntityExtractor:
    section = f"  - regex: code\n    examples: |\n      - {pattern}\n"
    return RegexEntityExtractor.train(RegexOptions(**options), corpus(section))


def lookup(*values: str) -> LookupEntityExtractor:
    lines = "".join(f"      - {value}\n" for value in values)
    return LookupEntityExtractor.train(LookupOptions(), corpus(f"  - lookup: thing\n    examples: |\n{lines}"))


def test_a_word_boundary_lies_between_chinese_and_latin() -> None:
    assert found("订单DD123到哪", regex(r"\bDD\d+\b")) == [("code", "DD123", "DD123")]
    assert found("订单ＤＤ１２３到哪", regex(r"\bDD\d+\b")) == [("code", "ＤＤ１２３", "DD123")]


def test_a_backslash_b_that_is_no_boundary_stays_what_it_is() -> None:
    assert compile_pattern(r"\\b", re.RegexFlag(0)).fullmatch("\\b")
    assert compile_pattern(r"[\b]", re.RegexFlag(0)).fullmatch("\b")


def test_a_number_is_never_cut_in_half() -> None:
    assert found("电话13800138000", regex(r"\d{4}")) == []
    assert found("尾号8000", regex(r"\d{4}")) == [("code", "8000", "8000")]


def test_case_matters_only_where_it_is_asked_for() -> None:
    assert found("vip888", regex("VIP888"))
    assert not found("vip888", regex("VIP888", case_sensitive=True))
    assert found("VIP888", regex("VIP888", case_sensitive=True))


def test_a_group_called_value_is_the_entity() -> None:
    assert found("尾号是8000的卡", regex(r"尾号是?(?P<value>\d{4})")) == [("code", "8000", "8000")]


def test_the_longest_word_of_a_list_wins() -> None:
    assert found("买苹果手机壳", lookup("苹果", "苹果手机", "手机壳")) == [("thing", "苹果手机", "苹果手机")]


def test_a_latin_word_of_a_list_is_found_whole_only() -> None:
    assert found("开通vip会员", lookup("VIP")) == [("thing", "vip", "VIP")]
    assert found("vipshop", lookup("VIP")) == []


def test_a_misspelt_value_is_found_as_the_author_wrote_it_unless_that_is_switched_off(tmp_path: Path) -> None:
    data = corpus(
        "  - lookup: carrier\n    examples: |\n      - 顺丰快递\n      - 快递\n"
        "  - synonym: 苹果手机\n    examples: |\n      - iPhone\n"
        "  - lookup: product\n    examples: |\n      - 苹果手机\n"
    )
    lists = LookupEntityExtractor.train(LookupOptions(), data)
    lists.save(tmp_path)
    again = LookupEntityExtractor.load(LookupOptions(), tmp_path)
    synonyms = EntitySynonymMapper.train(SynonymOptions(), data)
    for one in (lists, again):
        assert found("我用顺風 快递寄", one) == [("carrier", "顺風 快递", "顺丰快递")]
        assert found("苹裹手机和IPHNOE", one, synonyms) == [
            ("product", "苹裹手机", "苹果手机"),
            ("product", "IPHNOE", "苹果手机"),
        ]
        assert found("快递和顺丰快递", one) == [("carrier", "快递", "快递"), ("carrier", "顺丰快递", "顺丰快递")]
    strict = LookupEntityExtractor.train(LookupOptions(fuzzy=False), data)
    strict.save(tmp_path)
    for one in (strict, LookupEntityExtractor.load(LookupOptions(fuzzy=False), tmp_path)):
        assert found("我用顺风快递寄", one) == [("carrier", "快递", "快递")]


def test_what_the_authors_own_examples_say_unmarked_is_no_misspelling() -> None:
    lists = "  - lookup: thing\n    examples: |\n      - 黄金糕\n"
    said = "  - intent: buy\n    examples: |\n      - 黄金高不高\n"
    assert found("黄金高", LookupEntityExtractor.train(LookupOptions(), corpus(lists)))
    assert not found("黄金高", LookupEntityExtractor.train(LookupOptions(), corpus(said + lists)))


@given(
    st.lists(st.text("苹果手机aB1", min_size=1, max_size=4), min_size=1, max_size=6),
    st.text("苹果手机aB1 ", max_size=12),
)
def test_whatever_the_list_every_find_is_in_the_text_and_in_the_list(values: list[str], text: str) -> None:
    doc = lookup(*values)(Normalizer()(blank(text, NOW)))
    for one in doc.entities:
        assert text[one.start : one.end] == one.text
        assert one.value in values


def test_marked_values_are_found_unless_that_is_switched_off() -> None:
    marked = corpus("  - intent: buy\n    examples: |\n      - 买[机械键盘](product)\n      - 买[6](count)个\n")
    assert found("机械键盘坏了6", LookupEntityExtractor.train(LookupOptions(), marked)) == [
        ("product", "机械键盘", "机械键盘")
    ]
    assert found("机械键盘坏了", LookupEntityExtractor.train(LookupOptions(from_examples=False), marked)) == []


def test_a_role_is_told_by_what_stands_before(tmp_path: Path) -> None:
    trips = corpus(
        "  - intent: go\n    examples: |\n"
        '      - 从[北京]{"entity": "city", "role": "from"}到[上海]{"entity": "city", "role": "to"}\n'
        '      - 从[三亚]{"entity": "city", "role": "from"}出发\n'
        "      - 我在[三亚](city)\n"
    )
    extractor = LookupEntityExtractor.train(LookupOptions(), trips)
    extractor.save(tmp_path)
    for one in (extractor, LookupEntityExtractor.load(LookupOptions(), tmp_path)):
        entities = one(Normalizer()(blank("從上海到三亚，我在北京", NOW))).entities
        assert [(entity.value, entity.role) for entity in entities] == [("上海", "from"), ("三亚", "to"), ("北京", "")]


def test_a_synonym_is_found_and_means_its_value() -> None:
    data = corpus(
        "  - lookup: city\n    examples: |\n      - 北京\n"
        "  - synonym: 北京\n    examples: |\n      - 帝都\n      - BJ\n"
    )
    lists = LookupEntityExtractor.train(LookupOptions(), data)
    synonyms = EntitySynonymMapper.train(SynonymOptions(), data)
    assert found("寄到帝都", lists, synonyms) == [("city", "帝都", "北京")]
    assert found("寄到ｂｊ吧", lists, synonyms) == [("city", "ｂｊ", "北京")]


def test_a_bots_own_order_number_is_believed_before_a_phone_number() -> None:
    own = RuleEntityExtractor.train(RuleOptions(order_id=r"1\d{10}"), corpus(""))
    assert [kind for kind, _, _ in found("查13800138000", own)] == ["order_id"]
    usual = RuleEntityExtractor.train(RuleOptions(), corpus(""))
    assert [kind for kind, _, _ in found("查13800138000", usual)] == ["phone"]


def test_only_the_wanted_dimensions_are_found() -> None:
    only = RuleEntityExtractor.train(RuleOptions(dimensions=("time",)), corpus(""))
    assert {kind for kind, _, _ in found("明天给13800138000打电话", only)} == {"time"}


@pytest.mark.parametrize("pattern", [r"DD\d+", r"\bVIP\b"])
def test_patterns_are_kept_as_the_author_wrote_them(pattern: str, tmp_path: Path) -> None:
    extractor = regex(pattern)
    extractor.save(tmp_path)
    assert RegexEntityExtractor.load(RegexOptions(), tmp_path).patterns == extractor.patterns


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("五个人吃饭", []),
        ("订位，3个人", []),
        ("8个人", []),
        ("推荐一个人均消费五十元的", []),
        ("集中通知", []),
        ("中通知我了", []),
        ("发票给个人", ["个人"]),
        ("给个人开的票", ["个人"]),
        ("写个人吧", ["个人"]),
        ("用中通发", ["中通"]),
        ("中通快到了吗", ["中通"]),
    ],
)
def test_a_short_value_is_not_made_of_the_halves_of_two_words(text: str, values: list[str]) -> None:
    listed = "".join(f"      - {one}\n" for one in ("个人", "中通", "顺丰", "韵达", "圆通"))
    section = f"  - lookup: word\n    examples: |\n{listed}"
    lookup = LookupEntityExtractor.train(LookupOptions(), corpus(section))
    assert [value for _, _, value in found(text, lookup)] == values
    plain = LookupEntityExtractor.train(LookupOptions(fuzzy=False), corpus(section))
    assert len(found(text, plain)) == 1
