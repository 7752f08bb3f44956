"""WeChat's HTTP API on the loopback: tokens, customer-service messages, typing, with quotas and error codes; what
there is besides (`api.account`: menus, QR codes, template messages and more) is in `bot/simulate/wechat_account.py`.

async with WeChatApi(app_id, app_secret) as api:
    api.url                              # the account's api_base
    api.fail("send", 45009, times=2)     # the next two sends are refused; 503 and the like: HTTP statuses
    api.expire_tokens()                  # every token given out so far is answered with 42001
    api.refuse_tokens()                  # every token, old and new, is answered with 40001
    await api.wait_for(openid, 1)        # what the customer was sent
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import get_args

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware

from adapters.message import Json
from bot.simulate.wechat_account import PICTURE, AccountApi, Endpoint, Handler
from bot.simulate.wechat_media import MediaShelf

WINDOW_COUNT, WINDOW_S = 5, 48 * 3600.0
MENU = frozenset(("click", "scan", "subscribe", "scancode_push", "scancode_waitmsg"))
MENU_COUNT, MENU_WINDOW_S = 3, 60.0
MAX_TEXT_BYTES = 2048
MAX_UPLOAD_BYTES = 12 << 20
KINDS = frozenset(
    ("text", "image", "voice", "video", "music", "news", "mpnews", "mpnewsarticle", "msgmenu", "wxcard",
     "miniprogrampage")
)  # fmt: skip

ERRMSG: Mapping[int, str] = {
    -1: "system error",
    40001: "invalid credential, access_token is invalid or not latest",
    40003: "invalid openid",
    40004: "invalid media type",
    40005: "invalid file type",
    40007: "invalid media_id",
    40008: "invalid message type",
    40013: "invalid appid",
    40125: "invalid appsecret",
    40164: "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist",
    41001: "access_token missing",
    41005: "media data missing",
    42001: "access_token expired",
    45001: "media size out of limit",
    45002: "content size out of limit",
    45009: "reach max api daily quota limit",
    45015: "response out of time limit or subscription is canceled",
    45047: "out of response count limit",
    40016: "invalid button size",
    40017: "invalid button type",
    40018: "invalid button name size",
    40037: "invalid template_id",
    43004: "require subscribe",
    43101: "user refuse to accept the msg",
    46003: "menu no exist",
    47001: "data format error",
    47003: "argument invalid! data is invalid",
    48001: "api unauthorized",
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One customer-service message that the vendor accepted."""

    openid: str
    body: Mapping[str, Json]
    at: float

    @property
    def kind(self) -> str:
        return str(self.body["msgtype"])

    @property
    def text(self) -> str:
        """The words of a text; of a menu its head, items and tail in lines; of a notice its data."""
        content = self.body[self.kind]
        if isinstance(data := content.get("data"), dict):
            return "\n".join(f"{name}: {value['value']}" for name, value in data.items())
        items = (item["content"] for item in content.get("list", ()))
        lines = (content.get("content"), content.get("head_content"), *items, content.get("tail_content"))
        return "\n".join(str(line) for line in lines if line)


@dataclass
class _Window:
    """How many more messages a customer may be sent, and until when."""

    left: int
    until: float


