"""One AI bot of WeCom (智能机器人) as a `Channel`: by encrypted webhooks with streamed answers, or over a WebSocket.

Sources: 概述 https://developer.work.weixin.qq.com/document/path/101039
接收消息 https://developer.work.weixin.qq.com/document/path/100719
被动回复消息 https://developer.work.weixin.qq.com/document/path/101031
智能机器人长连接 https://developer.work.weixin.qq.com/document/path/101463
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson

from adapters.channel import (
    Challenge,
    Exchange,
    Frame,
    Judgement,
    Limits,
    LinkTerms,
    MediaKind,
    MediaTerms,
    Messages,
    Outgoing,
    Parsed,
    Rate,
    Refresh,
    Request,
    Route,
    Token,
    Upload,
    Uploaded,
)
from adapters.crypto import Envelope, Opened, Random16, Sealed, aes_key, random16
from adapters.degrade import fit, join
from adapters.fields import Fields, Malformed, read_fields, said
from adapters.groups import in_group, mentioning
from adapters.markup import cleaned
from adapters.message import Address, Content, Custom, Event, Image, Message, Reply
from adapters.pictures import TERMS as PICTURE_TERMS
from adapters.pictures import inline, is_inline
from adapters.refusals import Refused, check_size, check_time, or_reject
from adapters.wecom_bot import bodies, carrying, link
from adapters.wecom_bot.answers import of_response_url
from adapters.wecom_bot.inbound import CHANNEL, REQ_ID, read_message, read_poll
from config.credentials import WeComBotAccount

WINDOW_S = 300.0
PASSIVE_S = 5.0
STREAM_S = 360.0
"""For so long after a message WeCom polls for a streamed answer, or takes one under its req_id."""
EVENT_S = 5.0
"""For so long after an event its greeting, or the update of its card, is taken."""
RESPONSE_URL_S = 3600.0
MOST_OPEN = 3
PING_S, ACK_S, REFUSALS = 30.0, 5.0, 5
"""As the vendor's SDK has them."""
RATES = ((30, 60.0), (1000, 3600.0))
"""Messages into one chat over the WebSocket, answers and our own together. Read in others' notes of the document."""

WORDS = frozenset(("text", "markdown", "link", "news"))
WEBHOOK = Limits(
    shows=WORDS | {"card", "image"},
    text_bytes=bodies.STREAM_BYTES - bodies.MENTION_BYTES,
    buttons=bodies.BUTTONS,
    passive_s=PASSIVE_S,
    passive_messages=1,
    push_count=1,
    push_window_s=RESPONSE_URL_S,
    custom_types=frozenset(("template_card",)),
    joins={"text": 100, "markdown": 100, "link": 100, "news": 100, "image": bodies.IMAGES, "card": 1, "custom": 1},
)
LINK = Limits(
    shows=WORDS | {"card", "image", "voice", "video", "file"},
    text_bytes=WEBHOOK.text_bytes,
    buttons=bodies.BUTTONS,
    media_only=True,
    custom_types=WEBHOOK.custom_types,
)


