"""Labels of characters: there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlu.data import read_marks
from nlu.normalize import normalize
from nlu.sequence import Kind, Span, labels, spans

words = st.text(max_size=6)


@given(words, words, words)
def test_a_kind_is_read_back_from_its_name(kind: str, role: str, group: str) -> None:
    assert Kind.of(Kind(kind, role, group).name) == Kind(kind, role, group)


def test_a_kind_is_named_as_one_would_write_it() -> None:
    assert Kind("city", "from", "1").name == "city.from#1"
    assert Kind("餐馆-人均消费").name == "餐馆-人均消费"


def test_an_entity_begins_and_goes_on() -> None:
    text, entities = read_marks('从[北京]{"entity": "city", "role": "from"}去')
    assert labels(normalize(text), entities) == ["O", "B-city.from", "I-city.from", "O"]


@pytest.mark.parametrize(
    ("marked", "quote"),
    [
        ("我要買[滑鼠](product)三個", "滑鼠"),
        ("買 [ＶＩＰ １２](card) 卡", "ＶＩＰ １２"),
        ("😀[👨‍👩‍👧票](ticket)！！！", "👨‍👩‍👧票"),
        ("[軟體工程師](job)", "軟體工程師"),
    ],
)
def test_a_span_of_the_normalised_text_quotes_the_original(marked: str, quote: str) -> None:
    text, entities = read_marks(marked)
    normalized = normalize(text)
    [span] = spans(labels(normalized, entities))
    assert normalized.quote(span.start, span.end) == quote


def test_neighbours_of_one_kind_stay_two() -> None:
    text, entities = read_marks("[北京](city)[上海](city)")
    assert [(one.start, one.end) for one in spans(labels(normalize(text), entities))] == [(0, 2), (2, 4)]


def test_of_overlapping_marks_the_longest_is_learned() -> None:
    text, entities = read_marks('[北京]{"entity": "city"}站')
    [city] = entities
    station = type(city)("station", text, text, 0, 3)
    assert spans(labels(normalize(text), (city, station))) == [Span(0, 3, Kind("station"))]


def test_what_was_never_begun_begins_where_it_goes_on() -> None:
    assert spans(["I-a", "I-a", "I-b", "O", "I-a"]) == [
        Span(0, 2, Kind("a")),
        Span(2, 3, Kind("b")),
        Span(4, 5, Kind("a")),
    ]


def test_a_mark_of_which_nothing_is_left_is_passed_over() -> None:
    text, entities = read_marks("你[\u200b](nothing)好")
    assert labels(normalize(text), entities) == ["O", "O"]
