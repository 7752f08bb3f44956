"""Precision, recall and F1 of intents and of entities, the latter exact and by overlap."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nlu.evaluation.judged import Judged, mark, marked_types
from nlu.meaning import Entity

Matrix = Mapping[str, Mapping[str, int]]
"""`matrix[meant][understood]` is a number of sentences."""


@dataclass(frozen=True, slots=True)
class Score:
    """Each in 0..1; `support` is how many there are to find."""

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True, slots=True)
class EntityScores:
    """`exact`: span, type, role and group agree; `relaxed`: it overlaps one of the same type. Per type and, under
    `total` and `total_relaxed`, of all together (micro)."""

    exact: Mapping[str, Score]
    relaxed: Mapping[str, Score]
    total: Score
    total_relaxed: Score


def score(right: int, predicted: int, support: int, found: int | None = None) -> Score:
    """`right` of the `predicted` ones are right; `found` of the `support` ones are found (as many, where unsaid)."""
    precision = right / predicted if predicted else 0.0
    recall = (right if found is None else found) / support if support else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return Score(precision, recall, f1, support)


def matrix_of(judged: Sequence[Judged]) -> Matrix:
    matrix: dict[str, Counter[str]] = defaultdict(Counter)
    for one in judged:
        matrix[one.example.label][one.guess] += 1
    return {name: dict(row) for name, row in sorted(matrix.items())}


def intent_scores(matrix: Matrix) -> dict[str, Score]:
    predicted: Counter[str] = Counter()
    for row in matrix.values():
        predicted.update(row)
    return {name: score(row.get(name, 0), predicted[name], sum(row.values())) for name, row in matrix.items()}


def entity_scores(judged: Sequence[Judged], types: frozenset[str] | None = None) -> EntityScores:
    """Only `types` are judged (by default those that these examples mark): rules find others, which nobody marked."""
    types = marked_types(judged) if types is None else types
    marked, predicted, right, near, met = (Counter[str]() for _ in range(5))
    for one in judged:
        truth, found = one.example.entities, one.found(types)
        exact = {mark(entity) for entity in truth}
        marked.update(entity.type for entity in truth)
        predicted.update(entity.type for entity in found)
        right.update(entity.type for entity in found if mark(entity) in exact)
        near.update(entity.type for entity in found if _meets(entity, truth))
        met.update(entity.type for entity in truth if _meets(entity, found))
    return EntityScores(
        {name: score(right[name], predicted[name], marked[name]) for name in sorted(types)},
        {name: score(near[name], predicted[name], marked[name], met[name]) for name in sorted(types)},
        score(right.total(), predicted.total(), marked.total()),
        score(near.total(), predicted.total(), marked.total(), met.total()),
    )


def entity_counts(judged: Sequence[Judged]) -> NDArray[np.intp]:
    """(sentences, 3): how many entities are exactly right, predicted, and marked."""
    types = marked_types(judged)
    rows = []
    for one in judged:
        exact, found = {mark(entity) for entity in one.example.entities}, one.found(types)
        rows.append((sum(mark(entity) in exact for entity in found), len(found), len(one.example.entities)))
    return np.array(rows, np.intp).reshape(-1, 3)


def _meets(entity: Entity, others: Sequence[Entity]) -> bool:
    return any(one.type == entity.type and one.start < entity.end and entity.start < one.end for one in others)
