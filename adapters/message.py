"""The one message model that every channel speaks: what came in (`Message`) and what goes out (`Reply`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias
from urllib.parse import quote, unquote

from cattrs import Converter
from cattrs.strategies import configure_tagged_union

Json: TypeAlias = Any
"""A JSON-able value: None, bool, int, float, str, list or dict of them."""

ChatKind = Literal["private", "group"]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message came from and where the answer goes. In a private chat `chat` equals `user`; `user` is empty
    where everybody in a group shares one conversation."""

    channel: str
    account: str
    chat: str
    user: str

    @property
    def conversation(self) -> str:
        """The conversation's key: the four parts, percent-escaped, joined with `/`."""
        return "/".join(quote(part, safe="") for part in (self.channel, self.account, self.chat, self.user))

    @classmethod
    def of(cls, conversation: str) -> Address:
        """The address whose `conversation` this is. Raises ValueError where there are not four parts."""
        channel, account, chat, user = map(unquote, conversation.split("/"))
        return cls(channel, account, chat, user)


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """`url` is what a browser can show, `media` the vendor's media id; either may be empty. `alt`: what it shows, in
    words; of a picture that came in, what was recognized in it."""

    url: str = ""
    media: str = ""
    alt: str = ""


@dataclass(frozen=True, slots=True)
class Voice:
    """`recognition` is the vendor's own speech recognition, empty where it is off."""

    media: str = ""
    url: str = ""
    format: str = ""
    recognition: str = ""


@dataclass(frozen=True, slots=True)
class Video:
    media: str = ""
    url: str = ""
    thumb: str = ""
    title: str = ""
    description: str = ""
    short: bool = False


@dataclass(frozen=True, slots=True)
class File:
    media: str = ""
    url: str = ""
    name: str = ""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Location:
    latitude: float
    longitude: float
    label: str = ""
    scale: int = 0
    poi: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A web page with a title: a shared link coming in, a one-article news card going out."""

    url: str
    title: str = ""
    description: str = ""
    image: str = ""


@dataclass(frozen=True, slots=True)
class Button:
    """`payload` is what comes back when it is tapped (`/intent{"entity": "value"}` or plain words)."""

    title: str
    payload: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A card: with `buttons` going out, a shared mini-program page (`data`: app_id, page_path) coming in."""

    text: str = ""
    title: str = ""
    url: str = ""
    image: str = ""
    buttons: tuple[Button, ...] = ()
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened rather than was said.

    `name` is ours: subscribe unsubscribe scan click view enter welcome location template_result session_open
    session_close, else the vendor's own name in lower case. `welcome`: who came in may be greeted now; `enter`: they
    opened the chat, no more. `key` is the menu key, QR scene or the like.
    """

    name: str
    key: str = ""
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Custom:
    """A payload that we pass on untouched: Rasa's `custom`, or a vendor's message of a type we do not know."""

    payload: Json = None


@dataclass(frozen=True, slots=True)
class News:
    """Several articles as one message."""

    articles: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Markdown:
    text: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Hand the customer to a human; `text` is said where the channel itself cannot transfer."""

    text: str = ""
    servicer: str = ""


@dataclass(frozen=True, slots=True)
class Typing:
    on: bool = True


Content = Text | Image | Voice | Video | File | Location | Link | Card | Event | Custom
Reply = Text | Image | Voice | Video | File | Link | News | Card | Markdown | Custom | Transfer | Typing


@dataclass(frozen=True, slots=True)
class Message:
    """One inbound thing.

    `id` is the vendor's message id, or what stands for it (events: sender + CreateTime + event): the same id
    is the same message however often it is delivered. `at` is the vendor's time in epoch seconds. `mentioned`: the
    bot was addressed by name; `sender` is who wrote, also where `address.user` is empty; `quote` is the text of the
    message that this one answers. `raw` keeps the vendor's fields as they came, for operators and for what the model
    does not name.
    """

    id: str
    address: Address
    content: Content
    at: float
    chat_kind: ChatKind = "private"
    mentioned: bool = False
    sender: str = ""
    sender_name: str = ""
    quote: str = ""
    raw: Json = None

    @property
    def text(self) -> str:
        """What was said, as text for the language understanding; empty where nothing was said. The key of a menu is
        said by who clicks it."""
        match self.content:
            case Text(text) | Voice(recognition=text) | Image(alt=text) | Event(name="click", key=text):
                return text
            case _:
                return ""

    def to_dict(self) -> dict[str, Json]:
        return plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Json]) -> Message:
        return converter.structure(data, cls)


converter = Converter(unstruct_collection_overrides={tuple: list})
"""Values <-> plain JSON-able data. A member of `Content` or `Reply` carries its class name as `kind`."""


def _kind(cls: type) -> str:
    return cls.__name__.lower()


configure_tagged_union(Content, converter, tag_generator=_kind, tag_name="kind")
configure_tagged_union(Reply, converter, tag_generator=_kind, tag_name="kind")


def plain(value: Any, kind: Any = None) -> dict[str, Json]:
    """`value` as plain data; `kind` names the declared type where it is a union (`Content`, `Reply`)."""
    data: dict[str, Json] = converter.unstructure(value, unstructure_as=kind)
    return data


def reply_to_dict(reply: Reply) -> dict[str, Json]:
    return plain(reply, Reply)


def reply_from_dict(data: Mapping[str, Json]) -> Reply:
    reply: Reply = converter.structure(data, Reply)  # type: ignore[arg-type]
    return reply
