"""One WeChat official account as a `Channel` and `Pushing`: verify, decrypt, decode; render, judge.

Sources: 接入概述 https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/Access_Overview.html
客服消息 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Service_Center_messages.html
获取稳定版接口调用凭据 https://developers.weixin.qq.com/doc/offiaccount/Basic_Information/getStableAccessToken.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

import orjson

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
)
from adapters.crypto import Envelope, Random16, Sealed, random16, signed
from adapters.degrade import fit, join
from adapters.fields import Fields, is_json, read_fields, said
from adapters.markup import sealed_json, sealed_xml
from adapters.message import Address, Content, Message, Reply
from adapters.passive_xml import passive_xml
from adapters.refusals import Refused, check_size, check_time, or_reject
from adapters.wechat.inbound import read_message
from adapters.wechat.media import TERMS
from adapters.wechat.media import download as download_file
from adapters.wechat.media import upload as upload_file
from adapters.wechat.notices import KINDS as NOTICES
from adapters.wechat.notices import needs_no_window
from adapters.wechat.passive import NOTHING, passive_json
from adapters.wechat.push import ANSWERS, CUSTOM_TYPES, push_call
from adapters.wechat.windows import MESSAGE, closed, has_left, opened_by
from config.credentials import WeChatAccount

WINDOW_S = 300.0
PASSIVE_S = 5.0
CUSTOM, NOTICE = "custom", "notice"
"""The ways to push, as a route's `way`."""

