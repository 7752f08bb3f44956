"""Values that rules find better than learning does: times, sums, numbers and codes, without any training.

| type | value |
|---|---|
| `email` | the address in lower case |
| `id_card` | 18 characters with a right checksum and birth date |
| `phone` | 11 digits; 0AREA-LOCAL[-EXTENSION]; digits of 400/800 numbers and hotlines |
| `express_no` | upper case |
| `order_id` | upper case; `Rules.order_id` is a bot's own pattern |
| `time` | `2026-11-21`, `2026-11-13T15:00`, or {"from", "to"} of these: see `nlu.rules.time` |
| `amount` | yuan as a number; {"amount", "currency"}; {"from", "to"}: see `nlu.rules.amount` |
| `percent` | 25 for 25%; what remains to be paid of a discount |
| `number` | a number, or {"from", "to"} |

The table's order is the priority: what a kind has taken, no later kind sees, so that a phone number is no order
number and the digits of a time are no number. Within one kind the longest wins.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from nlu.meaning import Entity
from nlu.normalize import Normalized
from nlu.rules.amount import amounts
from nlu.rules.codes import emails, express_numbers, id_cards, order_ids, phones
from nlu.rules.found import Found, hide, longest
from nlu.rules.number import numbers, percents
from nlu.rules.time import times

EXTRACTOR = "rules"
KINDS = ("email", "id_card", "phone", "express_no", "order_id", "time", "amount", "percent", "number")


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
    for find in _finders(now, rules):
        fresh = longest(find(text))
        text = hide(text, fresh)
        found += fresh
    told = (one for one in found if one.value is not None and one.type in rules.kinds)
    return [_entity(normalized, one) for one in sorted(told, key=lambda one: one.start)]


def _finders(now: datetime, rules: Rules) -> tuple[Callable[[str], Iterable[Found]], ...]:
    orders = order_ids(rules.order_id)
    own = (orders,) if rules.order_id else ()  # a bot that says what its numbers look like is believed first
    return (
        *own, emails, id_cards, phones, express_numbers, orders,
        lambda text: times(text, now), amounts, percents, numbers,
    )  # fmt: skip


def _entity(normalized: Normalized, one: Found) -> Entity:
    start, end = normalized.span(one.start, one.end)
    return Entity(one.type, normalized.original[start:end], one.value, start, end, extractor=EXTRACTOR)
