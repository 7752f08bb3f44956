"""The reference table of expressions, and how a reading of it is judged: exactly the listed entities, span and value.

The table was written before the rules by somebody who had not seen them; see its first lines for the columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from adapters.message import Json
from nlu.normalize import normalize
from nlu.rules import extract

TABLE = Path(__file__).with_name("expressions.tsv")
UNSEEN = Path(__file__).with_name("unseen.tsv")
"""Written later by somebody else, to tell how much the rules understand of what they were not made for."""
NOW = datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
Reading = list[tuple[str, str, Json]]
"""(type, the customer's words, value), by place."""


@dataclass(frozen=True, slots=True)
class Expression:
    text: str
    right: tuple[tuple[str, str, Json], ...]
    """Empty: no entity of a built-in type may be found."""

    @property
    def type(self) -> str:
        """What the line is about: `none`, one type, or `several`."""
        types = {type_ for type_, _, _ in self.right}
        return types.pop() if len(types) == 1 else "several" if types else "none"


def read_table(path: Path = TABLE) -> list[Expression]:
    found: dict[str, list[tuple[str, str, Json]]] = {}
    for line in path.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            text, type_, span, value = ([*line.split("\t"), "", ""])[:4]
            right = found.setdefault(text, [])
            if type_ != "none":
                right.append((type_, span, json.loads(value)))
    return [Expression(text, tuple(right)) for text, right in found.items()]


def read(text: str) -> Reading:
    return [(one.type, one.text, one.value) for one in extract(normalize(text), NOW)]


def score(expressions: Iterable[Expression], reading: Callable[[str], Reading] = read) -> Mapping[str, tuple[int, int]]:
    """How many of how many are right, by type and in all (`all`)."""
    right: dict[str, list[int]] = {}
    for one in expressions:
        ok = reading(one.text) == list(one.right)
        for name in (one.type, "all"):
            counts = right.setdefault(name, [0, 0])
            counts[0] += ok
            counts[1] += 1
    return {name: (ok, count) for name, (ok, count) in sorted(right.items())}
