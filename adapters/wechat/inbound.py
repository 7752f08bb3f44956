"""What WeChat pushes to us, decoded: a decrypted body -> its fields -> our `Message`.

Sources: 接收普通消息 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html
接收事件推送 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_event_pushes.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import orjson
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]
from wechatpy.messages import MESSAGE_TYPES, UnknownMessage

from adapters.message import (
    Address,
    Card,
    Content,
    Custom,
    Event,
    File,
    Image,
    Json,
    Link,
    Location,
    Message,
    Text,
    Video,
    Voice,
)

MAX_DEPTH = 8
LATEST_TIME = 1 << 36
"""No CreateTime is beyond: the year 4147."""

Fields = dict[str, Json]
"""A body's fields by the vendor's names: texts, and for nested ones again `Fields` or lists of them."""


class Malformed(Exception):
    """The body is not what the vendor sends; the text says in what."""


# --- bytes -> fields -----------------------------------------------------------------------------------------


def read_fields(body: bytes) -> Fields:
    """The fields of an XML or JSON body (the account's console sets which). Raises `Malformed` and nothing else."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Malformed("the body is not UTF-8") from None
    return _read_json(text) if is_json(body) else _read_xml(text)


def is_json(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _read_xml(text: str) -> Fields:
    try:
        root: Element = fromstring(text, forbid_dtd=True)
    except (ParseError, ValueError, LookupError):  # defusedxml's refusals are ValueErrors
        raise Malformed("the body is not plain XML (no DTD, no entities) or JSON") from None
    if root.tag != "xml":
        raise Malformed("the body's root is not <xml>")
    fields = _of_element(root, 0)
    return fields if isinstance(fields, dict) else {}


def _of_element(element: Element, depth: int) -> Json:
    if not len(element):
        return element.text or ""
    if depth >= MAX_DEPTH:
        raise Malformed("the body is nested too deep")
    fields: Fields = {}
    for child in element:
        value = _of_element(child, depth + 1)
        before = fields.get(child.tag)
        if before is None:
            fields[child.tag] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            fields[child.tag] = [before, value]
    return fields


def _read_json(text: str) -> Fields:
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Malformed("the body is not JSON") from None
    fields = _as_texts(data, 0)
    return fields if isinstance(fields, dict) else {}


def _as_texts(value: Json, depth: int) -> Json:
    """JSON as the same message in XML would be read: every leaf a text."""
    if depth > MAX_DEPTH:
        raise Malformed("the body is nested too deep")
    match value:
        case dict():
            return {key: _as_texts(item, depth + 1) for key, item in value.items()}
        case list():
            return [_as_texts(item, depth + 1) for item in value]
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


# --- fields -> message ---------------------------------------------------------------------------------------


def read_message(fields: Fields, account: str) -> Message:
    """Raises `Malformed` where what every push has is missing or no number is where one must be."""
    sender, kind = said(fields, "FromUserName"), said(fields, "MsgType").lower()
    for name in ("FromUserName", "ToUserName", "CreateTime", "MsgType"):
        if not said(fields, name):
            raise Malformed(f"<{name}> is missing")
    at = _whole(fields, "CreateTime")
    if at > LATEST_TIME:
        raise Malformed("<CreateTime> is no time")
    content = _event(fields) if kind == "event" else _content(fields, kind)
    raw = {name: value for name, value in fields.items() if name != "Encrypt"}
    return Message(_identity(fields, kind), Address("wechat", account, sender, sender), content, float(at), raw=raw)


def _identity(fields: Fields, kind: str) -> str:
    """MsgId; events have none, and a sender has each event with its key once a second."""
    if kind != "event" and (number := said(fields, "MsgId")):
        return number
    event = said(fields, "Event").lower()
    what = (event, _event_key(fields, event)) if kind == "event" else (kind,)
    return ":".join(part for part in (said(fields, "FromUserName"), said(fields, "CreateTime"), *what) if part)


def said(fields: Mapping[str, Json], name: str) -> str:
    """The text of a field; empty where it is missing or no text."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _whole(fields: Mapping[str, Json], name: str) -> int:
    value = said(fields, name).strip()
    if not re.fullmatch(r"[0-9]{1,20}", value):
        raise Malformed(f"<{name}> is not a whole number")
    return int(value)


def _degrees(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        raise Malformed("a coordinate is not a number") from None
    if not math.isfinite(number):
        raise Malformed("a coordinate is not a number")
    return number


def _content(fields: Fields, kind: str) -> Content:
    reader = CONTENTS.get(kind)
    if reader is None:
        return Custom(fields)
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    return reader(MESSAGE_TYPES.get(kind, UnknownMessage)(texts))


def _video(video: Any, *, short: bool) -> Video:
    return Video(media=video.media_id or "", thumb=video.thumb_media_id or "", short=short)


def _location(location: Any) -> Location:
    scale = location.scale or ""
    return Location(
        _degrees(location.location_x or ""),
        _degrees(location.location_y or ""),
        label=location.label or "",
        scale=int(scale) if scale.isascii() and scale.isdigit() and len(scale) < 4 else 0,
    )


def _mini_program(page: Any) -> Card:
    data = {"app_id": page.app_id, "page_path": page.page_path, "thumb": page.thumb_media_id}
    return Card(
        title=page.title or "", image=page.thumb_url or "", data={key: value for key, value in data.items() if value}
    )


def _file(message: Any) -> File:
    fields: Mapping[str, str] = message._data  # wechatpy has no class for it
    size = fields.get("FileTotalLen", "")
    return File(
        media=fields.get("FileKey", ""),
        name=fields.get("Title", ""),
        size=int(size) if size.isascii() and size.isdigit() and len(size) < 16 else 0,
    )


CONTENTS: Mapping[str, Callable[[Any], Content]] = {
    "text": lambda m: Text(m.content or ""),
    "image": lambda m: Image(url=m.image or "", media=m.media_id or ""),
    "voice": lambda m: Voice(media=m.media_id or "", format=m.format or "", recognition=m.recognition or ""),
    "video": lambda m: _video(m, short=False),
    "shortvideo": lambda m: _video(m, short=True),
    "location": _location,
    "link": lambda m: Link(url=m.url or "", title=m.title or "", description=m.description or ""),
    "miniprogrampage": _mini_program,
    "file": _file,
}
"""How each MsgType is read from wechatpy's message; one that is not here is passed on as `Custom`."""

# --- events --------------------------------------------------------------------------------------------------

EVENT_NAMES: Mapping[str, str] = {
    "templatesendjobfinish": "template_result",
    "kf_create_session": "session_open",
    "kf_close_session": "session_close",
    "user_enter_tempsession": "enter",
}
"""Our names, where they are not the vendor's in lower case."""

EVENT_KEYS: Mapping[str, str] = {
    "templatesendjobfinish": "MsgID",
    "kf_create_session": "KfAccount",
    "kf_close_session": "KfAccount",
    "kf_switch_session": "ToKfAccount",
    "user_enter_tempsession": "SessionFrom",
}
"""The field that is an event's `key`, where it is not EventKey."""

SCENE = "qrscene_"
"""Before the QR code's scene in the EventKey of who subscribes by scanning; a scan has the scene alone."""

_ENVELOPE = frozenset(("ToUserName", "FromUserName", "CreateTime", "MsgType", "Event", "Encrypt"))


def _event(fields: Fields) -> Event:
    vendor_name = said(fields, "Event").lower()
    if not vendor_name:
        raise Malformed("<Event> is missing")
    key = _event_key(fields, vendor_name)
    if vendor_name == "subscribe":
        key = key.removeprefix(SCENE)
    data = {name: value for name, value in _leaves(fields, "") if value}
    return Event(EVENT_NAMES.get(vendor_name, vendor_name), key, data)


def _event_key(fields: Fields, vendor_name: str) -> str:
    return said(fields, EVENT_KEYS.get(vendor_name, "EventKey"))


def _leaves(fields: Mapping[str, Json], prefix: str) -> Iterator[tuple[str, str]]:
    """Every text in `fields` but the envelope's: `scan_code_info.scan_result`, `send_pics_info.pic_list.item.2...`."""
    for name, value in fields.items():
        if not prefix and name in _ENVELOPE:
            continue
        path = f"{prefix}{snake(name)}"
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            yield from _leaves(value, f"{path}.")
        elif isinstance(value, list):
            yield from _leaves({str(n): item for n, item in enumerate(value, 1)}, f"{path}.")


def snake(name: str) -> str:
    """`KfAccount` -> `kf_account`, `Location_X` -> `location_x`, `MsgID` -> `msg_id`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
