"""Reminders, and silence: what happens while nobody says anything."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.message import Event
from config.source import BadProject
from flows import Ask, Remind, Say, flow
from flows.actions import Action
from flows.reminders import seconds
from flows.state import TIMER, Outcome, Timer
from tests.flows.making import SLOTS, engine, marked
from tests.flows.talk import Talk

FLOWS = """
flows:
  refund:
    name: 退款
    nlu_trigger: [{intent: refund}]
    steps:
      - collect: a
      - remind: utter_hello
        after: 30m
      - collect: b
      - action: utter_a
  recharge:
    name: 充值
    nlu_trigger: [{intent: recharge}]
    steps:
      - remind: refund
        after: 2h
        keep: true
      - action: utter_new
"""


async def rings(talk: Talk, timer: Timer) -> Outcome:
    """The timer rings at its time."""
    talk.at = max(talk.at, timer.due) - 10
    await talk.says(Event(TIMER, timer.key))
    return talk.outcome


def said(outcome: Outcome) -> list[str]:
    return [reply.text for reply in outcome.replies if hasattr(reply, "text")]


async def test_a_reminder_is_said_and_the_question_asked_again() -> None:
    talk = Talk(engine(FLOWS))
    await talk.says("退款")
    await talk.says("甲")
    (timer,) = talk.outcome.timers
    assert timer.due == talk.at + 1800
    assert said(await rings(talk, timer)) == ["hello", "b?"]
    assert talk.outcome.timers == ()
    assert await talk.says("乙") == ["a=甲"]


async def test_a_reminder_is_dropped_when_its_flow_goes_on() -> None:
    talk = Talk(engine(FLOWS))
    await talk.says("退款")
    await talk.says("甲")
    (timer,) = talk.outcome.timers
    await talk.says("乙")
    assert await rings(talk, timer) == Outcome(talk.dialogue, trace=talk.outcome.trace)
    assert "timers" not in talk.dialogue.memory


@pytest.mark.parametrize("words", ["算了", "/restart", "转人工"])
async def test_a_reminder_is_dropped_when_its_flow_ends(words: str) -> None:
    talk = Talk(engine(FLOWS))
    await talk.says("退款")
    await talk.says("甲")
    (timer,) = talk.outcome.timers
    await talk.says(words)
    assert (await rings(talk, timer)).replies == ()


async def test_a_reminder_stays_while_something_else_is_done() -> None:
    talk = Talk(engine(FLOWS))
    await talk.says("退款")
    await talk.says("甲")
    (timer,) = talk.outcome.timers
    await talk.says("？？？")
    assert said(await rings(talk, timer)) == ["hello", "b?"]


async def test_a_reminder_that_is_kept_starts_its_flow_even_in_another_session() -> None:
    talk = Talk(engine(FLOWS))
    assert await talk.says("充值") == ["new"]
    (timer,) = talk.outcome.timers
    assert said(await rings(talk, timer)) == ["a?"]
    assert await talk.says("甲") == ["b?"]


async def test_no_session_is_kept_alive_by_a_reminder() -> None:
    talk = Talk(engine(FLOWS))
    await talk.says("退款")
    await talk.says("甲")
    (timer,) = talk.outcome.timers
    await rings(talk, timer)
    talk.at += 2000
    answer = await talk.says("乙")
    assert answer[0] not in ("a=甲", "b?")
    assert talk.flows == []


async def test_a_python_flow_and_an_action_may_remind() -> None:
    @flow(id="refund", intent="refund", collects=("a",))
    def refund(slots: Any) -> Any:
        yield Remind(60, "utter_hello")
        yield Ask("a")
        yield Say("utter_a")

    async def charge(call: Any) -> None:
        call.remind("10m", say="utter_new", keep=True)

    flows = "flows: {recharge: {nlu_trigger: [{intent: recharge}], steps: [{action: action_charge}]}}"
    talk = Talk(engine(flows, python={"refund": marked(refund)}, charge=Action("charge", charge)))
    await talk.says("充值")
    (kept,) = talk.outcome.timers
    await talk.says("退款")
    (timer,) = talk.outcome.timers
    assert said(await rings(talk, timer)) == ["hello", "a?"]
    assert said(await rings(talk, kept)) == ["new", "a?"]


async def test_who_falls_silent_is_asked_once_whether_they_are_still_there() -> None:
    talk = Talk(engine(FLOWS, domain=f"session_config: {{user_silence_time: 10}}\n{SLOTS}"))
    await talk.says("退款")
    (timer,) = talk.outcome.timers
    assert timer.due == talk.at + 600
    outcome = await rings(talk, timer)
    assert said(outcome) == ["您还在吗？退款还没有办完，方便的时候接着回复就行。", "a?"]
    assert outcome.timers == ()


async def test_the_watch_for_silence_begins_anew_with_each_message() -> None:
    talk = Talk(engine(FLOWS, domain=f"session_config: {{user_silence_time: 10}}\n{SLOTS}"))
    await talk.says("退款")
    (timer,) = talk.outcome.timers
    talk.at += 500
    await talk.says("？？？")
    assert talk.outcome.timers == ()
    spoke = talk.at
    outcome = await rings(talk, timer)
    assert outcome.replies == ()
    (again,) = outcome.timers
    assert again.due == spoke + 600
    assert said(await rings(talk, again))[1:] == ["a?"]


async def test_nobody_is_asked_whether_they_are_there_when_nothing_waits() -> None:
    talk = Talk(engine(FLOWS, domain=f"session_config: {{user_silence_time: 10}}\n{SLOTS}"))
    await talk.says("退款")
    (timer,) = talk.outcome.timers
    await talk.says("算了")
    assert (await rings(talk, timer)).replies == ()


async def test_a_question_may_have_a_patience_of_its_own() -> None:
    flows = (
        "flows: {refund: {nlu_trigger: [{intent: refund}], "
        "steps: [{collect: a, silence_timeout: 90}, {action: utter_a}]}}"
    )
    talk = Talk(engine(flows))
    await talk.says("退款")
    (timer,) = talk.outcome.timers
    assert timer.due == talk.at + 90


async def test_a_timer_that_nobody_knows_rings_for_nothing() -> None:
    talk = Talk()
    await talk.says("我要退款")
    before = talk.dialogue
    await talk.says(Event(TIMER, "x"))
    assert talk.dialogue == before
    assert talk.outcome.replies == ()


@pytest.mark.parametrize(("text", "length"), [("30s", 30), ("30m", 1800), ("1.5h", 5400), ("2d", 172_800), (90, 90)])
def test_lengths_of_time(text: str | float, length: float) -> None:
    assert seconds(text) == length


def test_what_is_no_length_of_time_is_told_with_its_line() -> None:
    with pytest.raises(BadProject, match="'soon' is no length of time"):
        engine("flows: {f: {steps: [{remind: utter_hello, after: soon}]}}")
