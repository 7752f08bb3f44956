"""Confidence that comes true."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nlu.calibration import Calibration, calibrate, expected_error

SCORE = st.floats(-20, 20)


def simulated(sharpness: float, seed: int) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[type-arg]
    """Labels drawn from softmax(scores), told through scores `sharpness` times too bold."""
    dice = np.random.default_rng(seed)
    honest = dice.normal(0, 2, (4000, 6))
    chances = np.exp(honest) / np.exp(honest).sum(1, keepdims=True)
    labels = np.array([dice.choice(6, p=row) for row in chances])
    return honest * sharpness, labels


def test_bold_scores_become_honest() -> None:
    scores, labels = simulated(5.0, 1)
    found = calibrate(scores, labels, np.ones(len(scores)), np.ones(len(scores)))
    fresh, truth = simulated(5.0, 2)
    sure = np.array([found.probabilities(row, 1.0).max() for row in fresh])
    right = fresh.argmax(1) == truth
    assert 4 < found.temperature < 6
    assert expected_error(sure, right) < 0.03
    raw = np.array([Calibration().probabilities(row, 1.0).max() for row in fresh])
    assert expected_error(raw, right) > 0.1


def test_less_is_believed_of_what_is_less_known() -> None:
    sure = [Calibration().probabilities(np.array([3.0, 0.0, 0.0]), coverage).max() for coverage in (0.0, 0.5, 1.0)]
    assert sure == sorted(sure)
    assert sure[0] < 0.75 < sure[2]


def test_strangers_lower_the_confidence_of_what_looks_like_them() -> None:
    scores, labels = simulated(1.0, 3)
    strangers = np.random.default_rng(4).normal(0, 0.3, (2000, 6))
    both = np.concatenate([scores, strangers])
    truth = np.concatenate([labels, np.full(2000, -1)])
    found = calibrate(both, truth, np.ones(6000), np.ones(6000))
    assert np.mean([found.probabilities(row, 1.0).max() for row in strangers]) < 0.2


@given(
    st.lists(SCORE, min_size=1, max_size=8),
    st.floats(0, 1),
    st.floats(0.01, 10),
    st.lists(SCORE, min_size=4, max_size=4),
)
def test_probabilities_never_exceed_certainty_whatever_was_fitted(
    scores: list[float], coverage: float, temperature: float, weights: list[float]
) -> None:
    found = Calibration(temperature, tuple(weights)).probabilities(np.array(scores), coverage)
    assert ((found >= 0) & (found <= 1)).all()
    assert found.sum() <= 1 + 1e-9


def test_without_evidence_nothing_is_fitted() -> None:
    assert calibrate(np.zeros((0, 3)), np.zeros(0, np.intp), np.zeros(0), np.zeros(0)) == Calibration()


def test_the_calibration_error_is_counted_by_hand() -> None:
    assert expected_error(np.array([0.95, 0.95, 0.15, 0.15]), np.array([True, False, False, False])) == 0.3
