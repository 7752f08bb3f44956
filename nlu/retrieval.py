"""Answers to frequent questions: the answer whose known questions, and whose own words, are most like a text.

The likeness is one number per answer: by sentence vectors where the pipeline has them, else by TF-IDF.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import sqrt
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting

from config.source import Strict
from nlu.calibration import Calibration, calibrate
from nlu.component import Component, Corpus, Field, register
from nlu.doc import Doc, Features, Vector
from nlu.features import essence, width_of
from nlu.linear import folds
from nlu.meaning import Answer
from nlu.normalize import Normalized

STRANGERS = 0.3
"""How much texts that ask for no answer weigh against the known questions, when confidence is calibrated."""


ANSWER_WEIGHT = 0.5
"""How much an answer's own words count beside the questions that it answers (1), where n-grams are compared."""
MEAN, OWN_WORDS = 0.5, 0.4
"""The same where sentence vectors are: how much the mean of an answer's questions counts beside the nearest of them
(together 1), and its own words. Cross-validated on 48 answers: the nearest alone finds 77 %, with both 86 %."""
FOLDS = 5


@dataclass(frozen=True, slots=True, eq=False)
class LexicalIndex:
    """Inverted: `answers[starts[c]:starts[c + 1]]` are the answers with n-gram `c`, `values` its weights there."""

    size: int
    starts: NDArray[np.intp]
    answers: NDArray[np.int32]
    values: NDArray[np.float32]

    @classmethod
    def of(cls, questions: Sequence[Features], owner: NDArray[np.intp], words: Sequence[Features]) -> Self:
        """`owner[i]` is the answer to question `i`; `words` are the answers' own, in order.

        An answer is its questions' mean direction, and some of its own words': in cross-validation this found
        the right one half as often again as the single most similar question did.
        """
        asked = _summed(questions, owner)
        length = np.sqrt(np.bincount(asked[0], asked[2] ** 2, len(words)))
        own = _summed(words, np.arange(len(words)))
        answers = np.concatenate([asked[0], own[0]])
        columns = np.concatenate([asked[1], own[1]])
        values = np.concatenate([asked[2] / length[asked[0]], ANSWER_WEIGHT * own[2]])
        order = np.argsort(columns, kind="stable")
        starts = np.searchsorted(columns[order], np.arange(columns.max(initial=-1) + 2))
        return cls(
            len(words), starts.astype(np.intp), answers[order].astype(np.int32), values[order].astype(np.float32)
        )

    def likeness(self, doc: Doc) -> NDArray[np.float64]:
        known = doc.features.columns < len(self.starts) - 1
        columns, weights = doc.features.columns[known], doc.features.values[known]
        first = self.starts[columns]
        lengths = self.starts[columns + 1] - first
        # every posting of every column, one after the other
        places = np.repeat(first - (lengths.cumsum() - lengths), lengths) + np.arange(lengths.sum())
        share = self.values[places] * np.repeat(weights, lengths)
        total: NDArray[np.float64] = np.bincount(self.answers[places], share, self.size).astype(np.float64)
        # what the index does not know is part of the text's length too
        return total * sqrt(doc.features.coverage)


@dataclass(frozen=True, slots=True, eq=False)
class DenseIndex:
    """`questions[i]` (n, dimensions), of length 1, is answered by `owner[i]`, which never falls; `answers` (answers,
    dimensions) are what each answer is about: the mean direction of its questions, and some of its own words."""

    questions: NDArray[np.float32]
    owner: NDArray[np.intp]
    answers: NDArray[np.float32]

    @classmethod
    def of(cls, questions: Sequence[Vector], owner: NDArray[np.intp], words: Sequence[Vector]) -> Self:
        order = np.argsort(owner, kind="stable")
        rows = _unit(np.stack([questions[i] for i in order.tolist()]))
        own = np.stack([word if len(word) else np.zeros_like(rows[0]) for word in words])
        centres = np.zeros_like(own)
        np.add.at(centres, owner[order], rows)
        return cls(rows, owner[order], MEAN * _unit(centres) + OWN_WORDS * _unit(own))

    def likeness(self, doc: Doc) -> NDArray[np.float64]:
        """The cosine to the most similar question counts as much as that to the mean of them all.

        N-grams are not mixed in: a question in other words is what a vector is for, and there they only mislead."""
        text = _unit(doc.sentence[None, :])[0]
        nearest = np.full(len(self.answers), -1.0)
        np.maximum.at(nearest, self.owner, (self.questions @ text).astype(np.float64))
        total: NDArray[np.float64] = (1 - MEAN) * nearest + self.answers @ text
        return total


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(length > 0, length, 1)).astype(np.float32)


def index_of(asked: Sequence[Doc], owner: NDArray[np.intp], words: Sequence[Doc]) -> LexicalIndex | DenseIndex:
    """By meaning where the texts have sentence vectors, else by n-grams."""
    if all(len(doc.sentence) for doc in asked):
        return DenseIndex.of([doc.sentence for doc in asked], owner, [doc.sentence for doc in words])
    return LexicalIndex.of([doc.features for doc in asked], owner, [doc.features for doc in words])


Entries = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]


def _summed(rows: Sequence[Features], owner: NDArray[np.intp]) -> Entries:
    """(owner, column, value) of the sum of each owner's rows, every pair of owner and column once."""
    columns = np.concatenate([row.columns for row in rows])
    owners = np.repeat(owner, [len(row.columns) for row in rows])
    width = int(columns.max(initial=0)) + 1
    places, which = np.unique(owners * width + columns, return_inverse=True)
    values = np.bincount(which, np.concatenate([row.values for row in rows]), len(places))
    return places // width, places % width, values.astype(np.float64)


