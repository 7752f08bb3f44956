"""One DingTalk app with a robot as a channel: by HTTP callbacks or by Stream, it verifies, decrypts, decodes; renders
for session webhooks, the API and cards; judges.

Sources: 获取企业内部应用的accessToken https://open.dingtalk.com/document/orgapp/obtain-the-access_token-of-an-internal-app
撤回 https://open.dingtalk.com/document/orgapp/batch-message-recall-chat
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote, urlsplit

import orjson

from adapters.channel import (
    Answer,
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
    Request,
    Route,
    Token,
    Upload,
    Uploaded,
)
from adapters.crypto import Random16, random16
from adapters.degrade import fit
from adapters.dingtalk.answers import RATES, read_judgement, read_token
from adapters.dingtalk.cards import Cards, Space, chosen
from adapters.dingtalk.inbound import (
    OUTSIDER,
    TITLE,
    Origin,
    fingerprint,
    read_event,
    read_message,
    read_tap,
    seconds,
)
from adapters.dingtalk.media import TERMS, download, upload
from adapters.dingtalk.outbound import CUSTOM_TYPES, MOST_BUTTONS, api_message, encoded, in_words, session_body, taps
from adapters.dingtalk.proof import Subscription, check_card, check_robot
from adapters.dingtalk.stream import Readers, open_connection, read_frame
from adapters.fields import Malformed, read_fields, said
from adapters.groups import MENTION, in_group, mentioning
from adapters.message import Address, Card, Content, Json, Message, Reply, Text
from adapters.refusals import Refused, check_size, or_reject
from config.credentials import DingTalkAccount

WINDOW_S = 3600.0
MARGIN_S = 60.0
"""A session webhook that ends sooner is not begun with."""
TO_USER = "/v1.0/robot/oToMessages/batchSend"
TO_GROUP = "/v1.0/robot/groupMessages/send"
RECALL_USER = "/v1.0/robot/otoMessages/batchRecall"
RECALL_GROUP = "/v1.0/robot/groupMessages/recall"
TOKEN_HEADER = "x-acs-dingtalk-access-token"  # noqa: S105
DINGTALK_HOST = re.compile(r"(?:[a-z0-9-]{1,63}\.)+dingtalk\.com")
ADDRESS = re.compile(r"[!-~]{1,2000}")
SAID = Route("push", {"way": "callback"})

LIMITS = Limits(
    shows=frozenset(("text", "markdown", "card", "link", "news", "image", "voice", "video", "file")),
    text_bytes=18_000,
    buttons=MOST_BUTTONS,
    markdown_chars=3_500,
    link_buttons=True,
    custom_types=CUSTOM_TYPES,
)
"""Robots refuse a message over 20 000 bytes (460101), its JSON counted; clients show a longer markdown without its
formatting."""


class DingTalk:
    """The codec of the account that credentials.yml calls `account`.

    `window_s` is how far the timestamp of a request may be off, in seconds (0: any); `random` gives the 16 bytes that
    each encrypted answer starts with.
    """

    name = "dingtalk"
    limits = LIMITS
    push_limits = LIMITS

    def __init__(
        self, account: str, settings: DingTalkAccount, window_s: float = WINDOW_S, random: Random16 = random16
    ) -> None:
        self.account = account
        self._settings = settings
        self._window_s = window_s
        self._origin = Origin(self.name, account)
        self._secret = settings.client_secret.get_secret_value()
        self._robot = settings.robot_code or settings.client_id
        self._api = settings.api_base.rstrip("/")
        self._oapi = settings.oapi_base.rstrip("/")
        self._subscription = Subscription(
            settings.token.get_secret_value(),
            settings.encoding_aes_key.get_secret_value(),
            (settings.client_id, settings.corp_id),
            random,
        )
        http = settings.mode == "http"
        self._cards = Cards(
            self._api,
            settings.card_template_id,
            settings.ai_card_template_id,
            settings.ai_card_key,
            settings.card_route_key if http else "",
        )

    @property
    def token_key(self) -> str:
        return f"{self.name}/{self.account}/{self._settings.client_id}"

    # --- in, by HTTP -----------------------------------------------------------------------------------------

    def parse(self, request: Request, now: float) -> Parsed:
        """Never raises: what is not a valid request of DingTalk's for this account is a `Reject`."""
        return or_reject(self._parse, request, now)

    def _parse(self, request: Request, now: float) -> Parsed:
        check_size(request.body)
        if request.method != "POST":
            raise Refused(405, f"{request.method} is not what DingTalk sends")
        headers = request.headers
        if "sign" in headers:
            check_robot(headers, self._secret, now, self._window_s)
            return self._heard(read_message(request.body, self._origin))
        if "x-ddpaas-signature" in headers:
            return self._tapped(request, now)
        if "signature" in request.query or "msg_signature" in request.query:
            return self._event(request, now)
        raise Refused(403, "it is not signed: this is not a request of DingTalk's")

    def _heard(self, message: Message) -> Messages:
        # an empty object: a body that has a msgtype would be shown as a reply
        return Messages(self._for_us(message), SAID, Outgoing(b"{}", "application/json"))

    def _for_us(self, message: Message) -> tuple[Message, ...]:
        meant = in_group(message, self._settings.group)
        return () if meant is None else (meant,)

    def _tapped(self, request: Request, now: float) -> Parsed:
        at = check_card(request.headers, self._settings.card_secret.get_secret_value(), now, self._window_s)
        id = fingerprint(request.headers["x-ddpaas-signature-timestamp"].encode(), request.body)
        message = read_tap(request.body, id, at, self._origin)
        return Messages(self._for_us(message), SAID, Outgoing(encoded(_update(message)), "application/json"))

    def _event(self, request: Request, now: float) -> Parsed:
        body, ack = self._subscription.open(request.query, request.body, now, self._window_s)
        fields = read_fields(body)
        kind = said(fields, "EventType")
        if not kind:
            raise Malformed("EventType is missing")
        if kind.startswith("check_"):
            return Messages((), SAID, ack)
        at = seconds(fields, "TimeStamp") if said(fields, "TimeStamp") else now
        corp = said(fields, "CorpId") or self._settings.corp_id or self._settings.client_id
        message = read_event(fields, kind, f"{kind}/{fingerprint(body)}", at, corp, self._origin)
        return Messages(self._for_us(message), SAID, ack)

    # --- in, by Stream ---------------------------------------------------------------------------------------

    @property
    def link_terms(self) -> LinkTerms | None:
        if self._settings.mode != "stream":
            return None
        return LinkTerms(connections=self._settings.connections)

    def dial(self) -> Exchange[str]:
        gateway = self._settings.gateway.rstrip("/")
        return open_connection(gateway, self._settings.client_id, self._secret)

    def greeting(self) -> Outgoing | None:
        return None

    def ping(self) -> Outgoing | None:
        return None

    def read(self, frame: str, now: float) -> Frame:
        return read_frame(frame, now, Readers(self._message, self._tap, self._told, self._for_us, _update))

    def _message(self, body: bytes) -> Message:
        return read_message(body, self._origin)

    def _tap(self, body: bytes, id: str, at: float) -> Message:
        return read_tap(body, id, at, self._origin)

    def _told(self, body: bytes, headers: Mapping[str, Json], now: float) -> Message:
        fields = read_fields(body) if body.strip() else {}
        kind, id = said(fields, "EventType") or said(headers, "eventType"), said(headers, "eventId")
        if not kind:
            raise Malformed("eventType is missing")
        born = said(headers, "eventBornTime")
        at = int(born) / 1000 if born.isascii() and born.isdigit() and len(born) <= 13 else now
        corp = said(headers, "eventCorpId") or self._settings.corp_id or self._settings.client_id
        return read_event(fields, kind, id or f"{kind}/{fingerprint(body)}", at, corp, self._origin)

    # --- out -------------------------------------------------------------------------------------------------

    def render(self, replies: Sequence[Reply], route: Route) -> list[Outgoing]:
        """Any replies, degraded where need be. One call each, but a text that is typed into an AI card: a call to make
        the card and one for each update of it, in order. What a session webhook cannot carry goes by the API."""
        first = _part(route.data)
        shown = enumerate(fit(replies, self.push_limits), first)
        return [call for place, reply in shown for call in self._calls(reply, place, route.data)]

    def _calls(self, reply: Reply, place: int, data: Mapping[str, str]) -> Iterator[Outgoing]:
        """The calls for one reply, the `place`th of its turn: only the first mentions whom it is for."""
        to, chat = data.get("to", ""), data.get("chat", "")
        mention = "" if place else data.get(MENTION, "")
        reachable = bool(chat) or (bool(to) and not to.startswith(OUTSIDER))
        seed = f"{data['turn']}#{place}" if data.get("turn") else ""
        space = Space(self._robot, to, chat, "" if mention.startswith(OUTSIDER) else mention)
        if reachable and seed and self._cards.types(reply):
            yield from self._cards.typed(reply, space, seed)
            return
        if reachable and seed and isinstance(reply, Card) and self._cards.shows(reply) and taps(reply):
            yield self._cards.card(reply, space, seed)
            return
        if data.get("way") == "session":
            body = session_body(reply, mention, bool(chat))
            if body is None and not reachable:
                body = session_body(_plain(reply), mention, bool(chat))
            if body is not None:
                yield Outgoing(encoded(body), "application/json", data["url"], needs_token=False)
                return
        yield self._sent(*api_message(reply, bool(chat)), to, chat)

    def _sent(self, key: str, param: Json, to: str, chat: str) -> Outgoing:
        where: dict[str, Json] = {"openConversationId": chat} if chat else {"userIds": [to]}
        body = {"robotCode": self._robot, "msgKey": key, "msgParam": encoded(param).decode(), **where}
        return Outgoing(encoded(body), "application/json", f"{self._api}{TO_GROUP if chat else TO_USER}")

    # --- speaking first --------------------------------------------------------------------------------------

    def push_routes(self, address: Address, message: Message | None, now: float) -> tuple[Route, ...]:
        """`way`: session (the webhook that `message` brought, `url`), user, group. Data besides: `to`, in groups
        `chat` and whom to mention."""
        data = {"to": address.user} | dict(mentioning(message, self._settings.group))
        group = address.chat != address.user
        if group:
            data["chat"] = address.chat
        routes = []
        if message is not None and (url := self._webhook(message, now)):
            routes.append(Route("push", {"way": "session", "url": url} | data))
        if group or not address.user.startswith(OUTSIDER):
            routes.append(Route("push", {"way": "group" if group else "user"} | data))
        return tuple(routes)

    def _webhook(self, message: Message, now: float) -> str:
        """The session webhook that `message` brought, while it is valid. The signature covers no body, so that only
        DingTalk's own addresses are believed."""
        raw = message.raw if isinstance(message.raw, dict) else {}
        url, ends = said(raw, "sessionWebhook"), said(raw, "sessionWebhookExpiredTime")
        if not (ends.isascii() and ends.isdigit() and len(ends) <= 15) or int(ends) / 1000 - MARGIN_S <= now:
            return ""
        return url if self._is_ours(url) else ""

    def _is_ours(self, url: str) -> bool:
        try:
            parts, ours = urlsplit(url), urlsplit(self._oapi)
            if parts.username or parts.password or not ADDRESS.fullmatch(url):
                return False
            if (parts.scheme, parts.hostname, parts.port) == (ours.scheme, ours.hostname, ours.port):
                return True
            named = DINGTALK_HOST.fullmatch(parts.hostname or "")
            return bool(named) and parts.scheme == "https" and parts.port in (None, 443)
        except ValueError:
            return False

    def rates(self, route: Route) -> tuple[Rate, ...]:
        way = route.data.get("way", "user")
        count, window_s = RATES.get(way, RATES["user"])
        where = f"/{route.data.get('chat') or route.data.get('to', '')}" if way == "session" else ""
        return (Rate(f"{self.token_key}/{way}{where}", count, window_s),)

    def token_request(self) -> Outgoing:
        body = {"appKey": self._settings.client_id, "appSecret": self._secret}
        return Outgoing(orjson.dumps(body), "application/json", f"{self._api}/v1.0/oauth2/accessToken")

    def token_of(self, body: bytes, now: float) -> Token | Judgement:
        return read_token(body, now)

    def with_token(self, outgoing: Outgoing, token: str) -> Outgoing:
        """The newer API wants it in a header, the older one in the query."""
        if urlsplit(outgoing.url).path.startswith("/v1.0/"):
            return replace(outgoing, headers={**outgoing.headers, TOKEN_HEADER: token})
        between = "&" if "?" in outgoing.url else "?"
        return replace(outgoing, url=f"{outgoing.url}{between}access_token={quote(token, safe='')}")

    def judge(self, status: int, body: bytes) -> Judgement:
        return read_judgement(status, body)

    # --- taking back, media ----------------------------------------------------------------------------------

    def recall(self, receipt: str, route: Route) -> Exchange[None]:
        """Take back a message that went out by the API; its receipt is the processQueryKey. What a session webhook
        sent cannot be recalled: it has no receipt."""
        if not receipt:
            return Judgement("dead", "what went out by a session webhook cannot be recalled")
        chat = route.data.get("chat", "")
        body = {"robotCode": self._robot, "processQueryKeys": [receipt]} | (
            {"openConversationId": chat} if chat else {}
        )
        answer: Answer = yield Outgoing(
            encoded(body), "application/json", f"{self._api}{RECALL_GROUP if chat else RECALL_USER}"
        )
        judged = self.judge(answer.status, answer.body)
        return None if judged.verdict == "ok" else judged

    @property
    def media_terms(self) -> Mapping[MediaKind, MediaTerms]:
        return TERMS

    def upload(self, upload_: Upload, now: float) -> Exchange[Uploaded]:
        return upload(self._oapi, upload_)

    def download(self, content: Content) -> Exchange[bytes]:
        return download(self._api, self._robot, content)


def _part(data: Mapping[str, str]) -> int:
    part = data.get("part", "0")
    return int(part) if part.isascii() and part.isdigit() else 0


def _update(message: Message) -> Json:
    return chosen(said(message.raw, TITLE))


def _plain(reply: Reply) -> Text:
    """The last resort: words, for somebody whom only a session webhook reaches."""
    (shown, *_) = fit([reply], replace(LIMITS, shows=frozenset(("text",)))) or [Text("[消息]")]
    return shown if isinstance(shown, Text) else Text(in_words(shown) if isinstance(shown, Card) else "[消息]")
