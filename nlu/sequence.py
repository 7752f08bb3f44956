"""Entities as labels of characters and back: B-city.from#1 begins a city of role `from` and group `1`, I- goes on in
it, O is none (Ramshaw & Marcus 1995, Text Chunking using Transformation-Based Learning).

Characters, not words: what a customer names need not end where a tokenizer cuts. The characters are those of the
normalised text; entities index the original.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from nlu.meaning import Entity
from nlu.normalize import Normalized

OUTSIDE = "O"
_RESERVED = str.maketrans({"%": "%25", ".": "%2E", "#": "%23"})


class Kind(NamedTuple):
    """What an entity is, apart from its place and value."""

    type: str
    role: str = ""
    group: str = ""

    @property
    def name(self) -> str:
        """`type.role#group`; role and group only where there are any. `Kind.of` reads it back."""
        kind, role, group = (part.translate(_RESERVED) for part in self)
        return kind + (f".{role}" if role else "") + (f"#{group}" if group else "")

    @classmethod
    def of(cls, name: str) -> Kind:
        rest, _, group = name.partition("#")
        kind, _, role = rest.partition(".")
        return cls(unquote(kind), unquote(role), unquote(group))


class Span(NamedTuple):
    """An entity's place in the normalised text."""

    start: int
    end: int
    kind: Kind


def labels(normalized: Normalized, entities: Iterable[Entity]) -> list[str]:
    """One label for each character of `normalized.text`. Of entities that overlap the longest is kept, then the first.

    An entity of which normalising leaves nothing has no label.
    """
    found = [OUTSIDE] * len(normalized.text)
    for entity in sorted(entities, key=lambda one: (one.start - one.end, one.start)):
        own = places(normalized, entity.start, entity.end)
        if own and all(found[at] == OUTSIDE for at in own):
            name = Kind(entity.type, entity.role, entity.group).name
            found[own.start : own.stop] = [f"B-{name}", *[f"I-{name}"] * (len(own) - 1)]
    return found


def places(normalized: Normalized, start: int, end: int) -> range:
    """The characters that came from `original[start:end]`, one after the other."""
    return range(bisect_right(normalized.ends, start), bisect_left(normalized.starts, end))


def spans(found: Sequence[str]) -> list[Span]:
    """The entities that labels tell, in order. What goes on in an entity that was never begun begins one."""
    told: list[Span] = []
    for at, label in enumerate(found):
        if label == OUTSIDE:
            continue
        kind = Kind.of(label[2:])
        if label[0] == "I" and told and told[-1].end == at and told[-1].kind == kind:
            told[-1] = Span(told[-1].start, at + 1, kind)
        else:
            told.append(Span(at, at + 1, kind))
    return told
