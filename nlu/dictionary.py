"""jieba itself: its dictionary, read once per process and kept ready in the user's cache folder, and its tokenizer.

Where rjieba is installed (`nlu.cutting`) nothing of this is needed to serve.

Parsing `dict.txt` is a second of a cold start; its result as one JSON object is read in a third of that. jieba's own
cache is a marshal file in a /tmp that everybody may write to.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import orjson


@contextmanager
def _quiet() -> Iterator[None]:
    """jieba 0.42.1 asks for pkg_resources, which warns that it will go, and has a way round where it is missing."""
    missing = "pkg_resources" not in sys.modules
    if missing:
        sys.modules["pkg_resources"] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if missing:
            del sys.modules["pkg_resources"]


@cache
def library() -> Any:
    """The package, imported when it is first wanted: where rjieba is installed that is seldom, and it weighs 4 MB."""
    with _quiet():
        import jieba  # noqa: PLC0415 - heavy
    logging.getLogger("jieba").setLevel(logging.CRITICAL)
    return jieba


Frequencies = dict[str, int]
"""Each word and how often it occurs; each beginning of a word that is none itself, with 0."""


def tokenizer(words: Iterable[str], frequency: int) -> Any:
    """A `jieba.Tokenizer` of its own: what it learns of `words`, no other knows."""
    made = library().Tokenizer()
    frequencies, total = _dictionary()
    made.FREQ, made.total, made.initialized = dict(frequencies), total, True
    for word in words:
        made.add_word(word, frequency)
    return made


def word_counts() -> Frequencies:
    """jieba's own words, and how often each occurs in the texts that it was made from."""
    return _dictionary()[0]


@cache
def tags() -> Mapping[str, str]:
    """The part of speech of each of jieba's words."""
    lines = Path(library().__file__).with_name("dict.txt").read_text("utf-8").splitlines()
    return {word: sys.intern(tag) for word, _, tag in (line.split(" ") for line in lines)}


@cache
def _dictionary() -> tuple[Frequencies, int]:
    """jieba's words, and the sum of their frequencies."""
    source = dictionary_file()
    place = cache_file()
    kept = _kept(place)
    if kept is not None:
        return kept
    with _quiet(), source.open("rb") as lines:
        frequencies, total = library().Tokenizer.gen_pfdict(lines)
    keep(place, lambda file: file.write(orjson.dumps({"total": total, "words": frequencies})))
    return frequencies, total


def dictionary_file() -> Path:
    """jieba's dict.txt."""
    return Path(library().__file__).with_name("dict.txt")


def cache_file() -> Path:
    """Where the parsed dictionary is kept: in `$XDG_CACHE_HOME/yingda`, by jieba's version and the file's size."""
    folder = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(folder) / "yingda" / f"jieba-{library().__version__}-{dictionary_file().stat().st_size}.json"


def _kept(path: Path) -> tuple[Frequencies, int] | None:
    """None where there is no such file, or it is damaged."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        kept = orjson.loads(path.read_bytes())
        if kept["words"] and kept["total"] >= len(kept["words"]):
            return kept["words"], kept["total"]
    return None


def keep(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Written aside and renamed, so that nobody reads half of it. Where nothing can be written, nothing is kept."""
    if not path.is_absolute():
        return  # a process without a home has no place of its own
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".draft-")
        try:
            with open(handle, "wb") as file:
                write(file)
            Path(draft).replace(path)
        finally:
            Path(draft).unlink(missing_ok=True)