PASSIVE = Limits(
    shows=frozenset(("text", "image", "voice", "video", "link", "news")),
    text_bytes=2048,
    passive_s=PASSIVE_S,
    passive_messages=1,
    push_count=MESSAGE.count,
    push_window_s=MESSAGE.seconds,
    articles=1,
    media_only=True,
    custom_types=frozenset(("music",)),
)
PUSH = replace(
    PASSIVE,
    shows=PASSIVE.shows | {"card", "typing"},
    buttons=10,
    custom_types=CUSTOM_TYPES | NOTICES,
)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A verified body, and what its answer must be like."""

    body: bytes
    encrypted: bool = False
    key: int = 0


class WeChat:
    """The codec of the account that credentials.yml calls `account`.

    `window_s` is how far the timestamp of a request may be off, in seconds (0: any); `random` gives the 16 bytes
    that each encrypted answer starts with. Raises ValueError where the encoding_aes_key is not one.
    """

    name = "wechat"

    def __init__(
        self, account: str, settings: WeChatAccount, window_s: float = WINDOW_S, random: Random16 = random16
    ) -> None:
        self.account = account
        self._settings = settings
        self._window_s = window_s
        self._token = settings.token.get_secret_value()
        keys = (settings.encoding_aes_key.get_secret_value(), settings.previous_encoding_aes_key.get_secret_value())
        used = [key for key in keys if key and settings.mode != "plain"]
        self._envelope = Envelope(self._token, used, settings.app_id, random)
        self._api_base = settings.api_base.rstrip("/")
        transfer = {"transfer"} if settings.transfer else set()
        self.limits = replace(PASSIVE, shows=PASSIVE.shows | transfer)
        self.push_limits = PUSH

    @property
    def token_key(self) -> str:
        return f"{self.name}/{self.account}/{self._settings.app_id}"

    # --- in --------------------------------------------------------------------------------------------------

    def parse(self, request: Request, now: float) -> Parsed:
        """Never raises: what is not a valid request of WeChat's for this account is a `Reject`."""
        return or_reject(self._parse, request, now)

    def _parse(self, request: Request, now: float) -> Parsed:
        check_size(request.body)
        check_time(request.query, now, self._window_s, "WeChat")
        if request.method == "GET":
            self._check_url_signature(request.query)
            if not (echo := request.query.get("echostr", "")):
                raise Refused(400, "there is no echostr to answer with")
            return Challenge(echo)
        if request.method != "POST":
            raise Refused(405, f"{request.method} is not what WeChat sends")
        opened = self._open(request)
        message = read_message(read_fields(opened.body), self.account)
        return Messages((message,), _passive_route(message, opened, request.query))

    def _check_url_signature(self, query: Mapping[str, str]) -> None:
        parts = (query.get("timestamp", ""), query.get("nonce", ""))
        if not signed(query.get("signature", ""), self._token, *parts):
            raise Refused(403, "the signature does not match: is the token the one in the account's console?")

    def _open(self, request: Request) -> _Opened:
        """The body, once it is proved to be WeChat's in the way that the account's mode asks for."""
        mode, query = self._settings.mode, request.query
        encrypted = query.get("encrypt_type", "raw") == "aes" or "msg_signature" in query
        if not encrypted and mode == "safe":
            why = "the body is not encrypted, and the account's mode is safe: choose 安全模式 in the account's console"
            raise Refused(403, why)
        if encrypted and mode == "plain":
            why = "the body is encrypted, and the account's mode is plain: set mode: safe and encoding_aes_key"
            raise Refused(403, why)
        if not encrypted:
            # the signature in the URL covers no body: it proves WeChat as far as plain mode can
            self._check_url_signature(query)
            return _Opened(request.body)
        encrypt = said(read_fields(request.body), "Encrypt")
        if not encrypt:
            raise Refused(400, "the body has no <Encrypt>, but its URL says that it is encrypted")
        given = (query.get("msg_signature", ""), query.get("timestamp", ""), query.get("nonce", ""))
        opened = self._envelope.open(Sealed(encrypt, *given))
        return _Opened(opened.message, encrypted=True, key=opened.key)

    # --- out -------------------------------------------------------------------------------------------------

    def render(self, replies: Sequence[Reply], route: Route) -> list[Outgoing]:
        """Any replies, degraded where need be. Passive: one body, of the replies joined as far as one can be
        (`success` where there is nothing to say); push: one call each."""
        if route.kind == "push":
            fitted = fit(replies, self.push_limits)
            servicer = self._settings.kf_account
            return [push_call(reply, route.data, self._api_base, servicer) for reply in fitted]
        shown = join(fit(replies, self.limits), self.limits)
        return [self._passive(shown[0], route.data) if shown else Outgoing(NOTHING, "text/plain")]

    def _passive(self, reply: Reply, data: Mapping[str, str]) -> Outgoing:
        body = passive_xml(reply, data["from"], data["to"], int(data["timestamp"]))
        in_json = data.get("format") == "json"
        if in_json:
            body = passive_json(body)
        if data.get("encrypted"):
            sealed = self._envelope.seal(body, data["timestamp"], data["nonce"], int(data.get("key", "0")))
            body = sealed_json(sealed) if in_json else sealed_xml(sealed)
        return Outgoing(body, "application/json" if in_json else "application/xml")

    # --- speaking first --------------------------------------------------------------------------------------

    def push_routes(self, address: Address, message: Message | None, now: float) -> tuple[Route, ...]:
        """`custom` (customer-service messages) while `message` lets us, `notice` (template and subscribe messages,
        typing) always. `data`: `to`, and of a window the `message` that opened it, its `count` and `window_s`."""
        settings = self._settings
        if settings.push is False or not settings.app_secret.get_secret_value():
            return ()
        if message is not None and has_left(message):
            return ()
        to = {"to": address.user}
        notice = Route("push", {"way": NOTICE, **to})
        if message is None or closed(message, now):
            return (notice,)
        window = opened_by(message)
        opened = (
            {"message": message.id, "count": str(window.count), "window_s": f"{window.seconds:g}"} if window else {}
        )
        return (Route("push", {"way": CUSTOM, **to, **opened}), notice)

    def rates(self, route: Route) -> tuple[Rate, ...]:
        """The allowance is that of the message that opened the window: its answer and whatever else is sent within
        it share it."""
        count = int(route.data.get("count", "0"))
        if not count:
            return ()
        to = route.data["to"]
        conversation = Address(self.name, self.account, to, to).conversation
        return (Rate(f"push/{conversation}/{route.data['message']}", count, float(route.data["window_s"])),)

    def carries(self, replies: Sequence[Reply], route: Route) -> bool:
        free = bool(replies) and all(map(needs_no_window, replies))
        return free == (route.data.get("way") == NOTICE)

    def closed(self, message: Message | None, now: float) -> str:
        return closed(message, now)

    def token_request(self) -> Outgoing:
        settings = self._settings
        body = {
            "grant_type": "client_credential",
            "appid": settings.app_id,
            "secret": settings.app_secret.get_secret_value(),
            "force_refresh": False,
        }
        return Outgoing(orjson.dumps(body), "application/json", f"{self._api_base}/cgi-bin/stable_token")

    def token_of(self, body: bytes, now: float) -> Token | Judgement:
        return ANSWERS.token(body, now)

    def with_token(self, outgoing: Outgoing, token: str) -> Outgoing:
        mark = "&" if "?" in outgoing.url else "?"
        return replace(outgoing, url=f"{outgoing.url}{mark}access_token={quote(token, safe='')}")

    def judge(self, status: int, body: bytes) -> Judgement:
        return ANSWERS.judge(status, body)

    # --- media -----------------------------------------------------------------------------------------------

    @property
    def media_terms(self) -> Mapping[MediaKind, MediaTerms]:
        return TERMS if self._settings.app_secret.get_secret_value() else {}

    def upload(self, upload: Upload, now: float) -> Exchange[Uploaded]:
        return upload_file(upload, now, self._api_base)

    def download(self, content: Content) -> Exchange[bytes]:
        return download_file(content, self._api_base)


def _passive_route(message: Message, opened: _Opened, query: Mapping[str, str]) -> Route:
    fields: Fields = message.raw
    data = {
        "to": message.address.user,
        "from": said(fields, "ToUserName"),
        "timestamp": query["timestamp"],
        "nonce": query.get("nonce", ""),
    }
    if opened.encrypted:
        data |= {"encrypted": "yes"} | ({"key": str(opened.key)} if opened.key else {})
    if is_json(opened.body):
        data["format"] = "json"
    return Route("passive", data)
