"""The web's two languages: Rasa's REST items, and the JSON frames of the chat page's WebSocket.

Pure: bytes and text in, values out, and back. Limits are declared here; who serves them is `bot/web/`.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from adapters.channel import Limits, Reject, Route
from adapters.degrade import LEAVE_A_MESSAGE, fit
from adapters.message import (
    Address,
    Button,
    Card,
    Custom,
    File,
    Image,
    Json,
    Link,
    Markdown,
    Message,
    News,
    Reply,
    Text,
    Transfer,
    Typing,
    Video,
    Voice,
)

LIVE = Route("live")
"""Answers on the web go to whoever watches: the open REST response, the open pages."""

REST_BODY_BYTES = 64 * 1024
SENDER_CHARS = 256
SAY_CHARS = 2000
TITLE_CHARS = 200

REST_LIMITS = Limits(
    shows=frozenset({"text", "image", "voice", "video", "file", "card", "custom"}), text_bytes=1 << 20, buttons=100
)
CHAT_LIMITS = Limits(
    shows=frozenset(
        {"text", "image", "voice", "video", "file", "link", "news", "card", "markdown", "custom", "transfer"}
    ),
    text_bytes=1 << 20,
    buttons=20,
)


# --- Rasa's REST channel -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RestCall:
    """The body of Rasa's `POST /webhooks/rest/webhook`; `text` is None where there was no message."""

    sender: str
    text: str | None
    extra: Mapping[str, Json]
    """`metadata` and `input_channel`, where they were given."""

    def message(self, id: str, at: float, channel: str = "rest") -> Message:
        """The call as a message of one of Rasa's channels. Raises ValueError where there is none."""
        if self.text is None:
            raise ValueError("the call has no message")
        address = Address(channel, "main", self.sender, self.sender)
        return Message(id, address, Text(self.text), at, raw=dict(self.extra) or None)


def read_rest(body: bytes) -> RestCall | Reject:
    """`{"sender"?, "message"?, "metadata"?, "input_channel"?}`, as Rasa 3 takes it; no sender is "default"."""
    if len(body) > REST_BODY_BYTES:
        return Reject(413, f"the body has more than {REST_BODY_BYTES} bytes")
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return Reject(400, "Failed when parsing body as json")
    if not isinstance(data, dict):
        return Reject(400, 'an object is expected: {"sender": "…", "message": "…"}')
    sender, text = data.get("sender") or "default", data.get("message")
    if not isinstance(sender, str) or len(sender) > SENDER_CHARS:
        return Reject(400, f"sender: a string of at most {SENDER_CHARS} characters is expected")
    if text is not None and not isinstance(text, str):
        return Reject(400, "message: a string is expected")
    if not _storable(sender, text or ""):
        return Reject(400, "sender and message: half of a surrogate pair is no text")
    extra = {key: data[key] for key in ("metadata", "input_channel") if data.get(key) is not None}
    return RestCall(sender, text, extra)


def rest_items(sender: str, replies: Sequence[Reply]) -> list[dict[str, Json]]:
    """Replies as Rasa's REST items: text cut at blank lines, buttons with the last piece's text, media on its own."""
    return [
        {"recipient_id": sender, **item} for reply in fit(list(replies), REST_LIMITS) for item in _rest_items(reply)
    ]


def _rest_items(reply: Reply) -> Iterator[dict[str, Json]]:
    match reply:
        case Text(text):
            yield from ({"text": part} for part in text.strip().split("\n\n") if part.strip())
        case Card():
            text = "\n".join(filter(None, (reply.title, reply.text, reply.url)))
            yield {"text": text, "buttons": [_button(button) for button in reply.buttons]}
            if reply.image:
                yield {"image": reply.image}
        case Image(url, media):
            yield {"image": url or media}
        case Custom(payload):
            yield {"custom": payload}
        case Voice() | Video() | File():
            yield {"attachment": {"type": _KINDS[type(reply)], "payload": {"src": reply.url or reply.media}}}
        case Link() | News() | Markdown() | Transfer() | Typing():
            return  # `fit` has put these into the kinds above; a typing sign has no place in a REST answer


_KINDS: Mapping[type, str] = {Voice: "audio", Video: "video", File: "file"}


def _button(button: Button) -> dict[str, str]:
    said = {"title": button.title, "payload": button.payload or button.title}
    return {**said, "type": "web_url", "url": button.url} if button.url else said


def _storable(*texts: str) -> bool:
    try:
        "".join(texts).encode()
    except UnicodeEncodeError:
        return False
    return True


# --- the chat page -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hello:
    """The first frame. `key` is the visitor's secret from an earlier visit, empty on the first."""

    key: str


@dataclass(frozen=True, slots=True)
class Say:
    """Something said, repeated under the same `id` until it is acknowledged. `title` is what the visitor saw
    where a button was tapped and `text` is its payload."""

    id: str
    text: str
    title: str = ""

    def message(self, visitor: str, at: float) -> Message:
        raw = {"title": self.title} if self.title and self.title != self.text else None
        return Message(self.id, Address("web", "main", visitor, visitor), Text(self.text), at, raw=raw)


