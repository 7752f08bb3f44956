"""Actions: what they are given, what they give back, and how they fail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from adapters.message import Address, Text
from flows import Invocation, Result
from flows.actions import Action, Registry
from flows.state import ActionFailed, Heard
from nlu.meaning import Meaning
from tests.flows.making import engine
from tests.flows.talk import Talk

HEARD = Heard("t", Address("web", "main", "u", "u"), Text("hi"), Meaning("hi"), 5.0)


async def run(function: Any, **options: Any) -> Result:
    return await Registry({"f": Action("f", function, **options)}).perform("f", {"a": 1}, "k", HEARD, {"s": 2})


async def test_an_action_is_given_what_it_needs_and_cannot_change_it() -> None:
    seen: list[Invocation] = []

    async def look(call: Invocation) -> None:
        seen.append(call)
        call.say("one", Text("two"))

    result = await run(look)
    call = seen[0]
    assert (call.args["a"], call.slots["s"], call.key, call.at, call.address.user) == (
        1, 2, f"{HEARD.turn}/k", 5.0, "u",
    )  # fmt: skip
    assert result == Result(replies=(Text("one"), Text("two")))
    with pytest.raises(TypeError):
        call.slots["s"] = 3  # type: ignore[index]


async def test_a_dict_sets_slots_and_is_the_value() -> None:
    async def look(call: Invocation) -> dict[str, int]:
        return {"x": 1}

    assert await run(look) == Result({"x": 1}, {"x": 1})


async def test_a_result_keeps_its_replies_after_what_was_said() -> None:
    async def look(call: Invocation) -> Result:
        call.say("first")
        return Result(7, replies=(Text("then"),))

    assert await run(look) == Result(7, replies=(Text("first"), Text("then")))


async def test_failures_are_told_without_the_customers_words() -> None:
    async def fails(call: Invocation) -> None:
        raise ValueError("13800138000")

    with pytest.raises(ActionFailed, match=r"ValueError at test_actions\.py:\d+") as failed:
        await run(fails)
    assert "138" not in str(failed.value)


async def test_an_action_that_takes_too_long_is_cut_off() -> None:
    async def sleeps(call: Invocation) -> None:
        await asyncio.sleep(5)

    with pytest.raises(ActionFailed, match=r"longer than 0\.01 s"):
        await run(sleeps, timeout=0.01)


async def test_a_result_of_no_use_is_told() -> None:
    async def odd(call: Invocation) -> Any:
        return 5

    with pytest.raises(ActionFailed, match="returned int"):
        await run(odd)


async def test_an_unknown_action_is_told_with_its_near_miss() -> None:
    with pytest.raises(ActionFailed, match="did you mean 'lookup'"):
        await Registry({"lookup": Action("lookup", print)}).perform("lokup", {}, "k", HEARD, {})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["lookup", "action_lookup"])
def test_an_action_is_found_with_or_without_its_prefix(name: str) -> None:
    for known in ("lookup", "action_lookup"):
        assert Registry({known: Action(known, print)}).find(name) is not None  # type: ignore[arg-type]


# --- validate_<slot>


async def validate_a(call: Invocation) -> dict[str, Any]:
    """Upper case; nothing with an x."""
    if "x" in call.args["a"]:
        call.say("no x")
        return {"a": None}
    return {"a": call.args["a"].upper()}


VALIDATED = """
flows:
  look:
    description: look
    steps:
      - collect: a
        rejections: [{if: 'slots.a = "bad"', utter: utter_bad}]
      - collect: ok
        ask_before_filling: true
"""


async def test_an_action_has_the_last_word_on_an_answer() -> None:
    talk = Talk(engine(VALIDATED, validate_a=validate_a))
    await talk.says("/look")
    assert await talk.says("bad") == ["bad bad", "a?"]
    assert await talk.says("xyz") == ["no x", "a?"]
    assert await talk.says("abc") == ["ok ABC?"]
    assert talk.called == ["validate_a", "validate_a"]


async def test_an_action_has_the_last_word_on_a_correction() -> None:
    talk = Talk(engine(VALIDATED, validate_a=validate_a))
    await talk.says("/look")
    await talk.says("abc")
    assert (await talk.says("甲改成def"))[-1] == "ok DEF?"
    assert (await talk.says("甲改成xyz"))[-2:] == ["no x", "a?"]


async def test_a_value_of_the_wrong_type_from_validation_is_an_error_of_the_flow() -> None:
    async def validate_n(_: Invocation) -> dict[str, Any]:
        return {"n": "many"}

    domain = "slots: {n: {type: float}}"
    flows = (
        "flows: {look: {description: look, steps: [{collect: n}, {collect: n, id: again, ask_before_filling: true}]}}"
    )
    talk = Talk(engine(flows, domain=domain, validate_n=validate_n))
    await talk.says("/look")
    assert (await talk.says("5"))[0].startswith("抱歉，系统出了点问题")
    assert talk.flags == {"error"}
