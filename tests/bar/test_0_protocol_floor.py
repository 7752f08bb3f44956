"""The bar, the floor of it: what is rightly made is understood to the byte, and nothing else gets in. Every channel is
held to it, through its codec and through the HTTP handler that serves it.

The vendors' published vectors and those of independent implementations are in tests/adapters/test_crypto.py and
tests/adapters/test_wechat_in.py.
"""

from __future__ import annotations

import base64
import io
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from adapters.channel import Messages, Pull, Reject, Request
from adapters.crypto import Envelope, Sealed, aes_key, signature
from adapters.degrade import fit
from adapters.transport import HttpTransport
from bot.receive import Webhook
from bot.service import Service
from bot.store import Store
from bot.ways import Outlet, Times
from bot.work import Bot
from tests.contracts.channels import CHANNELS
from tests.contracts.entry import NOW, SECRETS, Entry
from tests.contracts.test_channel import parsed, posted, vectors
from tests.delivery.desk import Counter, Effects, understand

TOKEN, _, KEY = SECRETS
SAID = "我要退款"
RARE = "\U00020bb7野家\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f1e8\U0001f1f3e\u0301￥"
"""Beyond the basic plane, joined, combined and full-width."""
CIPHER = re.compile(rb"[A-Za-z0-9+/]{60,}={0,2}")
LISTENERS = [entry for entry in CHANNELS if not entry.speaks_only]
each_listener = pytest.mark.parametrize("entry", LISTENERS, ids=lambda entry: entry.name)


def first_text(entry: Entry) -> dict[str, Any] | None:
    return next((each for each in vectors(entry) if SAID in each["content"].get("text", "")), None)


TALKERS = [entry for entry in LISTENERS if first_text(entry)]
each_talker = pytest.mark.parametrize("entry", TALKERS, ids=lambda entry: entry.name)


def test_all_but_bare_events_are_talkers() -> None:
    assert {entry.name for entry in LISTENERS} - {entry.name for entry in TALKERS} <= {"dingtalk-events"}


# --- what is rightly made


def understood(entry: Entry, words: str) -> None:
    vector = first_text(entry)
    assert vector is not None
    (message,) = parsed(entry, vector | {"body": vector["body"].replace(SAID, words)}).messages
    assert message.text == vector["content"]["text"].replace(SAID, words)


@each_talker
def test_every_length_of_a_message_and_so_of_its_padding_is_understood(entry: Entry) -> None:
    for length in range(33):
        understood(entry, f"退款😀{'x' * length}")


@each_talker
@pytest.mark.parametrize(
    "words", ["长文😀" * 2000, "a" * 20_480, "𠮷野家👨‍👩‍👧‍👦🇨🇳é￥"], ids=["zh+emoji", "20 KB", "rare"]
)
def test_chinese_emoji_and_twenty_kilobytes_are_understood_to_the_byte(entry: Entry, words: str) -> None:
    understood(entry, words)


# --- what is not


def enveloped(entry: Entry) -> bool:
    return "msg_signature" in entry.wrap(posted(entry, vectors(entry)[0]), NOW, True).query


ENVELOPED = [entry for entry in LISTENERS if enveloped(entry)]
each_enveloped = pytest.mark.parametrize("entry", ENVELOPED, ids=lambda entry: entry.name)


def test_there_are_envelopes() -> None:
    assert len(ENVELOPED) >= 5


def blocks(plain: bytes) -> str:
    """Encrypted as it is, padding and all."""
    key = aes_key(KEY)
    encryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()


def with_cipher(entry: Entry, make: Callable[[bytes, Request], Sealed]) -> Request:
    """A good request whose encrypted text is another, rightly signed. `make` is given what was in it."""
    request = entry.wrap(posted(entry, vectors(entry)[0]), NOW, True)
    found = CIPHER.search(request.body)
    assert found is not None
    key = aes_key(KEY)
    decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    plain = decryptor.update(base64.b64decode(found[0])) + decryptor.finalize()
    length = int.from_bytes(plain[16:20])
    sealed = make(plain[20 : 20 + length], request)
    body = request.body.replace(found[0], sealed.encrypt.encode())
    return replace(request, query={**request.query, "msg_signature": sealed.signature}, body=body)


def signed(encrypt: str, request: Request) -> Sealed:
    stamp, nonce = request.query["timestamp"], request.query["nonce"]
    return Sealed(encrypt, signature(TOKEN, stamp, nonce, encrypt), stamp, nonce)


def another_id(inner: bytes, request: Request) -> Sealed:
    return Envelope(TOKEN, [KEY], "another").seal(inner, request.query["timestamp"], request.query["nonce"])


def bad_pad(inner: bytes, request: Request) -> Sealed:
    return signed(blocks(b"r" * 31 + b"\x21"), request)


def zero_pad(inner: bytes, request: Request) -> Sealed:
    return signed(blocks(b"\x00" * 32), request)


WRONG: dict[str, Callable[[bytes, Request], Sealed]] = {
    "another receive id": another_id,
    "a pad of 33": bad_pad,
    "no pad": zero_pad,
    "no base64": lambda inner, request: signed("!" * 64, request),
    "half a block": lambda inner, request: signed("QUJD", request),
    "nothing": lambda inner, request: signed("", request),
}


