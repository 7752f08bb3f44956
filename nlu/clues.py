"""What a character's label may be told by: its neighbours, its word, what lists and rules find there, what the sentence
is about, and what a transformer thinks of it.

Measured on Chinese service texts (16 and 28 kinds of entities): words and rules each add half a point of F1; what the
sentence is about (its words, its vector) 2 to 7, since 4.5分 is of a restaurant or of a hotel by what else is said;
states of a transformer 1 to 9. Parts of speech added nothing beside these.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nlu.doc import Doc, States, Token

Clues = dict[str, float]
"""By name; how much of it there is."""
Matrix = NDArray[np.float32]

STATE_WEIGHT = 0.5
SENTENCE_WEIGHT = 0.2
WORD_WEIGHT = 0.2
"""Less than the 1 of a clue in place: what is known of many characters at once must not drown what stands there."""
_HAN_DIGITS = frozenset("〇零一二两三四五六七八九十百千万亿半几")
_LEAST_SPREAD = 1e-6
"""Directions with less of the greatest spread than this hold rounding errors alone."""


class Hit(NamedTuple):
    """What a list or a rule found in the normalised text."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Axes:
    """The directions in which rows differ most, each scaled to a variance of 1 (principal components, whitened)."""

    mean: Matrix = field(repr=False)
    turn: Matrix = field(repr=False)
    """(dimensions, kept)"""

    @classmethod
    def of(cls, batches: Iterable[tuple[Matrix, Matrix]], kept: int) -> Self:
        """`batches` of rows (n, dimensions) and their weights (n,); at most `kept` directions. No row is held."""
        count = 0.0
        total: NDArray[Any] = np.zeros(0)
        products: NDArray[Any] = np.zeros((0, 0))
        for rows, weights in batches:
            if not count:
                total, products = np.zeros(rows.shape[1]), np.zeros((rows.shape[1], rows.shape[1]))
            weighted = rows * weights[:, None]
            count += float(weights.sum())
            total += weighted.sum(0)
            products += weighted.T @ rows
        if not count:
            return cls(np.zeros(0, np.float32), np.zeros((0, 0), np.float32))
        mean = total / count
        spread, turn = np.linalg.eigh(products / count - np.outer(mean, mean))
        best = [at for at in np.argsort(-spread)[:kept] if spread[at] > _LEAST_SPREAD * max(spread[-1], 1e-12)]
        return cls(mean.astype(np.float32), (turn[:, best] / np.sqrt(spread[best])).astype(np.float32))

    def __call__(self, rows: NDArray[np.floating]) -> Matrix:
        """(n, dimensions) -> (n, kept)"""
        near: Matrix = rows.astype(np.float32) - self.mean
        return np.asarray(near @ self.turn, np.float32)

    def fits(self, rows: NDArray[np.floating]) -> bool:
        return bool(self.turn.size) and rows.shape[-1] == len(self.mean)


NO_AXES = Axes(np.zeros(0, np.float32), np.zeros((0, 0), np.float32))


def state_axes(docs: Iterable[Doc], kept: int) -> Axes:
    """Of the states of all characters: a piece counts as often as it has characters."""
    given = (doc.states for doc in docs if doc.states.spans)
    return Axes.of(((one.rows.astype(np.float32), _lengths(one)) for one in given), kept)


def _lengths(states: States) -> Matrix:
    return np.array([end - start for start, end in states.spans], np.float32)


def sentence_axes(docs: Iterable[Doc], kept: int) -> Axes:
    return Axes.of(((doc.sentence[None], np.ones(1, np.float32)) for doc in docs if len(doc.sentence)), kept)


def clues(doc: Doc, words: Sequence[Token], hits: Iterable[Hit], states: Axes, sentence: Axes) -> list[Clues]:
    """The clues of each character of the normalised text.

    `words` are cut without the bot's own dictionary: that has the marked values in it, so that in training every entity
    would be one word, and no other ever is (measured: 5 points of F1 lost).
    """
    text = doc.normalized.text
    everywhere = _everywhere(doc, words, sentence)
    found = [{**everywhere, **near} for near in _characters(text)]
    _words(found, words)
    _hits(found, hits)
    if states.fits(doc.states.rows):
        _states(found, doc.states, states)
    return found


def _everywhere(doc: Doc, words: Iterable[Token], axes: Axes) -> Clues:
    """What is known of the sentence as a whole."""
    found = {f"has={word.text}": WORD_WEIGHT for word in words}
    if axes.fits(doc.sentence):
        found |= {f"about{n}": SENTENCE_WEIGHT * value for n, value in enumerate(axes(doc.sentence[None])[0].tolist())}
    return found | {"": 1.0}


def _characters(text: str) -> Iterable[Clues]:
    chars = ["<<", "<", *text, ">", ">>"]
    shapes = [shape(char) for char in chars]
    for at in range(2, len(chars) - 2):
        before2, before, char, after, after2 = chars[at - 2 : at + 3]
        yield {
            f"-2{before2}": 1.0, f"-1{before}": 1.0, f"0{char}": 1.0, f"+1{after}": 1.0, f"+2{after2}": 1.0,
            f"-10{before}{char}": 1.0, f"0+1{char}{after}": 1.0,
            f"shape{shapes[at]}": 1.0, f"shapes{''.join(shapes[at - 1 : at + 2])}": 1.0,
        }  # fmt: skip


def shape(char: str) -> str:
    """digit, chinese digit, latin, han, blank, mark; or the edge of the text."""
    if char in ("<<", "<", ">", ">>"):
        return "e"
    if char.isdigit():
        return "d"
    if char in _HAN_DIGITS:
        return "n"
    if char.isascii():
        return "l" if char.isalpha() else "b" if char == " " else "m"
    return "h" if char.isalpha() else "m"


def _words(found: Sequence[Clues], words: Sequence[Token]) -> None:
    texts = ["<", *(word.text for word in words), ">"]
    for n, word in enumerate(words, 1):
        last = word.end - 1
        for at in range(word.start, word.end):
            place = "s" if word.start == last else "b" if at == word.start else "e" if at == last else "m"
            found[at] |= {
                f"place{place}": 1.0, f"word{word.text}": 1.0, f"word{place}{word.text}": 1.0,
                f"before{texts[n - 1]}": 1.0, f"after{texts[n + 1]}": 1.0,
            }  # fmt: skip


def _hits(found: Sequence[Clues], hits: Iterable[Hit]) -> None:
    named: list[list[str]] = [[] for _ in found]
    for hit in hits:
        for at in range(hit.start, hit.end):
            named[at].append(f"{'b' if at == hit.start else 'i'}-{hit.name}")
    for at, names in enumerate(named):
        found[at] |= {f"hit{name}": 1.0 for name in names}
        for name in named[at - 1] if at else ():
            found[at][f"hit-1{name}"] = 1.0
        for name in named[at + 1] if at + 1 < len(named) else ():
            found[at][f"hit+1{name}"] = 1.0


def _states(found: Sequence[Clues], states: States, axes: Axes) -> None:
    names = [f"state{n}" for n in range(axes.turn.shape[1])]
    for (start, end), row in zip(states.spans, (STATE_WEIGHT * axes(states.rows)).tolist(), strict=True):
        told = dict(zip(names, row, strict=True))
        for at in range(start, min(end, len(found))):
            found[at] |= told
