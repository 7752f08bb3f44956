"""A linear model that learns what a teacher says of each text: chances of all intents, not one right answer.

Hinton et al. 2015, Distilling the Knowledge in a Neural Network, https://arxiv.org/abs/1503.02531. scipy is imported to
train alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.doc import Doc, Features, Vector
from nlu.linear import folds

COST = 20.0
"""What an error costs beside the squared length of the weights, as for the linear classifier."""
ROUNDS = 200

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """scores = row @ matrix + bias; `matrix` is (columns, intents), the last columns are the sentence vector's."""

    matrix: NDArray[np.float32]
    bias: NDArray[np.float32]

    def scores(self, row: Features, sentence: Vector) -> NDArray[np.float32]:
        found: NDArray[np.float32] = row.values @ self.matrix[row.columns] + self.bias
        return found + sentence @ self.matrix[-len(sentence) :] if len(sentence) else found


def rows_of(docs: Sequence[Doc], width: int) -> Any:
    """(n, width + dimensions of the sentence vector) as scipy's CSR matrix."""
    from scipy.sparse import csr_matrix, hstack  # noqa: PLC0415 - heavy

    rows = [doc.features for doc in docs]
    data = np.concatenate([row.values for row in rows]).astype(np.float64)
    columns = np.concatenate([row.columns for row in rows])
    ends = np.concatenate([[0], np.cumsum([len(row.columns) for row in rows])])
    grams = csr_matrix((data, columns, ends), shape=(len(rows), width))
    size = max(len(doc.sentence) for doc in docs)
    if not size:
        return grams
    sentences = np.stack([doc.sentence if len(doc.sentence) else np.zeros(size) for doc in docs])
    return hstack([grams, csr_matrix(sentences.astype(np.float64))], format="csr")


def fit(rows: Any, chances: Floats, weights: Floats) -> Plane:
    """Multinomial logistic regression on `chances` (n, intents), by L-BFGS; each text counts by its weight."""
    from scipy.optimize import minimize  # noqa: PLC0415 - heavy

    width, classes = rows.shape[1], chances.shape[1]
    turned = rows.T.tocsr()

    def loss(flat: Floats) -> tuple[float, Floats]:
        plane = flat.reshape(width + 1, classes)
        scores = rows @ plane[:-1] + plane[-1]
        scores -= scores.max(1, keepdims=True)
        logs = scores - np.log(np.exp(scores).sum(1, keepdims=True))
        slope = COST * weights[:, None] * (np.exp(logs) - chances)
        value = -COST * float((weights[:, None] * chances * logs).sum()) + float((plane[:-1] ** 2).sum()) / 2
        return value, np.concatenate([turned @ slope + plane[:-1], slope.sum(0)[None]]).ravel()

    found = minimize(loss, np.zeros((width + 1) * classes), jac=True, method="L-BFGS-B", options={"maxiter": ROUNDS})
    plane = found.x.reshape(width + 1, classes).astype(np.float32)
    return Plane(plane[:-1], plane[-1])


def held_out(rows: Any, chances: Floats, weights: Floats, intents: NDArray[np.intp]) -> Floats:
    """Scores of the first texts, whose `intents` are known, by planes that have not seen them; the rest is always
    seen."""
    place = folds(intents)
    scores = np.zeros((len(intents), chances.shape[1]))
    for fold in np.unique(place):
        test = np.flatnonzero(place == fold)
        train = np.setdiff1d(np.arange(rows.shape[0]), test)
        plane = fit(rows[train], chances[train], weights[train])
        scores[test] = rows[test] @ plane.matrix + plane.bias
    return scores
