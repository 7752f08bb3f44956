"""Feishu on the loopback: people in chats whose messages go to the bot's webhook, and the API that answers them.

async with FeishuApi(account=account, session=session, webhook=url) as api:
    await api.says("ou_1", "我要退款")              # to the bot alone
    await api.says("ou_1", "在吗", group="oc_1")    # in a group, with the bot mentioned
    await api.wait_for("ou_1", 1)                  # what was shown there
    await api.taps("ou_1", api.shown[0], 0)        # the first button of a card

Sources: 接收消息 https://open.feishu.cn/document/server-docs/im-v1/message/events/receive
发送消息 https://open.feishu.cn/document/server-docs/im-v1/message/create
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import secrets
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
import orjson
from aiohttp import web
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from adapters.errcodes import read_json
from adapters.message import Json
from bot.simulate.api_server import ApiServer
from config.credentials import FeishuAccount

CUT_S, POSTS = 3.0, 4
"""An event that is not answered with 200 within 3 s is posted again, at most three times more."""
PER_CHAT, CHAT_S = 5, 1.0
KINDS = frozenset(
    ("text", "post", "image", "file", "audio", "media", "sticker", "interactive", "share_chat", "share_user")
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One message of the bot's. `chat` is a group's chat_id or a person's open_id; `answers` the message it quotes."""

    id: str
    chat: str
    kind: str
    content: Mapping[str, Json]
    answers: str = ""

    @property
    def text(self) -> str:
        """The words of a text; of a card its title, texts and buttons in lines."""
        if self.kind == "text":
            return str(self.content["text"])
        title = self.content.get("header", {}).get("title", {}).get("content", "")
        lines = [title]
        for element in self.content.get("elements", ()):
            lines.append(element.get("content") or element.get("text", {}).get("content", ""))
            lines += [button["text"]["content"] for button in element.get("actions", ())]
        return "\n".join(line for line in lines if line)

    @property
    def buttons(self) -> list[Mapping[str, Json]]:
        return [button for element in self.content.get("elements", ()) for button in element.get("actions", ())]


