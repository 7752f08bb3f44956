"""Every repair at every question of the sample bot: whatever is said there, the dialogue stands where it should."""

from __future__ import annotations

import pytest

from adapters.message import Image
from flows.state import Dialogue
from tests.flows.talk import Talk

QUESTIONS: dict[str, tuple[str, ...]] = {
    "refund/order_id": ("我要退款",),
    "refund/reason": ("我要退款", "DD1"),
    "refund/confirmed": ("我要退款", "DD1", "质量不好"),
    "logistics/order_id": ("物流到哪了",),
    "recharge/amount": ("我要充值",),
    "recharge/method": ("我要充值", "100元"),
    "recharge/confirmed": ("我要充值", "100元", "微信"),
    "survey/score": ("评价",),
    "address/phone": ("改地址",),
    "address/address": ("改地址", "13800138000"),
    "refund>recharge/method": ("我要退款", "DD1", "先帮我充100元"),
}
ANSWERS = {
    "order_id": "DD2", "reason": "不想要了", "confirmed": "是的", "amount": "50元", "method": "1", "score": "5",
    "phone": "13900139000", "address": "上海路2号",
}  # fmt: skip


async def at(question: str) -> tuple[Talk, str]:
    """A talk that stands at the question, and the question's words."""
    talk = Talk()
    answer: list[str] = []
    for line in QUESTIONS[question]:
        answer = await talk.says(line)
    assert talk.dialogue.memory["asked"] == question.rpartition("/")[2]
    return talk, answer[-1]


every_question = pytest.mark.parametrize("question", QUESTIONS)


@every_question
@pytest.mark.parametrize("words", ["算了", "取消吧", "算了不弄了", "那还是算了吧！"])
async def test_cancelling(question: str, words: str) -> None:
    talk, _ = await at(question)
    above = len(talk.dialogue.stack)
    answer = await talk.says(words)
    assert answer[0].startswith("好的，已为您取消")
    assert "cancelled" in talk.flags
    assert len(talk.dialogue.stack) == above - 1


@every_question
@pytest.mark.parametrize("words", ["你们几点上班", "运费谁出啊"])
async def test_a_question_from_the_faq(question: str, words: str) -> None:
    talk, asked = await at(question)
    before = talk.dialogue
    answer = await talk.says(words)
    assert answer[0] in ("我们9点上班。", "质量问题运费我们出。")
    assert answer[1:] == [asked]
    assert talk.dialogue.stack == before.stack


@every_question
async def test_repeating(question: str) -> None:
    talk, asked = await at(question)
    before = talk.dialogue
    answer = await talk.says("请再说一遍")
    assert answer[-1] == asked
    assert (talk.dialogue.stack, talk.dialogue.options) == (before.stack, before.options)


@every_question
@pytest.mark.parametrize("words", ["转人工", "人工", "我要人工客服！", "能不能给我转个人工", "不要机器人，转人工"])
async def test_asking_for_a_human(question: str, words: str) -> None:
    talk, _ = await at(question)
    assert await talk.says(words) == ["→人工 好的，已为您登记转人工。请您留言说明问题，客服看到后会尽快回复您。"]
    assert talk.dialogue.stack == ()
    assert talk.flags == {"handoff"}


@every_question
@pytest.mark.parametrize("words", ["？？？", "😂", "wqrtpsdf", "。"])
async def test_noise(question: str, words: str) -> None:
    talk, asked = await at(question)
    before = talk.dialogue
    answer = await talk.says(words)
    assert answer[-1] == asked
    assert talk.dialogue.stack == before.stack
    assert talk.flags == {"fallback"}


@every_question
async def test_an_image(question: str) -> None:
    talk, asked = await at(question)
    before = talk.dialogue
    answer = await talk.says(Image("http://127.0.0.1/a.png"))
    assert answer[1:] == [asked]
    assert talk.dialogue.stack == before.stack


@every_question
async def test_another_task(question: str) -> None:
    talk, asked = await at(question)
    before = talk.dialogue
    answer = await talk.says("帮我查一下余额")
    assert answer[0] == "余额88.5元。"
    assert answer[1].startswith("我们继续办理")
    assert answer[2:] == [asked]
    below, now = before.stack[-1], talk.dialogue.stack[-1]
    assert (now.flow, now.waiting) == (below.flow, below.waiting)


@every_question
async def test_the_answer_after_all_of_it(question: str) -> None:
    talk, asked = await at(question)
    for words in ("运费谁出", "？？？", "再说一遍", "帮我查一下余额"):
        await talk.says(words)
    straight, _ = await at(question)
    answer = ANSWERS[question.rpartition("/")[2]]
    assert await talk.says(answer) == await straight.says(answer)
    assert talk.flows == straight.flows
    assert asked


@pytest.mark.parametrize("question", ["refund/reason", "refund/confirmed"])
@pytest.mark.parametrize(
    "words", ["不对，是DD2", "订单号改成DD2", "我说错了是DD2", "不是DD1，是DD2", "订单号错了，应该是DD2", "DD2"]
)
async def test_correcting_the_order(question: str, words: str) -> None:
    talk, _ = await at(question)
    answer = await talk.says(words)
    assert answer[0] == "好的，已为您改为DD2。"
    assert talk.slots["order_id"] == "DD2"
    assert talk.dialogue.memory["asked"] == question.rpartition("/")[2]


@every_question
async def test_the_dialogue_survives_being_stored(question: str) -> None:
    talk, _ = await at(question)
    assert Dialogue.from_dict(talk.dialogue.to_dict()) == talk.dialogue
