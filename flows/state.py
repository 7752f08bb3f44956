"""What the dialogue engine sees and says: the dialogue's state, flow steps, commands, and one turn's outcome.

All values are immutable and plain-data-able: the session that is persisted holds a `Dialogue`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from cattrs.strategies import configure_tagged_union

from adapters.message import Address, Button, Content, Json, Reply, converter, plain, reply_to_dict
from nlu.meaning import Meaning

SCHEMA = 1


# --- what is persisted -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """One journal line of a frame: a step that was taken, its arguments, what came of it and what it wrote.

    `key` is the step's id (`#n` at its n-th visit; steps of called flows are prefixed `child/`). `kind` is the
    step's kind, or `set` for a write from outside. `result` is a Call's result.
    """

    key: str
    kind: Literal["ask", "say", "call", "set"]
    args: Json = None
    result: Json = None
    writes: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Frame:
    """One running flow: the slots as they stood at its start, and its journal. The position is never stored:
    the flow is replayed against the journal. `waiting` is the key of the Ask that waits, for operators.
    `context` is what a pattern flow was started with (`context.` in conditions, names in its responses), and
    `signals` in it the mood of the message that started it."""

    flow: str
    start: Mapping[str, Json] = field(default_factory=dict)
    journal: tuple[Entry, ...] = ()
    waiting: str = ""
    context: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """Everything the engine remembers of a conversation. The last frame of `stack` is the active one.

    `mentions` keeps the last values of collected slots and entities by name, read only by reference words
    (那个订单). `said` are the replies of the last answered turn (再说一遍). `options` are the buttons last shown,
    so that a number or the words of a button are understood. `misses` counts turns not understood in a row.
    """

    stack: tuple[Frame, ...] = ()
    slots: Mapping[str, Json] = field(default_factory=dict)
    mentions: Mapping[str, Json] = field(default_factory=dict)
    said: tuple[Reply, ...] = ()
    options: tuple[Button, ...] = ()
    misses: int = 0
    last_at: float = 0.0
    memory: Mapping[str, Json] = field(default_factory=dict)
    """What policies keep between turns (rules, forms, pending clarification); plain data under a name each."""
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, Json]:
        return plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Json]) -> Dialogue:
        return converter.structure(data, cls)


@dataclass(frozen=True, slots=True)
class Served:
    """A flow that has ended in this session: what it was told, by slot, and whether it did what cannot be undone."""

    told: Mapping[str, Json] = field(default_factory=dict)
    done: bool = False


EVENTS = "events"
"""The name in `Dialogue.memory` of what has happened in this session, in a dialect that thinks in events."""
REMINDERS = "reminders"
"""The name in `Dialogue.memory` of reminders that such a dialect waits for: they outlive the session."""
PUSHED = "pushed"
"""The name in `Dialogue.memory` of what was said unasked since the customer last wrote."""


def told(dialogue: Dialogue, replies: Sequence[Reply], at: float) -> Dialogue:
    """`dialogue` after `replies` were said unasked at `at` (epoch seconds). What they mean to it is decided when the
    customer answers: by then a question may still wait, or the session have ended."""
    return replace(dialogue, memory={**dialogue.memory, PUSHED: {"at": at, "said": [*map(reply_to_dict, replies)]}})


# --- what reaches the dialogue and what comes of it ----------------------------------------------------------


def _unheard(line: str) -> None:
    pass


class Attached(Protocol):
    """The file in a message. `ref` names it where files are kept; `content_type` is what its bytes are."""

    @property
    def ref(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def data(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What reaches the dialogue in one turn. `turn` seeds the choice of response variations, so that a redo
    says the same; `at` is the turn's time in epoch seconds, the only clock that flows see. `sender` is who wrote, by
    the vendor's id and name: where all members of a group share one conversation, nothing else tells."""

    turn: str
    address: Address
    content: Content
    meaning: Meaning
    at: float
    sender: str = ""
    sender_name: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """What a client of Rasa's channels sent along: `metadata`, and the `input_channel` that it calls itself."""
    progress: Callable[[str], None] = field(default=_unheard, compare=False, repr=False)
    """Shows a line while an action works, on channels that can: best effort, it is no reply."""
    fetch: Callable[[], Awaitable[Attached]] | None = field(default=None, compare=False, repr=False)
    """Gives the file in the message; None where no service runs the dialogue."""


