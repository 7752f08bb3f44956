"""How surprising a text is as ordinary Chinese: the cost, in nats, of its likeliest cut into words of jieba's
dictionary. What is no word costs much, and there a misspelt value is a better guess."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import log
from typing import Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from nlu.dictionary import cache_file, keep, word_counts
from nlu.fuzzy.keys import LONGEST_TEXT, KeyTable, stretches, symbols, whole_keys

_LONGEST_WORD = 6
_SELDOM = 3
"""Words that jieba's corpus has less often are left out: half of them are names."""
_STRANGE_CHAR = 11.5
"""A character that is no word: no more surprising than a rare one, since customers' texts are full of names."""
_LATIN_RUN, _LATIN_LETTER = 6.0, 2.0
_MARK = 3.0
_HARDLY_A_WORD = 14.5
_RUN = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True, eq=False)
class Ordinary:
    """`costs[i]` is the surprise, -log of the chance, of the word with key `words.keys[i]`."""

    words: KeyTable
    costs: NDArray[np.float16]

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Self:
        total = log(max(1, sum(counts.values())))
        often = [word for word, count in counts.items() if count >= _SELDOM]
        keys, costs = [np.empty(0, np.uint64)], [np.empty(0)]
        for size in range(1, _LONGEST_WORD + 1):
            words = [word for word in often if len(word) == size]
            keys.append(whole_keys(symbols("".join(words)).reshape(-1, size)))
            costs.append(total - np.log(np.array([counts[word] for word in words], float)))
        every = np.concatenate(keys)
        table = KeyTable.of(every, np.arange(len(every), dtype=np.int32))
        return cls(table, np.concatenate(costs)[table.owners].astype(np.float16))

    def cost(self, word: str) -> float:
        """The surprise of `word` as one word; 0 where it is none."""
        _, first, _ = self.words.find(whole_keys(symbols(word)[None, :]))
        return float(self.costs[first[0]]) if len(first) else 0.0

    def read(self, text: str, taken: Iterable[tuple[int, int, float]]) -> Reading:
        """`text` as ordinary words; a stretch of `taken` (start, end, cost) may be had as one word at that cost."""
        edges = self._words(text)
        for start, end, cost in taken:
            edges.setdefault(start, []).append((end, cost))
        before = [0.0] + [1e9] * len(text)
        for start in range(len(text)):
            for end, cost in edges[start]:
                before[end] = min(before[end], before[start] + cost)
        after = [1e9] * len(text) + [0.0]
        for start in range(len(text) - 1, -1, -1):
            after[start] = min(cost + after[end] for end, cost in edges[start])
        return Reading(before, after, edges)

    def cut(self, text: str) -> list[tuple[int, int]]:
        """The likeliest words of `text`, from end to end."""
        return [part for first in range(0, len(text), LONGEST_TEXT) for part in self._cut(text, first)]

    def _cut(self, text: str, first: int) -> list[tuple[int, int]]:
        reading = self.read(text[first : first + LONGEST_TEXT], ())
        at, parts = 0, []
        while at < len(reading.after) - 1:
            end, _ = min(reading.words[at], key=lambda edge: edge[1] + reading.after[edge[0]])
            parts.append((first + at, first + end))
            at = end
        return parts

    def _words(self, text: str) -> dict[int, list[tuple[int, float]]]:
        """Start -> (end, cost) of the words that begin there; at least the single character."""
        edges = {at: [(at + 1, _STRANGE_CHAR if char.isalnum() else _MARK)] for at, char in enumerate(text)}
        for run in _RUN.finditer(text):
            edges[run.start()].append((run.end(), _LATIN_RUN + _LATIN_LETTER * len(run[0])))
        cut = stretches(len(text), 1, _LONGEST_WORD, shortened=False)
        which, first, _ = self.words.find(cut.keys(symbols(text)))
        for at, place in zip(which.tolist(), first.tolist(), strict=True):
            edges[int(cut.starts[at])].append((int(cut.ends[at]), float(self.costs[place])))
        return edges


@dataclass(frozen=True, slots=True)
class Reading:
    """`before[i]` is the least cost of the text up to i, `after[i]` of the text from i on; `words[i]` are the words
    that begin at i, as (end, cost)."""

    before: list[float]
    after: list[float]
    words: Mapping[int, Sequence[tuple[int, float]]]

    def surprise(self, start: int, end: int) -> float:
        """What the whole text costs more than it would if `start` to `end` were free: small, or below 0, where the
        stretch is ordinary words, or cuts some in two."""
        return self.after[0] - self.before[start] - self.after[end]

    def alone(self, start: int, end: int) -> float:
        """What the stretch costs as a text of its own: the surprise, where no likely word reaches over its ends."""
        least = [0.0] + [1e9] * (end - start)
        for at in range(start, end):
            for stop, cost in self.words[at]:
                if stop <= end:
                    least[stop - start] = min(least[stop - start], least[at - start] + cost)
        return least[-1]

    def is_word(self, start: int, end: int) -> bool:
        """A word that people use; of the rarest in the dictionary many are none."""
        return any(stop == end and cost < _HARDLY_A_WORD for stop, cost in self.words[start])


@cache
def mandarin() -> Ordinary:
    """By jieba's word counts. The table is kept beside the parsed dictionary in the user's cache: to make it takes a
    second and 60 MB, to read it neither."""
    kept = cache_file().with_suffix(".ordinary.npz")
    try:
        with np.load(kept, allow_pickle=False) as arrays:
            return Ordinary(KeyTable.sorted(arrays["keys"], arrays["owners"]), arrays["costs"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        made = Ordinary.of(word_counts())
    arrays = {"keys": made.words.keys, "owners": made.words.owners, "costs": made.costs}
    keep(kept, lambda file: np.savez(file, **arrays))
    return made
