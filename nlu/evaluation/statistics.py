"""The few statistics that a report needs, in numpy: how well two groups are told apart, how far a share may be chance,
and whether two systems differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, sqrt
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nlu.component import SEED

Floats = NDArray[np.float64]
Z_95 = 1.959963984540054
RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing: their mean and standard deviation (0 for a single one)."""

    mean: float
    deviation: float
    values: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """`values` is not empty."""
        deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
        return cls(float(np.mean(values)), deviation, tuple(values))


@dataclass(frozen=True, slots=True)
class McNemar:
    """The chance of a difference at least this large between equals, two-sided: `exact` by the binomial distribution,
    `mid` counting the observed outcome half (Fagerland, Lydersen, Laake 2013), which is less cautious."""

    exact: float
    mid: float


@dataclass(frozen=True, slots=True)
class Difference:
    """`second - first` of a score, and the 95 % interval in which it lies (paired bootstrap over sentences)."""

    first: float
    second: float
    low: float
    high: float

    @property
    def certain(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


def auroc(inside: Floats, outside: Floats) -> float:
    """The chance that a member of `inside` scores higher than one of `outside`; ties count half (Mann-Whitney U)."""
    if not len(inside) or not len(outside):
        return 0.5
    ordered = np.sort(outside)
    below, upto = np.searchsorted(ordered, inside, "left"), np.searchsorted(ordered, inside, "right")
    return float((below + upto).sum() / 2 / len(inside) / len(outside))


def caught(inside: Floats, outside: Floats, alarms: float = 0.05) -> float:
    """The share of `outside` below the threshold that at most the share `alarms` of `inside` falls below."""
    if not len(inside) or not len(outside):
        return 0.0
    threshold = np.sort(inside)[int(alarms * len(inside))]
    return float((outside < threshold).mean())


def mcnemar(better: int, worse: int) -> McNemar:
    """Of `better + worse` sentences that two systems judge unlike, whether the split is more than chance."""
    count, few = better + worse, min(better, worse)
    if better == worse:
        # everything is at least as extreme; half of the observed outcome is taken off for mid-p
        return McNemar(1.0, 1.0 - comb(count, few) / 2**count / 2 if count else 1.0)
    tail = sum(comb(count, k) for k in range(few + 1))
    return McNemar(min(1.0, 2 * tail / 2**count), (2 * tail - comb(count, few)) / 2**count)


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share seen in `count` trials (Wilson 1927)."""
    if not count:
        return 0.0, 1.0
    middle = share + Z_95**2 / (2 * count)
    reach = Z_95 * sqrt(share * (1 - share) / count + Z_95**2 / (4 * count**2))
    scale = 1 + Z_95**2 / count
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def f1_difference(first: NDArray[np.intp], second: NDArray[np.intp]) -> Difference:
    """Of micro F1; each row is a sentence's (right, predicted, marked) counts, by either system."""
    weights = resamples(len(first))
    return _difference(_micro(weights, first), _micro(weights, second))


def macro_f1_difference(
    labels: NDArray[np.intp], first: NDArray[np.intp], second: NDArray[np.intp], classes: int
) -> Difference:
    """Of the mean F1 of the classes that `labels` holds; all three are class numbers per sentence."""
    weights = resamples(len(labels))
    present = np.unique(labels)
    return _difference(*(_macro(weights, labels, guesses, classes, present) for guesses in (first, second)))


def resamples(count: int, times: int = RESAMPLES) -> Floats:
    """(times + 1, count): how often each sentence is drawn; in the first row once each, so that it is the data."""
    dice = np.random.default_rng(SEED)
    drawn = dice.multinomial(count, np.full(count, 1 / count), times) if count else np.zeros((times, 0))
    return np.vstack([np.ones((1, count)), drawn]).astype(np.float64)


def _difference(first: Floats, second: Floats) -> Difference:
    low, high = np.percentile((second - first)[1:], (2.5, 97.5))
    return Difference(float(first[0]), float(second[0]), float(low), float(high))


def _micro(weights: Floats, counts: NDArray[np.intp]) -> Floats:
    right, predicted, marked = (weights @ counts.astype(np.float64)).T
    return _f1(right, predicted, marked)


def _macro(
    weights: Floats, labels: NDArray[np.intp], guesses: NDArray[np.intp], classes: int, present: NDArray[np.intp]
) -> Floats:
    every = np.eye(classes)
    right = weights @ (every[labels] * (labels == guesses)[:, None])
    scores = _f1(right, weights @ every[guesses], weights @ every[labels])
    mean: Floats = scores[:, present].mean(1)
    return mean


def _f1(right: Floats, predicted: Floats, marked: Floats) -> Floats:
    total = predicted + marked
    found: Floats = np.divide(2 * right, total, out=np.zeros_like(right), where=total > 0)
    return found
