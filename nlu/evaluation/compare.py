"""Two pipelines on the same sentences: which is better, whether that is more than chance, and what changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nlu.evaluation.judged import Judged, marked_types
from nlu.evaluation.scores import entity_counts
from nlu.evaluation.statistics import Difference, McNemar, f1_difference, macro_f1_difference, mcnemar

CHANCE = 0.05
"""Below this chance of a mere accident a difference is believed."""
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Change:
    """A sentence that one of two pipelines understands and the other does not."""

    text: str
    file: str
    line: int
    expected: str
    first: str
    second: str


@dataclass(frozen=True, slots=True)
class Shares:
    """The share of sentences that are right by either pipeline, how many got `better` and `worse` from the first to the
    second, and the chance of such a split between equals."""

    first: float
    second: float
    better: int
    worse: int
    chance: McNemar


@dataclass(frozen=True, slots=True)
class Comparison:
    """`second` beside `first`. `intents`: the best intent is right; `sentences`: and every entity. The differences of
    F1 have 95 % intervals; `entity_f1` is of all types together, exact."""

    first: str
    second: str
    examples: int
    intents: Shares
    sentences: Shares
    macro_f1: Difference
    entity_f1: Difference
    better: tuple[Change, ...]
    worse: tuple[Change, ...]

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `level`: of the second beside the first, by its intents."""
        if self.intents.chance.mid >= CHANCE:
            return "level"
        return "better" if self.intents.second > self.intents.first else "worse"

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.second} beside {self.first}, {self.examples} sentences: {self.verdict}",
                _shares("accuracy", self.intents),
                _shares("sentences", self.sentences),
                _difference("macro F1", self.macro_f1),
                _difference("entity F1", self.entity_f1),
                *(f"  + {_change(one)}" for one in self.better[:SHOWN]),
                *(f"  - {_change(one)}" for one in self.worse[:SHOWN]),
            ]
        )


def compare(names: tuple[str, str], first: Sequence[Judged], second: Sequence[Judged]) -> Comparison:
    """Both judged the same sentences, in the same order. Raises ValueError where they did not."""
    if [one.example for one in first] != [one.example for one in second]:
        raise ValueError("both pipelines must judge the same sentences in the same order")
    # a type that neither was asked to find is not counted against either
    types = marked_types(first)
    classes = sorted({one.example.label for one in first} | {one.guess for one in (*first, *second)})
    labels = np.array([classes.index(one.example.label) for one in first], np.intp)
    before, after = (np.array([classes.index(one.guess) for one in ones], np.intp) for ones in (first, second))
    changed = [(a, b) for a, b in zip(first, second, strict=True) if a.right != b.right]
    return Comparison(
        *names,
        examples=len(first),
        intents=_compare([one.right for one in first], [one.right for one in second]),
        sentences=_compare([one.whole(types) for one in first], [one.whole(types) for one in second]),
        macro_f1=macro_f1_difference(labels, before, after, len(classes)),
        entity_f1=f1_difference(entity_counts(first), entity_counts(second)),
        better=tuple(_changed(a, b) for a, b in changed if b.right),
        worse=tuple(_changed(a, b) for a, b in changed if a.right),
    )


def _compare(first: Sequence[bool], second: Sequence[bool]) -> Shares:
    better = sum(b and not a for a, b in zip(first, second, strict=True))
    worse = sum(a and not b for a, b in zip(first, second, strict=True))
    count = max(1, len(first))
    return Shares(sum(first) / count, sum(second) / count, better, worse, mcnemar(better, worse))


def _changed(first: Judged, second: Judged) -> Change:
    one = first.example
    return Change(one.text, Path(one.file).name, one.line, one.label, first.guess, second.guess)


def _shares(title: str, one: Shares) -> str:
    return (
        f"  {title:<10} {one.first:.1%} -> {one.second:.1%} ({one.better} better, {one.worse} worse; "
        f"McNemar p {one.chance.mid:.3f}, exact {one.chance.exact:.3f})"
    )


def _difference(title: str, one: Difference) -> str:
    gap = one.second - one.first
    return f"  {title:<10} {one.first:.1%} -> {one.second:.1%} ({gap:+.1%}, 95 % {one.low:+.1%} to {one.high:+.1%})"


def _change(one: Change) -> str:
    return f"{one.text} ({one.file}:{one.line}), {one.expected}: {one.first} -> {one.second}"
