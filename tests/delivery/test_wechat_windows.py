"""WeChat's windows through the whole service: counted before anything is sent, and said to operators where they end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.message import Address, Custom, Reply, Text
from bot.simulate import WeChatApi
from bot.store import Store
from bot.turn import Turn
from tests.delivery.desk import ACCOUNT, Desk, account, desk

OPENID = "oCustomer"
# 无 is what the desk says nothing to: the answer would be one of the pushes where the machine is slow
ADDRESS = Address("wechat", "main", OPENID, OPENID)
KEY = ADDRESS.conversation
TEMPLATE = Custom({"msgtype": "template", "template": {"template_id": "T1", "data": {"thing1": "退款成功"}}})


@asynccontextmanager
async def vendor() -> AsyncIterator[WeChatApi]:
    async with WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value(), strict=True) as api:
        yield api


async def unasked(at: Desk, store: Store, name: str, *replies: Reply) -> str:
    turn = Turn(f"{KEY}/{name}", KEY, "push", ADDRESS, time.time(), replies=replies)
    await store.accept(turn)
    at.service.work.nudge(KEY)
    return turn.id


async def settled(store: Store, turn_id: str, words: str = "") -> Turn:
    """The turn once it is sent or dead, or (`words`) waits with a reason that has them."""
    async with asyncio.timeout(10):
        while True:
            turn = await store.turn(turn_id)
            if turn is not None and (turn.status in ("sent", "dead") or (words and words in turn.error)):
                return turn
            await asyncio.sleep(0.02)


async def test_five_pushes_follow_a_message_and_the_sixth_waits_for_the_next(store: Store) -> None:
    async with vendor() as api, desk(store, account(True, api.url)) as at:
        phone = at.phone(OPENID, api=api)
        await phone.says("无")
        for n in range(5):
            assert (await settled(store, await unasked(at, store, f"p{n}", Text(f"第{n}条")))).status == "sent"
        sixth = await settled(store, await unasked(at, store, "p5", Text("第5条")), "used up")
        assert (sixth.status, sixth.attempts) == ("ready", 0)
        assert api.calls["send"] == 5
        phone.clock = lambda: time.time() + 2  # the vendor's times are whole seconds
        seen = await phone.says("乙")
        assert (await settled(store, sixth.id)).status == "sent"
        newest = await store.newest(KEY)
        assert newest is not None
        assert (await settled(store, newest.id)).status == "sent"
        # the answer itself may still make it into the response
        texts = "\n".join([*(sent.text for sent in api.sent), *filter(None, [seen.text])]).split("\n")
        assert texts == [*(f"第{n}条" for n in range(6)), "2:乙"]


async def test_three_pushes_follow_a_click(store: Store) -> None:
    async with vendor() as api, desk(store, account(True, api.url)) as at:
        phone = at.phone(OPENID, api=api)
        await phone.does("CLICK", "无")
        turns = [await settled(store, await unasked(at, store, f"p{n}", Text(f"{n}")), "used up") for n in range(4)]
        assert [turn.status for turn in turns] == ["sent", "sent", "sent", "ready"]
        assert api.calls["send"] == 3


async def test_who_has_never_written_is_sent_a_template_message_and_nothing_else(store: Store) -> None:
    async with vendor() as api, desk(store, account(True, api.url)) as at:
        told = await settled(store, await unasked(at, store, "template", TEMPLATE))
        assert told.status == "sent"
        words = await settled(store, await unasked(at, store, "words", Text("您好")), "has not written")
        assert words.status == "ready"
        assert (api.calls["template"], api.calls["send"]) == (1, 0)
        assert [sent.text for sent in api.sent] == ["thing1: 退款成功"]


async def test_a_template_message_leaves_the_windows_allowance_alone(store: Store) -> None:
    async with vendor() as api, desk(store, account(True, api.url)) as at:
        await at.phone(OPENID, api=api).says("无")
        for n in range(4):
            await settled(store, await unasked(at, store, f"t{n}", TEMPLATE))
        for n in range(5):
            assert (await settled(store, await unasked(at, store, f"p{n}", Text(f"{n}")))).status == "sent"


@pytest.mark.parametrize(("code", "words"), [(45015, "closed"), (45047, "used")])
async def test_what_the_vendor_no_longer_allows_is_dead_at_once_with_a_sentence(
    store: Store, code: int, words: str
) -> None:
    async with vendor() as api, desk(store, account(True, api.url)) as at:
        await at.phone(OPENID, api=api).says("无")
        api.fail("send", code)
        dead = await settled(store, await unasked(at, store, "p", Text("您好")))
        assert (dead.status, api.calls["send"]) == ("dead", 1)
        assert words in dead.error
