"""The bar, point 4: one person's messages are answered in order, and long answers are split between characters."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from adapters.degrade import fit
from adapters.message import Text
from bot.parts import push_calls
from bot.simulate.wechat import WeChatApi
from bot.store import Store
from tests.delivery.desk import ACCOUNT, LONG, account, desk
from tests.delivery.parrot import LIMITS, Parrot, cage, settled, vendor
from tests.delivery.test_passive_window import settled as all_settled

SAID = "一二三，四五😀六七八。" * 400


async def test_twenty_rapid_messages_are_answered_in_order(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url)) as at:
        turns = [await at.accept(str(n), f"{n:02}", at=float(n)) for n in range(20)]
        for turn in turns:
            await settled(store, turn.id, "sent")
        assert "\n".join(there.texts).split("\n") == [f"{n + 1}:{n}" for n in range(20)]


async def test_parts_go_out_in_order_and_nobody_sleeps_between_them(store: Store) -> None:
    async with (
        WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value()) as api,
        desk(store, account(True, api.url)) as served,
    ):
        phone = served.phone(api=api)
        began = time.monotonic()
        seen = await phone.says("长")
        await all_settled(served, phone, "sent")
        assert [seen.text, *(sent.text for sent in api.sent)] == [f"1:长\n1{LONG}", f"2{LONG}", f"3{LONG}"]
        assert time.monotonic() - began < 1.5


async def test_a_part_that_fails_holds_back_those_after_it(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url)) as at:
        there.script["api"] = [{"verdict": "retry", "reason": "busy"}]
        first = await at.accept("长", "1", at=1.0)
        await asyncio.sleep(0.2)
        second = await at.accept("乙", "2", at=2.0)
        await settled(store, first.id, "sent")
        await settled(store, second.id, "sent")
        assert [each["part"] for each in there.sent] == [*map(str, range(len(there.sent) - 1)), "0"]
        assert there.texts[-1] == "2:乙"


@pytest.mark.parametrize("most_bytes", [2048, 4096, 20480])
def test_a_split_is_byte_exact_on_characters_and_joined_it_is_the_same_text(most_bytes: int) -> None:
    limits = replace(LIMITS, text_bytes=most_bytes)
    _, out = push_calls([Text(SAID)], limits, fit, 0)
    texts = [reply.text for _, reply in out if isinstance(reply, Text)]
    assert all(len(text.encode()) <= most_bytes for text in texts)
    assert "".join(texts) == SAID
