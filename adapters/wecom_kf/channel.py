"""One customer-service account (微信客服) as a channel: its callback only signals, `sync_msg` gives what was said.

Sources: 接收消息和事件 https://developer.work.weixin.qq.com/document/path/94670
分配客服会话 https://developer.work.weixin.qq.com/document/path/94669
撤回消息 https://developer.work.weixin.qq.com/document/path/94677
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adapters.channel import (
    Answer,
    Exchange,
    Judgement,
    MediaKind,
    MediaTerms,
    Messages,
    Outgoing,
    Parsed,
    Pull,
    Pulled,
    Rate,
    Reject,
    Request,
    Route,
    Token,
    Upload,
    Uploaded,
)
from adapters.crypto import Random16, random16
from adapters.degrade import fit
from adapters.errcodes import read_json
from adapters.fields import said
from adapters.message import Address, Content, Json, Message, Reply
from adapters.wecom import media
from adapters.wecom.api import Api, judge
from adapters.wecom.callback import ACK, WINDOW_S, Callback, Opened
from adapters.wecom_kf.inbound import CHANNEL, POOL, Item, State, event_code, read_page
from adapters.wecom_kf.push import ON_EVENT, ON_EVENT_TEXT, PUSH, Speaker
from adapters.wecom_kf.push import WINDOW_COUNT as COUNT
from adapters.wecom_kf.push import WINDOW_S as SEND_S
from config.credentials import WeComKfAccount

SYNC = "/cgi-bin/kf/sync_msg"
STATE = "/cgi-bin/kf/service_state/get"
RECALL = "/cgi-bin/kf/recall_msg"
PAGE = 1000
STALE_TOKEN = "95007"  # noqa: S105
FIRST = "first:"
"""Before the cursor of who has not read to the end yet for the first time."""
FRESH_S = 600.0
"""Older messages are history to who reads for the first time: the vendor keeps three days, and people who wrote then
do not wait any more."""


class WeComKf:
    """The codec of the account that credentials.yml calls `account`.

    `window_s` is how far the timestamp of a callback may be off, in seconds (0: any). Raises ValueError where the
    encoding_aes_key is not one.
    """

    name = CHANNEL

    def __init__(
        self, account: str, settings: WeComKfAccount, window_s: float = WINDOW_S, random: Random16 = random16
    ) -> None:
        self.account = account
        self._open_kfid = settings.open_kfid
        keys = (settings.encoding_aes_key, settings.previous_encoding_aes_key)
        self._callback = Callback(settings.token, keys, settings.corp_id, window_s, random)
        self._api = Api(settings.corp_id, settings.secret, f"{CHANNEL}/{account}/{settings.corp_id}", settings.api_base)
        self._speaker = Speaker(self._api, settings.open_kfid)
        self.limits = self.push_limits = PUSH if settings.transfer else replace(PUSH, shows=PUSH.shows - {"transfer"})

    # --- in --------------------------------------------------------------------------------------------------

    def parse(self, request: Request, now: float) -> Parsed:
        """Never raises: what is not a valid request of WeCom's for this account is a `Reject`."""
        opened = self._callback.read(request, now)
        if not isinstance(opened, Opened):
            return opened
        fields = opened.fields
        if not said(fields, "MsgType") and not said(fields, "Event"):
            return Reject(400, "the body has no MsgType: it is no callback of WeCom's")
        ours = said(fields, "OpenKfId") in ("", self._open_kfid)
        if said(fields, "Event").lower() == "kf_msg_or_event" and ours:
            return Pull(self._open_kfid, said(fields, "Token"), ACK)
        return Messages((), Route("passive", dict(opened.stamp)), ack=ACK)

    @property
    def sources(self) -> tuple[str, ...]:
        return (self._open_kfid,)

    def pull(self, source: str, token: str, cursor: str, now: float) -> Exchange[Pulled]:
        """One page, and in which state the sessions of those who wrote are: not every change of it is told."""
        known = cursor.removeprefix(FIRST)
        answer = yield self._sync(source, token, known)
        judged = self.judge(answer.status, answer.body)
        if judged.code == STALE_TOKEN and token:
            answer = yield self._sync(source, "", known)
            judged = self.judge(answer.status, answer.body)
        if judged.verdict != "ok":
            return judged
        page = read_page(answer.body, self.account, self._open_kfid)
        if page is None:
            return Judgement("retry", "sync_msg answered something else than messages: is api_base right?")
        first = not cursor or cursor.startswith(FIRST)
        items = [item for item in page.items if not first or item.message.at >= now - FRESH_S]
        owners = _owners(page.items)
        for customer in dict.fromkeys(item.message.address for item in items if item.wrote):
            state = yield from self.service_state(customer.user)
            if not isinstance(state, Judgement):
                owners[customer.conversation] = _owner(*state)
        following = page.cursor or known
        cursor = f"{FIRST}{following}" if first and page.more else following
        return Pulled(tuple(item.message for item in items), cursor, page.more, owners)

    def _sync(self, source: str, token: str, cursor: str) -> Outgoing:
        given = {"cursor": cursor, "token": token}
        body = {name: value for name, value in given.items() if value}
        return self._api.call(SYNC, body | {"limit": PAGE, "voice_format": 0, "open_kfid": source})

    # --- sessions --------------------------------------------------------------------------------------------

    def service_state(self, customer: str) -> Exchange[tuple[State, str]]:
        """The state of the customer's session, and which servicer has it, if one does."""
        body = {"open_kfid": self._open_kfid, "external_userid": customer}
        answer = yield self._api.call(STATE, body)
        judged = self.judge(answer.status, answer.body)
        if judged.verdict != "ok":
            return judged
        fields = _fields(answer)
        try:
            state = State(fields.get("service_state", -1))
        except ValueError:
            return Judgement("retry", "service_state/get answered a state that is not known")
        return state, said(fields, "servicer_userid")

    def transfer(self, customer: str, state: State, servicer: str = "") -> Exchange[str]:
        """Move the customer's session to `state`; the code that allows one message about it, where one is given."""
        answer = yield self._speaker.transfer(customer, state, servicer)
        judged = self.judge(answer.status, answer.body)
        return judged if judged.verdict != "ok" else said(_fields(answer), "msg_code")

    # --- out -------------------------------------------------------------------------------------------------

    def render(self, replies: Sequence[Reply], route: Route) -> list[Outgoing]:
        """Any replies, degraded where need be: one call each. There is no passive answer."""
        data = route.data
        if data.get("way") == "event":
            limits = ON_EVENT_TEXT if data.get("shows") == "text" else ON_EVENT
            return [self._speaker.send_on_event(reply, data["code"]) for reply in fit(replies, limits)]
        return [self._speaker.send(reply, data.get("to", "")) for reply in fit(replies, self.push_limits)]

    def push_routes(self, address: Address, message: Message | None, now: float) -> tuple[Route, ...]:
        """`event` where `message` brought a code that is still good; `send` within what the customer's messages allow.
        Who never wrote cannot be written to."""
        if message is None or address.chat.startswith("servicer:"):
            return ()
        send = Route("push", {"way": "send", "to": address.user, "message": message.id})
        coded = event_code(message)
        if coded is None or now > message.at + coded.seconds:
            return (send,)
        data = {"way": "event", "to": address.user, "code": coded.code, "count": "1"}
        return (Route("push", data | ({"shows": "text"} if coded.text_only else {})), send)

    def rates(self, route: Route) -> tuple[Rate, ...]:
        data = route.data
        place = f"{self.name}/{self.account}"
        if data.get("way") == "event":
            return (Rate(f"{place}/code/{data['code']}", 1, SEND_S),)
        return (Rate(f"{place}/{data.get('to', '')}/{data.get('message', '')}", COUNT, SEND_S),)

    def recall(self, receipt: str, route: Route) -> Exchange[None]:
        """Take a message back; the vendor allows it for two minutes."""
        answer = yield self._api.call(RECALL, {"msgid": receipt, "open_kfid": self._open_kfid})
        judged = self.judge(answer.status, answer.body)
        return None if judged.verdict == "ok" else judged

    # --- media -----------------------------------------------------------------------------------------------

    @property
    def media_terms(self) -> Mapping[MediaKind, MediaTerms]:
        return media.TERMS

    def upload(self, upload: Upload, now: float) -> Exchange[Uploaded]:
        return media.upload(self._api, upload, now)

    def download(self, content: Content) -> Exchange[bytes]:
        return media.download(self._api, content)

    # --- the API ---------------------------------------------------------------------------------------------

    @property
    def token_key(self) -> str:
        return self._api.token_key

    def token_request(self) -> Outgoing:
        return self._api.token_request()

    def token_of(self, body: bytes, now: float) -> Token | Judgement:
        return self._api.token_of(body, now)

    def with_token(self, outgoing: Outgoing, token: str) -> Outgoing:
        return self._api.with_token(outgoing, token)

    def judge(self, status: int, body: bytes) -> Judgement:
        return judge(status, body)


def _owners(items: Sequence[Item]) -> dict[str, str]:
    """Whose each conversation is after the page, where the page says so."""
    return {item.message.address.conversation: item.owner for item in items if item.owner is not None}


def _owner(state: State, servicer: str) -> str:
    match state:
        case State.HUMAN:
            return f"kf:{servicer}"
        case State.POOL:
            return POOL
        case _:
            return ""


def _fields(answer: Answer) -> dict[str, Json]:
    """The JSON object of an answer that was judged `ok`."""
    return read_json(answer.body) or {}
