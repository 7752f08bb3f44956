"""A conversation's state as Rasa knows it: what its events add up to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from adapters.message import Json
from flows.rasa import events
from flows.rasa.events import LISTEN, SESSION_START, Event, is_action

Verbosity = Literal["NONE", "APPLIED", "AFTER_RESTART", "ALL"]

NO_MESSAGE: Mapping[str, Any] = {
    "intent": {},
    "entities": [],
    "text": None,
    "message_id": None,
    "metadata": {},
}
MOST_EVENTS = 2000
"""A session's events are kept in the session up to this many; then the older half is dropped."""
_TURN = frozenset(("action", "user", "user_featurization", "entities"))


@dataclass
class Tracker:
    """Mutable while one turn is thought about; `initial` are the slots' initial values.

    `latest_message` is the parse data of what was last said. `active_loop` is `{}` or has `name`, `is_interrupted`,
    `rejected` and `trigger_message`.
    """

    sender: str
    initial: Mapping[str, Json] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    slots: dict[str, Json] = field(default_factory=dict)
    were_set: set[str] = field(default_factory=set)
    """Slots that an event has set, be it to nothing."""
    latest_message: Mapping[str, Any] = field(default_factory=lambda: NO_MESSAGE)
    latest_action: Mapping[str, Any] = field(default_factory=dict)
    active_loop: dict[str, Any] = field(default_factory=dict)
    followup: str | None = LISTEN
    paused: bool = False
    channel: str | None = None
    walked: Any = field(default=None, repr=False, compare=False)
    """What policies have seen of these events (`states.py`), so that the next one need not look again."""

    def __post_init__(self) -> None:
        events, self.events = self.events, []
        self._begin()
        self.update(*events)

    @property
    def latest_action_name(self) -> str | None:
        name: str | None = self.latest_action.get("action_name") or self.latest_action.get("action_text")
        return name

    @property
    def loop(self) -> str | None:
        """The active loop's name."""
        name: str | None = self.active_loop.get("name")
        return name

    @property
    def rejected(self) -> bool:
        """Whether the active loop has refused to go on with what was just said."""
        return bool(self.active_loop.get("rejected"))

    @property
    def interrupted(self) -> bool:
        return bool(self.active_loop.get("is_interrupted"))

    @property
    def intent(self) -> str:
        return str((self.latest_message.get("intent") or {}).get("name") or "")

    def update(self, *events: Event) -> None:
        for event in events:
            self.events.append(event)
            self._apply(event)

    def copy(self) -> Tracker:
        twin = Tracker(self.sender, self.initial)
        twin.events, twin.slots, twin.were_set = list(self.events), dict(self.slots), set(self.were_set)
        twin.latest_message, twin.latest_action = self.latest_message, self.latest_action
        twin.active_loop = dict(self.active_loop)
        twin.followup, twin.paused, twin.channel = self.followup, self.paused, self.channel
        twin.walked = self.walked
        return twin

    def after_restart(self) -> list[Event]:
        """The events since the last restart."""
        for i in range(len(self.events) - 1, -1, -1):
            if self.events[i]["event"] == "restart":
                return self.events[i + 1 :]
        return list(self.events)

    @property
    def loops(self) -> set[str]:
        """All loops that have ever been active."""
        return {str(event["name"]) for event in self.events if event["event"] == "active_loop" and event.get("name")}

    def applied(self) -> list[Event]:
        """The events that still count: since the last restart and session start, without what was undone, and with a
        loop's run of questions and answers as one."""
        loops = self.loops
        kept: list[Event] = []
        for event in self.events:
            match event["event"]:
                case "restart" | "session_started":
                    kept = []
                case "undo":
                    _undo(kept, "action")
                case "rewind":
                    _undo(kept, "user")
                    _undo(kept, "action")
                case "action" if event.get("name") in loops and _goes_on(str(event["name"]), kept):
                    _forget_round(str(event["name"]), kept)
                case _:
                    kept.append(event)
        return kept

    def entity_values(self, kind: str, role: str | None = None, group: str | None = None) -> Iterator[Json]:
        """The latest message's entities of a type; with a role or group, of that one alone."""
        for entity in self.latest_message.get("entities") or ():
            if (
                entity.get("entity") == kind
                and (not role or entity.get("role") == role)
                and (not group or entity.get("group") == group)
            ):
                yield entity.get("value")

    def state(self, verbosity: Verbosity = "AFTER_RESTART") -> dict[str, Any]:
        """The tracker as the HTTP API and action servers see it, its keys in Rasa's order."""
        shown: list[Event] | None
        match verbosity:
            case "NONE":
                shown = None
            case "APPLIED":
                shown = self.applied()
            case "AFTER_RESTART":
                shown = self.after_restart()
            case _:
                shown = list(self.events)
        return {
            "sender_id": self.sender,
            "slots": dict(self.slots),
            "latest_message": dict(self.latest_message),
            "latest_event_time": self.events[-1].get("timestamp") if self.events else None,
            "followup_action": self.followup,
            "paused": self.paused,
            "events": shown,
            "latest_input_channel": self.channel,
            "active_loop": dict(self.active_loop),
            "latest_action": dict(self.latest_action),
            "latest_action_name": self.latest_action_name,
        }

    # --- how an event changes it

    def _begin(self) -> None:
        self.slots = dict(self.initial)
        self.were_set = set()
        self.latest_message, self.latest_action, self.active_loop = NO_MESSAGE, {}, {}
        self.followup, self.paused = LISTEN, False

    def _replay(self, events: Iterable[Event]) -> None:
        self._begin()
        for event in events:
            self._apply(event)

    def _apply(self, event: Event) -> None:
        match event["event"]:
            case "slot":
                self.slots[event["name"]] = event.get("value")
                self.were_set.add(event["name"])
            case "user":
                self._heard(event)
            case "action":
                self._acted(event)
            case "entities":
                self._entities(event.get("entities") or [])
            case "followup":
                self.followup = event.get("name")
            case "reset_slots":
                self.slots = dict(self.initial)
            case "pause" | "resume" as word:
                self.paused = word == "pause"
            case "restart" | "session_started" as word:
                self._begin()  # what a new session takes over is said by the slot events after it
                self.followup = SESSION_START if word == "restart" else LISTEN
            case "undo" | "rewind":
                self._replay(self.applied())
            case _:
                self._loops(event)

    def _loops(self, event: Event) -> None:
        match event["event"]:
            case "active_loop" | "form":
                self._loop(event.get("name"))
            case "loop_interrupted" | "form_validation":
                # the older event says whether to validate
                self.active_loop["is_interrupted"] = event.get("is_interrupted", not event.get("validate", True))
            case "action_execution_rejected" if event.get("name") == self.loop:
                self.active_loop["rejected"] = True

    def _heard(self, event: Event) -> None:
        parse = event.get("parse_data") or {}
        self.latest_message = {
            **NO_MESSAGE,
            **parse,
            "text": event.get("text"),
            "message_id": event.get("message_id"),
            "metadata": event.get("metadata") or {},
        }
        self.channel = event.get("input_channel") or self.channel
        self.followup = None

    def _acted(self, event: Event) -> None:
        name, text = event.get("name"), event.get("action_text")
        self.latest_action = {"action_name": name} if name else {"action_text": text} if text else {}
        self.followup = None
        if self.active_loop:
            self.active_loop["is_interrupted"] = False
            if name == self.loop:
                self.active_loop["rejected"] = False

    def _loop(self, name: str | None) -> None:
        self.active_loop = (
            {
                "name": name,
                "is_interrupted": False,
                "rejected": False,
                "trigger_message": dict(self.latest_message),
            }
            if name
            else {}
        )

    def _entities(self, found: list[Any]) -> None:
        known = list(self.latest_message.get("entities") or ())
        self.latest_message = {
            **self.latest_message,
            "entities": known + [entity for entity in found if entity not in known],
        }


