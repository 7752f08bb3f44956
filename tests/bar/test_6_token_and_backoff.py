"""The bar, point 6: one refresh for any number of sends, no loop on a token that is refused for good, an alarm for a
wrong set-up, patience with what passes by itself."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack

import aiohttp
import pytest

from adapters.channel import Judgement
from adapters.message import Address, Text
from adapters.transport import HttpTransport
from adapters.wechat import WeChat
from bot.simulate.wechat import WeChatApi
from bot.store import Store
from tests.conftest import OpenStore
from tests.delivery.desk import ACCOUNT, account, desk
from tests.delivery.parrot import Parrot, cage, vendor
from tests.delivery.parrot import settled as parrot_settled
from tests.delivery.test_passive_window import settled


async def test_fifty_sends_of_two_processes_with_an_expired_token_make_one_refresh(open_store: OpenStore) -> None:
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value()))
        session = await stack.enter_async_context(aiohttp.ClientSession())
        stores = [await stack.enter_async_context(open_store()) for _ in range(2)]
        transports = [HttpTransport(session, store, time.time) for store in stores]
        channel = WeChat("main", account(True, api.url), window_s=0)

        async def send(n: int) -> Judgement:
            (outgoing,) = channel.render([Text(str(n))], routes[0])
            return await transports[n % 2].post(channel, outgoing)

        routes = channel.push_routes(Address("wechat", "main", "o", "o"), None, time.time())
        assert {(await send(n)).verdict for n in range(2)} == {"ok"}
        before = api.calls["token"]
        api.expire_tokens()
        judged = await asyncio.gather(*(send(n) for n in range(50)))
        assert {each.verdict for each in judged} == {"ok"}
        assert api.calls["token"] == before + 1


async def test_a_token_that_is_refused_for_good_is_refreshed_once_and_not_tried_again(store: Store) -> None:
    async with WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value()) as api:
        api.refuse_tokens()
        async with desk(store, account(True, api.url)) as served:
            phone = served.phone(api=api)
            await phone.says("等0.6")
            await settled(served, phone, "dead")
            await asyncio.sleep(0.3)
            assert (api.calls["token"] <= 2, api.calls["send"]) == (True, 2)


async def test_an_address_that_is_not_allowed_is_an_alarm_that_names_it_and_no_retry(store: Store) -> None:
    async with WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value()) as api:
        api.fail("send", 40164, times=9)
        async with desk(store, account(True, api.url)) as served:
            for n in range(3):
                phone = served.phone(f"oC{n}", api=api)
                await phone.says("等0.6")
                await settled(served, phone, "dead")
            assert [what for what, _ in served.alerts] == ["config"]
            assert "203.0.113.7" in served.alerts[0][1]
            assert api.calls["send"] == 3


@pytest.mark.parametrize("code", [-1, 45009, 45011, 429, 503])
async def test_what_passes_by_itself_is_sent_later_with_growing_pauses(store: Store, code: int) -> None:
    async with WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value()) as api:
        api.fail("send", code, times=1)
        async with desk(store, account(True, api.url)) as served:
            phone = served.phone(api=api)
            await phone.says("等0.6")
            (turn,) = await settled(served, phone, "sent")
            assert turn.attempts == 1
            assert [sent.text for sent in api.sent] == ["1:等0.6"]


async def test_what_waits_for_a_retry_outlives_the_process(open_store: OpenStore) -> None:
    async with vendor() as there:
        there.script["api"] = [{"verdict": "retry", "reason": "busy"}]
        async with open_store() as store, cage(store, Parrot(there.url)) as at:
            turn = await at.accept("甲", "1")
            await parrot_settled(store, turn.id, "ready")
        async with open_store() as store, cage(store, Parrot(there.url)):
            await parrot_settled(store, turn.id, "sent")
        assert there.texts == ["1:甲"]
