"""The journal: what happened is not done again, however the flow or the answers change."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from flows import Ask, Call, Result, Say, Set, Walk, flow, reject
from flows.actions import Action, Invocation
from flows.engine import Engine
from flows.steps import Flow
from tests.flows.making import engine, marked
from tests.flows.talk import Talk

TWO = """
flows:
  two:
    description: two questions
    nlu_trigger: [{intent: two}]
    steps:
      - action: utter_hello
      - collect: a
      - collect: b
      - collect: c
"""


def talk(made: Engine) -> Talk:
    return Talk(made)


async def test_a_saying_deployed_into_the_passed_part_counts_as_said() -> None:
    conversation = talk(engine(TWO))
    assert await conversation.says("/two") == ["hello", "a?"]
    await conversation.says("苹果")
    conversation.engine = engine(TWO.replace("- collect: a", "- action: utter_new\n      - collect: a"))
    assert await conversation.says("香蕉") == ["c?"]


async def test_a_question_deployed_into_the_passed_part_is_asked_and_no_answer_is_lost() -> None:
    conversation = talk(engine(TWO.replace("      - collect: b\n", "")))
    await conversation.says("/two")
    assert await conversation.says("苹果") == ["c?"]
    conversation.engine = engine(TWO)
    assert await conversation.says("橘子") == ["b?"]
    assert await conversation.says("香蕉") == []
    assert conversation.flags == {"completed"}
    assert {name: conversation.dialogue.mentions[name] for name in "abc"} == {"a": "苹果", "b": "香蕉", "c": "橘子"}


async def test_a_step_that_was_removed_is_noted_and_passed_over() -> None:
    conversation = talk(engine(TWO))
    for said in ("/two", "苹果", "香蕉"):
        await conversation.says(said)
    conversation.engine = engine(TWO.replace("      - collect: b\n", ""))
    await conversation.says("橘子")
    assert any(why.what == "journal_mismatch two/b" for why in conversation.outcome.trace)
    assert conversation.dialogue.stack == ()


async def test_a_flow_that_is_gone_ends_with_an_apology() -> None:
    conversation = talk(engine(TWO))
    await conversation.says("/two")
    conversation.engine = engine()
    answer = await conversation.says("苹果")
    assert answer[0].startswith("抱歉，系统出了点问题")
    assert conversation.dialogue.stack == ()


async def test_a_flow_that_runs_in_circles_is_cut_with_a_clear_error() -> None:
    circles = """
    flows:
      circles:
        description: never asks
        steps:
          - id: one
            action: utter_hello
          - noop: true
            next: one
    """
    conversation = talk(engine(circles))
    await conversation.says("/circles")
    assert "error" in conversation.flags
    assert any("runs in circles" in why.why for why in conversation.outcome.trace)
    assert conversation.dialogue.stack == ()


async def test_flows_that_link_to_each_other_are_cut() -> None:
    rounds = """
    flows:
      ping: {description: ping, steps: [{link: pong}]}
      pong: {description: pong, steps: [{link: ping}]}
    """
    conversation = talk(engine(rounds))
    answer = await conversation.says("/ping")
    assert answer[-1].startswith("抱歉，系统出了点问题")
    assert "error" in conversation.flags


async def test_a_long_talk_is_no_runaway() -> None:
    def many(slots: Any) -> Iterator[Any]:
        for _ in range(150):
            yield Set({"made": 1})
            yield Ask("a", ask_before_filling=True)

    conversation = talk(engine(python={"many": Flow("many", lambda slots, _: many(slots), asks={"a": Ask("a")})}))  # type: ignore[arg-type,return-value]
    await conversation.says("/many")
    for i in range(149):
        assert await conversation.says(f"answer {i}") == ["a?"]
    await conversation.says("last")
    assert conversation.flags == {"completed"}


LOOKUP = """
flows:
  look:
    description: looks something up
    steps:
      - collect: a
      - action: action_look
      - collect: b
      - collect: ok
        ask_before_filling: true
      - action: action_do
      - collect: c
