"""Misspelt values of word lists: 顺风快递 is 顺丰快递 where that is on a list and nothing else makes sense.

A noisy channel: a stretch of text is taken for a value where meaning the value and making a slip (`channel`) is
likelier than that these are just words (`ordinary`). The longer the list, the less likely each of its values, so that
long lists ask for more evidence by themselves. `keys` tells in microseconds which stretches are worth the question.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nlu.fuzzy.channel import IMPOSSIBLE, OTHER, slip
from nlu.fuzzy.keys import LONGEST_TEXT, Keys, KeyTable, Stretches, shortened_keys, stretches, symbols, whole_keys
from nlu.fuzzy.ordinary import Ordinary, Reading, mandarin
from nlu.fuzzy.shortening import short_forms
from nlu.fuzzy.sounds import sounded, wordings

SHARE = 0.1
"""How many texts hold a value of the lists, roughly."""
ENOUGH = 2.0
"""How much likelier, in nats, the slip must be than ordinary words."""
SURE = 0.6
"""A value that is less certain than this, beside others that it might be, is not found."""
_SURER = 0.99
"""No slip is quite certain."""
_SHORTENED_FROM, _SHORTENED_TO, _LONGEST = 3, 16, 24
"""Sizes of values that are known with one character wrong, and the longest that are known at all."""
_SOUNDS_FROM = 5
"""Values of this size are known with one character wrong and others that only sound alike."""
_FAMOUS = 20_000
"""Things on a list for each to be known by a short name; of more, most are not known to most people at all."""
_FEW = 3000
"""Values of a short list: most texts have too little in common with any of them, which is soon told."""
_MOST_OWNERS = 40
"""A key of more values than this tells none of them."""
_WAYS = 4
_SHORT_FORM = 2.0
"""The cost of a short form: people who know it use it as often as not."""
_SHORT = 3
"""Values of so few characters, and short forms, must be words of their own: no part of another word, nor one itself."""
_PLAIN = (4.5, 5.0)
"""The only slips that a value of two characters is known with: one character, of just the same sound."""
_OWN_WORD = 0.5
"""Nats that a short stretch may lack to be a word, or words, of its own in the likeliest reading."""
_ANY_LIST = log(100 / SHARE)
"""The least surprise of a value against which the words around it speak, however short the list."""
_FIGURES = str.maketrans("0123456789", "零一两三四五六七八九")
"""The dictionary knows 八个, and not 8个."""
_AROUND = 10
"""So many characters on either side tell which words a stretch is part of."""
_BROKEN = 6.0
"""Nats by which a slip of one character for any other makes a value worse to read."""
_RUN = re.compile(r"[^\W_](?:[ \-·•()（）'\"_/&+]{0,2}[^\W_])*")

_NOBODY = np.empty(0, np.int32)
_MARKS = "()（）[]《》\"'·.-_ !"


class Near(NamedTuple):
    """`text[start:end]` stands for the wording `meant`."""

    start: int
    end: int
    meant: str
    confidence: float


class _Slip(NamedTuple):
    """What `meant`, of `size` characters, may be written as, and the cost of that."""

    start: int
    end: int
    meant: str
    cost: float
    size: int


class _Guess(NamedTuple):
    start: int
    end: int
    meant: str
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Gazetteer:
    """`bare[i]` is `wordings[i]` without blanks and marks; `forms` are the short forms of some of them."""

    wordings: tuple[str, ...]
    bare: tuple[str, ...]
    forms: Mapping[str, str]
    table: KeyTable
    sizes: tuple[int, int]
    ordinary: Ordinary
    prior: float
    """How surprising, in nats, it is that somebody means one of the values rather than another, or none."""
    form_sizes: Mapping[str, tuple[int, ...]]
    sieve: Sieve | None
    """None for a long list."""

    @classmethod
    def of(cls, wordings: Iterable[str]) -> Self:
        """`wordings` are normalised. Those of one character, codes and the like can only be written right."""
        kept, bare = _names(wordings)
        ordinary = mandarin()
        forms = short_forms(kept, ordinary.cost) if len(kept) <= _FAMOUS else {}
        return cls._with(kept, bare, forms, _table(bare), ordinary)

    @classmethod
    def _with(
        cls,
        kept: tuple[str, ...],
        bare: tuple[str, ...],
        forms: Mapping[str, str],
        table: KeyTable,
        ordinary: Ordinary,
    ) -> Self:
        sizes = [len(one) for one in bare]
        starts: dict[str, set[int]] = {}
        for form in forms:
            starts.setdefault(form[0], set()).add(len(form))
        by_start = {first: tuple(sorted(found)) for first, found in starts.items()}
        prior = log(max(1, len(kept)) / SHARE)
        sieve = Sieve.of(bare) if len(bare) <= _FEW else None
        span = (min(sizes, default=2), max(sizes, default=1))
        return cls(kept, bare, forms, table, span, ordinary, prior, by_start, sieve)

    def save(self, folder: Path) -> None:
        np.savez(
            folder / "fuzzy.npz",
            keys=self.table.keys,
            owners=self.table.owners,
            words=self.ordinary.words.keys,
            costs=self.ordinary.costs,
        )

    @classmethod
    def load(cls, folder: Path, wordings: Iterable[str], forms: Mapping[str, str]) -> Self:
        """What `save` wrote; `wordings`, in the order that they were given in, and `forms` are kept by the caller."""
        with np.load(folder / "fuzzy.npz", allow_pickle=False) as kept:
            table = KeyTable.sorted(kept["keys"], kept["owners"])
            return cls._with(
                *_names(wordings), forms, table, Ordinary(KeyTable.sorted(kept["words"], _NOBODY), kept["costs"])
            )

    def near(self, text: str, exact: Sequence[tuple[int, int]] = ()) -> list[Near]:
        """Values that `text`, which is normalised, holds in another spelling; `exact` are the places of others that it
        holds as they are. None overlaps another; one of `exact` is only overlapped by a longer value around it."""
        found: list[Near] = []
        for run in _RUN.finditer(text):
            places = [at for at in range(run.start(), run.end()) if text[at].isalnum()]
            for first in range(0, len(places), LONGEST_TEXT):
                found += self._in(text, places[first : first + LONGEST_TEXT], exact)
        return found

    def is_cut_out(self, text: str, start: int, end: int) -> bool:
        """Whether a value that is written right is only there by chance, because it is the end of one ordinary word and
        the beginning of the next: 中通 of 集中通知, 个人 of 五个人."""
        first, last = max(0, start - _AROUND), min(len(text), end + _AROUND)
        window = text[first:last].translate(_FIGURES)
        reading = self.ordinary.read(window, ())
        prior = max(self.prior, _ANY_LIST)
        meant = reading.before[start - first] + prior + reading.after[end - first]
        straddled = any(
            first + a < start < first + b < end or start < first + a < end < first + b
            for a, b in self.ordinary.cut(window)
        )
        return straddled and meant + ENOUGH > reading.after[0]

    def _in(self, text: str, places: list[int], exact: Sequence[tuple[int, int]]) -> Iterator[Near]:
        bare = "".join(text[at] for at in places)
        if len(bare) < 2:
            return
        slips = [*self._shortened(bare), *self._misspelt(bare)]
        if not slips:
            return
        bounds = [(bisect_left(places, start), bisect_left(places, end)) for start, end in exact]
        taken = [(start, end) for start, end in bounds if start < end]
        reading = self.ordinary.read(bare, [(start, end, self.prior) for start, end in taken])
        guesses = [
            _Guess(one.start, one.end, one.meant, self._score(bare, reading, one))
            for one in slips
            if _may_be(one, taken)
        ]
        for guess, confidence in _best(guesses):
            yield self._quoted(text, places[guess.start], places[guess.end - 1] + 1, guess.meant, round(confidence, 4))

    def _quoted(self, text: str, start: int, end: int, meant: str, confidence: float) -> Near:
        """With the marks that the value itself begins or ends with: 局气(大悦城店)."""
        inner = meant.strip(_MARKS)
        head, tail = meant[: meant.index(inner)], meant[meant.index(inner) + len(inner) :]
        end += len(tail) if text.startswith(tail, end) else 0
        start -= len(head) if text[:start].endswith(head) else 0
        return Near(start, end, meant, confidence)

    def _misspelt(self, bare: str) -> Iterator[_Slip]:
        """Every stretch of `bare` that may be written for a value, with the cost of that."""
        heard = sounded(bare)
        least, most = self.sieve.sizes(bare, heard) if self.sieve is not None else self.sizes
        if most < least:
            return
        seen: set[tuple[int, int, int]] = set()
        cuts = _cuts(len(bare), least, most)
        heard_and_written = symbols(heard + bare).reshape(2, len(bare))
        keys = [cut.keys(heard_and_written).ravel() for cut in cuts]
        which, first, last = self.table.find(np.concatenate(keys))
        for i, begin, stop in zip(which.tolist(), first.tolist(), last.tolist(), strict=True):
            if stop - begin <= _MOST_OWNERS:
                cut, at = (cuts[0], i) if i < len(keys[0]) else (cuts[1], i - len(keys[0]))
                at %= len(cut.starts)  # the same stretches twice, as heard and as written
                stretch = int(cut.starts[at]), int(cut.ends[at])
                seen |= {(*stretch, owner) for owner in self.table.owners[begin:stop].tolist()}
        for start, end, owner in sorted(seen):
            meant = self.bare[owner]
            cost = slip(bare[start:end], meant) if _whole(bare, start, end) else IMPOSSIBLE
            if 0 < cost < IMPOSSIBLE:
                yield _Slip(start, end, self.wordings[owner], cost, len(meant))

    def _shortened(self, bare: str) -> Iterator[_Slip]:
        for start in range(len(bare) - 1 if self.forms else 0):
            for size in self.form_sizes.get(bare[start], ()):
                meant = self.forms.get(bare[start : start + size])
                if meant is not None and start + size <= len(bare):
                    yield _Slip(start, start + size, meant, _SHORT_FORM, 2)

    def _score(self, bare: str, reading: Reading, one: _Slip) -> float:
        surprise = reading.surprise(one.start, one.end)
        if one.size <= _SHORT:
            if one.cost != _SHORT_FORM and reading.is_word(one.start, one.end):
                return -IMPOSSIBLE  # well written: 背景 is not 北京
            if surprise < reading.alone(one.start, one.end) - _OWN_WORD:
                return -IMPOSSIBLE
        if one.end - one.start < one.size and surprise < reading.alone(one.start, one.end) - _BROKEN / 2:
            return -IMPOSSIBLE  # what is left out is there, in a word that reaches in: 冻结银行账户 is not 解冻银行账户
        if (
            one.cost >= OTHER
            and one.size - 1 <= one.end - one.start <= one.size
            and self._well_written(bare, reading, one)
        ):
            return -IMPOSSIBLE
        if one.size == 2 and one.cost not in (_SHORT_FORM, *_PLAIN):
            return -IMPOSSIBLE
        return surprise - self.prior - one.cost

    def _well_written(self, bare: str, reading: Reading, one: _Slip) -> bool:
        """Whether the words make as much sense as those of the value and are meant: 收费上门取件 is no slip of
        免费上门取件, nor 态度很好 of 态度很差. A slip breaks a word."""
        meant = "".join(filter(str.isalnum, one.meant))[:LONGEST_TEXT]
        start, end = one.start, one.end
        if end - start < one.size:  # the first or the last character is left out, or is another one
            said = bare[start:end]
            lacks_last = sum(map(str.__eq__, said, meant)) > sum(map(str.__eq__, said, meant[1:]))
            start, end = (start, end + 1) if lacks_last else (start - 1, end)
            if start < 0 or end > len(bare):
                return False
        return reading.alone(start, end) < self.ordinary.read(meant, ()).after[0] + _BROKEN


def _may_be(one: _Slip, taken: Sequence[tuple[int, int]]) -> bool:
    """It overlaps no value that is written right, or is a longer one around that."""
    inside = [(start, end) for start, end in taken if start < one.end and one.start < end]
    return all(one.start <= start and end <= one.end and end - start < one.end - one.start for start, end in inside)


def _best(guesses: Iterable[_Guess]) -> Iterator[tuple[_Guess, float]]:
    """The likeliest, and of the others those beside them; a confidence is the share among all that overlap it."""
    ranked = sorted((one for one in guesses if one.score > 0), key=lambda one: (-one.score, one.start, one.meant))
    kept: list[_Guess] = []
    for guess in ranked:
        if guess.score < ENOUGH or any(one.start < guess.end and guess.start < one.end for one in kept):
            continue
        rivals = [
            one.score for one in ranked if one.start < guess.end and guess.start < one.end and one.meant != guess.meant
        ]
        share = 1 / (1 + exp(-guess.score) + sum(exp(score - guess.score) for score in rivals))
        kept.append(guess)
        if share >= SURE:
            yield guess, min(share, _SURER)


def _names(wordings: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those that may be misspelt, and each of them without marks and blanks."""
    pairs = ((one, one if one.isalnum() else "".join(filter(str.isalnum, one))) for one in wordings)
    kept = {wording: bare for wording, bare in pairs if _is_name(bare)}
    return tuple(kept), tuple(kept.values())


