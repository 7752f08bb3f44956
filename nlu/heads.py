"""The heads of the intent classifier, and how much each counts: decided by cross-validation on the bot's own data.

A head is a linear model: of words (n-grams), of meaning (sentence vectors), or of both together. Their scores are added
up, each times its share, and so are one linear model in the end. The shares are those of least log loss on held-out
texts (stacking: Wolpert 1992, Stacked Generalization; Breiman 1996).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.component import SEED
from nlu.linear import (
    FOLDS,
    NEVER,
    Labels,
    Table,
    Weights,
    fit_both,
    fit_frequency,
    fit_margins,
    fit_meaning,
    fit_words,
    folds,
)  # fmt: skip

Floats = NDArray[np.float64]
Fit = Callable[[Table, Labels, int], Weights]

MANY_EXAMPLES = 20
"""From so many per intent on support vector machines over both tell as much as logistic regression, in a third of the
time; with fewer, n-grams would drown the rest."""
LARGE = 60_000
FOLDS_OF_MANY = 3
"""Of so many texts times intents three parts tell as much as five, in half the time."""
NEAREST = 30
"""So many examples of an intent are kept to tell how near a text is to any."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Training texts' sentence vectors (n, dimensions), of length 1; none where the pipeline has no encoder."""

    rows: NDArray[np.float32]

    @classmethod
    def of(cls, sentences: NDArray[np.float32], labels: Labels) -> Neighbours:
        order = np.argsort(labels, kind="stable")
        first = np.searchsorted(labels[order], labels[order])
        kept = order[np.arange(len(order)) - first < NEAREST] if sentences.shape[1] else order[:0]
        return cls(_unit(sentences[np.sort(kept)]))

    def nearness(self, sentences: NDArray[np.float32]) -> Floats:
        """The cosine (-1..1) of each row to the nearest training text; 0 where there is nothing to compare."""
        if not self.rows.size or not sentences.shape[1]:
            return np.zeros(len(sentences))
        found: Floats = (_unit(sentences) @ self.rows.T).max(1).astype(np.float64)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What models said of texts that they were not trained on: `scores` (heads, n, classes). `labels` is -1 where the
    intent was unknown too. `coverage` and `nearness` are to what the model had seen. `fair` marks texts of whose intent
    the model had any example."""

    scores: Floats
    labels: Labels
    coverage: Floats
    nearness: Floats
    fair: NDArray[np.bool_]

    def mixed(self, shares: Floats) -> Floats:
        found: Floats = np.tensordot(shares, self.scores, 1)
        return found


def heads_for(rows: Table, labels: Labels) -> Mapping[str, Fit]:
    """The heads that these texts are worth, by name."""
    if not rows.sentences.shape[1]:
        return {"words": fit_words}
    if len(labels) < MANY_EXAMPLES * len(np.unique(labels)):
        return {"meaning": fit_meaning, "both": fit_both}
    return {"words": fit_words, "meaning": fit_meaning, "both": fit_margins, "frequency": fit_frequency}


def fit_all(heads: Mapping[str, Fit], rows: Table, labels: Labels, classes: int) -> list[Weights]:
    present = np.unique(labels)
    if len(present) == 1:
        bias = np.full(classes, NEVER, np.float32)
        bias[present] = 0
        return [Weights(np.zeros((rows.width, classes), np.float32), bias)] * len(heads)
    return [fit(rows, labels, classes) for fit in heads.values()]


def blend(heads: Sequence[Weights], shares: Floats) -> Weights:
    """One linear model that gives the heads' scores, each times its share, added up."""
    matrix = np.zeros_like(heads[0].matrix)
    bias = np.zeros_like(heads[0].bias)
    for head, share in zip(heads, shares.tolist(), strict=True):
        matrix += np.float32(share) * head.matrix
        bias += np.float32(share) * head.bias
    return Weights(matrix, bias)