def refused(entry: Entry, request: Request, status: int = 0) -> None:
    found = entry.make().parse(request, NOW)
    assert isinstance(found, Reject), found
    assert 400 <= found.status < 500
    assert status in (0, found.status)
    assert not any(secret in found.reason for secret in SECRETS)


@each_enveloped
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_inside_is_refused_though_it_is_signed(entry: Entry, wrong: str) -> None:
    good = entry.make().parse(with_cipher(entry, lambda inner, request: _same(entry, inner, request)), NOW)
    assert isinstance(good, Messages | Pull), good
    refused(entry, with_cipher(entry, WRONG[wrong]))


def _same(entry: Entry, inner: bytes, request: Request) -> Sealed:
    """Sealed once more for whom it was."""
    found = CIPHER.search(request.body)
    assert found is not None
    return signed(found[0].decode(), request)


@each_listener
def test_a_wrong_signature_or_none_is_refused(entry: Entry) -> None:
    body = posted(entry, vectors(entry)[0])
    refused(entry, entry.wrap(body, NOW, False), 403)
    right = entry.wrap(body, NOW, True)
    for bare in (replace(right, query={}, headers={}), replace(right, body=b"")):
        if bare != right and (right.query or right.headers or not bare.body):
            refused(entry, bare)


DTD = b'<!DOCTYPE xml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'


IN_XML = [entry for entry in LISTENERS if posted(entry, vectors(entry)[0]).startswith(b"<xml>")]


@pytest.mark.parametrize("entry", IN_XML, ids=lambda entry: entry.name)
def test_a_dtd_is_refused_around_the_envelope_and_in_it(entry: Entry) -> None:
    body = posted(entry, vectors(entry)[0])
    refused(entry, entry.wrap(DTD + body, NOW, True), 400)
    refused(entry, entry.wrap(DTD + body.replace(b"<xml>", b"<xml><Content>&b;</Content>"), NOW, True), 400)
    around = entry.wrap(body, NOW, True)
    refused(entry, replace(around, body=DTD + around.body), 400)


@each_listener
@pytest.mark.parametrize("size", [64 * 1024 + 1, 1024 * 1024 + 1])
def test_a_body_that_is_too_long_is_413(entry: Entry, size: int) -> None:
    refused(entry, entry.wrap(b"x" * size, NOW, True), 413)


# --- through the handler, over HTTP


class Served:
    def __init__(self, service: Service, url: str, session: aiohttp.ClientSession) -> None:
        self.service, self.url, self.session = service, url, session

    async def send(self, entry: Entry, request: Request) -> tuple[int, str, float]:
        began = time.monotonic()
        async with self.session.request(
            request.method,
            f"{self.url}/{entry.name}",
            params=request.query,
            headers=request.headers,
            data=io.BytesIO(request.body),
        ) as response:
            return response.status, await response.text(), time.monotonic() - began


@pytest.fixture
async def served(store: Store) -> AsyncIterator[Served]:
    """Every channel at a path of its own, by the clock of its vectors."""
    async with _served(store) as found:
        yield found


@asynccontextmanager
async def _served(store: Store) -> AsyncIterator[Served]:
    async def alert(what: str, text: str, of: str = "") -> None:
        raise AssertionError(f"{what}: {text}")

    channels = {entry.name: entry.make() for entry in LISTENERS}
    async with aiohttp.ClientSession() as session:
        service = Service(
            store=store,
            bot=Bot(understand, Counter(), Effects(), UTC, "floor"),
            fit=fit,
            outlets={(each.name, "main"): Outlet(each) for each in channels.values()},
            transport=HttpTransport(session, store, time.time),
            alert=alert,
            times=Times(),
            own_clock=lambda: NOW,
        )
        app = web.Application()
        for name, channel in channels.items():
            hook = Webhook(channel, service.passive, service.inbox, service.metrics, service.log, service.own_clock)
            app.router.add_route("*", f"/{name}", hook.answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield Served(service, f"http://127.0.0.1:{runner.addresses[0][1]}", session)
        finally:
            await runner.cleanup()


async def test_what_is_refused_is_4xx_without_a_trace_of_it_and_nobody_is_called(
    served: Served, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    for entry in LISTENERS:
        body = posted(entry, vectors(entry)[0])
        right = entry.wrap(body, NOW, True)
        hostile = [
            entry.wrap(body, NOW, False),
            replace(right, body=b""),
            replace(right, body=b"\xff\xfe\x00"),
            replace(right, body=right.body[: len(right.body) // 2]),
            replace(right, body=b"x" * (1024 * 1024 + 1)),
            replace(right, method="PUT"),
            replace(right, method="GET", body=b""),
        ]
        if entry in ENVELOPED:
            hostile += [with_cipher(entry, make) for make in WRONG.values()]
        for request in hostile:
            status, text, _ = await served.send(entry, request)
            assert 400 <= status < 500, (entry.name, request)
            assert "Traceback" not in text
            assert "\n" not in text
    assert [turn async for turn in store.export()] == []
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("entry", [entry for entry in LISTENERS if entry.challenge], ids=lambda entry: entry.name)
async def test_the_check_of_the_url_is_answered_within_a_second_with_nothing_around_it(
    served: Served, entry: Entry
) -> None:
    assert entry.challenge is not None
    request, answer = entry.challenge(NOW)
    status, text, seconds = await served.send(entry, request)
    assert (status, text) == (200, answer)
    assert seconds < 1.0
