"""Values that rules find better than learning does: times, sums, quantities, codes, addresses, without any training.

Which types there are and what their values look like: docs/entities.md. Codes come first, from the surest on, then
places and names: what a kind has taken, no later kind sees, so that a phone number is no order number and a house
number no day. Times, lengths, sums and quantities are looked for together, and of those that overlap the longest
wins, then the one earlier in the list; what is left may be a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from unicodedata import normalize as unicode_form

from adapters.message import Json
from nlu.meaning import Entity
from nlu.normalize import Normalized
from nlu.rules.address import addresses
from nlu.rules.amount import amounts
from nlu.rules.codes import (
    bank_cards,
    emails,
    express_numbers,
    id_cards,
    order_ids,
    phones,
    plates,
    urls,
)  # fmt: skip
from nlu.rules.duration import durations
from nlu.rules.found import Found, hide, longest
from nlu.rules.number import numbers, percents
from nlu.rules.numerals import unformal
from nlu.rules.person import persons
from nlu.rules.quantity import quantities
from nlu.rules.recurrence import recurrences
from nlu.rules.reference import references
from nlu.rules.time import times, times_of_day

EXTRACTOR = "rules"
KINDS = (
    "time", "duration", "recurrence", "amount", "percent", "quantity", "number", "phone", "id_card", "bank_card",
    "email", "url", "plate", "express_no", "order_id", "address", "person", "reference", "invalid",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rules:
    """What a bot may set: `kinds` that are reported (the others still keep later kinds off their digits), and
    `order_id`, the pattern of its order numbers, matched against folded (lower-case) text."""

    kinds: frozenset[str] = frozenset(KINDS)
    order_id: re.Pattern[str] | None = None


DEFAULT = Rules()


def extract(normalized: Normalized, now: datetime, rules: Rules = DEFAULT) -> list[Entity]:
    """The values in a text by place, with offsets of the original; `now` is the bot's local time."""
    text = normalized.text
    found: list[Found] = []
    for find in _finders(normalized, now, rules):
        fresh = longest(find(text))
        if fresh:
            text = hide(text, fresh)
            found += fresh
    told = (one for one in _as_asked(found, rules) if one.value is not None and one.type in rules.kinds)
    return [_entity(normalized, one) for one in sorted(told, key=lambda one: one.start)]


def _as_asked(found: list[Found], rules: Rules) -> list[Found]:
    """What was counted is a number for a bot that wants numbers and no quantities."""
    if "quantity" in rules.kinds or "number" not in rules.kinds:
        return found
    return [
        replace(one, type="number", value=one.value["number"])
        if one.type == "quantity" and isinstance(one.value, dict)
        else one
        for one in found
    ]


_Finder = Callable[[str], Iterable[Found]]
_NUMERIC = re.compile(r"[\d零〇一二两三四五六七八九十百千万亿半俩仨幺对壹贰叁肆伍陆柒捌玖拾佰仟]|[¥$€£]")
_MANY_DIGITS = re.compile(r"\d(?:[ -]?\d){4}|[零〇一幺二两三四五六七八九]{5}")


def _finders(normalized: Normalized, now: datetime, rules: Rules) -> Iterator[_Finder]:
    """Those that can find something in the text: looking for figures first is far cheaper than many patterns."""
    text = normalized.text
    orders = order_ids(rules.order_id)
    yield urls
    if rules.order_id:  # a bot that says what its numbers look like is believed first
        yield orders
    yield emails
    if _MANY_DIGITS.search(text):
        yield from (id_cards, bank_cards, plates, phones, express_numbers)
    elif text.isascii() is False and any(char.isdigit() for char in text):
        yield from (plates, phones)
    if any(char.isdigit() for char in text):
        yield orders
    yield addresses
    yield persons
    yield _values(normalized, now)
    if _NUMERIC.search(text):
        yield lambda text: numbers(unformal(text))


def _values(normalized: Normalized, now: datetime) -> _Finder:
    def find(folded: str) -> Iterator[Found]:
        text = unformal(folded)
        said = times_of_day(text)
        yield from times(text, now, said)
        yield from recurrences(text, said)
        yield from references(text)
        if _NUMERIC.search(text):
            yield from durations(text)
            yield from amounts(text)
            yield from percents(text)
            yield from quantities(text, normalized.quote)

    return find


def _entity(normalized: Normalized, one: Found) -> Entity:
    start, end = normalized.span(one.start, one.end)
    words = normalized.original[start:end]
    return Entity(one.type, words, _own(one, words), start, end, extractor=EXTRACTOR)


def _own(one: Found, words: str) -> Json:
    """Web addresses, names and the letters of a building as the customer wrote them: Tom is not tom, nor 陳 陈."""
    value = one.value
    if one.type == "url":
        return words if words.lower() == value else value
    if one.type == "person":
        return unicode_form("NFKC", words)
    if one.type == "address" and isinstance(value, dict) and isinstance(detail := value.get("detail"), str):
        written = words.replace(" ", "")[-len(detail) :]
        return {**value, "detail": written} if written.lower() == detail else value
    return value
