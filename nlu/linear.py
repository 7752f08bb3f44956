"""Training of the linear classifier. scikit-learn and scipy are imported here alone, and only to train."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.component import SEED
from nlu.doc import Doc, Features, Vector

Labels = NDArray[np.intp]
Planes = Sequence[tuple[Any, Any]]
"""Of each class that has examples, in order: its weights and its offset."""

FOLDS = 5
WORDS_COST, MEANING_COST, BOTH_COST, MARGIN_COST = 20.0, 20.0, 40.0, 3.0
"""Of an error on a training text, beside 1 for the length of the plane: held-out texts of five sets, from five to sixty
examples per intent, were told best or within half a point of best with these."""
TOLERANCE = 0.5
"""At which liblinear stops: thousands of times the default cost no accuracy and saves half of the time."""
MARGIN = 4.0
"""A margin of 1 of a support vector machine is about as sure as this logit."""
NEVER = -10.0
"""The score of a class without an example."""


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
    def words(self) -> int:
        """How many columns are n-grams."""
        return int(self.grams.shape[1])

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


def fit_words(rows: Table, labels: Labels, classes: int) -> Weights:
    """One-versus-rest logistic regression over n-grams; a class without an example gets a score that never wins.

    Classes weigh the same however many examples they have: how many a bot's author wrote says little of what customers
    will ask.
    """
    return _placed(rows, labels, classes, _one_against_rest(rows.grams, labels, WORDS_COST), slice(0, rows.words))


def fit_both(rows: Table, labels: Labels, classes: int) -> Weights:
    """The same over n-grams and sentence vectors beside each other."""
    return _placed(rows, labels, classes, _one_against_rest(rows.joined(), labels, BOTH_COST), slice(0, rows.width))


def _one_against_rest(table: Any, labels: Labels, cost: float) -> Planes:
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - heavy
    from sklearn.multiclass import OneVsRestClassifier  # noqa: PLC0415 - heavy

    one = LogisticRegression(
        C=cost, solver="liblinear", dual=True, class_weight="balanced", random_state=SEED, max_iter=300, tol=TOLERANCE
    )
    machine = OneVsRestClassifier(one).fit(table, labels)
    return [(part.coef_[0], part.intercept_[0]) for part in machine.estimators_]


def fit_meaning(rows: Table, labels: Labels, classes: int) -> Weights:
    """Softmax regression over sentence vectors, classes weighing the same."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - heavy

    machine = LogisticRegression(C=MEANING_COST, class_weight="balanced", tol=3e-4, max_iter=300)
    machine.fit(rows.sentences, labels)
    planes = list(zip(machine.coef_, machine.intercept_, strict=True))
    return _placed(rows, labels, classes, planes, slice(rows.words, rows.width))


def fit_margins(rows: Table, labels: Labels, classes: int) -> Weights:
    """Linear support vector machines, one class against the rest, over both beside each other."""
    from sklearn.svm import LinearSVC  # noqa: PLC0415 - heavy

    machine = LinearSVC(C=MARGIN_COST, class_weight="balanced", tol=TOLERANCE / 5, random_state=SEED, max_iter=1000)
    machine.fit(rows.joined(), labels)
    planes = [
        (MARGIN * plane, MARGIN * offset) for plane, offset in zip(machine.coef_, machine.intercept_, strict=True)
    ]
    return _placed(rows, labels, classes, planes, slice(0, rows.width))


def fit_frequency(rows: Table, labels: Labels, classes: int) -> Weights:
    """How often each class is meant, whatever is said: the logarithm of its share."""
    counts = np.bincount(labels, minlength=classes)
    shares = np.log(np.maximum(counts, 1e-3) / len(labels))
    return Weights(np.zeros((rows.width, classes), np.float32), shares.astype(np.float32))


def _placed(rows: Table, labels: Labels, classes: int, planes: Planes, columns: slice) -> Weights:
    """The planes of the classes that have examples, among all classes and columns."""
    matrix = np.zeros((rows.width, classes), np.float32)
    bias = np.full(classes, NEVER, np.float32)
    # of two classes scikit-learn keeps only the second one's plane
    both = planes if len(planes) > 1 else [(-planes[0][0], -planes[0][1]), planes[0]]
    for place, (plane, offset) in zip(np.unique(labels), both, strict=True):
        matrix[columns, place] = plane
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
