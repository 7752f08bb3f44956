"""Entities learned from marks: values that no list has, their roles, and what the learning may lean on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise, product
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.source import parse_yaml
from nlu.clues import NO_AXES, Axes, Clues, clues
from nlu.component import Corpus
from nlu.data import NluData, collect
from nlu.doc import NO_STATES, Doc, States
from nlu.gazetteer import EntitySynonymMapper, RuleEntityExtractor, RuleOptions, SynonymOptions
from nlu.model import latest, load
from nlu.normalizer import Normalizer
from nlu.pipeline import blank
from nlu.sequence import Span, spans
from nlu.spans import add
from nlu.tagger import MODEL, CrfEntityExtractor, CrfOptions, Machine
from nlu.training import train
from tests.nlu.small_shop import silent, write_project

NOW = datetime(2026, 11, 18, 10, tzinfo=UTC)
CITIES = ("北京", "上海", "广州", "深圳", "乌鲁木齐", "三亚")


def mark(city: str, role: str, group: str = "") -> str:
    more = f', "group": "{group}"' if group else ""
    return f'[{city}]{{"entity": "city", "role": "{role}"{more}}}'


def trips() -> str:
    lines = []
    for a, b in zip(CITIES, CITIES[1:] + CITIES[:1], strict=True):
        lines += [f"从{mark(a, 'from')}到{mark(b, 'to')}的票", f"我要去{mark(b, 'to')}", f"我在{mark(a, 'from')}出发"]
        lines += [f"到{mark(b, 'to')}的票还有吗，从{mark(a, 'from')}走", f"[明天](date)去{mark(a, 'to')}"]
        lines += [f"改签到[后天](date)，{mark(b, 'from')}出发", "今天天气不错", "票多少钱"]
    body = "".join(f"      - {line}\n" for line in lines)
    return f"nlu:\n  - intent: trip\n    examples: |\n{body}  - synonym: 大后天之前\n    examples: |\n      - 后天\n"


def corpus(data: NluData) -> Corpus:
    return Corpus(Path(), data, tuple(read(example.text) for example in data.examples))


def read(text: str) -> Doc:
    return Normalizer()(blank(text, NOW))


def data_of(text: str) -> NluData:
    return collect([parse_yaml(text, Path("nlu.yml"))])


@pytest.fixture(scope="module")
def data() -> NluData:
    return data_of(trips())


@pytest.fixture(scope="module")
def tagger(data: NluData) -> CrfEntityExtractor:
    return CrfEntityExtractor.train(CrfOptions(), corpus(data))


def told(tagger: CrfEntityExtractor, text: str) -> list[tuple[str, str, str]]:
    return [(one.type, one.text, one.role) for one in tagger(read(text)).entities]


def test_a_city_that_no_example_has_is_found_with_its_role(tagger: CrfEntityExtractor) -> None:
    assert told(tagger, "从成都到昆明的票") == [("city", "成都", "from"), ("city", "昆明", "to")]
    assert told(tagger, "我要去昆明") == [("city", "昆明", "to")]
    assert told(tagger, "今天天气不错") == []


@pytest.mark.parametrize(
    ("text", "quote"),
    [("從廣州到深圳的票", "廣州"), ("從　烏魯木齊　到三亚的票", "烏魯木齊"), ("😀😀从北京到三亚的票！！", "北京")],
)
def test_a_learned_entity_quotes_what_the_customer_typed(tagger: CrfEntityExtractor, text: str, quote: str) -> None:
    first = tagger(read(text)).entities[0]
    assert (first.text, first.role) == (quote, "from")
    assert text[first.start : first.end] == quote


def test_full_width_is_half_width_in_the_value() -> None:
    marked = "".join(f"      - 用[{code}](coupon)付款\n" for code in ("AB12", "CD34", "EF56", "ＧＨ７８"))
    section = f"nlu:\n  - intent: pay\n    examples: |\n{marked}"
    [found] = CrfEntityExtractor.train(CrfOptions(), corpus(data_of(section)))(read("用ＸＹ９９付款")).entities
    assert (found.text, found.value) == ("ＸＹ９９", "XY99")


def test_groups_are_told_apart() -> None:
    lines = "".join(f"      - 先买{mark(a, 'x', '1')}再买{mark(b, 'x', '2')}\n" for a, b in pairwise(CITIES))
    section = f"nlu:\n  - intent: buy\n    examples: |\n{lines}".replace('"city"', '"thing"').replace(
        '"role": "x", ', ""
    )
    found = CrfEntityExtractor.train(CrfOptions(), corpus(data_of(section)))(read("先买红茶再买绿茶")).entities
    assert [(one.text, one.group) for one in found] == [("红茶", "1"), ("绿茶", "2")]


def test_equal_data_gives_an_equal_model(tagger: CrfEntityExtractor, data: NluData) -> None:
    again = CrfEntityExtractor.train(CrfOptions(), corpus(data))
    assert tagger.machine is not None
    assert again.machine is not None
    assert again.machine.content == tagger.machine.content


def test_what_was_saved_is_what_is_loaded(tagger: CrfEntityExtractor, tmp_path: Path) -> None:
    tagger.save(tmp_path)
    loaded = CrfEntityExtractor.load(CrfOptions(), tmp_path)
    for text in ("从成都到昆明的票", "明天去三亚", "", "票"):
        assert loaded(read(text)).entities == tagger(read(text)).entities
    assert not list(tmp_path.rglob("*.pkl"))


def test_where_little_is_marked_nothing_is_learned_or_kept(tmp_path: Path) -> None:
    section = "nlu:\n  - intent: buy\n    examples: |\n      - 买[茶](thing)\n      - 买[酒](thing)\n      - 你好\n"
    idle = CrfEntityExtractor.train(CrfOptions(), corpus(data_of(section)))
    idle.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
    doc = read("买水")
    assert CrfEntityExtractor.load(CrfOptions(), tmp_path)(doc) is doc


@settings(max_examples=150, deadline=None)
@given(st.text(st.one_of(st.sampled_from("从北京到烏魯木齊明天ＡＢ１２😀 \n\u200b"), st.characters()), max_size=30))
def test_any_text_at_all_is_read(tagger: CrfEntityExtractor, text: str) -> None:
    for one in tagger(read(text)).entities:
        assert text[one.start : one.end] == one.text != ""
        assert 0 <= one.confidence <= 1


def test_a_mark_gets_the_value_that_a_rule_reckons(tagger: CrfEntityExtractor, data: NluData) -> None:
    rules = RuleEntityExtractor.train(RuleOptions(), corpus(data))
    synonyms = EntitySynonymMapper.train(SynonymOptions(), corpus(data))
    date = rules(tagger(read("明天去昆明"))).entities[0]
    assert (date.type, date.value, date.also[0].type) == ("date", "2026-11-19", "time")
    own = synonyms(rules(tagger(read("改签到后天，北京出发")))).entities[0]
    assert (own.type, own.value) == ("date", "大后天之前")


def chain(machine: Machine, found: Sequence[Clues]) -> dict[tuple[str, ...], float]:
    """The probability of every sequence of labels, one by one."""
    tags = machine._tagger
    tags.set(found)
    return {labels: tags.probability(labels) for labels in product(tags.labels(), repeat=len(found))}


@pytest.mark.parametrize("text", ["买白酒吗", "买茶", "我不买", "买红茶"])
def test_the_confidence_is_that_of_the_most_doubtful_place(text: str) -> None:
    section = "".join(f"      - 买[{thing}](thing)\n" for thing in ("茶", "红酒", "酒", "绿茶"))
    small = CrfEntityExtractor.train(CrfOptions(), corpus(data_of(f"nlu:\n  - intent: b\n    examples: |\n{section}")))
    assert small.machine is not None
    found = small.clues(read(text))
    every = chain(small.machine, found)
    assert sum(every.values()) == pytest.approx(1, abs=1e-6)
    for span, sure in small.machine.read(found):
        begun = {labels: chance for labels, chance in every.items() if labels[span.start] == "B-thing"}
        whole = sum(chance for labels, chance in begun.items() if span in spans(labels))
        places = [sum(c for labels, c in every.items() if labels[at] == tag) for at, tag in _labels(span)]
        ends = [sum(c for labels, c in every.items() if labels[span.end : span.end + 1] != ("I-thing",))]
        assert sure == pytest.approx(min(places + ends), abs=1e-6)
        assert sure >= whole - 1e-9


def _labels(span: Span) -> list[tuple[int, str]]:
    return [(at, f"{'B' if at == span.start else 'I'}-thing") for at in range(span.start, span.end)]


def test_threads_do_not_disturb_each_other(tagger: CrfEntityExtractor) -> None:
    texts = ["从成都到昆明的票", "我要去昆明", "明天去三亚", "票多少钱"] * 10
    alone = [tagger(read(text)).entities for text in texts]
    together: dict[int, list[object]] = {}

    def run(number: int) -> None:
        together[number] = [tagger(read(text)).entities for text in texts]

    threads = [Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found == alone for found in together.values())


def test_lists_help_but_marked_values_are_no_clue(data: NluData) -> None:
    listed = data_of(trips() + "  - lookup: station\n    examples: |\n      - 大兴机场\n")
    trained = CrfEntityExtractor.train(CrfOptions(), corpus(listed))
    names = {name for found in trained.clues(read("去大兴机场，不去北京")) for name in found}
    assert "hitb-list-station" in names
    assert not [name for name in names if "list-city" in name]


def test_every_character_has_the_state_of_its_piece_and_none_beyond_the_last() -> None:
    states = States(np.array([[1, 0], [0, 2]], np.float16), ((0, 2), (2, 3)))
    axes = Axes(np.zeros(2, np.float32), np.eye(2, dtype=np.float32))
    doc = read("一二三四")
    found = clues(Doc(doc.text, NOW, doc.normalized, states=states), (), (), axes, NO_AXES)
    assert [(one.get("state0"), one.get("state1")) for one in found] == [(0.5, 0), (0.5, 0), (0, 1), (None, None)]
    bare = clues(Doc(doc.text, NOW, doc.normalized, states=NO_STATES), (), (), axes, NO_AXES)
    assert not [name for one in bare for name in one if name.startswith("state")]


@given(st.integers(1, 6), st.integers(2, 30))
def test_axes_make_every_direction_weigh_the_same(kept: int, count: int) -> None:
    dice = np.random.default_rng(count)
    rows = (dice.normal(0, 1, (count, 4)) * [9, 3, 1, 0.1] + 5).astype(np.float32)
    axes = Axes.of([(rows[:1], np.ones(1, np.float32)), (rows[1:], np.ones(count - 1, np.float32))], kept)
    turned = axes(rows)
    assert turned.shape == (count, min(kept, axes.turn.shape[1]))
    assert np.allclose(turned.mean(0), 0, atol=1e-2)
    assert np.allclose(turned.var(0), 1, atol=5e-2)


def test_a_trained_bot_tells_roles_and_obeys_its_own_priorities(tmp_path: Path) -> None:
    body = trips() + "  - intent: hello\n    examples: |\n      - 你好\n      - 您好\n      - 在吗\n"
    config = (
        "pipeline: [JiebaTokenizer, TfidfFeaturizer, LinearIntentClassifier, CrfEntityExtractor, RuleEntityExtractor"
    )
    bot = write_project(tmp_path / "bot", body, config + ", {name: LookupEntityExtractor, priority: 21}]\n")
    folder = train(bot, silent)
    assert folder == latest(bot)
    assert (next(folder.glob("*-CrfEntityExtractor")) / MODEL).is_file()
    found = load(folder).parse("从成都到三亚的票", NOW).entities
    assert [(one.text, one.role, one.extractor) for one in found] == [
        ("成都", "from", "CrfEntityExtractor"),
        ("三亚", "to", "LookupEntityExtractor"),
    ]
    assert "CrfEntityExtractor" in [other.extractor for other in found[1].also]


def test_entities_of_nobody_are_added_to_no_doc() -> None:
    doc = read("你好")
    assert add(doc, ()) is doc
