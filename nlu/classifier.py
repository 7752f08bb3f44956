"""The intent: linear models over n-grams and sentence vectors, trained by scikit-learn, served by numpy alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from config.source import Strict
from nlu.calibration import Calibration, Familiarity, Floats, calibrate, expected_error, separation
from nlu.component import Component, Corpus, Field, NoOptions, register
from nlu.doc import Doc
from nlu.features import essence, width_of
from nlu.heads import HeldOut, Neighbours, best_shares, blend, fit_all, heads_for, held_out
from nlu.linear import Labels, Weights, table_of, unfinished_is_good_enough
from nlu.meaning import FALLBACK_INTENT, Intent

STRANGERS = 0.1
"""The share of customers' texts that is taken to be about none of the intents, when confidence is calibrated."""


WRONG = 1.0
"""How much worse a wrong answer is than a question back, where a right one is 1 better."""
CONFIDENCES = tuple(round(0.05 * i, 2) for i in range(3, 15))
NEAR = tuple(round(0.05 * i, 2) for i in range(15))

_SPEECH = re.compile(r"\w")
"""Emoji and punctuation alone are no question, unless the training data says what they mean."""


@register
@dataclass(frozen=True, slots=True)
class LinearIntentClassifier(Component):
    """Ranks all intents with calibrated confidence; a sentence of the training data is known by heart."""

    name: ClassVar[str] = "LinearIntentClassifier"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized", "features"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"intent"})
    options: ClassVar[type[Strict]] = NoOptions

    intents: tuple[str, ...]
    weights: Weights
    calibration: Calibration
    familiarity: Familiarity
    neighbours: Neighbours = field(repr=False)
    by_heart: Mapping[str, str] = field(repr=False)
    """The essence of a training sentence -> its intent, where all data agrees on it."""
    measured: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def train(cls, options: NoOptions, corpus: Corpus) -> Self:
        intents = tuple(sorted({example.label for example in corpus.data.examples}))
        labels = np.array([intents.index(example.label) for example in corpus.data.examples], np.intp)
        table = table_of(corpus.docs, width_of((*corpus.docs, *corpus.answers.values())))
        heads = heads_for(table, labels)
        with unfinished_is_good_enough():
            known, unknown = held_out(heads, table, labels, len(intents), lambda done: corpus.report(0.9 * done))
            shares = best_shares(known)
            weights = blend(fit_all(heads, table, labels, len(intents)), shares)
        judged = _Judged.of(known, unknown, shares)
        measured = {
            "heads": {name: round(share, 3) for name, share in zip(heads, shares.tolist(), strict=True)},
            **judged.measured(),
        }
        neighbours = Neighbours.of(table.sentences, labels)
        by_heart = _by_heart(corpus)
        return cls(intents, weights, judged.calibration, judged.familiarity, neighbours, by_heart, measured)

    @classmethod
    def load(cls, options: NoOptions, folder: Path) -> Self:
        kept = json.loads((folder / "classifier.json").read_text("utf-8"))
        matrix = np.load(folder / "weights.npy", allow_pickle=False)
        neighbours = np.load(folder / "neighbours.npy", allow_pickle=False)
        return cls(
            tuple(kept["intents"]),
            Weights(matrix[:-1], matrix[-1]),
            Calibration.from_dict(kept["calibration"]),
            Familiarity.from_dict(kept["familiarity"]),
            Neighbours(neighbours),
            kept["by_heart"],
            kept["measured"],
        )

    def save(self, folder: Path) -> None:
        kept = {
            "intents": self.intents,
            "calibration": self.calibration.to_dict(),
            "familiarity": self.familiarity.to_dict(),
            "by_heart": self.by_heart,
            "measured": self.measured,
        }
        (folder / "classifier.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        np.save(folder / "weights.npy", np.vstack([self.weights.matrix, self.weights.bias]), allow_pickle=False)
        np.save(folder / "neighbours.npy", self.neighbours.rows, allow_pickle=False)

    def __call__(self, doc: Doc) -> Doc:
        if not doc.normalized.text:
            return doc
        known = self.by_heart.get(essence(doc.normalized.text))
        if known is None and not (len(doc.features.columns) and _SPEECH.search(doc.normalized.text)):
            return replace(doc, intent=FALLBACK_INTENT, confidence=1.0, familiarity=0.0)
        coverage = doc.features.coverage
        scores = self.weights.scores(doc.features, doc.sentence)
        nearness = float(self.neighbours.nearness(doc.sentence[None, :])[0])
        chances = self.calibration.probabilities(scores, coverage)
        familiarity = 1.0 if known is not None else self.familiarity.chance(scores, nearness, coverage)
        ranking = [Intent(name, chance) for name, chance in zip(self.intents, chances.tolist(), strict=True)]
        if known is not None:
            ranking = [Intent(known, 1.0), *(Intent(one.name, 0.0) for one in ranking if one.name != known)]
        ranking.sort(key=lambda one: -one.confidence)
        return replace(
            doc,
            intent=ranking[0].name,
            confidence=ranking[0].confidence,
            ranking=tuple(ranking),
            familiarity=familiarity,
        )


SHARES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5)


