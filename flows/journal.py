"""What is done to a frame's journal from outside of its flow: writes, and corrections of answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from adapters.message import Json
from flows.state import Entry, Frame

KEPT = "kept:"


def written(frame: Frame, slot: str) -> int | None:
    """The index of the journal's last entry that answered a question for `slot`."""
    found = [
        i for i, e in enumerate(frame.journal) if e.kind == "ask" and e.args == slot and not e.key.startswith(KEPT)
    ]
    return found[-1] if found else None


def told(frame: Frame) -> dict[str, Json]:
    """What the frame's questions were answered, by slot."""
    found: dict[str, Json] = {}
    for entry in frame.journal:
        if entry.kind == "ask" and not entry.key.startswith(KEPT):
            found |= {name: value for name, value in entry.writes.items() if value is not None}
    return found


def touched(frame: Frame, slot: str) -> bool:
    """Whether anything was said of the slot in this frame already: given, refused, or taken back."""
    return any(slot in entry.writes for entry in frame.journal)


def outside(frame: Frame, values: Mapping[str, Json]) -> Frame:
    """`frame` with slots written from outside."""
    entries = tuple(Entry(f"set:{name}", "set", writes={name: value}) for name, value in values.items())
    return replace(frame, journal=(*frame.journal, *entries)) if entries else frame


def correct(frame: Frame, slot: str, value: Json, asked_anew: frozenset[str]) -> Frame:
    """`frame` with its answer for `slot` rewritten and cut after it; None takes the answer back.

    Later answers become writes from outside, so that their questions are passed over, but for those in `asked_anew`
    (asked before filling). Later calls and sayings are kept for the case that nothing changed for them.
    """
    at = written(frame, slot)
    if at is None:
        return outside(frame, {slot: value})
    before, entry, after = frame.journal[:at], frame.journal[at], frame.journal[at + 1 :]
    carried = tuple(
        Entry(f"set:{e.args}", "set", writes=e.writes)
        for e in after
        if e.kind == "ask" and e.args != slot and e.args not in asked_anew
    )
    sets = tuple(e for e in after if e.kind == "set" and slot not in e.writes)
    kept = tuple(
        e if e.key.startswith(KEPT) else replace(e, key=KEPT + e.key) for e in after if e.kind in ("say", "call")
    )
    if value is None:
        rewritten: tuple[Entry, ...] = (Entry(f"set:{slot}", "set", writes={slot: None}),)
    else:
        rewritten = (replace(entry, writes={slot: value}),)
    return replace(frame, journal=(*before, *carried, *sets, *rewritten, *kept), waiting="")
