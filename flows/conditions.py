"""Conditions of flows, responses and rejections: the predicate language of CALM, parsed once, safe to run.

    slots.amount > 100 and slots.city is not null
    not (slots.order_id matches "^DD\\d+$") or slots.state in {"paid", "sent"}

Names: `slots.x` (or plain `x`), `context.x`, and `signals.x`, the mood of what the customer said. Operators, loosest
first: `or`, `and`, `not`, `= == is != is not < <= > >= contains matches in not in`. Values: numbers, "text", true
false null empty, {sets}.
A comparison of things that cannot be compared (null > 3) does not hold; it is no error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from adapters.message import Json
from nlu.meaning import MOODS

Names: TypeAlias = Mapping[str, Mapping[str, Json]]
Test: TypeAlias = Callable[[Names], Json]

EMPTY: Mapping[str, Json] = {}
SIGNALS = "signals"
"""Where a context has `Meaning.signals`."""
_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?\d+(?:\.\d+)?)(?![\w.])|(?P<string>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')"
    r"|(?P<name>[^\W\d]\w*(?:\.\w+)*)|(?P<sign><=|>=|!=|==|=|<|>|\(|\)|\{|\}|\[|\]|,))"
)
_CONSTANTS: Mapping[str, Json] = {
    "true": True, "false": False, "null": None, "none": None, "undefined": None, "empty": "",
}  # fmt: skip
_WORDS = {"and", "or", "not", "is", "in", "contains", "matches"}


class ConditionError(ValueError):
    """The condition cannot be read; the text says what is wrong and where in it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition; `slots` are the slot names it reads."""

    text: str
    slots: frozenset[str]
    test: Test = field(repr=False, compare=False)

    def __call__(self, slots: Mapping[str, Json], context: Mapping[str, Json] = EMPTY) -> bool:
        return bool(self.test({"slots": slots, "context": context}))


def parse(text: str) -> Condition:
    """Raises `ConditionError`."""
    parser = _Parser(text)
    try:
        test = parser.either()
    except RecursionError:
        raise ConditionError("the condition is nested too deep") from None
    if parser.peek() is not None:
        raise parser.wrong("does not belong here")
    return Condition(text, frozenset(parser.slots), test)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.at = 0
        self.slots: set[str] = set()

    def peek(self) -> str | None:
        """The next token if it is a word or sign, lower-cased; a value's text otherwise; None at the end."""
        if self.at >= len(self.tokens):
            return None
        kind, word = self.tokens[self.at]
        return word.lower() if kind == "name" else word if kind == "sign" else f"\0{word}"

    def take(self, *wanted: str) -> bool:
        if self.peek() in wanted:
            self.at += 1
            return True
        return False

    def wrong(self, what: str) -> ConditionError:
        where = repr(self.tokens[self.at][1]) if self.at < len(self.tokens) else "the end"
        return ConditionError(f"in the condition {self.text!r}, {where} {what}")

    def either(self) -> Test:
        left = self.both()
        while self.take("or"):
            left = partial(_or, left, self.both())
        return left

    def both(self) -> Test:
        left = self.negation()
        while self.take("and"):
            left = partial(_and, left, self.negation())
        return left

    def negation(self) -> Test:
        if self.take("not"):
            return partial(_not, self.negation())
        return self.comparison()

    def comparison(self) -> Test:
        left = self.value()
        operator = self.operator()
        if not operator:
            return left
        if self.peek() == "empty":
            self.at += 1
            test: Test = partial(_is_empty, left)
            return partial(_not, test) if operator in ("!=", "is not") else test
        right = self.value()
        return partial(_compare, _OPERATORS[operator], left, right)

    def operator(self) -> str:
        sign = self.peek()
        if sign == "is":
            self.at += 1
            return "!=" if self.take("not") else "="
        if sign == "not" and self.tokens[self.at + 1 : self.at + 2] == [("name", "in")]:
            self.at += 2
            return "not in"
        if sign in _OPERATORS:
            self.at += 1
            return sign or ""
        return ""

    def value(self) -> Test:
        if self.at >= len(self.tokens):
            raise self.wrong("comes too early: a value is missing")
        if self.take("("):
            inner = self.either()
            if not self.take(")"):
                raise self.wrong("should be a closing ')'")
            return inner
        if self.take("{", "["):
            return self.members()
        kind, word = self.tokens[self.at]
        if kind == "sign" or (kind == "name" and word.lower() in _WORDS):
            raise self.wrong("stands where a value should be")
        self.at += 1
        if kind == "number":
            return partial(_constant, float(word))
        if kind == "string":
            # only quotes are unescaped: what `matches` is given keeps its backslashes
            return partial(_constant, re.sub(r"\\([\"'])", r"\1", word[1:-1]))
        if word.lower() in _CONSTANTS:
            return partial(_constant, _CONSTANTS[word.lower()])
        return self.name(word)

    def members(self) -> Test:
        values: list[Test] = []
        while not self.take("}", "]"):
            values.append(self.value())
            self.take(",")
        return lambda names: [value(names) for value in values]

    def name(self, word: str) -> Test:
        first, _, rest = word.partition(".")
        if first == SIGNALS:
            return self.signal(rest)
        if first not in ("slots", "context"):
            first, rest = "slots", word
        if not rest:
            raise ConditionError(f"in the condition {self.text!r}, {word!r} needs a name: write {word}.something")
        path = rest.split(".")
        if first == "slots":
            self.slots.add(path[0])
        return partial(_lookup, first, path)

    def signal(self, name: str) -> Test:
        if name not in MOODS:
            known = ", ".join(f"{SIGNALS}.{each}" for each in MOODS)
            raise ConditionError(f"in the condition {self.text!r}, there is no signal {name!r}: write one of {known}")
        return partial(_lookup, "context", [SIGNALS, name])


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise ConditionError(f"in the condition {text!r}, {text[at:].strip()[:20]!r} cannot be read")
        found.append((match.lastgroup, match[match.lastgroup]))
        at = match.end()
    if not found:
        raise ConditionError("the condition is empty")
    return found


