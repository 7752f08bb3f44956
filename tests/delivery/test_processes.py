"""Processes that come and go under load: a deploy stops one, others share its port. Nothing is lost or said twice."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp

from bot.simulate.wechat import Seen, WeChatApi, WeChatPhone
from bot.sqlite import SqliteStore
from bot.turn import Turn
from tests.conftest import opened
from tests.delivery.desk import ACCOUNT, account
from tests.delivery.served import SPEED
from tests.mongod import free_ports

SAID = ("甲", "等0.3", "乙", "等1.5", "丙")
STOP_S = 10.0


@asynccontextmanager
async def process(project: Path, port: int, api: WeChatApi) -> AsyncIterator[asyncio.subprocess.Process]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.delivery.served", str(project), str(port), api.url, stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    try:
        assert await asyncio.wait_for(child.stdout.readline(), 30) == b"serving\n"
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


def phones(port: int, api: WeChatApi, session: aiohttp.ClientSession, count: int) -> list[WeChatPhone]:
    url = f"http://127.0.0.1:{port}/webhooks/wechat/main"
    return [WeChatPhone(url, account(True, api.url), session, f"oC{n}", api, speed=SPEED) for n in range(count)]


async def talk(phone: WeChatPhone) -> list[Seen]:
    return [await phone.says(text) for text in SAID]


async def settled(project: Path) -> list[Turn]:
    """Every turn, once all have gone out."""
    async with opened(SqliteStore(project / ".yingda" / "yingda.db")) as store:
        for _ in range(400):
            turns = [turn async for turn in store.export()]
            if all(turn.status in ("sent", "dead") for turn in turns):
                return turns
            await asyncio.sleep(0.05)
    raise AssertionError([(turn.id, turn.status, turn.error) for turn in turns if turn.status != "sent"])


def check(turns: list[Turn], phone: WeChatPhone, seen: list[Seen], api: WeChatApi) -> None:
    """What was accepted was answered, in order, and the customer read each answer once."""
    own = [turn for turn in turns if turn.address.user == phone.openid]
    texts = [turn.message.text for turn in own if turn.message]
    replies = ["".join(getattr(reply, "text", "") for reply in turn.replies) for turn in own]
    assert {turn.status for turn in own} == {"sent"}
    assert replies == [f"{n}:{text}" for n, text in enumerate(texts, 1)]
    read = [line for each in seen for line in each.text.split("\n") if each.reply]
    read += [sent.text for sent in api.sent if sent.openid == phone.openid]
    assert Counter(read) == Counter(replies)


async def test_a_stop_under_load_is_quick_and_loses_nothing(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    async with (
        WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value()) as api,
        aiohttp.ClientSession() as session,
    ):
        customers = phones(port, api, session, 12)
        async with process(tmp_path, port, api) as first:
            talks = [asyncio.create_task(talk(phone)) for phone in customers]
            await asyncio.sleep(1.0)
            began = time.monotonic()
            first.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(first.wait(), STOP_S) == 0
            assert time.monotonic() - began < STOP_S
        async with process(tmp_path, port, api):
            seen = await asyncio.gather(*talks)
            turns = await settled(tmp_path)
    assert len(turns) >= len(customers), "hardly anything was accepted"
    for phone, each in zip(customers, seen, strict=True):
        check(turns, phone, each, api)


async def test_processes_that_share_a_port_answer_each_message_once(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value()))
        for _ in range(2):
            await stack.enter_async_context(process(tmp_path, port, api))
        # each POST is a connection of its own, as a vendor's are
        connector = aiohttp.TCPConnector(force_close=True)
        session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
        customers = phones(port, api, session, 12)
        seen = await asyncio.gather(*map(talk, customers))
        turns = await settled(tmp_path)
    for phone, each in zip(customers, seen, strict=True):
        check(turns, phone, each, api)
        assert len([turn for turn in turns if turn.address.user == phone.openid]) == len(SAID)
    workers = {turn.route.data["by"] for turn in turns if turn.route and "by" in turn.route.data}
    assert len(workers) == 2, "one process did all the work"
