"""The generated part of docs/replies.md: what each reply becomes on each channel, by the channels' own limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.channel import Carrying, Channel, Limits, Pushing
from adapters.degrade import fit
from adapters.message import Card, Custom, File, Image, Link, Markdown, News, Reply, Text, Transfer, Video, Voice
from adapters.web import CHAT_LIMITS, REST_LIMITS
from bot.channels import CHANNELS
from config.source import parse_yaml
from flows.domain import read_variations
from flows.responses import render
from tests.contracts.channels import CHANNELS as ENTRIES

EXAMPLES: Mapping[str, str] = {
    "text": "text: 您好，请问有什么可以帮您？\n",
    "buttons": (
        "text: 您想办理什么？\nbuttons:            # quick_replies is the same\n"
        "  - {title: 查订单, payload: /check_order}\n  - {title: 退款, payload: /refund}\n"
    ),
    "buttons that open pages": (
        "text: 更多信息\nbuttons:\n  - {title: 官网, url: https://shop.example}\n"
        "  - {title: 小程序商城, url: https://shop.example/m}\n"
    ),
    "image": "text: 尺码表\nimage: https://shop.example/size.png\n",
    "file": "attachment: {type: file, payload: {src: https://shop.example/manual.pdf, title: 说明书.pdf}}\n",
    "video": "attachment: {type: video, payload: {src: https://shop.example/how.mp4, title: 安装教程}}\n",
    "voice": "attachment: {type: audio, payload: {src: https://shop.example/hi.amr}}\n",
    "cards": (
        "elements:\n  - title: 羽绒服\n    subtitle: 到手价 399 元\n    image_url: https://shop.example/a.jpg\n"
        "    buttons: [{title: 买羽绒服, payload: /buy}]\n  - title: 冲锋衣\n    subtitle: 到手价 599 元\n"
        "    buttons: [{title: 买冲锋衣, payload: /buy}]\n"
    ),
    "pages": (
        "elements:\n  - title: 双十二活动\n    subtitle: 全场八折\n    image_url: https://shop.example/1212.jpg\n"
        "    default_action: {type: web_url, url: https://shop.example/1212}\n"
    ),
}
"""Kind of reply -> how it is written in a domain."""


@dataclass(frozen=True)
class Place:
    """Where a reply is shown, and what fits there."""

    name: str
    limits: Limits
    uploads: frozenset[str] = frozenset()


def places() -> Iterator[Place]:
    """Every channel of the registry, by each of its ways; the web pages."""
    made: dict[str, Channel] = {}
    for entry in ENTRIES:
        channel = entry.make()
        made.setdefault(channel.name, channel)
    for name in CHANNELS:
        channel = made[name]
        uploads = frozenset(channel.media_terms) if isinstance(channel, Carrying) else frozenset()
        pushed = channel.push_limits if isinstance(channel, Pushing) else None
        if channel.limits.passive_messages and channel.limits != pushed:
            yield Place(f"{name}, response", channel.limits, uploads)
        if pushed is not None:
            yield Place(f"{name}, push" if channel.limits.passive_messages else name, pushed, uploads)
    yield Place("web page", CHAT_LIMITS)
    yield Place("rest", REST_LIMITS)


def replies_page() -> str:
    """The table, then each kind with what customers see."""
    found = list(places())
    heads = ("reply", *(place.name for place in found))
    rows = [f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}"]
    for kind in EXAMPLES:
        rows.append(f"| {kind} | {' | '.join(_kinds(_shown(kind, place)) for place in found)} |")
    parts = ["\n".join(rows)]
    for kind, text in EXAMPLES.items():
        parts += [f"### {kind}", f"```yaml\n{text}```", *_seen(kind, found)]
    return "\n\n".join(parts)


def _shown(kind: str, place: Place) -> tuple[Reply, ...]:
    variations = read_variations(parse_yaml(EXAMPLES[kind], Path("domain.yml")))
    said = (_uploaded(reply, place) for each in variations for reply in render(each, {}))
    return tuple(fit(list(said), place.limits))


def _uploaded(reply: Reply, place: Place) -> Reply:
    """As the service gives it to a channel that keeps media under ids of its own."""
    match reply:
        case Image() | Voice() | Video() | File() if type(reply).__name__.lower() in place.uploads:
            return replace(reply, media="uploaded")
        case _:
            return reply


def _kinds(shown: tuple[Reply, ...]) -> str:
    return " + ".join(type(reply).__name__.lower() for reply in shown)


def _seen(kind: str, found: list[Place]) -> Iterator[str]:
    """What customers see, once for the places where it is the same."""
    same: dict[str, list[str]] = {}
    for place in found:
        drawn = "\n".join(_drawn(reply) for reply in _shown(kind, place))
        same.setdefault(drawn, []).append(place.name)
    for drawn, names in same.items():
        yield f"{'; '.join(names)}:\n\n```text\n{drawn}\n```"


def _drawn(reply: Reply) -> str:
    match reply:
        case Text(text):
            return text
        case Markdown(text, title):
            return "\n".join(filter(None, (f"[markdown] {title}".strip(), text)))
        case Card(text, title, url, image, buttons):
            head = filter(None, (title, text, image, url))
            return "\n".join(("[card]", *head, " ".join(f"( {button.title} )" for button in buttons))).rstrip()
        case Link():
            return "\n".join(filter(None, (f"[link] {reply.title}", reply.description, reply.url)))
        case News(articles):
            return "\n".join(f"[news] {each.title} — {each.description} — {each.url}" for each in articles)
        case Image() | Voice() | Video() | File():
            return f"[{type(reply).__name__.lower()}] {reply.url or reply.media}"
        case Transfer(text):
            return f"[transfer] {text}"
        case Custom():
            return "[custom]"
        case _:
            return f"[{type(reply).__name__.lower()}]"
