"""WeCom's customer service on the loopback: the API with its sessions and windows, and a customer's phone before it.

async with WeComKfApi(account, webhook, session) as api:
    phone = api.phone("wmCustomer")
    await phone.enters("site")            # an event with a welcome_code, if the customer may be welcomed
    await phone.says("我要退款")           # kept for sync_msg, and signalled to the webhook until it answers 200
    await api.wait_for("wmCustomer", 1)   # what the customer was sent
    await api.accept("wmCustomer", "lisi")

Sources: 接收消息和事件 https://developer.work.weixin.qq.com/document/path/94670
发送消息 https://developer.work.weixin.qq.com/document/path/94677
发送欢迎语等事件响应消息 https://developer.work.weixin.qq.com/document/path/95122
分配客服会话 https://developer.work.weixin.qq.com/document/path/94669
回调配置 https://developer.work.weixin.qq.com/document/path/90930
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from adapters.crypto import Envelope
from adapters.errcodes import read_json
from adapters.message import Json
from bot.simulate.api_server import ApiServer, Handler
from config.credentials import WeComKfAccount

CUT_S, POSTS = 5.0, 4
"""A callback is posted once and three times more."""
KEEP_S = 3 * 24 * 3600.0
WINDOW_COUNT, WINDOW_S = 5, 48 * 3600.0
RECALL_S = 120.0
SIGNAL_S = 600.0
MAX_TEXT_BYTES = 2048
NEW, BOT, POOL, HUMAN, ENDED = range(5)
LEADS_TO: Mapping[int, frozenset[int]] = {
    NEW: frozenset((BOT, POOL, HUMAN)),
    BOT: frozenset((POOL, HUMAN)),
    POOL: frozenset((HUMAN,)),
    HUMAN: frozenset((HUMAN, ENDED)),
    ENDED: frozenset(),
}
KINDS = frozenset(
    ("text", "image", "voice", "video", "file", "link", "miniprogram", "msgmenu", "location", "business_card",
     "ca_link")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """One message that the customer was sent. `event`: in answer to an event, by its code."""

    customer: str
    body: Mapping[str, Json]
    at: float
    id: str
    event: bool = False

    @property
    def text(self) -> str:
        """The words of a text; of a menu its head and items in lines."""
        content = self.body[str(self.body["msgtype"])]
        items = [item[item["type"]]["content"] for item in content.get("list", ())]
        lines = (content.get("content"), content.get("head_content"), *items, content.get("tail_content"))
        return "\n".join(str(line) for line in lines if line)


@dataclass
class Session:
    """One customer's: its state, who has it, what may still be sent and until when."""

    state: int = ENDED
    servicer: str = ""
    left: int = 0
    until: float = 0.0
    welcomed: float = -WINDOW_S
    wrote: float = -WINDOW_S


@dataclass
class _Code:
    customer: str
    until: float
    state: int | None
    kinds: frozenset[str]


