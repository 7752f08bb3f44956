"""Examples that probably stand in the wrong intent: all other examples say so.

Each example is judged by a model of the rest. Kernel ridge regression, one against the rest, gives that for all at
once: what the model without example i says of it is `y_i - alpha_i / (A^-1)_ii`, `A` the kernel matrix with its ridge,
`alpha = A^-1 y` (Rifkin and Lippert 2007, Notes on Regularized Least Squares). Ranking by how far another intent is
ahead of the given one is confident learning's normalised margin (Northcutt, Jiang, Chuang 2021); its thresholds per
class were measured too, and find less.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlu.doubts.doubt import Doubt, cite, few_words
from nlu.doubts.likeness import Floats, Read
from nlu.linear import folds

RIDGE = 3.0
LEAD = 1.0
"""How far another intent must be ahead, in times the usual lead of the right one: the scale of the scores depends on
how many examples there are, and on whether they have sentence vectors."""
MOST_AT_ONCE = 3000
"""More examples are judged in parts of at most so many, which bounds time and memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Crosswise:
    """`scores` (examples, intents): about 1 for the intent of an example and -1 for others, each row by a model that
    has not seen it; `labels` are places in `names`."""

    names: tuple[str, ...]
    labels: NDArray[np.intp]
    scores: Floats

    @property
    def guesses(self) -> NDArray[np.intp]:
        found: NDArray[np.intp] = self.scores.argmax(1)
        return found

    @property
    def margins(self) -> Floats:
        """How far the best other intent is ahead of the given one; below 0 where it is not."""
        rows = np.arange(len(self.labels))
        others = self.scores.copy()
        others[rows, self.labels] = -np.inf
        found: Floats = others.max(1) - self.scores[rows, self.labels]
        return found

    @property
    def leads(self) -> Floats:
        """The margins in times of the usual lead of a given intent over the best other."""
        margins = self.margins
        usual = np.median(-margins[margins < 0]) if (margins < 0).any() else 1.0
        found: Floats = margins / usual
        return found


def crosswise(read: Read) -> Crosswise:
    """Every example judged by the others."""
    names = tuple(sorted({example.intent for example in read.examples}))
    labels = np.array([names.index(example.intent) for example in read.examples], np.intp)
    scores = np.full((len(labels), len(names)), -1.0)
    count = -(-len(labels) // MOST_AT_ONCE)
    place = folds(labels, count) if count > 1 else np.zeros(len(labels), np.intp)
    for part in range(count):
        rows = np.flatnonzero(place == part)
        scores[rows] = _left_out(read.kernel(rows), labels[rows], len(names))
    return Crosswise(names, labels, scores)


def suspects(read: Read, judged: Crosswise) -> list[Doubt]:
    """The surest first, with the nearest examples of the intent where each seems to belong."""
    leads, guesses = judged.leads, judged.guesses
    order = np.argsort(-leads, kind="stable")
    chosen = [int(i) for i in order if leads[i] > LEAD]
    nearest = _nearest(read, chosen, guesses, judged.labels)
    return [
        _suspect(read, judged, i, int(guesses[i]), float(leads[i]), near)
        for i, near in zip(chosen, nearest, strict=True)
    ]


def _left_out(kernel: Floats, labels: NDArray[np.intp], classes: int) -> Floats:
    """Scores of each row by the rest; small intents weigh as much as large ones."""
    count = len(labels)
    present = np.bincount(labels, minlength=classes)
    weight = count / (np.count_nonzero(present) * present[labels])
    targets = np.full((count, classes), -1.0)
    targets[np.arange(count), labels] = 1.0
    # a constant column lets the classes have an offset
    inverse = np.linalg.inv(kernel + 1.0 + RIDGE * np.diag(1 / weight))
    scores: Floats = targets - (inverse @ targets) / np.diag(inverse)[:, None]
    return scores


def _suspect(read: Read, judged: Crosswise, i: int, guess: int, lead: float, near: Sequence[int]) -> Doubt:
    example = read.examples[i]
    return Doubt(
        "mislabelled",
        lead,
        example.file,
        example.line,
        f"'{few_words(example)}' is an example of {example.intent}, and looks like {judged.names[guess]}",
        f"move it to {judged.names[guess]}, or write more examples like it under {example.intent}",
        (example.intent, judged.names[guess]),
        tuple(f"{judged.names[guess]}: {cite(read.examples[j])}" for j in near),
    )


def _nearest(
    read: Read, chosen: Sequence[int], guesses: NDArray[np.intp], labels: NDArray[np.intp], most: int = 2
) -> list[list[int]]:
    """For each chosen row the rows of its guessed intent that are most like it."""
    found: dict[int, list[int]] = {}
    wanted = set(chosen)
    for start, block in read.likenesses():
        for i in wanted & set(range(start, start + len(block))):
            mates = np.flatnonzero((labels == guesses[i]) & (np.arange(len(labels)) != i))
            best = mates[np.argsort(-block[i - start, mates], kind="stable")][:most]
            found[i] = best.tolist()
    return [found[i] for i in chosen]
