"""Curves of accuracy: against the share of the data, and against the number of examples of each intent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from nlu.data import Example, NluData
from nlu.evaluation.cross import encode, judge_without, silent, within
from nlu.evaluation.judged import Judged
from nlu.evaluation.parting import FIFTH, few_of, parts, share_of
from nlu.evaluation.recipes import intents_only
from nlu.evaluation.scores import entity_scores, intent_scores, matrix_of
from nlu.evaluation.statistics import Spread
from nlu.recipe import Recipe
from nlu.training import Report as Progress

SHARES = (0.1, 0.25, 0.5, 0.75, 1.0)
SIZES = (5, 10, 20)
CURVE_DRAWS = 2
FEW_SHOT_DRAWS = 3


@dataclass(frozen=True, slots=True)
class Point:
    """`size` is the share of the training data, 0..1, or the number of examples per intent; `examples`: how many
    sentences that were, on average. The scores are on a fifth of the data that took no part, a different one each
    draw. `entity_f1` is of all types together, exact; 0 where the measurement left entities out."""

    size: float
    examples: int
    accuracy: Spread
    macro_f1: Spread
    entity_f1: Spread


def learning_curve(
    project: Path,
    recipe: Recipe,
    data: NluData,
    report: Progress = silent,
    *,
    shares: Sequence[float] = SHARES,
    draws: int = CURVE_DRAWS,
) -> tuple[Point, ...]:
    """Accuracy by share of the data: still rising at its end, more examples help; flat, they do not."""
    choices = [(share, partial(share_of, share=share)) for share in shares]
    return _points(project, recipe, data, report, choices, draws)


def few_shot_curve(
    project: Path,
    recipe: Recipe,
    data: NluData,
    report: Progress = silent,
    *,
    sizes: Sequence[int] = SIZES,
    draws: int = FEW_SHOT_DRAWS,
) -> tuple[Point, ...]:
    """Accuracy from so many examples of each intent (or all that there are of it)."""
    choices = [(float(size), partial(few_of, count=size)) for size in sizes]
    return _points(project, intents_only(recipe), data, report, choices, draws)


def _points(
    project: Path,
    recipe: Recipe,
    data: NluData,
    report: Progress,
    choices: Sequence[tuple[float, partial[list[Example]]]],
    draws: int,
) -> tuple[Point, ...]:
    encode(project, recipe, data)
    pairs = parts(project, data.examples, FIFTH)
    found: list[Point] = []
    for place, (size, choose) in enumerate(choices):
        drawn: list[tuple[int, list[Judged]]] = []
        for draw in range(draws):
            rest, judging = pairs[draw % len(pairs)]
            kept = choose(rest, seed=draw)
            done = (place * draws + draw) / (len(choices) * draws)
            tell = within(report, f"{size:g}", done, done + 1 / (len(choices) * draws))
            drawn.append((len(kept), judge_without(project, recipe, data, kept, judging, tell)))
        found.append(_point(size, drawn))
    return tuple(found)


def _point(size: float, drawn: Sequence[tuple[int, list[Judged]]]) -> Point:
    return Point(
        size,
        round(sum(count for count, _ in drawn) / len(drawn)),
        Spread.of([float(np.mean([one.right for one in judged])) for _, judged in drawn]),
        Spread.of([macro_f1(judged) for _, judged in drawn]),
        Spread.of([entity_scores(judged).total.f1 for _, judged in drawn]),
    )


def macro_f1(judged: Sequence[Judged]) -> float:
    return float(np.mean([score.f1 for score in intent_scores(matrix_of(judged)).values()]))
