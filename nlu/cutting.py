"""Words and their parts of speech as jieba gives them: cut by rjieba where that is installed, else by jieba itself.

rjieba is jieba in Rust with the same dictionary: four times as fast, and less than half the memory. Two things it does
in its own way, which are put right here so that a model may be trained with the one and served with the other: what
runs of letters, digits and signs become (`a_b`, `2024-01`, `1.2.3`), and what is cut off before looking for words.
Where two cuts are equally likely to the last bit (仆仆仆仆仆), which of them it is remains a matter of rounding.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nlu import dictionary

if TYPE_CHECKING:
    from rjieba import Jieba

USER_WORD_FREQUENCY = 2_000_000
"""Above 的, so that no cut through a user's word is ever more likely than the word."""
USER_WORD_TAG = "nz"
"""Names of things; a word that the dictionary knows keeps the tag that it has there."""
Cut = tuple[str, int, int, str]
"""(word, start, end, part of speech)."""


class Cutter(Protocol):
    """`cut` gives every character of the text in some word, blanks too. The part of speech is the dictionary's, as
    jieba names them (n, v, nr, ns, ...); of a word that is not there it is `m` for digits, `eng` for what has letters,
    `x` for the rest."""

    def cut(self, text: str) -> list[Cut]: ...


def cutter(words: Iterable[str]) -> Cutter:
    """A cutter of its own: what it learns of `words`, no other cutter knows."""
    rust = native()
    return RustCutter(rust, words) if rust is not None else JiebaCutter(words)


@cache
def plain_cutter() -> Cutter:
    """The cutter that knows no bot's words: one for the process."""
    return cutter(())


@cache
def native() -> type[Jieba] | None:
    """rjieba's class; None where it is not installed."""
    spec = importlib.util.find_spec("rjieba")
    for folder in (spec and spec.submodule_search_locations) or ():
        for suffix in EXTENSION_SUFFIXES:
            file = Path(folder) / f"rjieba{suffix}"
            if file.is_file():
                return _extension(file)
    return None


def _extension(file: Path) -> type[Jieba]:
    """The class without its package, which on import reads the dictionary for a cutter that nobody asked for: 24 MB."""
    spec = importlib.util.spec_from_file_location("rjieba.rjieba", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} cannot be loaded; install rjieba anew: pip install --force-reinstall rjieba")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: type[Jieba] = module.Jieba
    return found


_BLOCK = re.compile(r"([\u4E00-\u9FD5a-zA-Z0-9+#&._%\-]+)")
"""jieba looks for words in these alone; every other character is a word by itself."""
_HAN = re.compile(r"[\u4E00-\u9FD5]+")
_CODE = re.compile(r"([a-zA-Z0-9]+(?:\.\d+)?%?)")
"""What of letters and digits stays together where the dictionary has no word for it."""


class RustCutter:
    def __init__(self, rust: type[Jieba], words: Iterable[str]) -> None:
        self._jieba = rust()
        for word in words:
            self._jieba.add_word(word, USER_WORD_FREQUENCY, USER_WORD_TAG)

    def cut(self, text: str) -> list[Cut]:
        return _placed(self._words(text))

    def _words(self, text: str) -> Iterator[tuple[str, str]]:
        for i, block in enumerate(_BLOCK.split(text)):
            if i % 2:
                yield from self._cut(block)
            else:
                yield from ((char, "x") for char in _others(block))

    def _cut(self, block: str) -> Iterator[tuple[str, str]]:
        known = self._jieba.has_word
        for word, tag in self._jieba.tag(block):
            if known(word):
                yield word, tag
            elif len(word) == 1 or _HAN.fullmatch(word):
                yield word, _unknown(word)
            else:
                yield from ((part, self._tag(part)) for part in _CODE.split(word) if part)

    def _tag(self, word: str) -> str:
        return self._jieba.tag(word)[0][1] if self._jieba.has_word(word) else _unknown(word)


class JiebaCutter:
    """The same without rjieba."""

    def __init__(self, words: Iterable[str]) -> None:
        self._own = frozenset(words)
        self._jieba = dictionary.tokenizer(sorted(self._own), USER_WORD_FREQUENCY)
        self._tags = dictionary.tags()

    def cut(self, text: str) -> list[Cut]:
        return _placed((word, self._tag(word)) for word in self._jieba.cut(text))

    def _tag(self, word: str) -> str:
        return self._tags.get(word) or (USER_WORD_TAG if word in self._own else _unknown(word))


def _others(block: str) -> Iterator[str]:
    """A line's end of two characters is one word."""
    return (found[0] for found in re.finditer(r"\r\n|.", block, re.S))


def _placed(words: Iterable[tuple[str, str]]) -> list[Cut]:
    at, found = 0, []
    for word, tag in words:
        found.append((word, at, at + len(word), tag))
        at += len(word)
    return found


def _unknown(word: str) -> str:
    signs = [char for char in word if char.isascii() and char.isalnum()]
    if not signs:
        return "x"
    return "m" if all(char.isdigit() for char in signs) else "eng"
