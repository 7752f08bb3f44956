"""Who keeps a stretch of text that several extractors claim, and what becomes of the others."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.meaning import Entity
from nlu.spans import PRIORITY, settle

CRF, LIST, REGEX, RULE = "CrfEntityExtractor", "LookupEntityExtractor", "RegexEntityExtractor", "RuleEntityExtractor"


def one(kind: str, text: str, extractor: str, value: object = None, start: int = 0, **more: str) -> Entity:
    return Entity(kind, text, text if value is None else value, start, start + len(text), extractor=extractor, **more)  # type: ignore[arg-type]


def test_the_authors_patterns_come_first_and_the_rules_last() -> None:
    short = [one("a", "一", REGEX), one("b", "一二", LIST), one("c", "一二三", RULE)]
    assert [found.extractor for found in settle(short)] == [REGEX]
    assert [found.extractor for found in settle(short[1:])] == [LIST]


def test_between_lists_and_what_was_learned_the_longer_wins() -> None:
    assert [found.extractor for found in settle([one("city", "上海", LIST), one("sight", "上海迪士尼", CRF)])] == [CRF]
    assert [found.type for found in settle([one("product", "手机", CRF), one("product", "手机壳", LIST)])] == [
        "product"
    ]
    assert settle([one("product", "手机", CRF), one("product", "手机壳", LIST)])[0].text == "手机壳"


def test_of_the_same_stretch_what_was_learned_wins_and_takes_the_lists_wording() -> None:
    [found] = settle([one("carrier", "顺风", LIST, "顺丰", role="x"), one("carrier", "顺风", CRF, role="old")])
    assert (found.extractor, found.value, found.role) == (CRF, "顺丰", "old")
    [found] = settle([one("city", "长安", LIST, "长安市"), one("car", "长安", CRF)])
    assert (found.type, found.value) == ("car", "长安")


def test_roles_are_by_what_was_learned_whoever_keeps_the_stretch() -> None:
    for winner in (one("city", "北京市", LIST, role="to"), one("city", "北京市", REGEX)):
        [found] = settle([winner, one("city", "北京", CRF, role="from", group="1")])
        assert (found.text, found.role, found.group) == ("北京市", "from", "1")
    [found] = settle([one("city", "北京市", LIST, role="to"), one("sight", "北京", CRF, role="from")])
    assert found.role == "to"


@pytest.mark.parametrize(
    ("learned", "rule", "value"),
    [
        ("date", one("time", "明天", RULE, "2026-11-19"), "2026-11-19"),
        ("price", one("amount", "一百", RULE, 100), 100),
        ("city", one("address", "北京", RULE, {"province": "北京市"}), "北京"),
        ("address", one("address", "北京", RULE, {"province": "北京市"}), {"province": "北京市"}),
        ("date", one("time", "明天上午", RULE, "2026-11-19T09:00"), "明天"),
    ],
)
def test_a_learned_stretch_gets_what_a_rule_reckons_of_just_it(learned: str, rule: Entity, value: object) -> None:
    [found] = settle([one(learned, rule.text[:2], CRF), rule])
    assert (found.type, found.value, found.also) == (learned, value, (rule,))


def test_what_cannot_be_is_never_passed_on_as_a_value() -> None:
    wrong = one("invalid", "2月30号", RULE, {"type": "time", "why": "no_such_date"})
    [found] = settle([one("date", "2月30号", CRF), wrong])
    assert found.type == "invalid"
    assert [other.type for other in found.also] == ["date"]


def test_the_author_may_say_who_comes_first() -> None:
    claims = [one("a", "一二", LIST), one("b", "一二三", CRF), one("c", "一", RULE)]
    assert [found.type for found in settle(claims, {RULE: 90})] == ["c"]
    assert [found.type for found in settle(claims, {LIST: 21})] == ["a"]


def test_what_lost_is_kept_in_what_it_gave_way_to_in_any_order() -> None:
    claims = [one("a", "一二", REGEX), one("b", "二三", LIST, start=1), one("c", "三", RULE, start=2)]
    told = set()
    for order in permutations(claims):
        kept: tuple[Entity, ...] = ()
        for claim in order:
            kept = settle((*kept, claim))
        told.add(tuple((found.type, tuple(other.type for other in found.also)) for found in kept))
    assert told == {(("a", ("b",)), ("c", ()))}


CLAIMS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(1, 6), st.sampled_from(sorted(PRIORITY)), st.sampled_from("tu")),
    max_size=12,
)


@given(CLAIMS)
def test_settled_entities_never_overlap_and_nothing_is_lost(claims: list[tuple[int, int, str, str]]) -> None:
    given_ = [Entity(kind, "", "", start, start + size, extractor=name) for start, size, name, kind in claims]
    kept = settle(given_)
    assert all(a.end <= b.start for a, b in pairwise(kept))
    told = [found for winner in kept for found in (winner, *winner.also)]
    assert {(e.type, e.start, e.end, e.extractor) for e in told} == {
        (e.type, e.start, e.end, e.extractor) for e in given_
    }
    assert all(not other.also for winner in kept for other in winner.also)
    assert all(w.start < other.end and other.start < w.end for w in kept for other in w.also)
    assert settle(kept) == kept