def _cuts(size: int, least: int, most: int) -> list[Stretches]:
    """What of a text may be a value of `least` to `most` characters: whole stretches and, for the longer, shortened."""
    cuts = [stretches(size, max(2, least - 1), most, shortened=False)]
    if max(least, _SHORTENED_FROM) <= min(most, _SHORTENED_TO):
        shortest = max(least, _SHORTENED_FROM)
        cuts.append(stretches(size, shortest, min(most, _SHORTENED_TO) + 1, shortened=True))
    return cuts


@dataclass(frozen=True, slots=True, eq=False)
class Sieve:
    """Which values of a short list may be in a text at all."""

    bare: Sequence[str]
    ways: Sequence[tuple[str, ...]]
    """What each value may sound like."""
    owners: Mapping[str, NDArray[np.intp]]
    """Sound -> the values that have it."""
    needed: NDArray[np.intp]
    """How many of its sounds no slip takes from a value."""

    @classmethod
    def of(cls, bare: Sequence[str]) -> Self:
        ways = [wordings(one, _WAYS) for one in bare]
        owners: dict[str, list[int]] = {}
        for owner, heard in enumerate(ways):
            for sound in {*"".join(heard)}:
                owners.setdefault(sound, []).append(owner)
        needed = [len({*heard[0]}) - (len(heard[0]) >= _SHORTENED_FROM) for heard in ways]
        by_sound = {sound: np.array(found) for sound, found in owners.items()}
        return cls(bare, ways, by_sound, np.array(needed, np.intp))

    def sizes(self, text: str, heard: str) -> tuple[int, int]:
        """The least and the greatest size of those values, but for such as are written right; (1, 0) for none."""
        there = [self.owners[sound] for sound in {*heard} if sound in self.owners]
        if not there:
            return 1, 0
        likely = np.flatnonzero(np.bincount(np.concatenate(there), minlength=len(self.needed)) >= self.needed)
        sizes = [len(self.bare[owner]) for owner in likely.tolist() if self._may_be_in(owner, text, heard)]
        return (min(sizes), max(sizes)) if sizes else (1, 0)

    def _may_be_in(self, owner: int, text: str, heard: str) -> bool:
        bare = self.bare[owner]
        if bare in text:
            return False
        if len(bare) >= _SOUNDS_FROM or any(way in heard for way in self.ways[owner]):
            return True
        # one slip leaves all other characters of a value of three or four as they are
        return len(bare) >= _SHORTENED_FROM and sum(char in text for char in bare) >= len(bare) - 1