class WeComBot:
    """The codec of the bot that credentials.yml calls `account`.

    `window_s` is how far the timestamp of a webhook may be off, in seconds (0: any); `random` gives 16 bytes for each
    encrypted answer and for the id of each frame. Raises ValueError where the encoding_aes_key is not one.
    """

    name = CHANNEL
    token_key = ""
    """Nothing that it calls wants an access token."""

    def __init__(
        self, account: str, settings: WeComBotAccount, window_s: float = WINDOW_S, random: Random16 = random16
    ) -> None:
        self.account = account
        self._settings = settings
        self._by_link = settings.mode == "websocket"
        self._window_s = window_s
        self._random = random
        self._frames = link.own(random)
        given = (settings.encoding_aes_key.get_secret_value(), settings.previous_encoding_aes_key.get_secret_value())
        keys = [key for key in given if key and not self._by_link]
        self._keys = [aes_key(key) for key in keys]
        self._envelope = Envelope(settings.token.get_secret_value(), keys, "", random)
        self.limits = LINK if self._by_link else WEBHOOK
        self.push_limits = self.limits

    # --- in --------------------------------------------------------------------------------------------------

    def parse(self, request: Request, now: float) -> Parsed:
        """Never raises: what is not a valid request of WeCom's for this bot is a `Reject`."""
        return or_reject(self._parse, request, now)

    def _parse(self, request: Request, now: float) -> Parsed:
        check_size(request.body)
        if self._by_link:
            raise Refused(404, "the bot is set up for the WebSocket (mode: websocket), nobody posts to its webhook")
        check_time(request.query, now, self._window_s, "WeCom")
        if request.method == "GET":
            # base64 has no spaces: they are plus signs that somebody on the way decoded
            echo = request.query.get("echostr", "").replace(" ", "+")
            return Challenge(_text(self._open(request.query, echo).message))
        if request.method != "POST":
            raise Refused(405, f"{request.method} is not what WeCom sends")
        opened = self._open(request.query, said(read_fields(request.body), "encrypt"))
        return self._read(read_fields(opened.message), opened, request.query)

    def _open(self, query: Mapping[str, str], encrypt: str) -> Opened:
        if not encrypt:
            raise Refused(400, "there is nothing encrypted in it: this is not a request of WeCom's")
        given = (query.get("msg_signature", ""), query.get("timestamp", ""), query.get("nonce", ""))
        return self._envelope.open(Sealed(encrypt, *given))

    def _read(self, fields: Fields, opened: Opened, query: Mapping[str, str]) -> Parsed:
        data = {"timestamp": query["timestamp"], "nonce": query.get("nonce", "")}
        data |= {"key": str(opened.key)} if opened.key else {}
        group = self._settings.group
        if said(fields, "msgtype").lower() == "stream":
            asked = in_group(read_poll(fields, self.account), group)
            if asked is None:
                raise Malformed("it polls for what the bot was not asked")
            data |= {"as": "refresh", "id": asked.id, **mentioning(asked, group)}
            return Refresh(asked.address, asked.id, Route("passive", data))
        message = self._message(fields, float(query["timestamp"]))
        kind = _answered_as(message.content) if message else ""
        if message is None or not kind:
            return Messages((message,) if message else (), Route("push"), ack=Outgoing(b"", "application/json"))
        data |= {"as": kind, "id": message.id, **mentioning(message, group)}
        return Messages((message,), Route("passive", data), ack=Outgoing(b"", "application/json"))

    def _message(self, fields: Fields, at: float) -> Message | None:
        return in_group(read_message(fields, self.account, self._settings, at), self._settings.group)

    # --- out -------------------------------------------------------------------------------------------------

    def render(self, replies: Sequence[Reply], route: Route) -> list[Outgoing]:
        """Any replies, degraded where need be. Passive: one body of them all; push: one call each."""
        data = route.data
        fitting = fit(replies, self.push_limits)
        if route.kind != "push":
            return [self._sealed(self._passive(join(fitting, self.limits), data), data)]
        if data.get("way") == "response_url":
            return [_by_response_url(reply, data) for reply in fitting]
        return [link.pushed(reply, data, self._frames) for reply in fitting]

    def _passive(self, replies: Sequence[Reply], data: Mapping[str, str]) -> bodies.Body:
        number, kind = data.get("id", ""), data.get("as", "")
        if kind == "welcome":
            return bodies.welcome(replies, number) or {}
        carded = [reply for reply in replies if bodies.template_card(reply, number)]
        # one card is shown; another is said in words, rather one of ours than a payload of somebody else's
        shown = min(carded, key=lambda reply: not isinstance(reply, Custom), default=None)
        card = bodies.template_card(shown, number) if shown else None
        pictures = [reply for reply in replies if isinstance(reply, Image) and is_inline(reply)]
        spoken = [reply for reply in replies if reply is not shown and reply not in pictures]
        content = bodies.mentioned("\n".join(filter(None, map(bodies.words, spoken))), data)
        if not (content or pictures or kind == "refresh"):
            return {"msgtype": "template_card", "template_card": card} if card else {}
        content = content or ("" if pictures or card else bodies.HANDLED)
        ended = bodies.stream(number, content, finish=True, images=pictures, feedback=kind == "message")
        if card:
            return {"msgtype": "stream_with_template_card", "stream": ended, "template_card": card}
        return {"msgtype": "stream", "stream": ended}

    def _sealed(self, body: bodies.Body, data: Mapping[str, str]) -> Outgoing:
        plain = orjson.dumps(cleaned(body), option=orjson.OPT_NON_STR_KEYS)
        timestamp = data.get("timestamp", "0")
        sealed = self._envelope.seal(plain, timestamp, data.get("nonce", ""), int(data.get("key", "0")))
        whole = {
            "encrypt": sealed.encrypt,
            "msgsignature": sealed.signature,
            "timestamp": int(timestamp),
            "nonce": sealed.nonce,
        }
        return Outgoing(orjson.dumps(whole), "application/json")

    # --- an answer that is still being made ------------------------------------------------------------------

    stream_s = STREAM_S
    most_open = MOST_OPEN

    def unfinished(self, said: str, route: Route) -> Outgoing | None:
        data = route.data
        kind = data.get("as", "")
        if self._by_link or kind not in ("message", "refresh"):
            return None
        content = bodies.mentioned(said, data)
        shown = bodies.stream(data.get("id", ""), content, finish=False, feedback=kind == "message")
        return self._sealed({"msgtype": "stream", "stream": shown}, data)

    # --- speaking first --------------------------------------------------------------------------------------

    def push_routes(self, address: Address, message: Message | None, now: float) -> tuple[Route, ...]:
        """`data`: `way` (respond, welcome, update, send, response_url), what it names the answer by (`req`, `task`,
        `url`), the message's `id`, and where to (`chat`, `kind`)."""
        raw = message.raw if message is not None and isinstance(message.raw, dict) else {}
        group = address.chat != address.user or (message is not None and message.chat_kind == "group")
        data = {"chat": address.chat, "kind": "group" if group else "private"}
        data |= {"id": message.id, **mentioning(message, self._settings.group)} if message is not None else {}
        age = now - message.at if message is not None else 0.0
        if not self._by_link:
            url = said(raw, "response_url")
            opened = url and age < RESPONSE_URL_S
            return (Route("push", data | {"way": "response_url", "url": url}),) if opened else ()
        send = Route("push", data | {"way": "send"})
        request = said(raw, REQ_ID)
        way = _answered_as(message.content) if message is not None else ""
        if not (message and request):
            return (send,)
        if isinstance(message.content, Event):
            task = message.content.data.get("task_id", "")
            way = way or ("update" if message.content.name == "click" and task else "")
            open_ways = {"way": way, "req": request, "task": task}
            return (Route("push", data | open_ways), send) if way and age < EVENT_S else (send,)
        return (Route("push", data | {"way": "respond", "req": request}), send) if age < STREAM_S else (send,)

    def rates(self, route: Route) -> tuple[Rate, ...]:
        if not self._by_link:
            return ()
        key = f"{self.name}/{self.account}/{route.data.get('chat', '')}"
        return tuple(Rate(f"{key}/{window_s:g}", count, window_s) for count, window_s in RATES)

    def token_request(self) -> Outgoing:
        return Outgoing(b"", "application/json", needs_token=False)

    def token_of(self, body: bytes, now: float) -> Token | Judgement:
        return Judgement("config", "an AI bot of WeCom has no access token")

    def with_token(self, outgoing: Outgoing, token: str) -> Outgoing:
        return outgoing

    def judge(self, status: int, body: bytes) -> Judgement:
        return of_response_url(status, body)

    # --- the WebSocket ---------------------------------------------------------------------------------------

    @property
    def link_terms(self) -> LinkTerms | None:
        return LinkTerms(exclusive=True, ping_s=PING_S, ack_s=ACK_S, refusals=REFUSALS) if self._by_link else None

    def dial(self) -> Exchange[str]:
        return carrying.at_once(self._settings.ws_url)

    def greeting(self) -> Outgoing | None:
        if not self._by_link:
            return None
        settings = self._settings
        keys = {"bot_id": settings.bot_id, "secret": settings.secret.get_secret_value()}
        return self._frames(link.SUBSCRIBE, keys)

    def ping(self) -> Outgoing | None:
        return link.frame(link.PING, link.PING_ID, None) if self._by_link else None

    def read(self, frame: str, now: float) -> Frame:
        return link.read(frame, lambda fields: self._message(fields, now))

    # --- media -----------------------------------------------------------------------------------------------

    @property
    def media_terms(self) -> Mapping[MediaKind, MediaTerms]:
        return carrying.LINK_TERMS if self._by_link else PICTURE_TERMS

    def upload(self, upload: Upload, now: float) -> Exchange[Uploaded]:
        if self._by_link:
            return carrying.upload(upload, now, self._frames)
        return carrying.at_once(inline(upload, now))

    def download(self, content: Content) -> Exchange[bytes]:
        return carrying.download(content, self._keys)


def _answered_as(content: Content) -> str:
    """What the response to it may hold: an answer, a greeting, or (empty) nothing."""
    if not isinstance(content, Event):
        return "message"
    return "welcome" if content.name == "enter" else ""


def _by_response_url(reply: Reply, data: Mapping[str, str]) -> Outgoing:
    card = bodies.template_card(reply, data.get("id", ""))
    body: bodies.Body = {"msgtype": "template_card", "template_card": card}
    if card is None:
        body = bodies.markdown(bodies.mentioned(bodies.words(reply), data) or bodies.HANDLED)
    return Outgoing(
        orjson.dumps(cleaned(body), option=orjson.OPT_NON_STR_KEYS),
        "application/json",
        data["url"],
        needs_token=False,
    )


def _text(message: bytes) -> str:
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise Malformed("echostr is no text") from None
