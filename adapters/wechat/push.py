"""Calls of WeChat's API: customer-service messages, and what its error codes mean.

Sources: 客服接口-发消息 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Service_Center_messages.html
全局返回码 https://developers.weixin.qq.com/doc/offiaccount/Getting_Started/Global_Return_Code.html
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import orjson

from adapters.channel import Outgoing, Verdict
from adapters.errcodes import Errcodes
from adapters.markup import cleaned
from adapters.message import Card, Custom, Image, Json, Link, News, Reply, Text, Typing, Video, Voice
from adapters.wechat.notices import notice, notice_call

SEND = "/cgi-bin/message/custom/send"
TYPING = "/cgi-bin/message/custom/typing"
CUSTOM_TYPES = frozenset(
    ("text", "image", "voice", "video", "music", "news", "mpnews", "mpnewsarticle", "msgmenu", "wxcard",
     "miniprogrampage")
)  # fmt: skip
"""Every `msgtype` of a customer-service message."""


# --- messages ------------------------------------------------------------------------------------------------


def push_call(reply: Reply, data: Mapping[str, str], api_base: str, servicer: str = "") -> Outgoing:
    """One call that shows `reply`, which fits `adapters.wechat.channel.PUSH`, to the customer `data["to"]` of a push
    route, in the name of `servicer` if any."""
    to = data["to"]
    path: str
    body: dict[str, Json]
    if isinstance(reply, Typing):
        path, body = TYPING, {"touser": to, "command": "Typing" if reply.on else "CancelTyping"}
    elif isinstance(reply, Custom) and (kind := notice(reply)):
        path, body = notice_call(kind, reply.payload, to, data.get("turn", ""))
    else:
        by = {"customservice": {"kf_account": servicer}} if servicer else {}
        path, body = SEND, {"touser": to} | by | _body(reply)
    sent = orjson.dumps(cleaned(body), option=orjson.OPT_NON_STR_KEYS)
    return Outgoing(sent, "application/json", f"{api_base}{path}")


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
        case Custom({"msgtype": "msgmenu", "msgmenu": dict(menu)}):
            return dict(reply.payload) | _custom_menu(menu)
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
    """A tapped item comes back as a text message of its words."""
    head = "\n".join(part for part in (card.title, card.text) if part)
    items = [
        {"id": str(n), "content": button.title or button.payload}
        for n, button in enumerate(card.buttons, 1)
        if not button.url
    ]
    links = [_link(button.title or button.url, button.url) for button in card.buttons if button.url]
    return _of("msgmenu", head_content=head, list=items, tail_content="\n".join(links))


def _custom_menu(menu: Mapping[str, Json]) -> dict[str, Json]:
    """An official account's menu has no items that open a page or a mini-program (微信客服 has): they become links
    after the items, which look and work the same."""
    listed = menu.get("list")
    items = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    links = [link for item in items if (link := _item_link(item))]
    taps = [
        {"id": str(item.get("id", n)), "content": str(item.get("content", ""))}
        for n, item in enumerate(items, 1)
        if not _item_link(item)
    ]
    tail = "\n".join([*links, *filter(None, [str(menu.get("tail_content") or "")])])
    return _of("msgmenu", head_content=str(menu.get("head_content", "")), list=taps, tail_content=tail)


def _item_link(item: Mapping[str, Json]) -> str:
    """The link that stands for an item of type view or miniprogram; empty for one that is tapped."""
    kind = item.get("type")
    inner = item[kind] if isinstance(kind, str) and isinstance(item.get(kind), dict) else item
    words = str(inner.get("content") or item.get("content") or inner.get("url") or "")
    if kind == "miniprogram":
        page = {"appid": str(inner.get("appid", "")), "path": str(inner.get("pagepath", ""))}
        return _link(words, str(inner.get("url", "")), page)
    return _link(words, str(inner.get("url", ""))) if kind == "view" else ""


def _link(words: str, url: str, page: Mapping[str, str] | None = None) -> str:
    """A link in a text; `page` is of a mini-program, `url` then for clients that have none."""
    more = "".join(f' data-miniprogram-{name}="{escape(value)}"' for name, value in (page or {}).items())
    return f'<a href="{escape(url)}"{more}>{words}</a>'


# --- answers -------------------------------------------------------------------------------------------------

ERRCODES: Mapping[int, tuple[Verdict, str]] = {
    0: ("ok", ""),
    -1: ("retry", "WeChat is busy"),
    45009: ("retry", "the API's daily quota is used up; it is reset at midnight, Beijing time"),
    45011: ("retry", "the API is called too often in this minute"),
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
    45047: ("dead", "all messages that the customer's window allows are used: it opens again when they write"),
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
    40037: ("dead", "the template_id is not one of this account's: copy it from the account's console"),
    41028: ("dead", "the form_id is not valid or has expired"),
    41029: ("dead", "the form_id was used already"),
    41030: ("dead", "the page is not one of the mini-program's published version"),
    40165: ("dead", "the mini-program page's path is not valid"),
    43019: ("dead", "the customer is on this account's blacklist"),
    43101: ("dead", "the customer has not agreed to this template's messages, or has withdrawn it"),
    43107: ("config", "subscribe messages are banned for this account: see the notices in the account's console"),
    43108: ("retry", "the customer is being sent another template message at this moment"),
    47003: ("dead", "the template's data is not as the template wants it: see its fields in the account's console"),
    45072: ("ok", "the typing command is not valid"),
    45080: ("ok", "typing can be shown only within 30 s after the customer's message"),
    45081: ("ok", "typing is shown already"),
    47001: ("dead", "WeChat cannot read the message's JSON"),
}
"""errcode -> what to do, and the sentence for the operator. A sign of typing that is not shown is no loss: what it
announces must not wait for it, or die with it."""

ANSWERS = Errcodes("WeChat", ERRCODES, with_address=frozenset((40164, 61004, 89503)))
