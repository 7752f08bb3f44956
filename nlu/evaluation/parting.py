"""How examples are parted into those that train and those that judge; seeded, every intent spread evenly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from math import ceil
from pathlib import Path

import numpy as np

from config.source import BadProject, Problem
from nlu.component import SEED
from nlu.data import Example
from nlu.linear import folds as split

FIFTH = 5


def parts(project: Path, examples: Sequence[Example], count: int) -> list[tuple[list[Example], list[Example]]]:
    """`count` pairs of (kept, left out); each example is left out once. Raises `BadProject` where there are too few."""
    if count < 2 or len(examples) < 2 * count:
        what = f"{len(examples)} examples are too few for {count} folds"
        raise BadProject(Problem(str(project / "data"), 1, what, "write more examples, or ask for fewer folds"))
    names = sorted({example.intent for example in examples})
    place = split(np.array([names.index(example.intent) for example in examples], np.intp), count)
    return [
        (
            [example for example, at in zip(examples, place, strict=True) if at != fold],
            [example for example, at in zip(examples, place, strict=True) if at == fold],
        )
        for fold in range(count)
    ]


def share_of(examples: Sequence[Example], share: float, seed: int = SEED) -> list[Example]:
    """About `share` of each intent, but one at least; a larger share holds every smaller one of the same seed."""
    return _first(examples, lambda count: ceil(share * count), seed)


def few_of(examples: Sequence[Example], count: int, seed: int = SEED) -> list[Example]:
    """At most `count` of each intent."""
    return _first(examples, lambda _: count, seed)


def _first(examples: Sequence[Example], taken: Callable[[int], int], seed: int) -> list[Example]:
    dice = np.random.default_rng(seed)
    by_intent: dict[str, list[int]] = defaultdict(list)
    for place, example in enumerate(examples):
        by_intent[example.intent].append(place)
    kept: list[int] = []
    for intent in sorted(by_intent):
        mine = dice.permutation(by_intent[intent])
        kept += mine[: taken(len(mine))].tolist()
    return [examples[place] for place in sorted(kept)]