def _whole(bare: str, start: int, end: int) -> bool:
    """No run of letters or digits is cut at either end."""
    cut = [bare[at - 1 : at + 1] for at in (start, end) if 0 < at < len(bare)]
    return not any(pair.isascii() for pair in cut)


def _is_name(bare: str) -> bool:
    """Not a code or a number: every character of those tells, and a slip makes another of it."""
    han = sum(not char.isascii() for char in bare)
    digits = sum(char.isdigit() for char in bare)
    return len(bare) <= _LONGEST and (han >= 2 or (len(bare) >= 5 and bare.isalpha())) and 2 * digits < len(bare)


def _table(bare: Sequence[str]) -> KeyTable:
    """The keys of all values: by size, so that they are reckoned as a matrix."""
    keys, owners = [np.empty(0, np.uint64)], [_NOBODY]

    def add(codes: Keys, who: Sequence[int], *, shortened: bool) -> None:
        made = shortened_keys(codes) if shortened else whole_keys(codes)
        keys.append(made.ravel())
        owners.append(np.repeat(np.array(who, np.int32), made.size // len(who)))

    for size, who in _by_size(bare).items():
        text = "".join(bare[owner] for owner in who)
        written, heard = (symbols(one).reshape(-1, size) for one in (text, sounded(text)))
        add(heard, who, shortened=False)
        if _SHORTENED_FROM <= size <= _SHORTENED_TO:
            add(written, who, shortened=False)
            add(written, who, shortened=True)
        if _SOUNDS_FROM <= size <= _SHORTENED_TO:
            add(heard, who, shortened=True)
        ways = [(way, owner) for owner in who for way in wordings(bare[owner], _WAYS)[1:]]
        if ways:
            add(
                symbols("".join(way for way, _ in ways)).reshape(-1, size),
                [owner for _, owner in ways],
                shortened=False,
            )
    return KeyTable.of(np.concatenate(keys), np.concatenate(owners))


def _by_size(bare: Sequence[str]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for owner, one in enumerate(bare):
        found.setdefault(len(one), []).append(owner)
    return found
