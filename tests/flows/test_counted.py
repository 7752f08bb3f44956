"""Questions for a number, answered the way people count: 两个, 三天, 第二个."""

from __future__ import annotations

from datetime import datetime

import pytest

from adapters.message import Json
from flows.slot import Mapped, Slot
from flows.slots import from_entities
from nlu.meaning import FALLBACK_INTENT, Entity, Meaning
from nlu.normalize import normalize
from nlu.rules import extract
from tests.flows.making import engine
from tests.flows.talk import Talk

BOOKING = """
flows:
  book:
    name: 订位
    description: d
    steps:
      - collect: n
      - action: utter_booked
"""
DOMAIN = """
slots:
  n: {type: float}
responses:
  utter_ask_n: [{text: 几？}]
  utter_booked: [{text: "n={n}"}]
"""


def meaning(text: str, intent: str = FALLBACK_INTENT) -> Meaning:
    return Meaning(text, intent, 0.9, entities=tuple(extract(normalize(text), datetime(2026, 11, 18, 10))))


@pytest.mark.parametrize(
    ("answer", "value"),
    [("两个", "2"), ("三斤半", "3.5"), ("4", "4"), ("住三天", "3"), ("第二个", "2"), ("十二", "12")],
)
async def test_a_question_for_a_number_takes_what_was_counted(answer: str, value: str) -> None:
    talk = Talk(engine(BOOKING, domain=DOMAIN))
    assert await talk.says(Meaning("/book")) == ["几？"]
    assert await talk.says(meaning(answer)) == [f"n={value}"]


NUMBER = Slot("n", "any", mappings=(Mapped("from_entity", "number"),))


@pytest.mark.parametrize(
    ("text", "asked", "value"),
    [
        ("订两张", "", 2),
        ("两张，预算500个", "", 2),
        ("3到5个", "", {"from": 3, "to": 5}),
        ("等了三天", "", None),
        ("等了三天", "n", 3),
        ("第二个", "", None),
        ("最后一个", "n", None),
        ("1.5小时", "n", None),
        ("两张，座位号12", "", 12),
        ("明天", "n", None),
    ],
)
def test_a_number_itself_comes_first_and_lengths_count_only_when_asked_for(text: str, asked: str, value: Json) -> None:
    told, found = from_entities(NUMBER, meaning(text), asked)
    assert told == value
    assert [one.type for one in found] == ["number"] * len(found)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("没有质量问题", None),
        ("没有质量问题，就是漏水", "漏水"),
        ("不漏水", None),
        ("是漏水", "漏水"),
        ("有没有质量问题", "质量问题"),
        ("漏不漏水", "漏水"),
        ("质量问题，没漏水", "质量问题"),
    ],
)
def test_what_is_said_not_to_be_fills_no_slot(text: str, value: Json) -> None:
    reasons = ("质量问题", "漏水")
    places = sorted((text.rfind(one), one) for one in reasons if one in text)
    entities = tuple(Entity("reason", one, one, at, at + len(one)) for at, one in places)
    slot = Slot("reason", "text", mappings=(Mapped("from_entity", "reason"),))
    assert from_entities(slot, Meaning(text, entities=entities))[0] == value
