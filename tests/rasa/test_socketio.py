"""Rasa's Socket.IO channel, by the real client of python-socketio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
import socketio
from aiohttp.test_utils import TestServer

from adapters.message import Button, Card, Custom, Image, Reply, Text, Video
from bot.app import make_app
from bot.web.socketio import items_of
from config.credentials import Credentials, SocketIo
from config.settings import Settings
from tests.rasa.test_api import project as served_project

project = served_project
RESPONSES = """
version: "3.1"
responses:
  utter_hours:
    - text: "九点到六点\\n\\n节假日休息"
      buttons: [{title: 退款, payload: /refund}]
      image: https://shop.example/a.png
      custom: {rating: 5}
"""


@asynccontextmanager
async def serving(project: Path, **settings: Any) -> AsyncIterator[str]:
    app = await make_app(project, Settings(), Credentials(socketio=SocketIo(**settings)))
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("/"))
    finally:
        await server.close()


class Visitor:
    """A client, and what it was told."""

    def __init__(self) -> None:
        self.io = socketio.AsyncClient(reconnection=False)
        self.told: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        for name in ("session_confirm", "bot_uttered", "answered"):
            self.io.on(name, lambda data=None, name=name: self.told.put_nowait((name, data)))

    async def next(self) -> tuple[str, Any]:
        return await asyncio.wait_for(self.told.get(), 10)


async def test_a_session_is_confirmed_and_answered(project: Path) -> None:
    async with serving(project, session_persistence=True) as url:
        visitor = Visitor()
        await visitor.io.connect(url)
        await visitor.io.emit("session_request", {"session_id": "s1"})
        assert await visitor.next() == ("session_confirm", "s1")
        await visitor.io.emit("user_uttered", {"message": "你好", "session_id": "s1"})
        assert await visitor.next() == ("bot_uttered", {"text": "您好"})
        await visitor.io.disconnect()


async def test_a_session_goes_on_after_a_reload(project: Path) -> None:
    async with serving(project, session_persistence=True) as url:
        for said, answer in (("我要退款", "订单号是多少？"), ("几点开门", "九点到六点")):
            visitor = Visitor()
            await visitor.io.connect(url)
            await visitor.io.emit("session_request", {"session_id": "kept"})
            await visitor.next()
            await visitor.io.emit("user_uttered", {"message": said, "session_id": "kept"})
            assert await visitor.next() == ("bot_uttered", {"text": answer})
            await visitor.io.disconnect()


async def test_without_persistence_a_connection_is_a_session(project: Path) -> None:
    async with serving(project) as url:
        visitor = Visitor()
        await visitor.io.connect(url)
        await visitor.io.emit("session_request", {})
        name, session = await visitor.next()
        assert name == "session_confirm"
        assert session
        await visitor.io.emit("user_uttered", {"message": "你好"})
        assert await visitor.next() == ("bot_uttered", {"text": "您好"})
        await visitor.io.disconnect()


async def test_names_of_events_are_the_authors(project: Path) -> None:
    async with serving(project, user_message_evt="asked", bot_message_evt="answered") as url:
        visitor = Visitor()
        await visitor.io.connect(url)
        await visitor.io.emit("asked", {"message": "你好"})
        assert await visitor.next() == ("answered", {"text": "您好"})
        await visitor.io.disconnect()


@pytest.mark.parametrize("said", [None, "你好", {}, {"message": 3}, {"message": "你好"}, {"session_id": "x"}])
async def test_what_is_no_message_is_passed_over(project: Path, said: Any) -> None:
    async with serving(project, session_persistence=True) as url:
        visitor = Visitor()
        await visitor.io.connect(url)
        await visitor.io.emit("user_uttered", said)
        await visitor.io.emit("session_request", {"session_id": "s2"})
        assert await visitor.next() == ("session_confirm", "s2")
        await visitor.io.disconnect()


async def test_a_token_is_asked_for_where_there_is_a_key(project: Path) -> None:
    secret = "k" * 32
    async with serving(project, jwt_key=secret) as url:
        with pytest.raises(socketio.exceptions.ConnectionError):
            await Visitor().io.connect(url, auth={"token": "forged"})
        visitor = Visitor()
        await visitor.io.connect(url, auth={"token": jwt.encode({"u": 1}, secret, "HS256")})
        await visitor.io.emit("session_request", {})
        assert (await visitor.next())[0] == "session_confirm"
        await visitor.io.disconnect()


async def test_a_namespace_and_metadata_are_the_authors(project: Path) -> None:
    async with serving(project, namespace="/shop", metadata_key="customData", session_persistence=True) as url:
        visitor = Visitor()
        told: asyncio.Queue[Any] = asyncio.Queue()
        visitor.io.on("bot_uttered", told.put_nowait, namespace="/shop")
        await visitor.io.connect(url, namespaces=["/shop"])
        said = {"message": "你好", "session_id": "ns1", "customData": '{"page": "/cart"}'}
        await visitor.io.emit("user_uttered", said, namespace="/shop")
        assert await asyncio.wait_for(told.get(), 10) == {"text": "您好"}
        await visitor.io.disconnect()


@pytest.mark.parametrize(
    ("reply", "items"),
    [
        (Text("一\n\n二"), [{"text": "一"}, {"text": "二"}]),
        (
            Card(text="一\n\n选吧", buttons=(Button("退款", "/refund"),)),
            [
                {"text": "一", "quick_replies": []},
                {
                    "text": "选吧",
                    "quick_replies": [{"content_type": "text", "title": "退款", "payload": "/refund"}],
                },
            ],
        ),
        (
            Image("https://x.example/a.png"),
            [{"attachment": {"type": "image", "payload": {"src": "https://x.example/a.png"}}}],
        ),
        (
            Video("https://x.example/v.mp4"),
            [{"attachment": {"type": "video", "payload": {"src": "https://x.example/v.mp4"}}}],
        ),
        (Custom({"rating": 5}), [{"rating": 5}]),
        (Custom({"data": {"rating": 5}}), [{"rating": 5}]),
    ],
)
def test_each_reply_is_what_rasas_channel_emits(reply: Reply, items: list[Any]) -> None:
    assert list(items_of("s", [reply])) == items
