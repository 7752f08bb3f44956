"""What WeCom pushes for an AI bot, decoded: the same body by webhook and over the WebSocket -> our `Message`.

Sources: 接收消息 https://developer.work.weixin.qq.com/document/path/100719
接收事件 https://developer.work.weixin.qq.com/document/path/101027
智能机器人长连接 https://developer.work.weixin.qq.com/document/path/101463
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from adapters.fields import LATEST_TIME, Fields, Malformed, leaves, said, whole
from adapters.groups import without_mention
from adapters.message import (
    Address,
    ChatKind,
    Content,
    Custom,
    Event,
    File,
    Image,
    Json,
    Message,
    Text,
    Video,
    Voice,
)
from config.credentials import WeComBotAccount

CHANNEL = "wecom_bot"
REQ_ID = "req_id"
"""Where `Message.raw` keeps the id of the frame that brought it: what answers it names the frame."""
KEY = "aes:"
"""Begins `media` of what was received: the file behind `url` is encrypted, with the key after it (base64), or, where
there is none, with the bot's EncodingAESKey."""
DISCONNECTED = "disconnected_event"

_LEADING_MENTION = re.compile(r"^\s*[@＠][^\s@＠]+(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was said, and by whom."""

    address: Address
    kind: ChatKind
    sender: str


def read_place(fields: Fields, account: str) -> Place:
    """Raises `Malformed` where it says not who speaks, or in which group."""
    origin = fields.get("from")
    sender = said(origin, "userid") if isinstance(origin, dict) else ""
    if not sender:
        raise Malformed("from.userid is missing")
    kind: Literal["private", "group"] = "group" if said(fields, "chattype") == "group" else "private"
    chat = said(fields, "chatid") if kind == "group" else sender
    if not chat:
        raise Malformed("chatid is missing, but it is a group's message")
    return Place(Address(CHANNEL, account, chat, sender), kind, sender)


def read_message(fields: Fields, account: str, settings: WeComBotAccount, at: float) -> Message:
    """`at` stands in where the body has no create_time. Raises `Malformed`."""
    place, kind, number = read_place(fields, account), said(fields, "msgtype").lower(), said(fields, "msgid")
    for name, value in (("msgid", number), ("msgtype", kind)):
        if not value:
            raise Malformed(f"{name} is missing")
    event = kind == "event"
    group = place.kind == "group"
    content = _event(fields) if event else _content(fields, kind)
    if group and not event:
        content = _without_mention(content, settings.name)
    return Message(
        number,
        place.address,
        content,
        _time(fields, at),
        chat_kind=place.kind,
        mentioned=group and not event,
        sender=place.sender,
        quote=_quoted(fields.get("quote")),
        raw=fields,
    )


def read_poll(fields: Fields, account: str) -> Message:
    """A poll of the streamed answer, as the message that it asks after: a stream has its id. Raises `Malformed`."""
    stream = fields.get("stream")
    number = said(stream, "id") if isinstance(stream, dict) else ""
    if not number:
        raise Malformed("stream.id is missing")
    place = read_place(fields, account)
    return Message(number, place.address, Text(""), 0.0, place.kind, mentioned=True, sender=place.sender)


def event_type(fields: Fields) -> str:
    event = fields.get("event")
    return said(event, "eventtype").lower() if isinstance(event, dict) else ""


def _time(fields: Fields, at: float) -> float:
    if not said(fields, "create_time"):
        return at
    time = whole(fields, "create_time")
    if time > LATEST_TIME:
        raise Malformed("create_time is no time")
    return float(time)


def _without_mention(content: Content, name: str) -> Content:
    """Without the `@Name` of the bot: WeCom leaves it in the text. Where no name is set, it is the first word."""
    if not isinstance(content, Text):
        return content
    if name:
        return Text(without_mention(content.text, [name])[0])
    return Text(_LEADING_MENTION.sub("", content.text, count=1))


# --- contents


def _content(fields: Fields, kind: str) -> Content:
    body = fields.get(kind)
    reader = CONTENTS.get(kind)
    if reader is None or not isinstance(body, dict):
        return Custom(fields)
    return reader(body)


def _media(body: Fields) -> dict[str, str]:
    return {"url": said(body, "url"), "media": f"{KEY}{said(body, 'aeskey')}" if said(body, "url") else ""}


def _file(body: Fields) -> File:
    size = said(body, "file_size")
    return File(
        **_media(body),
        name=said(body, "filename") or said(body, "file_name"),
        size=int(size) if re.fullmatch(r"[0-9]{1,15}", size) else 0,
    )


def _items(mixed: Fields) -> Iterator[tuple[str, Fields]]:
    """The parts of a mixed message: kind and body."""
    items = mixed.get("msg_item")
    for item in items if isinstance(items, list) else [items]:
        if isinstance(item, dict) and isinstance(body := item.get(said(item, "msgtype")), dict):
            yield said(item, "msgtype"), body


def _mixed(mixed: Fields) -> Content:
    """Its words, joined; a picture only where there are none. All of it stays in `raw`."""
    parts = list(_items(mixed))
    words = [said(body, "content") for kind, body in parts if kind == "text"]
    if text := "\n".join(word for word in words if word.strip()):
        return Text(text)
    pictures = [Image(**_media(body)) for kind, body in parts if kind == "image"]
    return pictures[0] if pictures else Text("")


CONTENTS: Mapping[str, Callable[[Fields], Content]] = {
    "text": lambda body: Text(said(body, "content")),
    "image": lambda body: Image(**_media(body)),
    "voice": lambda body: Voice(**_media(body), recognition=said(body, "content")),
    "video": lambda body: Video(**_media(body)),  # type: ignore[arg-type]
    "file": _file,
    "mixed": _mixed,
}
"""How each msgtype is read; one that is not here is passed on as `Custom`."""

QUOTED = {"image": "[图片]", "file": "[文件]", "video": "[视频]", "voice": "[语音]"}


def _quoted(quote: Json) -> str:
    """What the quoted message says; for a picture or a file, that it is one."""
    if not isinstance(quote, dict):
        return ""
    kind = said(quote, "msgtype").lower()
    body = quote.get(kind)
    if not isinstance(body, dict):
        return ""
    parts = list(_items(body)) if kind == "mixed" else [(kind, body)]
    return "\n".join(filter(None, (said(part, "content") or QUOTED.get(name, "") for name, part in parts)))


# --- events

EVENT_NAMES: Mapping[str, str] = {"enter_chat": "enter", "template_card_event": "click"}
"""Our names; feedback_event keeps the vendor's."""
EVENT_KEYS: Mapping[str, str] = {"template_card_event": "event_key", "feedback_event": "id"}
"""The field that is an event's `key`."""
SELECTED = "selected."
"""Before a question's key in `Event.data`: what was chosen there, joined by commas."""


def _event(fields: Fields) -> Event:
    kind = event_type(fields)
    if not kind:
        raise Malformed("event.eventtype is missing")
    event = fields["event"]
    body = event.get(kind)
    # older bots get the event's fields beside its type, newer ones inside an object of that name
    body = body if isinstance(body, dict) else {name: value for name, value in event.items() if name != "eventtype"}
    plain = {name: value for name, value in body.items() if name != "selected_items"}
    data = {name: value for name, value in leaves(plain) if value} | dict(_selected(body.get("selected_items")))
    return Event(EVENT_NAMES.get(kind, kind), said(body, EVENT_KEYS.get(kind, "")).rstrip(), data)


def _selected(items: Json) -> Iterator[tuple[str, str]]:
    found = items.get("selected_item") if isinstance(items, dict) else None
    for item in found if isinstance(found, list) else [found]:
        if not isinstance(item, dict):
            continue
        options = item.get("option_ids")
        chosen = options.get("option_id") if isinstance(options, dict) else None
        ids = chosen if isinstance(chosen, list) else [chosen]
        yield f"{SELECTED}{said(item, 'question_key')}", ",".join(one for one in ids if isinstance(one, str))
