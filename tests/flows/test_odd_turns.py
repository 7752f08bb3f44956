"""What customers say at odd moments, and what they would rightly expect to come of it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from flows import words
from nlu.meaning import Entity, Intent, Meaning
from tests.flows.making import SLOTS, engine
from tests.flows.talk import Talk, parse

ASK_REASON = "请问退款原因是什么？"
CONFIRM = "确认退DD1，原因：质量不好？"

CANCELLING = """
flows:
  cancel_order:
    name: 取消订单
    description: d
    steps:
      - collect: ok
        utter: utter_sure
        ask_before_filling: true
        next:
          - if: slots.ok
            then: [{action: utter_done, next: END}]
          - else: [{action: utter_kept, next: END}]
"""
SURE = """
responses:
  utter_sure: [{text: 确认取消订单DD1吗？}]
  utter_done: [{text: 取消了。}]
  utter_kept: [{text: 没取消。}]
slots:
  ok: {type: bool}
"""


async def said(talk: Talk, *lines: str) -> list[str]:
    answers: list[str] = []
    for line in lines:
        answers = await talk.says(line)
    return answers


# --- at a confirmation


@pytest.mark.parametrize("line", ["是的取消吧", "确认取消", "好，取消订单", "对的，就取消", "可以取消"])
async def test_a_yes_in_the_words_of_the_question(line: str) -> None:
    talk = Talk(engine(CANCELLING, domain=SURE))
    await talk.says("/cancel_order")
    assert await talk.says(line) == ["取消了。"]


@pytest.mark.parametrize("line", ["不取消了", "别取消", "先不取消吧", "我不想取消了", "手滑了，不取消", "不"])
async def test_a_no_in_the_words_of_the_question(line: str) -> None:
    talk = Talk(engine(CANCELLING, domain=SURE))
    await talk.says("/cancel_order")
    assert await talk.says(line) == ["没取消。"]


@pytest.mark.parametrize("line", ["取消", "取消吧", "取消掉"])
async def test_cancelling_where_cancelling_is_to_be_confirmed_may_mean_either(line: str) -> None:
    talk = Talk(engine(CANCELLING, domain=SURE))
    await talk.says("/cancel_order")
    answer = await talk.says(line)
    assert answer[0].startswith("不好意思，没分清")
    assert answer[1] == "确认取消订单DD1吗？"
    assert await talk.says("算了") == ["好的，已为您取消取消订单。"]


@pytest.mark.parametrize("line", ["可以取消吗", "能取消吗？", "取消要多久"])
async def test_a_question_in_the_words_of_the_question_is_no_yes(line: str) -> None:
    talk = Talk(engine(CANCELLING, domain=SURE))
    await talk.says("/cancel_order")
    assert (await talk.says(line))[-1] == "确认取消订单DD1吗？"


@pytest.mark.parametrize("line", ["等一下", "等等", "请等一下", "稍等"])
async def test_asking_for_time_is_no_no(line: str) -> None:
    talk = Talk()
    await said(talk, "订单DD1我要退款", "质量不好")
    assert await talk.says(line) == ["好的，不着急，您想好了告诉我。", CONFIRM]
    assert await talk.says("好的") == ["订单DD1退款已提交。"]


async def test_other_words_for_the_last_answer_are_taken_and_shown() -> None:
    talk = Talk()
    await said(talk, "订单DD1我要退款", "质量不好")
    assert await talk.says("等下，还是颜色不喜欢") == ["好的，已为您改为颜色不喜欢。", "确认退DD1，原因：颜色不喜欢？"]


async def test_new_words_for_the_last_answer_need_no_name() -> None:
    talk = Talk()
    await said(talk, "订单DD1我要退款", "质量不好")
    assert await talk.says("错了，是颜色不对") == ["好的，已为您改为颜色不对。", "确认退DD1，原因：颜色不对？"]


async def test_a_correction_without_a_value_asks_for_the_last_answer_again() -> None:
    talk = Talk()
    await said(talk, "订单DD1我要退款", "质量不好")
    assert await talk.says("不对，门牌号是100号") == ["好的，我们重新来。", ASK_REASON]


async def test_a_slot_is_known_by_a_part_of_its_label() -> None:
    domain = SLOTS.replace("label: 甲", "label: 发票抬头")
    flows = "flows: {look: {description: look, steps: [{collect: a}, {collect: ok, ask_before_filling: true}]}}"
    talk = Talk(engine(flows, domain=domain))
    await said(talk, "/look", "个人")
    assert await talk.says("不对，抬头是东方公司") == ["好的，已为您改为东方公司。", "ok 东方公司?"]


# --- at a question for free words


@pytest.mark.parametrize("line", ["退款！！！", "退款", "我要退款"])
async def test_the_name_of_the_flow_is_no_answer(line: str) -> None:
    talk = Talk()
    await said(talk, "订单DD1我要退款")
    assert await talk.says(line) == [ASK_REASON]


async def test_a_wish_in_the_form_of_a_question_is_an_answer() -> None:
    talk = Talk()
    await said(talk, "订单DD1我要退款")
    line = "能退款给我换大一号的吗"
    assert await talk.says(line) == [f"确认退DD1，原因：{line}？"]


async def test_the_value_of_another_question_is_no_answer_in_free_words() -> None:
    flows = "flows: {tell: {description: tell, steps: [{collect: b}, {collect: phone}]}}"
    domain = SLOTS.replace("  c: {type: text}", "  phone: {type: text}")
    talk = Talk(engine(flows, domain=domain))
    await talk.says("/tell")
    assert await talk.says("13800138000") == ["b?"]
    await talk.says("态度太差")
    assert (talk.slots, talk.dialogue.stack) == ({}, ())


async def test_an_answer_that_looks_like_asking_for_a_human_is_an_answer() -> None:
    talk = Talk()
    await said(talk, "订单DD1我要退款")
    assert await talk.says(replace(parse("个人原因"), intent="handoff", confidence=0.94)) == [
        "确认退DD1，原因：个人原因？"
    ]
    talk = Talk()
    await talk.says("我要退款")
    entity = (Entity("order_id", "DD1", "DD1", 0, 3),)
    assert await talk.says(replace(parse("DD1"), intent="handoff", entities=entity)) == [ASK_REASON]


async def test_a_correction_without_a_value_is_no_answer_in_free_words() -> None:
    talk = Talk()
    await said(talk, "订单DD1我要退款")
    assert await talk.says("不对，不是这一单") == ["好的，我们重新来。", "请问您的订单号是多少？"]


# --- two wishes


@pytest.mark.parametrize(("likely", "first"), [(0.14, ["余额88.5元。"]), (0.02, [])])
async def test_a_wish_beside_asking_for_a_human_is_served_first(likely: float, first: list[str]) -> None:
    talk = Talk()
    ranking = (Intent("handoff", 0.63), Intent("check_balance", likely))
    answer = await talk.says(Meaning("查一下余额，然后转人工", "handoff", 0.63, ranking))
    assert answer[:-1] == first
    assert answer[-1].startswith("→人工")


# --- hostile


@pytest.mark.parametrize(
    "text",
    ["好的" * 300, "嗯嗯" * 300, "是的" * 300, "不要了" * 200, "算了" * 300, "那就还是先" * 100, "取消了吧" * 200],
)
def test_no_words_take_long_to_be_understood(text: str) -> None:
    began = time.perf_counter()
    for understood in (words.affirms, words.denies, words.cancels, words.waits, words.repeats, words.wants_human):
        understood(text + "x")
    words.agrees_to(text + "x", text)
    assert time.perf_counter() - began < 1
