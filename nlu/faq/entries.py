"""What a FAQ is made of, whichever file it stands in: questions in several wordings, and an answer to them."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from config.source import Problem

FAQ = "faq"
"""The retrieval intent of every entry: its examples are of `faq/<name>`, its response is `utter_faq/<name>`."""
NAME_CHARACTERS = 24
_NAME = re.compile(r"[\w.\-]+")


class Question(NamedTuple):
    """One wording, and the line or row where it stands."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One answer. `answers` has more than one text where the author wrote variations, of which one is said."""

    questions: tuple[Question, ...]
    answers: tuple[str, ...]
    file: str
    line: int
    name: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"{FAQ}/{self.name}"


@dataclass(frozen=True, slots=True)
class FaqData:
    """All entries of a project, each name once. `conflicts` leave open which of two answers is right: the first is
    given, and a check should fail. `remarks` are worth mending."""

    entries: tuple[Entry, ...] = ()
    conflicts: tuple[Problem, ...] = ()
    remarks: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Joining:
    """Entries so far, by name, and by wording the name of the entry that has it."""

    entries: dict[str, Entry] = field(default_factory=dict)
    owner: dict[str, tuple[str, Question]] = field(default_factory=dict)
    conflicts: list[Problem] = field(default_factory=list)
    remarks: list[Problem] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        before = self.entries.get(entry.name)
        if before is not None and before.answers != entry.answers:
            there = f"{Path(before.file).name}:{before.line}"
            what = f"'{entry.name}' has another answer at {there}, which is the one given"
            self.conflicts.append(Problem(entry.file, entry.line, what, "keep one answer, or name the entries apart"))
            return
        fresh = tuple(question for question in entry.questions if self._is_new(entry, question))
        if before is not None:
            self.entries[entry.name] = replace(before, questions=before.questions + fresh)
        elif fresh:
            self.entries[entry.name] = replace(entry, questions=fresh)

    def _is_new(self, entry: Entry, question: Question) -> bool:
        """Whether nobody has this wording; a second answer to it would be given to nobody."""
        name, first = self.owner.setdefault(essence(question.text), (entry.name, question))
        if first is question:
            return True
        other = self.entries.get(name, entry)
        there = f"{Path(other.file).name}:{first.line}"
        if other.answers == entry.answers:
            what = f"'{question.text}' is already at {there}"
            self.remarks.append(Problem(entry.file, question.line, what, "remove one"))
        else:
            what = f"'{question.text}' is answered otherwise at {there}, which is the answer given"
            self.conflicts.append(Problem(entry.file, question.line, what, "keep it where it belongs"))
        return False


def join(entries: Iterable[Entry]) -> FaqData:
    """Name the entries that have no name, and put those together that say the same."""
    joining = _Joining()
    for entry in entries:
        joining.add(entry if entry.name else replace(entry, name=name_of(entry.questions[0].text)))
    return FaqData(tuple(joining.entries.values()), tuple(joining.conflicts), tuple(joining.remarks))


def name_of(question: str) -> str:
    """A name that stays as long as the question does: its letters and digits; of a long one the beginning, and a digest
    that tells it from others which begin alike."""
    folded = essence(question)
    inner = re.sub(r"\W", "", folded)
    if 0 < len(inner) <= NAME_CHARACTERS:
        return inner
    digest = hashlib.sha256((inner or folded).encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{inner[:NAME_CHARACTERS]}-{digest}" if inner else digest


def is_name(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def essence(question: str) -> str:
    """What two spellings of one wording share: letters and digits, in half width and lower case."""
    folded = unicodedata.normalize("NFKC", question).lower()
    return re.sub(r"[\W_]+", "", folded) or folded.strip()


def entry_of(
    asked: Iterable[Question],
    answers: Iterable[str],
    file: Path | str,
    line: int,
    *,
    name: str = "",
    category: str = "",
    tags: Iterable[str] = (),
    problems: list[Problem],
) -> Entry | None:
    """An entry, or None and one more problem, where it lacks a question or an answer or has no usable name."""
    questions = tuple(Question(text.strip(), at) for text, at in asked if text.strip())
    said = tuple(text.strip() for text in answers if text.strip())
    short = name.strip().removeprefix("utter_").removeprefix(f"{FAQ}/")
    if not questions:
        problems.append(Problem(str(file), line, "an answer without a question", "write the question that it answers"))
    elif not said:
        what = f"the question '{questions[0].text[:40]}' has no answer"
        problems.append(Problem(str(file), line, what, "write the answer, or delete the question"))
    elif short and not is_name(short):
        what = f"'{name[:40]}' is no name for an entry"
        problems.append(Problem(str(file), line, what, "take letters, digits, - and _ without blanks, or leave it out"))
    else:
        return Entry(questions, said, str(file), line, short, category.strip(), tuple(tags))
    return None


def wordings(cell: str) -> list[str]:
    """Several wordings in one cell or heading, apart by new lines, semicolons or bars."""
    return [part.strip() for part in re.split(r"[\n\r;；|｜]+", cell) if part.strip()]


def labels(cell: str) -> tuple[str, ...]:
    """Tags in one cell, apart by any separator that people use."""
    return tuple(part for part in re.split(r"[\s,，、;；|｜]+", cell) if part)
