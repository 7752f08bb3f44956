"""The reference table: what customers write, and exactly the entities with span and value that are right for it."""

from __future__ import annotations

import pytest

from nlu.rules import KINDS
from tests.nlu.rules.expressions import UNSEEN, Expression, read, read_table, score

EXPRESSIONS = read_table()
LATER = read_table(UNSEEN)


@pytest.mark.parametrize("expression", [*EXPRESSIONS, *LATER], ids=lambda one: one.text)
def test_an_expression_is_read_as_the_table_says(expression: Expression) -> None:
    assert read(expression.text) == list(expression.right)


def test_the_table_has_every_type_and_enough_of_it() -> None:
    seen = {type_ for one in EXPRESSIONS for type_, _, _ in one.right}
    assert seen == set(KINDS)
    assert len(EXPRESSIONS) >= 400
    assert sum(not one.right for one in EXPRESSIONS) >= 50


def test_the_later_texts_are_none_of_the_table() -> None:
    assert len(LATER) >= 200
    assert {one.text for one in LATER}.isdisjoint(one.text for one in EXPRESSIONS)


def test_spans_of_the_tables_are_in_their_texts_and_in_order() -> None:
    for one in [*EXPRESSIONS, *LATER]:
        places = [one.text.find(span) for _, span, _ in one.right]
        assert -1 not in places
        assert places == sorted(places)


def test_a_reading_counts_only_if_nothing_is_missing_and_nothing_too_much() -> None:
    tomorrow = Expression("明天", (("time", "明天", "2026-11-19"),))
    nothing = Expression("你好", ())
    assert score([tomorrow, nothing]) == {"all": (2, 2), "none": (1, 1), "time": (1, 1)}
    assert score([tomorrow], lambda text: [])["all"] == (0, 1)
    assert score([tomorrow], lambda text: [("time", "明天", "2026-11-20")])["all"] == (0, 1)
    assert score([nothing], lambda text: [("number", "你", 1)])["all"] == (0, 1)
