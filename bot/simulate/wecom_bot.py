"""Somebody's WeCom before an AI bot (智能机器人) that is set up for webhooks: `WeComBotPhone` posts what WeCom would,
polls for streamed answers, serves response_urls and the files that were sent, and shows what is seen in the chat.

    async with WeComBotPhone.open("http://127.0.0.1:5005/webhooks/wecom_bot/main", account) as phone:
        seen = await phone.says("我要退款")     # polls until the answer is finished, at most 6 minutes
        seen.text                               # what stands in the chat, seen.updates: how it grew
        await phone.wait_for(1)                 # what came by a response_url

`group` is a chat id: then it is said in that group, with the bot's @name before it. As WeCom does, an unanswered POST
is cut after 5 s and repeated, three in all. `speed` makes all times shorter: at 100, 6 minutes are 3.6 s.

Sources: 接收消息 https://developer.work.weixin.qq.com/document/path/100719
被动回复消息 https://developer.work.weixin.qq.com/document/path/101031
主动回复消息 https://developer.work.weixin.qq.com/document/path/101138
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware

from adapters.crypto import BadEnvelope, Envelope, Sealed, aes_key, seal_file
from adapters.message import Json
from bot.simulate.wecom_bot_rules import (
    CUT_S,
    MEDIA_S,
    MOST_OPEN,
    STREAM_S,
    URL_S,
    Clock,
    Faulty,
    Object,
    Rules,
    Shown,
    merged,
    said_with,
    selected,
)
from config.credentials import WeComBotAccount

POSTS = 3
POLL_S = 1.0
"""Between two polls; the document says only that they go on."""
GONE = 60140
"""A response_url that was used or is too old: the document names no code, so any that is in no table will do."""
ANSWERS = frozenset(("stream", "template_card", "stream_with_template_card"))
GREETINGS = frozenset(("text", "template_card"))
BY_URL = frozenset(("markdown", "template_card"))


@dataclass
class Seen:
    """What came of one message or event. `posts`: HTTP statuses (0: none in time); `updates`: every text that the
    stream had; `polls`: how often WeCom asked for more; `failed`: why nothing (more) is shown."""

    id: str
    posts: list[int] = field(default_factory=list)
    updates: list[str] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    polls: int = 0
    failed: str = ""

    @property
    def text(self) -> str:
        return "\n".join(one.text for one in self.shown if one.text)

    @property
    def finished(self) -> bool:
        return bool(self.shown) and all(one.finished for one in self.shown)

    @property
    def cut(self) -> bool:
        return any(one.cut for one in self.shown)


@dataclass
class _Grant:
    """A response_url: whose it is, when it was given, whether it was used."""

    seen: Seen
    given: float
    used: bool = False


@dataclass
class WeComBotPhone:
    """One member (`userid`) before one bot. `received` is what came by response_urls, in order."""

    url: str
    account: WeComBotAccount
    session: aiohttp.ClientSession
    userid: str = "zhangsan"
    group: str = ""
    speed: float = 1.0
    stream_s: float = STREAM_S
    """For how long after a message an answer is polled for, at speed 1."""
    clock: Clock = time.time
    received: list[Shown] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    """What came of everything so far, and is still coming."""
    refused: list[int] = field(default_factory=list)
    """The errcodes of messages to response_urls that were not taken."""
    middlewares: tuple[Middleware, ...] = ()
    """Around every request: to watch what goes over the wire."""

    def __post_init__(self) -> None:
        self._rules = Rules()
        self._grants: dict[str, _Grant] = {}
        self._files: dict[str, tuple[bytes, float]] = {}
        self._changed = asyncio.Event()
        self._open = 0
        self._base = ""
        self.most_open = 0
        """The most answers that were being polled for at a time."""

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, account: WeComBotAccount, **more: Json) -> AsyncIterator[WeComBotPhone]:
        """A phone with a session of its own, and with the server behind its response_urls and files."""
        async with aiohttp.ClientSession() as session:
            phone = cls(url, account, session, **more)
            app = web.Application(client_max_size=1 << 24, middlewares=phone.middlewares)
            app.router.add_post("/cgi-bin/aibot/response", phone._respond)
            app.router.add_get("/media/{name}", phone._serve)
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                phone._base = f"http://127.0.0.1:{runner.addresses[0][1]}"
                yield phone
            finally:
                await runner.cleanup()

    # --- what somebody does ----------------------------------------------------------------------------------

    async def says(self, text: str, quote: str = "") -> Seen:
        return await self.deliver(self.message(said_with(self._addressed(text), quote)))

    async def speaks(self, recognition: str) -> Seen:
        return await self.deliver(self.message({"msgtype": "voice", "voice": {"content": recognition}}))

    async def sends(self, kind: str, data: bytes, **more: Json) -> Seen:
        """An image, a file or a video."""
        return await self.deliver(self.message({"msgtype": kind, kind: {"url": self.put(data), **more}}))

    async def shows(self, text: str, data: bytes) -> Seen:
        """Words and a picture in one message."""
        words = {"msgtype": "text", "text": {"content": self._addressed(text)}}
        picture = {"msgtype": "image", "image": {"url": self.put(data)}}
        return await self.deliver(self.message({"msgtype": "mixed", "mixed": {"msg_item": [words, picture]}}))

    async def enters(self) -> Seen:
        """Opens the chat, for the first time today."""
        return await self.deliver(self.event("enter_chat", {}, url=False), GREETINGS)

    async def taps(self, card: Shown, key: str, choices: Mapping[str, list[str]] | None = None) -> Seen:
        """A button of a card that the bot has shown."""
        told = {"card_type": card.card["card_type"], "event_key": key, "task_id": card.card.get("task_id", "")}
        more = {"selected_items": selected(choices)} if choices else {}
        return await self.deliver(self.event("template_card_event", told | more), frozenset())

    async def judges(self, shown: Shown, kind: int, words: str = "") -> Seen:
        """What somebody thinks of an answer: 1 good, 2 bad, 3 no longer either."""
        told = {"id": shown.feedback, "type": kind, "content": words, "inaccurate_reason_list": []}
        return await self.deliver(self.event("feedback_event", told, url=False), frozenset())

    async def verifies(self) -> str:
        """The check of the URL on the bot's page; the body of the answer."""
        query, encrypt = self._sealed(str(secrets.randbits(60)).encode())
        async with self.session.get(self.url, params=query | {"echostr": encrypt}) as response:
            return await response.text()

    async def wait_for(self, count: int, timeout_s: float = 10.0) -> list[Shown]:
        """What came by response_urls, once it is `count`. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while len(self.received) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.received

    # --- what WeCom makes of it ------------------------------------------------------------------------------

    def message(self, content: Object, *, url: bool = True) -> dict[str, Json]:
        """A callback of any msgtype, with an id and (for what can be answered later) a response_url of its own."""
        body = {"msgid": secrets.token_urlsafe(18), "aibotid": "AIB-simulated", **self._where(), **content}
        if url:
            code = secrets.token_urlsafe(24)
            self._grants[code] = _Grant(Seen(body["msgid"]), time.monotonic())
            body["response_url"] = f"{self._base}/cgi-bin/aibot/response?response_code={code}"
        return body

    def event(self, kind: str, told: Object, *, url: bool = True) -> dict[str, Json]:
        event = {"eventtype": kind, kind: dict(told)}
        return self.message({"msgtype": "event", "create_time": int(self.clock()), "event": event}, url=url)

    def put(self, data: bytes) -> str:
        """Keep a file, encrypted, for 5 minutes; its address."""
        name = secrets.token_hex(8)
        key = aes_key(self.account.encoding_aes_key.get_secret_value())
        self._files[name] = (seal_file(data, key), time.monotonic())
        return f"{self._base}/media/{name}"

    async def deliver(self, body: Object, allowed: frozenset[str] = ANSWERS) -> Seen:
        """Post `body` until it is answered, and poll as long as the answer asks for it."""
        seen = Seen(str(body["msgid"]))
        self.seen.append(seen)
        for _ in range(POSTS):
            began = time.monotonic()
            status, answer = await self._post(body)
            seen.posts.append(status)
            if status == 200:
                await self._read(seen, answer, allowed, began)
                return seen
            await asyncio.sleep(max(0.0, CUT_S / self.speed - (time.monotonic() - began)))
        seen.failed = f"{POSTS} POSTs failed, the last with {seen.posts[-1] or 'no answer in time'}"
        return seen

    async def _read(self, seen: Seen, answer: bytes, allowed: frozenset[str], began: float) -> None:
        shown = self._show(seen, answer, allowed)
        if shown is None or shown.finished:
            return
        if self._open >= MOST_OPEN:
            seen.failed = f"{MOST_OPEN} answers to one member are being made already, another is not polled for"
            shown.finished, shown.cut = True, True
            return
        self._open += 1
        self.most_open = max(self.most_open, self._open)
        try:
            await self._poll(seen, shown, began)
        finally:
            self._open -= 1

    async def _poll(self, seen: Seen, shown: Shown, began: float) -> None:
        while not shown.finished and not seen.failed:
            await asyncio.sleep(POLL_S / self.speed)
            if time.monotonic() - began > self.stream_s / self.speed:
                shown.finished, shown.cut = True, True
                return
            seen.polls += 1
            status, answer = await self._post(
                self.message({"msgtype": "stream", "stream": {"id": shown.stream}}, url=False)
            )
            if status == 200:
                self._show(seen, answer, ANSWERS)

    def _show(self, seen: Seen, answer: bytes, allowed: frozenset[str]) -> Shown | None:
        try:
            body = self.read(answer)
            if not body:
                return None
            shown = merged(seen.shown, self._rules.shown(body, allowed))
        except (Faulty, BadEnvelope) as error:
            seen.failed = str(error)
            return None
        seen.updates += [shown.text] if seen.updates[-1:] != [shown.text] else []
        return shown

    def read(self, answer: bytes) -> Object:
        """The fields of an encrypted answer; none in an empty one. Raises `BadEnvelope`."""
        if not answer:
            return {}
        try:
            given = orjson.loads(answer)
            sealed = Sealed(given["encrypt"], given["msgsignature"], str(given["timestamp"]), given["nonce"])
            body: Json = orjson.loads(self._envelope.open(sealed).message)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise BadEnvelope("the answer is not an encrypted one") from None
        return body if isinstance(body, dict) else {}

    async def _post(self, body: Object) -> tuple[int, bytes]:
        query, encrypt = self._sealed(orjson.dumps(body))
        limit = aiohttp.ClientTimeout(total=CUT_S / self.speed)
        data = orjson.dumps({"encrypt": encrypt})
        try:
            async with self.session.post(
                self.url, params=query, data=data, headers={"Content-Type": "application/json"}, timeout=limit
            ) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0, b""

    def _sealed(self, message: bytes) -> tuple[dict[str, str], str]:
        sealed = self._envelope.seal(message, str(int(self.clock())), str(secrets.randbelow(10**10)))
        query = {"msg_signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}
        return query, sealed.encrypt

    @property
    def _envelope(self) -> Envelope:
        key = self.account.encoding_aes_key.get_secret_value()
        return Envelope(self.account.token.get_secret_value(), [key], "")

    def _where(self) -> dict[str, Json]:
        place = {"chattype": "group", "chatid": self.group} if self.group else {"chattype": "single"}
        return {**place, "from": {"userid": self.userid}}

    def _addressed(self, text: str) -> str:
        return f"@{self.account.name or 'RobotA'} {text}" if self.group else text

    # --- its server ------------------------------------------------------------------------------------------

    async def _respond(self, request: web.Request) -> web.Response:
        grant = self._grants.get(request.query.get("response_code", ""))
        if grant is None or grant.used or time.monotonic() - grant.given > URL_S / self.speed:
            return self._refuse(GONE, "invalid response_code")
        try:
            shown = self._rules.shown(orjson.loads(await request.read()), BY_URL)
        except orjson.JSONDecodeError:
            return self._refuse(47001, "data format error")
        except Faulty as fault:
            return self._refuse(fault.code, str(fault))
        grant.used = True
        self.received.append(shown)
        self._changed.set()
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    def _refuse(self, code: int, words: str) -> web.Response:
        self.refused.append(code)
        return web.json_response({"errcode": code, "errmsg": words})

    async def _serve(self, request: web.Request) -> web.Response:
        data, put = self._files.get(request.match_info["name"], (b"", 0.0))
        if not data or time.monotonic() - put > MEDIA_S / self.speed:
            return web.Response(status=403)
        return web.Response(body=data, content_type="application/octet-stream")
