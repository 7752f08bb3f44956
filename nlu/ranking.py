"""What all classifiers of intents share: sentences known by heart, and the ranking that a text gets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from nlu.calibration import Floats
from nlu.component import Corpus
from nlu.doc import Doc
from nlu.features import essence
from nlu.meaning import Intent

STRANGERS = 0.1
"""The share of customers' texts that is taken to be about none of the intents, when confidence is calibrated."""
SPEECH = re.compile(r"\w")
"""Emoji and punctuation alone are no question, unless the training data says what they mean."""


def by_heart(corpus: Corpus) -> Mapping[str, str]:
    """The essence of a training sentence -> its intent, where all data agrees on it."""
    found: dict[str, set[str]] = {}
    for doc, example in zip(corpus.docs, corpus.data.examples, strict=True):
        found.setdefault(essence(doc.normalized.text), set()).add(example.label)
    return {text: min(labels) for text, labels in found.items() if text and len(labels) == 1}


def ranked(doc: Doc, intents: Sequence[str], chances: Floats, known: str | None, familiarity: float) -> Doc:
    """The doc with all intents, best first; one that is `known` by heart is certain."""
    ranking = [Intent(name, chance) for name, chance in zip(intents, chances.tolist(), strict=True)]
    if known is not None:
        ranking = [Intent(known, 1.0), *(Intent(one.name, 0.0) for one in ranking if one.name != known)]
        familiarity = 1.0
    ranking.sort(key=lambda one: -one.confidence)
    best = ranking[0]
    return replace(doc, intent=best.name, confidence=best.confidence, familiarity=familiarity, ranking=tuple(ranking))


def share_of_any(chances: Floats) -> float:
    """How familiar a text is by its intents' chances alone."""
    return min(1.0, float(chances.sum()))