@dataclass
class WeChatApi:
    """The server. `strict` refuses (45015) a customer who has not written; else only who has is counted.
    Not frozen: it is the vendor's memory."""

    app_id: str = "wx0000000000000001"
    app_secret: str = "simulated-secret"  # noqa: S105
    token_s: int = 7200
    strict: bool = False
    strict_media: bool = False
    """Refuse media ids that were not given out here, or are older than three days."""
    clock: Callable[[], float] = time.time
    delay_s: float = 0.0
    """How long each answer takes: a slow vendor."""
    host: str = "127.0.0.1"
    port: int = 0
    sent: list[Sent] = field(default_factory=list)
    typing: list[tuple[str, str]] = field(default_factory=list)
    calls: Counter[Endpoint] = field(default_factory=Counter)
    """Requests by endpoint, refused ones too."""
    on_sent: Callable[[Sent], None] | None = None
    middlewares: tuple[Middleware, ...] = ()
    """Around every request: to watch what goes over the wire."""

    def __post_init__(self) -> None:
        self._tokens: dict[str, float] = {}
        self._refusing = False
        self._script: dict[Endpoint, deque[int]] = {name: deque() for name in get_args(Endpoint)}
        self.account = AccountApi(lambda: self.clock(), self._noticed, self._left)
        self._windows: dict[str, dict[str, _Window]] = {}
        self.media = MediaShelf(self.clock)
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None

    # --- the server ------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def __aenter__(self) -> WeChatApi:
        app = web.Application(client_max_size=MAX_UPLOAD_BYTES, middlewares=self.middlewares)
        app.router.add_post("/cgi-bin/media/upload", self._upload)
        app.router.add_get("/cgi-bin/media/get", self._media)
        app.router.add_get("/video/{media}", self.media.video)
        app.router.add_post("/cgi-bin/stable_token", self._token)
        app.router.add_post("/cgi-bin/message/custom/send", self._send)
        app.router.add_post("/cgi-bin/message/custom/typing", self._typing)
        for name, method, path, handler in self.account.routes():
            app.router.add_route(method, path, self._served(name, path, handler))
        app.router.add_get("/cgi-bin/showqrcode", self._picture)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    # --- what tests make it do and see -----------------------------------------------------------------------

    def fail(self, endpoint: Endpoint, code: int, times: int = 1) -> None:
        """The next calls of `endpoint` are answered with an errcode, or with an HTTP status (400 to 599)."""
        self._script[endpoint].extend([code] * times)

    def expire_tokens(self) -> None:
        self._tokens = dict.fromkeys(self._tokens, 0.0)

    def refuse_tokens(self, refuse: bool = True) -> None:
        self._refusing = refuse

    def hear(self, openid: str, event: str = "") -> None:
        """The customer wrote, or (`event`, the vendor's name in lower case) did something. A click opens a window
        beside that of a message."""
        now, windows = self.clock(), self._windows.setdefault(openid, {})
        if event == "subscribe":
            windows.pop("closed", None)
        if event in MENU:
            windows["click"] = _Window(MENU_COUNT, now + MENU_WINDOW_S)
        elif event == "unsubscribe":
            self._windows[openid] = {"closed": _Window(0, 0.0)}
        elif not event:
            windows["message"] = _Window(WINDOW_COUNT, now + WINDOW_S)

    def _open(self, openid: str) -> list[_Window]:
        """The customer's windows, the one that ends first before the others."""
        windows = self._windows.get(openid, {}).values()
        return sorted((window for window in windows if window.until > self.clock()), key=lambda window: window.until)

    def sent_to(self, openid: str) -> list[Sent]:
        return [sent for sent in self.sent if sent.openid == openid]

    async def wait_for(self, openid: str, count: int = 1, timeout_s: float = 10.0) -> list[Sent]:
        """What the customer was sent, once it is `count` messages. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while len(got := self.sent_to(openid)) < count:
                self._changed.clear()
                await self._changed.wait()
        return got

    # --- the endpoints ---------------------------------------------------------------------------------------

    async def _token(self, request: web.Request) -> web.Response:
        refused = await self._scripted("token")
        if refused is not None:
            return refused
        asked = _json(await request.read()) or {}
        if asked.get("appid") != self.app_id:
            return _error(40013)
        if asked.get("secret") != self.app_secret:
            return _error(40125)
        now = self.clock()
        token = next((token for token, until in self._tokens.items() if until - 300 > now), "")
        if not token or asked.get("force_refresh"):
            token = f"{secrets.token_urlsafe(96)}"
            self._tokens[token] = now + self.token_s
        return web.json_response({"access_token": token, "expires_in": int(self._tokens[token] - now)})

    async def _send(self, request: web.Request) -> web.Response:
        refused = await self._scripted("send") or self._unauthorised(request)
        if refused is not None:
            return refused
        body = _json(await request.read())
        code = self._judge(body)
        if code or body is None:
            return _error(code)
        sent = Sent(str(body["touser"]), body, self.clock())
        if window := next((window for window in self._open(sent.openid) if window.left), None):
            window.left -= 1
        self._accepted(sent)
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    async def _typing(self, request: web.Request) -> web.Response:
        refused = await self._scripted("typing") or self._unauthorised(request)
        if refused is not None:
            return refused
        body = _json(await request.read())
        if body is None or body.get("command") not in ("Typing", "CancelTyping"):
            return _error(47001 if body is None else 45072)
        self.typing.append((str(body.get("touser")), str(body["command"])))
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    async def _upload(self, request: web.Request) -> web.Response:
        refused = await self._scripted("upload") or self._unauthorised(request)
        if refused is not None:
            return refused
        answer = await self.media.upload(request)
        return _error(answer) if isinstance(answer, int) else answer

    async def _media(self, request: web.Request) -> web.Response:
        refused = await self._scripted("media") or self._unauthorised(request)
        if refused is not None:
            return refused
        answer = self.media.get(request.query.get("media_id", ""), self.url)
        return _error(answer) if isinstance(answer, int) else answer

    def _served(self, name: Endpoint, path: str, handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
        """`handler` behind what every call must pass: the script, the token, the day's quota."""

        async def serve(request: web.Request) -> web.Response:
            refused = await self._scripted(name) or self._unauthorised(request)
            if refused is not None:
                return refused
            body = _json(await request.read()) if request.method == "POST" else {}
            if body is None:
                return _error(47001)
            if not self.account.spend(path):
                return _error(45009)
            answer = handler(body)
            return (
                _error(answer)
                if isinstance(answer, int)
                else web.json_response({"errcode": 0, "errmsg": "ok"} | answer)
            )

        return serve

    async def _picture(self, request: web.Request) -> web.Response:
        if request.query.get("ticket", "") not in self.account.scenes:
            return web.Response(status=404)
        return web.Response(body=PICTURE, content_type="image/jpg")

    def _noticed(self, openid: str, kind: str, body: Mapping[str, Json]) -> None:
        self._accepted(Sent(openid, {"msgtype": kind, kind: body}, self.clock()))

    def _accepted(self, sent: Sent) -> None:
        self.sent.append(sent)
        self._changed.set()
        if self.on_sent is not None:
            self.on_sent(sent)

    def _left(self, openid: str) -> bool:
        return "closed" in self._windows.get(openid, {})

    async def _scripted(self, endpoint: Endpoint) -> web.Response | None:
        self.calls[endpoint] += 1
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if not self._script[endpoint]:
            return None
        code = self._script[endpoint].popleft()
        return web.Response(status=code) if 400 <= code <= 599 else _error(code)

    def _unauthorised(self, request: web.Request) -> web.Response | None:
        token = request.query.get("access_token", "")
        if not token:
            return _error(41001)
        if self._refusing or token not in self._tokens:
            return _error(40001)
        return _error(42001) if self._tokens[token] <= self.clock() else None

    def _judge(self, body: Mapping[str, Json] | None) -> int:
        """0, or the errcode that the vendor would refuse the message with."""
        if body is None:
            return 47001
        kind, openid = str(body.get("msgtype", "")), str(body.get("touser", ""))
        if kind not in KINDS or not isinstance(body.get(kind), dict):
            return 40008
        if not openid:
            return 40003
        if kind in ("image", "voice", "video") and self.strict_media and not self.media.known(_media_id(body[kind])):
            return 40007
        if any(len(str(body[kind].get(part, "")).encode()) > MAX_TEXT_BYTES for part in ("content", "head_content")):
            return 45002
        if not self._windows.get(openid):
            return 45015 if self.strict else 0
        windows = self._open(openid)
        if not windows:
            return 45015
        return 0 if any(window.left for window in windows) else 45047


def _media_id(content: Mapping[str, Json]) -> str:
    return str(content.get("media_id", ""))


def _error(code: int) -> web.Response:
    return web.json_response({"errcode": code, "errmsg": f"{ERRMSG.get(code, 'refused')} rid: 6560-1a2b-3c4d"})


def _json(body: bytes) -> dict[str, Json] | None:
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return data if isinstance(data, dict) else None
