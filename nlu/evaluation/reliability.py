"""Whether a confidence comes true: the sentences in ten bins of confidence, and how many of each are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nlu.evaluation.judged import Judged

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Sentences whose confidence lies in [low, high): how many, their mean confidence, the share that is right."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def bins_of(judged: Sequence[Judged]) -> tuple[Bin, ...]:
    """Only bins that hold a sentence, the least sure first."""
    found: dict[int, list[Judged]] = {}
    for one in judged:
        found.setdefault(min(int(one.confidence * BINS), BINS - 1), []).append(one)
    return tuple(_bin(place, found[place]) for place in sorted(found))


def _bin(place: int, mine: Sequence[Judged]) -> Bin:
    sure = sum(one.confidence for one in mine) / len(mine)
    return Bin(place / BINS, (place + 1) / BINS, len(mine), sure, sum(one.right for one in mine) / len(mine))
