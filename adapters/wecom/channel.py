"""One self-built app (自建应用) of WeCom: verify, decrypt, decode; render, judge; groups, cards and media.

Sources: 接收消息与事件 概述 https://developer.work.weixin.qq.com/document/path/90238
发送应用消息 https://developer.work.weixin.qq.com/document/path/90236
撤回应用消息 https://developer.work.weixin.qq.com/document/path/94867
访问频率限制 https://developer.work.weixin.qq.com/document/path/90312
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from adapters.channel import (
    Exchange,
    Judgement,
    Limits,
    MediaKind,
    MediaTerms,
    Messages,
    Outgoing,
    Parsed,
    Rate,
    Reject,
    Request,
    Route,
    Token,
    Upload,
    Uploaded,
)
from adapters.crypto import Random16, random16
from adapters.degrade import fit, join
from adapters.fields import Malformed, said
from adapters.message import Address, Content, Custom, Json, Message, Reply
from adapters.passive_xml import passive_xml
from adapters.wecom import chats, media
from adapters.wecom.api import Api, judge
from adapters.wecom.callback import ACK, WINDOW_S, Callback, Opened
from adapters.wecom.cards import BUTTONS, TEXT_BYTES, UPDATES, update_body, update_xml
from adapters.wecom.inbound import CHANNEL, OUR_CARD, is_quiet, is_tap, read_message
from adapters.wecom.messages import ARTICLES, CHAT_SEND, CHAT_TYPES, SEND, SEND_TYPES, message_body, titled
from config.credentials import WeComAccount

UPDATE = "/cgi-bin/message/update_template_card"
RECALL = "/cgi-bin/message/recall"
CHOSEN = "已选择"
SYSTEM = "sys"
"""Who contact changes come from: nobody to write to."""
EVERYBODY = "@all"
GROUPS_OF_MEMBERS: Mapping[str, str] = {"party": "toparty", "tag": "totag"}
"""`Address.chat` of `party:2` or `tag:vip` is a department or a tag; the field of the message that names it."""

PASSIVE = Limits(
    shows=frozenset(("text", "image", "voice", "video", "link", "news")),
    text_bytes=2048,
    passive_s=5.0,
    passive_messages=1,
    articles=ARTICLES,
    media_only=True,
    custom_types=UPDATES,
)
CHAT = replace(PASSIVE, shows=PASSIVE.shows | {"file", "markdown"}, custom_types=CHAT_TYPES)
PUSH = replace(
    CHAT,
    shows=CHAT.shows | {"card"},
    buttons=BUTTONS,
    card_bytes=TEXT_BYTES,
    custom_types=SEND_TYPES | UPDATES,
)


class WeCom:
    """The codec of the account that credentials.yml calls `account`.

    `window_s` is how far the timestamp of a request may be off, in seconds (0: any); `random` gives the 16 bytes
    that each encrypted answer starts with, and the ids of cards. Raises ValueError where an encoding_aes_key is none.
    """

    name = CHANNEL

    def __init__(
        self, account: str, settings: WeComAccount, window_s: float = WINDOW_S, random: Random16 = random16
    ) -> None:
        self.account = account
        self._agent_id = settings.agent_id
        self._corp_id = settings.corp_id
        self._random = random
        keys = (settings.encoding_aes_key, settings.previous_encoding_aes_key)
        self._callback = Callback(settings.token, keys, settings.corp_id, window_s, random)
        key = f"{self.name}/{account}/{settings.corp_id}/{settings.agent_id}"
        self.api = Api(settings.corp_id, settings.secret, key, settings.api_base)
        self.limits = PASSIVE
        plain = frozenset() if settings.markdown else frozenset({"markdown"})
        self.push_limits = replace(PUSH, shows=PUSH.shows - plain)
        self._chat_limits = replace(CHAT, shows=CHAT.shows - plain)

    # --- in --------------------------------------------------------------------------------------------------

    def parse(self, request: Request, now: float) -> Parsed:
        """Never raises: what is not a valid request of WeCom's for this app is a `Reject`."""
        opened = self._callback.read(request, now)
        if not isinstance(opened, Opened):
            return opened
        try:
            message = read_message(opened.fields, self.account)
        except Malformed as error:
            return Reject(400, str(error))
        if is_quiet(message):
            return Messages((message,), Route("push"), ACK)
        data = {"to": message.address.user, "from": said(opened.fields, "ToUserName"), **opened.stamp}
        if is_tap(opened.fields):
            # the response shows on the card that it was tapped; what there is to say is a message of its own
            shown = update_xml({"msgtype": "update_button", "button": {"replace_name": CHOSEN}}, *_passive(data))
            return Messages((message,), Route("push"), self._callback.seal(shown, opened.stamp))
        return Messages((message,), Route("passive", data), ACK)

    # --- out -------------------------------------------------------------------------------------------------

    def render(self, replies: Sequence[Reply], route: Route) -> list[Outgoing]:
        """Any replies, degraded where need be. Passive: one body, of the replies joined as far as one can be (empty
        where there is nothing to say); push: one call each."""
        if route.kind == "push":
            limits = self._chat_limits if route.data.get("way") == "appchat" else self.push_limits
            return [self._push(reply, route.data) for reply in fit(titled(replies), limits)]
        shown = join(fit(replies, self.limits), self.limits)
        if not shown:
            return [ACK]
        match shown[0]:
            case Custom(payload):
                body = update_xml(payload, *_passive(route.data))
            case reply:
                body = passive_xml(reply, *_passive(route.data))
        return [self._callback.seal(body, route.data)]

    def _push(self, reply: Reply, data: Mapping[str, str]) -> Outgoing:
        if isinstance(reply, Custom) and reply.payload.get("msgtype") in UPDATES:
            code = reply.payload.get("response_code") or data.get("response_code", "")
            return self._update(code, [data.get("to", "")], update_body(reply.payload))
        body = message_body(reply, f"{OUR_CARD}{self._random().hex()}")
        if data.get("way") == "appchat":
            return self.api.call(CHAT_SEND, body | {"chatid": data["to"]})
        return self.api.call(SEND, body | {data.get("field", "touser"): data["to"], "agentid": self._agent_id})

    def _update(self, code: str, users: Sequence[str], change: Mapping[str, Json]) -> Outgoing:
        who = {"userids": list(users)} if users else {"atall": 1}
        return self.api.call(UPDATE, who | {"agentid": self._agent_id, "response_code": code} | dict(change))

    # --- speaking first --------------------------------------------------------------------------------------

    @property
    def token_key(self) -> str:
        return self.api.token_key

    def push_routes(self, address: Address, message: Message | None, now: float) -> tuple[Route, ...]:
        """`data`: `to`, and the `field` that names it where it is no member; the `response_code` of a tapped card.
        An address without a user is a group that the app made, `@all`, `party:ID` or `tag:ID`."""
        if address.user == SYSTEM:
            return ()
        if address.user or address.chat == EVERYBODY:
            data = {"way": "message", "to": address.user or address.chat}
            code = said(message.raw, "ResponseCode") if message and isinstance(message.raw, dict) else ""
            return (Route("push", data | ({"response_code": code} if code else {})),)
        kind, _, name = address.chat.partition(":")
        if name and kind in GROUPS_OF_MEMBERS:
            return (Route("push", {"way": "message", "field": GROUPS_OF_MEMBERS[kind], "to": name}),)
        return (Route("push", {"way": "appchat", "to": address.chat}),)

    def rates(self, route: Route) -> tuple[Rate, ...]:
        """WeCom drops what goes beyond a member's 30 in a minute without a word."""
        way, to = route.data.get("way", "message"), route.data.get("to", "")
        calls = Rate(f"wecom/{self._corp_id}/{way}", 10_000, 60.0)
        if way == "appchat":
            return (Rate(f"{self.token_key}/chat/{to}", 200, 60.0), calls)
        minute = Rate(f"{self.token_key}/to/{to}/minute", 30, 60.0)
        return (minute, Rate(f"{self.token_key}/to/{to}/hour", 1000, 3600.0), calls)

    def token_request(self) -> Outgoing:
        return self.api.token_request()

    def token_of(self, body: bytes, now: float) -> Token | Judgement:
        return self.api.token_of(body, now)

    def with_token(self, outgoing: Outgoing, token: str) -> Outgoing:
        return self.api.with_token(outgoing, token)

    def judge(self, status: int, body: bytes) -> Judgement:
        return judge(status, body)

    # --- after the fact --------------------------------------------------------------------------------------

    def recall(self, receipt: str, route: Route) -> Exchange[None]:
        """Takes a message back within 24 hours; not from WeChat's plugin, and not from a group."""
        if route.data.get("way") == "appchat":
            return Judgement("dead", "WeCom cannot take back what was said in a group")
        answer = yield self.api.call(RECALL, {"msgid": receipt.partition(" ")[0]})
        judged = judge(answer.status, answer.body)
        return None if judged.verdict == "ok" else judged

    def update_card(self, receipt: str, users: Sequence[str], update: Custom) -> Exchange[None]:
        """Changes a card that was sent (`receipt`), for `users` or for all who have it: once, within 72 hours."""
        code = receipt.partition(" ")[2]
        if not code:
            return Judgement("dead", "no card was sent that can be changed")
        answer = yield self._update(code, users, update_body(update.payload))
        judged = judge(answer.status, answer.body)
        return None if judged.verdict == "ok" else judged

    def create_chat(self, chat: chats.Chat) -> Exchange[str]:
        return chats.create(self.api, chat)

    def update_chat(
        self, chat: str, name: str = "", owner: str = "", add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> Exchange[None]:
        return chats.update(self.api, chat, name, owner, add, remove)

    def get_chat(self, chat: str) -> Exchange[chats.Chat]:
        return chats.get(self.api, chat)

    # --- media -----------------------------------------------------------------------------------------------

    @property
    def media_terms(self) -> Mapping[MediaKind, MediaTerms]:
        return media.TERMS

    def upload(self, upload: Upload, now: float) -> Exchange[Uploaded]:
        return media.upload(self.api, upload, now)

    def download(self, content: Content) -> Exchange[bytes]:
        return media.download(self.api, content)


def _passive(data: Mapping[str, str]) -> tuple[str, str, int]:
    """Who answers, whom, and when."""
    return data["from"], data["to"], int(data["timestamp"])
