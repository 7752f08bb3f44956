"""WeCom's HTTP API on the loopback: tokens, app messages, cards, groups of the app's own, media.

async with WeComApi(corp_id, secret) as api:
    api.url                              # the account's api_base
    api.fail("message/send", 45009, 2)   # the next two calls are refused; 503 and the like: HTTP statuses
    api.expire_tokens()                  # every token given out so far is answered with 42001
    api.refuse_address = "203.0.113.7"   # every call is answered with 60020, as from this address
    await api.wait_for("ZhangSan", 1)    # what the member was sent

As WeCom does, a text over 2048 bytes is cut, and what goes beyond a member's 30 messages in a minute, or
1000 in an hour, is accepted and dropped (`dropped` counts it).

Sources: 发送应用消息 https://developer.work.weixin.qq.com/document/path/90236
访问频率限制 https://developer.work.weixin.qq.com/document/path/90312
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import orjson
from aiohttp import web
from aiohttp.typedefs import Middleware

from adapters.message import Json

MAX_TEXT_BYTES = 2048
QUOTAS = ((30, 60.0), (1000, 3600.0))
"""How many messages a member is shown within so many seconds."""
CODE_S = 72 * 3600.0
KINDS = frozenset(
    ("text", "image", "voice", "video", "file", "textcard", "news", "mpnews", "markdown", "miniprogram_notice",
     "template_card")
)  # fmt: skip
CHAT_KINDS = KINDS - {"miniprogram_notice", "template_card"}
TAPPED = frozenset(("button_interaction", "vote_interaction", "multiple_interaction"))


@dataclass(frozen=True, slots=True)
class WeComSent:
    """One message that a member or a group (`to`) was shown, or a card's update."""

    to: str
    body: Mapping[str, Json]
    at: float
    id: str = ""
    response_code: str = ""

    @property
    def kind(self) -> str:
        return str(self.body.get("msgtype", "update"))

    @property
    def text(self) -> str:
        part = self.body.get(self.kind)
        return str(part.get("content", "")) if isinstance(part, dict) else ""


