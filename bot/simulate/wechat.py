"""A customer's phone as a bot's webhook sees it: `WeChatPhone` posts what WeChat would, and reads the answer.

    phone = WeChatPhone("http://127.0.0.1:5005/webhooks/wechat/main", account, session)
    seen = await phone.says("我要退款")
    seen.text                      # what the customer reads, "" where the bot answered `success`

The account's `mode` decides what is posted: plain XML, both, or AES. As WeChat does, an unanswered POST is cut
after 5 s and repeated, three in all; a malformed answer shows the customer the vendor's own line of failure.
`speed` makes 5 s shorter in tests: at 10 it is 0.5 s.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal
from xml.sax.saxutils import escape

import aiohttp
import orjson

from adapters.crypto import BadEnvelope, Envelope, Sealed, signature
from adapters.fields import Fields, Malformed, read_fields, said
from adapters.markup import cdata, read_sealed
from adapters.message import Json
from adapters.wechat.passive import NOTHING
from bot.simulate.wechat_api import Sent, WeChatApi
from config.credentials import WeChatAccount

__all__ = ["Post", "Seen", "Sent", "WeChatApi", "WeChatPhone", "Webhook"]

CUT_S = 5.0
POSTS = 3
FAILURE = "该公众号提供的服务出现故障，请稍后再试"
MAX_TEXT_BYTES = 2048
GH = "gh_simulated"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One push as it goes over the wire, but for the query, which is signed anew for each POST."""

    fields: Mapping[str, Json]
    body: str

    @property
    def id(self) -> str:
        return str(self.fields.get("MsgId", ""))


@dataclass(frozen=True, slots=True)
class Post:
    """One POST of a webhook: `status` is 0 where no answer came in time or there was no server."""

    status: int
    body: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one webhook. `reply` holds the fields of a passive reply, decrypted; None: none was shown.
    `failed` says why the customer sees the vendor's line of failure instead."""

    posts: tuple[Post, ...]
    reply: Fields | None = None
    failed: str = ""

    @property
    def text(self) -> str:
        """The words that the customer reads."""
        if self.failed:
            return FAILURE
        return said(self.reply or {}, "Content")

    @property
    def kind(self) -> str:
        """The reply's MsgType; empty where nothing was shown."""
        return said(self.reply or {}, "MsgType")


