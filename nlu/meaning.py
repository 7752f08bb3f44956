"""What a text means: the value that the language understanding hands to the dialogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Intent:
    name: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Answer:
    """A candidate answer from retrieval: `key` is `<retrieval intent>/<name>`, e.g. `faq/shipping_fee`."""

    key: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Meaning:
    """`text` is the user's original text, which all offsets index.

    `intent` is what the pipeline settled on, after thresholds: `nlu_fallback` where it is unsure, empty where
    nothing was said (an empty text, or blanks alone). `ranking` holds every intent's calibrated confidence, best first,
    before the fallback; `answers` the retrieval candidates, best first. `model` is the model's version.
    """

    text: str
    intent: str = ""
    confidence: float = 0.0
    ranking: tuple[Intent, ...] = ()
    entities: tuple[Entity, ...] = ()
    answers: tuple[Answer, ...] = ()
    tokens: tuple[tuple[int, int], ...] = ()
    model: str = ""

    def to_dict(self) -> dict[str, Json]:
        return plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Json]) -> Meaning:
        return converter.structure(data, cls)


FALLBACK_INTENT = "nlu_fallback"