def _undo(kept: list[Event], kind: str) -> None:
    """Drop everything from the last event of this kind on; all of it where there is none."""
    while kept:
        if kept.pop()["event"] == kind:
            return


def _goes_on(loop: str, before: list[Event]) -> bool:
    """Whether this run of a loop follows a run of the same, with nothing but its answer between: not its first, and
    nothing else was done or asked in between."""
    following: str | None = None
    for event in reversed(before):
        kind = event["event"]
        if kind == "active_loop" and not event.get("name"):
            return False
        if kind == "action_execution_rejected" and event.get("name") == loop:
            return False
        # in stories nothing tells of the refusal: another action came after what was said
        if kind == "user" and following is not None and following != loop:
            return False
        if is_action(event):
            if event.get("name") == loop:
                return True
            following = event.get("name")
    return False


def _forget_round(loop: str, kept: list[Event]) -> None:
    """The question and answer since the loop's last run count no more; what they set does."""
    for i in range(len(kept) - 1, -1, -1):
        if is_action(kept[i], loop):
            return
        if kept[i]["event"] in _TURN:
            del kept[i]


def session_of(tracker: Tracker) -> list[Event]:
    """The events since the session began. Of a very long session the beginning is told by its slots alone."""
    told = list(tracker.events)
    for i in range(len(told) - 1, 0, -1):
        if told[i]["event"] in ("session_started", "restart"):
            told = told[i:]
            break
    if len(told) <= MOST_EVENTS:
        return told
    half = range(len(told) - MOST_EVENTS // 2, len(told))
    begun = next((i for i in half if told[i]["event"] == "user"), half[0])
    before = Tracker("", tracker.initial, told[:begun])
    loop = [events.active_loop(before.loop, 0.0)] if before.loop else []
    slots = [events.slot(name, before.slots[name], 0.0) for name in sorted(before.were_set)]
    return [events.plain("session_started", 0.0), *slots, *loop, events.action(LISTEN, 0.0), *told[begun:]]
