"""Passive replies: the body that answers WeChat's own request.

Source: 被动回复用户消息 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Passive_user_reply_message.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson
from wechatpy.fields import StringField
from wechatpy.replies import (
    ArticlesReply,
    ImageReply,
    MusicReply,
    TextReply,
    TransferCustomerServiceReply,
    VideoReply,
    VoiceReply,
)

from adapters.crypto import Sealed
from adapters.message import Custom, Image, Link, News, Reply, Text, Transfer, Video, Voice
from adapters.wechat.inbound import Fields, read_fields

NOTHING = b"success"
"""The body that says: received, no reply, do not send it again. Never encrypted."""

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """`text` without the characters that XML 1.0 cannot hold (NUL, control characters, lone surrogates)."""
    return _NOT_XML.sub("", text)


def cdata(text: str) -> str:
    """`text` as it may stand in a CDATA section: wechatpy writes it there as it is, and `]]>` would end it."""
    return clean(text).replace("]]>", "]]]]><![CDATA[>")


class _Servicer(StringField):  # type: ignore[misc]
    def to_xml(self, value: str | None) -> str:
        return f"<TransInfo><KfAccount><![CDATA[{value}]]></KfAccount></TransInfo>" if value else ""


class _Transfer(TransferCustomerServiceReply):  # type: ignore[misc]
    """wechatpy's has no TransInfo: the one servicer whom the customer is handed to."""

    servicer = _Servicer("TransInfo")


def passive_xml(reply: Reply, sender: str, receiver: str, time: int) -> bytes:
    """A reply that fits `adapters.wechat.channel.PASSIVE` as XML from `sender` (the account) to `receiver`."""
    answer = _answer(reply)
    answer.source, answer.target, answer.time = cdata(sender), cdata(receiver), time
    return str(answer.render()).encode()


def passive_json(xml: bytes) -> bytes:
    """The same reply for an account whose data format is JSON."""
    fields = read_fields(xml)
    return orjson.dumps(fields | {"CreateTime": int(fields["CreateTime"])})


def _answer(reply: Reply) -> Any:
    match reply:
        case Text(text):
            return TextReply(content=cdata(text))
        case Image(media=media):
            return ImageReply(image=cdata(media))
        case Voice(media=media):
            return VoiceReply(voice=cdata(media))
        case Video(media=media, title=title, description=description):
            return VideoReply(
                video={"media_id": cdata(media), "title": cdata(title), "description": cdata(description)}
            )
        case Link():
            return ArticlesReply(articles=[_article(reply)])
        case News(articles):
            return ArticlesReply(articles=[_article(article) for article in articles])
        case Transfer(servicer=servicer):
            return _Transfer(servicer=cdata(servicer))
        case Custom({"msgtype": "music", "music": dict(music)}):
            return MusicReply(music={ours: cdata(str(music.get(theirs, ""))) for theirs, ours in MUSIC.items()})
        case _:
            raise TypeError(f"{type(reply).__name__} is no passive reply: fit it first")


MUSIC: Mapping[str, str] = {
    "title": "title",
    "description": "description",
    "musicurl": "music_url",
    "hqmusicurl": "hq_music_url",
    "thumb_media_id": "thumb_media_id",
}
"""Fields of a music message as the vendor's API names them, and as wechatpy does."""


def _article(link: Link) -> Mapping[str, str]:
    return {
        "title": cdata(link.title or link.url),
        "description": cdata(link.description),
        "image": cdata(link.image),
        "url": cdata(link.url),
    }


# --- the encrypted body --------------------------------------------------------------------------------------


def sealed_xml(sealed: Sealed) -> bytes:
    return (
        f"<xml><Encrypt><![CDATA[{sealed.encrypt}]]></Encrypt>"
        f"<MsgSignature><![CDATA[{sealed.signature}]]></MsgSignature>"
        f"<TimeStamp>{cdata(sealed.timestamp)}</TimeStamp><Nonce><![CDATA[{cdata(sealed.nonce)}]]></Nonce></xml>"
    ).encode()


def sealed_json(sealed: Sealed) -> bytes:
    return orjson.dumps(
        {
            "Encrypt": sealed.encrypt,
            "MsgSignature": sealed.signature,
            "TimeStamp": int(sealed.timestamp),
            "Nonce": sealed.nonce,
        }
    )


def read_sealed(fields: Fields) -> Sealed:
    """The four fields of an encrypted answer, as the vendor's side reads them."""
    encrypt, signature, timestamp, nonce = (
        str(fields.get(name, "")) for name in ("Encrypt", "MsgSignature", "TimeStamp", "Nonce")
    )
    return Sealed(encrypt, signature, timestamp, nonce)
