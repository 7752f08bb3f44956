"""What judged sentences add up to, as one `Report`: numbers for a terminal, for JSON and for the page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from nlu.calibration import expected_error
from nlu.evaluation.compare import Comparison
from nlu.evaluation.curves import Point
from nlu.evaluation.judged import Judged, marked_types
from nlu.evaluation.reliability import Bin, bins_of
from nlu.evaluation.scores import Matrix, Score, entity_scores, intent_scores, matrix_of
from nlu.evaluation.statistics import wilson
from nlu.evaluation.strangers import Strangers

WORST = 3
"""Sentences shown for each confused pair of intents."""
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Confusion:
    """`count` sentences of `expected` were taken for `predicted`; some of them, with file and line."""

    expected: str
    predicted: str
    count: int
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A sentence whose intent was taken for another, where it stands, and how sure the bot was of it."""

    text: str
    file: str
    line: int
    expected: str
    predicted: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds that understanding one sentence took, in one process, one sentence at a time."""

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Report:
    """`accuracy` and the scores are of the best intent before thresholds; after them a sentence is either
    believed rightly, believed wrongly, or asked about (`believed_right + believed_wrong + asked == 1`).

    `accuracy_low` and `accuracy_high` bound the accuracy with 95 % certainty, as far as the number of sentences goes.
    `sentence_accuracy`: intent and all entities right. `entities` are exact (span, type, role and group),
    `entities_relaxed` by overlap with one of the same type; `entity_total` counts all types together (micro).
    """

    examples: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    sentence_accuracy: float
    believed_right: float
    believed_wrong: float
    asked: float
    calibration_error: float
    answers_top1: float
    answers_top3: float
    intents: Mapping[str, Score]
    entities: Mapping[str, Score]
    entities_relaxed: Mapping[str, Score]
    entity_total: Score
    entity_total_relaxed: Score
    confusions: tuple[Confusion, ...]
    mistakes: tuple[Mistake, ...]
    matrix: Matrix
    reliability: tuple[Bin, ...]
    latency: Latency = field(compare=False)
    curve: tuple[Point, ...] = ()
    few_shot: tuple[Point, ...] = ()
    strangers: Strangers | None = None
    comparison: Comparison | None = None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def table(self) -> str:
        """For a terminal: intents from the worst to the best, then entities and what was confused."""
        return "\n".join(_lines(self))


def summarise(judged: Sequence[Judged], types: frozenset[str] | None = None) -> Report:
    """Numbers of judged sentences; `judged` is not empty. Of the entities only `types` are judged, by default those
    that these sentences mark."""
    matrix, types = matrix_of(judged), marked_types(judged) if types is None else types
    intents, entities = intent_scores(matrix), entity_scores(judged, types)
    right = np.array([one.right for one in judged])
    accuracy = float(right.mean())
    low, high = wilson(accuracy, len(judged))
    return Report(
        examples=len(judged),
        accuracy=accuracy,
        accuracy_low=low,
        accuracy_high=high,
        macro_f1=float(np.mean([score.f1 for score in intents.values()])),
        sentence_accuracy=_share(one.whole(types) for one in judged),
        believed_right=_share(one.believed for one in judged),
        believed_wrong=_share(not one.believed and not one.asked for one in judged),
        asked=_share(one.asked and not one.believed for one in judged),
        calibration_error=expected_error(np.array([one.confidence for one in judged]), right),
        answers_top1=answered(judged, 1),
        answers_top3=answered(judged, 3),
        intents=intents,
        entities=entities.exact,
        entities_relaxed=entities.relaxed,
        entity_total=entities.total,
        entity_total_relaxed=entities.total_relaxed,
        confusions=_confusions(judged),
        mistakes=tuple(_mistake(one) for one in _surest([one for one in judged if not one.right])),
        matrix=matrix,
        reliability=bins_of(judged),
        latency=_latency(judged),
    )


def answered(judged: Sequence[Judged], top: int) -> float:
    """The share of questions whose right answer is among the first `top`; 0 where there is no question."""
    asked = [one for one in judged if one.example.retrieval]
    return _share(one.example.intent in [answer.key for answer in one.meaning.answers[:top]] for one in asked)


def _share(facts: Iterable[bool]) -> float:
    known = list(facts)
    return sum(known) / len(known) if known else 0.0


def _latency(judged: Sequence[Judged]) -> Latency:
    p50, p99 = np.percentile([1000 * one.seconds for one in judged], (50, 99))
    return Latency(round(float(p50), 3), round(float(p99), 3))


def _confusions(judged: Sequence[Judged]) -> tuple[Confusion, ...]:
    pairs: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for one in judged:
        if not one.right:
            pairs[(one.example.label, one.guess)].append(one)
    found = [
        Confusion(expected, predicted, len(ones), tuple(_cite(one) for one in _surest(ones)[:WORST]))
        for (expected, predicted), ones in pairs.items()
    ]
    return tuple(sorted(found, key=lambda confusion: (-confusion.count, confusion.expected, confusion.predicted)))


def _surest(ones: Sequence[Judged]) -> list[Judged]:
    """Sure and wrong comes first: those sentences say most about the data."""
    return sorted(ones, key=lambda one: -one.confidence)


def _cite(one: Judged) -> str:
    return f"{one.example.text} ({one.place})"


def _mistake(one: Judged) -> Mistake:
    example = one.example
    return Mistake(
        example.text, Path(example.file).name, example.line, example.label, one.guess, round(one.confidence, 4)
    )


def _lines(report: Report) -> Iterator[str]:
    yield (
        f"{report.examples} sentences: accuracy {report.accuracy:.1%} "
        f"({report.accuracy_low:.1%} to {report.accuracy_high:.1%}), macro F1 {report.macro_f1:.1%}"
    )
    yield (
        f"after thresholds: right {report.believed_right:.1%}, wrong {report.believed_wrong:.1%}, "
        f"asked {report.asked:.1%}; calibration error {report.calibration_error:.3f}"
    )
    if report.answers_top3:
        yield f"answers: top 1 {report.answers_top1:.1%}, top 3 {report.answers_top3:.1%}"
    if report.entities:
        yield (
            f"entities: F1 {report.entity_total.f1:.1%} exact, {report.entity_total_relaxed.f1:.1%} by overlap; "
            f"whole sentences right {report.sentence_accuracy:.1%}"
        )
    yield f"latency: p50 {report.latency.p50_ms:.1f} ms, p99 {report.latency.p99_ms:.1f} ms"
    yield from _scores("intent", report.intents)
    yield from _scores("entity", report.entities)
    for confusion in report.confusions[:SHOWN]:
        yield f"\n{confusion.count} x {confusion.expected} taken for {confusion.predicted}"
        yield from (f"    {sentence}" for sentence in confusion.sentences)
    yield from _curves("share of the data", report.curve)
    yield from _curves("examples per intent", report.few_shot)
    if report.strangers:
        yield f"\n{report.strangers}"
    if report.comparison:
        yield f"\n{report.comparison}"


def _scores(title: str, scores: Mapping[str, Score]) -> Iterator[str]:
    if scores:
        yield f"\n{title:<24} precision  recall      F1  support"
    for name, one in sorted(scores.items(), key=lambda pair: pair[1].f1):
        yield f"{name:<24} {one.precision:>9.1%} {one.recall:>7.1%} {one.f1:>7.1%} {one.support:>8}"


def _curves(title: str, points: Sequence[Point]) -> Iterator[str]:
    if points:
        yield f"\n{title:<24} sentences  accuracy        macro F1"
    for one in points:
        size = f"{one.size:.0%}" if title.startswith("share") else f"{one.size:g}"
        accuracy, macro = one.accuracy, one.macro_f1
        yield (
            f"{size:<24} {one.examples:>9}  {accuracy.mean:.1%} ± {accuracy.deviation:.1%}  "
            f"{macro.mean:.1%} ± {macro.deviation:.1%}"
        )
