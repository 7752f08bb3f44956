"""How like a text is to what each answer is about: by sentence vectors, or by n-grams where there are none.

Vectors and n-grams are never mixed: a question in other words is what a vector is for, and there n-grams only mislead
(measured on 745 answers: 66.7 % found at once instead of 76.0 %).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nlu.component import Corpus
from nlu.data import NluData
from nlu.doc import Doc, Features
from nlu.features import TfidfFeaturizer, TfidfOptions, width_of

Floats = NDArray[np.float32]
Places = NDArray[np.intp]

SHORTLIST = 64
"""So many answers are compared with a text to the last wording, and ranked."""
PIECE = 4096
"""Rows that are worked on at once."""
ANSWER_WEIGHT = 0.5
"""How much an answer's own words count beside the questions that it answers (1), where n-grams are compared."""
MEAN, OWN_WORDS, APART = 0.5, 0.4, 0.5
"""The same where sentence vectors are: the mean of an answer's questions beside the nearest of them (together 1), its
own words, and what tells it from the others. Left out one by one on eight sets with two encoders: the nearest question
alone finds 78 % of the shop's answers, with the mean 85 %, with their own words 87 %, with all four 88 %; where
wordings of many answers are close, what tells them apart is worth 1 to 5 points."""
PENALTY = 0.5
"""Of the least squares that tell answers apart; the rows have length 1."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """`answers[i]` is the place of an answer, `scores[i]` its likeness; the best first, SHORTLIST at most. `coverage`
    (0..1) is the share of the text that is known at all, 1 where vectors are compared."""

    answers: Places
    scores: NDArray[np.float64]
    coverage: float


def _ranked(scores: NDArray[np.float64], answers: Places, coverage: float) -> Ranked:
    if len(scores) > SHORTLIST:
        few = np.argpartition(-scores, SHORTLIST)[:SHORTLIST]
        scores, answers = scores[few], answers[few]
    # the first of equals stays the first
    order = np.lexsort((answers, -scores))
    return Ranked(answers[order], scores[order], coverage)


@dataclass(frozen=True, slots=True, eq=False)
class LexicalIndex:
    """Inverted: `answers[starts[c]:starts[c + 1]]` are the answers with n-gram `c`, `values` its weights there. The
    n-grams are the questions' and answers' own, so that the FAQ may change without the rest."""

    size: int
    words: TfidfFeaturizer
    starts: Places
    answers: NDArray[np.int32]
    values: Floats

    @classmethod
    def of(cls, words: TfidfFeaturizer, asked: Sequence[Features], owner: Places, own: Sequence[Features]) -> Self:
        """`owner[i]` is the answer to question `i`; `own` are the answers' words, in order.

        An answer is its questions' mean direction, and some of its own words': in cross-validation this found
        the right one half as often again as the single most similar question did.
        """
        sums = _summed(asked, owner)
        length = np.sqrt(np.bincount(sums[0], sums[2] ** 2, len(own)))
        mine = _summed(own, np.arange(len(own)))
        answers = np.concatenate([sums[0], mine[0]])
        columns = np.concatenate([sums[1], mine[1]])
        values = np.concatenate([sums[2] / length[sums[0]], ANSWER_WEIGHT * mine[2]])
        order = np.argsort(columns, kind="stable")
        starts = np.searchsorted(columns[order], np.arange(columns.max(initial=-1) + 2))
        found = answers[order].astype(np.int32), values[order].astype(np.float32)
        return cls(len(own), words, starts.astype(np.intp), *found)

    def best(self, doc: Doc) -> Ranked | None:
        """None for a text without any known n-gram."""
        return self.ranked(self.words(doc).features)

    def ranked(self, features: Features) -> Ranked | None:
        known = features.columns < len(self.starts) - 1
        columns, weights = features.columns[known], features.values[known]
        if not len(columns):
            return None
        first = self.starts[columns]
        lengths = self.starts[columns + 1] - first
        # every posting of every column, one after the other
        places = np.repeat(first - (lengths.cumsum() - lengths), lengths) + np.arange(lengths.sum())
        share = self.values[places] * np.repeat(weights, lengths)
        total = np.bincount(self.answers[places], share, self.size).astype(np.float64)
        # what the index does not know is part of the text's length too
        return _ranked(total * sqrt(features.coverage), np.arange(self.size), features.coverage)

    def save(self, folder: Path) -> None:
        (folder / "words").mkdir()
        self.words.save(folder / "words")
        np.savez(folder / "index.npz", starts=self.starts, answers=self.answers, values=self.values)


Entries = tuple[Places, Places, NDArray[np.float64]]


def _summed(rows: Sequence[Features], owner: Places) -> Entries:
    """(owner, column, value) of the sum of each owner's rows, every pair of owner and column once."""
    if not rows:
        return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
    columns = np.concatenate([row.columns for row in rows])
    owners = np.repeat(owner, [len(row.columns) for row in rows])
    width = int(columns.max(initial=0)) + 1
    places, which = np.unique(owners * width + columns, return_inverse=True)
    values = np.bincount(which, np.concatenate([row.values for row in rows]), len(places))
    return places // width, places % width, values.astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class DenseIndex:
    """`questions[starts[a]:starts[a + 1]]` (n, dimensions), of length 1, many in half precision, are answered by `a`;
    `answers` (answers, dimensions) are what each answer is about, whatever the wording."""

    questions: NDArray[np.float16] | Floats
    starts: Places
    answers: Floats

    @classmethod
    def of(cls, asked: Floats, owner: Places, words: Floats, kept: Places | None = None) -> Self:
        """`asked` and `words` are of length 1; `owner[i]` answers `asked[i]`, `words[a]` (or zeros) says answer `a`.
        With `kept` the index is of those questions alone."""
        places = np.arange(len(owner)) if kept is None else kept
        places = places[np.argsort(owner[places], kind="stable")]
        starts = np.searchsorted(owner[places], np.arange(len(words) + 1)).astype(np.intp)
        # half precision halves the memory, and takes a quarter of a millisecond for five hundred rows to be undone
        questions = np.empty((len(places), words.shape[1]), np.float16 if len(places) > PIECE else np.float32)
        sums = np.zeros_like(words)
        square = (words.T @ words).astype(np.float64)
        # in pieces: a copy of all the rows of a long FAQ is most of what training may take
        for at in range(0, len(places), PIECE):
            some = places[at : at + PIECE]
            rows = asked[some]
            questions[at : at + PIECE] = rows
            np.add.at(sums, owner[some], rows)
            square += rows.T @ rows
        answers = _apart(square, sums, words)
        answers += np.float32(MEAN) * unit(sums)
        answers += np.float32(OWN_WORDS) * words
        return cls(questions, starts, answers)

    def best(self, doc: Doc) -> Ranked | None:
        """None for a text without a vector."""
        return self.ranked(unit(doc.sentence[None, :])[0]) if len(doc.sentence) else None

    def ranked(self, text: Floats) -> Ranked:
        """The cosine to the most similar question counts beside all that `answers` holds; where there are many answers,
        for those alone that are the likeliest without it."""
        total = (self.answers @ text).astype(np.float64)
        few = np.arange(len(total))
        if len(total) > SHORTLIST:
            few = np.sort(np.argpartition(-total, SHORTLIST)[:SHORTLIST])
        first, lengths = self.starts[few], self.starts[few + 1] - self.starts[few]
        places = np.repeat(first - (lengths.cumsum() - lengths), lengths) + np.arange(lengths.sum())
        nearest = np.full(len(few), -1.0)
        near = (self._rows(places) @ text).astype(np.float64)
        np.maximum.at(nearest, np.repeat(np.arange(len(few)), lengths), near)
        return _ranked(total[few] + (1 - MEAN) * nearest, few, 1.0)

    def _rows(self, places: Places) -> Floats:
        # where every answer is on the shortlist the rows are all of them, in order
        rows = self.questions if len(places) == len(self.questions) else self.questions[places]
        return rows.astype(np.float32, copy=False)

    def save(self, folder: Path) -> None:
        np.savez(folder / "index.npz", questions=self.questions, starts=self.starts, answers=self.answers)


