"""The chat page's protocol over a real WebSocket."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.web import LIVE, SAY_CHARS, Say, visitor
from bot.inbox import turn_of
from bot.web.chat import PAGE_TURNS, VISITOR_BURST
from tests.web.parrot import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

Socket = aiohttp.ClientWebSocketResponse


class Phone:
    """A page without a browser: says hello, says things, hears frames."""

    def __init__(self, socket: Socket, welcome: dict[str, Any]) -> None:
        self.socket, self.welcome, self.key = socket, welcome, welcome["key"]

    @classmethod
    async def open(cls, client: aiohttp.ClientSession, key: str = "") -> Phone:
        socket = await client.ws_connect("/chat/ws")
        await socket.send_json({"type": "hello", "key": key})
        return cls(socket, await socket.receive_json(timeout=5))

    async def say(self, text: str, id: str = "", **more: str) -> None:
        await self.socket.send_json({"type": "say", "id": id or f"{abs(hash(text)):032x}", "text": text, **more})

    async def until(self, kind: str, **has: object) -> dict[str, Any]:
        """The next frame of a kind, whose turn has these values."""
        while True:
            frame: dict[str, Any] = await self.socket.receive_json(timeout=5)
            inside = frame.get("turn", frame)
            if frame["type"] == kind and all(inside[name] == value for name, value in has.items()):
                return frame

    @property
    def conversation(self) -> str:
        return "/".join(("web", "main", visitor(self.key), visitor(self.key)))


async def test_what_is_said_is_acknowledged_and_answered(client: aiohttp.ClientSession) -> None:
    phone = await Phone.open(client)
    assert (phone.welcome["turns"], phone.welcome["more"], len(phone.key)) == ([], False, 32)
    await phone.say("慢一点", "a" * 32)
    assert (await phone.until("turn"))["turn"]["status"] == "new"
    turn = (await phone.until("turn", status="sent"))["turn"]
    assert (turn["said"], turn["say"], turn["by"]) == ("慢一点", "a" * 32, "bot")
    assert turn["bubbles"] == [{"kind": "text", "text": "您说的是：慢一点"}]


async def test_an_acknowledged_message_is_durable(service: Served, client: aiohttp.ClientSession) -> None:
    phone = await Phone.open(client)
    await phone.say("记下来", "b" * 32)
    assert (await phone.until("ack"))["id"] == "b" * 32
    assert await service.store.turn(f"{phone.conversation}/{'b' * 32}")


async def test_the_same_id_is_the_same_message(service: Served, client: aiohttp.ClientSession) -> None:
    phone = await Phone.open(client)
    for _ in range(3):
        await phone.say("只说一次", "c" * 32)
        await phone.until("ack")
    assert len(await service.store.turns(phone.conversation)) == 1


async def test_who_missed_the_answer_gets_it_by_saying_it_again(client: aiohttp.ClientSession) -> None:
    phone = await Phone.open(client)
    await phone.say("答过了", "e" * 32)
    await phone.until("turn", status="sent")
    await phone.say("答过了", "e" * 32)
    await phone.until("ack")
    assert (await phone.until("turn"))["turn"]["bubbles"] == [{"kind": "text", "text": "您说的是：答过了"}]


async def test_a_visitor_who_comes_back_finds_the_conversation(client: aiohttp.ClientSession) -> None:
    first = await Phone.open(client)
    await first.say("你好")
    await first.until("turn", status="sent")
    await first.socket.close()
    again = await Phone.open(client, first.key)
    assert again.key == first.key
    assert [turn["said"] for turn in again.welcome["turns"]] == ["你好"]


async def test_two_pages_of_one_visitor_see_the_same_and_strangers_see_nothing(client: aiohttp.ClientSession) -> None:
    one = await Phone.open(client)
    two, stranger = await Phone.open(client, one.key), await Phone.open(client)
    await one.say("你好")
    assert (await two.until("turn", status="sent"))["turn"]["said"] == "你好"
    with pytest.raises(asyncio.TimeoutError):
        await stranger.socket.receive(timeout=0.3)


async def test_the_visitors_key_is_stored_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "keys.db"
    async with serving(path) as service, aiohttp.ClientSession(service.url) as client:
        phone = await Phone.open(client)
        await phone.say("秘密")
        await phone.until("turn", status="sent")
        await phone.socket.close()
    with closing(sqlite3.connect(path)) as db:
        dump = "\n".join(db.iterdump())
    assert visitor(phone.key) in dump
    assert phone.key not in dump


async def test_earlier_turns_come_a_page_at_a_time_and_each_once(
    service: Served, client: aiohttp.ClientSession
) -> None:
    phone = await Phone.open(client)
    said = [f"第{n}句" for n in range(PAGE_TURNS + 8)]
    for n, text in enumerate(said):
        message = Say(f"{n:032x}", text).message(visitor(phone.key), 1_700_000_000.0 + n)
        await service.store.accept(turn_of(message, LIVE))
    again = await Phone.open(client, phone.key)
    assert again.welcome["more"]
    newest = again.welcome["turns"]
    await again.socket.send_json({"type": "earlier", "before": newest[0]["at"]})
    earlier = await again.until("earlier")
    assert not earlier["more"]
    assert [turn["said"] for turn in earlier["turns"] + newest] == said


async def test_a_tapped_button_shows_its_title_and_means_its_payload(client: aiohttp.ClientSession) -> None:
    phone = await Phone.open(client)
    await phone.say("/check_order", title="查订单")
    turn = (await phone.until("turn", status="sent"))["turn"]
    assert turn["said"] == "查订单"
    assert turn["bubbles"] == [{"kind": "text", "text": "您说的是：/check_order"}]


async def test_sync_brings_the_newest_turns_again(client: aiohttp.ClientSession) -> None:
    phone = await Phone.open(client)
    await phone.say("你好")
    await phone.until("turn", status="sent")
    await phone.socket.send_json({"type": "sync"})
    assert [turn["said"] for turn in (await phone.until("latest"))["turns"]] == ["你好"]
    await phone.socket.send_json({"type": "ping"})
    await phone.until("pong")


async def test_too_much_is_refused_by_id_and_the_line_stays_open(client: aiohttp.ClientSession) -> None:
    phone = await Phone.open(client)
    await phone.say("长" * (SAY_CHARS + 1), "d" * 32)
    refused = await phone.until("refuse")
    assert (refused["id"], refused["again"]) == ("d" * 32, False)
    await phone.socket.send_str("nonsense")
    assert (await phone.until("refuse"))["id"] == ""
    await phone.say("短", "e" * 32)
    await phone.until("ack")


async def test_who_talks_too_fast_is_asked_to_repeat(service: Served, client: aiohttp.ClientSession) -> None:
    phone = await Phone.open(client)
    for n in range(VISITOR_BURST + 1):
        await phone.say("快", f"{n:032x}")
    refused = await phone.until("refuse")
    assert (refused["id"], refused["again"]) == (f"{VISITOR_BURST:032x}", True)
    assert len(await service.store.turns(phone.conversation)) == VISITOR_BURST


async def test_a_frame_beyond_all_measure_ends_the_line(client: aiohttp.ClientSession) -> None:
    phone = await Phone.open(client)
    await phone.socket.send_str("x" * 40_000)
    packet = await phone.socket.receive(timeout=5)
    assert (packet.type, packet.data) == (aiohttp.WSMsgType.CLOSE, aiohttp.WSCloseCode.MESSAGE_TOO_BIG)


async def test_who_does_not_say_hello_is_shown_out(client: aiohttp.ClientSession) -> None:
    socket = await client.ws_connect("/chat/ws")
    await socket.send_json({"type": "say", "id": "f" * 32, "text": "hi"})
    packet = await socket.receive(timeout=5)
    assert packet.data == aiohttp.WSCloseCode.POLICY_VIOLATION


async def test_a_strangers_page_may_not_connect(client: aiohttp.ClientSession) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.ws_connect("/chat/ws", headers={"Origin": "https://evil.example"})
    assert refused.value.status == 403


async def test_a_shutdown_says_goodbye(service: Served, client: aiohttp.ClientSession) -> None:
    phone = await Phone.open(client)
    await service.runner.cleanup()
    packet = await phone.socket.receive(timeout=5)
    assert packet.data == aiohttp.WSCloseCode.GOING_AWAY


async def test_a_store_that_is_down_asks_to_repeat_or_to_come_back(
    service: Served, client: aiohttp.ClientSession
) -> None:
    phone = await Phone.open(client)
    await service.store.close()
    packet = await phone.socket.receive(timeout=5)
    assert packet.data == aiohttp.WSCloseCode.TRY_AGAIN_LATER
    late = await client.ws_connect("/chat/ws")
    await late.send_json({"type": "hello"})
    assert (await late.receive(timeout=5)).data == aiohttp.WSCloseCode.TRY_AGAIN_LATER
