"""Rasa's reminders: at their time an intent is triggered, as though the customer had meant it.

https://rasa.com/docs/rasa/reaction-to-external-events#reminders. What waits is kept in `Dialogue.memory` and outlives
the session; a restart of the conversation forgets it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from adapters.message import Event as Happened
from adapters.message import Json
from flows.rasa.events import Event, due_of
from flows.state import REMINDERS, TIMER, Dialogue, Timer

MOST = 100
"""So many wait in a conversation at most; one more takes the place of the first."""


def remembered(
    waiting: Mapping[str, Any], events: Iterable[Event], turn: str
) -> tuple[dict[str, dict[str, Any]], tuple[Timer, ...]]:
    """What waits after a turn's `events`, and the timers to set. The same turn comes to the same keys."""
    kept = {name: dict(each) for name, each in waiting.items()}
    timers: list[Timer] = []
    for place, event in enumerate(events):
        match event["event"]:
            case "reminder" if (due := due_of(event)) is not None:
                key = hashlib.sha256(f"{turn} {event.get('name')} {place} {due}".encode()).hexdigest()[:16]
                name = str(event.get("name") or key)
                kept.pop(name, None)
                kept[name] = {**event, "name": name, "key": key}
                timers.append(Timer(key, due))
            case "cancel_reminder":
                kept = {name: each for name, each in kept.items() if not _cancels(event, each)}
            case "user" if event.get("text") and not (event.get("metadata") or {}).get("is_external"):
                kept = {name: each for name, each in kept.items() if not each.get("kill_on_user_msg")}
            case "restart":
                kept = {}
    kept = dict(list(kept.items())[-MOST:])
    keys = {each["key"] for each in kept.values()}
    return kept, tuple(timer for timer in timers if timer.key in keys)


def _cancels(event: Event, reminder: Mapping[str, Any]) -> bool:
    """By name, intent and entities, as far as the event gives them; one that gives nothing cancels all."""
    if event.get("name") and event["name"] != reminder["name"]:
        return False
    if event.get("intent") and event["intent"] != reminder.get("intent"):
        return False
    return not event.get("entities") or entities_of(event) == entities_of(reminder)


def taken(waiting: Mapping[str, Any], key: str) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """The reminder whose timer `key` rings, if it still waits, and all the others."""
    rest = {name: each for name, each in waiting.items() if each["key"] != key}
    return next((each for each in waiting.values() if each["key"] == key), None), rest


def rings(dialogue: Dialogue, happened: Happened) -> bool:
    """Whether what happened is the timer of a reminder that waits."""
    return happened.name == TIMER and taken(dialogue.memory.get(REMINDERS) or {}, happened.key)[0] is not None


def entities_of(reminder: Mapping[str, Any]) -> list[dict[str, Json]]:
    """Its entities, which may be given as `{"entity": value}` too."""
    given = reminder.get("entities") or []
    if isinstance(given, Mapping):
        return [{"entity": name, "value": value} for name, value in given.items()]
    return [dict(each) for each in given if isinstance(each, Mapping)] if isinstance(given, list) else []