@dataclass
class WeComApi:
    """The server. Not frozen: it is the vendor's memory."""

    corp_id: str = "ww0000000000000001"
    secret: str = "simulated-secret"  # noqa: S105
    agent_id: int = 1000002
    members: frozenset[str] = frozenset()
    """Who may see the app; empty: everybody."""
    token_s: int = 7200
    clock: Callable[[], float] = time.time
    refuse_address: str = ""
    sent: list[WeComSent] = field(default_factory=list)
    recalled: list[str] = field(default_factory=list)
    updates: list[Mapping[str, Json]] = field(default_factory=list)
    chats: dict[str, dict[str, Json]] = field(default_factory=dict)
    media: dict[str, bytes] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    dropped: int = 0
    speed: float = 1.0
    """How many times as fast the vendor's minutes and hours pass."""
    host: str = "127.0.0.1"
    port: int = 0
    middlewares: tuple[Middleware, ...] = ()
    """Around every request: to watch what goes over the wire."""

    def __post_init__(self) -> None:
        self._tokens: dict[str, float] = {}
        self._codes: dict[str, float] = {}
        self._tasks: set[str] = set()
        self._times: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=max(QUOTAS)[0]))
        self._script: defaultdict[str, deque[int]] = defaultdict(deque)
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def __aenter__(self) -> WeComApi:
        app = web.Application(client_max_size=32 * 1024 * 1024, middlewares=self.middlewares)
        app.router.add_get("/cgi-bin/gettoken", self._token)
        app.router.add_route("*", "/cgi-bin/{call:.*}", self._call)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.url = f"http://{self.host}:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    # --- what tests make it do and see -----------------------------------------------------------------------

    def fail(self, call: str, code: int, times: int = 1) -> None:
        """The next calls are answered with an errcode, or with an HTTP status (400 to 599)."""
        self._script[call].extend([code] * times)

    def expire_tokens(self) -> None:
        self._tokens = dict.fromkeys(self._tokens, 0.0)

    def sent_to(self, to: str) -> list[WeComSent]:
        return [sent for sent in self.sent if sent.to == to]

    async def wait_for(self, to: str, count: int = 1, timeout_s: float = 10.0) -> list[WeComSent]:
        """What somebody was sent, once it is `count` messages. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while len(got := self.sent_to(to)) < count:
                self._changed.clear()
                await self._changed.wait()
        return got

    # --- the endpoints ---------------------------------------------------------------------------------------

    async def _token(self, request: web.Request) -> web.Response:
        if refused := self._refused("gettoken"):
            return refused
        if request.query.get("corpid") != self.corp_id:
            return _answer(40013)
        if request.query.get("corpsecret") != self.secret:
            return _answer(40001)
        token = secrets.token_urlsafe(64)
        self._tokens[token] = self.clock() + self.token_s
        return _answer(access_token=token, expires_in=self.token_s)

    async def _call(self, request: web.Request) -> web.Response:
        call = request.match_info["call"]
        if refused := self._refused(call) or self._unauthorised(request):
            return refused
        if call == "media/upload":
            return await self._upload(request)
        if call in ("media/get", "appchat/get"):
            return self._get(call, request.query)
        try:
            body = orjson.loads(await request.read())
        except orjson.JSONDecodeError:
            return _answer(47001)
        handlers: Mapping[str, Callable[[dict[str, Json]], web.Response]] = {
            "message/send": self._send,
            "message/recall": self._recall,
            "message/update_template_card": self._update,
            "appchat/create": self._create,
            "appchat/update": self._change,
            "appchat/send": self._chat,
        }
        handler = handlers.get(call)
        return handler(body) if handler and isinstance(body, dict) else _answer(40063)

    def _refused(self, call: str) -> web.Response | None:
        self.calls[call] += 1
        if self._script[call]:
            code = self._script[call].popleft()
            return web.Response(status=code) if 400 <= code <= 599 else _answer(code)
        if self.refuse_address:
            return _answer(60020, f"not allow to access from your ip, from ip: {self.refuse_address}")
        return None

    def _unauthorised(self, request: web.Request) -> web.Response | None:
        token = request.query.get("access_token", "")
        if not token:
            return _answer(41001)
        if token not in self._tokens:
            return _answer(40014)
        return _answer(42001) if self._tokens[token] <= self.clock() else None

    def _send(self, body: dict[str, Json]) -> web.Response:
        kind = body.get("msgtype")
        if body.get("agentid") != self.agent_id:
            return _answer(301002)
        if kind not in KINDS or not isinstance(body.get(kind), dict):
            return _answer(40008)
        users = str(body.get("touser", "")).split("|")
        known = [user for user in users if user and (not self.members or user in self.members or user == "@all")]
        if not known and not body.get("toparty") and not body.get("totag"):
            return _answer(81013)
        if kind == "template_card" and (code := self._task(body[kind])):
            return _answer(code)
        tapped = kind == "template_card" and body[kind].get("card_type") in TAPPED
        response_code = secrets.token_urlsafe(16) if tapped else ""
        if response_code:
            self._codes[response_code] = self.clock() + CODE_S
        number = secrets.token_urlsafe(16)
        for to in known or [str(body.get("toparty") or body.get("totag"))]:
            self._show(WeComSent(to, _cut(body), self.clock(), number, response_code))
        missing = "|".join(user for user in users if user and user not in known)
        return _answer(invaliduser=missing, msgid=number, response_code=response_code)

    def _task(self, card: Mapping[str, Json]) -> int:
        task = str(card.get("task_id", ""))
        if card.get("card_type") in TAPPED and (not task or task in self._tasks or len(task) > 128):
            return 42014
        self._tasks.add(task)
        return 0

    def _show(self, sent: WeComSent) -> None:
        times = self._times[sent.to]
        if any(len(times) >= most and sent.at - times[-most] < within_s / self.speed for most, within_s in QUOTAS):
            self.dropped += 1
            return
        times.append(sent.at)
        self.sent.append(sent)
        self._changed.set()

    def _recall(self, body: dict[str, Json]) -> web.Response:
        found = [sent for sent in self.sent if sent.id and sent.id == body.get("msgid")]
        if not found:
            return _answer(40063)
        self.sent = [sent for sent in self.sent if sent.id != found[0].id]
        self.recalled.append(found[0].id)
        return _answer()

    def _update(self, body: dict[str, Json]) -> web.Response:
        if self._codes.pop(str(body.get("response_code", "")), 0.0) <= self.clock():
            return _answer(42017)
        self.updates.append(body)
        return _answer()

    def _create(self, body: dict[str, Json]) -> web.Response:
        members = body.get("userlist")
        if not isinstance(members, list) or not 2 <= len(members) <= 2000:
            return _answer(86101)
        chat = str(body.get("chatid") or secrets.token_hex(8))
        if chat in self.chats:
            return _answer(86215)
        owner = body.get("owner", members[0])
        self.chats[chat] = {"chatid": chat, "name": body.get("name", ""), "owner": owner, "userlist": members}
        return _answer(chatid=chat)

    def _change(self, body: dict[str, Json]) -> web.Response:
        if (chat := self.chats.get(str(body.get("chatid")))) is None:
            return _answer(86003)
        gone = body.get("del_user_list", [])
        chat["userlist"] = [one for one in [*chat["userlist"], *body.get("add_user_list", [])] if one not in gone]
        chat |= {name: body[name] for name in ("name", "owner") if name in body}
        return _answer()

    def _chat(self, body: dict[str, Json]) -> web.Response:
        if body.get("chatid") not in self.chats:
            return _answer(86003)
        if body.get("msgtype") not in CHAT_KINDS:
            return _answer(40008)
        self.sent.append(WeComSent(str(body["chatid"]), _cut(body), self.clock()))
        self._changed.set()
        return _answer()

    async def _upload(self, request: web.Request) -> web.Response:
        found = (await request.post()).get("media")
        if not isinstance(found, web.FileField):
            return _answer(44001)
        media = secrets.token_urlsafe(16)
        self.media[media] = found.file.read()
        return _answer(type=request.query.get("type", ""), media_id=media, created_at=str(int(self.clock())))

    def _get(self, call: str, query: Mapping[str, str]) -> web.Response:
        if call == "appchat/get":
            chat = self.chats.get(query.get("chatid", ""))
            return _answer(chat_info=chat) if chat else _answer(86003)
        data = self.media.get(query.get("media_id", ""))
        if data is None:
            return _answer(40007)
        head = {"Content-Disposition": 'attachment; filename="media"'}
        return web.Response(body=data, content_type="application/octet-stream", headers=head)


def _cut(body: dict[str, Json]) -> dict[str, Json]:
    """As it is shown: a text ends after 2048 bytes, wherever that is."""
    text = body.get("text")
    if not isinstance(text, dict):
        return body
    cut = str(text.get("content", "")).encode()[:MAX_TEXT_BYTES].decode("utf-8", "replace")
    return body | {"text": text | {"content": cut}}


def _answer(errcode: int = 0, errmsg: str = "", **more: Json) -> web.Response:
    return web.json_response({"errcode": errcode, "errmsg": errmsg or ("refused" if errcode else "ok")} | more)
