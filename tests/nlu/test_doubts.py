"""What a long look at the training data finds."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from config.source import parse_yaml
from nlu.data import NluData, collect, read_data
from nlu.doubts.coverage import coverage, unmarked
from nlu.doubts.doubt import Doubt
from nlu.doubts.likeness import Read, read
from nlu.doubts.listing import doubts, table
from nlu.doubts.near import near_duplicates
from nlu.doubts.pairs import confusing_pairs
from nlu.doubts.suspects import _left_out, crosswise, suspects
from nlu.recipe import read_recipe
from tests.nlu.small_shop import NLU, silent, write_project
from tests.nlu.test_models import LIGHT


def of(*sections: str) -> NluData:
    return collect([parse_yaml("nlu:\n" + "".join(sections), Path("data/nlu.yml"))])


def intent(name: str, *examples: str) -> str:
    return f"  - intent: {name}\n    examples: |\n" + "".join(f"      - {example}\n" for example in examples)


def as_read(folder: Path, data: NluData, config: str = LIGHT) -> Read:
    project = write_project(folder, config=config)
    return read(project, read_recipe(project), data, silent)


def moved(data: NluData, text: str, to: str) -> NluData:
    examples = [replace(one, intent=to) if one.text == text else one for one in data.examples]
    return replace(data, examples=tuple(examples))


def test_what_the_model_without_a_row_says_of_it_is_what_training_without_it_gives() -> None:
    dice = np.random.default_rng(3)
    rows, labels = dice.normal(size=(12, 4)), np.arange(12) % 3
    kernel = rows @ rows.T
    scores = _left_out(kernel, labels, 3)
    weight = np.full(12, 12 / (3 * 4))
    for i in range(12):
        kept = np.arange(12) != i
        targets = np.where(labels[kept, None] == np.arange(3), 1.0, -1.0)
        inside = kernel[np.ix_(kept, kept)] + 1 + 3.0 * np.diag(1 / weight[kept])
        expected = (kernel[i, kept] + 1) @ np.linalg.solve(inside, targets)
        assert scores[i] == pytest.approx(expected)


def test_a_sentence_in_the_wrong_intent_is_the_first_suspect_and_told_with_its_place(tmp_path: Path) -> None:
    data = moved(read_data(write_project(tmp_path)), "我要找人工客服", "refund")
    examples = as_read(tmp_path, data)
    first = suspects(examples, crosswise(examples))[0]
    assert first.intents == ("refund", "handoff")
    assert first.what == "'我要找人工客服' is an example of refund, and looks like handoff"
    assert (Path(first.file).name, first.line) == ("nlu.yml", 26)
    assert all(sentence.startswith("handoff: ") for sentence in first.beside)
    assert len(first.beside) == 2


def test_many_examples_are_judged_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = moved(read_data(write_project(tmp_path)), "我要找人工客服", "refund")
    examples = as_read(tmp_path, data)
    monkeypatch.setattr("nlu.doubts.suspects.MOST_AT_ONCE", 21)
    judged = crosswise(examples)
    assert judged.scores.shape == (40, 6)
    assert judged.names[int(judged.guesses[[one.text for one in data.examples].index("我要找人工客服")])] == "handoff"


def test_sentences_that_are_nearly_the_same_are_told_those_across_intents_first(tmp_path: Path) -> None:
    data = of(
        intent("refund", "请问怎么才能申请退款呢", "我想把这件衣服退掉", "请问怎么申请退款呢"),
        intent("invoice", "请问怎么申请退款", "发票抬头写公司名字", "发票抬头写公司名字！"),
    )
    found = near_duplicates(as_read(tmp_path, data))
    assert [(one.intents, one.line) for one in found] == [(("invoice", "refund"), 9), (("refund",), 6)]
    assert found[0].what == "'请问怎么申请退款' of invoice is nearly 请问怎么申请退款呢 (nlu.yml:6) of refund"
    assert found[0].weight > 1 > found[1].weight


def test_vectors_of_an_encoder_make_other_words_alike(tmp_path: Path) -> None:
    data = read_data(write_project(tmp_path))
    texts = [one.text for one in data.examples]
    pair = texts.index("退一下款"), texts.index("把钱退给我")
    light = next(as_read(tmp_path, data).likenesses())[1]
    heavy = next(as_read(tmp_path, data, "language: zh\n").likenesses())[1]
    assert heavy[pair] > light[pair] + 0.03
    assert np.diag(heavy) == pytest.approx(1, abs=1e-5)


def test_intents_that_are_too_alike_are_told_with_sentences_and_the_words_that_differ(tmp_path: Path) -> None:
    refund = ("怎么退款", "我要退款", "退款多久到账", "申请退款", "退款退款", "快点退款", "能退款吗", "退款几天")
    back = ("我要退款退货", "申请退款退货", "能退款退货吗", "怎么退款退货", "退款", "退款吧", "给我退款", "现在退款")
    data = of(intent("refund", *refund), intent("return", *back), intent("greet", "你好", "您好呀", "在吗", "早上好"))
    examples = as_read(tmp_path, data)
    [pair] = confusing_pairs(examples, crosswise(examples))
    assert pair.intents == ("refund", "return")
    assert "are taken for the other" in pair.what
    assert "return: 退货" in pair.mend
    assert 3 <= len(pair.beside) <= 4


def test_a_known_value_without_a_mark_is_told_once_and_the_longer_one_wins() -> None:
    data = of(
        intent("go", "去[北京](city)", "[北京西站](city)怎么走", "北京西站在哪", "去 北京 玩", "飞[北京](city)"),
        "  - lookup: fruit\n    examples: |\n      - 苹果\n",
        intent("buy", "买苹果"),
    )
    found = unmarked(data)
    assert [one.what for one in found] == [
        "'北京西站' has no mark in '北京西站在哪', and is city elsewhere",
        "'北京' has no mark in '去 北京 玩', and is city elsewhere",
    ]
    assert "[北京西站](city)" in found[0].mend


def covered(folder: Path, *sections: str) -> str:
    data = of(*sections)
    return "\n".join(str(one) for one in coverage(data, as_read(folder, data).docs))


SOME = tuple(
    f"{start}这件衣服{end}" for start in ("请问", "你好", "麻烦看下", "我想问") for end in ("好看吗", "有货没", "多大")
)


def test_thin_spots_of_the_data_are_told(tmp_path: Path) -> None:
    many = [f"{a}{b}{c}" for a in "今明后昨前" for b in "年月日天" for c in "早晚中好"]
    said = covered(
        tmp_path,
        intent("ask", *SOME, "去[北京](city)吧"),
        intent("large", *many, *(f"{one}啊" for one in many)),
        intent("small", *(f"退款{end}" for end in ("吧", "啊", "呀", "哦", "嘛", "呢", "了", "好"))),
        "  - lookup: fruit\n    examples: |\n      - 苹果\n      - 香蕉\n",
    )
    assert "entity 'city' is marked only 1 time" in said
    assert "intent 'large' has 160 examples, the middle intent 13" in said
    assert "8 of 8 examples of 'small' begin with '退款'" in said
    assert "no example of 'small' is longer than 5 characters" in said
    assert "no value of the lookup 'fruit' occurs in any example — write sentences with some: 苹果, 香蕉" in said
    assert "of 'ask'" not in said


def test_a_small_intent_beside_large_ones_and_words_of_one_sentence_are_told(tmp_path: Path) -> None:
    ends = ("好看", "便宜", "有货")
    large = [f"{a}{b}衣服{c}" for a in ("请问", "你好") for b in ("红色", "蓝色", "白色") for c in ends]
    lines = [intent(name, *(f"{name}{one}" for one in large * 3)) for name in ("a", "b", "c")]
    single = ("修理空调", "清洗窗帘", "搬运钢琴", "粉刷墙壁", "照看宠物", "接送老人", "代购药品", "疏通管道")
    said = covered(tmp_path, *lines, intent("few", "借书", "还书", "办证", "补卡", "退卡"), intent("odd", *single))
    assert "intent 'few' has 5 examples, the middle intent 54" in said
    assert "words of 'odd' occur in one example only" in said


def test_everything_is_listed_in_the_order_in_which_it_is_worth_mending(tmp_path: Path) -> None:
    wrong = NLU.replace("      - 你好\n", "      - 你好\n      - 我要退款！\n      - 我要找人工客服呀\n")
    found = doubts(write_project(tmp_path, wrong, LIGHT))
    kinds = [one.kind for one in found]
    assert kinds[:2] == ["conflict", "mislabelled"]
    assert kinds == sorted(
        kinds, key=["conflict", "mislabelled", "near", "confusing", "unmarked", "coverage", "remark"].index
    )
    shown = table(found, 1)
    assert "Contradictions: training has to guess (1)" in shown
    assert "more: --limit 0 shows all" in shown
    assert json.loads(json.dumps([one.to_dict() for one in found]))[0]["kind"] == "conflict"


def noisy(data: NluData, seed: int, share: float = 0.05) -> tuple[NluData, set[int]]:
    """The data with a share of its examples in another intent, and their places."""
    dice = np.random.default_rng(seed)
    names = sorted({one.intent for one in data.examples})
    bad = set(dice.choice(len(data.examples), round(share * len(data.examples)), replace=False).tolist())
    examples = [
        replace(one, intent=dice.choice([name for name in names if name != one.intent])) if place in bad else one
        for place, one in enumerate(data.examples)
    ]
    return replace(data, examples=tuple(examples)), bad


def places(found: Sequence[Doubt], data: NluData) -> list[int]:
    lines = {(one.file, one.line): place for place, one in enumerate(data.examples)}
    return [lines[one.file, one.line] for one in found]


def test_of_sentences_put_into_wrong_intents_most_are_among_the_first_suspects() -> None:
    shop = Path(__file__).parents[2] / "config" / "shop"
    data, bad = noisy(read_data(shop), 0)
    recipe = read_recipe(shop)
    light = replace(recipe, steps=tuple(step for step in recipe.steps if step.name != "SentenceEncoder"))
    examples = read(shop, light, data, silent)
    found = places(suspects(examples, crosswise(examples)), data)
    assert len(set(found) & bad) >= 0.75 * len(bad)
    assert len(set(found[: 2 * len(bad)]) & bad) >= 0.6 * len(bad)
    assert len(set(found[:20]) & bad) >= 9


def test_questions_of_a_table_are_not_asked_for_marks_which_they_cannot_have(tmp_path: Path) -> None:
    project = write_project(tmp_path, config=LIGHT)
    (project / "data" / "faq.csv").write_text("问题,答案\n苹果手机怎么保养,用软布擦\n", "utf-8")
    assert [one.what for one in doubts(project) if one.kind == "unmarked"] == []
    with (project / "data" / "nlu.yml").open("a", encoding="utf-8") as file:
        file.write("  - intent: care\n    examples: |\n      - 苹果手机怎么保养才好\n")
    assert ["苹果手机怎么保养才好" in one.what for one in doubts(project) if one.kind == "unmarked"] == [True]


def test_a_list_of_a_hundred_thousand_values_is_looked_through_in_seconds() -> None:
    values = [f"{chr(0x4E00 + n // 300)}{chr(0x5E00 + n % 300)}店" for n in range(100_000)]
    sentences = [f"第{n}次去{values[n]}要多久" for n in range(1000)]
    data = of(intent("go", f"去[{values[-1]}](place)", *sentences))
    begun = time.process_time()
    found = unmarked(replace(data, lookups={"place": tuple(values)}))
    assert {one.what.split("'")[1] for one in found} == set(values[:1000])
    assert time.process_time() - begun < 5
