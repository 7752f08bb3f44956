"""Calls of WeChat's API: customer-service messages, and what its error codes mean.

Sources: 客服接口-发消息 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Service_Center_messages.html
全局返回码 https://developers.weixin.qq.com/doc/offiaccount/Getting_Started/Global_Return_Code.html
"""

from __future__ import annotations

from collections.abc import Mapping

import orjson

from adapters.channel import Outgoing, Verdict
from adapters.errcodes import Errcodes
from adapters.markup import cleaned
from adapters.message import Card, Custom, Image, Json, Link, News, Reply, Text, Typing, Video, Voice

SEND = "/cgi-bin/message/custom/send"
TYPING = "/cgi-bin/message/custom/typing"


# --- messages ------------------------------------------------------------------------------------------------


def push_call(reply: Reply, to: str, api_base: str) -> Outgoing:
    """One call that shows `reply`, which fits `adapters.wechat.channel.PUSH`, to the customer `to`."""
    if isinstance(reply, Typing):
        path, body = TYPING, {"command": "Typing" if reply.on else "CancelTyping"}
    else:
        path, body = SEND, _body(reply)
    data = orjson.dumps(cleaned({"touser": to} | body), option=orjson.OPT_NON_STR_KEYS)
    return Outgoing(data, "application/json", f"{api_base}{path}")


def _body(reply: Reply) -> dict[str, Json]:
    match reply:
        case Text(text):
            return _of("text", content=text)
        case Image(media=media):
            return _of("image", media_id=media)
        case Voice(media=media):
            return _of("voice", media_id=media)
        case Video():
            return _of(
                "video",
                media_id=reply.media,
                thumb_media_id=reply.thumb,
                title=reply.title,
                description=reply.description,
            )
        case Link():
            return _of("news", articles=[_article(reply)])
        case News(articles):
            return _of("news", articles=[_article(article) for article in articles])
        case Card(data=data) if data:
            return _of(
                "miniprogrampage",
                title=reply.title or reply.text,
                appid=data.get("app_id", ""),
                pagepath=data.get("page_path", ""),
                thumb_media_id=data.get("thumb", ""),
            )
        case Card():
            return _menu(reply)
        case Custom(payload):
            return dict(payload)
        case _:
            raise TypeError(f"{type(reply).__name__} is no customer-service message: fit it first")


def _of(kind: str, **content: Json) -> dict[str, Json]:
    return {"msgtype": kind, kind: content}


def _article(link: Link) -> dict[str, Json]:
    return {
        "title": link.title or link.url,
        "description": link.description,
        "url": link.url,
        "picurl": link.image,
    }


def _menu(card: Card) -> dict[str, Json]:
    """A tapped item comes back as a text message of its words; an item cannot open a page, a link in a text can."""
    head = "\n".join(part for part in (card.title, card.text) if part)
    items = [
        {"id": str(n), "content": button.title or button.payload}
        for n, button in enumerate(card.buttons, 1)
        if not button.url
    ]
    links = "\n".join(f'<a href="{button.url}">{button.title}</a>' for button in card.buttons if button.url)
    return _of("msgmenu", head_content=head, list=items, tail_content=links)


# --- answers -------------------------------------------------------------------------------------------------

ERRCODES: Mapping[int, tuple[Verdict, str]] = {
    0: ("ok", ""),
    -1: ("retry", "WeChat is busy"),
    45009: ("retry", "the API's daily quota is used up; it is reset at midnight, Beijing time"),
    45011: ("retry", "the API is called too often in this minute"),
    45047: ("dead", "all messages that the customer's window allows are used: it opens again when they write"),
    40001: ("refresh", "the access token is not the newest: does another program use /cgi-bin/token of this account?"),
    40014: ("refresh", "the access token is not valid"),
    42001: ("refresh", "the access token has expired"),
    41001: ("refresh", "the access token is missing"),
    40013: ("config", "app_id is not valid: copy it from the account's console"),
    40125: ("config", "app_secret is not valid: copy or reset it in the account's console"),
    41004: ("config", "app_secret is missing"),
    40164: ("config", "the server's address is not on the account's IP allow-list: add it in the account's console"),
    61004: ("config", "the server's address is not on the account's IP allow-list: add it in the account's console"),
    89503: ("config", "the account's administrator must confirm this server's address first"),
    48001: ("config", "the account may not push (only certified accounts may): set push: false in credentials.yml"),
    48004: ("config", "the API is banned for this account: see the notices in the account's console"),
    50001: ("config", "the account is not authorised for this API"),
    50002: ("config", "the account is restricted: see the notices in the account's console"),
    45015: ("dead", "the customer's window has closed: 48 hours after a message, 1 minute after a menu click"),
    48002: ("dead", "the customer has turned off messages from this account"),
    43004: ("dead", "the customer does not follow this account"),
    43005: ("dead", "the customer is not a friend of this account"),
    40003: ("dead", "the customer's openid is not one of this account's"),
    40004: ("dead", "the media file's type is not valid"),
    40007: ("dead", "the media_id is not valid or older than 3 days: upload the file again"),
    40005: ("dead", "the file is of a type that WeChat does not take"),
    40006: ("dead", "the file is larger than WeChat takes"),
    40008: ("dead", "the message type is not valid"),
    41005: ("dead", "the upload holds no file"),
    41006: ("dead", "the media_id is missing"),
    45001: ("dead", "the file is larger than WeChat takes"),
    44004: ("dead", "the message is empty"),
    45002: ("dead", "the message is longer than WeChat allows"),
    45008: ("dead", "the message has more articles than WeChat allows"),
    45072: ("ok", "the typing command is not valid"),
    45080: ("ok", "typing can be shown only within 30 s after the customer's message"),
    45081: ("ok", "typing is shown already"),
    47001: ("dead", "WeChat cannot read the message's JSON"),
}
"""errcode -> what to do, and the sentence for the operator. A sign of typing that is not shown is no loss: what it
announces must not wait for it, or die with it."""

ANSWERS = Errcodes("WeChat", ERRCODES, with_address=frozenset((40164, 61004, 89503)))