@dataclass(frozen=True, slots=True)
class Earlier:
    """Asks for the turns before a time (epoch seconds)."""

    before: float


@dataclass(frozen=True, slots=True)
class Sync:
    """Asks for the newest turns again, where the page suspects that it missed some."""


@dataclass(frozen=True, slots=True)
class Ping:
    pass


@dataclass(frozen=True, slots=True)
class Refused:
    """A frame that is none of ours, or says more than it may; `id` names the `say` where it was one."""

    reason: str
    too_long: bool = False
    id: str = ""


Frame = Hello | Say | Earlier | Sync | Ping

_KEY = re.compile(r"[0-9a-f]{32}")
_SAY_ID = re.compile(r"[0-9A-Za-z-]{16,64}")


def read_frame(text: str) -> Frame | Refused:
    """One frame from the page, or why it is none."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return Refused("the frame is not JSON")
    if not isinstance(data, dict):
        return Refused("the frame is not an object")
    match data.get("type"):
        case "hello":
            return _hello(data)
        case "say":
            return _say(data)
        case "earlier" if isinstance(before := data.get("before"), int | float) and 0 < before < 1e11:
            return Earlier(float(before))
        case "sync":
            return Sync()
        case "ping":
            return Ping()
        case _:
            return Refused("the frame is of no known type")


def _hello(data: Mapping[str, Json]) -> Hello | Refused:
    key = data.get("key") or ""
    if key and not (isinstance(key, str) and _KEY.fullmatch(key)):
        return Refused("key: 32 hexadecimal digits are expected")
    return Hello(key)


def _say(data: Mapping[str, Json]) -> Say | Refused:
    id, text, title = data.get("id"), data.get("text"), data.get("title") or ""
    if not isinstance(id, str) or not _SAY_ID.fullmatch(id):
        return Refused("id: 16 to 64 letters, digits or dashes are expected")
    if not isinstance(text, str) or not text.strip() or not isinstance(title, str) or not _storable(text, title):
        return Refused("text: something said is expected", id=id)
    if len(text) > SAY_CHARS or len(title) > TITLE_CHARS:
        return Refused(f"text: more than {SAY_CHARS} characters", too_long=True, id=id)
    return Say(id, text, title)


def visitor(key: str) -> str:
    """The public id of the visitor who holds `key`. One-way: who reads a log or the console cannot take over
    the conversation."""
    return hashlib.sha256(b"yingda visitor " + key.encode()).hexdigest()[:32]


def bubbles(replies: Sequence[Reply]) -> list[dict[str, Json]]:
    """Replies as the page draws them, one JSON object with a `kind` each; addresses that a page must not open
    (`javascript:` and the like) are left out."""
    drawn = (_bubble(reply) for reply in fit(list(replies), CHAT_LIMITS))
    return [bubble for bubble in drawn if bubble]


def _bubble(reply: Reply) -> dict[str, Json] | None:
    match reply:
        case Text(text):
            return {"kind": "text", "text": text}
        case Markdown():
            return {"kind": "markdown", "text": reply.text, "title": reply.title}
        case Link():
            return {"kind": "news", "articles": [_article(reply)]}
        case News(articles):
            return {"kind": "news", "articles": [_article(article) for article in articles]}
        case Card():
            return _card(reply)
        case Custom(payload):
            return {"kind": "custom", "payload": payload}
        case Transfer(text):
            return {"kind": "notice", "text": text or LEAVE_A_MESSAGE}
        case Typing():
            return None
        case media:
            return _media(media)


def _media(media: Image | Voice | Video | File) -> dict[str, Json]:
    url = safe_url(media.url)
    match media:
        case Image(alt=alt):
            return {"kind": "image", "url": url, "alt": alt}
        case Voice():
            return {"kind": "voice", "url": url}
        case Video(title=title):
            return {"kind": "video", "url": url, "title": title}
        case File(name=name):
            return {"kind": "file", "url": url, "name": name or "文件"}


def _card(card: Card) -> dict[str, Json]:
    buttons = [
        {"title": button.title, "payload": button.payload or button.title, "url": safe_url(button.url)}
        for button in card.buttons
    ]
    return {
        "kind": "card", "title": card.title, "text": card.text, "url": safe_url(card.url),
        "image": safe_url(card.image), "buttons": buttons,
    }  # fmt: skip


def _article(link: Link) -> dict[str, Json]:
    return {
        "url": safe_url(link.url), "title": link.title or link.url, "description": link.description,
        "image": safe_url(link.image),
    }  # fmt: skip


def safe_url(url: str) -> str:
    """`url` where a page may open it (http, https, or a path on this site), else empty."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme.lower() in ("http", "https"):
        return url if parts.netloc else ""
    return url if not parts.scheme and url.startswith("/") and not url.startswith(("//", "/\\")) else ""
