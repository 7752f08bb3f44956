"""What a flow yields: its steps, and `Flow` itself."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from adapters.message import Json
from flows.conditions import Condition, parse

Values: TypeAlias = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Rejection:
    """An answer for which `when` holds is refused with the response `utter`, and the question is asked again."""

    when: Condition
    utter: str


def reject(when: str, utter: str) -> Rejection:
    """A rejection for a flow in Python: `Ask("n", rejections=[reject("slots.n < 1", "utter_too_few")])`.
    Raises `ConditionError`."""
    return Rejection(parse(when), utter)


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for a slot and wait; gives the slot's value. Passed over where the slot is filled already, unless
    `ask_before_filling`. `utter` defaults to `utter_ask_<slot>`; `rejections` are `Rejection`s.
    The slot is reset when the flow ends unless `reset_after_flow_ends` is false."""

    slot: str
    utter: str = ""
    rejections: Sequence[Rejection] = ()
    ask_before_filling: bool = False
    reset_after_flow_ends: bool = True
    label: str = ""
    key: str = ""
    explain: str = ""
    """What it is asked for, in the customer's words: 「为什么要这个」."""
    silence_s: float = 0.0
    """After so many seconds without an answer `pattern_user_silence` runs; 0: as the domain says."""
    force_slot_filling: bool = False
    """Whatever is said is the answer, but for asking for a human and starting over."""


@dataclass(frozen=True, slots=True)
class Say:
    """Say a response of the domain; `values` join the slots for its `{names}`. With `text`, say just that."""

    response: str = ""
    values: Values = field(default_factory=dict)
    text: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """Run an action; gives its `Result.value`. The args decide whether an earlier result may be used again."""

    action: str
    args: Values = field(default_factory=dict)
    key: str = ""


@dataclass(frozen=True, slots=True)
class Set:
    """Write slots."""

    values: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    """End this flow and go on with another one, with `slots` filled there."""

    flow: str
    slots: Values = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SubFlow:
    """Run another flow inside this one, on the same slots, and come back."""

    flow: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Handoff:
    """Hand the customer to a human and drop all that was going on."""

    response: str = "utter_human_handoff"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Repeat:
    """Say again what was said in the last answered turn."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Start over: all slots and mentions back to their initial state."""


@dataclass(frozen=True, slots=True)
class Remind:
    """Say `response`, or start `flow`, `after` so many seconds, also where we are restarted meanwhile. It is dropped
    when the flow goes on (its next question is answered) or ends, unless it is to be kept (`keep`)."""

    after: float
    response: str = ""
    flow: str = ""
    keep: bool = False
    key: str = ""


@dataclass(frozen=True, slots=True)
class Options:
    """Offer the flows, or the questions, of `context.options` to choose from, as buttons under the response."""

    response: str = "utter_clarification_options"
    of_questions: str = "utter_clarification_questions"


Step = Ask | Say | Call | Set | Link | SubFlow | Handoff | Repeat | Forget | Options | Remind
Walk: TypeAlias = Generator[Step, Any, Any]
Program: TypeAlias = Callable[[Values, Values], Walk]
"""(slots, context) -> the steps. `slots` is a live view: it shows what earlier steps wrote."""


@dataclass(frozen=True, slots=True)
class Trigger:
    intent: str
    threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow. `asks` are the questions known beforehand, by slot and in order of the file (`collects_known`: there
    are no others); `calls` the flows it runs inside itself."""

    id: str
    program: Program
    name: str = ""
    description: str = ""
    triggers: tuple[Trigger, ...] = ()
    guard: Condition | None = None
    persisted: frozenset[str] = frozenset()
    run_completed: bool = True
    asks: Mapping[str, Ask] = field(default_factory=dict)
    calls: frozenset[str] = frozenset()
    collects_known: bool = True
    undo: str = ""
    """The flow that takes back what this one has carried out."""

    @property
    def is_pattern(self) -> bool:
        return self.id.startswith("pattern_")

    @property
    def title(self) -> str:
        return self.name or self.description or self.id