def _apart(square: NDArray[np.float64], sums: Floats, words: Floats) -> Floats:
    """Ridge regression of "is it this answer?" on the vector, for every answer at once, weighed by APART: what is
    common to many answers' questions counts little, what one alone has counts much. `square` is of all rows, `sums`
    of each answer's."""
    inverse = np.linalg.inv(square + PENALTY * np.eye(len(square)))
    found: Floats = (sums + words) @ (APART * inverse).astype(np.float32)
    return found


def unit(rows: Floats) -> Floats:
    """Rows of length 1; zeros stay."""
    found: Floats = rows / _length(rows)
    return found


def _length(rows: Floats) -> Floats:
    """1 for zeros. By the sum of squares: linalg.norm makes a copy of all the rows."""
    length = np.sqrt(np.einsum("...i,...i->...", rows, rows))[..., None]
    return np.where(length > 0, length, 1).astype(np.float32)


def load_index(folder: Path, size: int) -> LexicalIndex | DenseIndex:
    with np.load(folder / "index.npz", allow_pickle=False) as arrays:
        if "questions" in arrays:
            return DenseIndex(arrays["questions"], arrays["starts"], arrays["answers"])
        words = TfidfFeaturizer.load(TfidfOptions(sounds=False), folder / "words")
        return LexicalIndex(size, words, arrays["starts"], arrays["answers"], arrays["values"])


