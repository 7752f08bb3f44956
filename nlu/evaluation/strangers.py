"""Texts about none of the bot's intents: are they told from those it knows? Whole intents are left out of training,
and their sentences play the strangers; being about the same business, they are hard ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.source import BadProject, Problem
from nlu.component import SEED
from nlu.data import NluData
from nlu.evaluation.cross import encode, judge_without, silent, within
from nlu.evaluation.judged import Judged
from nlu.evaluation.parting import FIFTH, parts
from nlu.evaluation.recipes import intents_only
from nlu.evaluation.statistics import Spread, auroc, caught
from nlu.recipe import Recipe
from nlu.training import Report as Progress

HELD_OUT = 0.25
DRAWS = 3
FEWEST_INTENTS = 4


@dataclass(frozen=True, slots=True)
class Strangers:
    """`auroc`: the chance that a known text looks more familiar than a strange one, per draw of intents. `caught`: the
    share of strangers seen as such where 5 % of the known texts are too. `asked` and `asked_known`: the shares of
    either that the bot asks back about, as its thresholds stand. `by` is what familiarity was read from."""

    auroc: Spread
    caught: Spread
    asked: Spread
    asked_known: Spread
    by: str
    held_out: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        return (
            f"out of scope ({len(self.held_out)} draws, by {self.by}): AUROC {self.auroc.mean:.1%} ± "
            f"{self.auroc.deviation:.1%}; {self.caught.mean:.1%} caught at 5 % false alarms; asked about "
            f"{self.asked.mean:.1%} of strangers and {self.asked_known.mean:.1%} of what is known"
        )


@dataclass(frozen=True, slots=True)
class Draw:
    """One training without some intents, and how it saw texts of those it knew and of those left out."""

    known: tuple[Judged, ...]
    strange: tuple[Judged, ...]
    held_out: tuple[str, ...]


def out_of_scope(
    project: Path, recipe: Recipe, data: NluData, report: Progress = silent, *, draws: int = DRAWS
) -> Strangers:
    """Train `draws` times without a quarter of the intents and judge those beside known texts that were left out too.

    Raises `BadProject` where there are fewer than four intents.
    """
    labels = labels_of(project, data)
    light = intents_only(recipe)
    encode(project, light, data)
    pairs = parts(project, data.examples, FIFTH)
    dice = np.random.default_rng(SEED)
    found: list[Draw] = []
    for draw in range(draws):
        apart = frozenset(dice.permutation(labels)[: max(1, round(HELD_OUT * len(labels)))].tolist())
        kept = [example for example in pairs[draw % FIFTH][0] if example.label not in apart]
        known = [example for example in pairs[draw % FIFTH][1] if example.label not in apart]
        strange = [example for example in data.examples if example.label in apart]
        tell = within(report, f"draw {draw + 1} of {draws}", draw / draws, (draw + 1) / draws)
        judged = judge_without(project, light, data, kept, [*known, *strange], tell)
        found.append(Draw(tuple(judged[: len(known)]), tuple(judged[len(known) :]), tuple(sorted(apart))))
    return measured(found)


def labels_of(project: Path, data: NluData) -> list[str]:
    """The intents, of which there must be enough to leave some out. Raises `BadProject` where there are not."""
    labels = sorted({example.label for example in data.examples})
    if len(labels) < FEWEST_INTENTS:
        what = f"{len(labels)} intents are too few to leave a quarter of them out"
        raise BadProject(Problem(str(project / "data"), 1, what, f"write at least {FEWEST_INTENTS} intents"))
    return labels


def measured(draws: Sequence[Draw]) -> Strangers:
    """By `Meaning.familiarity` where the pipeline tells it, else by the best intent's confidence."""
    by = "familiarity" if any(tells_familiarity(one.known + one.strange) for one in draws) else "confidence"
    pairs = [(scores(one.known, by), scores(one.strange, by)) for one in draws]
    return Strangers(
        Spread.of([auroc(known, strange) for known, strange in pairs]),
        Spread.of([caught(known, strange) for known, strange in pairs]),
        Spread.of([_asked(one.strange) for one in draws]),
        Spread.of([_asked(one.known) for one in draws]),
        by,
        tuple(one.held_out for one in draws),
    )


def tells_familiarity(judged: Sequence[Judged]) -> bool:
    """A pipeline that does not judge familiarity leaves it at 1 for every text."""
    return any(one.meaning.familiarity != 1.0 for one in judged)


def scores(judged: Sequence[Judged], by: str) -> NDArray[np.float64]:
    return np.array([one.meaning.familiarity if by == "familiarity" else one.confidence for one in judged])


def _asked(judged: Sequence[Judged]) -> float:
    return sum(one.asked for one in judged) / len(judged) if judged else 0.0
