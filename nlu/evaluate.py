"""How good is a bot's understanding: cross-validation or a file of held-out sentences, as one `Report`."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from config.source import BadProject, Problem, read_yaml
from nlu.calibration import expected_error
from nlu.confusion_png import draw_confusion
from nlu.data import Example, NluData, collect, read_data
from nlu.linear import folds as split
from nlu.meaning import FALLBACK_INTENT, Entity, Meaning
from nlu.pipeline import Pipeline
from nlu.recipe import read_recipe
from nlu.training import Report as Progress
from nlu.training import fit

WORST = 3
"""Sentences shown for each confused pair of intents."""
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""Which day it is makes no difference to intents and spans; a fixed one makes reports comparable."""


@dataclass(frozen=True, slots=True)
class Score:
    """Each in 0..1; `support` is how many there are to find."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class Confusion:
    """`count` sentences of `expected` were taken for `predicted`; some of them, with file and line."""

    expected: str
    predicted: str
    count: int
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """`accuracy` and the scores are of the best intent before thresholds; after them a sentence is either
    believed rightly, believed wrongly, or asked about (`believed_right + believed_wrong + asked == 1`)."""

    examples: int
    accuracy: float
    macro_f1: float
    believed_right: float
    believed_wrong: float
    asked: float
    calibration_error: float
    answers_top1: float
    answers_top3: float
    intents: Mapping[str, Score]
    entities: Mapping[str, Score]
    confusions: tuple[Confusion, ...]
    matrix: Mapping[str, Mapping[str, int]]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def table(self) -> str:
        """For a terminal: intents from the worst to the best, then entities and what was confused."""
        lines = [
            f"{self.examples} sentences: accuracy {self.accuracy:.1%}, macro F1 {self.macro_f1:.1%}",
            f"after thresholds: right {self.believed_right:.1%}, wrong {self.believed_wrong:.1%}, "
            f"asked {self.asked:.1%}; calibration error {self.calibration_error:.3f}",
        ]
        if any("/" in name for name in self.intents) or self.answers_top1:
            lines.append(f"answers: top 1 {self.answers_top1:.1%}, top 3 {self.answers_top3:.1%}")
        for title, scores in (("intent", self.intents), ("entity", self.entities)):
            if scores:
                lines += ["", f"{title:<24} precision  recall      F1  support"]
            for name, score in sorted(scores.items(), key=lambda pair: pair[1].f1):
                lines.append(
                    f"{name:<24} {score.precision:>9.1%} {score.recall:>7.1%} {score.f1:>7.1%} {score.support:>8}"
                )
        for confusion in self.confusions[:10]:
            lines += ["", f"{confusion.count} x {confusion.expected} taken for {confusion.predicted}"]
            lines += [f"    {sentence}" for sentence in confusion.sentences]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Judged:
    """A sentence and what a pipeline that never saw it made of it."""

    example: Example
    meaning: Meaning

    @property
    def guess(self) -> str:
        return self.meaning.ranking[0].name if self.meaning.ranking else self.meaning.intent


def cross_validate(project: Path, folds: int = 5, report: Progress = lambda phase, fraction: None) -> Report:
    """Train `folds` times, each time without one part of the examples (every intent spread evenly), and judge it.

    Raises `BadProject` as training does, and where there are too few examples to leave any out.
    """
    recipe, data = read_recipe(project), read_data(project)
    names = sorted({example.intent for example in data.examples})
    place = split(np.array([names.index(example.intent) for example in data.examples], np.intp), folds)
    if folds < 2 or len(data.examples) < 2 * folds:
        what = f"{len(data.examples)} examples are too few for {folds} folds"
        raise BadProject(Problem(str(project / "data"), 1, what, "write more examples, or ask for fewer folds"))
    judged: list[Judged] = []
    for fold in range(folds):

        def tell(phase: str, fraction: float, fold: int = fold) -> None:
            report(f"fold {fold + 1} of {folds}: {phase}", (fold + fraction) / folds)

        kept = tuple(example for example, at in zip(data.examples, place, strict=True) if at != fold)
        left_out = [example for example, at in zip(data.examples, place, strict=True) if at == fold]
        pipeline = fit(project, recipe, replace(data, examples=kept), tell)
        judged += judge(pipeline, left_out)
    report("done", 1.0)
    return summarise(judged)


def evaluate_file(pipeline: Pipeline, path: Path) -> Report:
    """A trained pipeline on held-out sentences in a file of nlu.yml's format."""
    return summarise(judge(pipeline, read_held_out(path).examples))


