"""CALM's format: what each key of a flow, of a step and of a slot does."""

from __future__ import annotations

from typing import Any

import pytest

from config.source import BadProject
from flows import Ask, Call, Say, flow
from flows.actions import Action
from nlu.meaning import Entity, Meaning
from tests.flows.making import engine, marked
from tests.flows.talk import Talk

SLOTS = """
slots:
  order_id:
    type: text
    label: 订单号
    mappings: [{type: from_entity, entity: order_id}]
    validation:
      rejections:
        - {if: 'not (slots.order_id matches "^DD")', utter: utter_bad_order}
  way:
    type: categorical
    label: 付款方式
    values: [{value: 微信, synonyms: [wx, 绿色的]}, 支付宝: [zfb], 银行卡: 卡, 现金]
  day: {type: text, label: 日期, mappings: [{type: from_entity, entity: time}]}
  note: {type: text, mappings: [{type: from_text}]}
  ok: {type: bool}
  vip: {type: bool}
responses:
  utter_ask_order_id: [{text: 订单号？}]
  utter_ask_way: [{text: 怎么付？}]
  utter_ask_day: [{text: 哪天？}]
  utter_ask_note: [{text: 备注？}]
  utter_ask_ok: [{text: 好吗？}]
  utter_bad_order: [{text: "{order_id}不是订单号"}]
  utter_bad_note: [{text: 备注太短}]
  utter_faq/hours: [{text: 九点}]
  utter_done: [{text: "{order_id}{way}{day}{note}好了"}]
  utter_vip: [{text: 贵宾}]
"""


def talk(steps: str, more: str = "", keys: str = "") -> Talk:
    flow = f"flows:\n  refund:\n    name: 退款\n    nlu_trigger: [{{intent: refund}}]\n{keys}    steps: {steps}\n{more}"
    return Talk(engine(flow, domain=SLOTS))


# --- slots


async def test_what_the_domain_refuses_is_refused_in_every_flow_and_in_corrections() -> None:
    here = talk("[{collect: order_id}, {collect: note}, {action: utter_done}]")
    await here.says("退款")
    assert await here.says("XX1") == ["XX1不是订单号", "订单号？"]
    assert await here.says("DD1") == ["备注？"]
    assert (await here.says("不对，是XX2"))[0] == "XX2不是订单号"
    assert here.slots.get("order_id") is None


@pytest.mark.parametrize("words", ["DD-1", "xx 12", "XX1", "xx1"])
async def test_a_code_that_is_no_value_is_told_so(words: str) -> None:
    here = talk("[{collect: order_id}, {action: utter_done}]")
    await here.says("退款")
    answer = await here.says(words)
    assert answer[-1] in ("订单号？", "DD-1好了")
    assert answer[0].endswith(("不是订单号", "好了"))


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("wx", "微信"), ("WX", "微信"), ("用绿色的", "微信"), ("zfb吧", "支付宝"), ("刷卡", "银行卡"), ("现金", "现金"),
        ("微信", "微信"),
    ],
)  # fmt: skip
async def test_a_categorical_slot_knows_other_words_for_its_values(words: str, value: str) -> None:
    here = talk("[{collect: way}, {action: utter_done}]")
    await here.says("退款")
    assert await here.says(words) == [f"{value}好了"]


async def test_two_values_at_once_are_none() -> None:
    here = talk("[{collect: way}, {action: utter_done}]")
    await here.says("退款")
    assert (await here.says("wx或者zfb"))[-1] == "怎么付？"


async def test_a_correction_may_use_the_other_words() -> None:
    here = talk("[{collect: way}, {collect: note}, {action: utter_done}]")
    for line in ("退款", "现金"):
        await here.says(line)
    assert await here.says("不对，换成wx") == ["好的，已为您改为微信。", "备注？"]


async def test_a_slot_that_wants_a_time_takes_no_other_words() -> None:
    here = talk("[{collect: day}, {action: utter_done}]")
    await here.says("退款")
    assert (await here.says("随便哪天都行啦"))[-1] == "哪天？"
    moment = Meaning("周五", entities=(Entity("time", "周五", "2026-11-27", 0, 2),))
    assert await here.says(moment) == ["2026-11-27好了"]


async def test_a_span_of_time_is_shown_as_people_say_it() -> None:
    here = talk("[{collect: day}, {action: utter_done}]")
    await here.says("退款")
    span = Entity("time", "周五到周日", {"from": "2026-11-27", "to": "2026-11-29"}, 0, 5)
    assert await here.says(Meaning("周五到周日", entities=(span,))) == ["2026-11-27到2026-11-29好了"]


def test_a_condition_of_the_domain_that_cannot_be_read_is_told_with_its_line() -> None:
    with pytest.raises(BadProject, match=r"domain.yml:\d+: in the condition"):
        engine("flows: {}", domain=SLOTS.replace('matches "^DD")', "matches )"))


# --- steps


async def test_where_filling_is_forced_whatever_is_said_is_the_answer() -> None:
    here = talk("[{collect: note, force_slot_filling: true}, {action: utter_done}]")
    await here.says("退款")
    assert await here.says("你们几点上班") == ["你们几点上班好了"]


@pytest.mark.parametrize("words", ["算了", "不对，不要了", "再说一遍", "查余额"])
async def test_forced_filling_takes_words_of_repair_too(words: str) -> None:
    here = talk("[{collect: note, force_slot_filling: true}, {action: utter_done}]")
    await here.says("退款")
    assert await here.says(words) == [f"{words}好了"]


async def test_forced_filling_still_lets_people_have_a_human() -> None:
    here = talk("[{collect: note, force_slot_filling: true}, {action: utter_done}]")
    await here.says("退款")
    assert "handoff" in (await here.says("转人工"), here.flags)[1]