def _by_heart(corpus: Corpus) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for doc, example in zip(corpus.docs, corpus.data.examples, strict=True):
        found.setdefault(essence(doc.normalized.text), set()).add(example.label)
    return {text: min(labels) for text, labels in found.items() if text and len(labels) == 1}


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """What cross-validation tells: `scores` of all heads together, of texts of known intents (`labels` 0 and above) and
    of those whose intent was left out (-1), which `weight` makes STRANGERS of all."""

    scores: Floats
    labels: Labels
    weight: Floats
    sure: Floats
    familiar: Floats
    calibration: Calibration
    familiarity: Familiarity

    @classmethod
    def of(cls, known: HeldOut, unknown: HeldOut, shares: Floats) -> Self:
        strange = unknown.labels < 0
        scores = np.concatenate([known.mixed(shares), unknown.mixed(shares)[strange]])
        labels = np.concatenate([known.labels, unknown.labels[strange]])
        coverage = np.concatenate([known.coverage, unknown.coverage[strange]])
        nearness = np.concatenate([known.nearness, unknown.nearness[strange]])
        weight = _weights(labels)
        calibration = calibrate(scores, labels, coverage, weight)
        familiarity = Familiarity(calibration.temperature).fitted(
            unknown.mixed(shares), unknown.nearness, unknown.coverage, ~strange, _weights(unknown.labels)
        )
        pairs = zip(scores, coverage, strict=True)
        sure = np.array([calibration.probabilities(row, seen).max() for row, seen in pairs])
        familiar = familiarity.chances(scores, nearness, coverage) if len(scores) else np.empty(0)
        return cls(scores, labels, weight, sure, familiar, calibration, familiarity)

    def measured(self) -> dict[str, Any]:
        """Accuracy, calibration error, and how well strangers are told (AUROC), on sentences that the judging model
        was not trained on; and the thresholds that serve best."""
        inside = self.labels >= 0
        if not inside.any():
            return {}
        right = self.scores.argmax(1) == self.labels
        return {
            "held_out_accuracy": round(float(right[inside].mean()), 4),
            "calibration_error": round(expected_error(self.sure[inside], right[inside]), 4),
            "familiarity_auroc": round(separation(self.familiar[inside], self.familiar[~inside]), 4),
            "thresholds": best_thresholds(self.sure, self.familiar, right, self.weight),
            "right_confidences": _quantiles(self.sure[inside & right]),
        }


def _quantiles(sure: Floats) -> list[tuple[float, float]]:
    """(share, the confidence that this share does not reach); none where nothing was understood."""
    return [(share, round(float(np.quantile(sure, share)), 4)) for share in SHARES] if len(sure) else []


def _weights(labels: Labels) -> Floats:
    """Strangers (-1) weigh STRANGERS of all."""
    strange = int((labels < 0).sum())
    each = STRANGERS / (1 - STRANGERS) * (len(labels) - strange) / max(1, strange)
    return np.where(labels >= 0, 1.0, each)


def best_thresholds(sure: Floats, familiar: Floats, right: NDArray[np.bool_], weight: Floats) -> dict[str, float]:
    """The least confidence and familiarity of a text that is believed which serve customers best, on held-out texts:
    one that is rightly believed counts 1, one that is asked about 0, one that is wrongly believed -WRONG. Of equals
    those that believe more."""
    gain = np.where(right, 1.0, -WRONG) * weight
    served = {
        (least, near): float(gain[(sure >= least) & (familiar >= near)].sum()) for least in CONFIDENCES for near in NEAR
    }
    least, near = max(served, key=lambda pair: (round(served[pair], 6), -pair[0], -pair[1]))
    return {"confidence": least, "familiarity": near}
