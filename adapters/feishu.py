"""One Feishu (飞书) or Lark app with a bot, whole in one file: docs/add-a-channel.md walks through it.

Sources: 配置加密策略 https://open.feishu.cn/document/server-docs/event-subscription-guide/event-subscription-configure-/encrypt-key-encryption-configuration-case
接收消息 https://open.feishu.cn/document/server-docs/im-v1/message/events/receive
卡片回传交互 https://open.feishu.cn/document/uAjLw4CM/ukzMukzMukzM/feishu-cards/card-callback-communication
回复消息 https://open.feishu.cn/document/server-docs/im-v1/message/reply
发送消息 https://open.feishu.cn/document/server-docs/im-v1/message/create
通用错误码 https://open.feishu.cn/document/server-docs/api-call-guide/generic-error-code
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote

import orjson
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from adapters.channel import (
    Challenge,
    Exchange,
    Judgement,
    Limits,
    MediaKind,
    MediaTerms,
    Messages,
    Outgoing,
    Parsed,
    Rate,
    Request,
    Route,
    Token,
    Upload,
    Uploaded,
    Verdict,
)
from adapters.degrade import fit
from adapters.errcodes import Errcodes, read_json
from adapters.fields import LATEST_TIME, Fields, Malformed, as_texts, leaves, load_json, said, whole
from adapters.groups import MENTION, in_group, mentioning
from adapters.markup import cleaned
from adapters.message import (
    Address,
    Button,
    Card,
    ChatKind,
    Content,
    Custom,
    Event,
    File,
    Image,
    Json,
    Markdown,
    Message,
    Reply,
    Text,
    Video,
    Voice,
)
from adapters.multipart import form
from adapters.refusals import Refused, check_size, check_time, or_reject
from config.credentials import FeishuAccount

WINDOW_S = 300.0
BLOCK = 16
API = "/open-apis/im/v1"
ACK = Outgoing(b"{}", "application/json")
MB = 1 << 20

LIMITS = Limits(
    shows=frozenset(("text", "image", "voice", "video", "file", "card", "markdown")),
    text_bytes=20480,
    buttons=20,
    media_only=True,
    custom_types=frozenset(("text", "post", "image", "file", "audio", "media", "sticker", "interactive", "share_chat",
                            "share_user")),
)  # fmt: skip
CHAT_RATE, APP_RATE = (5, 1.0), (1000, 60.0)
"""Calls and seconds: to one chat, and of the whole app."""

ERRCODES: Mapping[int, tuple[Verdict, str]] = {
    0: ("ok", ""),
    99991400: ("retry", "the API is called too often"),
    11232: ("retry", "messages are sent too often"),
    11233: ("retry", "messages are sent to this chat too often"),
    230020: ("retry", "messages are sent to this chat too often"),
    99991661: ("refresh", "the access token is missing"),
    99991663: ("refresh", "the access token is not valid"),
    99991664: ("refresh", "the app's access token is not valid"),
    99991665: ("refresh", "the tenant's access token is not valid"),
    99991668: ("refresh", "the access token is not valid"),
    99991671: ("refresh", "the access token has not its form"),
    10003: ("config", "app_id or app_secret is not valid: copy them from 凭证与基础信息"),
    10014: ("config", "app_secret is not valid: copy it from 凭证与基础信息"),
    99991543: ("config", "app_id or app_secret is not valid: copy them from 凭证与基础信息"),
    99991662: ("config", "the app is switched off: switch it on in the admin console"),
    99991672: ("config", "the app has no right to this API: apply for it under 权限管理"),
    99991401: ("config", "the server's address is not on the app's IP allow-list (安全设置)"),
    230006: ("config", "the app has no bot: add one under 应用能力"),
    230027: ("config", "the app has no right to this API: apply for it under 权限管理"),
    230011: ("elsewhere", "the message that is answered was taken back"),
    230019: ("elsewhere", "the topic that is answered is gone"),
    230110: ("elsewhere", "the message that is answered is deleted"),
    230001: ("dead", "the message is not made as Feishu wants it"),
    230002: ("dead", "the bot is not in this chat any more"),
    230013: ("dead", "the person is outside of those to whom the bot is open (可用范围)"),
    230017: ("dead", "the bot does not own the file: upload it again"),
    230018: ("dead", "the group lets only some people write, and the bot is not one of them"),
    230022: ("dead", "the message holds what Feishu does not allow"),
    230025: ("dead", "the message is longer than Feishu allows (150 KB, a card 30 KB)"),
    230028: ("dead", "the message was refused by the company's review"),
    230035: ("dead", "the bot may not write to this chat"),
    230053: ("dead", "the person has turned off messages from this bot"),
    230099: ("dead", "the card is not made as Feishu wants it"),
    234006: ("dead", "the file is bigger than Feishu allows"),
    234010: ("dead", "the file is empty"),
}
"""code -> what to do, and the sentence for the operator."""

ANSWERS = Errcodes("Feishu", ERRCODES, keys="app_id and app_secret")

TERMS: Mapping[MediaKind, MediaTerms] = {
    "image": MediaTerms(10 * MB, frozenset(("image/jpeg", "image/png", "image/gif", "image/webp", "image/bmp"))),
    "voice": MediaTerms(30 * MB, frozenset(("audio/ogg", "audio/opus"))),
    "video": MediaTerms(30 * MB, frozenset(("video/mp4",))),
    "file": MediaTerms(30 * MB),
}
FILE_TYPES: Mapping[MediaKind, str] = {"voice": "opus", "video": "mp4", "file": "stream"}


class Feishu:
    """The codec of the account that credentials.yml calls `account`. `window_s` is how far the timestamp of a signed
    request may be off, in seconds (0: any)."""

    name = "feishu"
    limits = push_limits = LIMITS

    def __init__(self, account: str, settings: FeishuAccount, window_s: float = WINDOW_S) -> None:
        self.account = account
        self._settings = settings
        self._window_s = window_s
        self._encrypt_key = settings.encrypt_key.get_secret_value()
        self._token = settings.verification_token.get_secret_value()
        self._base = settings.api_base.rstrip("/")

    # --- in: who sent it, and what is in it --------------------------------------------------------------------

    def parse(self, request: Request, now: float) -> Parsed:
        """Never raises: what is not a valid request of Feishu's for this app is a `Reject`."""
        return or_reject(self._parse, request, now)

    def _parse(self, request: Request, now: float) -> Parsed:
        check_size(request.body)
        if request.method != "POST":
            raise Refused(405, f"{request.method} is not what Feishu sends")
        body = self._opened(request, now)
        header = _inner(body, "header")
        if self._token and not hmac.compare_digest(
            _bytes(said(header, "token") or said(body, "token")), _bytes(self._token)
        ):
            raise Refused(403, "the token does not match: is verification_token the one in the app's console?")
        if said(body, "type") == "url_verification":
            if not (challenge := said(body, "challenge")):
                raise Malformed("there is no challenge to answer with")
            return Challenge(orjson.dumps({"challenge": challenge}).decode(), "application/json")
        if (app := said(header, "app_id")) and app != self._settings.app_id:
            raise Refused(403, "it is addressed to another app id")
        message = self._message(header, _inner(body, "event"))
        heard = message and in_group(message, self._settings.group)
        return Messages((heard,) if heard else (), Route("passive"), ack=ACK)

    def _opened(self, request: Request, now: float) -> Fields:
        """The body's fields, proved to be Feishu's as far as the account's keys can."""
        outer = _fields(request.body)
        if not self._encrypt_key:
            return outer
        if not (encrypt := said(outer, "encrypt")):
            raise Refused(403, "the body is not encrypted, and the account has an encrypt_key")
        if "x-lark-signature" not in request.headers:
            # the check of the URL comes without one: that it decrypts, and its token, vouch for it
            if said(checked := _fields(decrypt(encrypt, self._encrypt_key)), "type") == "url_verification":
                return checked
            raise Refused(403, "the request is not signed")
        timestamp = request.headers.get("x-lark-request-timestamp", "")
        nonce = request.headers.get("x-lark-request-nonce", "")
        check_time({"timestamp": timestamp}, now, self._window_s, "Feishu")
        signed = hashlib.sha256(f"{timestamp}{nonce}{self._encrypt_key}".encode("utf-8", "surrogatepass"))
        signed.update(request.body)
        if not hmac.compare_digest(_bytes(request.headers.get("x-lark-signature", "")), signed.hexdigest().encode()):
            raise Refused(403, "the signature does not match: is encrypt_key the one in the app's console?")
        return _fields(decrypt(encrypt, self._encrypt_key))

    def _message(self, header: Fields, event: Fields) -> Message | None:
        """None for what no person did."""
        kind = said(header, "event_type")
        if not kind or not said(header, "event_id"):
            raise Malformed("the header has no event_type or event_id")
        if kind == "im.message.receive_v1":
            return self._said(event)
        who = _inner(event, "operator") if kind == "card.action.trigger" else _inner(event, "operator_id")
        chat = said(_inner(event, "context"), "open_chat_id") or said(event, "chat_id")
        user, at = said(who, "open_id"), _seconds(header)
        if not user and not chat:
            return None
        if kind == "card.action.trigger":
            return self._tapped(header, event, user, chat, at)
        private = "p2p" in kind
        address = Address(self.name, self.account, user if private else chat, user)
        content = Event(_event_name(kind, event), chat, {path: text for path, text in leaves(event) if text})
        return Message(
            said(header, "event_id"), address, content, at, "private" if private else "group", sender=user, raw=event
        )

    def _said(self, event: Fields) -> Message | None:
        message, sender = _inner(event, "message"), _inner(event, "sender")
        user, number = said(_inner(sender, "sender_id"), "open_id"), said(message, "message_id")
        if said(sender, "sender_type") not in ("", "user"):
            return None  # another bot, or ourselves
        if not user or not number:
            raise Malformed("the message has no message_id or sender")
        group = said(message, "chat_type") != "p2p"
        content, mentioned = self._content(message, number)
        return Message(
            number,
            Address(self.name, self.account, said(message, "chat_id") if group else user, user),
            content,
            _seconds(message),
            "group" if group else "private",
            mentioned=mentioned,
            sender=user,
            raw=event,
        )

    def _tapped(self, header: Fields, event: Fields, user: str, chat: str, at: float) -> Message:
        """A button of our cards says its payload, and in which kind of chat it was shown."""
        action = _inner(event, "action")
        value = _inner(action, "value")
        group = said(value, "chat") == "group"
        words = said(value, "say")
        shown: Content = Text(words) if words else Event("click", said(action, "name"), dict(leaves(action)))
        return Message(
            said(header, "event_id"),
            Address(self.name, self.account, chat if group else user, user),
            shown,
            at,
            "group" if group else "private",
            mentioned=True,
            sender=user,
            raw=event,
        )

    def _content(self, message: Fields, number: str) -> tuple[Content, bool]:
        """What a message says, without the bot's mention, and whether there was one."""
        given = message.get("mentions")
        mentions = [each for each in given if isinstance(each, dict)] if isinstance(given, list) else []
        names = {said(each, "key"): said(each, "name") for each in mentions if said(each, "key")}
        ours = {key for key, name in names.items() if self._settings.name in ("", name)}
        kind, inner = said(message, "message_type"), _fields(said(message, "content").encode("utf-8", "surrogatepass"))
        key = f"{number}/{said(inner, 'file_key') or said(inner, 'image_key')}"
        match kind:
            case "text":
                return Text(_unmentioned(said(inner, "text"), names, ours)), bool(ours)
            case "post":
                words = "\n".join(_lines_of_post(inner, names, ours))
                return Text(_unmentioned(words, names, ours)), bool(ours)
            case "image":
                return Image(media=key), bool(ours)
            case "audio":
                return Voice(media=key, format="opus"), bool(ours)
            case "media":
                return Video(media=key, thumb=said(inner, "image_key"), title=said(inner, "file_name")), bool(ours)
            case "file":
                return File(media=key, name=said(inner, "file_name")), bool(ours)
            case _:
                return Custom({"msgtype": kind, "content": inner}), bool(ours)

    # --- out: replies as calls ---------------------------------------------------------------------------------

    def render(self, replies: Sequence[Reply], route: Route) -> list[Outgoing]:
        """Any replies, degraded where need be: one call each. There is no passive answer."""
        return [self._call(reply, route.data) for reply in fit(replies, LIMITS)]

    def _call(self, reply: Reply, data: Mapping[str, str]) -> Outgoing:
        kind, content = _message_of(reply, data)
        body: dict[str, Json] = {"msg_type": kind, "content": orjson.dumps(cleaned(content)).decode()}
        if data.get("way") == "reply":
            return self._post(f"{API}/messages/{quote(data['message'], safe='')}/reply", body)
        kind_of_id = "chat_id" if data.get("chat") == "group" else "open_id"
        return self._post(f"{API}/messages?receive_id_type={kind_of_id}", body | {"receive_id": data.get("to", "")})

    def _post(self, path: str, body: Mapping[str, Json]) -> Outgoing:
        return Outgoing(orjson.dumps(cleaned(dict(body))), "application/json; charset=utf-8", f"{self._base}{path}")

    def push_routes(self, address: Address, message: Message | None, now: float) -> tuple[Route, ...]:
        """`reply` quotes the message in a group; `send` writes to the chat or the person."""
        group = address.chat != address.user
        data = {"to": address.chat, "chat": "group" if group else "private"}
        data |= mentioning(message, self._settings.group)
        send = Route("push", {"way": "send", **data})
        quotes = group and message is not None and message.id.startswith("om_")
        return (Route("push", {"way": "reply", "message": message.id, **data}), send) if quotes and message else (send,)

    def rates(self, route: Route) -> tuple[Rate, ...]:
        place = f"{self.name}/{self.account}"
        return (Rate(f"{place}/{route.data.get('to', '')}", *CHAT_RATE), Rate(place, *APP_RATE))

    def recall(self, receipt: str, route: Route) -> Exchange[None]:
        url = f"{self._base}{API}/messages/{quote(receipt, safe='')}"
        answer = yield Outgoing(b"", "application/json", url, method="DELETE")
        judged = self.judge(answer.status, answer.body)
        return None if judged.verdict == "ok" else judged

    # --- media -------------------------------------------------------------------------------------------------

    @property
    def media_terms(self) -> Mapping[MediaKind, MediaTerms]:
        return TERMS

    def upload(self, upload: Upload, now: float) -> Exchange[Uploaded]:
        if upload.kind == "image":
            answer = yield form(f"{self._base}{API}/images", "image", upload, {"image_type": "message"})
        else:
            named = {"file_type": FILE_TYPES[upload.kind], "file_name": upload.name or "file"}
            answer = yield form(f"{self._base}{API}/files", "file", upload, named)
        judged = self.judge(answer.status, answer.body)
        if judged.verdict != "ok":
            return judged
        data = (read_json(answer.body) or {}).get("data")
        key = data.get("image_key") or data.get("file_key") if isinstance(data, dict) else None
        return Uploaded(key) if isinstance(key, str) else Judgement("retry", "the upload was answered without a key")

    def download(self, content: Content) -> Exchange[bytes]:
        """`media` of what came in is the message's id and the file's key: Feishu wants both."""
        media = content.media if isinstance(content, Image | Voice | Video | File) else ""
        message, _, key = media.partition("/")
        if not key:
            return Judgement("dead", "there is no message and key to download by")
        kind = "image" if isinstance(content, Image) else "file"
        path = f"{API}/messages/{quote(message, safe='')}/resources/{quote(key, safe='')}?type={kind}"
        answer = yield Outgoing(b"", "application/json", f"{self._base}{path}", method="GET")
        if answer.status == 200 and "json" not in answer.headers.get("content-type", "json"):
            return answer.body
        judged = self.judge(answer.status, answer.body)
        return judged if judged.verdict != "ok" else Judgement("retry", "the download was answered without the file")

    # --- the API -----------------------------------------------------------------------------------------------

    @property
    def token_key(self) -> str:
        return f"{self.name}/{self.account}/{self._settings.app_id}"

    def token_request(self) -> Outgoing:
        """https://open.feishu.cn/document/server-docs/authentication-management/access-token/tenant_access_token_internal"""
        settings = self._settings
        body = {"app_id": settings.app_id, "app_secret": settings.app_secret.get_secret_value()}
        return replace(self._post("/open-apis/auth/v3/tenant_access_token/internal", body), needs_token=False)

    def token_of(self, body: bytes, now: float) -> Token | Judgement:
        answer = read_json(body) or {}
        value, seconds = answer.get("tenant_access_token"), answer.get("expire")
        if isinstance(value, str) and value and isinstance(seconds, int):
            return Token(value, now + seconds)
        judged = self.judge(200, body)
        if judged.verdict in ("retry", "config"):
            return judged
        return Judgement("config", f"{judged.code}: no access token: are app_id and app_secret right?", judged.code)

    def with_token(self, outgoing: Outgoing, token: str) -> Outgoing:
        return replace(outgoing, headers={**outgoing.headers, "Authorization": f"Bearer {token}"})

    def judge(self, status: int, body: bytes) -> Judgement:
        """The verdict is in the body's code, whatever the status. `receipt` is the message's id."""
        answer = read_json(body)
        code = answer.get("code") if answer else None
        if answer is None or not isinstance(code, int):
            return ANSWERS.judge(status, body if status != 200 else b"")
        judged = ANSWERS.of(code, str(answer.get("msg", "")))
        data = answer.get("data")
        receipt = data.get("message_id", "") if isinstance(data, dict) else ""
        return replace(judged, receipt=receipt) if judged.verdict == "ok" and isinstance(receipt, str) else judged


