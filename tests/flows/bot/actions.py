"""The sample bot of these tests."""

from __future__ import annotations

from typing import Any

from flows import Ask, Call, Invocation, Result, Say, SubFlow, Walk, action, flow

STATES = {"DD1": "paid", "DD2": "paid", "DD3": "sent"}
DESCRIBED = {"昨天": ["DD2"], "前天": ["DD1"], "上周": ["DD1", "DD3"], "羽绒服": ["DD2"], "耳机": []}


@action(idempotent=True)
async def lookup_order(call: Invocation) -> dict[str, Any]:
    return {"order_state": STATES.get(call.args["order_id"])}


@action(idempotent=True)
async def find_order(call: Invocation) -> dict[str, Any]:
    """One order fits: that one. Several or none: it is not clear which. Nothing is described: nothing."""
    words = [each.text for each in call.meaning.entities if each.type in ("time", "product")]
    if not words:
        return {}
    found = [order for order in STATES if all(order in DESCRIBED[word] for word in words)]
    return {"order_id": found[0] if len(found) == 1 else None}


@action(irreversible=True)
async def refund(call: Invocation) -> Result:
    return Result({"refunded": call.slots["order_id"]})


@action(irreversible=True)
async def recharge(call: Invocation) -> None:
    call.say("正在充值。")


@action(idempotent=True)
async def balance(call: Invocation) -> dict[str, Any]:
    return {"balance": 88.5}


@action
async def broken(call: Invocation) -> None:
    raise RuntimeError("13800138000")


@flow(intent="survey", name="评价", collects=("score",))
def survey(slots: Any) -> Walk:
    score = yield Ask("score")
    if score < 3:
        yield Call("broken", {"score": score})
    yield Say(text=f"谢谢您的{score:g}分。")


@flow(id="contact", collects=("phone",))
def contact(slots: Any) -> Walk:
    yield Ask("phone")


@flow(intent="address", name="改地址", collects=("address",))
def change_address(slots: Any) -> Walk:
    yield SubFlow("contact")
    yield Ask("address")
    yield Say("utter_address")
