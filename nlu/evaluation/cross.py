"""Trainings without a part of the examples, and what the pipelines make of that part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nlu.data import Example, NluData
from nlu.evaluation.judged import Judged, judge
from nlu.evaluation.parting import parts
from nlu.evaluation.recipes import encoding
from nlu.recipe import Recipe
from nlu.training import Report as Progress
from nlu.training import fit


def silent(phase: str, fraction: float) -> None:
    """For those who do not wait."""


def within(report: Progress, label: str, start: float, end: float) -> Progress:
    """A progress that fills the part from `start` to `end` of another."""

    def tell(phase: str, fraction: float) -> None:
        report(f"{label}: {phase}" if label else phase, start + (end - start) * fraction)

    return tell


def cross_judge(
    project: Path, recipe: Recipe, data: NluData, folds: int = 5, report: Progress = silent
) -> list[Judged]:
    """Train `folds` times, each time without one part of the examples (every intent spread evenly), and judge it.

    Raises `BadProject` as training does, and where there are too few examples to leave any out.
    """
    encode(project, recipe, data)
    judged: list[Judged] = []
    for fold, (kept, left_out) in enumerate(parts(project, data.examples, folds)):
        tell = within(report, f"fold {fold + 1} of {folds}", fold / folds, (fold + 1) / folds)
        judged += judge_without(project, recipe, data, kept, left_out, tell)
    report("done", 1.0)
    return judged


def judge_without(
    project: Path, recipe: Recipe, data: NluData, kept: Sequence[Example], judging: Sequence[Example], report: Progress
) -> list[Judged]:
    """`judging` as a pipeline understands it that was trained on `kept` alone."""
    return judge(fit(project, recipe, replace(data, examples=tuple(kept)), report), judging)


def encode(project: Path, recipe: Recipe, data: NluData) -> None:
    """Have the encoders' cache hold every example, so that no later training on a part of them encodes anything."""
    encoders = encoding(recipe)
    if encoders.steps:
        fit(project, encoders, data, silent)
