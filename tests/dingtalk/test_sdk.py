"""Our DingTalk is one that DingTalk's own SDK can talk with."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.simulate import DingTalkApi, DingTalkGateway, DingTalkPhone


@asynccontextmanager
async def sdk(api: DingTalkApi, gateway: DingTalkGateway) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tests.dingtalk.sdk_client", api.client_id, api.client_secret),
        env=os.environ | {"DINGTALK_OPENAPI_ENDPOINT": api.url},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        await gateway.wait_until(lambda: bool(gateway.open), 30.0)
        yield
    finally:
        process.kill()
        await process.wait()


async def test_the_vendors_sdk_connects_answers_types_into_a_card_and_answers_events() -> None:
    async with DingTalkApi() as api, DingTalkGateway(api) as gateway, sdk(api, gateway):
        phone = DingTalkPhone(api, gateway)
        await phone.says("你好")
        assert (await api.wait_for(phone.chat))[0].text == "sdk:你好"
        await phone.says("卡片")
        await api.wait_until(lambda: any(card.data.get("flowStatus") == "3" for card in api.cards.values()))
        ((track, card),) = api.cards.items()
        assert (card.typed, card.final) == (["您", "您好", "您好。"], True)
        answer = await gateway.tap({"outTrackId": track, "userId": "u1", "content": "{}"})
        assert answer == {"cardData": {"cardParamMap": {"chosen": "u1"}}}
        ack = await gateway.deliver("EVENT", "*", {"a": 1}, {"eventType": "x", "eventId": "e1"})
        assert ack["code"] == 200
        assert gateway.refused == 0
