"""A person's DingTalk as a robot sees it, in a private chat or a group, by HTTP callbacks or by the Stream gateway.

    async with DingTalkApi() as api, DingTalkGateway(api) as gateway:
        phone = DingTalkPhone(api, Callbacks(url, account, session))     # or gateway, for Stream mode
        await phone.says("我要退款")
        (await api.wait_for(phone.chat))[-1].text

A callback that is not answered with 200 is posted again, three times in all; a frame that is not acknowledged within
60 s is sent again over any open connection. `speed` makes those waits shorter in tests.

Sources: 接收消息 https://open.dingtalk.com/document/orgapp/receive-message
Stream 模式 https://open.dingtalk.com/document/orgapp/stream
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import itertools
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

import aiohttp
import orjson
from aiohttp import WSMsgType, web

from adapters.crypto import Envelope, Sealed
from adapters.errcodes import read_json
from adapters.message import Json
from bot.simulate.dingtalk_api import CardShown, DingTalkApi, packed
from config.credentials import DingTalkAccount

AGAIN_S = 60.0
POSTS = 3
CUT_S = 5.0
SESSION_S = 90 * 60.0
BOT, CARD = "/v1.0/im/bot/messages/get", "/v1.0/card/instances/callback"
ROBOT = "$:LWCP_v1:$robot"


class Wire(Protocol):
    """How what people do reaches the bot. Each gives the bot's answer to it."""

    async def message(self, body: dict[str, Json]) -> Json: ...

    async def tap(self, body: dict[str, Json]) -> Json: ...

    async def event(self, name: str, data: dict[str, Json]) -> Json: ...


@dataclass
class DingTalkPhone:
    """One person before one robot; `group`: the conversationId of the group that they write in."""

    api: DingTalkApi
    wire: Wire
    user: str = "staff1"
    nick: str = "小钉"
    group: str = ""
    outsider: bool = False
    ids: Iterator[int] = field(default_factory=lambda: itertools.count(secrets.randbits(48)))

    @property
    def chat(self) -> str:
        """Under what the api keeps what this chat is shown."""
        return self.group or (f"$:LWCP_v1:${self.user}" if self.outsider else self.user)

    async def says(self, text: str, *, mentions: bool = True, quoting: str = "") -> Json:
        said: dict[str, Json] = {"content": f" {text}" if self.group else text}
        if quoting:
            said |= {"isReplyMsg": True, "repliedMsg": {"msgType": "text", "content": {"text": quoting}}}
        return await self.wire.message(self.message("text", text=said) | {"isInAtList": mentions})

    async def shows(self, picture: bytes) -> Json:
        return await self.wire.message(self.message("picture", content={"downloadCode": self._keep(picture)}))

    async def speaks(self, recognition: str) -> Json:
        content = {"downloadCode": self._keep(b"#!AMR"), "recognition": recognition, "duration": 2000}
        return await self.wire.message(self.message("audio", content=content))

    async def sends(self, name: str, file: bytes) -> Json:
        return await self.wire.message(
            self.message("file", content={"downloadCode": self._keep(file), "fileName": name})
        )

    async def taps(self, track: str, title: str) -> Json:
        """A button of a card, by its words; the card then shows what the bot answered."""
        card = self.api.cards[track]
        event = next(each["event"] for each in orjson.loads(card.data["buttons"]) if each["text"] == title)
        params = event["params"]
        pressed = {"cardPrivateData": {"actionIds": [params["actionId"]], "params": params["params"]}}
        body = {"type": "actionCallback", "outTrackId": track, "userId": self.user, "content": packed(pressed)}
        answer = await self.wire.tap(body)
        _updated(card, answer)
        return answer

    def message(self, kind: str, **more: Json) -> dict[str, Json]:
        """A robot's callback of any msgtype, with an id of its own."""
        now = int(self.api.clock() * 1000)
        sender = {} if self.outsider else {"senderStaffId": self.user}
        return {
            "msgtype": kind,
            "msgId": f"msg{next(self.ids)}==",
            "createAt": now,
            "conversationType": "2" if self.group else "1",
            "conversationId": self.group or f"cid-{self.user}",
            "senderId": f"$:LWCP_v1:${self.user}",
            "senderNick": self.nick,
            "chatbotUserId": ROBOT,
            "robotCode": self.api.client_id,
            "isInAtList": True,
            "sessionWebhook": self.api.session_url(self.chat),
            "sessionWebhookExpiredTime": now + int(SESSION_S * 1000),
            **sender,
            **more,
        }

    def _keep(self, data: bytes) -> str:
        code = secrets.token_urlsafe(12)
        self.api.files[code] = data
        return code