class Dense:
    """Questions and answers by their vectors, from which an index of any part of the questions can be made."""

    def __init__(self, asked: Sequence[Doc], owner: Places, words: Sequence[Doc]) -> None:
        self.owner = owner
        nothing = np.zeros(len(asked[0].sentence), np.float32)
        self.asked = np.stack([doc.sentence for doc in asked])
        self.asked /= _length(self.asked)
        self.words = unit(np.stack([doc.sentence if len(doc.sentence) else nothing for doc in words]))

    def index(self, kept: Places | None = None) -> DenseIndex:
        return DenseIndex.of(self.asked, self.owner, self.words, kept)

    def rank(self, index: DenseIndex, place: int) -> Ranked | None:
        """Of a question that `index` was made without."""
        return index.ranked(self.asked[place])


class Lexical:
    """The same by their n-grams."""

    def __init__(self, asked: Sequence[Doc], owner: Places, words: Sequence[Doc], project: Path) -> None:
        self.owner = owner
        corpus = Corpus(project, NluData(), (*asked, *words))
        self.words = TfidfFeaturizer.train(TfidfOptions(sounds=False), corpus)
        self.asked = [self.words(doc).features for doc in asked]
        self.own = [self.words(doc).features for doc in words]
        self.count = np.zeros(width_of([*map(self.words, asked), *map(self.words, words)]))
        for features in (*self.asked, *self.own):
            self.count[features.columns] += 1

    def index(self, kept: Places | None = None) -> LexicalIndex:
        places = range(len(self.asked)) if kept is None else kept.tolist()
        owner = self.owner if kept is None else self.owner[kept]
        return LexicalIndex.of(self.words, [self.asked[i] for i in places], owner, self.own)

    def rank(self, index: LexicalIndex, place: int) -> Ranked | None:
        """Its n-grams that nothing else has would not be known, had it not been trained on."""
        features = self.asked[place]
        shared = self.count[features.columns] > 1
        coverage = float((features.values[shared] ** 2).sum())
        known = features.values[shared] / np.float32(sqrt(coverage) if coverage else 1)
        return index.ranked(Features(features.columns[shared], known, coverage))
