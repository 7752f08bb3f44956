"""Anything that was said or shown, in one line of words: for lists, logs' readers and terminals."""

from __future__ import annotations

from adapters.message import (
    Card,
    Content,
    Custom,
    Event,
    File,
    Image,
    Link,
    Location,
    Markdown,
    News,
    Reply,
    Text,
    Transfer,
    Typing,
    Video,
    Voice,
)

LABELS: dict[type, tuple[str, str]] = {
    Image: ("图片", "alt"),
    Voice: ("语音", "recognition"),
    Video: ("视频", "title"),
    File: ("文件", "name"),
    Location: ("位置", "label"),
    Event: ("事件", "name"),
    Transfer: ("转人工", "text"),
    Typing: ("正在输入", ""),
    Custom: ("自定义消息", ""),
}


def spoken(said: Content | Reply) -> str:
    """`[图片]`, `[语音] 查物流`, a card's text with its buttons; a text as it is."""
    match said:
        case Text(text) | Markdown(text):
            return text
        case Link(title=title, url=url):
            return f"[链接] {title or url}"
        case News(articles):
            return "[图文] " + "、".join(article.title for article in articles)
        case Card(text=text, title=title, buttons=buttons):
            return " ".join((title or text, *(f"[{button.title}]" for button in buttons)))
    label, field = LABELS[type(said)]
    return f"[{label}] {getattr(said, field, '')}".rstrip()
