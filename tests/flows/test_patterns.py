"""CALM's patterns by their names: each says something sensible in Chinese, and each can be written anew by a bot."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from adapters.message import Content, Event
from flows.actions import Action
from flows.engine import Engine
from flows.state import TIMER
from nlu.meaning import Intent, Meaning
from tests.flows.making import engine
from tests.flows.talk import Talk

FLOWS = """
flows:
  refund:
    name: 退款
    nlu_trigger: [{intent: refund}]
    steps:
      - collect: order_id
      - collect: reason
      - action: utter_done
  recharge:
    name: 充值
    nlu_trigger: [{intent: recharge}]
    steps:
      - action: action_charge
  balance:
    name: 查余额
    nlu_trigger: [{intent: check_balance}]
    steps:
      - action: utter_balance
"""
DOMAIN = """
session_config: {user_silence_time: 10}
slots:
  order_id: {type: text, label: 订单号, mappings: [{type: from_entity, entity: order_id}]}
  reason: {type: text, label: 原因, mappings: [{type: from_text}]}
responses:
  utter_ask_order_id: [{text: 订单号？}]
  utter_ask_reason: [{text: 原因？}]
  utter_done: [{text: 办好了}]
  utter_balance: [{text: 余额}]
  utter_greet: [{text: 您好}]
  utter_faq/hours: [{text: 九点上班}]
  utter_own: [{text: 自己的话}]
"""
CLOSE = Meaning("退还是查", "nlu_fallback", 0.5, (Intent("refund", 0.5), Intent("check_balance", 0.45)))


@dataclass(frozen=True)
class Case:
    """What is said to come to a pattern; `default`: what is said by default; `after`: what follows in any case."""

    said: tuple[str | Content | Meaning, ...]
    default: tuple[str, ...]
    after: tuple[str, ...] = ()


RING = "ring"
CASES = {
    "pattern_correction": Case(
        ("退款", "DD1", "不对，是DD2"), ("好的，已为您改为DD2。",), ("原因？",)
    ),
    "pattern_cancel_flow": Case(("退款", "算了"), ("好的，已为您取消退款。",)),
    "pattern_continue_interrupted": Case(
        ("退款", "查余额"), ("我们继续办理退款。",), ("订单号？",)
    ),
    "pattern_clarification": Case((CLOSE,), ("请问您想办理哪一项？ [退款] [查余额]",)),
    "pattern_collect_information": Case(("退款",), ("订单号？",)),
    "pattern_completed": Case(("查余额",), ()),
    "pattern_cannot_handle": Case(("退款", "？？？"), ("*",), ("订单号？",)),
    "pattern_internal_error": Case(("充值",), ("抱歉，系统出了点问题，这次没有办成。请稍后再试，或回复“转人工”。",)),
    "pattern_session_start": Case(
        (Event("subscribe"),), ("您好，欢迎关注！我是智能客服，请直接告诉我您的问题。",)
    ),
    "pattern_user_silence": Case(
        ("退款", RING), ("您还在吗？退款还没有办完，方便的时候接着回复就行。",), ("订单号？",)
    ),
    "pattern_human_handoff": Case(
        ("转人工",), ("→人工 好的，已为您登记转人工。请您留言说明问题，客服看到后会尽快回复您。",)
    ),
    "pattern_chitchat": Case(("退款", "你好"), ("您好",), ("订单号？",)),
    "pattern_search": Case(("退款", "几点上班"), ("九点上班",), ("订单号？",)),
    "pattern_skip_question": Case(
        ("退款", "跳过"), ("抱歉，这一项需要您提供才能继续办理；不想办理了可以回复“取消”。",), ("订单号？",)
    ),
    "pattern_repeat_bot_messages": Case(("查余额", "再说一遍"), ("余额",)),
    "pattern_restart": Case(("退款", "重新开始"), ("好的，我们重新开始。请问有什么可以帮您？",)),
    "pattern_explain_question": Case(
        ("退款", "为什么要这个"),
        ("为您办理退款，需要先知道订单号；不方便提供也没关系，回复“取消”就不办了。",),
        ("订单号？",),
    ),
}  # fmt: skip
CALM = (
    "pattern_correction", "pattern_cancel_flow", "pattern_continue_interrupted", "pattern_clarification",
    "pattern_collect_information", "pattern_completed", "pattern_cannot_handle", "pattern_internal_error",
    "pattern_session_start", "pattern_user_silence", "pattern_human_handoff", "pattern_chitchat", "pattern_search",
    "pattern_skip_question", "pattern_repeat_bot_messages", "pattern_restart",
)  # fmt: skip


def bot(pattern: str = "") -> Engine:
    async def charge(call: object) -> None:
        raise RuntimeError

    own = f"\n  {pattern}:\n    steps:\n      - action: utter_own\n" if pattern else ""
    return engine(FLOWS + own, domain=DOMAIN, charge=Action("charge", charge))


async def last(talk: Talk, case: Case) -> list[str]:
    answer: list[str] = []
    for line in case.said:
        if line == RING:
            (timer,) = talk.outcome.timers
            line, talk.at = Event(TIMER, timer.key), timer.due
        answer = await talk.says(line)
    return answer


def test_every_pattern_of_calm_has_a_case() -> None:
    assert set(CALM) <= set(CASES)
    assert set(CALM) <= set(bot().flows)


@pytest.mark.parametrize("pattern", CASES)
async def test_each_has_a_default(pattern: str) -> None:
    case = CASES[pattern]
    answer = await last(Talk(bot()), case)
    if pattern == "pattern_continue_interrupted":
        assert answer.pop(0) == "余额"
    if pattern == "pattern_completed":
        assert answer.pop(0) == "余额"
    said, after = answer[: len(case.default)], answer[len(case.default) :]
    assert case.default == ("*",) or tuple(said) == case.default
    assert tuple(after) == case.after


@pytest.mark.parametrize("pattern", CASES)
async def test_each_is_replaced_by_the_bots_own(pattern: str) -> None:
    case = CASES[pattern]
    answer = await last(Talk(bot(pattern)), case)
    assert "自己的话" in answer
    assert not set(answer).intersection(case.default)
    assert tuple(answer[len(answer) - len(case.after) :]) == case.after


async def test_a_pattern_may_put_words_before_a_question_and_leave_the_question_to_us() -> None:
    own = """
  pattern_collect_information:
    steps:
      - action: utter_own
      - action: action_respond
"""
    talk = Talk(engine(FLOWS + own, domain=DOMAIN))
    assert await talk.says("退款") == ["自己的话", "订单号？"]
    assert await talk.says("DD1") == ["自己的话", "原因？"]
    assert await talk.says("坏了") == ["办好了"]


async def test_patterns_know_what_happened_by_calms_names() -> None:
    own = """
  pattern_correction:
    steps:
      - action: action_correct_flow_slot
        next:
          - if: context.is_reset_only
            then:
              - action: utter_own
                next: END
          - else:
              - action: utter_changed
                next: END
  pattern_cancel_flow:
    steps:
      - action: action_cancel_flow
      - action: utter_cancelled
"""
    more = DOMAIN + '  utter_changed: [{text: "{context.corrected_slots.order_id}"}]\n'
    talk = Talk(engine(FLOWS + own, domain=more + '  utter_cancelled: [{text: "{context.canceled_name}不办了"}]\n'))
    for line in ("退款", "DD1"):
        await talk.says(line)
    assert await talk.says("不对，是DD2") == ["DD2", "原因？"]
    assert await talk.says("订单号错了") == ["自己的话", "订单号？"]
    assert await talk.says("算了") == ["退款不办了"]
