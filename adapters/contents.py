"""What the messages of WeChat and WeCom say: both push the same types with the same fields.

Sources: 接收普通消息 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html
接收消息格式 https://developer.work.weixin.qq.com/document/path/90239
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wechatpy.messages import MESSAGE_TYPES, UnknownMessage

from adapters.fields import Fields, degrees
from adapters.message import Card, Content, Custom, File, Image, Link, Location, Text, Video, Voice


def content_of(fields: Fields, kind: str) -> Content:
    """What a message of MsgType `kind` says. Raises `Malformed`."""
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
        degrees(location.location_x or ""),
        degrees(location.location_y or ""),
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
