"""TF-IDF over words (1-2-grams) and characters (1-4-grams), counted by hand so that serving needs only numpy."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log, sqrt
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from config.source import Strict
from nlu.component import Component, Corpus, Field, register
from nlu.doc import Doc, Features, Token
from nlu.fuzzy.sounds import sounded

CHAR_WEIGHTS = (1.0, 0.7, 0.3, 0.1)
"""For n-grams of 1 to 4 characters. A long one is rare, and by its idf alone would drown what it is made of:
measured on three sets of service texts, this is worth 1 to 3 points of accuracy."""
PAIR_WEIGHT = 0.3
"""For two neighbouring words, beside 1 for a word."""
CODE = "#"
"""Stands for every order number, amount and other code: which one it was says nothing about the intent."""
_CODE = re.compile(r"[a-z0-9_\-.@]*[0-9][a-z0-9_\-.@]*")
_SHORT = 3
"""Codes up to this length stay as they are: 4g, 618, 12点."""
_SKIP = re.compile(r"[^\w#\u2600-\u27bf\U0001f000-\U0001faff]+")


def word_grams(tokens: Sequence[Token]) -> dict[str, float]:
    """Words and pairs of neighbouring words, without punctuation; the value is the weight before idf."""
    words = [_mask(token.text) for token in tokens]
    words = [word for word in words if not _SKIP.fullmatch(word)]
    pairs = (f"{a} {b}" for a, b in pairwise(words))
    return _weighed(words, 1.0) | _weighed(pairs, PAIR_WEIGHT)


def char_grams(text: str) -> dict[str, float]:
    """Substrings of 1 to 4 characters; ^ and $ mark the ends of the text. Punctuation is passed over."""
    inner = essence(text)
    if not inner:
        return {}
    edged = f"^{inner}$"
    grams = _weighed(inner, CHAR_WEIGHTS[0])
    for length, weight in enumerate(CHAR_WEIGHTS[1:], 2):
        grams |= _weighed([edged[i : i + length] for i in range(len(edged) - length + 1)], weight)
    return grams


SOUND_WEIGHT = 0.3
"""For one sound, beside 1 for a pair: alone it says little, since 上海 ends as 嗨 sounds."""


def sound_grams(text: str) -> dict[str, float]:
    """Sounds, and pairs of neighbouring ones; three in a row are worth nothing more. Punctuation is passed over."""
    heard = sounded(essence(text))
    return _weighed(heard, SOUND_WEIGHT) | _weighed(map("".join, pairwise(heard)), 1.0)


def essence(text: str) -> str:
    """The text without punctuation and spaces, codes masked: what two wordings of one sentence share."""
    return _SKIP.sub("", _mask(text))


def _mask(text: str) -> str:
    return _CODE.sub(lambda match: CODE if len(match[0]) > _SHORT else match[0], text)


def _weighed(grams: Iterable[str], weight: float) -> dict[str, float]:
    """Twice is a little more than once: weight * (1 + ln(count))."""
    found: dict[str, float] = {}
    counts: dict[str, int] = {}
    for gram in grams:
        count = counts[gram] = counts.get(gram, 0) + 1
        found[gram] = weight if count == 1 else weight * (1 + log(count))
    return found


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The n-grams of training: each one's column, counted from `first`, and its inverse document frequency."""

    columns: Mapping[str, int]
    idf: tuple[float, ...]
    first: int
    unseen: float
    """The idf of an n-gram that no training text holds."""

    @classmethod
    def learn(cls, documents: Iterable[Mapping[str, float]], first: int) -> Self:
        """idf is ln((1 + n) / (1 + df)) + 1."""
        seen: Counter[str] = Counter()
        count = 0
        for grams in documents:
            seen.update(grams.keys())
            count += 1
        names = sorted(seen)
        idf = tuple(log((1 + count) / (1 + seen[name])) + 1 for name in names)
        return cls.of(names, idf, first, log((1 + count) / 2) + 1)

    @classmethod
    def of(cls, names: Iterable[str], idf: Iterable[float], first: int, unseen: float) -> Self:
        return cls({name: first + i for i, name in enumerate(names)}, tuple(idf), first, unseen)

    def weigh(self, grams: Mapping[str, float]) -> tuple[list[int], list[float], float]:
        """Columns, their weights, and the squared length of what is not known."""
        columns: list[int] = []
        found: list[float] = []
        unknown = 0.0
        known, idf, first = self.columns, self.idf, self.first
        for gram, weight in grams.items():
            column = known.get(gram)
            if column is None:
                unknown += (weight * self.unseen) ** 2
            else:
                columns.append(column)
                found.append(weight * idf[column - first])
        return columns, found, unknown


