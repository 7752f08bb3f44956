"""What a person sees in a chat, whatever the vendor calls it: messages of every wire format as `Bubble`s.

Which fields a message has is in the module docstrings of the simulators.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from adapters.message import Json

Object = Mapping[str, Json]
KINDS = {
    "image": "图片", "voice": "语音", "video": "视频", "file": "文件", "music": "音乐", "sampleAudio": "语音",
    "sampleFile": "文件", "sampleVideo": "视频", "transfer_customer_service": "转接人工客服", "audio": "语音",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tap:
    """A button: its words, what it gives back when tapped (`key`), or the page it opens."""

    title: str
    key: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Article:
    title: str
    text: str = ""
    url: str = ""
    picture: str = ""


@dataclass(frozen=True, slots=True)
class Bubble:
    """One message as it is seen. `growing`: its text is still being written; `failed`: the vendor's line of failure."""

    id: str
    kind: Literal["text", "markdown", "card", "news", "image", "notice"] = "text"
    text: str = ""
    title: str = ""
    picture: str = ""
    taps: tuple[Tap, ...] = ()
    articles: tuple[Article, ...] = ()
    growing: bool = False
    failed: bool = False

    @property
    def words(self) -> str:
        """All its words, in lines."""
        articles = [f"{one.title}  {one.url}".strip() for one in self.articles]
        taps = [f"[{tap.title}]" for tap in self.taps]
        lines = [self.title, self.text, *articles, *taps]
        return "\n".join(line for line in lines if line) or ("[图片]" if self.kind == "image" else "")


def of_passive(id: str, fields: Object) -> Bubble:
    """The decrypted XML that answers a callback of WeChat's or WeCom's."""
    kind = str(fields.get("MsgType", ""))
    if kind == "text":
        return Bubble(id, text=_text(fields, "Content"))
    if kind == "news":
        items = _object(fields, "Articles").get("item", ())
        found = [items] if isinstance(items, dict) else items
        return Bubble(
            id, "news", articles=tuple(_article(item, "Title", "Description", "Url", "PicUrl") for item in found)
        )
    return other(id, kind)


def of_message(id: str, body: Object) -> Bubble:
    """The JSON of a message that WeChat or WeCom is told to show: `{msgtype: K, K: {...}}`."""
    kind = str(body.get("msgtype", ""))
    inner = _object(body, kind)
    match kind:
        case "text":
            return Bubble(id, text=_text(inner, "content"))
        case "markdown" | "markdown_v2":
            return Bubble(id, "markdown", _text(inner, "content"))
        case "msgmenu":
            return _menu(id, inner)
        case "news":
            articles = inner.get("articles", ())
            return Bubble(
                id, "news", articles=tuple(_article(item, "title", "description", "url", "picurl") for item in articles)
            )
        case "textcard" | "link":
            link = Tap(_text(inner, "btntxt") or "详情", url=_text(inner, "url"))
            return Bubble(id, "card", _text(inner, "description", "desc"), _text(inner, "title"), taps=(link,))
        case "template_card":
            return of_card(id, inner)
        case _:
            return other(id, kind)


def _menu(id: str, inner: Object) -> Bubble:
    taps = []
    for item in inner.get("list", ()):
        part = item.get(str(item.get("type", "")), item)
        taps.append(Tap(_text(part, "content"), _text(part, "id"), _text(part, "url")))
    text = "\n".join(part for part in (_text(inner, "head_content"), _text(inner, "tail_content")) if part)
    return Bubble(id, "card", text, taps=tuple(taps))


def of_card(id: str, card: Object, text: str = "") -> Bubble:
    """A template card of WeCom's, under the text that it came with."""
    head = _object(card, "main_title")
    lines = (text, _text(head, "desc"), _text(card, "sub_title_text"))
    taps = tuple(Tap(_text(one, "text"), _text(one, "key"), _text(one, "url")) for one in card.get("button_list", ()))
    return Bubble(id, "card", "\n".join(line for line in lines if line), _text(head, "title"), taps=taps)