@dataclass
class WeComKfApi(ApiServer):
    """`account` holds the keys, `webhook` is where callbacks go; `page` is how many items one sync_msg gives at most,
    `speed` makes the vendor's five seconds shorter."""

    account: WeComKfAccount = field(kw_only=True)
    session: aiohttp.ClientSession = field(kw_only=True)
    webhook: str = field(default="", kw_only=True)
    page: int = field(default=1000, kw_only=True)
    speed: float = field(default=1.0, kw_only=True)
    servicers: set[str] = field(default_factory=lambda: {"lisi", "wangwu"}, kw_only=True)
    shown: list[Shown] = field(default_factory=list, kw_only=True)
    recalled: list[str] = field(default_factory=list, kw_only=True)
    sessions: dict[str, Session] = field(default_factory=dict, kw_only=True)
    items: list[dict[str, Json]] = field(default_factory=list, kw_only=True)
    media: dict[str, bytes] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ids = itertools.count(1)
        self._codes: dict[str, _Code] = {}
        self._signals: dict[str, float] = {}

    def phone(self, customer: str) -> WeComKfPhone:
        return WeComKfPhone(self, customer)

    def session_of(self, customer: str) -> Session:
        return self.sessions.setdefault(customer, Session())

    def sent_to(self, customer: str) -> list[Shown]:
        return [shown for shown in self.shown if shown.customer == customer]

    async def wait_for(self, customer: str, count: int = 1, timeout_s: float = 10.0) -> list[Shown]:
        """What the customer was sent, once it is `count` messages. Raises TimeoutError."""
        await self.until(lambda: len(self.sent_to(customer)) >= count, timeout_s)
        return self.sent_to(customer)

    # --- what happens ----------------------------------------------------------------------------------------

    def keep(self, msgtype: str, origin: int, inner: Mapping[str, Json], **more: Json) -> str:
        """One item for sync_msg; its id."""
        number = f"msg{next(self._ids)}-{secrets.token_hex(4)}"
        head = {"msgid": number, "send_time": int(self.clock()), "origin": origin, "msgtype": msgtype}
        self.items.append({**head, **more, msgtype: dict(inner)})
        return number

    def happen(self, event_type: str, customer: str, **more: Json) -> str:
        named = {"event_type": event_type, "open_kfid": self.account.open_kfid, "external_userid": customer}
        return self.keep("event", 4, named | more)

    def code(self, customer: str, seconds: float, state: int | None, *kinds: str) -> str:
        code = f"CODE{secrets.token_hex(8)}"
        self._codes[code] = _Code(customer, self.clock() + seconds, state, frozenset(kinds))
        return code

    async def accept(self, customer: str, servicer: str) -> int:
        """A servicer takes the customer's session from the pool."""
        session = self.session_of(customer)
        session.state, session.servicer = HUMAN, servicer
        code = self.code(customer, WINDOW_S, HUMAN, "text")
        self.happen("session_status_change", customer, change_type=1, new_servicer_userid=servicer, msg_code=code)
        return await self.signal()

    async def says(self, customer: str, text: str) -> int:
        """The servicer writes to the customer."""
        servicer = self.session_of(customer).servicer
        named = {"open_kfid": self.account.open_kfid, "external_userid": customer, "servicer_userid": servicer}
        self.keep("text", 5, {"content": text}, **named)
        return await self.signal()

    async def end(self, customer: str) -> int:
        """The servicer ends the session."""
        session = self.session_of(customer)
        old, session.state, session.servicer = session.servicer, ENDED, ""
        code = self.code(customer, 20.0, ENDED, "text", "msgmenu")
        self.happen("session_status_change", customer, change_type=3, old_servicer_userid=old, msg_code=code)
        return await self.signal()

    async def signal(self) -> int:
        """Post the callback as the vendor does: until it is answered with 200, three times more at most. The last
        status; 0: no answer."""
        token = f"ENC{secrets.token_hex(16)}"
        self._signals[token] = self.clock() + SIGNAL_S
        body = (
            f"<xml><ToUserName><![CDATA[{self.account.corp_id}]]></ToUserName>"
            f"<CreateTime>{int(self.clock())}</CreateTime><MsgType><![CDATA[event]]></MsgType>"
            f"<Event><![CDATA[kf_msg_or_event]]></Event><Token><![CDATA[{token}]]></Token>"
            f"<OpenKfId><![CDATA[{self.account.open_kfid}]]></OpenKfId></xml>"
        )
        status = 0
        for _ in range(POSTS if self.webhook else 0):
            began = time.monotonic()
            status = await self._post(body.encode())
            if status == 200:
                break
            await asyncio.sleep(max(0.0, CUT_S / self.speed - (time.monotonic() - began)))
        return status

    async def _post(self, body: bytes) -> int:
        account = self.account
        envelope = Envelope(
            account.token.get_secret_value(), [account.encoding_aes_key.get_secret_value()], account.corp_id
        )
        sealed = envelope.seal(body, str(int(self.clock())), str(secrets.randbelow(10**10)))
        query = {"msg_signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}
        outer = (
            f"<xml><ToUserName><![CDATA[{account.corp_id}]]></ToUserName>"
            f"<Encrypt><![CDATA[{sealed.encrypt}]]></Encrypt><AgentID></AgentID></xml>"
        )
        limit = aiohttp.ClientTimeout(total=CUT_S / self.speed)
        try:
            async with self.session.post(self.webhook, params=query, data=outer.encode(), timeout=limit) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0

    # --- the API ---------------------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        calls: dict[str, Callable[[Mapping[str, Json]], web.Response]] = {
            "sync_msg": self._sync,
            "send_msg": self._send,
            "send_msg_on_event": self._send_on_event,
            "recall_msg": self._recall,
            "service_state/get": self._state,
            "service_state/trans": self._trans,
        }
        return [
            web.get("/cgi-bin/gettoken", self._token),
            web.post("/cgi-bin/media/upload", self._upload),
            web.get("/cgi-bin/media/get", self._download),
            *(web.post(f"/cgi-bin/kf/{name}", self._api(name, answer)) for name, answer in calls.items()),
        ]

    def error(self, code: int) -> web.Response:
        return web.json_response({"errcode": code, "errmsg": f"refused, hint: [1700000000_1], more info at e={code}"})

    def _api(self, name: str, answer: Callable[[Mapping[str, Json]], web.Response]) -> Handler:
        async def handle(request: web.Request) -> web.Response:
            refused = self.scripted(name) or self._unauthorised(request)
            if refused is not None:
                return refused
            body = read_json(await request.read())
            response = self.error(47001) if body is None else answer(body)
            self.changed()
            return response

        return handle

    def _unauthorised(self, request: web.Request) -> web.Response | None:
        token = request.query.get("access_token", "")
        if not token:
            return self.error(41001)
        return None if self.holds(token) else self.error(42001 if token in self._tokens else 40014)

    async def _token(self, request: web.Request) -> web.Response:
        refused = self.scripted("gettoken")
        if refused is not None:
            return refused
        if request.query.get("corpid") != self.account.corp_id:
            return self.error(40013)
        if request.query.get("corpsecret") != self.account.secret.get_secret_value():
            return self.error(40001)
        token, seconds = self.give_token()
        return web.json_response({"errcode": 0, "errmsg": "ok", "access_token": token, "expires_in": seconds})

    def _sync(self, body: Mapping[str, Json]) -> web.Response:
        """A cursor is the number of items before it; the vendor keeps three days."""
        token, cursor = str(body.get("token", "")), str(body.get("cursor", "") or "0")
        if token and self._signals.get(token, 0.0) <= self.clock():
            return self.error(95007)
        if not cursor.isdigit():
            return self.error(40058)
        oldest = self.clock() - KEEP_S
        start = int(cursor)
        end = min(len(self.items), start + min(self.page, int(body.get("limit", 1000))))
        found = [item for item in self.items[start:end] if item["send_time"] >= oldest]
        page = {"next_cursor": str(end), "has_more": int(end < len(self.items)), "msg_list": found}
        return web.json_response({"errcode": 0, "errmsg": "ok", **page})

    def _send(self, body: Mapping[str, Json]) -> web.Response:
        customer = str(body.get("touser", ""))
        session = self.session_of(customer)
        kind = str(body.get("msgtype"))
        if code := _malformed(kind, body):
            return self.error(code)
        if body.get("open_kfid") != self.account.open_kfid:
            return self.error(95000)
        if session.until <= self.clock():
            return self.error(95002)
        if session.state not in (NEW, BOT):
            return self.error(95018)
        if not session.left:
            return self.error(95001)
        session.left -= 1
        return self._show(customer, body)

    def _send_on_event(self, body: Mapping[str, Json]) -> web.Response:
        kind, code = str(body.get("msgtype")), self._codes.get(str(body.get("code")))
        if code is None or code.until <= self.clock():
            return self.error(95007)
        if wrong := _malformed(kind, body) or (0 if kind in code.kinds else 40008):
            return self.error(wrong)
        if code.state is not None and self.session_of(code.customer).state != code.state:
            return self.error(95018)
        del self._codes[str(body["code"])]
        return self._show(code.customer, body, event=True)

    def _show(self, customer: str, body: Mapping[str, Json], *, event: bool = False) -> web.Response:
        shown = Shown(customer, body, self.clock(), str(body.get("msgid") or f"out{next(self._ids)}"), event)
        self.shown.append(shown)
        return web.json_response({"errcode": 0, "errmsg": "ok", "msgid": shown.id})

    def _recall(self, body: Mapping[str, Json]) -> web.Response:
        found = next((shown for shown in self.shown if shown.id == body.get("msgid")), None)
        if found is None or self.clock() - found.at > RECALL_S:
            return self.error(40058)
        self.recalled.append(found.id)
        return web.json_response({"errcode": 0, "errmsg": "ok"})

    def _state(self, body: Mapping[str, Json]) -> web.Response:
        session = self.session_of(str(body.get("external_userid", "")))
        answer = {"errcode": 0, "errmsg": "ok", "service_state": session.state}
        return web.json_response(answer | ({"servicer_userid": session.servicer} if session.state == HUMAN else {}))

    def _trans(self, body: Mapping[str, Json]) -> web.Response:
        customer, state = str(body.get("external_userid", "")), body.get("service_state")
        servicer, session = str(body.get("servicer_userid", "")), self.session_of(customer)
        if session.state == ENDED:
            return self.error(95013)
        if state not in LEADS_TO[session.state]:
            return self.error(95016)
        if state == HUMAN and servicer not in self.servicers:
            return self.error(95014)
        session.state, session.servicer = int(state), servicer if state == HUMAN else ""
        answer: dict[str, Json] = {"errcode": 0, "errmsg": "ok"}
        if state in (POOL, HUMAN):
            answer["msg_code"] = self.code(customer, WINDOW_S, int(state), "text")
        elif state == ENDED:
            answer["msg_code"] = self.code(customer, 20.0, ENDED, "text", "msgmenu")
        return web.json_response(answer)

    async def _upload(self, request: web.Request) -> web.Response:
        refused = self.scripted("upload") or self._unauthorised(request)
        if refused is not None:
            return refused
        form = await request.post()
        given = form.get("media")
        if not isinstance(given, web.FileField):
            return self.error(44001)
        name = f"media{next(self._ids)}"
        self.media[name] = given.file.read()
        kept = {"type": request.query.get("type", ""), "media_id": name, "created_at": str(int(self.clock()))}
        return web.json_response({"errcode": 0, "errmsg": "ok", **kept})

    async def _download(self, request: web.Request) -> web.Response:
        refused = self.scripted("download") or self._unauthorised(request)
        if refused is not None:
            return refused
        found = self.media.get(request.query.get("media_id", ""))
        if found is None:
            return self.error(40007)
        named = {"Content-Disposition": 'attachment; filename="file"'}
        return web.Response(body=found, content_type="application/octet-stream", headers=named)