async def test_a_forced_answer_may_still_be_refused() -> None:
    steps = (
        "[{collect: note, force_slot_filling: true, "
        "rejections: [{if: 'not (slots.note matches \"..\")', utter: utter_bad_note}]}, {action: utter_done}]"
    )
    here = talk(steps)
    await here.says("退款")
    assert await here.says("好") == ["备注太短", "备注？"]


async def test_what_is_asked_before_filling_is_asked_though_it_is_known() -> None:
    steps = "[{set_slots: [{note: 旧的}]}, {collect: note%s}, {action: utter_done}]"
    assert await talk(steps % "").says("退款") == ["旧的好了"]
    here = talk(steps % ", ask_before_filling: true")
    assert await here.says("退款") == ["备注？"]
    assert await here.says("新的") == ["新的好了"]


async def test_what_is_not_reset_is_kept_for_the_next_flow() -> None:
    here = talk("[{collect: note, reset_after_flow_ends: false}, {collect: way}]")
    for line in ("退款", "放门口", "wx"):
        await here.says(line)
    assert here.slots == {"note": "放门口"}


async def test_persisted_slots_are_kept() -> None:
    here = talk("[{collect: note}, {collect: way}]", keys="    persisted_slots: [way]\n")
    for line in ("退款", "放门口", "wx"):
        await here.says(line)
    assert here.slots == {"way": "微信"}


async def test_a_called_flow_comes_back_and_shares_its_answers() -> None:
    more = "  pay:\n    steps: [{collect: way}]\n"
    here = talk("[{call: pay}, {collect: note}, {action: utter_done}]", more)
    assert await here.says("退款") == ["怎么付？"]
    assert await here.says("现金") == ["备注？"]
    assert await here.says("付款方式改成wx") == ["好的，已为您改为微信。", "备注？"]
    assert await here.says("无") == ["微信无好了"]
    assert here.slots == {}


async def test_a_nested_branch_goes_on_after_the_step_that_it_hangs_under() -> None:
    steps = """
      - noop: true
        next:
          - if: slots.vip
            then:
              - action: utter_vip
                next:
                  - if: slots.way is not null
                    then:
                      - set_slots: [{note: 不用问}]
                  - else: END
          - else: END
      - action: utter_done
"""
    here = talk("\n" + steps, keys="    always_include_in_prompt: true\n")
    assert await here.says("退款") == []
    here = talk("\n      - set_slots: [{vip: true}, {way: 现金}]" + steps)
    assert await here.says("退款") == ["贵宾", "现金不用问好了"]


# --- flows


@pytest.mark.parametrize(("confidence", "answer"), [(0.9, ["备注？"]), (0.5, None)])
async def test_a_trigger_may_want_a_surer_intent(confidence: float, answer: list[str] | None) -> None:
    flow = (
        "flows:\n  f:\n    nlu_trigger: [{intent: {name: refund, confidence_threshold: 0.8}}]\n"
        "    steps: [{collect: note}]\n"
    )
    here = Talk(engine(flow, domain=SLOTS))
    said = await here.says(Meaning("退", "refund", confidence))
    assert (said == answer) if answer else (here.flows == [])


async def test_a_guard_decides_which_of_two_flows_an_intent_starts() -> None:
    flow = """
    flows:
      for_all:
        nlu_trigger: [{intent: refund}]
        steps: [{action: utter_done}]
      for_vips:
        if: slots.vip
        nlu_trigger: [{intent: refund}]
        steps: [{action: utter_vip}]
      become:
        nlu_trigger: [{intent: survey}]
        steps: [{set_slots: {vip: true}}]
        persisted_slots: [vip]
    """
    here = Talk(engine(flow, domain=SLOTS))
    assert await here.says("退款") == ["好了"]
    await here.says("评价")
    assert await here.says("退款") == ["贵宾"]


async def test_nothing_is_said_at_the_end_where_the_flow_wants_it_so() -> None:
    more = "  pattern_completed:\n    steps: [{action: utter_vip}]\n"
    assert await talk("[{action: utter_done}]", more).says("退款") == ["好了", "贵宾"]
    quiet = talk("[{action: utter_done}]", more, "    run_pattern_completed: false\n")
    assert await quiet.says("退款") == ["好了"]


# --- the same in Python


async def test_a_python_flow_has_the_same_keys() -> None:
    asked = Ask("note", ask_before_filling=True, explain="写在包裹上的话")

    @flow(id="refund", name="退款", intent="refund", threshold=0.5, when="slots.vip", collects=("order_id", asked),
          run_completed=False, persisted=("order_id",), undo="withdraw")  # fmt: skip
    def refund(slots: Any) -> Any:
        yield Ask("order_id")
        yield asked
        yield Call("action_refund")
        yield Say("utter_done")

    async def refunded(call: Any) -> None:
        pass

    more = """
    flows:
      become:
        nlu_trigger: [{intent: survey}]
        steps: [{set_slots: {vip: true}}]
        persisted_slots: [vip]
      withdraw: {name: 撤销, steps: [{collect: order_id}, {action: utter_vip}]}
      pattern_completed: {steps: [{action: utter_vip}]}
    """
    made = engine(
        more,
        domain=SLOTS,
        python={"refund": marked(refund)},
        action_refund=Action("action_refund", refunded, irreversible=True),
    )
    here = Talk(made)
    await here.says("退款")
    assert here.flows == []
    await here.says("评价")
    assert await here.says("DD1退款") == ["备注？"]
    assert await here.says("为什么要这个") == ["写在包裹上的话", "备注？"]
    assert await here.says("轻放") == ["DD1轻放好了"]
    assert here.slots == {"vip": True, "order_id": "DD1"}
    assert (await here.says("不对，是DD2"))[0].endswith("[撤销]")
