"""`Turn` and `Session`: the two documents that everything durable is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Literal

from adapters.channel import Route
from adapters.message import Address, Json, Message, Reply, converter, plain
from flows.state import Command, Dialogue, Why
from nlu.meaning import Meaning

TurnKind = Literal["message", "event", "timer", "operator", "push"]
Status = Literal["new", "ready", "sending", "sent", "dead"]


@dataclass(frozen=True, slots=True)
class Receipt:
    """The vendor's id of something that it took, and the way by which it went out: what is needed to recall it."""

    id: str
    route: Route


@dataclass(frozen=True, slots=True)
class Turn:
    """Everything that makes us think or speak: inbox row, log row and outbox row at once.

    Times are epoch seconds: `at` the vendor's, `accepted` the store's. `due` is when it may next be worked on
    (a timer's time, or a retry's after backing off). `route` is the way out that is chosen or claimed, `until`
    when that claim ends. `replies` are set when it is ready and are final; `shown` counts the parts that have gone
    out already (parts: what the replies come to once fitted to the channel). `error` says why it is dead, for
    operators.
    """

    id: str
    conversation: str
    kind: TurnKind
    address: Address
    at: float
    message: Message | None = None
    accepted: float = 0.0
    due: float = 0.0
    status: Status = "new"
    route: Route | None = None
    until: float = 0.0
    attempts: int = 0
    error: str = ""
    meaning: Meaning | None = None
    replies: tuple[Reply, ...] = ()
    shown: int = 0
    commands: tuple[Command, ...] = ()
    trace: tuple[Why, ...] = ()
    flags: tuple[str, ...] = ()
    flow: str = ""
    """`flow/step` that the dialogue stands at after this turn, for operators."""
    events: tuple[Mapping[str, Json], ...] = ()
    """What the turn adds to the conversation's history, in a dialect that thinks in events (Rasa's)."""
    ready_at: float = 0.0
    sent_at: float = 0.0
    receipts: tuple[Receipt, ...] = ()
    schema: int = 1

    def to_dict(self) -> dict[str, Json]:
        return plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Json]) -> Turn:
        return converter.structure(data, cls)


@dataclass(frozen=True, slots=True)
class Thought:
    """What thinking made of a turn, under the names that its fields have in `Turn`. Final once committed."""

    meaning: Meaning | None = None
    replies: tuple[Reply, ...] = ()
    commands: tuple[Command, ...] = ()
    trace: tuple[Why, ...] = ()
    flags: tuple[str, ...] = ()
    flow: str = ""
    events: tuple[Mapping[str, Json], ...] = ()

    @classmethod
    def of(cls, turn: Turn) -> Thought:
        return cls(*(getattr(turn, name) for name in THOUGHT))

    def on(self, turn: Turn) -> Turn:
        """`turn` with this thought."""
        return replace(turn, **{name: getattr(self, name) for name in THOUGHT})


THOUGHT = tuple(each.name for each in fields(Thought))


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation's state. `rev` moves by one at each commit and at each change of `owner`.

    `worker`/`leased_until` is the lease (the store's clock). `done` remembers what was thought of committed turns
    until they are marked ready: a redo copies it and does not think twice. `calls[turn][key]` is
    {"state": "started"} or {"state": "done", "result": ...}: what actions of an unfinished turn did.
    `owner` is empty while the bot speaks, else the operator who does.
    """

    conversation: str
    dialogue: Dialogue = field(default_factory=Dialogue)
    rev: int = 0
    worker: str = ""
    leased_until: float = 0.0
    done: Mapping[str, Thought] = field(default_factory=dict)
    calls: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)
    owner: str = ""
    updated: float = 0.0
    schema: int = 1

    def to_dict(self) -> dict[str, Json]:
        return plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Json]) -> Session:
        return converter.structure(data, cls)
