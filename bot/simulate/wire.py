"""The wire between a played vendor and the bot, for people to look at: every request both ways, sealed and opened.

    wire = Wire(account)
    session = wire.session()          # what the vendor's side posts goes through it
    api.middlewares = (wire.watch,)   # what the bot calls
    wire.on_entry = show

Secrets (the account's own, access tokens, session webhooks) are masked in all of it.
"""

from __future__ import annotations

import itertools
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Literal
from urllib.parse import urlsplit

import aiohttp
import orjson
from aiohttp import web
from pydantic import BaseModel, SecretStr

from adapters.crypto import BadEnvelope, Envelope
from adapters.errcodes import read_json
from adapters.fields import Malformed, read_fields
from adapters.message import Json

KEPT = 200
MOST_CHARS = 6000
"""Longer bodies are cut."""
MASK = "•••"
GIVEN = re.compile(
    r'("(?:access_token|accessToken|tenant_access_token|ticket|secret|appSecret|app_secret|clientSecret|token|'
    r'corpsecret|sessionWebhook|response_url)"\s*:\s*")[^"]*(")'
)
ASKED = re.compile(r"((?:access_token|session|corpsecret|ticket|response_code|signature|sign)=)[^&\s\"]+")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its answer. `to`: who was asked; `opened_`: decrypted, where it was sealed; `refused`: the code
    of an API that did not do what it was asked."""

    id: int
    to: Literal["bot", "vendor"]
    method: str
    path: str
    status: int
    request: str
    response: str
    opened_request: str = ""
    opened_response: str = ""
    seconds: float = 0.0
    refused: str = ""


@dataclass
class Wire:
    """What went over it lately. Not frozen: it remembers."""

    secrets: tuple[str, ...] = ()
    envelope: Envelope | None = None
    on_entry: Callable[[Entry], None] | None = None
    entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=KEPT))

    def __post_init__(self) -> None:
        self._ids = itertools.count(1)

    @classmethod
    def of(cls, account: BaseModel) -> Wire:
        """A wire that opens what is sealed with the account's keys, and masks them."""
        secrets = tuple(value for value in _secrets(account) if value)
        return cls(secrets, envelope_of(account))

    def note(self, entry: Entry) -> None:
        self.entries.append(entry)
        if self.on_entry is not None:
            self.on_entry(entry)

    # --- what the vendor's side posts ------------------------------------------------------------------------

    def session(self) -> aiohttp.ClientSession:
        """A session that notes what it asks and is answered."""
        trace = aiohttp.TraceConfig(_Asked)
        trace.on_request_chunk_sent.append(_sent)
        trace.on_response_chunk_received.append(_received)
        trace.on_request_start.append(_began)
        trace.on_request_exception.append(self._failed)
        trace.on_request_end.append(self._ended)
        return aiohttp.ClientSession(trace_configs=[trace])

    async def _ended(
        self, _: aiohttp.ClientSession, asked: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        # the trace sees the head now, the body when somebody has read it: reading here is what everybody does next
        await end.response.read()
        self._told(asked, end.method, str(end.url), end.response.status)

    async def _failed(
        self, _: aiohttp.ClientSession, asked: SimpleNamespace, end: aiohttp.TraceRequestExceptionParams
    ) -> None:
        self._told(asked, end.method, str(end.url), 0)

    def _told(self, asked: SimpleNamespace, method: str, url: str, status: int) -> None:
        self._add("bot", method, url, status, bytes(asked.sent), bytes(asked.received), asked.began)

    # --- what the bot calls ----------------------------------------------------------------------------------

    @property
    def watch(self) -> Any:
        @web.middleware
        async def watching(request: web.Request, handler: Handler) -> web.StreamResponse:
            began, body = time.monotonic(), await self._body(request)
            response = await handler(request)
            answer = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b""
            self._add("vendor", request.method, str(request.rel_url), response.status, body, answer, began)
            return response

        return watching

    async def _body(self, request: web.Request) -> bytes:
        if request.content_type.startswith("multipart/"):  # its form is read in pieces by who handles it
            return f"[{request.content_type}]".encode()
        return await request.read() if request.can_read_body else b""

    def frame(self, to: Literal["bot", "vendor"], body: Json) -> None:
        """A frame of a WebSocket."""
        kind = str(body.get("type") or body.get("cmd") or "应答") if isinstance(body, dict) else ""
        self._add(to, "WS", kind, 0, orjson.dumps(body), b"", time.monotonic())

    # --- what is shown ---------------------------------------------------------------------------------------

    def _add(
        self, to: Literal["bot", "vendor"], method: str, url: str, status: int, request: bytes, response: bytes,
        began: float,
    ) -> None:  # fmt: skip
        parts = urlsplit(url)
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        refused = code_of(status, response) if to == "vendor" and method != "WS" else ""
        seconds = round(time.monotonic() - began, 3)
        path, sent, got = (self.masked(text) for text in (path, _shown(request), _shown(response)))
        asked, answered = (self.masked(self._opened(body)) for body in (request, response))
        number = next(self._ids)
        self.note(Entry(number, to, method, path, status, sent, got, asked, answered, seconds, refused))

    def _opened(self, body: bytes) -> str:
        sealed = sealed_in(body)
        if self.envelope is None or not sealed:
            return ""
        try:
            return _shown(self.envelope.decrypt(sealed).message)
        except BadEnvelope as error:
            return f"({error})"

    def masked(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return ASKED.sub(rf"\1{MASK}", GIVEN.sub(rf"\1{MASK}\2", text))


def envelope_of(account: BaseModel) -> Envelope | None:
    """What opens the account's envelopes, if it has keys of the kind that WeChat, WeCom and DingTalk share."""
    named = account.model_dump()
    key = named.get("encoding_aes_key")
    if not isinstance(key, SecretStr) or not key.get_secret_value():
        return None
    receiver = named.get("corp_id") or named.get("app_id") or named.get("client_id") or ""
    return Envelope(named["token"].get_secret_value(), [key.get_secret_value()], receiver)


def sealed_in(body: bytes) -> str:
    """The encrypted text of a body, XML or JSON; empty where there is none."""
    if body.lstrip().startswith(b"<"):
        try:
            return str(read_fields(body).get("Encrypt", ""))
        except Malformed:
            return ""
    return str((read_json(body) or {}).get("encrypt", ""))


def code_of(status: int, response: bytes) -> str:
    """The code with which an API refused; empty where it did not."""
    body = read_json(response) or {}
    code = body.get("errcode") or body.get("code") or 0
    if code not in (0, "0"):
        return str(code)
    return str(status) if status >= 400 else ""


def _shown(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    return text if len(text) <= MOST_CHARS else f"{text[:MOST_CHARS]}…（共 {len(body)} 字节）"


def _secrets(account: BaseModel) -> Iterator[str]:
    for name in type(account).model_fields:
        value = getattr(account, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()


class _Asked(SimpleNamespace):
    """What a trace remembers of one request."""

    def __init__(self, trace_request_ctx: object = None) -> None:
        super().__init__(sent=bytearray(), received=bytearray(), began=time.monotonic())


async def _began(_: aiohttp.ClientSession, asked: SimpleNamespace, __: aiohttp.TraceRequestStartParams) -> None:
    asked.began = time.monotonic()


async def _sent(_: aiohttp.ClientSession, asked: SimpleNamespace, chunk: aiohttp.TraceRequestChunkSentParams) -> None:
    asked.sent += chunk.chunk


async def _received(
    _: aiohttp.ClientSession, asked: SimpleNamespace, chunk: aiohttp.TraceResponseChunkReceivedParams
) -> None:
    asked.received += chunk.chunk
