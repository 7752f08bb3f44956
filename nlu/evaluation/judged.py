"""A sentence and what a pipeline that never saw it made of it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from config.source import BadProject, Problem, read_yaml
from nlu.data import Example, NluData, collect
from nlu.meaning import FALLBACK_INTENT, Entity, Meaning
from nlu.pipeline import Pipeline

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
"""Which day it is makes no difference to intents and spans; a fixed one makes reports comparable."""

Mark = tuple[str, int, int, str, str]


@dataclass(frozen=True, slots=True)
class Judged:
    """`seconds` is how long the pipeline took."""

    example: Example
    meaning: Meaning
    seconds: float = field(default=0.0, compare=False)

    @property
    def guess(self) -> str:
        """The best intent before thresholds."""
        return self.meaning.ranking[0].name if self.meaning.ranking else self.meaning.intent

    @property
    def confidence(self) -> float:
        return self.meaning.ranking[0].confidence if self.meaning.ranking else 0.0

    @property
    def right(self) -> bool:
        return self.guess == self.example.label

    @property
    def asked(self) -> bool:
        """Whether the bot would ask back instead of acting."""
        return self.meaning.intent == FALLBACK_INTENT

    @property
    def believed(self) -> bool:
        """Whether the bot would act, and rightly."""
        return self.meaning.intent == self.example.label

    @property
    def place(self) -> str:
        return f"{Path(self.example.file).name}:{self.example.line}"

    def found(self, types: Collection[str]) -> list[Entity]:
        """What was found of these types. Others are not judged: rules find what nobody has marked."""
        return [entity for entity in self.meaning.entities if entity.type in types]

    def whole(self, types: Collection[str]) -> bool:
        """The sentence is understood: its intent, every marked entity, and none of `types` too many."""
        return self.right and {mark(one) for one in self.found(types)} == {mark(one) for one in self.example.entities}


def mark(entity: Entity) -> Mark:
    """What must agree for an entity to be exactly right."""
    return entity.type, entity.start, entity.end, entity.role, entity.group


def marked_types(judged: Iterable[Judged]) -> frozenset[str]:
    return frozenset(entity.type for one in judged for entity in one.example.entities)


def judge(pipeline: Pipeline, examples: Iterable[Example]) -> list[Judged]:
    return [_judge(pipeline, example) for example in examples]


def _judge(pipeline: Pipeline, example: Example) -> Judged:
    begun = time.perf_counter()
    meaning = pipeline.read(example.text, NOW).meaning("")
    return Judged(example, meaning, time.perf_counter() - begun)


def read_held_out(path: Path) -> NluData:
    """Sentences of a file in nlu.yml's format. Raises `BadProject` where it has none."""
    data = collect([read_yaml(path)])
    if not data.examples:
        raise BadProject(Problem(str(path), 1, "there is nothing to judge by", "give it '- intent:' sections"))
    return data
