"""Corrections after a flow has ended, and the way back where it has carried something out."""

from __future__ import annotations

import pytest

from adapters.message import Card
from flows.actions import Action
from tests.flows.making import engine
from tests.flows.talk import Talk

SHOP = """
flows:
  refund:
    name: 退款
    nlu_trigger: [{intent: refund}]
    undo: %s
    steps:
      - collect: order_id
      - action: action_refund
      - action: utter_refunded
  withdraw:
    name: 撤销退款
    steps:
      - collect: order_id
      - action: action_withdraw
      - action: utter_withdrawn
"""
DOMAIN = """
slots:
  order_id: {type: text, label: 订单号, mappings: [{type: from_entity, entity: order_id}]}
responses:
  utter_ask_order_id: [{text: 订单号？}]
  utter_refunded: [{text: "已退{order_id}"}]
  utter_withdrawn: [{text: "已撤销{order_id}"}]
"""
REFUSED = "抱歉，退款已经办理，不能直接修改。需要的话，可以帮您撤销退款。"


def talk(undo: str = "withdraw") -> Talk:
    async def nothing(call: object) -> None:
        pass

    refund = Action("refund", nothing, irreversible=True)
    withdraw = Action("withdraw", nothing, irreversible=True)
    return Talk(engine(SHOP % undo, domain=DOMAIN, action_refund=refund, action_withdraw=withdraw))


async def test_what_only_looked_is_looked_up_again() -> None:
    here = Talk()
    await here.says("查一下DD1的物流")
    assert await here.says("不对，是DD2") == ["订单DD2在路上。"]
    assert await here.says("我说错了，应该是DD3") == ["订单DD3在路上。"]
    assert await here.says("不是DD3，是DD1") == ["订单DD1在路上。"]


@pytest.mark.parametrize("words", ["不对，是DD2", "说错了，应该是DD2", "不是DD1，是DD2", "订单号错了，是DD2"])
async def test_what_was_carried_out_is_not_repeated_and_the_way_back_is_offered(words: str) -> None:
    here = talk()
    assert await here.says("DD1我要退款") == ["已退DD1"]
    assert await here.says(words) == [f"{REFUSED} [撤销退款]"]
    assert here.called == ["action_refund"]


@pytest.mark.parametrize("words", ["好的", "撤销退款", "1", "那就撤销退款"])
async def test_who_takes_the_way_back_need_not_name_the_thing_again(words: str) -> None:
    here = talk()
    for line in ("DD1我要退款", "不对，是DD2"):
        await here.says(line)
    (reply,) = here.outcome.replies
    assert isinstance(reply, Card)
    assert reply.buttons[0].payload == '/withdraw{"order_id":"DD1"}'
    if words != "那就撤销退款":
        assert await here.says(words) == ["已撤销DD1"]
        assert here.called == ["action_refund", "action_withdraw"]


async def test_where_there_is_no_way_back_a_human_is_named() -> None:
    here = talk('""')
    await here.says("DD1我要退款")
    assert await here.says("不对，是DD2") == ["抱歉，这一步已经办理，无法再修改。如需帮助请回复“转人工”。"]


async def test_the_other_answers_of_a_flow_are_kept_when_one_is_corrected_late() -> None:
    flows = """
    flows:
      quote:
        name: 报价
        nlu_trigger: [{intent: refund}]
        steps:
          - collect: a
          - collect: b
          - action: utter_both
    """
    domain = """
    slots:
      a: {type: text, label: 颜色}
      b: {type: text, label: 尺码}
    responses:
      utter_ask_a: [{text: 颜色？}]
      utter_ask_b: [{text: 尺码？}]
      utter_both: [{text: "{a}{b}"}]
    """
    here = Talk(engine(flows, domain=domain))
    for line in ("退款", "黑色", "大码"):
        await here.says(line)
    assert await here.says("颜色改成白色") == ["白色大码"]
    assert await here.says("不对，尺码应该是小码") == ["白色小码"]


async def test_another_wish_is_no_late_correction() -> None:
    here = Talk()
    await here.says("查一下DD1的物流")
    assert await here.says("不对，我要退款DD2") == ["请问退款原因是什么？"]


@pytest.mark.parametrize(("text", "done"), [("您的订单已发货。", False), ("要看物流吗？", True)])
async def test_a_yes_to_what_was_merely_told_is_a_courtesy(text: str, done: bool) -> None:
    flows = """
    flows:
      tell: {nlu_trigger: [{intent: refund}], steps: [{action: utter_told}]}
      track: {nlu_trigger: [{intent: check_logistics}], steps: [{action: utter_track}]}
    """
    domain = """
    responses:
      utter_told: [{text: "%s", buttons: [{title: 查物流, payload: /track}]}]
      utter_track: [{text: 在路上}]
    """
    here = Talk(engine(flows, domain=domain % text))
    await here.says("退款")
    assert await here.says("好的") == (["在路上"] if done else ["好的，有需要随时找我。"])
