"""`Broadcast`: what is sent unasked, to whom and when. Plain data, kept in the store's notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

from adapters.message import Address, Json, converter, plain

State = Literal["scheduled", "running", "paused", "cancelled", "done"]
Wish = Literal["run", "pause", "cancel"]
PART = 200
"""People that one note holds."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is said: a `response` of the bot's domain by its name, or `variations` as they stand in a domain (text,
    buttons, image, custom; each a message). `{names}` are filled from the person's slots, then `values`, then the
    person's own values."""

    response: str = ""
    variations: tuple[Json, ...] = ()
    values: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Person:
    """One conversation that is spoken to, and the values of its own."""

    conversation: str
    values: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broadcast:
    """`at`: epoch seconds of the first message; `per_minute` follow (0: as fast as it goes). `total` people are in the
    notes `broadcast-part/<parts>/…`. `even_opted_out`: for notices that a service owes everybody."""

    id: str
    content: Content
    at: float
    per_minute: float
    total: int
    parts: str
    created: float
    even_opted_out: bool = False
    schema: int = 1

    def to_dict(self) -> dict[str, Json]:
        return plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Json]) -> Broadcast:
        return converter.structure(data, cls)

    def turn_of(self, conversation: str) -> str:
        """The id of the turn by which `conversation` gets it: one, however often it is let in."""
        return f"{conversation}/{quote(f'push-{self.id}', safe='')}"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is, written by the runner alone: `next` is the place of the first person who is still to come,
    `basis` the place that is due at `basis_at`, `skipped` how many were left out on the way, by reason. `settled` are
    the parts all of whose turns have ended, with `sent` and `dead` of them."""

    state: State = "scheduled"
    next: int = 0
    basis: int = 0
    basis_at: float = 0.0
    skipped: Mapping[str, int] = field(default_factory=dict)
    settled: int = 0
    sent: int = 0
    dead: int = 0
    ended: float = 0.0

    def to_dict(self) -> dict[str, Json]:
        return plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Json]) -> Progress:
        return converter.structure(data, cls)


@dataclass(frozen=True, slots=True)
class Standing:
    """A broadcast as people see it. accepted = sent + dead + waiting; total = accepted + skipped + left."""

    broadcast: Broadcast
    state: State
    accepted: int
    sent: int
    dead: int
    waiting: int
    left: int
    skipped: Mapping[str, int]
    ended: float = 0.0


def account_of(conversation: str) -> tuple[str, str]:
    """The channel and account of a conversation's key."""
    address = Address.of(conversation)
    return address.channel, address.account
