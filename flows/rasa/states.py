"""What policies see of a tracker: one state before each action that was taken, and one now.

A state is `{"user": {"intent", "entities"} or {"text"}, "prev_action": {"action_name"}, "slots": {name: numbers},
"active_loop": {"name"}}`, without what is empty.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.rasa.domain import RasaDomain
from flows.rasa.events import LISTEN, Event, is_action
from flows.rasa.tracker import Tracker

State = Mapping[str, Mapping[str, Any]]
UNSET = "should_not_be_set"
"""In rules: `slot_was_set: [x: null]` and `active_loop: null`."""


@dataclass(frozen=True, slots=True)
class RuleOnly:
    """Slots and loops that rules alone speak of: hidden from the policies that learn from stories."""

    slots: frozenset[str] = frozenset()
    loops: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Row:
    """The state before an action (None: the present one). `open`: whether that action may be hidden from learning
    policies, or uncover what comes after it."""

    state: dict[str, Any]
    event: Event | None
    open: bool


@dataclass
class _Walked:
    """The rows of a tracker's first `count` events, and what is derived from them."""

    domain: RasaDomain
    count: int
    running: Tracker
    rows: tuple[_Row, ...]
    derived: dict[Any, Sequence[dict[str, Any]]] = field(default_factory=dict)


_PLAIN = frozenset(("user", "bot", "slot", "action", "entities", "user_featurization", "followup"))


def _walked(tracker: Tracker, domain: RasaDomain) -> _Walked:
    """What was seen, and what is new. States are looked at many times in a turn, by each policy before each action."""
    known: _Walked | None = tracker.walked
    if known is None or known.domain is not domain or known.count > len(tracker.events):
        known = None
    elif known.count == len(tracker.events):
        return known
    fresh = tracker.events[known.count :] if known else []
    if known is not None and all(_is_plain(event, tracker) for event in fresh):
        running, rows = known.running.copy(), list(known.rows[:-1])
    else:
        running, rows, fresh = Tracker(tracker.sender, tracker.initial), [], tracker.applied()
    for event in fresh:
        if is_action(event):
            rows.append(_row(running, domain, event))
        running.update(event)
    rows.append(_row(running, domain, None))
    now = _Walked(domain, len(tracker.events), running, tuple(rows))
    tracker.walked = now
    return now


def _is_plain(event: Event, tracker: Tracker) -> bool:
    """Whether it changes nothing of what came before: a loop's next run makes one of it and the last."""
    return event["event"] in _PLAIN and not (event["event"] == "action" and event.get("name") in tracker.loops)


def _row(running: Tracker, domain: RasaDomain, event: Event | None) -> _Row:
    return _Row(
        active_state(running, domain), event, not running.followup and running.latest_action_name != running.loop
    )


def prediction_states(tracker: Tracker, domain: RasaDomain, *, by_text: bool = False) -> Sequence[dict[str, Any]]:
    """All states of the conversation, the present one last. `by_text`: what was last said by its words, else its
    intent."""
    walked = _walked(tracker, domain)
    if by_text not in walked.derived:
        walked.derived[by_text] = _as_said([row.state for row in walked.rows], by_text=by_text)
    return walked.derived[by_text]


def learned_states(
    tracker: Tracker, domain: RasaDomain, only: RuleOnly, *, by_text: bool = False
) -> Sequence[dict[str, Any]]:
    """As `prediction_states`, without the turns that rules alone have dealt with."""
    walked = _walked(tracker, domain)
    if (only, by_text) not in walked.derived:
        walked.derived[only, by_text] = _as_said(_learned(walked.rows, only), by_text=by_text)
    return walked.derived[only, by_text]


def _learned(rows: Sequence[_Row], only: RuleOnly) -> list[dict[str, Any]]:
    states: list[dict[str, Any]] = []
    acted: Any = None
    hidden = False
    for row in rows:
        if not hidden:
            acted = row.state.get("prev_action")
        if row.open:
            hidden = bool(row.event is not None and row.event.get("hide_rule_turn"))
        if hidden:
            continue
        shown = _without(row.state, only)
        if states and (shown.get("prev_action") or {}).get("action_name") != LISTEN and "user" in states[-1]:
            shown["user"] = states[-1]["user"]
        if acted:
            shown["prev_action"] = acted
        states.append({key: value for key, value in shown.items() if value})
    return states