@dataclass(frozen=True, slots=True)
class StartFlow:
    flow: str


@dataclass(frozen=True, slots=True)
class SetSlot:
    name: str
    value: Json


@dataclass(frozen=True, slots=True)
class CorrectSlot:
    name: str
    value: Json


@dataclass(frozen=True, slots=True)
class CancelFlow:
    """Drop the active flow."""


@dataclass(frozen=True, slots=True)
class Clarify:
    """Which of these is meant? Flows, or keys of answers: those with what they are called in `titles`."""

    options: tuple[str, ...]
    titles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SkipQuestion:
    pass


@dataclass(frozen=True, slots=True)
class ExplainQuestion:
    """Say what the question is asked for."""


@dataclass(frozen=True, slots=True)
class RepeatBotMessages:
    pass


@dataclass(frozen=True, slots=True)
class ChitChat:
    response: str = ""


@dataclass(frozen=True, slots=True)
class KnowledgeAnswer:
    key: str


@dataclass(frozen=True, slots=True)
class HumanHandoff:
    reason: str = ""


@dataclass(frozen=True, slots=True)
class CannotHandle:
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SessionStart:
    pass


@dataclass(frozen=True, slots=True)
class Restart:
    pass


Command = (
    StartFlow | SetSlot | CorrectSlot | CancelFlow | Clarify | SkipQuestion | ExplainQuestion | RepeatBotMessages
    | ChitChat | KnowledgeAnswer | HumanHandoff | CannotHandle | SessionStart | Restart
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Why:
    """One line of a turn's trace: what was decided (`what`, a short English word or `flow/step`) and why."""

    what: str
    why: str
    data: Json = None


TIMER = "timer"
"""The name of the event by which a timer reaches the dialogue; the event's `key` is the timer's."""


@dataclass(frozen=True, slots=True)
class Timer:
    """Wakes the conversation at `due` (epoch seconds; what is past, at once) by an event `TIMER` with this `key`. It
    survives restarts, and rings also where nobody waits for it any more: the dialogue keeps in its `memory` what each
    key is for, and does nothing on one that it does not know. A redo of the turn must come to the same keys."""

    key: str
    due: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one turn led to. `flags` mark the turn for operators: handoff, fallback, error, completed, cancelled.
    `events` are what the turn adds to the conversation's history, in a dialect that thinks in events; `timers` are to
    wake the conversation later."""

    dialogue: Dialogue
    replies: tuple[Reply, ...] = ()
    commands: tuple[Command, ...] = ()
    trace: tuple[Why, ...] = ()
    flags: frozenset[str] = frozenset()
    events: tuple[Mapping[str, Json], ...] = ()
    timers: tuple[Timer, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """What an action gave back: `value` (plain data that the flow reads), slots it sets, replies it says."""

    value: Json = None
    slots: Mapping[str, Json] = field(default_factory=dict)
    replies: tuple[Reply, ...] = ()
    reminders: tuple[Mapping[str, Json], ...] = ()
    """The fields of `flows.steps.Remind`s."""


class ActionFailed(Exception):
    """An action did not give a result; the flow goes to `pattern_internal_error`. The text is for operators."""


class Actions(Protocol):
    """Runs actions, once each: a result that is remembered under `key` is given back without running again."""

    async def perform(
        self, name: str, args: Mapping[str, Json], key: str, heard: Heard, slots: Mapping[str, Json]
    ) -> Result:
        """Raises `ActionFailed` (unknown action, time-out, an exception in it, outcome unknown after a crash)."""
        ...  # fmt: skip


class Dialect(Protocol):
    """The engine as the roof sees it."""

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome: ...


def snake_case(cls: type) -> str:
    """`StartFlow` -> `start_flow`: a command's name in traces and exports."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


configure_tagged_union(Command, converter, tag_generator=snake_case, tag_name="kind")