def held_out(
    heads: Mapping[str, Fit], rows: Table, labels: Labels, classes: int, report: Callable[[float], None]
) -> tuple[HeldOut, HeldOut]:
    """What is said of texts whose intent was known (cross-validation); and by models of some intents alone, of texts of
    the others beside as fairly many of their own: what a model of fewer intents says of all is not to be compared with
    what one of all intents does."""
    count = FOLDS if len(rows) * classes < LARGE else FOLDS_OF_MANY
    place = folds(labels, count)
    # intents are dealt to the folds as texts are: the more are left out at once, the fewer models are needed
    group = np.random.default_rng(SEED).permutation(classes) % FOLDS_OF_MANY
    texts = [place == fold for fold in range(count)]
    intents = [group[labels] == fold for fold in range(FOLDS_OF_MANY)]
    jobs = [(test, labels) for test in texts if test.any() and len(np.unique(labels[~test])) > 1]
    known = len(jobs)
    for apart, beside in zip(intents, texts, strict=False):
        test = apart | beside
        if apart.any() and len(np.unique(labels[~test])) > 1:
            jobs.append((test, np.where(apart, -1, labels)))
    judged: list[HeldOut] = []
    for test, truth in jobs:
        judged.append(_judge(heads, rows, labels, test, truth, classes))
        report(len(judged) / len(jobs))
    return _join(judged[:known], len(heads), classes), _join(judged[known:], len(heads), classes)


def _judge(
    heads: Mapping[str, Fit], rows: Table, labels: Labels, test: NDArray[np.bool_], truth: Labels, classes: int
) -> HeldOut:
    train, texts = rows[~test], rows[test]
    grams = texts.grams
    # as the featurizer would have it, had it seen only the training texts
    seen = np.zeros(grams.shape[1])
    seen[train.grams.indices] = 1
    coverage = np.asarray(grams.multiply(grams) @ seen).ravel()
    length = np.sqrt(np.where(coverage > 0, coverage, 1))
    scores = np.stack(
        [
            (grams @ head.matrix[: len(seen)]) / length[:, None]
            + texts.sentences @ head.matrix[len(seen) :]
            + head.bias
            for head in fit_all(heads, train, labels[~test], classes)
        ]
    )
    nearness = Neighbours.of(train.sentences, labels[~test]).nearness(texts.sentences)
    return HeldOut(scores, truth[test], coverage, nearness, np.isin(labels[test], labels[~test]))


def _join(parts: Sequence[HeldOut], heads: int, classes: int) -> HeldOut:
    if not parts:
        nothing = np.empty(0)
        return HeldOut(np.empty((heads, 0, classes)), np.empty(0, np.intp), nothing, nothing, np.empty(0, np.bool_))
    return HeldOut(
        np.concatenate([part.scores for part in parts], 1),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.coverage for part in parts]),
        np.concatenate([part.nearness for part in parts]),
        np.concatenate([part.fair for part in parts]),
    )


def best_shares(known: HeldOut) -> Floats:
    """How much each head counts: the shares, above 0, of least log loss on held-out texts whose intent was known.

    They are sought on a logarithmic scale, with a slight pull towards 1: on little data all heads have a say.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - heavy

    scores, labels = known.scores[:, known.fair], known.labels[known.fair]
    heads = len(scores)
    if not len(labels):
        return np.ones(heads)
    rows = np.arange(len(labels))

    def loss(at: Floats) -> tuple[float, Floats]:
        shares = np.exp(at)
        mixed = np.tensordot(shares, scores, 1)
        raised = np.exp(mixed - mixed.max(1, keepdims=True))
        chances = raised / raised.sum(1, keepdims=True)
        right = np.maximum(chances[rows, labels], 1e-12)
        slope = np.array([((chances * one).sum(1) - one[rows, labels]).mean() for one in scores]) * shares
        return float(-np.log(right).mean() + PULL * (at**2).sum()), slope + 2 * PULL * at

    found: Any = minimize(loss, np.zeros(heads), jac=True, method="L-BFGS-B", bounds=[(-5.0, 3.0)] * heads)
    return np.exp(np.asarray(found.x, np.float64))


PULL = 1e-3
"""Of each share towards 1, beside the mean log loss."""


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(length > 0, length, 1)).astype(np.float32)
