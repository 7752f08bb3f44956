"""What a dialogue keeps from turn to turn besides its stack and slots: `Dialogue.memory`, what was said, what may be
answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adapters.message import Json, plain, reply_from_dict
from flows.responses import options_in
from flows.stage import Stage
from flows.state import PUSHED, Dialogue, Frame, Heard, Served
from flows.wishes import PENDING, to_memory
from nlu.meaning import Meaning

ANSWERED_S = 48 * 3600.0
"""For how long a message that we sent unasked may be answered by the number of a button."""
ASKED = "asked"
EARLIER = "earlier"
SPOKEN = "spoken"
LAST = "last"
OFFERED = "offered"
SERVED = "served"
"""Names in `Dialogue.memory`: the slot that the last turn asked for, the values that `mentions` held before, the names
of the mentions that belong to this session, the flow that ended last, the value that the waiting question offers, and
what the flows were told that have ended in this session."""


_EACH_TURN = frozenset((ASKED, EARLIER, SPOKEN, OFFERED, SERVED, PENDING))


def remembered(stage: Stage, heard: Heard, waits: Sequence[Meaning]) -> Dialogue:
    """The dialogue after a turn; `waits` are the wishes that wait."""
    before = stage.before
    entities = {each.type: each.value for one in (heard.meaning, *heard.meaning.also) for each in one.entities}
    mentions = {**stage.mentions, **entities}
    memory = {name: value for name, value in before.memory.items() if name not in _EACH_TURN}
    passed = {name: value for name, value in before.mentions.items() if mentions.get(name, value) != value}
    earlier = {**(before.memory.get(EARLIER) or {}), **passed}
    spoken = {*(before.memory.get(SPOKEN) or ()), *stage.spoken, *entities}.intersection(mentions)
    if earlier and mentions:
        memory[EARLIER] = {name: value for name, value in earlier.items() if name in mentions}
    if spoken:
        memory[SPOKEN] = sorted(spoken)
    if stage.last:
        memory[LAST] = stage.last
    if stage.stack and stage.asked:
        memory[ASKED] = stage.asked
        if stage.offered is not None:
            memory[OFFERED] = stage.offered
    if stage.served:
        memory[SERVED] = {flow: plain(served) for flow, served in stage.served.items()}
    if waits:
        memory[PENDING] = to_memory(waits)
    return Dialogue(
        stack=tuple(stage.stack),
        slots={name: value for name, value in stage.slots.items() if value is not None},
        mentions=mentions,
        said=before.said if stage.repeated else tuple(stage.replies) or before.said,
        options=options_in(stage.replies) if stage.replies else before.options,
        misses=stage.misses,
        last_at=max(heard.at, before.last_at),
        memory=memory,
    )


def after_push(dialogue: Dialogue, at: float) -> Dialogue:
    """What was said unasked is what the customer now answers: its buttons can be chosen, it can be said again. Not
    where a question waits, which then is answered, nor where it was long ago."""
    pushed = dialogue.memory.get(PUSHED)
    if pushed is None:
        return dialogue
    memory = {name: value for name, value in dialogue.memory.items() if name != PUSHED}
    if dialogue.stack or at - pushed["at"] > ANSWERED_S:
        return replace(dialogue, memory=memory)
    said = tuple(map(reply_from_dict, pushed["said"]))
    return replace(dialogue, memory=memory, said=said, options=options_in(said))


def served_in(dialogue: Dialogue) -> dict[str, Served]:
    kept = dialogue.memory.get(SERVED) or {}
    return {flow: Served(each["told"], each["done"]) for flow, each in kept.items()}


def answered(frame: Frame) -> dict[str, Json]:
    """The answers in a frame's journal, in order; the last one given is last."""
    found: dict[str, Json] = {}
    for entry in frame.journal:
        if entry.kind == "ask":
            found.pop(str(entry.args), None)
            found.update(entry.writes)
        elif entry.kind == "set":
            for name, value in entry.writes.items():
                if value is None:
                    found.pop(name, None)
    return found
