"""`MoodAnalyzer`: sentiment, urgency and inclination to complain, by logistic regression over lists of words, n-grams
and, where the pipeline has one, the sentence vector. It learns from sentences that come with the package."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import exp, sqrt
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from config.source import Strict
from nlu.component import Component, Corpus, Field, Material, NoOptions, register
from nlu.doc import Doc, Vector
from nlu.encoder import SentenceEncoder
from nlu.encoders.cache import cache_of, encode_all
from nlu.features import Vocabulary, char_grams
from nlu.mood.examples import Example, read_examples
from nlu.mood.lexicon import NAMES, counts
from nlu.normalize import normalize

COST = 5.0
LIST_WEIGHT = 0.5
"""A word of the lists, beside n-grams of length 1 in all: measured by cross-validation on the sentences."""
_SELDOM = 2
"""An n-gram that fewer sentences have is left out: it tells nothing, and half of them are such."""
_SENTIMENTS = (-1, 0, 1)
"""Columns 2 to 4 of the weights; 0 is urgency and 1 is complaint."""
_DIGITS = 3


@register
@dataclass(frozen=True, slots=True, eq=False)
class MoodAnalyzer(Component):
    """Fills `signals`: `sentiment` from -1 to 1, `urgency` and `complaint` from 0 to 1. A text of blanks has none.

    `weights` is (word lists + n-grams + dimensions of the sentence vector, 5), `bias` (5,).
    """

    name: ClassVar[str] = "MoodAnalyzer"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"signals"})
    options: ClassVar[type[Strict]] = NoOptions
    reads: ClassVar[frozenset[Material]] = frozenset({"texts"})
    """Not for themselves: the encoder's vectors are centred on them."""

    grams: Vocabulary = field(repr=False)
    weights: NDArray[np.float32] = field(repr=False)
    bias: NDArray[np.float32] = field(repr=False)

    @classmethod
    def train(cls, options: NoOptions, corpus: Corpus) -> Self:
        examples = read_examples()
        texts = [normalize(example.text).text for example in examples]
        return cls.learn(examples, texts, _vectors(texts, corpus))

    @classmethod
    def learn(cls, examples: Sequence[Example], texts: Sequence[str], vectors: NDArray[np.float32]) -> Self:
        """From examples, their normalised texts, and their sentence vectors (n, 0 or more dimensions)."""
        from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - heavy

        documents = [char_grams(text) for text in texts]
        seen = Counter(gram for grams in documents for gram in grams)
        often = ({gram: weight for gram, weight in grams.items() if seen[gram] >= _SELDOM} for grams in documents)
        vocabulary = Vocabulary.learn(often, len(NAMES))
        width = len(NAMES) + len(vocabulary.columns)
        table = np.zeros((len(texts), width + vectors.shape[1]), np.float32)
        for row, text, vector in zip(table, texts, vectors, strict=True):
            columns, values = _row(vocabulary, text)
            row[columns] = values
            row[width:] = vector
        parts = []
        for wanted in (
            [example.urgency for example in examples],
            [example.complaint for example in examples],
            [example.sentiment for example in examples],
        ):
            made = LogisticRegression(C=COST, class_weight="balanced", max_iter=500).fit(table, wanted)
            parts.append(np.vstack([made.coef_.T, made.intercept_]))
        whole = np.hstack(parts).astype(np.float32)
        return cls(vocabulary, whole[:-1], whole[-1])

    @classmethod
    def load(cls, options: NoOptions, folder: Path) -> Self:
        kept = json.loads((folder / "grams.json").read_text("utf-8"))
        with np.load(folder / "mood.npz", allow_pickle=False) as arrays:
            vocabulary = Vocabulary.of(kept["grams"], arrays["idf"].tolist(), len(NAMES), kept["unseen"])
            return cls(vocabulary, arrays["weights"], arrays["bias"])

    def save(self, folder: Path) -> None:
        kept = {"grams": list(self.grams.columns), "unseen": self.grams.unseen}
        (folder / "grams.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        np.savez(folder / "mood.npz", idf=np.array(self.grams.idf), weights=self.weights, bias=self.bias)

    def __call__(self, doc: Doc) -> Doc:
        text = doc.normalized.text
        if not text or text.isspace():
            return doc
        urgency, complaint, bad, neutral, good = self.scores(text, doc.sentence)
        most = max(bad, neutral, good)
        shares = [exp(each - most) for each in (bad, neutral, good)]
        sentiment = (shares[2] - shares[0]) / sum(shares)
        signals = {
            "sentiment": round(sentiment, _DIGITS),
            "urgency": round(_chance(urgency), _DIGITS),
            "complaint": round(_chance(complaint), _DIGITS),
        }
        return replace(doc, signals={**doc.signals, **signals})

    def scores(self, text: str, sentence: Vector) -> list[float]:
        """Of urgency, of complaint, and of each of `_SENTIMENTS`, before they become chances."""
        columns, values = _row(self.grams, text)
        found = np.array(values, np.float32) @ self.weights[columns] + self.bias
        width = len(NAMES) + len(self.grams.columns)
        if len(sentence) and len(sentence) == len(self.weights) - width:
            found += sentence @ self.weights[width:]
        scores: list[float] = found.tolist()
        return scores


def _row(vocabulary: Vocabulary, text: str) -> tuple[list[int], list[float]]:
    """Columns and values: what the text has of the lists, then its n-grams, of length 1."""
    columns, values, _ = vocabulary.weigh(char_grams(text))
    length = sqrt(sum(value * value for value in values)) or 1.0
    listed = [(i, LIST_WEIGHT * count) for i, count in enumerate(counts(text)) if count]
    return [i for i, _ in listed] + columns, [count for _, count in listed] + [value / length for value in values]


def _chance(score: float) -> float:
    return 1 / (1 + exp(-max(-50.0, min(50.0, score))))


def _vectors(texts: Sequence[str], corpus: Corpus) -> NDArray[np.float32]:
    """What the sentence encoder before this component makes of `texts`; no dimensions where there is none. They are
    kept in the project's cache: they change with the encoder alone."""
    encoder = next((one for one in corpus.before if isinstance(one, SentenceEncoder)), None)
    if encoder is None:
        return np.empty((len(texts), 0), np.float32)
    columns = []
    for part in encoder.parts:
        cache = cache_of(corpus.project, part.place, "mood-")
        known = replace(part, known=encode_all(part.encoder, texts, cache, corpus.report))
        columns.append(np.stack([known.read(text)[0] for text in texts]))
    return np.hstack(columns)
