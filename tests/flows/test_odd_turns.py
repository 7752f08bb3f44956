"""What customers say at odd moments, and what they would rightly expect to come of it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from flows import words
from flows.state import Dialogue
from nlu.meaning import Entity, Meaning
from tests.flows.making import SLOTS, engine
from tests.flows.talk import Talk, parse

HANDOFF = "→人工 好的，已为您登记转人工。请您留言说明问题，客服看到后会尽快回复您。"
FEE = "质量问题运费我们出。"
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


@pytest.mark.parametrize("text", ["查一下余额，然后转人工", "转人工，另外查一下余额"])
async def test_a_wish_beside_asking_for_a_human_is_served_first_whatever_its_place(text: str) -> None:
    talk = Talk()
    answer = await talk.says(text)
    assert answer == ["余额88.5元。", HANDOFF]
    assert talk.flags == {"completed", "handoff"}
    assert talk.dialogue.stack == ()


async def test_who_asks_for_a_human_is_asked_nothing_more() -> None:
    talk = Talk()
    assert await talk.says("我要退款，另外转人工") == [HANDOFF]
    assert talk.dialogue.stack == ()
    assert await talk.says("运费多少") == [FEE]


async def test_what_is_only_an_answer_is_followed_by_the_next_wish_at_once() -> None:
    talk = Talk()
    assert await talk.says("运费多少？另外我要退款DD1") == [FEE, ASK_REASON]
    assert talk.slots["order_id"] == "DD1"


async def test_the_second_wish_waits_until_the_first_is_done_and_survives_a_restart() -> None:
    talk = Talk()
    assert await talk.says("我要退款，另外查一下余额，顺便问下运费") == ["请问您的订单号是多少？"]
    for text in ("DD1", "质量不好"):
        answer = await talk.says(text)
        assert "余额88.5元。" not in answer
    again = Talk()  # another process, with what was persisted
    again.dialogue, again.at, again.turns = Dialogue.from_dict(talk.dialogue.to_dict()), talk.at, talk.turns
    answer = await again.says("确认")
    assert answer[-2:] == ["余额88.5元。", FEE]
    assert again.called.count("action_refund") == 1
    assert "wishes" not in again.dialogue.memory


async def test_what_is_asked_for_again_meanwhile_is_not_served_twice() -> None:
    talk = Talk()
    await talk.says("我要退款，另外查一下余额")
    assert "余额88.5元。" in await talk.says("先查一下余额")
    for text in ("DD1", "质量不好"):
        await talk.says(text)
    assert "余额88.5元。" not in await talk.says("确认")


async def test_giving_up_the_first_wish_brings_the_second() -> None:
    talk = Talk()
    await talk.says("我要退款，另外查一下余额")
    answer = await talk.says("算了")
    assert answer[-1] == "余额88.5元。"


@pytest.mark.parametrize("end", ["转人工", "重新开始"])
async def test_nothing_waits_behind_a_human_or_a_new_start(end: str) -> None:
    talk = Talk()
    await talk.says("我要退款，另外查一下余额")
    await talk.says(end)
    assert "wishes" not in talk.dialogue.memory


async def test_a_yes_comes_before_what_is_wished_besides() -> None:
    talk = Talk()
    for text in ("我要退款DD1", "质量不好"):
        await talk.says(text)
    answer = await talk.says("好的，顺便查一下余额")
    assert "action_refund" in talk.called
    assert answer[-1] == "余额88.5元。"


async def test_a_no_comes_before_what_is_wished_besides() -> None:
    talk = Talk()
    for text in ("我要退款DD1", "质量不好"):
        await talk.says(text)
    answer = await talk.says("不用了，帮我查一下余额")
    assert "action_refund" not in talk.called
    assert "refund" not in talk.flows
    assert answer[-1] == "余额88.5元。"


async def test_free_words_that_answer_are_one_answer() -> None:
    talk = Talk()
    await talk.says("我要退款DD1")
    both = replace(parse("东西坏了，另外快递也慢"), intent="survey", also=(parse("快递也慢"),))
    await talk.says(both)
    assert talk.slots["reason"] == "东西坏了，另外快递也慢"
    assert "wishes" not in talk.dialogue.memory


async def test_of_two_wishes_one_that_nobody_serves_is_passed_over() -> None:
    talk = Talk()
    both = replace(parse("查一下余额，顺便唱首歌"), intent="check_balance", also=(Meaning("唱首歌", "sing", 0.9),))
    assert await talk.says(both) == ["余额88.5元。"]
    other = Meaning("唱首歌，顺便查一下余额", "sing", 0.9, also=(parse("查一下余额"),))
    assert await talk.says(other) == ["余额88.5元。"]


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