def _updated(card: CardShown, answer: Json) -> None:
    data = answer.get("cardData", {}).get("cardParamMap", {}) if isinstance(answer, dict) else {}
    card.data |= {key: str(value) for key, value in data.items()}


# --- HTTP callbacks ------------------------------------------------------------------------------------------


@dataclass
class Callbacks:
    """Callbacks of one app to the bot's `url`; `statuses` are what the POSTs were answered with, 0 for nothing."""

    url: str
    account: DingTalkAccount
    session: aiohttp.ClientSession
    clock: Callable[[], float] = time.time
    speed: float = 1.0
    statuses: list[int] = field(default_factory=list)

    async def message(self, body: dict[str, Json]) -> Json:
        return await self._until_answered(lambda: (self.signed(), {}, orjson.dumps(body)))

    async def tap(self, body: dict[str, Json]) -> Json:
        def made() -> tuple[dict[str, str], dict[str, str], bytes]:
            timestamp = self._now()
            sign = _hmac(self.account.card_secret.get_secret_value(), timestamp)
            headers = {"x-ddpaas-signature-timestamp": timestamp, "x-ddpaas-signature": sign}
            return headers, {}, orjson.dumps(body)

        return await self._until_answered(made)

    async def event(self, name: str, data: dict[str, Json]) -> Json:
        """The decrypted answer: `success` where the bot took it."""
        body = orjson.dumps({"EventType": name, "TimeStamp": int(self.clock() * 1000)} | data)

        def made() -> tuple[dict[str, str], dict[str, str], bytes]:
            sealed = self._envelope.seal(body, self._now(), secrets.token_hex(4))
            query = {"msg_signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}
            return {}, query, orjson.dumps({"encrypt": sealed.encrypt})

        answer = await self._until_answered(made)
        if not isinstance(answer, dict) or "encrypt" not in answer:
            return answer
        sealed = Sealed(*(str(answer[key]) for key in ("encrypt", "msg_signature", "timeStamp", "nonce")))
        return self._envelope.open(sealed).message.decode()

    def signed(self) -> dict[str, str]:
        timestamp, secret = self._now(), self.account.client_secret.get_secret_value()
        return {"timestamp": timestamp, "sign": _hmac(secret, f"{timestamp}\n{secret}")}

    async def _until_answered(self, made: Callable[[], tuple[dict[str, str], dict[str, str], bytes]]) -> Json:
        for _ in range(POSTS):
            headers, query, body = made()
            status, answer = await self.post(headers, query, body)
            if status == 200:
                return read_json(answer)
        return None

    async def post(self, headers: dict[str, str], query: dict[str, str], body: bytes) -> tuple[int, bytes]:
        limit = aiohttp.ClientTimeout(total=CUT_S / self.speed)
        kind = {"Content-Type": "application/json"}
        try:
            async with self.session.post(
                self.url, params=query, data=body, headers=kind | headers, timeout=limit
            ) as response:
                status, answer = response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            status, answer = 0, b""
        self.statuses.append(status)
        return status, answer

    def _now(self) -> str:
        return str(int(self.clock() * 1000))

    @property
    def _envelope(self) -> Envelope:
        key = self.account.encoding_aes_key.get_secret_value()
        return Envelope(self.account.token.get_secret_value(), [key], self.account.client_id)


def _hmac(key: str, message: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), message.encode(), hashlib.sha256).digest()).decode()


# --- Stream --------------------------------------------------------------------------------------------------