def training_states(
    told: Sequence[Event], domain: RasaDomain, *, is_rule: bool
) -> Iterator[tuple[list[dict[str, Any]], str]]:
    """(the states so far, the action that then was taken) for every action of a story."""
    states: list[dict[str, Any]] = []
    tracker = Tracker("", domain.initial, [_as_rule(event) for event in told] if is_rule else list(told))
    for state, event in _before_each_action(tracker, domain, omit_unset=is_rule):
        states.append(_intent_alone(state))
        if event is not None:
            yield states[:], str(event.get("name") or event.get("action_text"))


def state_key(states: Sequence[State]) -> str:
    """The states as one text, equal for equal states."""
    return json.dumps(states, sort_keys=True, ensure_ascii=False)


def _as_rule(event: Event) -> Event:
    if event["event"] == "slot" and event.get("value") is None:
        return {**event, "value": UNSET}
    if event["event"] == "active_loop" and event.get("name") is None:
        return {**event, "name": UNSET}
    return event


def _before_each_action(
    tracker: Tracker, domain: RasaDomain, *, omit_unset: bool = False
) -> Iterator[tuple[dict[str, Any], Event | None]]:
    running = Tracker(tracker.sender, tracker.initial)
    for event in tracker.applied():
        if is_action(event):
            yield active_state(running, domain, omit_unset=omit_unset), event
        running.update(event)
    yield active_state(running, domain, omit_unset=omit_unset), None


def active_state(tracker: Tracker, domain: RasaDomain, *, omit_unset: bool = False) -> dict[str, Any]:
    """What is seen right now, with both text and intent of what was last said."""
    state = {
        "user": _user(tracker, domain),
        "prev_action": {key: value for key, value in tracker.latest_action.items() if value},
        "slots": _slots(tracker, domain, omit_unset=omit_unset),
        "active_loop": {"name": tracker.loop} if tracker.loop else {},
    }
    return {key: value for key, value in state.items() if value}


def _user(tracker: Tracker, domain: RasaDomain) -> dict[str, Any]:
    message = tracker.latest_message
    seen: dict[str, Any] = {}
    if message.get("text"):
        seen["text"] = message["text"]
    intent = tracker.intent
    if intent:
        seen["intent"] = intent
    used = domain.used.get(intent, frozenset())
    names = {name for entity in message.get("entities") or () for name in _names(entity) if name in used}
    if names:
        seen["entities"] = sorted(names)
    return seen


def _names(entity: Mapping[str, Any]) -> Iterator[str]:
    name = str(entity.get("entity"))
    yield name
    for part in (entity.get("role"), entity.get("group")):
        if part:
            yield f"{name}#{part}"


def _slots(tracker: Tracker, domain: RasaDomain, *, omit_unset: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in tracker.slots.items():
        slot = domain.slots.get(name)
        if value is None or slot is None or not slot.influences or (omit_unset and name not in tracker.were_set):
            continue
        if value == UNSET:
            found[name] = UNSET
            continue
        numbers = slot.features(value)
        if any(numbers):
            found[name] = list(numbers)
    return found


def _as_said(states: Sequence[dict[str, Any]], *, by_text: bool) -> list[dict[str, Any]]:
    """Intents instead of words, but for an end-to-end text that has no intent, and (`by_text`) for the last."""
    shown = [_intent_alone(state) for state in states]
    if by_text and states and (states[-1].get("user") or {}).get("text"):
        shown[-1] = {**states[-1], "user": {"text": states[-1]["user"]["text"]}}
    return shown


def _intent_alone(state: dict[str, Any]) -> dict[str, Any]:
    user = state.get("user")
    if not user or "text" not in user:
        return state
    kept = (
        {key: value for key, value in user.items() if key != "text"} if user.get("intent") else {"text": user["text"]}
    )
    return {**state, "user": kept}


def _without(state: Mapping[str, Any], only: RuleOnly) -> dict[str, Any]:
    shown = dict(state)
    if only.slots and "slots" in shown:
        shown["slots"] = {name: value for name, value in shown["slots"].items() if name not in only.slots}
    if (shown.get("active_loop") or {}).get("name") in only.loops:
        shown["active_loop"] = {}
    return shown


def loop_in(state: State) -> str:
    """The active loop in a state; empty where there is none, or where there must be none."""
    name = str((state.get("active_loop") or {}).get("name") or "")
    return "" if name == UNSET else name


def acted_in(state: State) -> str:
    """The action that led to a state."""
    acted = state.get("prev_action") or {}
    return str(acted.get("action_name") or acted.get("action_text") or "")