def read_held_out(path: Path) -> NluData:
    """Raises `BadProject` where the file has no examples."""
    data = collect([read_yaml(path)])
    if not data.examples:
        raise BadProject(Problem(str(path), 1, "there is nothing to judge by", "give it '- intent:' sections"))
    return data


def judge(pipeline: Pipeline, examples: Iterable[Example]) -> list[Judged]:
    return [Judged(example, pipeline.read(example.text, NOW).meaning("")) for example in examples]


def save(report: Report, folder: Path) -> tuple[Path, Path]:
    """Write `nlu_report.json` and the confusion matrix `nlu_confusion.png`; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    text, picture = folder / "nlu_report.json", folder / "nlu_confusion.png"
    text.write_text(json.dumps(report.to_dict(), ensure_ascii=False, indent=1), "utf-8")
    draw_confusion(report.matrix, picture)
    return text, picture


def summarise(judged: Sequence[Judged]) -> Report:
    """Numbers of judged sentences; `judged` is not empty."""
    matrix: dict[str, Counter[str]] = defaultdict(Counter)
    for one in judged:
        matrix[one.example.label][one.guess] += 1
    intents = {name: _intent_score(matrix, name) for name in sorted(matrix)}
    right = np.array([one.guess == one.example.label for one in judged])
    sure = np.array([one.meaning.ranking[0].confidence if one.meaning.ranking else 0.0 for one in judged])
    asked = np.array([one.meaning.intent == FALLBACK_INTENT for one in judged])
    believed = np.array([one.meaning.intent == one.example.label for one in judged])
    return Report(
        examples=len(judged),
        accuracy=float(right.mean()),
        macro_f1=float(np.mean([score.f1 for score in intents.values()])),
        believed_right=float(believed.mean()),
        believed_wrong=float((~believed & ~asked).mean()),
        asked=float((asked & ~believed).mean()),
        calibration_error=expected_error(sure, right),
        answers_top1=_answered(judged, 1),
        answers_top3=_answered(judged, 3),
        intents=intents,
        entities=_entity_scores(judged),
        confusions=_confusions(judged),
        matrix={name: dict(row) for name, row in sorted(matrix.items())},
    )


def _score(right: int, predicted: int, support: int) -> Score:
    precision = right / predicted if predicted else 0.0
    recall = right / support if support else 0.0
    f1 = 2 * precision * recall / (precision + recall) if right else 0.0
    return Score(precision, recall, f1, support)


def _intent_score(matrix: Mapping[str, Mapping[str, int]], name: str) -> Score:
    predicted = sum(row.get(name, 0) for row in matrix.values())
    return _score(matrix[name].get(name, 0), predicted, sum(matrix[name].values()))


def _answered(judged: Sequence[Judged], top: int) -> float:
    asked = [one for one in judged if one.example.retrieval]
    found = [one for one in asked if one.example.intent in [answer.key for answer in one.meaning.answers[:top]]]
    return len(found) / len(asked) if asked else 0.0


def _confusions(judged: Sequence[Judged]) -> tuple[Confusion, ...]:
    pairs: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for one in judged:
        if one.guess != one.example.label:
            pairs[(one.example.label, one.guess)].append(one)
    found = [
        Confusion(expected, predicted, len(ones), tuple(_cite(one) for one in _surest(ones)[:WORST]))
        for (expected, predicted), ones in pairs.items()
    ]
    return tuple(sorted(found, key=lambda confusion: (-confusion.count, confusion.expected, confusion.predicted)))


def _surest(ones: Sequence[Judged]) -> list[Judged]:
    """Sure and wrong comes first: those sentences say most about the data."""
    return sorted(ones, key=lambda one: -(one.meaning.ranking[0].confidence if one.meaning.ranking else 0.0))


def _cite(one: Judged) -> str:
    return f"{one.example.text} ({Path(one.example.file).name}:{one.example.line})"


def _entity_scores(judged: Sequence[Judged]) -> dict[str, Score]:
    """Exact span and type. Only types that the examples mark are judged: rules find others, which nobody marked."""
    key: Callable[[Entity], tuple[str, int, int]] = lambda one: (one.type, one.start, one.end)  # noqa: E731
    marked = Counter(entity.type for one in judged for entity in one.example.entities)
    predicted: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for one in judged:
        truth = {key(entity) for entity in one.example.entities}
        for entity in one.meaning.entities:
            if entity.type in marked:
                predicted[entity.type] += 1
                right[entity.type] += key(entity) in truth
    return {name: _score(right[name], predicted[name], marked[name]) for name in sorted(marked)}
