"""What a text means: the value that the language understanding hands to the dialogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from adapters.message import Json, converter, plain


@dataclass(frozen=True, slots=True)
class Entity:
    """A value found in the text: `text == Meaning.text[start:end]`, `value` normalised (ISO time, number...)."""

    type: str
    text: str
    value: Json
    start: int
    end: int
    role: str = ""
    group: str = ""
    extractor: str = ""
    confidence: float = 1.0
    also: tuple[Entity, ...] = ()
    """What other extractors found in the same stretch and had to give way with; theirs is empty."""


@dataclass(frozen=True, slots=True)
class Intent:
    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A candidate answer from retrieval: `key` is `<retrieval intent>/<name>`, e.g. `faq/shipping_fee`; `question` is a
    wording of what it answers, to be shown to a customer."""

    key: str
    confidence: float
    question: str = ""


MOST_OFFERED = 3
"""Intents offered for choice: nobody reads more."""
ENOUGH = 0.7
"""The part of the ranking's chance that those must hold together…"""
LEAST_CHANCE = 0.3
"""…of at least so much…"""
LEAST_OFFERED = 0.1
"""…and each of them so much."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """`text` is the user's original text, which all offsets index.

    `intent` is what the pipeline settled on, after thresholds: `nlu_fallback` where it is unsure, empty where
    nothing was said (an empty text, or blanks alone). `ranking` holds every intent's calibrated confidence, best first,
    before the fallback; `answers` the retrieval candidates, best first. `model` is the model's version.
    `familiarity` (0..1) is the chance that the text is about any of the bot's intents at all. `also` holds the further
    wishes of a message with several, in order, each with the text of its own clause and offsets of the whole.
    `signals` is the mood: `sentiment` -1..1, `urgency` and `complaint` 0..1; empty where nobody judged it.
    """

    text: str
    intent: str = ""
    confidence: float = 0.0
    ranking: tuple[Intent, ...] = ()
    entities: tuple[Entity, ...] = ()
    answers: tuple[Answer, ...] = ()
    tokens: tuple[tuple[int, int], ...] = ()
    model: str = ""
    familiarity: float = 1.0
    also: tuple[Meaning, ...] = ()
    signals: Mapping[str, float] = field(default_factory=dict)

    def near_misses(self) -> tuple[Intent, ...]:
        """The intents worth offering for choice where none is believed: the fewest that together hold most of the
        ranking's chance, each with some of it. Empty where that takes too many, or there is little chance at all."""
        total = sum(one.confidence for one in self.ranking)
        held, found = 0.0, []
        for one in self.ranking[:MOST_OFFERED]:
            if total < LEAST_CHANCE or one.confidence < LEAST_OFFERED:
                break
            found.append(one)
            held += one.confidence
            if held >= ENOUGH * total:
                return tuple(found)
        return ()

    def wishes(self) -> tuple[Meaning, ...]:
        """Each wish as a meaning of its own, in order: the first with the text up to the second."""
        if not self.also:
            return (self,)
        end = len(self.text)
        for one in reversed(self.also):
            end = max(0, self.text.rfind(one.text, 0, end))
        return (replace(self, text=self.text[:end], also=()), *self.also)

    def to_dict(self) -> dict[str, Json]:
        return plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Json]) -> Meaning:
        return converter.structure(data, cls)


def subject(intent: str, answers: Sequence[Answer]) -> str:
    """What a wish is about: its intent, or where that is a retrieval intent its best answer."""
    best = answers[0].key if answers else ""
    return best if best.partition("/")[0] == intent else intent


FALLBACK_INTENT = "nlu_fallback"
MOODS = ("sentiment", "urgency", "complaint")
"""The names in `Meaning.signals`."""
COMMAND_EXTRACTOR = "command"
"""The extractor of entities in `/intent{"entity": "value"}`."""