@dataclass
class FeishuApi(ApiServer):
    """`account` holds the keys, `webhook` is where events go; `speed` makes the vendor's three seconds shorter."""

    account: FeishuAccount = field(kw_only=True)
    session: aiohttp.ClientSession = field(kw_only=True)
    webhook: str = field(default="", kw_only=True)
    speed: float = field(default=1.0, kw_only=True)
    shown: list[Shown] = field(default_factory=list, kw_only=True)
    recalled: list[str] = field(default_factory=list, kw_only=True)
    media: dict[str, bytes] = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._ids = itertools.count(1)
        self._chats: dict[str, str] = {}
        self._times: dict[str, deque[float]] = {}

    def shown_in(self, chat: str) -> list[Shown]:
        return [shown for shown in self.shown if shown.chat == chat]

    async def wait_for(self, chat: str, count: int = 1, timeout_s: float = 10.0) -> list[Shown]:
        """What was shown in a chat, once it is `count` messages. Raises TimeoutError."""
        await self.until(lambda: len(self.shown_in(chat)) >= count, timeout_s)
        return self.shown_in(chat)

    # --- what people do --------------------------------------------------------------------------------------

    async def says(self, person: str, text: str, group: str = "", *, mention: bool = True) -> int:
        """To the bot alone or, in a group, with a mention of it. How the event was answered in the end."""
        named = group and mention
        ours = [{"key": "@_user_1", "id": {"open_id": "ou_bot"}, "name": self.account.name or "bot"}]
        return await self.sends(
            person, "text", {"text": f"@_user_1 {text}" if named else text}, group, ours if named else []
        )

    async def sends(
        self, person: str, kind: str, content: Json, group: str = "", mentions: list[dict[str, Json]] | None = None
    ) -> int:
        """A message of any type."""
        number = f"om_{next(self._ids)}"
        self._chats[number] = group or person
        message = {
            "message_id": number,
            "create_time": str(int(self.clock() * 1000)),
            "chat_id": group or f"oc_{person}",
            "chat_type": "group" if group else "p2p",
            "message_type": kind,
            "content": orjson.dumps(content).decode(),
        }
        sender = {"sender_id": {"open_id": person}, "sender_type": "user"}
        return await self.happen(
            "im.message.receive_v1",
            {"sender": sender, "message": message | ({"mentions": mentions} if mentions else {})},
        )

    async def enters(self, person: str) -> int:
        """Open the chat with the bot."""
        wrote = next((number for number, chat in self._chats.items() if chat == person), "")
        event = {"chat_id": f"oc_{person}", "operator_id": {"open_id": person}}
        more = {"last_message_id": wrote} if wrote else {}
        return await self.happen("im.chat.access_event.bot_p2p_chat_entered_v1", event | more)

    async def taps(self, person: str, shown: Shown, button: int) -> int:
        """A button of a card."""
        group = shown.chat if shown.chat.startswith("oc_") else ""
        context = {"open_message_id": shown.id, "open_chat_id": group or f"oc_{person}"}
        action = {"tag": "button", "value": shown.buttons[button].get("value", {})}
        return await self.happen(
            "card.action.trigger", {"operator": {"open_id": person}, "action": action, "context": context}, unit=1e6
        )

    async def checks(self) -> str:
        """The check of the URL that the app's console makes; the body of the answer."""
        token = self.account.verification_token.get_secret_value()
        body = orjson.dumps({"challenge": "c-42", "token": token, "type": "url_verification"})
        async with self.session.post(self.webhook, data=self._sealed(body)) as answer:
            return await answer.text()

    async def happen(self, event_type: str, event: Mapping[str, Json], unit: float = 1e3) -> int:
        header = {
            "event_id": f"ev_{next(self._ids)}",
            "event_type": event_type,
            "create_time": str(int(self.clock() * unit)),
            "token": self.account.verification_token.get_secret_value(),
            "app_id": self.account.app_id,
        }
        body = orjson.dumps({"schema": "2.0", "header": header, "event": event})
        status = 0
        for _ in range(POSTS):
            began = time.monotonic()
            status = await self._post(body)
            if status == 200:
                break
            await asyncio.sleep(max(0.0, CUT_S / self.speed - (time.monotonic() - began)))
        return status

    async def _post(self, plain: bytes) -> int:
        body, timestamp, nonce = self._sealed(plain), str(int(self.clock())), secrets.token_hex(8)
        key = self.account.encrypt_key.get_secret_value()
        signed = hashlib.sha256(f"{timestamp}{nonce}{key}".encode() + body).hexdigest()
        named = {"Timestamp": timestamp, "Nonce": nonce}
        headers = {f"X-Lark-Request-{name}": value for name, value in named.items()} | {"X-Lark-Signature": signed}
        limit = aiohttp.ClientTimeout(total=CUT_S / self.speed)
        try:
            async with self.session.post(self.webhook, data=body, headers=headers, timeout=limit) as answer:
                await answer.read()
                return answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            return 0

    def _sealed(self, plain: bytes) -> bytes:
        key = self.account.encrypt_key.get_secret_value()
        if not key:
            return plain
        iv, pad = secrets.token_bytes(16), 16 - len(plain) % 16
        cipher = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CBC(iv)).encryptor()
        sealed = iv + cipher.update(plain + bytes([pad]) * pad) + cipher.finalize()
        return orjson.dumps({"encrypt": base64.b64encode(sealed).decode()})

    # --- the API ---------------------------------------------------------------------------------------------

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/open-apis/auth/v3/tenant_access_token/internal", self._token),
            web.post("/open-apis/im/v1/messages", self._send),
            web.post("/open-apis/im/v1/messages/{message}/reply", self._reply),
            web.delete("/open-apis/im/v1/messages/{message}", self._recall),
            web.post("/open-apis/im/v1/images", self._upload),
            web.post("/open-apis/im/v1/files", self._upload),
            web.get("/open-apis/im/v1/messages/{message}/resources/{key}", self._download),
        ]

    def error(self, code: int) -> web.Response:
        return web.json_response({"code": code, "msg": "refused", "error": {}}, status=400)

    def _refused(self, request: web.Request, endpoint: str) -> web.Response | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        scripted = self.scripted(endpoint)
        if scripted is not None or self.holds(token):
            return scripted
        return self.error(99991663 if token else 99991661)

    async def _token(self, request: web.Request) -> web.Response:
        scripted = self.scripted("token")
        if scripted is not None:
            return scripted
        body = read_json(await request.read()) or {}
        if (body.get("app_id"), body.get("app_secret")) != (
            self.account.app_id,
            self.account.app_secret.get_secret_value(),
        ):
            return self.error(10003)
        token, seconds = self.give_token()
        return web.json_response({"code": 0, "msg": "ok", "tenant_access_token": token, "expire": seconds})

    async def _send(self, request: web.Request) -> web.Response:
        body = read_json(await request.read()) or {}
        kind = request.query.get("receive_id_type", "")
        if kind not in ("open_id", "chat_id"):
            return self.error(230001)
        return self._refused(request, "send") or self._show(body, str(body.get("receive_id", "")))

    async def _reply(self, request: web.Request) -> web.Response:
        body, answered = read_json(await request.read()) or {}, request.match_info["message"]
        refused = self._refused(request, "reply")
        if refused is None and answered not in self._chats:
            refused = self.error(230011)
        return refused or self._show(body, self._chats[answered], answered)

    def _show(self, body: Mapping[str, Json], chat: str, answers: str = "") -> web.Response:
        kind, content = str(body.get("msg_type")), read_json(str(body.get("content", "")).encode())
        if kind not in KINDS or content is None or not chat:
            return self.error(230001)
        now, times = self.clock(), self._times.setdefault(chat, deque(maxlen=PER_CHAT))
        if len(times) == PER_CHAT and now - times[0] < CHAT_S:
            return self.error(230020)
        times.append(now)
        shown = Shown(f"om_{next(self._ids)}", chat, kind, content, answers)
        self._chats[shown.id] = chat
        self.shown.append(shown)
        self.changed()
        return web.json_response({"code": 0, "msg": "success", "data": {"message_id": shown.id}})

    async def _recall(self, request: web.Request) -> web.Response:
        refused = self._refused(request, "recall")
        if refused is None:
            self.recalled.append(request.match_info["message"])
        return refused or web.json_response({"code": 0, "msg": "success", "data": {}})

    async def _upload(self, request: web.Request) -> web.Response:
        refused = self._refused(request, "upload")
        if refused is not None:
            return refused
        form = await request.post()
        image = "image_type" in form
        given = form.get("image" if image else "file")
        if not isinstance(given, web.FileField):
            return self.error(234001)
        key = f"{'img' if image else 'file'}_{next(self._ids)}"
        self.media[key] = given.file.read()
        return web.json_response({"code": 0, "msg": "success", "data": {"image_key" if image else "file_key": key}})

    async def _download(self, request: web.Request) -> web.Response:
        refused, found = self._refused(request, "download"), self.media.get(request.match_info["key"])
        if refused is not None or found is None:
            return refused or self.error(234003)
        return web.Response(body=found, content_type="application/octet-stream")
