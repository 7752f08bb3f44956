"""The mood of a message in flows: conditions, guards, slots, and what a replay remembers of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flows.conditions import ConditionError, parse
from nlu.meaning import Meaning
from tests.flows.making import SLOTS, engine
from tests.flows.talk import Talk
from tests.flows.talk import parse as understood

FLOWS = """
flows:
  refund:
    description: a refund
    nlu_trigger: [{intent: refund}]
    steps:
      - noop: true
        next:
          - if: signals.complaint > 0.6
            then:
              - action: utter_new
                next: a
          - else: a
      - id: a
        collect: a
        next:
          - if: signals.urgency > 0.5
            then:
              - action: utter_hello
                next: b
          - else: b
      - id: b
        collect: b
      - action: utter_a
"""


def said(text: str, **signals: float) -> Meaning:
    return replace(understood(text), signals=signals)


async def test_a_flow_branches_by_the_mood_of_what_started_it() -> None:
    angry, calm = Talk(engine(FLOWS)), Talk(engine(FLOWS))
    assert await angry.says(said("我要退款", complaint=0.9)) == ["new", "a?"]
    assert await calm.says(said("我要退款", complaint=0.1)) == ["a?"]


async def test_a_replay_goes_the_way_that_the_mood_was_then_whatever_it_is_now() -> None:
    talk = Talk(engine(FLOWS))
    assert await talk.says(said("我要退款", complaint=0.9, urgency=0.1)) == ["new", "a?"]
    assert await talk.says(said("甲", complaint=0.0, urgency=0.9)) == ["hello", "b?"]
    assert await talk.says(said("乙", complaint=0.0, urgency=0.0)) == ["a=甲"]
    assert not [why for why in talk.outcome.trace if "journal_mismatch" in why.what]


async def test_an_answer_without_haste_goes_the_other_way() -> None:
    talk = Talk(engine(FLOWS))
    await talk.says(said("我要退款", urgency=0.9))
    assert await talk.says(said("甲", urgency=0.1)) == ["b?"]


async def test_without_a_mood_no_condition_on_it_holds() -> None:
    talk = Talk(engine(FLOWS))
    assert await talk.says("我要退款") == ["a?"]
    assert await talk.says("甲") == ["b?"]
    assert "signals" not in str(talk.dialogue.to_dict())


async def test_a_guard_lets_only_the_angry_in() -> None:
    flows = """
    flows:
      calm_down:
        description: for the angry
        if: signals.complaint > 0.6
        nlu_trigger: [{intent: refund}]
        steps: [{action: utter_hello}]
      refund:
        description: a refund
        nlu_trigger: [{intent: refund}]
        steps: [{collect: a}]
    """
    assert (await Talk(engine(flows)).says(said("我要退款", complaint=0.9)))[0] == "hello"
    assert await Talk(engine(flows)).says(said("我要退款", complaint=0.2)) == ["a?"]


async def test_a_slot_may_be_mapped_from_the_mood_as_from_an_entity() -> None:
    domain = SLOTS.replace(
        "responses:", "  anger: {type: float, mappings: [{type: from_entity, entity: complaint}]}\nresponses:"
    )
    talk = Talk(engine(FLOWS, domain=domain))
    await talk.says(said("我要退款", complaint=0.9))
    assert talk.slots["anger"] == 0.9
    await talk.says(said("甲", complaint=0.2))
    assert talk.slots["anger"] == 0.2


async def test_an_action_is_told_the_mood() -> None:
    heard: list[float] = []

    def look(call: Any) -> None:
        heard.append(call.meaning.signals["complaint"])

    flows = "flows: {refund: {description: x, nlu_trigger: [{intent: refund}], steps: [{action: look}]}}"
    await Talk(engine(flows, look=look)).says(said("我要退款", complaint=0.9))
    assert heard == [0.9]


@pytest.mark.parametrize("text", ["signals.anger > 0.5", "signals > 1", "signals.complaint.deep = 1"])
def test_a_signal_that_there_is_not_is_refused_when_the_flow_is_read(text: str) -> None:
    with pytest.raises(ConditionError, match=r"signals\.complaint"):
        parse(text)
