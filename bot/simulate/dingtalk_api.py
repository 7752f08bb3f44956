"""DingTalk's HTTP API on the loopback: tokens, session webhooks, robots' messages, cards, media, recall, connections.

async with DingTalkApi(client_id, client_secret) as api:
    api.url                              # the account's api_base, oapi_base and gateway
    api.fail("user", 429, times=2)       # the next two calls are refused; a text: the API's code, with HTTP 400
    api.expire_tokens()                  # every token given out so far is answered with 401
    api.expire_sessions()                # every session webhook so far is answered with errcode 300001
    await api.wait_for("user1", 1)       # what this person, or a group by its conversationId, has been shown

Sources: as in adapters/dingtalk. The gateway of Stream mode is in `bot.simulate.dingtalk`.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware

from adapters.errcodes import read_json
from adapters.message import Json

MAX_BYTES = 20_000
TOKEN_HEADER = "x-acs-dingtalk-access-token"  # noqa: S105
EXPIRED = 300001
Endpoint = Literal[
    "token", "session", "user", "group", "create", "update", "stream", "upload", "download", "recall", "open"
]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Shown:
    """One message in a chat. `way`: session, user, group or card; `body`: as it was sent, msgParam unpacked."""

    way: str
    kind: str
    body: Mapping[str, Json]
    key: str = ""

    @property
    def text(self) -> str:
        """The words that people read."""
        said = self.body.get(self.kind, self.body)
        for name in ("content", "text", "title"):
            if isinstance(said, dict) and said.get(name):
                return str(said[name])
        return ""


@dataclass
class CardShown:
    """A card as it stands: its data, and each text that was typed into it."""

    space: str
    template: str
    data: dict[str, str]
    callback: str
    typed: list[str] = field(default_factory=list)
    final: bool = False


@dataclass
class DingTalkApi:
    """The server. Not frozen: it is the vendor's memory."""

    client_id: str = "dingsimulated"
    client_secret: str = "simulated-secret"  # noqa: S105
    staff: frozenset[str] = frozenset()
    """userids of the company; empty: everybody is."""
    clock: Callable[[], float] = time.time
    delay_s: float = 0.0
    """How long each answer takes: a slow vendor."""
    host: str = "127.0.0.1"
    port: int = 0
    token_s: int = 7200
    calls: Counter[str] = field(default_factory=Counter)
    """Requests by endpoint, refused ones too."""
    chats: dict[str, list[Shown]] = field(default_factory=lambda: defaultdict(list))
    cards: dict[str, CardShown] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    """Media by id or download code."""
    recalled: list[str] = field(default_factory=list)
    tickets: set[str] = field(default_factory=set)
    """Given out for connections, and not used yet."""
    endpoint: str = ""
    """Where connections are made; the gateway sets it."""
    middlewares: tuple[Middleware, ...] = ()
    """Around every request: to watch what goes over the wire."""
    on_read: Callable[[str, str], None] | None = None
    """Told the chat and the words of each message, and of each card once it has all its words."""

    def __post_init__(self) -> None:
        self._tokens: dict[str, float] = {}
        self._sessions: dict[str, str] = {}
        self._script: dict[str, deque[int | str]] = defaultdict(deque)
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None

    # --- the server ------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def __aenter__(self) -> DingTalkApi:
        app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=self.middlewares)
        for method, path, endpoint, handler in self._routes():
            app.router.add_route(method, path, self._guarded(endpoint, handler))
        app.router.add_get("/files/{code}", self._file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def _routes(self) -> tuple[tuple[str, str, Endpoint, Handler], ...]:
        return (
            ("POST", "/v1.0/oauth2/accessToken", "token", self._token),
            ("POST", "/robot/sendBySession", "session", self._session),
            ("POST", "/v1.0/robot/oToMessages/batchSend", "user", self._to_users),
            ("POST", "/v1.0/robot/groupMessages/send", "group", self._to_group),
            ("POST", "/v1.0/robot/otoMessages/batchRecall", "recall", self._recall),
            ("POST", "/v1.0/robot/groupMessages/recall", "recall", self._recall),
            ("POST", "/v1.0/card/instances/createAndDeliver", "create", self._create),
            ("PUT", "/v1.0/card/instances", "update", self._update),
            ("PUT", "/v1.0/card/streaming", "stream", self._stream),
            ("POST", "/media/upload", "upload", self._upload),
            ("POST", "/v1.0/robot/messageFiles/download", "download", self._download),
            ("POST", "/v1.0/gateway/connections/open", "open", self._open),
        )

    def _guarded(self, endpoint: Endpoint, handler: Handler) -> Handler:
        """What comes before every call: it is counted, a script may refuse it, its token is checked."""

        async def answer(request: web.Request) -> web.StreamResponse:
            self.calls[endpoint] += 1
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if self._script[endpoint]:
                return _scripted(self._script[endpoint].popleft())
            if endpoint not in ("token", "session", "open") and not self._authorised(request):
                if endpoint == "upload":
                    return _errcode(40014, "不合法的access_token")
                return _error(401, "InvalidAuthentication", "不合法的access_token")
            return await handler(request)

        return answer

    def _authorised(self, request: web.Request) -> bool:
        token = request.headers.get(TOKEN_HEADER) or request.query.get("access_token", "")
        return self._tokens.get(token, 0.0) > self.clock()

    # --- what tests make it do and see -----------------------------------------------------------------------

    def fail(self, endpoint: Endpoint, code: int | str, times: int = 1) -> None:
        """The next calls of `endpoint` are answered with an HTTP status (400 to 599), an errcode in a 200, or a code of
        the API: with HTTP 403 where it speaks of access, else 400."""
        self._script[endpoint].extend([code] * times)

    def expire_tokens(self) -> None:
        self._tokens = dict.fromkeys(self._tokens, 0.0)

    def expire_sessions(self) -> None:
        self._sessions.clear()

    def session_url(self, chat: str) -> str:
        """A new session webhook into a chat."""
        session = secrets.token_hex(16)
        self._sessions[session] = chat
        return f"{self.url}/robot/sendBySession?session={session}"

    def show(self, chat: str, shown: Shown) -> None:
        self.chats[chat].append(shown)
        self._changed.set()
        if shown.way != "card":
            self._read(chat, shown.text or f"[{shown.kind}]")

    def _read(self, chat: str, words: str) -> None:
        if self.on_read is not None:
            self.on_read(chat, words)

    async def wait_for(self, chat: str, count: int = 1, timeout_s: float = 10.0) -> list[Shown]:
        """What the chat has been shown, once it is `count` messages. Raises TimeoutError."""
        await self.wait_until(lambda: len(self.chats[chat]) >= count, timeout_s)
        return self.chats[chat]

    async def wait_until(self, holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    # --- the endpoints ---------------------------------------------------------------------------------------

    async def _token(self, request: web.Request) -> web.Response:
        asked = await _json(request)
        if (asked.get("appKey"), asked.get("appSecret")) != (self.client_id, self.client_secret):
            return _error(400, "invalidClientIdOrSecret", "无效的clientId或者clientSecret")
        token = secrets.token_hex(16)
        self._tokens[token] = self.clock() + self.token_s
        return web.json_response({"accessToken": token, "expireIn": self.token_s})

    async def _session(self, request: web.Request) -> web.Response:
        chat = self._sessions.get(request.query.get("session", ""))
        if chat is None:
            return _errcode(EXPIRED, "session不存在或已过期")
        raw = await request.read()
        body = read_json(raw) or {}
        kind = str(body.get("msgtype", ""))
        if not isinstance(body.get(kind), dict):
            return _errcode(40035, "不合法的参数")
        if len(raw) > MAX_BYTES:
            return _errcode(460101, "message too long")
        self.show(chat, Shown("session", kind, body))
        return _errcode(0, "ok")

    async def _to_users(self, request: web.Request) -> web.Response:
        body = await _json(request)
        users = [str(user) for user in body.get("userIds", [])]
        known = [user for user in users if not self.staff or user in self.staff]
        key = self._sent(body, known, "user")
        if isinstance(key, web.Response):
            return key
        invalid = [user for user in users if user not in known]
        answer = {"processQueryKey": key, "invalidStaffIdList": invalid, "flowControlledStaffIdList": []}
        return web.json_response(answer)

    async def _to_group(self, request: web.Request) -> web.Response:
        body = await _json(request)
        key = self._sent(body, [str(body.get("openConversationId", ""))], "group")
        return key if isinstance(key, web.Response) else web.json_response({"processQueryKey": key})

    def _sent(self, body: Mapping[str, Json], chats: list[str], way: str) -> str | web.Response:
        param = read_json(str(body.get("msgParam", "")).encode())
        if not body.get("robotCode") or param is None or not str(body.get("msgKey", "")).startswith("sample"):
            return _error(400, "invalidParameter.msgParam.invalid", "msgParam is no JSON text")
        key = secrets.token_urlsafe(18)
        for chat in chats:
            self.show(chat, Shown(way, str(body["msgKey"]), param, key))
        return key

    async def _recall(self, request: web.Request) -> web.Response:
        keys = [str(key) for key in (await _json(request)).get("processQueryKeys", [])]
        there = {shown.key for chat in self.chats.values() for shown in chat}
        self.recalled += [key for key in keys if key in there]
        failed = {key: "消息不存在" for key in keys if key not in there}
        good = [key for key in keys if key in there]
        return web.json_response({"successResult": good, "failedResult": failed})

    # --- cards -----------------------------------------------------------------------------------------------

    async def _create(self, request: web.Request) -> web.Response:
        body = await _json(request)
        track, space = str(body.get("outTrackId", "")), str(body.get("openSpaceId", ""))
        data = body.get("cardData", {}).get("cardParamMap", {})
        if not track or not body.get("cardTemplateId") or not all(isinstance(value, str) for value in data.values()):
            return _error(400, "invalidParameter.cardData.invalid", "every value of cardParamMap is a text")
        if track in self.cards:
            return _error(400, "param.outTrackId.exist", "outTrackId already exists")
        chat = space.removeprefix("dtv1.card//").partition(".")[2]
        self.cards[track] = CardShown(chat, str(body["cardTemplateId"]), dict(data), str(body.get("callbackType", "")))
        self.show(chat, Shown("card", "card", {"card": {"title": track}}, track))
        if "flowStatus" not in data:
            buttons = [each["text"] for each in orjson.loads(data.get("buttons") or "[]")]
            self._read(chat, "\n".join([data.get("content", ""), *(f"[{button}]" for button in buttons)]))
        delivered = [{"spaceId": chat, "spaceType": "IM", "success": True}]
        return web.json_response({"success": True, "result": {"outTrackId": track, "deliverResults": delivered}})

    async def _update(self, request: web.Request) -> web.Response:
        body = await _json(request)
        card = self.cards.get(str(body.get("outTrackId", "")))
        if card is None:
            return _error(400, "param.card.notExist", "no such card")
        card.data |= {key: str(value) for key, value in body.get("cardData", {}).get("cardParamMap", {}).items()}
        self._changed.set()
        return web.json_response({"success": True, "result": True})

    async def _stream(self, request: web.Request) -> web.Response:
        body = await _json(request)
        card = self.cards.get(str(body.get("outTrackId", "")))
        if card is None or not body.get("guid"):
            return _error(400, "param.card.notExist", "no such card")
        content = str(body.get("content", ""))
        text = content if body.get("isFull") else card.data.get(str(body["key"]), "") + content
        card.data[str(body["key"])] = text
        card.typed.append(text)
        if body.get("isFinalize") and not card.final:
            card.final = True
            self._read(card.space, text)
        self._changed.set()
        return web.json_response({"success": True, "result": True})

    # --- media, connections ----------------------------------------------------------------------------------

    async def _upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        media = form.get("media")
        if form.get("type") not in ("image", "voice", "video", "file") or not isinstance(media, web.FileField):
            return _errcode(40004, "不合法的媒体文件类型")
        id = f"@{secrets.token_urlsafe(16)}"
        self.files[id] = media.file.read()
        return web.json_response({"errcode": 0, "errmsg": "ok", "media_id": id, "type": form["type"]})

    async def _download(self, request: web.Request) -> web.Response:
        code = str((await _json(request)).get("downloadCode", ""))
        if code not in self.files:
            return _error(400, "invalidParameter.downloadCode.invalid", "the code is not known")
        return web.json_response({"downloadUrl": f"{self.url}/files/{code}"})

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.files.get(request.match_info["code"], b""))

    async def _open(self, request: web.Request) -> web.Response:
        asked = await _json(request)
        if (asked.get("clientId"), asked.get("clientSecret")) != (self.client_id, self.client_secret):
            return _error(401, "authFailed", "鉴权失败")
        if not asked.get("subscriptions"):
            return _error(400, "invalidParameter.subscriptions", "nothing is subscribed to")
        ticket = secrets.token_hex(16)
        self.tickets.add(ticket)
        return web.json_response({"endpoint": self.endpoint, "ticket": ticket})


def _scripted(code: int | str) -> web.Response:
    if isinstance(code, str):
        return _error(403 if code.startswith("Forbidden") else 400, code, "refused")
    return web.Response(status=code) if 400 <= code <= 599 else _errcode(code, "refused")


def _errcode(code: int, words: str) -> web.Response:
    return web.json_response({"errcode": code, "errmsg": words})


def _error(status: int, code: str, words: str) -> web.Response:
    return web.json_response({"code": code, "message": words, "requestid": secrets.token_hex(8)}, status=status)


async def _json(request: web.Request) -> dict[str, Json]:
    return read_json(await request.read()) or {}


def packed(value: Json) -> str:
    return orjson.dumps(value).decode()
