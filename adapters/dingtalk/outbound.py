"""What DingTalk is sent: a reply as the body of a session webhook, or as a robot's message of the API.

Sources: 机器人回复消息 https://open.dingtalk.com/document/orgapp/robot-reply-and-send-messages
机器人发送消息的消息类型 https://open.dingtalk.com/document/orgapp/types-of-messages-sent-by-robots
dtmd 协议 (a link that says its words) https://open.dingtalk.com/document/orgapp/message-link-description
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote, unquote, urlsplit

import orjson

from adapters.degrade import numbered
from adapters.dingtalk.inbound import OUTSIDER
from adapters.message import Button, Card, Custom, File, Image, Json, Link, Markdown, News, Reply, Text, Video, Voice

SAY = "dtmd://dingtalkclient/sendMessage?content="
"""A link that, tapped, says its content to the robot; in private chats only."""
TITLE_CHARS = 20
"""A markdown message without a title is shown in lists by its first words."""
VOICE_MS = "3000"
"""What is shown as a voice's length where nobody knows it (in milliseconds)."""
MOST_BUTTONS = 5
"""sampleActionCard2 to sampleActionCard5."""
CUSTOM_TYPES = frozenset(("text", "markdown", "link", "actionCard", "feedCard"))

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")


def cleaned(value: Json) -> Json:
    """Without control characters and lone surrogates, which are no JSON that DingTalk reads."""
    match value:
        case str():
            return _CONTROL.sub("", value)
        case dict():
            return {str(key): cleaned(item) for key, item in value.items()}
        case list() | tuple():
            return [cleaned(item) for item in value]
        case _:
            return value


def encoded(body: Json) -> bytes:
    return orjson.dumps(cleaned(body), option=orjson.OPT_NON_STR_KEYS)


# --- the session webhook -------------------------------------------------------------------------------------


def session_body(reply: Reply, mention: str, group: bool) -> dict[str, Json] | None:
    """The body that shows `reply`, or None where a session webhook cannot. `mention` is the id of whom it is for."""
    at = _at(mention)
    match reply:
        case Text(text):
            return {"msgtype": "text", "text": {"content": _for(mention, text)}} | at
        case Markdown(text, title):
            said = {"title": title or first_words(text), "text": _for(mention, text)}
            return {"msgtype": "markdown", "markdown": said} | at
        case Image(url=url, alt=alt) if web(url):
            said = {"title": alt or "图片", "text": f"![{alt or '图片'}]({url})"}
            return {"msgtype": "markdown", "markdown": said}
        case Link():
            return {"msgtype": "link", "link": _link(reply)}
        case Voice(url=url) | Video(url=url) | File(url=url) if url and not reply.media:
            return {"msgtype": "link", "link": _link(as_link(reply))}
        case News(articles):
            return {"msgtype": "feedCard", "feedCard": {"links": [_article(article) for article in articles]}}
        case Card():
            return _session_card(reply, mention, group)
        case Custom(payload) if isinstance(payload, dict) and payload.get("msgtype") in CUSTOM_TYPES:
            return dict(payload)
        case _:
            return None


def _session_card(card: Card, mention: str, group: bool) -> dict[str, Json]:
    if not card.buttons or (group and taps(card)):
        return {"msgtype": "text", "text": {"content": _for(mention, in_words(card))}} | _at(mention)
    action = {
        "title": card.title or first_words(card.text) or "请选择",
        "text": card_text(card),
        "btnOrientation": "0",
        "btns": [{"title": name(button), "actionURL": target(button)} for button in card.buttons],
    }
    return {"msgtype": "actionCard", "actionCard": action}


def _at(mention: str) -> dict[str, Json]:
    if not mention:
        return {}
    return {"at": {"atDingtalkIds" if mention.startswith(OUTSIDER) else "atUserIds": [mention], "isAtAll": False}}


def _for(mention: str, text: str) -> str:
    """A mention is shown where the body has it; ids of outsiders cannot stand there, the vendor adds those."""
    return f"@{mention} {text}" if mention and not mention.startswith(OUTSIDER) else text


# --- the API -------------------------------------------------------------------------------------------------


