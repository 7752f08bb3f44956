"""Passive replies in XML: the body that answers a push of WeChat's or WeCom's.

Sources: 被动回复用户消息 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Passive_user_reply_message.html
被动回复消息格式 https://developer.work.weixin.qq.com/document/path/90241
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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

from adapters.markup import cdata
from adapters.message import Custom, Image, Link, News, Reply, Text, Transfer, Video, Voice


class _Servicer(StringField):  # type: ignore[misc]
    def to_xml(self, value: str | None) -> str:
        return f"<TransInfo><KfAccount><![CDATA[{value}]]></KfAccount></TransInfo>" if value else ""


class _Transfer(TransferCustomerServiceReply):  # type: ignore[misc]
    """wechatpy's has no TransInfo: the one servicer whom the customer is handed to."""

    servicer = _Servicer("TransInfo")


def passive_xml(reply: Reply, sender: str, receiver: str, time: int) -> bytes:
    """A reply that fits the passive limits of its channel as XML from `sender` (the account) to `receiver`."""
    answer = _answer(reply)
    answer.source, answer.target, answer.time = cdata(sender), cdata(receiver), time
    return str(answer.render()).encode()


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
