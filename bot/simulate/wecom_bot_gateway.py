"""WeCom's side of an AI bot that is set up for the WebSocket, on the loopback.

    async with WeComBotGateway("AIB", "secret") as gateway:
        gateway.url                                   # the account's ws_url
        await gateway.connected()
        talk = await gateway.says("您好")              # a callback; the talk's `req_id` is what answers it
        await gateway.wait_for("zhangsan", 1)         # what stands in a chat, streams as far as they got
        gateway.drop("aibot_respond_msg")             # the next is done, but its word never comes
        gateway.refuse("aibot_send_msg", 45009)       # the next is refused
        await gateway.hang_up()

A second subscription of the bot sends `disconnected_event` to the first. `speed` makes 5 s and 6 minutes shorter.

Sources: 智能机器人长连接 https://developer.work.weixin.qq.com/document/path/101463
the vendor's SDK https://github.com/WecomTeam/aibot-node-sdk
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import orjson
from aiohttp import WSMsgType, web

from adapters.crypto import seal_file
from adapters.message import Json
from bot.simulate.wecom_bot_rules import (
    CUT_S,
    MEDIA,
    STREAM_S,
    Clock,
    Faulty,
    Object,
    Rules,
    Shown,
    merged,
    said_with,
    selected,
)

INVALID_REQ_ID, EXPIRED, NOT_SUBSCRIBED = 846605, 846608, 846609
BAD_KEYS = 40001
"""A refused subscription; the document names no code."""
CHUNK_BYTES, CHUNKS = 512 * 1024, 100
PER_MINUTE = 30
RESPONSES = frozenset(("stream", "template_card", "stream_with_template_card")) | MEDIA
GREETINGS = frozenset(("text", "template_card"))
MESSAGES = frozenset(("markdown", "template_card")) | MEDIA


@dataclass(frozen=True)
class Talk:
    """One callback: the id that answers it, where it was said, and when (monotonic seconds)."""

    req_id: str
    msgid: str
    kind: str
    chat: str
    at: float
    task: str = ""


@dataclass
class Mishap:
    """What goes wrong with a frame: refused with `code`, its word dropped or late, the connection closed."""

    code: int = 0
    drop: bool = False
    delay_s: float = 0.0
    close: bool = False


@dataclass
class _Upload:
    told: Object
    pieces: dict[int, bytes] = field(default_factory=dict)


@dataclass
class WeComBotGateway:
    """`shown`: what stands in each chat (a userid or a chat id). `frames`: all that came, by cmd."""

    bot_id: str = "AIB-simulated"
    secret: str = "simulated-secret"  # noqa: S105
    speed: float = 1.0
    clock: Clock = time.time
    shown: dict[str, list[Shown]] = field(default_factory=lambda: defaultdict(list))
    media: dict[str, bytes] = field(default_factory=dict)
    frames: dict[str, list[Object]] = field(default_factory=lambda: defaultdict(list))
    subscriptions: int = 0
    pings: int = 0
    host: str = "127.0.0.1"
    port: int = 0

    def __post_init__(self) -> None:
        self._rules = Rules()
        self._talks: dict[str, Talk] = {}
        self._mishaps: dict[str, deque[Mishap]] = defaultdict(deque)
        self._uploads: dict[str, _Upload] = {}
        self._files: dict[str, bytes] = {}
        self._sent: dict[str, deque[float]] = defaultdict(deque)
        self._socket: web.WebSocketResponse | None = None
        self._late: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()
        self._runner: web.AppRunner | None = None
        self._base = ""
        self._commands: Mapping[str, Callable[[str, Object], Awaitable[Json]]] = {
            "ping": self._ping,
            "aibot_respond_msg": self._respond,
            "aibot_respond_welcome_msg": self._welcome,
            "aibot_respond_update_msg": self._update,
            "aibot_send_msg": self._send,
            "aibot_upload_media_init": self._begin,
            "aibot_upload_media_chunk": self._piece,
            "aibot_upload_media_finish": self._end,
        }

    @property
    def url(self) -> str:
        return f"ws://{self._base}/"

    async def __aenter__(self) -> WeComBotGateway:
        app = web.Application()
        app.router.add_get("/", self._connect)
        app.router.add_get("/media/{name}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self._base = f"{self.host}:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.hang_up()
        if self._runner is not None:
            await self._runner.cleanup()

    # --- what people do --------------------------------------------------------------------------------------

    async def says(self, text: str, *, user: str = "zhangsan", group: str = "", quote: str = "") -> Talk:
        words = f"@RobotA {text}" if group else text
        return await self.call(said_with(words, quote), user=user, group=group)

    async def sends(self, kind: str, data: bytes, *, user: str = "zhangsan", **more: Json) -> Talk:
        """A file, which is served encrypted with a key of its own."""
        key, name = secrets.token_bytes(32), secrets.token_hex(8)
        self._files[name] = seal_file(data, key)
        body = {"url": f"http://{self._base}/media/{name}", "aeskey": base64.b64encode(key).decode(), **more}
        return await self.call({"msgtype": kind, kind: body}, user=user)

    async def enters(self, user: str = "zhangsan") -> Talk:
        return await self.event("enter_chat", {}, user=user)

    async def taps(
        self, card: Shown, key: str, choices: Mapping[str, list[str]] | None = None, *, user: str = "zhangsan"
    ) -> Talk:
        told = {"card_type": card.card["card_type"], "event_key": key, "task_id": card.card.get("task_id", "")}
        more = {"selected_items": selected(choices)} if choices else {}
        return await self.event("template_card_event", told | more, user=user)

    async def event(self, kind: str, told: Object, *, user: str = "zhangsan") -> Talk:
        body = {"msgtype": "event", "create_time": int(self.clock()), "event": {"eventtype": kind, kind: dict(told)}}
        return await self.call(body, user=user, task=str(told.get("task_id", "")))

    async def call(
        self, content: Object, *, user: str, group: str = "", task: str = "", again: Talk | None = None
    ) -> Talk:
        """A callback of any kind; `again`: an earlier one repeated, as it happens after a lost connection."""
        kind = content["event"]["eventtype"] if content.get("msgtype") == "event" else "message"
        number = again.msgid if again else secrets.token_hex(16)
        talk = Talk(secrets.token_urlsafe(16), number, kind, group or user, time.monotonic(), task)
        self._talks[talk.req_id] = talk
        place = {"chattype": "group", "chatid": group} if group else {"chattype": "single"}
        body = {"msgid": number, "aibotid": self.bot_id, **place, "from": {"userid": user}, **content}
        cmd = "aibot_msg_callback" if kind == "message" else "aibot_event_callback"
        await self.connected()
        await self._tell(self._socket, {"cmd": cmd, "headers": {"req_id": talk.req_id}, "body": body})
        return talk

    # --- what goes wrong -------------------------------------------------------------------------------------

    def refuse(self, cmd: str, code: int, times: int = 1) -> None:
        self._mishaps[cmd].extend([Mishap(code)] * times)

    def drop(self, cmd: str, times: int = 1) -> None:
        """The frames are carried out, their words never come."""
        self._mishaps[cmd].extend([Mishap(drop=True)] * times)

    def delay(self, cmd: str, seconds: float, times: int = 1) -> None:
        self._mishaps[cmd].extend([Mishap(delay_s=seconds)] * times)

    def hang_up_at(self, cmd: str) -> None:
        """The connection ends when the next such frame comes, before it is carried out."""
        self._mishaps[cmd].append(Mishap(close=True))

    async def hang_up(self) -> None:
        if self._socket is not None:
            await self._socket.close()

    def forget(self, talk: Talk) -> None:
        """As after a restart of theirs: its req_id is no longer known."""
        del self._talks[talk.req_id]

    def age(self, talk: Talk, seconds: float) -> None:
        """As if it had been said so many seconds earlier (at speed 1)."""
        self._talks[talk.req_id] = Talk(
            talk.req_id, talk.msgid, talk.kind, talk.chat, talk.at - seconds / self.speed, talk.task
        )

    # --- what is seen ----------------------------------------------------------------------------------------

    async def connected(self, subscriptions: int = 1, timeout_s: float = 10.0) -> None:
        """Once a connection is subscribed (the n-th since the start). Raises TimeoutError."""
        await self.until(lambda: self._socket is not None and self.subscriptions >= subscriptions, timeout_s)

    async def wait_for(self, chat: str, count: int, timeout_s: float = 10.0) -> list[Shown]:
        """What stands in a chat, once it is `count` messages, all finished. Raises TimeoutError."""
        there = self.shown[chat]
        await self.until(lambda: len(there) >= count and all(one.finished for one in there), timeout_s)
        return there

    async def until(self, holds: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Once something of this gateway holds; looked at whenever a frame came. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s), self._changed:
            await self._changed.wait_for(holds)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    # --- connections -----------------------------------------------------------------------------------------

    async def _connect(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=4 * 1024 * 1024)
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._take(socket, orjson.loads(message.data))
        if self._socket is socket:
            self._socket = None
            await self._notify()
        return socket

    async def _take(self, socket: web.WebSocketResponse, frame: Object) -> None:
        cmd, number = str(frame.get("cmd", "")), str(frame.get("headers", {}).get("req_id", ""))
        self.frames[cmd].append(frame)
        mishap = self._mishaps[cmd].popleft() if self._mishaps[cmd] else Mishap()
        if mishap.close:
            await socket.close()
            return
        try:
            answer, code, words = await self._done(socket, frame, mishap), 0, "ok"
        except Faulty as fault:
            answer, code, words = None, fault.code, str(fault)
        more = {"body": answer} if answer else {}
        word = {"headers": {"req_id": number}, "errcode": code, "errmsg": words, **more}
        if mishap.delay_s:
            asyncio.get_running_loop().call_later(mishap.delay_s, self._later, socket, word)
        elif not mishap.drop:
            await self._tell(socket, word)
        await self._notify()

    def _later(self, socket: web.WebSocketResponse, word: Object) -> None:
        task = asyncio.create_task(self._tell(socket, word))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _done(self, socket: web.WebSocketResponse, frame: Object, mishap: Mishap) -> Json:
        cmd, number, body = str(frame.get("cmd")), str(frame.get("headers", {}).get("req_id", "")), frame.get("body")
        body = body if isinstance(body, dict) else {}
        if mishap.code:
            raise Faulty(mishap.code, "refused by the script")
        if cmd == "aibot_subscribe":
            return await self._subscribe(socket, body)
        if socket is not self._socket:
            raise Faulty(NOT_SUBSCRIBED, "aibot websocket not subscribed")
        if cmd not in self._commands:
            raise Faulty(40058, f"cmd {cmd} is none")
        return await self._commands[cmd](number, body)

    async def _subscribe(self, socket: web.WebSocketResponse, body: Object) -> Json:
        if (body.get("bot_id"), body.get("secret")) != (self.bot_id, self.secret):
            raise Faulty(BAD_KEYS, "invalid credential")
        old, self._socket = self._socket, socket
        self.subscriptions += 1
        if old is not None and old is not socket:
            told = {"msgid": secrets.token_hex(8), "create_time": int(self.clock()), "aibotid": self.bot_id,
                    "msgtype": "event", "event": {"eventtype": "disconnected_event"}}  # fmt: skip
            frame = {"cmd": "aibot_event_callback", "headers": {"req_id": secrets.token_urlsafe(8)}, "body": told}
            await self._tell(old, frame)
            # its own reader closes it; not waited for, as that one may be slow
            self._closing = asyncio.create_task(old.close())
        return None

    async def _tell(self, socket: web.WebSocketResponse | None, frame: Object) -> None:
        if socket is not None and not socket.closed:
            await socket.send_str(orjson.dumps(frame).decode())

    # --- commands --------------------------------------------------------------------------------------------

    async def _ping(self, number: str, body: Object) -> Json:
        self.pings += 1
        return None

    async def _respond(self, number: str, body: Object) -> Json:
        talk = self._asked(number, "message", STREAM_S, EXPIRED)
        self._show(talk.chat, self._rules.shown(body, RESPONSES))
        return None

    async def _welcome(self, number: str, body: Object) -> Json:
        talk = self._asked(number, "enter_chat", CUT_S, INVALID_REQ_ID)
        self._show(talk.chat, self._rules.shown(body, GREETINGS))
        del self._talks[number]
        return None

    async def _update(self, number: str, body: Object) -> Json:
        talk = self._asked(number, "template_card_event", CUT_S, INVALID_REQ_ID)
        if body.get("response_type") != "update_template_card":
            raise Faulty(40058, "response_type is none")
        card = self._rules.card(body.get("template_card", {}), updated=talk.task)
        for one in self.shown[talk.chat]:
            if one.card.get("task_id") == talk.task:
                one.card = card
        del self._talks[number]
        return None

    async def _send(self, number: str, body: Object) -> Json:
        chat = str(body.get("chatid", ""))
        if not any(talk.chat == chat for talk in self._talks.values()) and chat not in self.shown:
            raise Faulty(40003, "nobody has spoken with the bot there")
        if body.get("chat_type") not in (None, 0, 1, 2):
            raise Faulty(40058, "chat_type is none")
        shown = self._rules.shown(body, MESSAGES)
        times, now = self._sent[chat], time.monotonic()
        while times and now - times[0] > 60.0 / self.speed:
            times.popleft()
        if len(times) >= PER_MINUTE:
            raise Faulty(45009, "api freq out of limit")
        times.append(now)
        self._show(chat, shown)
        return None

    def _asked(self, number: str, kind: str, within_s: float, late: int) -> Talk:
        talk = self._talks.get(number)
        if talk is None or talk.kind != kind:
            raise Faulty(INVALID_REQ_ID, "invalid req_id")
        if time.monotonic() - talk.at > within_s / self.speed:
            raise Faulty(late, "stream message update expired")
        return talk

    def _show(self, chat: str, shown: Shown) -> None:
        if shown.media and shown.media not in self.media:
            raise Faulty(40007, "invalid media_id")
        merged(self.shown[chat], shown)

    # --- uploads and files -----------------------------------------------------------------------------------

    async def _begin(self, number: str, body: Object) -> Json:
        if body.get("type") not in MEDIA or not 0 < int(body.get("total_chunks", 0)) <= CHUNKS:
            raise Faulty(40058, "type or total_chunks is none")
        upload_id = secrets.token_hex(8)
        self._uploads[upload_id] = _Upload(body)
        return {"upload_id": upload_id}

    async def _piece(self, number: str, body: Object) -> Json:
        upload, data = self._uploading(body), base64.b64decode(str(body.get("base64_data", "")))
        if len(data) > CHUNK_BYTES or not 0 <= int(body.get("chunk_index", -1)) < upload.told["total_chunks"]:
            raise Faulty(40058, "the piece is too big or none of them")
        upload.pieces[int(body["chunk_index"])] = data
        return None

    async def _end(self, number: str, body: Object) -> Json:
        upload = self._uploading(body)
        data = b"".join(upload.pieces[place] for place in sorted(upload.pieces))
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if len(data) != upload.told["total_size"] or upload.told.get("md5", md5) != md5:
            raise Faulty(40058, "it is not the file that was announced")
        media_id = secrets.token_urlsafe(16)
        self.media[media_id] = data
        return {"type": upload.told["type"], "media_id": media_id, "created_at": int(self.clock())}

    def _uploading(self, body: Object) -> _Upload:
        upload = self._uploads.get(str(body.get("upload_id", "")))
        if upload is None:
            raise Faulty(40058, "upload_id is none")
        return upload

    async def _serve(self, request: web.Request) -> web.Response:
        data = self._files.get(request.match_info["name"])
        return web.Response(body=data) if data else web.Response(status=403)