@dataclass
class WeChatPhone:
    """One customer (`openid`) before one account. `api`, if given, learns that the customer wrote, which opens
    the window for pushes; `heard` yields those. Not frozen: it counts its messages."""

    url: str
    account: WeChatAccount
    session: aiohttp.ClientSession
    openid: str = "oSimulatedCustomer"
    api: WeChatApi | None = None
    clock: Callable[[], float] = time.time
    speed: float = 1.0
    data_format: Literal["xml", "json"] = "xml"
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(secrets.randbits(60)))

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, account: WeChatAccount, **more: object) -> AsyncIterator[WeChatPhone]:
        """A phone with a session of its own."""
        async with aiohttp.ClientSession() as session:
            yield cls(url, account, session, **more)  # type: ignore[arg-type]

    # --- what a customer does --------------------------------------------------------------------------------

    async def says(self, text: str) -> Seen:
        return await self.deliver(self.webhook("text", Content=text))

    async def taps(self, item: str, id: str) -> Seen:
        """An item of a menu message (`msgmenu`) that was pushed: a text that names its id."""
        return await self.deliver(self.webhook("text", Content=item, bizmsgmenuid=id))

    async def speaks(self, recognition: str) -> Seen:
        """A voice message; `recognition` is empty where the account has the vendor's recognition off."""
        return await self.deliver(self.webhook("voice", MediaId="voice-1", Format="amr", Recognition=recognition))

    async def shows(self, picture_url: str) -> Seen:
        return await self.deliver(self.webhook("image", PicUrl=picture_url, MediaId="image-1"))

    async def does(self, event: str, key: str = "", **more: Json) -> Seen:
        """An event by the vendor's name: subscribe, SCAN, CLICK, VIEW, LOCATION, ..."""
        return await self.deliver(self.event(event, key, **more))

    async def verifies(self) -> str:
        """The check of the URL that the account's console makes; the body of the answer."""
        echo = str(secrets.randbits(60))
        async with self.session.get(self.url, params=self._signed() | {"echostr": echo}) as response:
            return await response.text()

    # --- what WeChat makes of it -----------------------------------------------------------------------------

    def webhook(self, msg_type: str, **fields: Json) -> Webhook:
        """A message of any MsgType, with an id of its own."""
        return self._webhook(msg_type, fields | {"MsgId": next(self.ids)})

    def event(self, event: str, key: str = "", **more: Json) -> Webhook:
        return self._webhook("event", {"Event": event, "EventKey": key} | more)

    def _webhook(self, msg_type: str, fields: Mapping[str, Json]) -> Webhook:
        every = {
            "ToUserName": GH,
            "FromUserName": self.openid,
            "CreateTime": int(self.clock()),
            "MsgType": msg_type,
            **fields,
        }
        return Webhook(every, to_json(every) if self.data_format == "json" else to_xml(every))

    async def deliver(self, webhook: Webhook) -> Seen:
        """Post until it is answered, as WeChat does: three times, five seconds apart."""
        if self.api is not None:
            tapped = "click" if "bizmsgmenuid" in webhook.fields else ""
            self.api.hear(self.openid, said(webhook.fields, "Event").lower() or tapped)
        posts: list[Post] = []
        for _ in range(POSTS):
            began = time.monotonic()
            post = await self.post(webhook)
            posts.append(post)
            if post.status == 200:
                return self._seen(tuple(posts))
            if len(posts) < POSTS:  # refused or failed at once: the next POST keeps its distance
                await asyncio.sleep(max(0.0, CUT_S / self.speed - (time.monotonic() - began)))
        last = f"HTTP {status}" if (status := posts[-1].status) else f"no answer within {CUT_S:g} s, or no server there"
        return Seen(tuple(posts), failed=f"{POSTS} POSTs failed, the last with {last}")

    async def post(self, webhook: Webhook) -> Post:
        """One POST, freshly signed, cut after five seconds."""
        query, body = self.request(webhook)
        began = time.monotonic()
        limit = aiohttp.ClientTimeout(total=CUT_S / self.speed)
        kind = "application/json" if self.data_format == "json" else "text/xml"
        try:
            async with self.session.post(
                self.url, params=query, data=body, headers={"Content-Type": kind}, timeout=limit
            ) as response:
                answer = await response.read()
                return Post(response.status, answer, time.monotonic() - began)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return Post(0, b"", time.monotonic() - began)

    def request(self, webhook: Webhook) -> tuple[dict[str, str], bytes]:
        """The query and the body of one POST."""
        query = self._signed() | {"openid": self.openid}
        if self.account.mode == "plain":
            return query, webhook.body.encode()
        sealed = self._envelope.seal(webhook.body.encode(), query["timestamp"], query["nonce"])
        query |= {"encrypt_type": "aes", "msg_signature": sealed.signature}
        outer: dict[str, Json] = {"ToUserName": GH, "Encrypt": sealed.encrypt}
        if self.account.mode == "compatible":
            outer |= webhook.fields
        return query, (to_json(outer) if self.data_format == "json" else to_xml(outer)).encode()

    def _signed(self) -> dict[str, str]:
        timestamp, nonce = str(int(self.clock())), str(secrets.randbelow(10**10))
        token = self.account.token.get_secret_value()
        return {"signature": signature(token, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}

    @property
    def _envelope(self) -> Envelope:
        key = self.account.encoding_aes_key.get_secret_value()
        return Envelope(self.account.token.get_secret_value(), [key], self.account.app_id)

    # --- the answer ------------------------------------------------------------------------------------------

    def _seen(self, posts: tuple[Post, ...]) -> Seen:
        body = posts[-1].body
        if body in (b"", NOTHING):
            return Seen(posts)
        try:
            fields = self.read(body)
        except (BadEnvelope, Malformed) as error:
            return Seen(posts, failed=str(error))
        failed = self._refused(fields)
        return Seen(posts, None if failed else fields, failed)

    def read(self, body: bytes) -> Fields:
        """The fields of a passive answer. Raises `BadEnvelope`, `Malformed`."""
        fields = read_fields(body)
        if "Encrypt" in fields:
            sealed: Sealed = read_sealed(fields)
            return read_fields(self._envelope.open(sealed).message)
        if self.account.mode != "plain":
            raise Malformed("the answer is not encrypted, but the request was")
        return fields

    def _refused(self, fields: Fields) -> str:
        if said(fields, "ToUserName") != self.openid or said(fields, "FromUserName") != GH:
            return "the answer is not from the account to the customer"
        if len(said(fields, "Content").encode()) > MAX_TEXT_BYTES:
            return f"the text has more than {MAX_TEXT_BYTES} bytes"
        return ""


def to_xml(fields: Mapping[str, Json], root: str = "xml") -> str:
    """Fields as WeChat writes them: numbers bare, texts in CDATA, nested ones as elements."""
    return f"<{root}>{''.join(_element(name, value) for name, value in fields.items())}</{root}>"


def _element(name: str, value: Json) -> str:
    match value:
        case dict():
            return to_xml(value, name)
        case list() | tuple():
            return "".join(_element(name, item) for item in value)
        case int() | float():
            return f"<{name}>{escape(str(value))}</{name}>"
        case _:
            return f"<{name}><![CDATA[{cdata(str(value))}]]></{name}>"


def to_json(fields: Mapping[str, Json]) -> str:
    return orjson.dumps(fields).decode()