def _malformed(kind: str, body: Mapping[str, Json]) -> int:
    """0, or the errcode that the vendor refuses the message with whoever it is to."""
    content = body.get(kind)
    if kind not in KINDS or not isinstance(content, dict):
        return 40008
    if len(str(content.get("content", "")).encode()) > MAX_TEXT_BYTES:
        return 45002
    if len(str(content.get("head_content", "")).encode()) > 1024 or len(content.get("list", ())) > 10:
        return 40058
    return 41006 if kind in ("image", "voice", "video", "file") and not content.get("media_id") else 0


@dataclass(frozen=True)
class WeComKfPhone:
    """One customer before the account. Each returns how the callback was answered in the end."""

    api: WeComKfApi
    customer: str

    async def says(self, text: str, **more: Json) -> int:
        return await self.sends("text", content=text, **more)

    async def taps(self, item: str, menu_id: str) -> int:
        """An item of a menu that was shown."""
        return await self.says(item, menu_id=menu_id)

    async def sends(self, msgtype: str, **inner: Json) -> int:
        """A message of any type."""
        self.writes(msgtype, **inner)
        return await self.api.signal()

    def writes(self, msgtype: str, **inner: Json) -> str:
        """As `sends`, before the vendor signals it; the message's id."""
        session, now = self.api.session_of(self.customer), self.api.clock()
        session.left, session.until, session.wrote = WINDOW_COUNT, now + WINDOW_S, now
        if session.state == ENDED:
            session.state = NEW
        named = {"open_kfid": self.api.account.open_kfid, "external_userid": self.customer}
        return self.api.keep(msgtype, 3, inner, **named)

    async def enters(self, scene: str = "") -> int:
        """The customer opens the chat; who was neither welcomed nor wrote within two days may be welcomed."""
        session, now = self.api.session_of(self.customer), self.api.clock()
        more: dict[str, Json] = {"scene": scene}
        if now - max(session.welcomed, session.wrote) >= WINDOW_S:
            more["welcome_code"] = self.api.code(self.customer, 20.0, None, "text", "msgmenu")
            session.welcomed = now
        self.api.happen("enter_session", self.customer, **more)
        return await self.api.signal()

    async def takes_back(self, msgid: str) -> int:
        self.api.happen("user_recall_msg", self.customer, recall_msgid=msgid)
        return await self.api.signal()
