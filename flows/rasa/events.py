"""Rasa's events, as the JSON in which trackers, action servers and the HTTP API exchange them.

https://rasa.com/docs/rasa/action-server/events — every event is a mapping with `event` and `timestamp` (epoch seconds).
They are kept as they travel: what an action server or a client adds to one comes back to it unchanged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from adapters.message import Json

Event = Mapping[str, Any]

LISTEN = "action_listen"
SESSION_START = "action_session_start"
SNIPPET = "..."
"""The unnamed action that stands before a rule which does not begin a conversation."""

PARTS = ("elements", "quick_replies", "buttons", "attachment", "image", "custom")
"""What a message of the bot may have besides text."""

_REQUIRED: Mapping[str, tuple[tuple[str, type | tuple[type, ...]], ...]] = {
    "user": (),
    "bot": (),
    "slot": (("name", str),),
    "action": (("name", (str, type(None))),),
    "active_loop": (("name", (str, type(None))),),
    "form": (("name", (str, type(None))),),
    "loop_interrupted": (("is_interrupted", bool),),
    "form_validation": (),
    "action_execution_rejected": (("name", str),),
    "followup": (("name", str),),
    "reminder": (("intent", str),),
    "cancel_reminder": (),
    "entities": (("entities", list),),
    "user_featurization": (),
    "agent": (),
    **dict.fromkeys(
        (
            "restart",
            "session_started",
            "session_ended",
            "rewind",
            "undo",
            "reset_slots",
            "pause",
            "resume",
            "export",
        ),
        (),
    ),
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_entities(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and all(isinstance(each, Mapping) for each in value))


def _is_parse(value: Any) -> bool:
    if not isinstance(value, Mapping):
        return False
    intent, entities = value.get("intent"), value.get("entities")
    return (intent is None or isinstance(intent, Mapping)) and (entities is None or _are_entities(entities))


_SHAPES: Mapping[str, Callable[[Any], bool]] = {
    "timestamp": _is_number,
    "metadata": lambda value: isinstance(value, Mapping),
    "parse_data": _is_parse,
    "entities": _are_entities,
}


class BadEvent(ValueError):
    """Not an event of Rasa's; the text says what is missing."""


def check_event(data: Any) -> dict[str, Any]:
    """An event that came from outside, its keys in Rasa's order. Raises `BadEvent`."""
    if not isinstance(data, Mapping):
        raise BadEvent("an event is a JSON object with 'event' in it")
    kind = str(data.get("event"))
    if kind not in _REQUIRED:
        raise BadEvent(f"unknown event {kind!r}; known: {', '.join(sorted(_REQUIRED))}")
    for name, wanted in _REQUIRED[kind]:
        if name not in data or not isinstance(data[name], wanted):
            raise BadEvent(f"the event '{kind}' needs '{name}'")
    wrong = next((name for name, fits in _SHAPES.items() if data.get(name) is not None and not fits(data[name])), "")
    if wrong:
        raise BadEvent(f"the '{wrong}' of the event '{kind}' is of another kind than Rasa's")
    if kind == "reminder" and due_of(data) is None:
        raise BadEvent("a reminder needs a date_time such as 2026-11-25T10:00:00+08:00")
    order = [key for key in ("event", "timestamp", "metadata") if key in data]
    return {key: data[key] for key in (*order, *(key for key in data if key not in order))}


def due_of(event: Event) -> float | None:
    """When a `reminder` event is due, in epoch seconds; None where its `date_time` is no time. One without a zone is
    in this machine's, as in Rasa."""
    try:
        return datetime.fromisoformat(str(event.get("date_time") or "")).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def user(
    text: str | None,
    parse: Mapping[str, Any],
    at: float,
    *,
    channel: str = "",
    message_id: str = "",
    metadata: Any = None,
) -> dict[str, Any]:
    """What a customer said; `parse` is Rasa's parse data: `intent`, `entities`, `intent_ranking`…"""
    message = {"text": text, "message_id": message_id or None, "metadata": metadata or {}}
    found = {"intent": parse.get("intent") or {}, "entities": parse.get("entities") or []}
    return {
        "event": "user",
        "timestamp": at,
        "metadata": metadata or {},
        "text": text,
        "parse_data": {**found, **message, **parse},
        "input_channel": channel or None,
        "message_id": message_id or None,
    }


def external(
    intent: str, entities: Sequence[Mapping[str, Any]], at: float, channel: str | None = None
) -> dict[str, Any]:
    """An intent that something else than a message brought about."""
    parse = {"intent": {"name": intent}, "entities": [*entities]}
    return user(f"EXTERNAL: {intent}", parse, at, channel=channel or "", metadata={"is_external": True})


def bot(said: Mapping[str, Any], at: float, utter: str = "") -> dict[str, Any]:
    """What the bot said: `said` has `text` and any of `PARTS`; what else it has is told about it (`metadata`). A
    picture is the attachment too, where there is no other, as in Rasa."""
    data = {key: said.get(key) for key in PARTS}
    data["attachment"] = data["attachment"] or data["image"]
    more = {key: value for key, value in said.items() if key not in (*PARTS, "text")}
    metadata = {**({"utter_action": utter} if utter else {}), **more}
    return {"event": "bot", "timestamp": at, "metadata": metadata, "text": said.get("text"), "data": data}


def action(
    name: str | None, at: float, policy: str = "", confidence: float | None = None, text: str = ""
) -> dict[str, Any]:
    return {
        "event": "action",
        "timestamp": at,
        "name": name,
        "policy": policy or None,
        "confidence": confidence,
        "action_text": text or None,
        "hide_rule_turn": False,
    }


def slot(name: str, value: Json, at: float) -> dict[str, Any]:
    return {"event": "slot", "timestamp": at, "name": name, "value": value}


def active_loop(name: str | None, at: float) -> dict[str, Any]:
    return {"event": "active_loop", "timestamp": at, "name": name}


def interrupted(at: float, yes: bool = True) -> dict[str, Any]:
    return {"event": "loop_interrupted", "timestamp": at, "is_interrupted": yes}


def rejected(name: str, at: float, policy: str = "", confidence: float | None = None) -> dict[str, Any]:
    return {
        "event": "action_execution_rejected",
        "timestamp": at,
        "name": name,
        "policy": policy or None,
        "confidence": confidence,
    }


def plain(kind: str, at: float) -> dict[str, Any]:
    """An event without anything more: `restart session_started rewind undo reset_slots pause resume export`."""
    return {"event": kind, "timestamp": at}


def is_action(event: Event, name: str = "") -> bool:
    return event["event"] == "action" and (not name or event.get("name") == name)


def is_slot(event: Event, name: str = "") -> bool:
    return event["event"] == "slot" and (not name or event.get("name") == name)


def slots_in(events: Sequence[Event]) -> dict[str, Json]:
    """The last value of each slot that `events` set."""
    return {event["name"]: event.get("value") for event in events if is_slot(event)}


def featurized(by_text: bool, at: float) -> dict[str, Any]:
    """Whether what was said is taken by its words or its intent."""
    return {
        "event": "user_featurization",
        "timestamp": at,
        "use_text_for_featurization": by_text,
    }
