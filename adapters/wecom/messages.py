"""What an app says through WeCom's API: messages to members and to groups that the app made.

Sources: 发送应用消息 https://developer.work.weixin.qq.com/document/path/90236
应用推送消息 (群聊) https://developer.work.weixin.qq.com/document/path/90248
"""

from __future__ import annotations

from collections.abc import Sequence

from adapters.message import Card, Custom, File, Image, Json, Link, Markdown, News, Reply, Text, Video, Voice
from adapters.wecom.cards import button_card

SEND = "/cgi-bin/message/send"
CHAT_SEND = "/cgi-bin/appchat/send"
ARTICLES = 8
CHAT_TYPES = frozenset(("text", "markdown", "image", "voice", "video", "file", "textcard", "news", "mpnews"))
SEND_TYPES = CHAT_TYPES | {"miniprogram_notice", "template_card"}
"""`msgtype`s of `Custom` payloads that are sent as they are: WeCom's own message bodies."""


def titled(replies: Sequence[Reply]) -> list[Reply]:
    """`replies` with the titles of Markdown in its text: WeCom's has no other place for one."""
    return [
        Markdown(f"**{reply.title}**\n{reply.text}") if isinstance(reply, Markdown) and reply.title else reply
        for reply in replies
    ]


def message_body(reply: Reply, task_id: str) -> dict[str, Json]:
    """`reply`, which fits the channel's push limits, as a body without its receiver. `task_id` is for a card."""
    match reply:
        case Text(text):
            return _of("text", content=text)
        case Markdown(text):
            return _of("markdown", content=text)
        case Image(media=media):
            return _of("image", media_id=media)
        case Voice(media=media):
            return _of("voice", media_id=media)
        case File(media=media):
            return _of("file", media_id=media)
        case Video(media=media):
            return _of("video", media_id=media, title=reply.title, description=reply.description)
        case Link():
            return _of("news", articles=[_article(reply)])
        case News(articles):
            return _of("news", articles=[_article(article) for article in articles])
        case Card(data=data) if "app_id" in data:
            return _mini_program(reply)
        case Card():
            return _of("template_card", **button_card(reply, task_id))
        case Custom(payload):
            return dict(payload)
        case _:
            raise TypeError(f"{type(reply).__name__} is no message of an app's: fit it first")


def _of(kind: str, **content: Json) -> dict[str, Json]:
    return {"msgtype": kind, kind: content}


def _article(link: Link) -> dict[str, Json]:
    return {"title": link.title or link.url, "description": link.description, "url": link.url, "picurl": link.image}


def _mini_program(card: Card) -> dict[str, Json]:
    """A notice that opens the mini program; WeCom wants a title of 4 to 12 characters."""
    title = (card.title or card.text)[:12].ljust(4, "　")
    notice = {"appid": card.data["app_id"], "page": card.data.get("page_path", ""), "title": title}
    return _of("miniprogram_notice", **notice, description=card.text[:12].ljust(4, "　"))