class TfidfOptions(Strict):
    sounds: bool = True
    """What the text sounds like counts too, so that a homophone by mistake changes little."""


@register
@dataclass(frozen=True, slots=True)
class TfidfFeaturizer(Component):
    """Words, characters and sounds beside each other in one sparse vector."""

    name: ClassVar[str] = "TfidfFeaturizer"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized", "tokens"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"features"})
    options: ClassVar[type[Strict]] = TfidfOptions

    vocabularies: tuple[Vocabulary, ...]
    """Of words and characters, and of sounds where they count."""

    @classmethod
    def train(cls, options: TfidfOptions, corpus: Corpus) -> Self:
        docs = (*corpus.docs, *corpus.answers.values())
        made: list[Vocabulary] = []
        for _, grams in SHARES[3 if options.sounds else 2]:
            first = sum(len(one.columns) for one in made)
            made.append(Vocabulary.learn((grams(doc) for doc in docs), first))
        return cls(tuple(made))

    @classmethod
    def load(cls, options: TfidfOptions, folder: Path) -> Self:
        kept = json.loads((folder / "vocabulary.json").read_text("utf-8"))
        idf = np.load(folder / "idf.npy", allow_pickle=False).tolist()
        made: list[Vocabulary] = []
        for names in kept["grams"]:
            first = sum(len(one.columns) for one in made)
            made.append(Vocabulary.of(names, idf[first : first + len(names)], first, kept["unseen"]))
        return cls(tuple(made))

    def save(self, folder: Path) -> None:
        kept = {"grams": [list(one.columns) for one in self.vocabularies], "unseen": self.vocabularies[0].unseen}
        (folder / "vocabulary.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        idf = [weight for one in self.vocabularies for weight in one.idf]
        np.save(folder / "idf.npy", np.array(idf), allow_pickle=False)

    def __call__(self, doc: Doc) -> Doc:
        columns: list[int] = []
        values: list[float] = []
        coverage = 0.0
        for vocabulary, (share, grams) in zip(self.vocabularies, SHARES[len(self.vocabularies)], strict=True):
            found, weights, unknown = vocabulary.weigh(grams(doc))
            known = sum(weight * weight for weight in weights)
            if known:
                scale = sqrt(share / known)
                columns += found
                values += [weight * scale for weight in weights]
                coverage += share * known / (known + unknown)
        return replace(doc, features=Features(np.array(columns, np.intp), np.array(values, np.float32), coverage))


Grams = Callable[[Doc], Mapping[str, float]]


def _words(doc: Doc) -> Mapping[str, float]:
    return word_grams(doc.tokens)


def _chars(doc: Doc) -> Mapping[str, float]:
    return char_grams(doc.normalized.text)


def _sounds(doc: Doc) -> Mapping[str, float]:
    return sound_grams(doc.normalized.text)


SHARES: Mapping[int, tuple[tuple[float, Grams], ...]] = {
    2: ((0.5, _words), (0.5, _chars)),
    3: ((0.4, _words), (0.4, _chars), (0.2, _sounds)),
}
"""How much of a text's squared length each kind has, by how many kinds there are. Sounds at 0.2 are worth about two
points of accuracy on sentences with wrong homophones and cost nothing on others; at 0.3 more, but then short texts
that no example resembles are too easily taken for one that sounds a little like them."""


def width_of(docs: Iterable[Doc]) -> int:
    """One more than the highest column; no text has a higher one, where these are the docs of the training."""
    return 1 + max((int(doc.features.columns.max(initial=0)) for doc in docs), default=0)
