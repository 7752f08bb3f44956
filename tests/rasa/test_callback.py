"""Rasa's callback channel: messages in by HTTP, and each thing that is said posted to a URL of the author's."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.callback import Callback
from adapters.channel import Route
from adapters.message import Button, Card, Custom, Image, Text
from bot.app import make_app
from config.credentials import CallbackAccount, Credentials, load_credentials
from config.settings import Settings
from tests.rasa.test_api import Client
from tests.rasa.test_api import project as served_project

project = served_project
HOOK = "/webhooks/callback/webhook"


@dataclass
class Ear:
    """The author's server: what was posted to it, and what it answers next."""

    url: str = ""
    heard: asyncio.Queue[tuple[dict[str, Any], web.Request]] = field(default_factory=asyncio.Queue)
    fails: list[int] = field(default_factory=list)

    async def hear(self, request: web.Request) -> web.Response:
        self.heard.put_nowait((await request.json(), request))
        return web.Response(status=self.fails.pop(0) if self.fails else 200)

    async def next(self) -> dict[str, Any]:
        return (await asyncio.wait_for(self.heard.get(), 10))[0]


@pytest_asyncio.fixture
async def ear() -> AsyncIterator[Ear]:
    ear = Ear()
    app = web.Application()
    app.router.add_post("/said", ear.hear)
    server = TestServer(app)
    await server.start_server()
    ear.url = str(server.make_url("/said"))
    yield ear
    await server.close()


@asynccontextmanager
async def serving(project: Path, url: str, **keys: Any) -> AsyncIterator[Client]:
    account = CallbackAccount.model_validate({"url": url, **keys})
    app = await make_app(project, Settings(enable_api=True), Credentials(callback={"main": account}))
    server = TestServer(app)
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        yield Client(server, session)
    await server.close()


async def test_a_message_is_answered_by_posts_to_the_url(project: Path, ear: Ear) -> None:
    async with serving(project, ear.url) as client:
        assert await client.call("GET", "/webhooks/callback/") == (200, {"status": "ok"})
        assert await client.call("POST", HOOK, {"sender": "cb1", "message": "你好"}) == (200, "success")
        assert await ear.next() == {"recipient_id": "cb1", "text": "您好"}
        assert await client.call("POST", HOOK, {"message": "几点开门"}) == (200, "success")
        assert await ear.next() == {"recipient_id": "default", "text": "九点到六点"}
        _, state = await client.call("GET", "/conversations/cb1/tracker")
        assert state["sender_id"] == "cb1"  # type: ignore[index]
        assert state["latest_input_channel"] == "callback"  # type: ignore[index]


async def test_what_is_no_message_is_refused_or_passed_over(project: Path, ear: Ear) -> None:
    async with serving(project, ear.url) as client:
        assert await client.call("POST", HOOK, {"sender": "x"}) == (200, "success")
        async with client.session.post(client.server.make_url(HOOK), data=b"{bad") as response:
            assert response.status == 400
        assert ear.heard.empty()


async def test_a_post_that_fails_is_made_again_under_the_same_key(project: Path, ear: Ear) -> None:
    ear.fails = [503]
    async with serving(project, ear.url, token="t0", headers={"X-Shop": "1"}) as client:
        await client.call("POST", HOOK, {"sender": "cb2", "message": "你好"})
        first = await asyncio.wait_for(ear.heard.get(), 10)
        again = await asyncio.wait_for(ear.heard.get(), 10)
    assert first[0] == again[0] == {"recipient_id": "cb2", "text": "您好"}
    keys = {request.headers["Idempotency-Key"] for _, request in (first, again)}
    assert len(keys) == 1
    assert again[1].query["token"] == "t0"
    assert again[1].headers["X-Shop"] == "1"


async def test_what_was_said_while_the_url_was_down_comes_after_a_restart(
    project: Path, ear: Ear, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with serving(project, "http://127.0.0.1:9/?key=hush") as client:
        assert await client.call("POST", HOOK, {"sender": "cb3", "message": "你好"}) == (200, "success")
        await asyncio.sleep(0.2)
    assert "hush" not in caplog.text
    async with serving(project, ear.url):
        assert await ear.next() == {"recipient_id": "cb3", "text": "您好"}


async def test_reminders_and_triggered_intents_reach_it(project: Path, ear: Ear) -> None:
    async with serving(project, ear.url) as client:
        await client.call("POST", HOOK, {"sender": "cb4", "message": "你好"})
        await ear.next()
        _, done = await client.call("POST", "/conversations/cb4/trigger_intent", {"name": "hours"})
        assert done["messages"] == [{"recipient_id": "cb4", "text": "九点到六点"}]  # type: ignore[index]
        path = "/conversations/cb4/trigger_intent?output_channel=latest"
        _, done = await client.call("POST", path, {"name": "hours"})
        assert "messages" not in done  # type: ignore[operator]
        assert await ear.next() == {"recipient_id": "cb4", "text": "九点到六点"}
        due = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
        reminder = {"event": "reminder", "intent": "greet", "entities": [], "date_time": due, "name": "n"}
        path = "/conversations/cb4/tracker/events?execute_side_effects=true"
        await client.call("POST", path, [reminder])
        assert await ear.next() == {"recipient_id": "cb4", "text": "您好"}


def test_every_item_is_a_post_of_its_own() -> None:
    channel = Callback("main", CallbackAccount(url="https://shop.example/said"))
    said = [
        Text("一\n\n二"),
        Card(text="选吧", buttons=(Button("退款", "/refund"),)),
        Image("https://shop.example/a.png"),
        Custom({"rating": 5}),
    ]
    calls = channel.render(said, Route("push", {"to": "u"}))
    assert [call.body for call in calls] == [
        b'{"recipient_id": "u", "text": "\\u4e00"}',
        b'{"recipient_id": "u", "text": "\\u4e8c"}',
        b'{"recipient_id": "u", "text": "\\u9009\\u5427", "buttons": [{"title": "\\u9000\\u6b3e", '
        b'"payload": "/refund"}]}',
        b'{"recipient_id": "u", "image": "https://shop.example/a.png"}',
        b'{"recipient_id": "u", "custom": {"rating": 5}}',
    ]
    assert len({call.headers["Idempotency-Key"] for call in calls}) == len(calls)


@pytest.mark.parametrize(("status", "verdict"), [(204, "ok"), (500, "retry"), (429, "retry"), (404, "config")])
def test_what_the_url_answers_is_judged(status: int, verdict: str) -> None:
    channel = Callback("main", CallbackAccount(url="https://shop.example/said"))
    assert channel.judge(status, b"").verdict == verdict


def test_rasas_own_way_of_writing_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "credentials.yml").write_text("callback:\n  url: http://localhost:5034/bot\n", "utf-8")
    assert load_credentials(tmp_path).callback["main"].url == "http://localhost:5034/bot"
