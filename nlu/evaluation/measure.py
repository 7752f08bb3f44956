"""Everything that was asked to be measured of a bot, in one run with one progress: `yingda test nlu`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from nlu.data import NluData, read_data
from nlu.evaluation.compare import compare
from nlu.evaluation.cross import cross_judge, silent, within
from nlu.evaluation.curves import few_shot_curve, learning_curve
from nlu.evaluation.judged import Judged, judge, read_held_out
from nlu.evaluation.report import Report, summarise
from nlu.evaluation.strangers import labels_of, out_of_scope
from nlu.pipeline import Pipeline
from nlu.recipe import Recipe, read_recipe
from nlu.training import Report as Progress
from nlu.training import fit


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to measure besides the sentences themselves: curves, strangers, and another pipeline beside this one."""

    folds: int = 5
    curve: bool = False
    few_shot: bool = False
    strangers: bool = False
    other: Recipe | None = None
    names: tuple[str, str] = ("config.yml", "")


Stage = Callable[[Report, Progress], Report]


def cross_validate(project: Path, folds: int = 5, report: Progress = silent) -> Report:
    """The bot of this folder on its own examples, each judged by a pipeline that was trained without it.

    Raises `BadProject` as training does, and where there are too few examples to leave any out.
    """
    return measure(project, Wanted(folds), report)


def measure(project: Path, wanted: Wanted, report: Progress = silent) -> Report:
    """Cross-validation of the project's pipeline, and whatever else is wanted."""
    recipe, data = read_recipe(project), read_data(project)
    stages = _stages(project, recipe, data, wanted)
    each = 1 / (len(stages) + 1 + (wanted.other is not None))
    judged = cross_judge(project, recipe, data, wanted.folds, within(report, "", 0, each))
    found, at = summarise(judged), each
    if wanted.other is not None:
        tell = within(report, wanted.names[1], at, at + each)
        other = cross_judge(project, wanted.other, data, wanted.folds, tell)
        found, at = replace(found, comparison=compare(wanted.names, judged, other)), at + each
    for label, stage in stages:
        found, at = stage(found, within(report, label, at, at + each)), at + each
    report("done", 1.0)
    return found


def measure_file(pipeline: Pipeline, path: Path) -> Report:
    """A trained pipeline on held-out sentences in a file of nlu.yml's format."""
    return summarise(judge(pipeline, read_held_out(path).examples))


def measure_beside(pipeline: Pipeline, other: Pipeline, names: tuple[str, str], path: Path) -> Report:
    """As `measure_file`, with another trained pipeline on the same sentences."""
    examples = read_held_out(path).examples
    judged: list[Judged] = judge(pipeline, examples)
    return replace(summarise(judged), comparison=compare(names, judged, judge(other, examples)))


def trained_by(project: Path, recipe: Recipe, report: Progress = silent) -> Pipeline:
    """Another pipeline, trained on the project's data and kept in memory alone."""
    return fit(project, recipe, read_data(project), report)


def _stages(project: Path, recipe: Recipe, data: NluData, wanted: Wanted) -> list[tuple[str, Stage]]:
    found: list[tuple[str, Stage]] = []
    if wanted.curve:
        found.append(("curve", lambda one, tell: replace(one, curve=learning_curve(project, recipe, data, tell))))
    if wanted.few_shot:
        found.append(("few-shot", lambda one, tell: replace(one, few_shot=few_shot_curve(project, recipe, data, tell))))
    if wanted.strangers:
        # said before minutes of other work rather than after
        labels_of(project, data)
        found.append(("strangers", lambda one, tell: replace(one, strangers=out_of_scope(project, recipe, data, tell))))
    return found
