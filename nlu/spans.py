"""Which of several entities keeps a stretch of text that more than one extractor claims."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from nlu.doc import Doc
from nlu.meaning import Entity

PRIORITY: Mapping[str, int] = {
    "RegexEntityExtractor": 4,
    "LookupEntityExtractor": 3,
    "JointTransformer": 2,
    "RuleEntityExtractor": 1,
}
"""The bot's author knows best: own patterns before own word lists, both before the built-in rules."""


def add(doc: Doc, found: Iterable[Entity]) -> Doc:
    """The doc with these entities too: no two overlap, in the order of the text."""
    fresh = tuple(found)
    return replace(doc, entities=settle((*doc.entities, *fresh))) if fresh else doc


def settle(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """By priority, then the longer, then the earlier; each keeps its `extractor` as where it came from."""
    kept: list[Entity] = []
    for entity in sorted(entities, key=lambda one: (-PRIORITY.get(one.extractor, 0), one.start - one.end, one.start)):
        if all(entity.end <= other.start or other.end <= entity.start for other in kept):
            kept.append(entity)
    return tuple(sorted(kept, key=lambda one: one.start))
