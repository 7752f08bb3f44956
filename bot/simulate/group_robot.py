"""The group robots of WeCom and DingTalk on the loopback: what people would read in the group.

async with GroupRobots(secret="SEC…") as robots:
    robots.wecom_url, robots.dingtalk_url     # for YINGDA_ALERT_URL
    await robots.wait_for(1)                  # the texts, oldest first
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
from aiohttp import web

from adapters.message import Json

KEY = "simulated-key"
PER_MINUTE, MINUTE_S = 20, 60.0
BLOCK_S = 600.0
TOO_FAST_DINGTALK = 130101
MAX_BYTES = 2048
SIGN_WINDOW_MS = 3600 * 1000


@dataclass
class GroupRobots:
    """`secret`: DingTalk's signing secret; a message that is not signed with it is refused (310000), and so is the
    21st within a minute, by both vendors with their own codes; DingTalk then refuses everything for ten minutes.
    `bodies` are the messages as they came, of every type; `texts` what is read of them."""

    secret: str = ""
    clock: Callable[[], float] = time.time
    texts: list[str] = field(default_factory=list)
    script: deque[int] = field(default_factory=deque)
    """errcodes, or HTTP statuses (400 to 599), that the next messages are answered with."""
    bodies: list[dict[str, Json]] = field(default_factory=list)
    calls: int = 0
    delay_s: float = 0.0
    """How long each answer takes: a slow vendor."""
    speed: float = 1.0
    """How many times as fast the vendor's minutes pass."""
    refused: int = 0
    """Messages that came too fast."""

    def __post_init__(self) -> None:
        self._times: deque[float] = deque(maxlen=PER_MINUTE)
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self._base = ""

        self._blocked_until = 0.0

    @property
    def wecom_url(self) -> str:
        return f"{self._base}/cgi-bin/webhook/send?key={KEY}"

    @property
    def dingtalk_url(self) -> str:
        return f"{self._base}/robot/send?access_token={KEY}"

    async def __aenter__(self) -> GroupRobots:
        app = web.Application()
        app.router.add_post("/cgi-bin/webhook/send", self._wecom)
        app.router.add_post("/robot/send", self._dingtalk)
        app.router.add_post("/cgi-bin/webhook/upload_media", self._upload)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._base = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait_for(self, count: int, timeout_s: float = 10.0) -> list[str]:
        """The texts in the group, once they are `count`. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while len(self.texts) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.texts

    async def _wecom(self, request: web.Request) -> web.Response:
        if request.query.get("key") != KEY:
            return _answer(93000, "invalid webhook url")
        return await self._receive(request, too_fast=45009)

    async def _upload(self, request: web.Request) -> web.Response:
        if request.query.get("key") != KEY:
            return _answer(93000, "invalid webhook url")
        return _answer(0, "ok", type=request.query.get("type", ""), media_id=f"media-{self.calls}")

    async def _dingtalk(self, request: web.Request) -> web.Response:
        if request.query.get("access_token") != KEY:
            return _answer(300005, "token is not exist")
        if self.secret and not self._signed(request):
            return _answer(310000, "sign not match")
        return await self._receive(request, too_fast=TOO_FAST_DINGTALK)

    def _signed(self, request: web.Request) -> bool:
        timestamp = request.query.get("timestamp", "")
        if not timestamp.isdigit() or abs(int(timestamp) - self.clock() * 1000) > SIGN_WINDOW_MS:
            return False
        mac = hmac.new(self.secret.encode(), f"{timestamp}\n{self.secret}".encode(), hashlib.sha256).digest()
        return hmac.compare_digest(request.query.get("sign", ""), base64.b64encode(mac).decode())

    async def _receive(self, request: web.Request, too_fast: int) -> web.Response:
        self.calls += 1
        await asyncio.sleep(self.delay_s)
        if self.script:
            code = self.script.popleft()
            return web.Response(status=code) if 400 <= code <= 599 else _answer(code, "refused")
        now = self.clock()
        full = len(self._times) == PER_MINUTE and now - self._times[0] < MINUTE_S / self.speed
        if full and too_fast == TOO_FAST_DINGTALK:
            self._blocked_until = now + BLOCK_S / self.speed
        if full or now < self._blocked_until:
            self.refused += 1
            return _answer(too_fast, "send too fast")
        body = orjson.loads(await request.read())
        content = _words(body)
        if not content or (body["msgtype"] == "text" and len(content.encode()) > MAX_BYTES):
            return _answer(40058, "content is empty or too long")
        self._times.append(now)
        self.bodies.append(body)
        self.texts.append(content)
        self._changed.set()
        return _answer(0, "ok")


def _words(body: dict[str, Json]) -> str:
    """What is read of a message; empty where it is none."""
    part = body.get(str(body.get("msgtype", "")))
    if not isinstance(part, dict) or not part:
        return ""
    return str(part.get("content") or part.get("text") or f"[{body['msgtype']}]")


def _answer(code: int, words: str, **more: Json) -> web.Response:
    return web.json_response({"errcode": code, "errmsg": words} | more)
