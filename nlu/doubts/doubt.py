"""One thing that seems wrong in the training data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from nlu.data import Example

Kind = Literal["conflict", "mislabelled", "near", "confusing", "unmarked", "coverage", "remark"]

TITLES: Mapping[Kind, str] = {
    "conflict": "Contradictions: training has to guess",
    "mislabelled": "Probably in the wrong intent",
    "near": "Nearly the same sentence twice",
    "confusing": "Intents that are too alike",
    "unmarked": "Known values without a mark",
    "coverage": "Too little, or too much of the same",
    "remark": "Small things",
}
"""In the order in which they are worth mending."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """`weight` ranks doubts of one kind, the worst has most. `beside` are sentences that show it, with their places;
    `intents` whom it concerns, the present one first."""

    kind: Kind
    weight: float
    file: str
    line: int
    what: str
    mend: str
    intents: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()

    def __str__(self) -> str:
        first = f"{self.file}:{self.line}: {self.what} — {self.mend}"
        return "\n".join([first, *(f"    {sentence}" for sentence in self.beside)])

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "weight": round(self.weight, 4)}


def cite(example: Example) -> str:
    return f"{example.text} ({Path(example.file).name}:{example.line})"


def few_words(example: Example, most: int = 40) -> str:
    return example.text if len(example.text) <= most else f"{example.text[: most - 1]}…"
