"""The pages over MongoDB, whose news come by polling or change streams."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from bot.mongo import MongoStore
from tests.web.parrot import TOKEN, serving
from tests.web.test_chat_socket import Phone

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_page_and_the_console_see_what_happens(mongo_db: tuple[str, str]) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        serving(MongoStore(*mongo_db)) as service,
        aiohttp.ClientSession(service.url, cookie_jar=jar) as client,
    ):
        await client.post("/console/login", data={"token": TOKEN})
        async with client.get("/api/console/events") as events:
            phone = await Phone.open(client)
            await phone.say("你好")
            assert (await phone.until("turn", status="sent"))["turn"]["said"] == "你好"
            line = b""
            while not line.startswith(b"data: "):
                line = await asyncio.wait_for(events.content.readline(), 5)
            assert json.loads(line[6:])["conversation"] == phone.conversation
        async with client.get("/console", params={"c": phone.conversation}) as page:
            assert "您说的是：你好" in await page.text()
        again = await Phone.open(client, phone.key)
        assert [turn["said"] for turn in again.welcome["turns"]] == ["你好"]
