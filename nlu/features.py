"""TF-IDF over words (1-2-grams) and characters (1-4-grams), counted by hand so that serving needs only numpy."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log, sqrt
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from config.source import Strict
from nlu.component import Component, Corpus, Field, NoOptions, register
from nlu.doc import Doc, Features, Token

CHAR_GRAMS = 4
CODE = "#"
"""Stands for every order number, amount and other code: which one it was says nothing about the intent."""
_CODE = re.compile(r"[a-z0-9_\-.@]*[0-9][a-z0-9_\-.@]*")
_SHORT = 3
"""Codes up to this length stay as they are: 4g, 618, 12点."""
_SKIP = re.compile(r"[^\w#\u2600-\u27bf\U0001f000-\U0001faff]+")


def word_grams(tokens: Sequence[Token]) -> Counter[str]:
    """Words and pairs of neighbouring words, without punctuation."""
    words = [_mask(token.text) for token in tokens]
    words = [word for word in words if not _SKIP.fullmatch(word)]
    return Counter(words + [f"{a} {b}" for a, b in pairwise(words)])


def essence(text: str) -> str:
    """The text without punctuation and spaces, codes masked: what two wordings of one sentence share."""
    return _SKIP.sub("", _mask(text))


def char_grams(text: str) -> Counter[str]:
    """Substrings of 1 to 4 characters; ^ and $ mark the ends of the text. Punctuation is passed over."""
    inner = essence(text)
    if not inner:
        return Counter()
    edged = f"^{inner}$"
    size = len(edged)
    grams = list(inner)
    for length in range(2, CHAR_GRAMS + 1):
        grams += [edged[i : i + length] for i in range(size - length + 1)]
    return Counter(grams)


def _mask(text: str) -> str:
    return _CODE.sub(lambda match: CODE if len(match[0]) > _SHORT else match[0], text)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The n-grams of training: each one's column and its inverse document frequency."""

    columns: Mapping[str, int]
    idf: NDArray[np.float32]
    unseen: float
    """The weight of an n-gram that no training text holds."""

    @classmethod
    def learn(cls, documents: Iterable[Counter[str]], first: int) -> Self:
        """Columns count from `first`; idf is ln((1 + n) / (1 + df)) + 1."""
        seen: Counter[str] = Counter()
        count = 0
        for grams in documents:
            seen.update(grams.keys())
            count += 1
        names = sorted(seen)
        idf = np.array([log((1 + count) / (1 + seen[name])) + 1 for name in names], np.float32)
        return cls({name: first + i for i, name in enumerate(names)}, idf, log((1 + count) / 2) + 1)

    def weigh(self, grams: Counter[str]) -> tuple[list[int], list[float], float]:
        """Columns, their weights, and the squared length of everything, the unseen included."""
        columns: list[int] = []
        weights: list[float] = []
        square = 0.0
        known, first = self.columns, next(iter(self.columns.values()), 0)
        idf = self.idf
        for gram, count in grams.items():
            column = known.get(gram)
            weight = 1.0 if count == 1 else 1.0 + log(count)
            if column is None:
                weight *= self.unseen
            else:
                weight *= float(idf[column - first])
                columns.append(column)
                weights.append(weight)
            square += weight * weight
        return columns, weights, square


@register
@dataclass(frozen=True, slots=True)
class TfidfFeaturizer(Component):
    """Words and characters, each of length sqrt(1/2), beside each other in one sparse vector."""

    name: ClassVar[str] = "TfidfFeaturizer"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized", "tokens"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"features"})
    options: ClassVar[type[Strict]] = NoOptions

    words: Vocabulary
    chars: Vocabulary

    @property
    def width(self) -> int:
        return len(self.words.columns) + len(self.chars.columns)

    @classmethod
    def train(cls, options: NoOptions, corpus: Corpus) -> Self:
        words = Vocabulary.learn((word_grams(doc.tokens) for doc in corpus.docs), 0)
        chars = Vocabulary.learn((char_grams(doc.normalized.text) for doc in corpus.docs), len(words.columns))
        return cls(words, chars)

    @classmethod
    def load(cls, options: NoOptions, folder: Path) -> Self:
        kept = json.loads((folder / "vocabulary.json").read_text("utf-8"))
        idf = np.load(folder / "idf.npy", allow_pickle=False)
        first = len(kept["words"])
        return cls(
            Vocabulary({name: i for i, name in enumerate(kept["words"])}, idf[:first], kept["unseen"][0]),
            Vocabulary({name: i for i, name in enumerate(kept["chars"], first)}, idf[first:], kept["unseen"][1]),
        )

    def save(self, folder: Path) -> None:
        kept = {
            "words": list(self.words.columns),
            "chars": list(self.chars.columns),
            "unseen": [self.words.unseen, self.chars.unseen],
        }
        (folder / "vocabulary.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        np.save(folder / "idf.npy", np.concatenate([self.words.idf, self.chars.idf]), allow_pickle=False)

    def __call__(self, doc: Doc) -> Doc:
        columns: list[int] = []
        values: list[float] = []
        for vocabulary, grams in (
            (self.words, word_grams(doc.tokens)),
            (self.chars, char_grams(doc.normalized.text)),
        ):
            found, weights, square = vocabulary.weigh(grams)
            scale = sqrt(0.5 / square) if square else 0.0
            columns += found
            values += [weight * scale for weight in weights]
        array = np.array(values, np.float32)
        return replace(doc, features=Features(np.array(columns, np.intp), array, float(array @ array)))
