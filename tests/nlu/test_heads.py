"""The classifier's heads, how strange a text is, and what is believed of both."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nlu.calibration import Familiarity, separation
from nlu.classifier import LinearIntentClassifier, best_thresholds
from nlu.fallback import FallbackClassifier, FallbackOptions
from nlu.heads import HeldOut, Neighbours, best_shares, blend
from nlu.linear import Weights
from nlu.meaning import FALLBACK_INTENT, Intent, Meaning
from nlu.model import load
from nlu.pipeline import Pipeline, blank
from nlu.training import train
from tests.nlu.small_shop import NLU, NOW, silent, write_project

STRANGE = ["今天股市怎么样", "给我唱首歌", "珠穆朗玛峰有多高", "帮我写一段代码", "明天会下雨吗", "推荐一部电影"]
FAMILIAR = ["我的订单走到哪了", "帮我退款吧", "给我转人工客服", "邮费要多少", "怎么还没收到货", "能给我开个发票吗"]


def classifier(pipeline: Pipeline) -> LinearIntentClassifier:
    (found,) = [one for one in pipeline.components if isinstance(one, LinearIntentClassifier)]
    return found


def told(truth: np.ndarray, *heads: np.ndarray) -> HeldOut:
    n = len(truth)
    return HeldOut(np.stack(heads), truth, np.ones(n), np.zeros(n), np.ones(n, np.bool_))


def test_the_head_that_knows_counts_more_than_the_one_that_guesses() -> None:
    dice = np.random.default_rng(1)
    truth = dice.integers(0, 4, 400)
    knows = 2.0 * np.eye(4)[truth] + dice.normal(0, 0.5, (400, 4))
    guesses = dice.normal(0, 2, (400, 4))
    first, second = best_shares(told(truth, knows, guesses))
    assert first > 1
    assert first > 5 * second


def test_of_intents_that_no_model_had_seen_the_shares_learn_nothing() -> None:
    truth = np.zeros(3, np.intp)
    unseen = replace(told(truth, np.full((3, 2), -10.0), np.zeros((3, 2))), fair=np.zeros(3, np.bool_))
    assert best_shares(unseen).tolist() == [1.0, 1.0]


def test_a_blend_says_what_its_heads_say_together() -> None:
    dice = np.random.default_rng(2)
    heads = [Weights(dice.normal(0, 1, (6, 3)).astype(np.float32), np.arange(3, dtype=np.float32)) for _ in range(2)]
    row = dice.normal(0, 1, 6).astype(np.float32)
    both = blend(heads, np.array([0.5, 2.0]))
    apart = 0.5 * (row @ heads[0].matrix + heads[0].bias) + 2.0 * (row @ heads[1].matrix + heads[1].bias)
    np.testing.assert_allclose(row @ both.matrix + both.bias, apart, rtol=1e-5)


def test_equal_data_gives_equal_numbers(project: Path, model: Path) -> None:
    again = classifier(load(train(project, silent)))
    before = classifier(load(model))
    np.testing.assert_array_equal(again.weights.matrix, before.weights.matrix)
    assert (again.calibration, again.familiarity) == (before.calibration, before.familiarity)


def test_a_bot_with_a_single_intent_is_trained(tmp_path: Path) -> None:
    nlu = 'version: "3.1"\nnlu:\n  - intent: greet\n    examples: |\n      - 你好\n      - 您好\n      - 在吗\n'
    pipeline = load(train(write_project(tmp_path, nlu), silent))
    assert pipeline.parse("你好", NOW).intent == "greet"


def test_nearness_is_the_cosine_to_the_nearest_known_text() -> None:
    known = Neighbours.of(np.array([[3, 0], [0, 2]], np.float32), np.array([0, 1]))
    texts = np.array([[1, 0], [1, 1], [-1, 0]], np.float32)
    np.testing.assert_allclose(known.nearness(texts), [1, 0.5**0.5, 0], atol=1e-6)
    assert Neighbours.of(np.zeros((2, 0), np.float32), np.array([0, 1])).nearness(np.zeros((1, 0), np.float32)) == [0]


def test_strangers_are_less_familiar_than_customers(pipeline: Pipeline) -> None:
    known = np.array([pipeline.parse(text, NOW).familiarity for text in FAMILIAR])
    strange = np.array([pipeline.parse(text, NOW).familiarity for text in STRANGE])
    assert separation(known, strange) > 0.95
    assert (known > 0).all()
    assert (strange < 1).all()


def test_familiarity_is_told_by_the_energy_of_all_scores() -> None:
    signs = Familiarity().signs(np.array([[0.0, 0.0], [2.0, 2.0]]), np.zeros(2), np.ones(2))
    np.testing.assert_allclose(signs[:, 0], [np.log(2), 2 + np.log(2)])


def test_what_is_fitted_tells_texts_of_held_out_intents() -> None:
    dice = np.random.default_rng(3)
    scores = np.concatenate([6 * np.eye(5)[dice.integers(0, 5, 300)], np.zeros((100, 5))])
    scores += dice.normal(0, 1, scores.shape)
    known = np.arange(400) < 300
    nothing, seen = np.zeros(400), np.ones(400)
    found = Familiarity().fitted(scores, nothing, seen, known, np.ones(400))
    chances = found.chances(scores, nothing, seen)
    assert separation(chances[known], chances[~known]) > 0.98
    assert abs(chances.mean() - 0.75) < 0.02
    assert found.chance(scores[0], 0.0, 1.0) == pytest.approx(chances[0])
    assert Familiarity().fitted(scores[known], nothing[known], seen[known], known[known], seen[known]) == Familiarity()


def test_the_separation_is_counted_by_hand() -> None:
    assert separation(np.array([0.9, 0.5]), np.array([0.5, 0.1])) == 0.875
    assert separation(np.array([]), np.array([0.5])) == 0.5


def test_the_thresholds_are_those_that_serve_best() -> None:
    sure = np.array([0.9, 0.8, 0.5, 0.5, 0.5])
    right = np.array([True, True, False, False, True])
    found = best_thresholds(sure, np.ones(5), right, np.ones(5))
    assert 0.5 < found["confidence"] <= 0.8
    assert found["familiarity"] == 0
    strange = np.array([0.9, 0.9, 0.2, 0.2, 0.9])
    found = best_thresholds(sure, strange, right, np.ones(5))
    assert found["confidence"] <= 0.5
    assert 0.2 < found["familiarity"] <= 0.9


def settled(options: FallbackOptions, confidence: float, familiarity: float) -> str:
    chosen = FallbackClassifier.of(options, {"confidence": 0.6, "familiarity": 0.5})
    doc = replace(
        blank("退款", NOW),
        intent="refund",
        confidence=confidence,
        familiarity=familiarity,
        ranking=(Intent("refund", confidence), Intent("greet", 0.0)),
    )
    return chosen(doc).intent


@pytest.mark.parametrize(
    ("given", "confidence", "familiarity", "believed"),
    [
        ({}, 0.65, 0.55, True),
        ({}, 0.55, 0.9, False),
        ({}, 0.9, 0.45, False),
        ({"threshold": 0.3}, 0.35, 0.01, True),  # as before there was any familiarity
        ({"threshold": 0.3}, 0.25, 0.9, False),
        ({"threshold": 0.3, "familiarity_threshold": 0.2}, 0.9, 0.1, False),
        ({"threshold": 0.3, "familiarity_threshold": 0.2}, 0.9, 0.3, True),
        ({"familiarity_threshold": 0.1}, 0.65, 0.2, True),
        ({"familiarity_threshold": 0.1}, 0.55, 0.2, False),
    ],
)
def test_a_threshold_that_is_set_holds_and_one_that_is_not_is_measured(
    given: dict[str, float], confidence: float, familiarity: float, believed: bool
) -> None:
    assert settled(FallbackOptions.model_validate(given), confidence, familiarity) == (
        "refund" if believed else FALLBACK_INTENT
    )


def test_the_measured_thresholds_come_with_the_model(pipeline: Pipeline) -> None:
    measured = classifier(pipeline).measured["thresholds"]
    (fallback,) = [one for one in pipeline.components if isinstance(one, FallbackClassifier)]
    assert (fallback.threshold, fallback.familiarity) == (measured["confidence"], measured["familiarity"])


@pytest.mark.parametrize("option", ["threshold: 1.5", "threshold: sometimes", "familiarity_threshold: -1"])
def test_a_threshold_is_a_share_or_auto(tmp_path: Path, option: str) -> None:
    config = (
        "pipeline:\n  - name: JiebaTokenizer\n  - name: TfidfFeaturizer\n  - name: LinearIntentClassifier\n"
        f"  - name: FallbackClassifier\n    {option}\n"
    )
    with pytest.raises(Exception, match="threshold"):
        train(write_project(tmp_path, NLU, config), silent)


@pytest.mark.parametrize(
    ("chances", "offered"),
    [
        ((0.38, 0.33, 0.05), 2),
        ((0.25, 0.2, 0.18, 0.02), 3),
        ((0.38, 0.05), 1),
        ((0.2, 0.2, 0.2, 0.2, 0.2), 0),  # too many may be meant
        ((0.15, 0.1), 0),  # most likely none is
        ((), 0),
    ],
)
def test_the_fewest_intents_that_hold_most_of_the_chance_are_offered(chances: tuple[float, ...], offered: int) -> None:
    ranking = tuple(Intent(f"i{i}", chance) for i, chance in enumerate(chances))
    assert Meaning("x", FALLBACK_INTENT, ranking=ranking).near_misses() == ranking[:offered]
