from flows import Ask, Call, Result, Say, SubFlow, action, flow

STATES = {"DD1": "paid", "DD2": "paid", "DD3": "sent"}


@action(idempotent=True)
async def lookup_order(call):
    return {"order_state": STATES.get(call.args["order_id"])}


@action(irreversible=True)
async def refund(call):
    return Result({"refunded": call.slots["order_id"]})


@action(irreversible=True)
async def recharge(call):
    call.say("正在充值。")


@action(idempotent=True)
async def balance(call):
    return {"balance": 88.5}


@action
async def broken(call):
    raise RuntimeError("13800138000")


@flow(intent="survey", name="评价", collects=("score",))
def survey(slots):
    score = yield Ask("score")
    if score < 3:
        yield Call("broken", {"score": score})
    yield Say(text=f"谢谢您的{score:g}分。")


@flow(id="contact", collects=("phone",))
def contact(slots):
    yield Ask("phone")


@flow(intent="address", name="改地址", collects=("address",))
def change_address(slots):
    yield SubFlow("contact")
    yield Ask("address")
    yield Say("utter_address")