def of_dingtalk(id: str, kind: str, body: Object) -> Bubble:
    """A message by a session webhook (`body` holds it under its msgtype) or a robot's msgParam (`kind`: msgKey)."""
    inner = _object(body, kind) or body
    text = _text(inner, "content", "text")
    if kind in ("actionCard", "feedCard") or kind.startswith("sampleActionCard"):
        articles = tuple(_article(one, "title", "", "messageURL", "picURL") for one in inner.get("links", ()))
        if articles:
            return Bubble(id, "news", articles=articles)
        # the title stands in the list of chats, not on the card
        return Bubble(id, "card", text or _text(inner, "title"), taps=tuple(_dingtalk_taps(inner)))
    if kind in ("link", "sampleLink"):
        article = _article(inner, "title", "text", "messageUrl", "picUrl")
        return Bubble(id, "news", articles=(article,))
    if kind in ("markdown", "sampleMarkdown"):
        return Bubble(id, "markdown", text)
    if kind in ("text", "sampleText"):
        return Bubble(id, text=text)
    return Bubble(id, "image", picture=_text(inner, "photoURL")) if kind == "sampleImageMsg" else other(id, kind)


def _dingtalk_taps(inner: Object) -> Iterable[Tap]:
    for button in inner.get("btns", ()):
        yield _dingtalk_tap(_text(button, "title"), _text(button, "actionURL"))
    if inner.get("singleTitle"):
        yield _dingtalk_tap(_text(inner, "singleTitle"), _text(inner, "singleURL"))
    for n in range(1, 6):
        if title := _text(inner, f"actionTitle{n}", f"buttonTitle{n}"):
            yield _dingtalk_tap(title, _text(inner, f"actionURL{n}", f"buttonUrl{n}"))


def _dingtalk_tap(title: str, url: str) -> Tap:
    """A link of the kind dtmd says its content; another one opens a page, maybe wrapped in one of DingTalk's own."""
    said = parse_qs(urlsplit(url).query)
    if url.startswith("dtmd:"):
        return Tap(title, unquote(said.get("content", [title])[0]))
    return Tap(title, url=said.get("url", [url])[0] if url.startswith("dingtalk:") else url)


def of_dingtalk_card(id: str, data: Object, growing: bool) -> Bubble:
    """An interactive card with buttons, or an AI card that is being typed."""
    if "flowStatus" in data:
        return Bubble(id, "markdown", _text(data, "content"), growing=growing)
    buttons = orjson.loads(_text(data, "buttons") or "[]")
    chosen = _text(data, "chosen")
    text = "\n".join(part for part in (_text(data, "content"), chosen and f"已选择：{chosen}") if part)
    taps = () if chosen else tuple(Tap(_text(one, "text"), _text(one, "text")) for one in buttons)
    return Bubble(id, "card", text, _text(data, "title"), taps=taps)


def of_feishu(id: str, kind: str, content: Object) -> Bubble:
    if kind == "text":
        return Bubble(id, text=_text(content, "text"))
    if kind != "interactive":
        return other(id, kind)
    title = _text(_object(_object(content, "header"), "title"), "content")
    lines: list[str] = []
    taps: list[Tap] = []
    for element in content.get("elements", ()):
        lines.append(_text(element, "content") or _text(_object(element, "text"), "content"))
        for button in element.get("actions", ()):
            taps.append(Tap(_text(_object(button, "text"), "content"), str(len(taps)), _text(button, "url")))
    return Bubble(id, "card" if taps else "markdown", "\n".join(filter(None, lines)), title, taps=tuple(taps))


def other(id: str, kind: str) -> Bubble:
    """A message of which only the kind is shown."""
    return Bubble(id, "image" if kind == "image" else "notice", f"[{KINDS.get(kind, kind or '消息')}]")


def _article(item: Object, title: str, text: str, url: str, picture: str) -> Article:
    return Article(_text(item, title), _text(item, text), _text(item, url), _text(item, picture))


def _object(body: Object, name: str) -> Object:
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def _text(body: Any, *names: str) -> str:
    """The first of the fields that is there."""
    return next((str(body[name]) for name in names if isinstance(body, dict) and body.get(name)), "")
