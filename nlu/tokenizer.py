"""Words: jieba with the bot's own vocabulary, and a light splitter for languages that write spaces."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self

from config.source import BadProject, Problem, Strict
from nlu.component import Component, Corpus, Field, NoOptions, register
from nlu.cutting import Cutter, cutter
from nlu.doc import Doc, Token
from nlu.normalize import normalize


class JiebaOptions(Strict):
    dictionary_path: str = ""
    """A file, or a folder of files, with one word a line (`word [frequency] [tag]`), as in Rasa."""


@register
@dataclass(frozen=True, slots=True)
class JiebaTokenizer(Component):
    """Cuts as jieba does. Lookup values and marked entity values are words of the bot's own dictionary."""

    name: ClassVar[str] = "JiebaTokenizer"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"tokens"})
    options: ClassVar[type[Strict]] = JiebaOptions

    words: tuple[str, ...]
    cutter: Cutter = field(repr=False, compare=False)

    @classmethod
    def of(cls, words: tuple[str, ...]) -> Self:
        return cls(words, cutter(words))

    @classmethod
    def train(cls, options: JiebaOptions, corpus: Corpus) -> Self:
        listed = _read_words(corpus.project / options.dictionary_path) if options.dictionary_path else ()
        known = {normalize(word).text for word in (*listed, *corpus.data.words)}
        return cls.of(tuple(sorted(word for word in known if 1 < len(word) <= 20 and not word.isascii())))

    @classmethod
    def load(cls, options: JiebaOptions, folder: Path) -> Self:
        return cls.of(tuple(json.loads((folder / "words.json").read_text("utf-8"))))

    def save(self, folder: Path) -> None:
        (folder / "words.json").write_text(json.dumps(self.words, ensure_ascii=False), "utf-8")

    def __call__(self, doc: Doc) -> Doc:
        # jieba gives white space as words of its own
        found = self.cutter.cut(doc.normalized.text)
        return replace(doc, tokens=tuple(Token(*word) for word in found if not word[0].isspace()))


def _read_words(path: Path) -> tuple[str, ...]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    try:
        lines = [line for file in files for line in file.read_text("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        mend = "dictionary_path names a UTF-8 file with one word a line"
        raise BadProject(Problem(str(path), 1, f"cannot be read: {error}", mend)) from None
    return tuple(line.split()[0] for line in lines if line.strip())


@register
@dataclass(frozen=True, slots=True)
class WhitespaceTokenizer(Component):
    """Runs of letters and digits; every Han character and every symbol by itself. Needs no dictionary."""

    name: ClassVar[str] = "WhitespaceTokenizer"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"tokens"})
    options: ClassVar[type[Strict]] = NoOptions

    @classmethod
    def train(cls, options: NoOptions, corpus: Corpus) -> Self:
        return cls()

    @classmethod
    def load(cls, options: NoOptions, folder: Path) -> Self:
        return cls()

    def save(self, folder: Path) -> None:
        """There is nothing to keep."""

    def __call__(self, doc: Doc) -> Doc:
        found = _WORD.finditer(doc.normalized.text)
        return replace(doc, tokens=tuple(Token(match[0], match.start(), match.end()) for match in found))


_WORD = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]|(?:(?![\u3400-\u9fff\U00020000-\U0003ffff])\w)+|[^\w\s]")
