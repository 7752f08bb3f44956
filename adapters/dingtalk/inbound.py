"""What DingTalk tells us, decoded: a robot's messages, taps on cards, events -> our `Message`.

Sources: 接收消息 https://open.dingtalk.com/document/orgapp/receive-message
卡片事件回调 https://open.dingtalk.com/document/development/event-callback-card
事件订阅 https://open.dingtalk.com/document/orgapp/configure-event-subcription
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from adapters.fields import LATEST_TIME, Fields, Malformed, leaves, read_fields, said, whole
from adapters.message import Address, Content, Custom, Event, File, Image, Message, Text, Video, Voice

GROUP, PRIVATE = "2", "1"
"""conversationType."""
OUTSIDER = "$:"
"""Begins the ids (`$:LWCP_v1:$...`) of people and robots that are not of the company: the API takes none of them."""
ID_CHARS = 32
PAYLOAD, TITLE, CHAT = "payload", "title", "chat"
"""What the buttons of our cards send back (`cards.py`)."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The account that a body came to."""

    channel: str
    account: str

    def address(self, chat: str, user: str) -> Address:
        return Address(self.channel, self.account, chat, user)


def part(fields: Mapping[str, object], name: str) -> Fields:
    """The nested fields under `name`; none where it is missing or no object."""
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def seconds(fields: Fields, name: str) -> float:
    """Milliseconds since the epoch as seconds. Raises `Malformed`."""
    at = whole(fields, name) / 1000
    if at > LATEST_TIME:
        raise Malformed(f"{name} is no time in milliseconds")
    return at


def fingerprint(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:ID_CHARS]


# --- a robot's messages --------------------------------------------------------------------------------------


def read_message(body: bytes, origin: Origin) -> Message:
    """A robot's message, by HTTP or Stream; in a group `mentioned` says whether the robot was. Raises `Malformed`."""
    fields = read_fields(body)
    id, chat = said(fields, "msgId"), said(fields, "conversationId")
    user = said(fields, "senderStaffId") or said(fields, "senderId")
    kind = said(fields, "conversationType")
    if not (id and chat and user) or kind not in (GROUP, PRIVATE):
        raise Malformed("msgId, conversationId, conversationType or the sender is missing")
    group = kind == GROUP
    return Message(
        id=id,
        address=origin.address(chat if group else user, user),
        content=_content(fields),
        at=seconds(fields, "createAt"),
        chat_kind="group" if group else "private",
        mentioned=group and said(fields, "isInAtList") != "false",
        sender=user,
        sender_name=said(fields, "senderNick"),
        quote=_quote(part(fields, "text") or part(fields, "content")),
        raw=fields,
    )


def _content(fields: Fields) -> Content:
    kind = said(fields, "msgtype")
    if not kind:
        raise Malformed("msgtype is missing")
    reader = CONTENTS.get(kind)
    return reader(part(fields, "content")) if reader else _text(fields) if kind == "text" else Custom(fields)


def _text(fields: Fields) -> Content:
    """The vendor leaves a space where it cut the mention of the robot out."""
    return Text(said(part(fields, "text") or part(fields, "content"), "content").strip())


def _rich(content: Fields) -> Content:
    """Words and pictures: the words where there are any (the pictures stay in `raw`), else the first picture."""
    words = "".join(said(item, "text") for item in _items(content)).strip()
    pictures = [said(item, "downloadCode") for item in _items(content) if said(item, "downloadCode")]
    return Text(words) if words or not pictures else Image(media=pictures[0])


def _items(content: Fields) -> Iterator[Fields]:
    items = content.get("richText")
    return (item for item in items if isinstance(item, dict)) if isinstance(items, list) else iter(())


def _size(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


CONTENTS: Mapping[str, Callable[[Fields], Content]] = {
    "picture": lambda c: Image(media=said(c, "downloadCode") or said(c, "pictureDownloadCode")),
    "richText": _rich,
    "audio": lambda c: Voice(media=said(c, "downloadCode"), recognition=said(c, "recognition")),
    "video": lambda c: Video(media=said(c, "downloadCode")),
    "file": lambda c: File(media=said(c, "downloadCode"), name=said(c, "fileName"), size=_size(said(c, "fileSize"))),
}
"""How each msgtype but text is read from its `content`; one that is not here is passed on as `Custom`."""


def _quote(text: Fields) -> str:
    """The words of the message that this one answers; empty where it answers none, or one without words."""
    replied = part(text, "repliedMsg")
    if said(text, "isReplyMsg") != "true" or not replied:
        return ""
    content = part(replied, "content")
    if not content:
        return said(replied, "content").strip()
    words = said(content, "text") or said(content, "content") or said(content, "recognition")
    return (words or "".join(said(item, "text") or said(item, "content") for item in _items(content))).strip()


# --- taps on cards -------------------------------------------------------------------------------------------


def read_tap(body: bytes, id: str, at: float, origin: Origin) -> Message:
    """A tap on a button of a card: its payload as if it was said. `id` is the tap's, which the body does not have.
    Raises `Malformed`."""
    fields = read_fields(body)
    user, track = said(fields, "userId"), said(fields, "outTrackId")
    if not user or not track:
        raise Malformed("userId or outTrackId is missing: this is no tap on a card")
    pressed = part(read_fields((said(fields, "content") or said(fields, "value")).encode()), "cardPrivateData")
    params = part(pressed, "params")
    chat = said(fields, "spaceId") if said(fields, "spaceType") == "IM_GROUP" else said(params, CHAT)
    actions = pressed.get("actionIds")
    first = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], str) else ""
    return Message(
        id=f"card/{id}",
        address=origin.address(chat or user, user),
        content=Text(said(params, PAYLOAD) or said(params, TITLE) or first),
        at=at,
        chat_kind="group" if chat else "private",
        mentioned=bool(chat),
        sender=user,
        raw=fields | {TITLE: said(params, TITLE)},
    )


# --- events --------------------------------------------------------------------------------------------------

_ENVELOPE = frozenset(("EventType", "eventType", "TimeStamp", "timeStamp", "SuiteKey", "CorpId", "corpId"))
WHO = ("senderStaffId", "userId", "UserId", "staffId", "operatorUserId", "OperatorUserId", "operator")
WHERE = ("openConversationId", "OpenConversationId", "chatId", "ChatId", "conversationId")


def read_event(fields: Fields, name: str, id: str, at: float, corp: str, origin: Origin) -> Message:
    """An event: of a person where it names one person, of a group where it names one, else of the company."""
    user = next((one for key in WHO if (one := _single(fields.get(key)))), "")
    chat = next((one for key in WHERE if (one := said(fields, key))), "")
    data = {path: value for path, value in leaves(fields, _ENVELOPE) if value}
    home = chat or user or corp
    return Message(
        id=id,
        address=origin.address(home, user or home),
        content=Event(EVENT_NAMES.get(name, name.lower()), chat or user, data),
        at=at,
        chat_kind="group" if chat else "private",
        sender=user,
        raw=fields,
    )


def _single(value: object) -> str:
    if isinstance(value, list):
        return _single(value[0]) if len(value) == 1 else ""
    return value if isinstance(value, str) else ""


EVENT_NAMES: Mapping[str, str] = {"im_chatbot_enter": "enter"}
"""Our names, where they are not the vendor's in lower case."""
