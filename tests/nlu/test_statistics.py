"""The report's statistics against scipy, scikit-learn, and counting by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import f1_score, roc_auc_score

from nlu.evaluation.statistics import Spread, auroc, caught, f1_difference, macro_f1_difference, mcnemar, wilson

SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=30)


@given(SCORES, SCORES)
def test_auroc_is_that_of_scikit_learn_with_ties(inside: list[float], outside: list[float]) -> None:
    truth = [1] * len(inside) + [0] * len(outside)
    expected = roc_auc_score(truth, inside + outside)
    assert auroc(np.array(inside), np.array(outside)) == pytest.approx(expected)


def test_nothing_to_tell_apart_is_a_guess() -> None:
    assert auroc(np.array([]), np.array([1.0])) == 0.5


def test_what_is_caught_costs_at_most_the_false_alarms_allowed() -> None:
    inside = np.arange(100) / 100
    assert caught(inside, np.array([-1.0, 0.02, 0.049, 0.05, 0.9])) == pytest.approx(3 / 5)
    assert (inside < 0.05).mean() == 0.05
    assert caught(np.array([]), inside) == 0.0


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_a_two_sided_binomial_test(better: int, worse: int) -> None:
    found = mcnemar(better, worse)
    count = better + worse
    expected = binomtest(min(better, worse), count).pvalue if count else 1.0
    assert found.exact == pytest.approx(expected)
    assert found == mcnemar(worse, better)
    assert 0 < found.mid <= found.exact <= 1


def test_mid_p_is_as_published() -> None:
    # Fagerland, Lydersen, Laake 2013 (BMC Medical Research Methodology 13:91), airway hyper-responsiveness: 1 and 7
    found = mcnemar(1, 7)
    assert (round(found.exact, 4), round(found.mid, 4)) == (0.0703, 0.0391)


def test_mcnemar_of_many_sentences_does_not_overflow() -> None:
    assert mcnemar(4000, 4000).exact == 1.0
    assert mcnemar(4000, 2000).mid < 1e-100


@given(st.integers(1, 300), st.data())
def test_the_interval_of_a_share_is_that_of_scipy(count: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, count))
    expected = binomtest(right, count).proportion_ci(method="wilson")
    assert wilson(right / count, count) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_a_difference_of_f1_is_that_of_scikit_learn_and_lies_in_its_interval() -> None:
    dice = np.random.default_rng(1)
    labels = dice.integers(0, 5, 300)
    first = np.where(dice.random(300) < 0.6, labels, dice.integers(0, 5, 300))
    second = np.where(dice.random(300) < 0.9, labels, dice.integers(0, 5, 300))
    found = macro_f1_difference(labels, first, second, 5)
    assert found.first == pytest.approx(f1_score(labels, first, average="macro"))
    assert found.second == pytest.approx(f1_score(labels, second, average="macro"))
    assert found.low < found.second - found.first < found.high
    assert found.certain
    assert not macro_f1_difference(labels, first, first, 5).certain


def test_micro_f1_is_counted_over_all_sentences() -> None:
    first = np.array([[1, 2, 2], [0, 1, 1], [2, 2, 3]])
    found = f1_difference(first, np.array([[2, 2, 2], [1, 1, 1], [3, 3, 3]]))
    assert (found.first, found.second) == (pytest.approx(2 * 3 / (5 + 6)), 1.0)
    nothing = f1_difference(np.zeros((3, 3), np.intp), np.zeros((3, 3), np.intp))
    assert (nothing.first, nothing.low, nothing.high) == (0.0, 0.0, 0.0)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    dice = np.random.default_rng(7)
    covered = 0
    for _ in range(60):
        truth = np.ones(150, np.intp)
        first, second = (dice.random(150) < 0.7).astype(np.intp), (dice.random(150) < 0.8).astype(np.intp)
        rows = [np.stack([right, truth, truth], 1) for right in (first, second)]
        found = f1_difference(rows[0], rows[1])
        covered += found.low <= 0.1 <= found.high
    assert 52 <= covered <= 60


def test_a_spread_is_mean_and_sample_deviation() -> None:
    assert Spread.of([0.8, 0.9]) == Spread(pytest.approx(0.85), pytest.approx(np.std([0.8, 0.9], ddof=1)), (0.8, 0.9))  # type: ignore[arg-type]
    assert Spread.of([0.5]).deviation == 0.0
