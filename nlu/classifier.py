"""The intent: a linear model over sparse features, trained by scikit-learn and served by numpy alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from config.source import Strict
from nlu.calibration import Calibration, calibrate, expected_error
from nlu.component import Component, Corpus, Field, NoOptions, register
from nlu.doc import Doc
from nlu.features import essence, width_of
from nlu.linear import HeldOut, Weights, best_cost, fit, held_out, table_of, unfinished_is_good_enough
from nlu.meaning import FALLBACK_INTENT, Intent

STRANGERS = 0.1
"""The share of customers' texts that is taken to be about none of the intents, when confidence is calibrated."""


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
    by_heart: Mapping[str, str] = field(repr=False)
    """The essence of a training sentence -> its intent, where all data agrees on it."""
    measured: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def train(cls, options: NoOptions, corpus: Corpus) -> Self:
        intents = tuple(sorted({example.label for example in corpus.data.examples}))
        labels = np.array([intents.index(example.label) for example in corpus.data.examples], np.intp)
        table = table_of(corpus.docs, width_of((*corpus.docs, *corpus.answers.values())))
        with unfinished_is_good_enough():
            cost = best_cost(table, labels, len(intents))
            corpus.report(0.2)
            known, unknown = held_out(table, labels, len(intents), cost, lambda done: corpus.report(0.2 + 0.7 * done))
            weights = fit(table, labels, len(intents), cost)
        calibration = _calibrate(known, unknown)
        measured = {"cost": cost, **_measure(calibration, known)}
        return cls(intents, weights, calibration, _by_heart(corpus), measured)

    @classmethod
    def load(cls, options: NoOptions, folder: Path) -> Self:
        kept = json.loads((folder / "classifier.json").read_text("utf-8"))
        matrix = np.load(folder / "weights.npy", allow_pickle=False)
        return cls(
            tuple(kept["intents"]),
            Weights(matrix[:-1], matrix[-1]),
            Calibration.from_dict(kept["calibration"]),
            kept["by_heart"],
            kept["measured"],
        )

    def save(self, folder: Path) -> None:
        kept = {
            "intents": self.intents,
            "calibration": self.calibration.to_dict(),
            "by_heart": self.by_heart,
            "measured": self.measured,
        }
        (folder / "classifier.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        np.save(folder / "weights.npy", np.vstack([self.weights.matrix, self.weights.bias]), allow_pickle=False)

    def __call__(self, doc: Doc) -> Doc:
        if not doc.normalized.text:
            return doc
        known = self.by_heart.get(essence(doc.normalized.text))
        if known is None and not (len(doc.features.columns) and _SPEECH.search(doc.normalized.text)):
            return replace(doc, intent=FALLBACK_INTENT, confidence=1.0)
        chances = self.calibration.probabilities(self.weights.scores(doc.features, doc.sentence), doc.features.coverage)
        ranking = [Intent(name, chance) for name, chance in zip(self.intents, chances.tolist(), strict=True)]
        if known is not None:
            ranking = [Intent(known, 1.0), *(Intent(one.name, 0.0) for one in ranking if one.name != known)]
        ranking.sort(key=lambda one: -one.confidence)
        return replace(doc, intent=ranking[0].name, confidence=ranking[0].confidence, ranking=tuple(ranking))


def _by_heart(corpus: Corpus) -> dict[str, str]:
    found: dict[str, set[str]] = {}
    for doc, example in zip(corpus.docs, corpus.data.examples, strict=True):
        found.setdefault(essence(doc.normalized.text), set()).add(example.label)
    return {text: min(labels) for text, labels in found.items() if text and len(labels) == 1}


def _calibrate(known: HeldOut, unknown: HeldOut) -> Calibration:
    strangers = STRANGERS / (1 - STRANGERS) * len(known.labels) / max(1, len(unknown.labels))
    return calibrate(
        np.concatenate([known.scores, unknown.scores]),
        np.concatenate([known.labels, unknown.labels]),
        np.concatenate([known.coverage, unknown.coverage]),
        np.concatenate([np.ones(len(known.labels)), np.full(len(unknown.labels), strangers)]),
    )


def _measure(calibration: Calibration, known: HeldOut) -> dict[str, float]:
    """Accuracy and calibration error on sentences that the judging model was not trained on."""
    if not len(known.labels):
        return {}
    pairs = zip(known.scores, known.coverage, strict=True)
    sure = np.array([calibration.probabilities(scores, coverage).max() for scores, coverage in pairs])
    right = known.scores.argmax(1) == known.labels
    return {
        "held_out_accuracy": round(float(right.mean()), 4),
        "calibration_error": round(expected_error(sure, right), 4),
    }
