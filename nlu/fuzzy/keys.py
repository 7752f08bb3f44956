"""Which stretches of a text may be a misspelt value: 64-bit keys of whole stretches and of stretches with one
character left out, for all stretches at once.

Two wordings with one character replaced, missing, added, or two swapped, have a key in common where each leaves out
the right one (the deletion neighbourhood of SymSpell, https://github.com/wolfgarbe/SymSpell). A key is a polynomial
over code points modulo 2**64, so that the key of any stretch is a difference of two running sums.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import numpy as np
from numpy.typing import NDArray

Keys = NDArray[np.uint64]
Places = NDArray[np.intp]

_BASE = 0x9E3779B97F4A7C15 | 1
_BACK = pow(_BASE, -1, 1 << 64)
LONGEST_TEXT = 1024
"""Characters in a row that keys can be had of."""
_SPARSE = 16
"""Bits of the filter for each key: of 16 strange keys one passes."""
_MOST_BITS = 24
_KEPT_SIZE = 40
"""Characters of a text of usual length: how it falls into stretches is reckoned once."""


def _powers(base: int) -> Keys:
    powers = np.full(LONGEST_TEXT + 1, base, np.uint64)
    powers[0] = 1
    return np.multiply.accumulate(powers)


_UP, _DOWN = _powers(_BASE), _powers(_BACK)


def _mixed(keys: Keys) -> Keys:
    """Every bit of a key in every bit of the result (the end of MurmurHash3)."""
    keys = (keys ^ (keys >> np.uint64(33))) * np.uint64(0xFF51AFD7ED558CCD)
    keys = (keys ^ (keys >> np.uint64(33))) * np.uint64(0xC4CEB9FE1A85EC53)
    return keys ^ (keys >> np.uint64(33))


def symbols(texts: str) -> Keys:
    """A number for each character that has nothing to do with its neighbours in Unicode."""
    return _mixed(np.frombuffer(texts.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64))


def _sums(codes: Keys) -> Keys:
    """Along the last axis, beginning with 0: `sums[..., j] - sums[..., i]` is the key of i..j, times base**i."""
    sums = np.zeros((*codes.shape[:-1], codes.shape[-1] + 1), np.uint64)
    np.cumsum(codes * _UP[: codes.shape[-1]], axis=-1, out=sums[..., 1:])
    return sums


def whole_keys(codes: Keys) -> Keys:
    """The key of each row of `codes` (values, length) -> (values,). Not mixed yet."""
    return _sums(codes)[..., -1]


def shortened_keys(codes: Keys) -> Keys:
    """The keys of each row without one of its characters: (values, length) -> (values, length). Not mixed yet."""
    sums = _sums(codes)
    return sums[..., :-1] + (sums[..., -1:] - sums[..., 1:]) * np.uint64(_BACK)


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """All stretches of a text of some length: `starts`, `ends` and, where one character is left out, which."""

    starts: Places
    ends: Places
    without: Places

    @classmethod
    def of(cls, size: int, shortest: int, longest: int) -> Self:
        """Whole stretches of `shortest` to `longest` characters in a text of `size`."""
        starts = np.arange(size)[:, None]
        ends = starts + np.arange(shortest, longest + 1)[None, :]
        rows, columns = np.nonzero(ends <= size)
        return cls(rows, ends[rows, columns], np.empty(0, np.intp))

    def shortened(self) -> Stretches:
        """Each of them once for every character that may be left out."""
        sizes = self.ends - self.starts
        starts, ends = np.repeat(self.starts, sizes), np.repeat(self.ends, sizes)
        first = np.repeat(sizes.cumsum() - sizes, sizes)
        return Stretches(starts, ends, starts + np.arange(len(starts)) - first)

    def keys(self, codes: Keys) -> Keys:
        """(..., length) -> (..., stretches), not mixed yet: that is done for all at once, by `KeyTable.find`."""
        sums = _sums(codes)
        first, last = sums[..., self.starts], sums[..., self.ends]
        if len(self.without):
            after = (last - sums[..., self.without + 1]) * np.uint64(_BACK)
            last = sums[..., self.without] + after
        found: Keys = (last - first) * _DOWN[self.starts]
        return found


def stretches(size: int, shortest: int, longest: int, *, shortened: bool) -> Stretches:
    """Those of a text of `size` characters, kept for texts of usual length."""
    return (_kept if size <= _KEPT_SIZE else _kept.__wrapped__)(size, shortest, longest, shortened)


@lru_cache(1024)
def _kept(size: int, shortest: int, longest: int, shortened: bool) -> Stretches:
    whole = Stretches.of(size, shortest, longest)
    return whole.shortened() if shortened else whole


@dataclass(frozen=True, slots=True, eq=False)
class KeyTable:
    """Which values have a key: `keys` is sorted, `owners[i]` the value of `keys[i]`; `filter` tells most others."""

    keys: Keys
    owners: NDArray[np.int32]
    filter: NDArray[np.uint8]

    @classmethod
    def of(cls, keys: Keys, owners: NDArray[np.int32]) -> Self:
        """`owners[i]` has `keys[i]`, as `whole_keys` and `shortened_keys` give them."""
        keys = _mixed(keys)
        order = np.lexsort((owners, keys))
        keys, owners = keys[order], owners[order]
        fresh = np.ones(len(keys), bool)
        fresh[1:] = (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])
        return cls.sorted(keys[fresh], owners[fresh])

    @classmethod
    def sorted(cls, keys: Keys, owners: NDArray[np.int32]) -> Self:
        """Out of what such a table was made of."""
        bits = min(_MOST_BITS, max(3, (_SPARSE * len(keys)).bit_length()))
        marks = np.zeros(1 << bits, np.uint8)
        marks[(keys >> np.uint64(64 - bits)).astype(np.intp)] = 1
        return cls(keys, owners, np.packbits(marks, bitorder="little"))

    def find(self, keys: Keys) -> tuple[Places, Places, Places]:
        """(which of `keys` is known, its first and its last + 1 place in `owners`)."""
        keys = _mixed(keys)
        bits = len(self.filter).bit_length() + 2
        places = (keys >> np.uint64(64 - bits)).astype(np.intp)
        likely = np.flatnonzero((self.filter[places >> 3] >> (places & 7).astype(np.uint8)) & 1)
        first = np.searchsorted(self.keys, keys[likely], "left")
        last = np.searchsorted(self.keys, keys[likely], "right")
        known = first < last
        return likely[known], first[known], last[known]
