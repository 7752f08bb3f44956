"""Training of the linear classifier. scikit-learn and scipy are imported here alone, and only to train."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.component import SEED
from nlu.doc import Doc, Features, Vector

Labels = NDArray[np.intp]

FOLDS = 5
COSTS = (20.0, 60.0)


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """scores = row @ matrix + bias; `matrix` is (columns, classes), the last columns are the sentence vector's."""

    matrix: NDArray[np.float32]
    bias: NDArray[np.float32]

    def scores(self, row: Features, sentence: Vector) -> NDArray[np.float32]:
        found: NDArray[np.float32] = row.values @ self.matrix[row.columns] + self.bias
        if len(sentence):
            found += sentence @ self.matrix[-len(sentence) :]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Training texts as rows: their n-grams (scipy CSR, rows of length 1) beside their sentence vectors (n, 0 or
    more dimensions, of mean length 1)."""

    grams: Any
    sentences: NDArray[np.float32]

    @property
    def width(self) -> int:
        return int(self.grams.shape[1] + self.sentences.shape[1])

    def __len__(self) -> int:
        return len(self.sentences)

    def __getitem__(self, rows: Any) -> Table:
        return Table(self.grams[rows], self.sentences[rows])

    def joined(self) -> Any:
        """One CSR matrix of both."""
        from scipy.sparse import csr_matrix, hstack  # noqa: PLC0415 - heavy

        if not self.sentences.shape[1]:
            return self.grams
        return hstack([self.grams, csr_matrix(self.sentences.astype(np.float64))], format="csr")


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What models said of texts that they were not trained on; `labels` is -1 where the intent was unknown too."""

    scores: NDArray[np.float64]
    labels: Labels
    coverage: NDArray[np.float64]


def table_of(docs: Sequence[Doc], width: int) -> Table:
    """`docs` with `width` columns of n-grams; one without a sentence vector, where others have one, gets zeros."""
    dimensions = max((len(doc.sentence) for doc in docs), default=0)
    nothing = np.zeros(dimensions, np.float32)
    sentences = np.stack([doc.sentence if len(doc.sentence) else nothing for doc in docs])
    return Table(_sparse([doc.features for doc in docs], width), sentences)


def _sparse(rows: Sequence[Features], width: int) -> Any:
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - heavy

    data = np.concatenate([row.values for row in rows]).astype(np.float64)
    indices = np.concatenate([row.columns for row in rows])
    pointers = np.concatenate([[0], np.cumsum([len(row.columns) for row in rows])])
    return csr_matrix((data, indices, pointers), shape=(len(rows), width))


def fit(rows: Table, labels: Labels, classes: int, cost: float) -> Weights:
    """One-versus-rest logistic regression over `classes`; a class without an example gets a score that never wins.

    Classes weigh the same however many examples they have: a support vector machine, or unequal weights, is no more
    accurate on any set measured and takes many sentences of small classes for the largest, be it `faq`.
    """
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - heavy
    from sklearn.multiclass import OneVsRestClassifier  # noqa: PLC0415 - heavy

    present = np.unique(labels)
    matrix = np.zeros((rows.width, classes), np.float32)
    bias = np.full(classes, -10.0, np.float32)
    if len(present) == 1:
        bias[present] = 0
        return Weights(matrix, bias)
    one = LogisticRegression(
        C=cost, solver="liblinear", dual=True, class_weight="balanced", random_state=SEED, max_iter=300
    )
    machine = OneVsRestClassifier(one)
    machine.fit(rows.joined(), labels)
    # of two classes scikit-learn keeps only the second one's plane
    parts = [(part.coef_[0], part.intercept_[0]) for part in machine.estimators_]
    if len(parts) == 1:
        parts = [(-parts[0][0], -parts[0][1]), parts[0]]
    for place, (plane, offset) in zip(present, parts, strict=True):
        matrix[:, place] = plane
        bias[place] = offset
    return Weights(matrix, bias)


@contextmanager
def unfinished_is_good_enough() -> Iterator[None]:
    """liblinear says so where it stops before it has converged; around all fits, for filters are no thread's own."""
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415 - heavy

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def folds(labels: Labels, count: int = FOLDS) -> Labels:
    """A fold number for each text, every class spread evenly; seeded."""
    dice = np.random.default_rng(SEED)
    place = np.empty(len(labels), np.intp)
    for label in np.unique(labels):
        mine = np.flatnonzero(labels == label)
        dice.shuffle(mine)
        place[mine] = (np.arange(len(mine)) + dice.integers(count)) % count
    return place


def held_out(
    rows: Table, labels: Labels, classes: int, cost: float, report: Callable[[float], None]
) -> tuple[HeldOut, HeldOut]:
    """Scores of texts whose intent was known (cross-validation) and of texts whose whole intent was left out."""
    place = folds(labels)
    # intents are dealt to the folds as texts are
    group = np.random.default_rng(SEED).permutation(classes) % FOLDS
    texts = [place == fold for fold in range(FOLDS)]
    intents = [group[labels] == fold for fold in range(FOLDS)]
    jobs = [(test, labels) for test in texts if test.any() and not test.all()]
    known = len(jobs)
    stranger = np.full_like(labels, -1)
    jobs += [(apart, stranger) for apart in intents if apart.any() and len(np.unique(labels[~apart])) > 1]
    judged: list[HeldOut] = []
    for test, truth in jobs:
        judged.append(_judge(rows, labels, test, truth, classes, cost))
        report(len(judged) / len(jobs))
    return _join(judged[:known], classes), _join(judged[known:], classes)


def _judge(rows: Table, labels: Labels, test: Any, truth: Labels, classes: int, cost: float) -> HeldOut:
    train, texts = rows[~test], rows[test]
    weights = fit(train, labels[~test], classes, cost)
    # as the featurizer would have it, had it seen only the training texts
    grams = texts.grams
    seen = np.zeros(grams.shape[1])
    seen[train.grams.indices] = 1
    coverage = np.asarray(grams.multiply(grams) @ seen).ravel()
    length = np.sqrt(np.where(coverage > 0, coverage, 1))
    matrix = weights.matrix.astype(np.float64)
    scores = (grams @ matrix[: len(seen)]) / length[:, None] + texts.sentences @ matrix[len(seen) :] + weights.bias
    return HeldOut(scores, truth[test], coverage)


def _join(parts: Sequence[HeldOut], classes: int) -> HeldOut:
    if not parts:
        return HeldOut(np.empty((0, classes)), np.empty(0, np.intp), np.empty(0))
    return HeldOut(
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.coverage for part in parts]),
    )


def best_cost(rows: Table, labels: Labels, classes: int) -> float:
    """The most accurate of COSTS on one held-out third; the first of equals."""
    test = folds(labels, 3) == 0
    if not test.any() or test.all():
        return COSTS[-1]

    def right(cost: float) -> float:
        judged = _judge(rows, labels, test, labels, classes, cost)
        return float((judged.scores.argmax(1) == judged.labels).mean())

    return max(COSTS, key=right)