def api_message(reply: Reply, group: bool) -> tuple[str, dict[str, Json]]:
    """msgKey and msgParam that show `reply`."""
    match reply:
        case Text(text):
            return "sampleText", {"content": text}
        case Markdown(text, title):
            return "sampleMarkdown", {"title": title or first_words(text), "text": text}
        case Image(url=url, media=media) if media or url:
            return "sampleImageMsg", {"photoURL": media or url}
        case Voice(media=media) if media:
            return "sampleAudio", {"mediaId": media, "duration": VOICE_MS}
        case File(media=media, name=named) if media:
            ending = named.rpartition(".")[2].lower() if "." in named else "file"
            return "sampleFile", {"mediaId": media, "fileName": named or "文件", "fileType": ending}
        case Video(media=media) if media:
            said = {"videoMediaId": media, "videoType": "mp4", "duration": "0", "picMediaId": reply.thumb}
            return "sampleVideo", said
        case Voice() | Video() | File() | Link():
            return "sampleLink", _link(as_link(reply))
        case News(articles):
            return "sampleMarkdown", {"title": "图文", "text": "\n\n".join(map(_paragraph, articles))}
        case Card():
            return _api_card(reply, group)
        case Custom(payload):
            return _api_custom(payload)
        case _:
            raise TypeError(f"{type(reply).__name__} is no robot's message: fit it first")


def _api_card(card: Card, group: bool) -> tuple[str, dict[str, Json]]:
    if not card.buttons or (group and taps(card)):
        return "sampleText", {"content": in_words(card)}
    said: dict[str, Json] = {"title": card.title or first_words(card.text) or "请选择", "text": card_text(card)}
    if len(card.buttons) == 1:
        (button,) = card.buttons
        return "sampleActionCard", said | {"singleTitle": name(button), "singleURL": target(button)}
    for n, button in enumerate(card.buttons[:MOST_BUTTONS], 1):
        said |= {f"actionTitle{n}": name(button), f"actionURL{n}": target(button)}
    return f"sampleActionCard{min(len(card.buttons), MOST_BUTTONS)}", said


def _api_custom(payload: Json) -> tuple[str, dict[str, Json]]:
    """A payload that is written as for a webhook; the API has other names for the same."""
    kind = str(payload.get("msgtype", ""))
    content = payload.get(kind)
    content = content if isinstance(content, dict) else {}
    if kind == "link":
        keys = ("title", "text", "picUrl", "messageUrl")
        return "sampleLink", {key: str(content.get(key, "")) for key in keys}
    if kind == "markdown":
        return "sampleMarkdown", {key: str(content.get(key, "")) for key in ("title", "text")}
    if kind == "text":
        return "sampleText", {"content": str(content.get("content", ""))}
    words = content.get("text") or content.get("title") or "此消息请在电脑端查看"
    return "sampleMarkdown", {"title": str(content.get("title", "")) or "消息", "text": str(words)}


# --- parts of both -------------------------------------------------------------------------------------------


def taps(card: Card) -> bool:
    """Whether a button of it says something rather than opens a page."""
    return any(not button.url for button in card.buttons)


def name(button: Button) -> str:
    return button.title or button.payload or button.url


def target(button: Button) -> str:
    """Where a button leads. One that says something says its own words, which are what people then read as theirs;
    the bot takes them for the button."""
    return button.url or f"{SAY}{quote(name(button), safe='')}"


def said_by(url: str) -> str:
    """What tapping the link says; empty where it opens a page."""
    return unquote(url.removeprefix(SAY)) if url.startswith(SAY) else ""


def card_text(card: Card) -> str:
    picture = f"![]({card.image})" if web(card.image) else ""
    head = f"### {card.title}" if card.title else ""
    return "\n\n".join(piece for piece in (picture, head, card.text) if piece) or "请选择"


def in_words(card: Card) -> str:
    return "\n".join(piece for piece in (card.title, card.text, card.url, numbered(card.buttons)) if piece) or "请选择"


def as_link(reply: Link | Voice | Video | File) -> Link:
    match reply:
        case Link():
            return reply
        case Voice(url=url):
            return Link(url, "语音", reply.recognition)
        case Video(url=url):
            return Link(url, reply.title or "视频", reply.description, reply.thumb if web(reply.thumb) else "")
        case File(url=url):
            return Link(url, reply.name or "文件")


def _link(link: Link) -> dict[str, Json]:
    title = link.title or link.url
    return {
        "title": title,
        "text": link.description or title,
        "messageUrl": link.url,
        "picUrl": link.image,
    }


def _article(link: Link) -> dict[str, Json]:
    return {"title": link.title or link.url, "messageURL": link.url, "picURL": link.image}


def _paragraph(link: Link) -> str:
    title = f"[{link.title or link.url}]({link.url})" if link.url else link.title
    picture = f"![]({link.image})" if web(link.image) else ""
    return "\n\n".join(piece for piece in (picture, f"**{title}**", link.description) if piece)


def first_words(text: str) -> str:
    line = next((line for line in text.splitlines() if line.strip(" #*>-`")), "")
    return line.strip(" #*>-`")[:TITLE_CHARS] or "消息"


def web(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https") if _parts(url) else False


def _parts(url: str) -> Sequence[str]:
    try:
        return urlsplit(url)
    except ValueError:
        return ()
