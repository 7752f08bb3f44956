"""`.talk` files: a conversation that a non-programmer can write, and that must go just so.

```yaml
- U: 我要退款                       # the customer says; or other content: U: {kind: image, url: "https://…"}
- B: 请问您的订单号是多少？         # the bot answers: its exact words, or /a regular expression/; one item per line
- wait: 2h                          # time passes: 30s, 15m, 2h, 1d
- "!":                              # what holds after the last turn; each key may be left out
    slots: {order_id: DD1}          #   null: empty
    called: [action_lookup]         #   actions that the turn ran, besides others
    not_called: [action_refund]
    flow: refund                    #   the flow under way; null: none
    intent: refund
    flags: [handoff]
```
Where a customer's line is followed by no `B`, whatever the bot says is right. `B: null`: it says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.message import Content, Json, Text, converter
from config.source import BadProject, Problem, Source, Strict, check, did_you_mean, read_yaml

KEYS = ("U", "B", "!", "wait")
_WAIT = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Facts(Strict):
    """What must hold after a turn. A key that is not written is not looked at."""

    slots: Mapping[str, Any] = {}
    called: Sequence[str] = ()
    not_called: Sequence[str] = ()
    flow: str | None = None
    intent: str | None = None
    flags: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that the customer says, and all that must come of it. `bot` is None where any answer is right;
    each expected line comes with its line in the file, as do the facts. `wait` seconds pass before it."""

    said: Content
    line: int
    bot: tuple[tuple[str, int], ...] | None = None
    facts: tuple[tuple[Facts, int], ...] = ()
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class Script:
    path: Path
    lines: tuple[Line, ...]


def read_script(path: Path) -> Script:
    """Raises `BadProject` with every line that cannot be read."""
    source = read_yaml(path)
    if not isinstance(source.data, list) or not source.data:
        raise BadProject(source.problem((), "a talk is a list of lines", "begin with `- U: 你好`"))
    reading = _Reading(source)
    for i, item in enumerate(source.data):
        reading.item(i, item)
    reading.flush()
    if reading.problems:
        raise BadProject(reading.problems)
    return Script(path, tuple(reading.lines))


@dataclass
class _Draft:
    said: Content
    line: int
    wait: float
    bot: list[tuple[str, int]] | None = None
    facts: list[tuple[Facts, int]] = field(default_factory=list)


class _Reading:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.lines: list[Line] = []
        self.problems: list[Problem] = []
        self.draft: _Draft | None = None
        self.wait = 0.0

    def item(self, i: int, item: Json) -> None:
        if not isinstance(item, dict) or len(item) != 1:
            self.wrong((i,), "a line has one key", 'U: …, B: …, "!": {…} or wait: 2h')
            return
        key, value = next(iter(item.items()))
        if key not in KEYS:
            self.wrong((i, key), f"unknown key '{key}'", did_you_mean(str(key), KEYS))
        elif key == "U":
            self.flush()
            self.draft = _Draft(self.content(i, value), self.source.line((i, key)), self.wait)
            self.wait = 0.0
        elif key == "wait":
            self.wait += self.seconds(i, value)
        elif self.draft is None:
            self.wrong((i, key), "nobody has said anything yet", "begin with `- U: …`")
        elif key == "B":
            self.bot(i, self.draft, value)
        else:
            self.fact(i, self.draft)

    def flush(self) -> None:
        draft, self.draft = self.draft, None
        if draft is not None:
            bot = None if draft.bot is None else tuple(draft.bot)
            self.lines.append(Line(draft.said, draft.line, bot, tuple(draft.facts), draft.wait))

    def wrong(self, loc: Sequence[str | int], what: str, mend: str = "") -> None:
        self.problems.append(self.source.problem(loc, what, mend))

    def content(self, i: int, value: Json) -> Content:
        if isinstance(value, str | int | float):
            return Text(str(value))
        try:
            made: Content = converter.structure(value, Content)  # type: ignore[arg-type]
        except Exception:  # cattrs raises groups of KeyError, TypeError and its own
            self.wrong((i, "U"), "not something that can be sent", "write words, or {kind: image, url: …}")
            return Text("")
        return made

    def seconds(self, i: int, value: Json) -> float:
        match = _WAIT.fullmatch(str(value).strip())
        if match is None:
            self.wrong((i, "wait"), f"not a time: {value!r}", "write e.g. 30s, 15m, 2h or 1d")
            return 0.0
        return float(match[1]) * _SECONDS[match[2]]

    def bot(self, i: int, draft: _Draft, value: Json) -> None:
        if value is not None and not isinstance(value, str | int | float):
            self.wrong((i, "B"), "what the bot says is text", "quote it, or write /a regular expression/")
            return
        draft.bot = draft.bot or []
        if value is None:
            return
        text = str(value)
        if text.startswith("/") and text.endswith("/") and len(text) > 1:
            try:
                re.compile(text[1:-1])
            except re.error as error:
                self.wrong((i, "B"), f"not a regular expression: {error}")
                return
        draft.bot.append((text, self.source.line((i, "B"))))

    def fact(self, i: int, draft: _Draft) -> None:
        try:
            draft.facts.append((check(self.source, Facts, (i, "!")), self.source.line((i, "!"))))
        except BadProject as bad:
            self.problems.extend(bad.problems)