def decrypt(encrypt: str, encrypt_key: str) -> bytes:
    """AES-256-CBC under sha256(encrypt_key); the first block is the IV, the padding PKCS#7. Raises `Refused`."""
    try:
        data = base64.b64decode(encrypt, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(403, "the encrypted text is not base64") from None
    if len(data) < 2 * BLOCK or len(data) % BLOCK:
        raise Refused(403, f"the encrypted text is not whole AES blocks ({len(data)} bytes): was it cut?")
    key = hashlib.sha256(encrypt_key.encode()).digest()
    cipher = Cipher(algorithms.AES(key), modes.CBC(data[:BLOCK])).decryptor()
    plain = cipher.update(data[BLOCK:]) + cipher.finalize()
    pad = plain[-1]
    if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
        raise Refused(403, "it does not decrypt: is encrypt_key the one in the app's console?")
    return plain[:-pad]


# --- reading ---------------------------------------------------------------------------------------------------


def _fields(body: bytes) -> Fields:
    fields = as_texts(load_json(body))
    if not isinstance(fields, dict):
        raise Malformed("the body is no JSON object")
    return fields


def _inner(fields: Fields, name: str) -> Fields:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _seconds(fields: Fields) -> float:
    """Feishu's create_time in epoch seconds: it is in milliseconds, of a tapped card in microseconds."""
    given = whole(fields, "create_time")
    at = given / (1e6 if given > 10**14 else 1e3)
    if at > LATEST_TIME:
        raise Malformed("create_time is no time")
    return at


EVENT_NAMES: Mapping[str, str] = {
    "im.chat.member.bot.added_v1": "welcome",
    "im.chat.member.bot.deleted_v1": "unsubscribe",
}


def _event_name(kind: str, event: Fields) -> str:
    if kind == "im.chat.access_event.bot_p2p_chat_entered_v1":
        # only who never wrote is greeted: the chat is entered whenever it is opened
        return "enter" if said(event, "last_message_id") else "welcome"
    return EVENT_NAMES.get(kind, kind.lower())


def _unmentioned(text: str, names: Mapping[str, str], ours: set[str]) -> str:
    """`text` without the bot's mentions, and with others' names instead of their keys (`@_user_1`)."""
    for key in sorted(names, key=len, reverse=True):
        text = text.replace(key, "" if key in ours else f"@{names[key]}")
    return text.strip()


def _lines_of_post(post: Fields, names: Mapping[str, str], ours: set[str]) -> Iterator[str]:
    yield said(post, "title")
    lines = post.get("content")
    for line in lines if isinstance(lines, list) else ():
        tags = [tag for tag in line if isinstance(tag, dict)] if isinstance(line, list) else []
        words = "".join(said(tag, "user_id") if said(tag, "tag") == "at" else said(tag, "text") for tag in tags)
        if words:
            yield words


# --- writing ---------------------------------------------------------------------------------------------------


def _message_of(reply: Reply, data: Mapping[str, str]) -> tuple[str, Json]:
    """The msg_type and content of `reply`, which fits `LIMITS`."""
    match reply:
        case Text(text):
            at = f'<at user_id="{data[MENTION]}"></at> ' if data.get(MENTION) else ""
            return "text", {"text": f"{at}{text}"}
        case Image(media=media):
            return "image", {"image_key": media}
        case Voice(media=media):
            return "audio", {"file_key": media}
        case Video(media=media, thumb=thumb):
            return "media", {"file_key": media} | ({"image_key": thumb} if thumb else {})
        case File(media=media):
            return "file", {"file_key": media}
        case Markdown(text, title):
            return "interactive", _card(title, [{"tag": "markdown", "content": text}])
        case Card():
            words = [{"tag": "div", "text": {"tag": "plain_text", "content": reply.text}}] if reply.text else []
            buttons = [_button(button, data.get("chat", "private")) for button in reply.buttons]
            return "interactive", _card(reply.title, [*words, {"tag": "action", "actions": buttons}])
        case Custom(payload):
            return str(payload["msgtype"]), payload.get("content", payload.get(payload["msgtype"], {}))
        case _:
            raise TypeError(f"{type(reply).__name__} is no message of Feishu's: fit it first")


def _card(title: str, elements: list[Json]) -> Json:
    head = {"header": {"title": {"tag": "plain_text", "content": title}}} if title else {}
    return {"config": {"wide_screen_mode": True}, **head, "elements": elements}


def _button(button: Button, chat: ChatKind | str) -> Json:
    shown = {"tag": "button", "text": {"tag": "plain_text", "content": button.title or button.payload or button.url}}
    if button.url:
        return shown | {"type": "default", "url": button.url}
    return shown | {"type": "default", "value": {"say": button.payload or button.title, "chat": chat}}
