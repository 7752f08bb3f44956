"""Every repair at every question of every flow, of the sample shop and of a bot that is flows.yml alone."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest

from adapters.message import Image
from nlu.training import train
from tests.talks.questions import Bot, Question, at, questions, stored

DESK = Path(__file__).parents[1] / "talks" / "desk"
SIGNED, OTHER_SIGNED, WAITING, OTHER_WAITING = "DD20260101001", "DD20260101008", "DD20260101002", "DD20260101007"
IN_AFTERSALES = "DD20260101005"
SHOP_ANSWERS = {
    "order_id": SIGNED, "cancel_order/order_id": WAITING, "change_address/order_id": WAITING,
    "withdraw_return/order_id": IN_AFTERSALES, "refund_reason": "用着不舒服", "exchange_want": "想换成黑色的",
    "new_address": "上海市浦东新区世纪大道100号", "amount": "100元", "phone": "13800138000", "email": "a@b.com",
    "invoice_title": "上海答答科技有限公司", "tax_no": "91310000MA1FL0AB1X", "complaint_text": "快递员态度很差",
}  # fmt: skip
SHOP_OTHERS = {
    "order_id": OTHER_SIGNED, "cancel_order/order_id": OTHER_WAITING, "change_address/order_id": OTHER_WAITING,
    "refund_reason": "音质太一般了", "exchange_want": "白色的大号", "new_address": "北京市海淀区中关村大街2号",
    "amount": "300元", "email": "c@d.com", "invoice_title": "北京问问科技有限公司", "tax_no": "91310000MA1FL0AB2Y",
    "complaint_text": "客服说话很凶",
}  # fmt: skip
SHOP_REWORDED = {
    "order_id": "我的订单号是ＤＤ20260101001，麻烦看看", "cancel_order/order_id": "买的那件羽绒服",
    "amount": "充一百块钱吧", "phone": "我手机号是13800138000", "email": "发到a@b.com就行",
}  # fmt: skip
DESK_ANSWERS = {"order_id": SIGNED, "reason": "用着不舒服", "amount": "100元", "way": "微信"}
DESK_OTHERS = {"order_id": OTHER_SIGNED, "reason": "音质太一般了", "amount": "300元", "way": "支付宝"}
DESK_REWORDED = {"order_id": "订单号ＤＤ20260101001哈", "amount": "充一百块钱吧", "way": "用绿色的那个"}
LABELS = {
    "order_id": "订单号", "refund_reason": "退货原因", "exchange_want": "换货要求", "new_address": "地址",
    "amount": "金额", "email": "邮箱", "invoice_title": "抬头", "tax_no": "税号", "complaint_text": "投诉内容",
    "reason": "原因", "way": "付款方式",
}  # fmt: skip
Try = Callable[[Bot, Question, str], Awaitable[None]]


@pytest.fixture(scope="session")
def bots(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bot, ...]:
    project = tmp_path_factory.mktemp("desk") / "desk"
    shutil.copytree(DESK, project)
    train(project, lambda phase, fraction: None)
    books = tmp_path_factory.mktemp("books") / "shop"
    shutil.copytree(shop, books)  # its actions write beside themselves
    return Bot(books, SHOP_ANSWERS, SHOP_OTHERS, SHOP_REWORDED), Bot(project, DESK_ANSWERS, DESK_OTHERS, DESK_REWORDED)


@pytest.fixture(scope="session")
def everywhere(bots: tuple[Bot, ...]) -> list[tuple[Bot, Question]]:
    return [(bot, question) for bot in bots for question in asyncio.run(questions(bot))]


def test_there_are_many_questions(everywhere: list[tuple[Bot, Question]]) -> None:
    assert len(everywhere) >= 30
    assert {str(question) for _, question in everywhere} >= {"invoice/tax_no", "return_goods/confirmed", "recharge/way"}


# --- what is tried


async def cancel(bot: Bot, question: Question, user: str) -> None:
    talk, _ = await at(bot, question, user)
    answer = await talk.hears("算了不办了")
    assert (talk.flows, talk.flags) == ([], {"cancelled"}), answer


async def ask_something_else(bot: Bot, question: Question, user: str) -> None:
    talk, asked = await at(bot, question, user)
    before = talk.dialogue.stack
    answer = await talk.hears("你们几点上班")
    assert len(answer) == 2
    assert answer[-1] == asked
    assert talk.dialogue.stack == before
    assert stored(talk)


async def do_something_else(bot: Bot, question: Question, user: str) -> None:
    talk, asked = await at(bot, question, user)
    before = talk.dialogue.stack[-1]
    answer = await talk.hears("帮我查一下余额")
    if question.flow in ("check_balance", "balance"):
        return
    assert answer[-1] == asked
    assert "余额" in answer[0]
    assert "我们继续办理" in answer[1]
    assert (talk.dialogue.stack[-1].flow, talk.dialogue.stack[-1].waiting) == (before.flow, before.waiting)


async def ask_why(bot: Bot, question: Question, user: str) -> None:
    for words in ("为什么要这个", "问这个干嘛？"):
        talk, asked = await at(bot, question, user)
        before = talk.dialogue.stack
        answer = await talk.hears(words)
        assert len(answer) == 2
        assert answer[-1] == asked
        assert talk.dialogue.stack == before


async def ask_again(bot: Bot, question: Question, user: str) -> None:
    talk, asked = await at(bot, question, user)
    before = talk.dialogue.stack
    answer = await talk.hears("再说一遍")
    assert answer[-1] == asked
    assert talk.dialogue.stack == before


async def gibberish(bot: Bot, question: Question, user: str) -> None:
    talk, asked = await at(bot, question, user)
    for words in ("wqrtpsdf", "？？？"):
        assert (await talk.hears(words))[-1] == asked
    await talk.hears("zxcvbnmp")
    assert (talk.flows, "handoff" in talk.flags) == ([], True)


async def want_a_human(bot: Bot, question: Question, user: str) -> None:
    talk, _ = await at(bot, question, user)
    answer = await talk.hears("转人工")
    assert len(answer) == 1
    assert (talk.flows, talk.flags) == ([], {"handoff"})


async def fall_silent(bot: Bot, question: Question, user: str) -> None:
    talk, _ = await at(bot, question, user)
    talk.at += 2 * 3600
    await talk.hears("你好")
    assert talk.flows == []
    assert question.slot not in talk.slots


async def send_a_picture(bot: Bot, question: Question, user: str) -> None:
    talk, asked = await at(bot, question, user)
    answer = await talk.hears(Image("http://127.0.0.1/a.png"))
    assert answer[1:] == [asked]


async def wait(bot: Bot, question: Question, user: str) -> None:
    talk, asked = await at(bot, question, user)
    answer = await talk.hears("等一下")
    assert answer == ["好的，不着急，您想好了告诉我。", asked]


async def start_over(bot: Bot, question: Question, user: str) -> None:
    talk, _ = await at(bot, question, user)
    await talk.hears("/restart")
    assert (talk.flows, question.slot in talk.slots) == ([], False)


async def say_it_in_other_words(bot: Bot, question: Question, user: str) -> None:
    own = f"{question.flow}/{question.slot}"
    words = bot.reworded.get(own, "" if own in bot.answers else bot.reworded.get(question.slot, ""))
    if not words:
        return
    talk, _ = await at(bot, question, user)
    straight, _ = await at(bot, question, f"{user}-straight")
    said = await talk.hears(words)
    assert said == await straight.hears(bot.answer(question.flow, question.slot, bot.answers))


CORRECTIONS = ("不对，{label}改成{other}", "我说错了，{label}应该是{other}", "{label}错了，是{other}")


async def correct(bot: Bot, question: Question, user: str) -> None:
    """Each earlier answer, in each manner: the new value holds, the dialogue goes on, and nothing is carried out."""
    for name, _ in question.told:
        other = bot.answer(question.flow, name, bot.others)
        for manner in CORRECTIONS if other else ():
            talk, _ = await at(bot, question, f"{user}-{name}-{manner}")
            answer = await talk.hears(manner.format(label=LABELS[name], other=other))
            if not talk.flows and answer[0] == f"好的，已为您改为{other}。":
                continue  # the new value leads elsewhere, and to the end
            now = talk.slots.get(name)
            shown = f"{now:g}元" if isinstance(now, float) else now
            assert shown == other, (answer, talk.outcome.trace)
            assert answer[0].startswith("好的，已为您改为"), answer
            assert talk.flows[-1:] == [question.flow]
            assert stored(talk)


async def take_back(bot: Bot, question: Question, user: str) -> None:
    """「…错了」 without a new value: the question is asked again."""
    for name, _ in question.told:
        if name not in LABELS:
            continue
        talk, _ = await at(bot, question, f"{user}-{name}")
        answer = await talk.hears(f"等等，{LABELS[name]}错了")
        assert talk.asked == name, (answer, talk.outcome.trace)
        assert name not in talk.slots


async def another_thing(bot: Bot, question: Question, user: str) -> None:
    if not any(name == "order_id" for name, _ in question.told):
        return
    talk, _ = await at(bot, question, user)
    answer = await talk.hears("等等不是这个订单")
    assert talk.asked == "order_id", answer


async def several_at_once(bot: Bot, question: Question, user: str) -> None:
    """The answer, and an entity that answers a later question."""
    if question.told or question.slot != "amount":
        return
    talk, _ = await at(bot, question, user)
    answer = await talk.hears("100元，用微信")
    assert talk.slots["amount"] == 100.0, answer


TRIES: tuple[Try, ...] = (
    cancel, ask_something_else, do_something_else, ask_why, ask_again, gibberish, want_a_human, fall_silent,
    send_a_picture, wait, start_over, say_it_in_other_words, correct, take_back, another_thing, several_at_once,
)  # fmt: skip


@pytest.mark.parametrize("tried", TRIES, ids=lambda tried: tried.__name__)
async def test_at_every_question(tried: Try, everywhere: list[tuple[Bot, Question]]) -> None:
    failed: list[str] = []
    for i, (bot, question) in enumerate(everywhere):
        try:
            await partial(tried, bot, question)(f"{tried.__name__}-{i}")
        except AssertionError as error:
            failed.append(f"{question}: {str(error)[:300]}")
    assert not failed, "\n".join(failed)
