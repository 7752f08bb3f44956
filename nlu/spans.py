"""Which of several entities keeps a stretch of text that more than one extractor claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from unicodedata import normalize as unicode_form

from pydantic import Field

from config.source import Strict
from nlu.doc import Doc
from nlu.meaning import Entity

PRIORITY: Mapping[str, int] = {
    "RegexEntityExtractor": 40,
    "LookupEntityExtractor": 20,
    "CrfEntityExtractor": 20,
    "JointTransformer": 20,
    "RuleEntityExtractor": 10,
}
"""The bot's author knows best: own patterns first, the built-in rules last. Between word lists and what was learned the
longer wins, and of the same stretch what was learned: it has read the lists and the sentence. (Measured on examples
alone: lists first cost 1 to 2 points of F1.)"""
TRAINED = frozenset({"CrfEntityExtractor", "JointTransformer"})
"""They read the whole sentence: their roles and groups are believed."""
RULES = frozenset({"RuleEntityExtractor", "rules"})
MEASURES = frozenset({
    "time", "duration", "recurrence", "amount", "percent", "quantity", "number", "phone", "id_card", "bank_card",
    "email", "url", "plate", "express_no", "order_id", "reference",
})  # fmt: skip
"""Whose value says the same in a form for machines, whatever the author calls it; of a name or an address the author
wants the words."""


class Prioritised(Strict):
    """Settings of a component that finds entities."""

    priority: int | None = Field(default=None, ge=0)
    """Who keeps a stretch that several claim: the higher. Empty: `PRIORITY`."""


def add(doc: Doc, found: Iterable[Entity]) -> Doc:
    """The doc with these entities too: no two overlap, in the order of the text."""
    fresh = tuple(found)
    return replace(doc, entities=settle((*doc.entities, *fresh), doc.priorities)) if fresh else doc


def priorities(steps: Iterable[tuple[str, Strict]]) -> dict[str, int]:
    """Of the components, by name, to which the author gave one of their own."""
    given = ((name, options.priority) for name, options in steps if isinstance(options, Prioritised))
    return {name: priority for name, priority in given if priority is not None}


def settle(entities: Iterable[Entity], priorities: Mapping[str, int] | None = None) -> tuple[Entity, ...]:
    """By priority (`priorities` before `PRIORITY`), then the longer, then the learned, then the earlier.

    What had to give way is kept in `also` of what it gave way to, so that the order of the extractors does not matter.
    """
    given = [one for entity in entities for one in (replace(entity, also=()), *entity.also)]
    ranks = {**PRIORITY, **(priorities or {})}
    kept: list[tuple[Entity, list[Entity]]] = []

    def order(one: Entity) -> tuple[int, int, bool, int]:
        return -ranks.get(one.extractor, 0), one.start - one.end, one.extractor not in TRAINED, one.start

    for entity in sorted(given, key=order):
        winner = next(((one, lost) for one, lost in kept if entity.start < one.end and one.start < entity.end), None)
        if winner is None:
            kept.append((entity, []))
        elif entity not in (winner[0], *winner[1]):
            winner[1].append(entity)
    return tuple(sorted((_agreed(one, lost) for one, lost in kept), key=lambda one: one.start))


def _agreed(one: Entity, lost: Sequence[Entity]) -> Entity:
    """The winner with what those know better that had to give way to it."""
    same = [other for other in lost if (other.start, other.end) == (one.start, one.end)]
    if one.extractor not in TRAINED:
        learned = next((other for other in lost if other.extractor in TRAINED and other.type == one.type), one)
        return replace(one, role=learned.role, group=learned.group, also=tuple(lost))
    invalid = next((other for other in same if other.type == "invalid"), None)
    if invalid is not None:
        return replace(invalid, also=(one, *(other for other in lost if other is not invalid)))
    if one.value == spoken(one.text):
        one = replace(one, value=next((other.value for other in same if _says_more(other, one)), one.value))
    return replace(one, also=tuple(lost))


def _says_more(other: Entity, one: Entity) -> bool:
    """Whether the value is worth more than the words: the wording of the author's list, or what a rule reckons."""
    if other.extractor == "LookupEntityExtractor":
        return other.type == one.type
    return other.extractor in RULES and (other.type in MEASURES or other.type == one.type)


def spoken(text: str) -> str:
    """A value in the customer's own words, in half width."""
    return unicode_form("NFKC", text)