SILENT = Doc("", datetime(2000, 1, 1, tzinfo=UTC), Normalized("", "", (), ()))
"""Stands for an answer whose words are not known."""


class RetrievalOptions(Strict):
    threshold: float = Setting(0.3, ge=0, le=1)
    """Answers less certain than this are not offered."""
    top: int = Setting(3, ge=1, le=20)
    retrieval_intent: str = ""
    """Only this retrieval intent is answered here; empty: all of them."""


@register
@dataclass(frozen=True, slots=True)
class FaqRetriever(Component):
    """Offers the best answers of the retrieval intents (`faq/shipping_fee`), each with a calibrated confidence."""

    name: ClassVar[str] = "FaqRetriever"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized", "features"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"answers"})
    options: ClassVar[type[Strict]] = RetrievalOptions

    setting: RetrievalOptions
    keys: tuple[str, ...]
    index: LexicalIndex | DenseIndex | None
    calibration: Calibration
    by_heart: Mapping[str, str] = field(repr=False)
    """The essence of a known question -> the key of its answer."""
    measured: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dense(self) -> bool:
        return isinstance(self.index, DenseIndex)

    @classmethod
    def train(cls, options: RetrievalOptions, corpus: Corpus) -> Self:
        asked: list[tuple[str, Doc]] = []
        others: list[Doc] = []
        for example, doc in zip(corpus.data.examples, corpus.docs, strict=True):
            if example.retrieval and options.retrieval_intent in ("", example.label):
                asked.append((example.intent, doc))
            else:
                others.append(doc)
        if not asked:
            return cls(options, (), None, Calibration(), {})
        docs = [doc for _, doc in asked]
        keys = tuple(sorted({key for key, _ in asked}))
        owner = np.array([keys.index(key) for key, _ in asked], np.intp)
        words = [corpus.answers.get(key, SILENT) for key in keys]
        calibration, measured = _calibrate(docs, owner, words, others)
        by_heart = {essence(doc.normalized.text): key for key, doc in asked}
        by_heart.pop("", None)
        return cls(options, keys, index_of(docs, owner, words), calibration, by_heart, measured)

    @classmethod
    def load(cls, options: RetrievalOptions, folder: Path) -> Self:
        kept = json.loads((folder / "retrieval.json").read_text("utf-8"))
        index = None
        if kept["keys"]:
            with np.load(folder / "index.npz", allow_pickle=False) as arrays:
                index = (
                    DenseIndex(arrays["questions"], arrays["owner"], arrays["answers"])
                    if "questions" in arrays
                    else LexicalIndex(len(kept["keys"]), arrays["starts"], arrays["answers"], arrays["values"])
                )
        calibration = Calibration.from_dict(kept["calibration"])
        return cls(options, tuple(kept["keys"]), index, calibration, kept["by_heart"], kept["measured"])

    def save(self, folder: Path) -> None:
        kept = {
            "keys": self.keys,
            "calibration": self.calibration.to_dict(),
            "by_heart": self.by_heart,
            "measured": self.measured,
        }
        (folder / "retrieval.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        match self.index:
            case LexicalIndex(starts=starts, answers=answers, values=values):
                np.savez(folder / "index.npz", starts=starts, answers=answers, values=values)
            case DenseIndex(questions, owner, answers):
                np.savez(folder / "index.npz", questions=questions, owner=owner, answers=answers)

    def __call__(self, doc: Doc) -> Doc:
        if self.index is None or not (len(doc.sentence) if self.dense else len(doc.features.columns)):
            return doc
        chances = self.calibration.probabilities(self.index.likeness(doc), doc.features.coverage).tolist()
        found = dict(zip(self.keys, chances, strict=True))
        known = self.by_heart.get(essence(doc.normalized.text))
        if known is not None:
            found = dict.fromkeys(found, 0.0) | {known: 1.0}
        best = sorted(found.items(), key=lambda pair: -pair[1])[: self.setting.top]
        answers = [Answer(key, chance) for key, chance in best if chance >= self.setting.threshold]
        return replace(doc, answers=(*doc.answers, *answers))


def _calibrate(
    asked: Sequence[Doc], owner: NDArray[np.intp], words: Sequence[Doc], others: Sequence[Doc]
) -> tuple[Calibration, dict[str, float]]:
    """Calibrated on each known question as if it had not been known, and on texts that ask for no answer."""
    scores = np.empty((len(asked) + len(others), len(words)))
    place = folds(owner, FOLDS)
    for fold in range(FOLDS):
        kept = np.flatnonzero(place != fold)
        index = index_of([asked[i] for i in kept.tolist()], owner[kept], words)
        for i in np.flatnonzero(place == fold).tolist():
            scores[i] = index.likeness(asked[i])
    whole = index_of(asked, owner, words)
    for at, doc in enumerate(others, len(asked)):
        scores[at] = whole.likeness(doc)
    labels = np.concatenate([owner, np.full(len(others), -1, np.intp)])
    weight = np.concatenate([np.ones(len(asked)), np.full(len(others), STRANGERS * len(asked) / max(1, len(others)))])
    right = scores[: len(asked)].argmax(1) == owner
    measured = {"held_out_accuracy": round(float(right.mean()), 4)}
    return calibrate(scores, labels, _shared((*asked, *others)), weight), measured


def _shared(docs: Sequence[Doc]) -> NDArray[np.float64]:
    """The coverage that each doc would have if it alone had not been trained on."""
    count = np.zeros(width_of(docs))
    for doc in docs:
        count[doc.features.columns] += 1
    return np.array([float((doc.features.values**2)[count[doc.features.columns] > 1].sum()) for doc in docs])
