"""`Doc`: the one record that flows through the pipeline; every component returns it with more filled in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nlu.meaning import Answer, Entity, Intent, Meaning
from nlu.normalize import Normalized


class Token(NamedTuple):
    """A word of the normalised text; `start` and `end` index the normalised text. `tag` is its part of speech as jieba
    names them, empty where the tokenizer knows none."""

    text: str
    start: int
    end: int
    tag: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """A sparse row: `values[i]` stands in column `columns[i]`; columns are distinct.

    Their length is 1. `coverage` (0..1) is the share of the text that training has seen at all, by weight.
    """

    columns: NDArray[np.intp]
    values: NDArray[np.float32]
    coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class States:
    """What a transformer thinks of each piece of a text: `rows` (pieces, dimensions), and the stretch of the normalised
    text that each stands for; pieces that stand for none (prefix, separators) are left out. Half precision: what
    training keeps in its cache is what is served."""

    rows: NDArray[np.float16]
    spans: tuple[tuple[int, int], ...]


Vector = NDArray[np.float32]
NOTHING = Features(np.empty(0, np.intp), np.empty(0, np.float32), 0.0)


NO_VECTOR: Vector = np.empty(0, np.float32)
NO_STATES = States(np.empty((0, 0), np.float16), ())


@dataclass(frozen=True, slots=True)
class Doc:
    """`text` is the user's original; `normalized` and `tokens` are our reading of it; entities index `text`."""

    text: str
    now: datetime
    normalized: Normalized
    tokens: tuple[Token, ...] = ()
    features: Features = NOTHING
    sentence: Vector = field(default_factory=lambda: NO_VECTOR)
    """What the text is about, by a sentence encoder; empty where there is none."""
    states: States = NO_STATES
    intent: str = ""
    confidence: float = 0.0
    familiarity: float = 1.0
    ranking: tuple[Intent, ...] = ()
    entities: tuple[Entity, ...] = ()
    priorities: Mapping[str, int] = field(default_factory=dict)
    """Of extractors to which config.yml gives another one than `nlu.spans.PRIORITY`."""
    answers: tuple[Answer, ...] = ()
    also: tuple[Meaning, ...] = ()
    signals: Mapping[str, float] = field(default_factory=dict)

    def meaning(self, model: str) -> Meaning:
        return Meaning(
            text=self.text,
            intent=self.intent,
            confidence=self.confidence,
            ranking=self.ranking,
            entities=self.entities,
            answers=self.answers,
            tokens=tuple(self.normalized.span(token.start, token.end) for token in self.tokens),
            model=model,
            familiarity=self.familiarity,
            also=tuple(replace(one, model=model) for one in self.also),
            signals=self.signals,
        )