@dataclass
class DingTalkGateway:
    """The gateway of Stream mode: a ticket is good for one connection; what waits for an acknowledgement is sent again
    after 60 s, over the connection that is next."""

    api: DingTalkApi
    speed: float = 1.0
    open: list[web.WebSocketResponse] = field(default_factory=list)
    frames: int = 0
    """Frames that were sent, again ones counted."""
    acks: list[dict[str, Json]] = field(default_factory=list)
    ack_s: list[float] = field(default_factory=list)
    """How long each acknowledgement took."""
    connected: int = 0
    refused: int = 0
    """Connections with a ticket that is not good."""
    on_frame: Callable[[Literal["bot", "vendor"], Json], None] | None = None
    """Told each frame, and to whom it went."""

    def __post_init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[dict[str, Json]]] = {}
        self._changed = asyncio.Event()
        self._turn = 0
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> DingTalkGateway:
        app = web.Application()
        app.router.add_get("/connect", self._connect)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.api.endpoint = f"ws://127.0.0.1:{self._runner.addresses[0][1]}/connect"
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in list(self.open):
            await socket.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def wait_until(self, holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def _connect(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self.api.tickets:
            self.refused += 1
            self._changed.set()
            return web.Response(status=401)
        self.api.tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.open.append(socket)
        self.connected += 1
        self._changed.set()
        try:
            async for frame in socket:
                if frame.type is WSMsgType.TEXT:
                    self._acknowledged(read_json(frame.data.encode()) or {})
        finally:
            self.open.remove(socket)
            self._changed.set()
        return socket

    def _acknowledged(self, ack: dict[str, Json]) -> None:
        self.acks.append(ack)
        if self.on_frame is not None:
            self.on_frame("vendor", ack)
        self._changed.set()
        future = self._waiting.pop(str(ack.get("headers", {}).get("messageId", "")), None)
        if future is not None and not future.done():
            future.set_result(ack)

    # --- what comes over it

    async def message(self, body: dict[str, Json]) -> Json:
        return _response(await self.deliver("CALLBACK", BOT, body))

    async def tap(self, body: dict[str, Json]) -> Json:
        return _response(await self.deliver("CALLBACK", CARD, body))

    async def event(self, name: str, data: dict[str, Json]) -> Json:
        more = {
            "eventType": name,
            "eventId": secrets.token_hex(8),
            "eventCorpId": "dingcorp",
            "eventBornTime": str(int(self.api.clock() * 1000)),
        }
        ack = await self.deliver("EVENT", "*", data, more)
        return (read_json(str(ack.get("data", "")).encode()) or {}).get("status")

    async def ping(self) -> dict[str, Json]:
        return await self.deliver("SYSTEM", "ping", {"opaque": secrets.token_hex(4)})

    async def disconnect(self) -> None:
        """Ask one connection to end, as before a release of the gateway; it is closed by who opened it."""
        await self._send(self._frame("SYSTEM", "disconnect", {"reason": "persistent connection is timeout"}, {}))

    async def drop(self) -> None:
        """Every connection breaks off."""
        for socket in list(self.open):
            await socket.close(code=aiohttp.WSCloseCode.GOING_AWAY)

    async def deliver(
        self, kind: str, topic: str, data: dict[str, Json], more: dict[str, Json] | None = None
    ) -> dict[str, Json]:
        """Send until it is acknowledged; the acknowledgement."""
        frame = self._frame(kind, topic, data, more or {})
        id = str(frame["headers"]["messageId"])
        future = asyncio.get_running_loop().create_future()
        self._waiting[id] = future
        while True:
            await self.wait_until(lambda: any(not socket.closed for socket in self.open), 30.0)
            began = time.monotonic()
            await self._send(frame)
            try:
                ack: dict[str, Json] = await asyncio.wait_for(asyncio.shield(future), AGAIN_S / self.speed)
            except TimeoutError:
                continue
            self.ack_s.append(time.monotonic() - began)
            return ack

    def _frame(self, kind: str, topic: str, data: dict[str, Json], more: dict[str, Json]) -> dict[str, Json]:
        headers = {
            "appId": "app-simulated",
            "connectionId": secrets.token_hex(6),
            "contentType": "application/json",
            "messageId": secrets.token_hex(12),
            "time": str(int(self.api.clock() * 1000)),
            "topic": topic,
            **more,
        }
        return {"specVersion": "1.0", "type": kind, "headers": headers, "data": packed(data)}

    async def _send(self, frame: dict[str, Json]) -> None:
        sockets = [socket for socket in self.open if not socket.closed]
        if not sockets:
            return
        self._turn += 1
        self.frames += 1
        if self.on_frame is not None:
            self.on_frame("bot", frame)
        try:
            await sockets[self._turn % len(sockets)].send_str(packed(frame))
        except (ConnectionError, RuntimeError):  # it broke off just now: the frame is sent again
            return


def _response(ack: dict[str, Json]) -> Json:
    return (read_json(str(ack.get("data", "")).encode()) or {}).get("response")
