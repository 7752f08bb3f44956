"""Answers to frequent questions: the answer whose known questions, and whose own words, are most like a text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field as Setting

from config.source import Strict
from nlu.calibration import Calibration, calibrate
from nlu.component import SEED, Component, Corpus, Field, Material, register
from nlu.doc import Doc
from nlu.features import essence
from nlu.likeness import SHORTLIST, Dense, DenseIndex, Lexical, LexicalIndex, Places, Ranked, load_index
from nlu.linear import folds
from nlu.meaning import Answer, Intent
from nlu.normalize import Normalized
from nlu.ranking import SPEECH

STRANGERS = 0.3
"""How much texts that ask for no answer weigh against the known questions, when confidence is calibrated."""
FOLDS = 5
FEW = 5000
"""Up to so many questions each is judged by an index that was made without it; of more, JUDGED of them are left out."""
JUDGED = 1000
"""At most so many texts that ask for no answer are judged."""
WRONG = 0.5
"""A wrong answer costs so much of what a right one is worth, when the threshold is chosen: a customer who asks a
question is better served by a guess than by nothing only while one in three is right."""
NO_THRESHOLD = 0.3
BESIDE = 0.25
"""Behind the best answer those are offered that are at least so likely as this part of it: for the customer to
choose."""

SILENT = Doc("", datetime(2000, 1, 1, tzinfo=UTC), Normalized("", "", (), ()))
"""Stands for an answer whose words are not known."""


class RetrievalOptions(Strict):
    threshold: Annotated[float, Setting(ge=0, le=1)] | Literal["auto"] = "auto"
    """Where the best answer is less certain than this none is offered; `auto`: chosen on the bot's own questions."""
    top: int = Setting(3, ge=1, le=20)
    retrieval_intent: str = ""
    """Only this retrieval intent is answered here; empty: all of them."""


