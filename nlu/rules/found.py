"""What the finders of values share: the value they give, and text in which found stretches are hidden."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol, TypeVar

from adapters.message import Json

HIDDEN = "\ufffc"
"""Stands for each character that a finder before has taken: it is no digit, no letter, no word of any grammar."""


@dataclass(frozen=True, slots=True)
class Found:
    """A value at `text[start:end]` of the normalised text.

    `value` None takes the stretch without saying anything: the 30th of February and the 10 of 10号楼 are no
    entities, and no other finder may make something else of their digits.
    """

    type: str
    start: int
    end: int
    value: Json


def invalid(type: str, why: str, start: int, end: int) -> Found:
    """What looks like a `type` and cannot be one; `why` as docs/entities.md lists."""
    return Found("invalid", start, end, {"type": type, "why": why})


HIDDEN_PHONE = "\ufffb"
"""The same of a phone number, beside which a name stands in the way parcels are addressed."""


def hide(text: str, found: Iterable[Found]) -> str:
    for one in found:
        mark = HIDDEN_PHONE if one.type == "phone" else HIDDEN
        text = text[: one.start] + mark * (one.end - one.start) + text[one.end :]
    return text


def plain_number(value: Decimal) -> int | float:
    """A JSON number: an int where nothing stands behind the point."""
    return int(value) if value == value.to_integral_value() else float(value)


class Placed(Protocol):
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


_Placed = TypeVar("_Placed", bound=Placed)


def longest(found: Iterable[_Placed]) -> list[_Placed]:
    """What does not overlap, by place: the longest wins, then the leftmost, then the first given."""
    kept: list[_Placed] = []
    for one in sorted(found, key=lambda one: (one.start - one.end, one.start)):
        if all(one.end <= other.start or other.end <= one.start for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.start)
