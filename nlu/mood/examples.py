"""Sentences with their mood: what comes with the package, and the format it is written in."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

SENTENCES = Path(__file__).with_name("sentences.txt")


class Example(NamedTuple):
    """`sentiment` is -1, 0 or 1; `urgency` and `complaint` are 0 or 1."""

    text: str
    sentiment: int
    urgency: int
    complaint: int


def read_examples(path: Path = SENTENCES) -> tuple[Example, ...]:
    """Lines, each a sentence; `= sentiment urgency complaint` begins a group of them, `#` a remark. Raises ValueError
    where a sentence stands before the first group, or a group's line is not three numbers."""
    found: list[Example] = []
    mood: tuple[int, ...] = ()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.startswith("="):
            mood = tuple(int(each) for each in line[1:].split())
        elif line and not line.startswith("#"):
            if len(mood) != 3:
                raise ValueError(f"{path}:{number}: a line like '= -1 0 1' must stand above the first sentence")
            found.append(Example(line, *mood))
    return tuple(found)