@register
@dataclass(frozen=True, slots=True)
class FaqRetriever(Component):
    """Offers the best answers of the retrieval intents (`faq/shipping_fee`), each with a calibrated confidence."""

    name: ClassVar[str] = "FaqRetriever"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized", "tokens"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"answers"})
    reads: ClassVar[frozenset[Material]] = frozenset({"texts", "intents", "questions"})
    options: ClassVar[type[Strict]] = RetrievalOptions

    setting: RetrievalOptions
    keys: tuple[str, ...]
    titles: tuple[str, ...]
    """The first wording of each answer's questions."""
    index: LexicalIndex | DenseIndex | None
    calibration: Calibration
    threshold: float
    by_heart: Mapping[str, str] = field(repr=False)
    """The essence of a known question -> the key of its answer."""
    measured: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dense(self) -> bool:
        return isinstance(self.index, DenseIndex)

    @classmethod
    def train(cls, options: RetrievalOptions, corpus: Corpus) -> Self:
        # of what is no more than blanks nothing can be learned, and there is no vector of it
        mine = [
            (key, doc)
            for key, doc in corpus.questions
            if doc.normalized.text and options.retrieval_intent in ("", key.partition("/")[0])
        ]
        if not mine:
            return cls(options, (), (), None, Calibration(), NO_THRESHOLD, {})
        docs = [doc for _, doc in mine]
        titles: dict[str, str] = {}
        for key, doc in mine:
            titles.setdefault(key, doc.text)
        keys = tuple(sorted(titles))
        place = {key: i for i, key in enumerate(keys)}
        owner = np.array([place[key] for key, _ in mine], np.intp)
        words = [corpus.question_answers.get(key, SILENT) for key in keys]
        dense = all(len(doc.sentence) for doc in docs)
        known = Dense(docs, owner, words) if dense else Lexical(docs, owner, words, corpus.project)
        judged = _judge(known, owner, corpus.report)
        index = known.index()
        others = _others(options, corpus)
        strangers = [ranked for doc in others if (ranked := index.best(doc)) is not None]
        calibration, threshold, measured = _calibrate(judged, strangers)
        by_heart = {essence(doc.normalized.text): key for key, doc in reversed(mine)}
        by_heart.pop("", None)
        if options.threshold != "auto":
            threshold = options.threshold
        return cls(options, keys, tuple(titles[key] for key in keys), index, calibration, threshold, by_heart, measured)

    @classmethod
    def load(cls, options: RetrievalOptions, folder: Path) -> Self:
        kept = json.loads((folder / "retrieval.json").read_text("utf-8"))
        index = load_index(folder, len(kept["keys"])) if kept["keys"] else None
        calibration = Calibration.from_dict(kept["calibration"])
        keys, titles = tuple(kept["keys"]), tuple(kept["titles"])
        return cls(options, keys, titles, index, calibration, kept["threshold"], kept["by_heart"], kept["measured"])

    def save(self, folder: Path) -> None:
        kept = {
            "keys": self.keys,
            "titles": self.titles,
            "calibration": self.calibration.to_dict(),
            "threshold": self.threshold,
            "by_heart": self.by_heart,
            "measured": self.measured,
        }
        (folder / "retrieval.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        if self.index is not None:
            self.index.save(folder)

    def __call__(self, doc: Doc) -> Doc:
        known = self.by_heart.get(essence(doc.normalized.text))
        if known is not None:
            return _believed(replace(doc, answers=(*doc.answers, Answer(known, 1.0, doc.text))), known)
        # signs alone have a vector too, but ask nothing
        if self.index is None or not SPEECH.search(doc.normalized.text):
            return doc
        ranked = self.index.best(doc)
        if ranked is None:
            return doc
        chances = self.calibration.probabilities(ranked.scores, ranked.coverage).tolist()
        if chances[0] < self.threshold:
            return doc
        offered = islice(zip(ranked.answers.tolist(), chances, strict=True), self.setting.top)
        least = BESIDE * chances[0]
        answers = [Answer(self.keys[i], chance, self.titles[i]) for i, chance in offered if chance >= least]
        return replace(doc, answers=(*doc.answers, *answers))


def _believed(doc: Doc, key: str) -> Doc:
    """A question that is known by heart is of its retrieval intent, unless another intent has the very sentence too:
    the classifier has seen only some of a long FAQ's questions."""
    label = key.partition("/")[0]
    if not doc.intent or doc.intent == label or doc.confidence == 1.0:
        return doc
    ranking = (Intent(label, 1.0), *(Intent(one.name, 0.0) for one in doc.ranking if one.name != label))
    return replace(doc, intent=label, confidence=1.0, ranking=ranking)


def _others(options: RetrievalOptions, corpus: Corpus) -> list[Doc]:
    """Texts that ask for none of the answers here, JUDGED at most."""
    found = [
        doc
        for example, doc in zip(corpus.data.examples, corpus.docs, strict=True)
        if not example.retrieval or options.retrieval_intent not in ("", example.label)
    ]
    if len(found) <= JUDGED:
        return found
    return [found[i] for i in sorted(np.random.default_rng(SEED).permutation(len(found))[:JUDGED].tolist())]


Judged = list[tuple[Ranked, int]]
"""What an index said of a question that it did not know, and the place of the right answer."""


def _judge(known: Any, owner: Places, report: Callable[[float], None]) -> Judged:
    if len(owner) <= FEW:
        place = folds(owner, FOLDS)
        tests = [np.flatnonzero(place == fold) for fold in range(FOLDS)]
    else:
        tests = [np.sort(np.random.default_rng(SEED).permutation(len(owner))[:JUDGED])]
    found: Judged = []
    for done, test in enumerate(tests):
        index = known.index(np.setdiff1d(np.arange(len(owner)), test, assume_unique=True))
        for i in test.tolist():
            if (ranked := known.rank(index, i)) is not None:
                found.append((ranked, int(owner[i])))
        report((done + 1) / (len(tests) + 1))
    return found


def _calibrate(judged: Judged, strangers: Sequence[Ranked]) -> tuple[Calibration, float, dict[str, float]]:
    """Calibrated on questions that were not known, and on texts that ask for no answer; with the threshold that is
    worth most on them."""
    if not judged:
        return Calibration(), NO_THRESHOLD, {}
    every = [*(ranked for ranked, _ in judged), *strangers]
    width = min(SHORTLIST, max(len(ranked.scores) for ranked in every))
    scores = np.full((len(every), width), -1e9)
    for row, ranked in zip(scores, every, strict=True):
        row[: len(ranked.scores)] = ranked.scores
    # which place in the ranking is the right one; none where it is not among the likeliest
    truth = [np.flatnonzero(ranked.answers == answer) for ranked, answer in judged]
    labels = np.array([*(int(at[0]) if len(at) else -1 for at in truth), *([-1] * len(strangers))], np.intp)
    coverage = np.array([ranked.coverage for ranked in every])
    stranger = STRANGERS * len(judged) / max(1, len(strangers))
    weight = np.concatenate([np.ones(len(judged)), np.full(len(strangers), stranger)])
    calibration = calibrate(scores, labels, coverage, weight)
    pairs = zip(scores, coverage, strict=True)
    sure = np.array([calibration.probabilities(row, share)[0] for row, share in pairs])
    threshold = _threshold(sure, labels == 0, weight)
    places = labels[: len(judged)]
    measured = {
        "held_out_accuracy": round(float((places == 0).mean()), 4),
        "held_out_top3": round(float(((places >= 0) & (places < 3)).mean()), 4),
        "threshold": threshold,
    }
    return calibration, threshold, measured


def _threshold(sure: NDArray[np.float64], right: NDArray[np.bool_], weight: NDArray[np.float64]) -> float:
    """The least confidence from which on answers are worth most: right ones count 1, wrong ones -WRONG."""
    grid = np.arange(0.1, 0.7, 0.05)
    worth = weight * np.where(right, 1.0, -WRONG)
    return round(float(max(grid, key=lambda least: float(worth[sure >= least].sum()))), 2)
