"""Reminders of flows, and the question to somebody who has fallen silent: what a dialogue wants to be woken for.

What waits is kept in `Dialogue.memory` by the key of its timer, and dropped when the flow goes on or ends, unless it is
to be kept; the timer then rings for nothing. One timer at a time watches for silence: where the customer has said
something meanwhile, it is set anew from then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from adapters.message import Json
from flows.state import Dialogue, Entry, Frame, Heard, Timer
from flows.steps import Remind

TIMERS = "timers"
"""The name in `Dialogue.memory` of what waits for its time."""
SILENCE = "silence"
"""The key of the timer that watches for silence begins with this."""
MOST = 20
"""So many reminders wait in a conversation at most; one more takes the place of the first."""
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")

Waiting = dict[str, dict[str, Any]]


def seconds(text: str | float) -> float:
    """`30m`, `1.5h`, `2d`, or a number of seconds. Raises `ValueError`."""
    match = _DURATION.fullmatch(str(text).strip())
    if match:
        return float(match[1]) * _SECONDS[match[2]]
    try:
        return max(0.0, float(text))
    except ValueError:
        raise ValueError(f"{text!r} is no length of time: write 30s, 30m, 1.5h or 2d") from None


def waiting(dialogue: Dialogue) -> Waiting:
    return {key: dict(each) for key, each in (dialogue.memory.get(TIMERS) or {}).items()}


def outliving(waits: Mapping[str, Mapping[str, Any]]) -> Waiting:
    """What waits on when a session ends: what is to be kept."""
    return {key: dict(each) for key, each in waits.items() if each.get("keep")}


def still(waits: Waiting, stack: Iterable[Frame]) -> Waiting:
    """What waits on after a turn: a reminder whose flow has gone on or ended is dropped."""
    answers = {frame.flow: answered(frame.journal) for frame in stack}
    return {
        key: each
        for key, each in waits.items()
        if each.get("keep") or key.startswith(SILENCE) or answers.get(each["of"]) == each["answers"]
    }


def answered(journal: Iterable[Entry]) -> int:
    return sum(entry.kind == "ask" for entry in journal)


def wanted(reminders: Iterable[tuple[Remind, Frame]], turn: str, at: float) -> tuple[Waiting, list[Timer]]:
    """The entries and timers of what flows have asked for in a turn. The same turn comes to the same keys."""
    made: Waiting = {}
    timers: list[Timer] = []
    for n, (remind, frame) in enumerate(reminders):
        key = f"{turn.rpartition('/')[2]}.{n}"
        due = at + remind.after
        made[key] = {
            "due": due,
            "say": remind.response,
            "flow": remind.flow,
            "keep": remind.keep,
            "of": frame.flow,
            "answers": answered(frame.journal),
        }
        timers.append(Timer(key, due))
    return made, timers


def most(waits: Waiting) -> Waiting:
    return dict(list(waits.items())[-MOST:])


def watch(waits: Waiting, turn: str, at: float, silence_s: float) -> list[Timer]:
    """The timer that watches for silence after a question, added to what waits, unless one watches already."""
    if silence_s <= 0 or any(key.startswith(SILENCE) for key in waits):
        return []
    timer = Timer(f"{SILENCE}.{turn.rpartition('/')[2]}", at + silence_s)
    waits[timer.key] = {"due": timer.due, "after": silence_s}
    return [timer]


def again(dialogue: Dialogue, ring: Mapping[str, Any], heard: Heard) -> Timer | None:
    """The timer anew, where the customer has said something since it was set."""
    due = dialogue.last_at + ring["after"]
    return Timer(f"{SILENCE}.{heard.turn.rpartition('/')[2]}", due) if due > heard.at + 1 else None


def with_waiting(dialogue: Dialogue, waits: Mapping[str, Json]) -> Dialogue:
    if not waits and TIMERS not in dialogue.memory:
        return dialogue
    memory = {name: value for name, value in dialogue.memory.items() if name != TIMERS}
    return replace(dialogue, memory={**memory, TIMERS: dict(waits)} if waits else memory)


def without(waits: Waiting, key: str) -> dict[str, Json]:
    return {other: each for other, each in waits.items() if other != key}
