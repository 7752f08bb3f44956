"""Pictures that WeCom takes within a message, as their bytes: its AI bots by webhook, and its group robots.

A picture on its way there is an `Image` whose `media` is a data URL (RFC 2397) instead of a vendor's id.
Sources: 接收消息与被动回复 https://developer.work.weixin.qq.com/document/path/101031
消息推送配置说明 https://developer.work.weixin.qq.com/document/path/99110
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping

from adapters.channel import Judgement, MediaKind, MediaTerms, Upload, Uploaded
from adapters.message import Image, Json, Reply

DATA = "data:"
KEPT_S = 600.0
"""How long a picture's bytes are kept to be said again without being read again."""
PICTURES = frozenset(("image/jpeg", "image/png"))
TERMS: Mapping[MediaKind, MediaTerms] = {"image": MediaTerms(2 * 1024 * 1024, PICTURES)}
"""A robot takes 2 MB, an AI bot 10 MB; ours is less there too, as it is kept with the answer until that is sent."""


def inline(upload: Upload, now: float) -> Uploaded | Judgement:
    """A picture as it goes into the message itself."""
    if upload.kind != "image" or upload.content_type not in PICTURES:
        return Judgement("dead", "only JPEG and PNG pictures can go into the message itself")
    most = TERMS["image"].max_bytes
    if len(upload.data) > most:
        return Judgement("dead", f"the picture has {len(upload.data)} bytes, {most} are the most")
    return Uploaded(data_url(upload.data, upload.content_type), now + KEPT_S)


def data_url(data: bytes, content_type: str) -> str:
    """A picture's bytes as the `media` of an `Image`."""
    return f"{DATA}{content_type};base64,{base64.b64encode(data).decode()}"


def is_inline(reply: Reply) -> bool:
    return isinstance(reply, Image) and reply.media.startswith(DATA)


def picture_body(image: Image) -> dict[str, Json] | None:
    """The vendor's `image` message; None where `media` holds no picture's bytes."""
    encoded = image.media.partition("base64,")[2]
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None
    if not data or not is_inline(image):
        return None
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    return {"msgtype": "image", "image": {"base64": encoded, "md5": md5}}