"""


def looking(log: list[str]) -> dict[str, Any]:
    async def look(call: Invocation) -> Result:
        log.append(f"look {call.args['a']}")
        return Result(call.args["a"], {"made": {"of": call.args["a"]}})

    async def do(call: Invocation) -> None:
        log.append(f"do {call.slots['a']} {call.slots['made']['of']}")

    return {"look": Action("look", look, idempotent=True), "do": Action("do", do, irreversible=True)}


async def test_a_call_is_made_once_and_again_only_for_other_arguments() -> None:
    log: list[str] = []
    conversation = talk(engine(LOOKUP, **looking(log)))
    for said in ("/look", "苹果", "香蕉", "是的", "完了"):
        await conversation.says(said)
    assert log == ["look 苹果", "do 苹果 苹果"]


async def test_after_a_correction_later_answers_are_kept_and_confirmations_asked_again() -> None:
    log: list[str] = []
    conversation = talk(engine(LOOKUP, **looking(log)))
    for said in ("/look", "苹果", "香蕉"):
        await conversation.says(said)
    assert await conversation.says("甲改成橘子") == ["好的，已为您改为橘子。", "ok 橘子?"]
    assert log == ["look 苹果", "look 橘子"]
    assert conversation.slots["b"] == "香蕉"
    await conversation.says("是的")
    assert log[-1] == "do 橘子 橘子"


async def test_a_call_with_the_same_arguments_is_not_made_again_after_a_correction() -> None:
    log: list[str] = []

    @flow(collects=("a", "b", "ok"))
    def order(slots: Any) -> Iterator[Any]:
        yield Ask("a")
        yield Ask("b")
        yield Call("look", {"a": slots["b"]})
        yield Ask("ok", ask_before_filling=True)

    conversation = talk(engine(python={"order": marked(order)}, **looking(log)))
    for said in ("/order", "苹果", "香蕉"):
        await conversation.says(said)
    assert await conversation.says("甲改成橘子") == ["好的，已为您改为橘子。", "ok 橘子?"]
    assert log == ["look 香蕉"]
    assert conversation.slots["made"] == {"of": "香蕉"}


async def test_what_an_irreversible_call_was_made_with_is_not_corrected() -> None:
    log: list[str] = []
    conversation = talk(engine(LOOKUP, **looking(log)))
    for said in ("/look", "苹果", "香蕉", "是的"):
        await conversation.says(said)
    answer = await conversation.says("甲改成橘子")
    assert answer[0].startswith("抱歉，这一步已经办理")
    assert conversation.slots["a"] == "苹果"
    assert log == ["look 苹果", "do 苹果 苹果"]


async def test_a_flow_that_is_not_deterministic_is_told_on() -> None:
    dice = random.Random(1)

    @flow(collects=("a", "b"))
    def dicey(slots: Any) -> Iterator[Any]:
        yield Ask("a", key=f"a{dice.random()}")
        yield Ask("b")

    conversation = talk(engine(python={"dicey": marked(dicey)}))
    for said in ("/dicey", "苹果", "香蕉"):
        await conversation.says(said)
    mismatch = next(why for why in conversation.outcome.trace if why.what.startswith("journal_mismatch dicey/a"))
    assert "not deterministic" in mismatch.why


async def test_a_python_flow_that_raises_ends_with_its_line_in_the_trace() -> None:
    @flow
    def broken(slots: Any) -> Iterator[Any]:
        yield Say("utter_hello")
        raise KeyError("nothing")

    conversation = talk(engine(python={"broken": marked(broken)}))
    answer = await conversation.says("/broken")
    assert answer[-1].startswith("抱歉，系统出了点问题")
    assert any("KeyError" in why.why for why in conversation.outcome.trace)


async def test_a_python_flow_refuses_answers() -> None:
    @flow(collects=("a",))
    def choosy(slots: Any) -> Walk:
        yield Ask("a", rejections=[reject("slots.a = '苹果'", "utter_bad")])

    conversation = talk(engine(python={"choosy": marked(choosy)}))
    await conversation.says("/choosy")
    assert await conversation.says("苹果") == ["bad 苹果", "a?"]
    assert "a" not in conversation.slots
    await conversation.says("香蕉")
    assert conversation.flags == {"completed"}


async def test_something_yielded_that_is_no_step_is_an_error_not_a_crash() -> None:
    @flow
    def odd(slots: Any) -> Iterator[Any]:
        yield "utter_hello"

    conversation = talk(engine(python={"odd": marked(odd)}))
    await conversation.says("/odd")
    assert any("no step" in why.why for why in conversation.outcome.trace)


async def test_an_unknown_action_is_an_error_that_names_it() -> None:
    conversation = talk(engine("flows: {f: {description: f, steps: [{action: action_nowhere}]}}"))
    await conversation.says("/f")
    assert any("action_nowhere" in why.why for why in conversation.outcome.trace)


async def test_the_same_step_twice_in_one_turn_has_a_key_of_its_own() -> None:
    keys: list[str] = []

    async def act(call: Invocation) -> None:
        keys.append(call.key)

    @flow
    def twice(slots: Any) -> Iterator[Any]:
        yield Call("act", {"n": 1})
        yield Call("act", {"n": 2})

    conversation = talk(engine(python={"twice": marked(twice)}, act=act))
    await conversation.says("/twice")
    assert [key.removeprefix(key.split("/twice/")[0]) for key in keys] == ["/twice/act", "/twice/act#2"]
    await conversation.says("/twice")
    assert len(set(keys)) == 4, "the same step in a later turn is another call"


async def test_a_redo_of_a_turn_calls_with_the_same_keys_and_says_the_same() -> None:
    first, second = Talk(), Talk()
    for said in ("订单DD1我要退款", "质量不好", "asdfgh", "是的"):
        assert await first.says(said) == await second.says(said)
        assert first.outcome == second.outcome


async def test_slots_that_persist_are_known_to_the_flow_beneath() -> None:
    flows = """
    flows:
      under: {description: under, steps: [{collect: a}, {collect: b}, {action: utter_a}]}
      over: {description: over, persisted_slots: [b], steps: [{collect: b}]}
    """
    conversation = talk(engine(flows))
    await conversation.says("/under")
    assert await conversation.says("/over") == ["b?"]
    assert await conversation.says("香蕉") == ["我们继续办理under。", "a?"]
    assert await conversation.says("苹果") == ["a=苹果"]


async def test_a_link_takes_along_what_both_flows_ask_for() -> None:
    flows = """
    flows:
      one: {description: one, steps: [{collect: a}, {collect: c}, {link: other}]}
      other: {description: other, steps: [{collect: a}, {collect: b}]}
    """
    conversation = talk(engine(flows))
    for said in ("/one", "苹果"):
        await conversation.says(said)
    assert await conversation.says("橘子") == ["b?"]
    assert conversation.slots == {"a": "苹果"}


async def test_a_called_flow_keeps_its_entries_under_its_name() -> None:
    flows = """
    flows:
      parent: {description: p, steps: [{call: child}, {collect: b}]}
      child: {description: c, steps: [{collect: a}]}
    """
    conversation = talk(engine(flows))
    await conversation.says("/parent")
    assert conversation.dialogue.stack[0].waiting == "child/a"
    assert await conversation.says("苹果") == ["b?"]
    assert [entry.key for entry in conversation.dialogue.stack[0].journal] == ["child/a"]


async def test_a_loop_gives_each_visit_its_own_entry() -> None:
    flows = """
    flows:
      loop:
        description: asks until it is 完
        steps:
          - collect: a
            ask_before_filling: true
            next:
              - if: slots.a = "完"
                then: END
              - else: a
    """
    conversation = talk(engine(flows))
    for said in ("/loop", "苹果", "香蕉"):
        await conversation.says(said)
    assert [entry.key for entry in conversation.dialogue.stack[0].journal] == ["a", "a#2"]
    assert conversation.dialogue.stack[0].waiting == "a#3"
    await conversation.says("完")
    assert conversation.dialogue.stack == ()
