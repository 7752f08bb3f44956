"""Whoever is not WeChat gets a 4xx over real HTTP: one line in the log, no exception, and nothing in the store."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from adapters.crypto import Envelope, signature
from adapters.wechat import WeChat
from bot.receive import Webhook
from bot.simulate import WeChatPhone
from bot.sqlite import SqliteStore
from tests.delivery.desk import ACCOUNT, account, desk

TOKEN, KEY = ACCOUNT.token.get_secret_value(), ACCOUNT.encoding_aes_key.get_secret_value()
XML = (
    "<xml><ToUserName>gh_1</ToUserName><FromUserName>oStranger</FromUserName><CreateTime>1</CreateTime>"
    "<MsgType>text</MsgType><Content>hi</Content><MsgId>1</MsgId></xml>"
)


@dataclass(frozen=True)
class Gate:
    """A served webhook, its store, and a session to knock with."""

    url: str
    store: SqliteStore
    session: aiohttp.ClientSession

    async def knock(self, body: bytes, query: dict[str, str]) -> int:
        async with self.session.post(self.url, params=query, data=body) as response:
            await response.read()
            return response.status


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    store = SqliteStore(tmp_path / "gate.db")
    await store.open()
    async with desk(store, account(False)) as served:
        service = served.service
        channel = WeChat("main", ACCOUNT)
        hook = Webhook(channel, service.passive, service.inbox, service.metrics, service.log, time.time)
        app = web.Application()
        app.router.add_route("*", "/webhooks/wechat/main", hook.answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield Gate(f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/wechat/main", store, served.session)
        finally:
            await runner.cleanup()
    await store.close()


def knocked(
    body: str = XML, *, off_s: float = 0, token: str = TOKEN, app_id: str = ACCOUNT.app_id, outer: str = ""
) -> tuple[bytes, dict[str, str]]:
    """A sealed request as a stranger could make it who knows what is given."""
    timestamp = str(int(time.time() + off_s))
    sealed = Envelope(token, [KEY], app_id).seal(body.encode(), timestamp, "n")
    query = {"timestamp": timestamp, "nonce": "n", "encrypt_type": "aes", "msg_signature": sealed.signature}
    return (outer + f"<xml><Encrypt>{sealed.encrypt}</Encrypt></xml>").encode(), query


def plain() -> tuple[bytes, dict[str, str]]:
    timestamp = str(int(time.time()))
    return XML.encode(), {"timestamp": timestamp, "nonce": "n", "signature": signature(TOKEN, timestamp, "n")}


def tampered() -> tuple[bytes, dict[str, str]]:
    body, query = knocked()
    middle = len(body) // 2
    return body[:middle] + (b"A" if body[middle : middle + 1] != b"A" else b"B") + body[middle + 1 :], query


BOMB = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
HOSTILE: Mapping[str, tuple[Callable[[], tuple[bytes, dict[str, str]]], int]] = {
    "unsigned": (lambda: (XML.encode(), {}), 400),
    "plaintext where AES is configured": (plain, 403),
    "signed with another token": (lambda: knocked(token="guess"), 403),
    "tampered": (tampered, 403),
    "ten minutes old": (lambda: knocked(off_s=-600), 403),
    "from the future": (lambda: knocked(off_s=600), 403),
    "to another app id": (lambda: knocked(app_id="wxother"), 403),
    "truncated": (lambda: (knocked()[0][:60], knocked()[1]), 400),
    "an entity bomb outside": (lambda: knocked(outer=BOMB), 400),
    "an entity bomb inside": (lambda: knocked(BOMB + XML.replace("hi", "&b;")), 400),
    "a message cut inside": (lambda: knocked(XML[:-10]), 400),
    "65 KB": (lambda: (b"<" * 65 * 1024, {}), 413),
    "900 KB": (lambda: (b"<" * 900 * 1024, {}), 413),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_stranger_is_refused_with_one_line_and_nothing_is_stored(gate: Gate, name: str) -> None:
    make, status = HOSTILE[name]
    with capture_logs() as logs:
        assert await gate.knock(*make()) == status
    assert [(line["event"], line["log_level"], line["status"]) for line in logs] == [
        ("request refused", "warning", status)
    ]
    assert TOKEN not in str(logs)
    assert KEY not in str(logs)
    assert await gate.store.conversations() == []


async def test_the_customer_beside_them_is_heard(gate: Gate) -> None:
    for make, _ in HOSTILE.values():
        await gate.knock(*make())
    phone = WeChatPhone(gate.url, ACCOUNT, gate.session)
    assert (await phone.says("在吗")).text == "1:在吗"
    (conversation,) = await gate.store.conversations()
    assert conversation.latest.address.user == phone.openid
