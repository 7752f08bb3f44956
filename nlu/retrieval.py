"""Answers to frequent questions: the question that was asked before and is most like this one.

The likeness is a number per known question, made by an `Index`; the lexical one here is the cosine of TF-IDF
vectors. A dense encoder is another `Index`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import sqrt
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting

from config.source import Strict
from nlu.calibration import Calibration, calibrate
from nlu.component import Component, Corpus, Field, register
from nlu.doc import Doc, Features
from nlu.features import essence
from nlu.meaning import Answer

STRANGERS = 0.3
"""How much texts that ask for no answer weigh against the known questions, when confidence is calibrated."""


class Index(Protocol):
    """Known questions, in a fixed order, and how like each of them a text is."""

    def likeness(self, doc: Doc) -> NDArray[np.float64]:
        """One number per known question, 1 for the same question."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LexicalIndex:
    """An inverted index: `rows[starts[c]:starts[c + 1]]` are the questions with n-gram `c`, `values` its weights."""

    size: int
    starts: NDArray[np.intp]
    rows: NDArray[np.int32]
    values: NDArray[np.float32]

    @classmethod
    def of(cls, questions: Sequence[Features]) -> Self:
        columns = np.concatenate([one.columns for one in questions])
        rows = np.concatenate([np.full(len(one.columns), i, np.int32) for i, one in enumerate(questions)])
        values = np.concatenate([one.values for one in questions])
        order = np.argsort(columns, kind="stable")
        starts = np.searchsorted(columns[order], np.arange(int(columns.max(initial=-1)) + 2))
        return cls(len(questions), starts.astype(np.intp), rows[order], values[order])

    def likeness(self, doc: Doc) -> NDArray[np.float64]:
        known = doc.features.columns < len(self.starts) - 1
        columns, weights = doc.features.columns[known], doc.features.values[known]
        first = self.starts[columns]
        lengths = self.starts[columns + 1] - first
        # every posting of every column, one after the other
        skipped = np.repeat(first - (lengths.cumsum() - lengths), lengths)
        places = skipped + np.arange(len(skipped))
        share = self.values[places] * np.repeat(weights, lengths)
        total = np.bincount(self.rows[places], share, self.size)
        # cosine: what the index does not know is part of the text's length too
        return total * sqrt(doc.features.coverage)


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
    owner: NDArray[np.intp] = field(repr=False, compare=False)
    """The place in `keys` of each known question's answer."""
    index: LexicalIndex | None
    calibration: Calibration
    by_heart: Mapping[str, str] = field(repr=False)
    measured: Mapping[str, Any] = field(default_factory=dict)

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
            return cls(options, (), np.empty(0, np.intp), None, Calibration(), {})
        docs = [doc for _, doc in asked]
        keys = tuple(sorted({key for key, _ in asked}))
        owner = np.array([keys.index(key) for key, _ in asked], np.intp)
        index = LexicalIndex.of([doc.features for doc in docs])
        calibration, measured = _leave_one_out(index, owner, docs, others)
        by_heart = {essence(doc.normalized.text): key for key, doc in asked}
        by_heart.pop("", None)
        return cls(options, keys, owner, index, calibration, by_heart, measured)

    @classmethod
    def load(cls, options: RetrievalOptions, folder: Path) -> Self:
        kept = json.loads((folder / "retrieval.json").read_text("utf-8"))
        index = None
        if kept["keys"]:
            with np.load(folder / "index.npz", allow_pickle=False) as arrays:
                index = LexicalIndex(len(kept["owner"]), arrays["starts"], arrays["rows"], arrays["values"])
        calibration = Calibration.from_dict(kept["calibration"])
        owner = np.array(kept["owner"], np.intp)
        return cls(options, tuple(kept["keys"]), owner, index, calibration, kept["by_heart"], kept["measured"])

    def save(self, folder: Path) -> None:
        kept = {
            "keys": self.keys,
            "owner": self.owner.tolist(),
            "calibration": self.calibration.to_dict(),
            "by_heart": self.by_heart,
            "measured": self.measured,
        }
        (folder / "retrieval.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        if self.index is not None:
            index = self.index
            np.savez(folder / "index.npz", starts=index.starts, rows=index.rows, values=index.values)

    def __call__(self, doc: Doc) -> Doc:
        if self.index is None or not len(doc.features.columns):
            return doc
        scores = _best_of_each(self.owner, len(self.keys), self.index.likeness(doc))
        chances = self.calibration.probabilities(scores, doc.features.coverage).tolist()
        found = dict(zip(self.keys, chances, strict=True))
        known = self.by_heart.get(essence(doc.normalized.text))
        if known is not None:
            found = dict.fromkeys(found, 0.0) | {known: 1.0}
        best = sorted(found.items(), key=lambda pair: -pair[1])[: self.setting.top]
        answers = [Answer(key, chance) for key, chance in best if chance >= self.setting.threshold]
        return replace(doc, answers=(*doc.answers, *answers))


def _best_of_each(owner: NDArray[np.intp], keys: int, likeness: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each answer is as like the text as its most similar question."""
    best = np.zeros(keys)
    np.maximum.at(best, owner, likeness)
    return best


def _leave_one_out(
    index: LexicalIndex, owner: NDArray[np.intp], asked: Sequence[Doc], others: Sequence[Doc]
) -> tuple[Calibration, dict[str, float]]:
    """Calibrated on each known question as if it had not been known, and on texts that ask for no answer."""
    keys = int(owner.max()) + 1
    scores = np.empty((len(asked) + len(others), keys))
    labels = np.full(len(scores), -1, np.intp)
    siblings = np.bincount(owner, minlength=keys)
    for i, doc in enumerate((*asked, *others)):
        likeness = index.likeness(doc)
        if i < len(asked):
            likeness[i] = 0
            labels[i] = owner[i] if siblings[owner[i]] > 1 else -1
        scores[i] = _best_of_each(owner, keys, likeness)
    weight = np.ones(len(scores))
    weight[len(asked) :] = STRANGERS * len(asked) / max(1, len(others))
    calibration = calibrate(scores, labels, _shared((*asked, *others)), weight)
    answerable = labels >= 0
    right = scores.argmax(1)[answerable] == labels[answerable]
    return calibration, {"held_out_accuracy": round(float(right.mean()), 4)} if len(right) else {}


def _shared(docs: Sequence[Doc]) -> NDArray[np.float64]:
    """The coverage that each doc would have if it alone had not been trained on."""
    width = 1 + max(int(doc.features.columns.max(initial=0)) for doc in docs)
    count = np.zeros(width)
    for doc in docs:
        count[doc.features.columns] += 1
    return np.array([float((doc.features.values**2)[count[doc.features.columns] > 1].sum()) for doc in docs])
