"""How sure to be: from a classifier's raw scores to probabilities that come true.

Temperature scaling (Guo et al. 2017, On Calibration of Modern Neural Networks) shares the probability among
the intents; a logistic regression on top (Platt 1999) says how likely the best one is to be right at all, so
that a text about something else, or in unknown words, is unsure of every intent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PRIOR = np.array([1.0, 0.0, 4.0, -2.0])
"""Trust the shares of a text that is half known, and less the less is known: until the evidence outweighs it."""
STRENGTH = 1.0
FAMILIAR_PRIOR = np.array([0.8, 1.0, 1.0, -1.0])
"""Before anything is known, texts of known words that are near to known texts are taken for familiar."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """`temperature` divides the scores; `weights` are for (logit of the best share, its score, coverage, 1)."""

    temperature: float = 1.0
    weights: tuple[float, ...] = tuple(PRIOR)

    def probabilities(self, scores: NDArray[Any], coverage: float) -> Floats:
        """One probability per class; what is missing to 1 is the probability that it is none of them."""
        scaled = np.asarray(scores, np.float64) / self.temperature
        shares = _softmax(scaled)
        best = int(scaled.argmax())
        right = _sigmoid(float(_evidence(shares[best], scaled[best], coverage) @ np.array(self.weights)))
        share = float(shares[best])
        rest = right / share if right < share else (1 - right) / max(1 - share, 1e-12)
        shares *= rest
        shares[best] = right
        return shares

    def to_dict(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "weights": list(self.weights)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        return cls(float(data["temperature"]), tuple(map(float, data["weights"])))


@dataclass(frozen=True, slots=True)
class Familiarity:
    """How likely a text is about any class at all. `weights` are for (energy of the scores, nearness to a training
    text, coverage, 1): the energy, the logarithm of all classes' strengths together, tells strangers better than the
    best share does (Liu et al. 2020, Energy-based Out-of-distribution Detection)."""

    temperature: float = 1.0
    weights: tuple[float, ...] = tuple(FAMILIAR_PRIOR)

    def chance(self, scores: NDArray[Any], nearness: float, coverage: float) -> float:
        signs = self.signs(np.asarray(scores, np.float64)[None, :], np.array([nearness]), np.array([coverage]))
        return float(_sigmoid(signs[0] @ np.array(self.weights)))

    def chances(self, scores: Floats, nearness: Floats, coverage: Floats) -> Floats:
        """The same for rows of scores (n, classes)."""
        found: Floats = _sigmoid(self.signs(scores, nearness, coverage) @ np.array(self.weights))
        return found

    def signs(self, scores: Floats, nearness: Floats, coverage: Floats) -> Floats:
        scaled = scores / self.temperature
        top = scaled.max(1, keepdims=True)
        energy = np.log(np.exp(scaled - top).sum(1)) + top[:, 0]
        return np.stack([energy, nearness, coverage, np.ones(len(scores))], axis=-1)

    def fitted(
        self, scores: Floats, nearness: Floats, coverage: Floats, known: NDArray[np.bool_], weight: Floats
    ) -> Familiarity:
        """Fit on held-out texts: `known` marks those whose class the model knew; without others, as it is."""
        if known.all() or not known.any():
            return self
        found = _logistic(self.signs(scores, nearness, coverage), known, weight, np.array(self.weights))
        return Familiarity(self.temperature, tuple(found.tolist()))

    def to_dict(self) -> dict[str, Any]:
        return {"temperature": self.temperature, "weights": list(self.weights)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Familiarity:
        return cls(float(data["temperature"]), tuple(map(float, data["weights"])))


def separation(familiar: Floats, strange: Floats) -> float:
    """AUROC: how often one of `familiar` is above one of `strange`; equal ones count a half. 0.5 without any."""
    if not len(familiar) or not len(strange):
        return 0.5
    order = np.sort(strange)
    below = np.searchsorted(order, familiar, "left") + np.searchsorted(order, familiar, "right")
    return float(below.mean() / 2 / len(strange))


def calibrate(scores: Floats, labels: NDArray[np.intp], coverage: Floats, weight: Floats) -> Calibration:
    """Fit on held-out scores (n, classes). `labels` is -1 where no class is right; `weight` is per text."""
    inside = labels >= 0
    if not inside.any() or scores.shape[1] < 2:
        return Calibration()
    temperature = _temperature(scores[inside], labels[inside])
    scaled = scores / temperature
    best = scaled.argmax(1)
    shares = np.apply_along_axis(_softmax, 1, scaled)
    rows = np.arange(len(scores))
    evidence = _evidence(shares[rows, best], scaled[rows, best], coverage)
    return Calibration(temperature, tuple(_logistic(evidence, best == labels, weight, PRIOR).tolist()))


def expected_error(confidence: Floats, right: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error: the mean gap of confidence and accuracy over equal-width bins, 0..1."""
    if not len(confidence):
        return 0.0
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[place == b].mean() - right[place == b].mean()) * (place == b).sum()
        for b in range(bins)
        if (place == b).any()
    ]
    return float(sum(gaps) / len(confidence))


def _evidence(share: Any, score: Any, coverage: Any) -> Floats:
    clear = np.clip(share, 1e-6, 1 - 1e-6)
    return np.stack([np.log(clear / (1 - clear)), score, coverage, np.ones_like(clear)], axis=-1)


def _softmax(scores: Floats) -> Floats:
    raised = np.exp(scores - scores.max())
    shares: Floats = raised / raised.sum()
    return shares


def _sigmoid(value: Any) -> Any:
    return 1 / (1 + np.exp(-np.clip(value, -30, 30)))


def _temperature(scores: Floats, labels: NDArray[np.intp]) -> float:
    """The temperature of least log loss, by golden section on its logarithm."""

    def loss(log_t: float) -> float:
        scaled = scores / np.exp(log_t)
        top = scaled.max(1, keepdims=True)
        total = np.log(np.exp(scaled - top).sum(1)) + top[:, 0]
        return float((total - scaled[np.arange(len(labels)), labels]).mean())

    low, high, golden = -5.0, 3.0, (5**0.5 - 1) / 2
    while high - low > 1e-3:
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return float(np.exp((low + high) / 2))


def _logistic(rows: Floats, right: NDArray[np.bool_], weight: Floats, prior: Floats, rounds: int = 50) -> Floats:
    """Maximum a posteriori logistic regression by damped Newton, with a Gaussian prior around `prior`."""

    def loss(at: Floats) -> float:
        sure = rows @ at
        return float(weight @ (np.logaddexp(0, sure) - right * sure) + STRENGTH / 2 * ((at - prior) ** 2).sum())

    found: Floats = prior.copy()
    for _ in range(rounds):
        p = _sigmoid(rows @ found)
        slope = rows.T @ (weight * (right - p)) - STRENGTH * (found - prior)
        curve = (rows * (weight * p * (1 - p))[:, None]).T @ rows + STRENGTH * np.eye(len(found))
        step = np.linalg.solve(curve, slope)
        # a whole step can overshoot where the classes are nearly separable
        while np.abs(step).max() > 1e-6 and loss(found + step) > loss(found):
            step = step / 2
        found = found + step
        if np.abs(step).max() <= 1e-6:
            break
    return found