def _constant(value: Json, _: Names) -> Json:
    return value


def _lookup(space: str, path: list[str], names: Names) -> Json:
    value: Json = names[space]
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _or(left: Test, right: Test, names: Names) -> bool:
    return bool(left(names)) or bool(right(names))


def _and(left: Test, right: Test, names: Names) -> bool:
    return bool(left(names)) and bool(right(names))


def _not(inner: Test, names: Names) -> bool:
    return not inner(names)


def _is_empty(inner: Test, names: Names) -> bool:
    return inner(names) in (None, "", [], {})


def _compare(operator: Callable[[Json, Json], bool], left: Test, right: Test, names: Names) -> bool:
    try:
        return operator(left(names), right(names))
    except (TypeError, ValueError, re.error):
        return False


def _number(value: Json) -> float:
    if isinstance(value, bool) or value is None:
        raise TypeError
    return float(value)


def _equal(left: Json, right: Json) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, float | int) or isinstance(right, float | int):
        return left is not None and right is not None and _number(left) == _number(right)
    return bool(left == right)


def _contains(left: Json, right: Json) -> bool:
    return right in left if isinstance(left, list | dict) else str(right) in str(left or "")


_OPERATORS: Mapping[str, Callable[[Json, Json], bool]] = {
    "=": _equal,
    "==": _equal,
    "!=": lambda left, right: not _compare(_equal, partial(_constant, left), partial(_constant, right), {}),
    "<": lambda left, right: _number(left) < _number(right),
    "<=": lambda left, right: _number(left) <= _number(right),
    ">": lambda left, right: _number(left) > _number(right),
    ">=": lambda left, right: _number(left) >= _number(right),
    "contains": _contains,
    "matches": lambda left, right: left is not None and re.search(str(right), str(left)) is not None,
    "in": lambda left, right: _contains(right, left),
    "not in": lambda left, right: not _contains(right, left),
}
