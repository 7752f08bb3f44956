"""`Meaning` + dialogue -> replies: the dialogue engine, and what a bot's `actions.py` imports.

Flows are written in YAML (`flows/yaml_flows.py` says how) or in Python; actions always in Python:

```python
from flows import Ask, Call, Result, Say, action, flow

@action(timeout=3, idempotent=True)
async def lookup_order(call):
    order = await orders.find(call.args["order_id"])      # call.slots: all slots; call.address: who asks
    return Result(value=order, slots={"order_state": order["state"]})

@action(irreversible=True)                                # never runs twice, whatever is corrected afterwards
async def refund_order(call):
    await orders.refund(call.slots["order_id"], key=call.key)   # call.key: the same on every retry of this turn
    call.say("退款已提交。")
    return {"refund_id": "R1"}                            # a dict sets slots of these names, and is the value

@flow(intent="refund", name="退款", collects=("order_id", "reason"))
def refund(slots) -> Walk:
    order_id = yield Ask("order_id")                      # says utter_ask_order_id, waits
    order = yield Call("lookup_order", {"order_id": order_id})
    if order["state"] != "paid":
        yield Say("utter_cannot_refund")
        return
    yield Ask("reason")
    if (yield Ask("confirmed", ask_before_filling=True)):
        yield Call("refund_order", {"order_id": order_id})
```

A flow is re-run from the top on each turn and its journal answers for what has happened, so it must be
deterministic: no clock, no randomness, no I/O but through steps. An action's name is its function's, with or
without `action_` before it. The other steps: `Set({"slot": value})`, `Link("flow")`, `SubFlow("flow")`, `Handoff()`,
and `Remind(1800, "utter_still_there")`, which says that in half an hour unless the flow has gone on or ended by then.
An answer is refused by `Ask("n", rejections=[reject("slots.n < 1", "utter_too_few")])`.
"""

from flows.actions import Invocation, action, flow
from flows.state import Result
from flows.steps import Ask, Call, Handoff, Link, Remind, Say, Set, SubFlow, Walk, reject

__all__ = [
    "Ask",
    "Call",
    "Handoff",
    "Invocation",
    "Link",
    "Remind",
    "Result",
    "Say",
    "Set",
    "SubFlow",
    "Walk",
    "action",
    "flow",
    "reject",
]
