"""The condition language: what holds, what does not, and what is said about a mistake."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.conditions import ConditionError, parse

SLOTS = {
    "n": 120,
    "text": "DD1",
    "yes": True,
    "no": False,
    "empty": "",
    "list": ["a", "b"],
    "half": 0.5,
    "digits": "42",
}
CONTEXT = {"misses": 2, "deep": {"er": "x"}}


@pytest.mark.parametrize(
    "text",
    [
        "slots.n > 100", "slots.n >= 120 and slots.n <= 120", "n = 120", "slots.n == 120.0", "slots.n != 1",
        "slots.text = 'DD1'", 'slots.text is "DD1"', "slots.text is not 'x'", "slots.nothing is null",
        "slots.text is not null", "slots.yes", "not slots.no", "slots.yes is true", "slots.no = false",
        "slots.empty is empty", "slots.nothing is empty", "slots.text is not empty", "slots.text matches '^DD\\d$'",
        "not (slots.text matches \"^XX\")", "slots.list contains 'a'", "slots.text contains 'D1'",
        "slots.text in {'DD1', 'DD2'}", "slots.text not in {'DD2'}", "'a' in slots.list", "slots.digits > 40",
        "context.misses > 1", "context.deep.er = 'x'", "slots.no or slots.yes", "NOT slots.no AND slots.yes",
        "slots.no and slots.no or slots.yes", "not slots.yes or slots.yes", "slots.n > -1", "slots.half < 1", "true",
    ],
)  # fmt: skip
def test_what_holds(text: str) -> None:
    assert parse(text)(SLOTS, CONTEXT)


@pytest.mark.parametrize(
    "text",
    [
        "slots.nothing > 1", "slots.text > 1", "slots.nothing < 1", "slots.yes = 1", "slots.n = 'x'", "slots.nothing",
        "slots.nothing matches 'x'", "slots.text matches '('", "slots.nothing contains 'x'", "slots.text in {}",
        "not slots.yes", "slots.yes and slots.no", "context.nothing.deeper = 1", "false", "null", "slots.yes is null",
    ],
)  # fmt: skip
def test_what_does_not_hold_and_never_raises(text: str) -> None:
    assert not parse(text)(SLOTS, CONTEXT)


@pytest.mark.parametrize(
    ("text", "word"),
    [("", "empty"),
        ("slots.a >", "missing"),
        ("(slots.a", "closing"),
        ("slots.a slots.b", "slots.b"),
        ("slots.a ; 1", "; 1"),
        ("and slots.a", "and"),
        ("slots", "needs a name"),
        ("slots.a = {1", "missing"),
        ("'open", "'open")],
)  # fmt: skip
def test_a_mistake_is_named(text: str, word: str) -> None:
    with pytest.raises(ConditionError, match=re.escape(word)):
        parse(text)


def test_the_slots_that_are_read_are_known() -> None:
    assert parse("slots.a > 1 or (b is null and context.c)").slots == {"a", "b"}


@given(st.text(alphabet="slotxand()<>=!'\"{}.1 \\中", max_size=30))
def test_any_text_is_a_condition_or_an_error(text: str) -> None:
    try:
        condition = parse(text)
    except ConditionError:
        return
    assert condition({}) in (True, False)
