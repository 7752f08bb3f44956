"""Entities as the examples mark them, learned: values that no list has, told by what stands around them.

A conditional random field over the characters (Lafferty et al. 2001, Conditional Random Fields), by CRFsuite.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any, ClassVar, Self

import numpy as np
from pycrfsuite import ItemSequence, Tagger, Trainer
from pydantic import Field as Setting

from config.source import Strict
from nlu.clues import NO_AXES, Axes, Clues, Hit, clues, sentence_axes, state_axes
from nlu.component import Component, Corpus, Field, register
from nlu.cutting import plain_cutter
from nlu.doc import Doc, Token
from nlu.gazetteer import LookupEntityExtractor, LookupOptions, RegexEntityExtractor, RegexOptions
from nlu.meaning import Entity
from nlu.rules import extract
from nlu.sequence import Span, labels, places, spans
from nlu.spans import Prioritised, add, spoken

MODEL = "model.crfsuite"
LEAST_MARKS = 3
"""Of fewer marked values of a type there is nothing to learn: the word lists know them by heart."""
SENTENCE_DIMENSIONS = 16
MOST_ROUNDS, LEAST_ROUNDS = 60, 40
"""Of the optimiser: from 40 on the score changes within its noise."""
SEEN = 2
"""A clue that stands at one character of all examples alone says nothing of others: without such ones F1 is higher by
one to one and a half points, and training is a tenth shorter."""
WORK = 6e10
"""Characters times pairs of labels times rounds that a training may cost: about a minute and a half on one core."""


class CrfOptions(Prioritised):
    state_dimensions: int = Setting(default=32, ge=0, le=256)
    """How many numbers of a transformer's state are used; 0: none of it."""
    c1: float = Setting(default=0.1, ge=0)
    c2: float = Setting(default=0.01, ge=0)
    """How much large weights are held back, by their size and by their square."""


class Machine:
    """A trained field, as CRFsuite keeps it in a file. It holds one sentence at a time: safe between threads by a
    lock."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self._lock = Lock()
        self._tagger = Tagger()
        self._tagger.open_inmemory(content)
        self._labels = frozenset(self._tagger.labels())

    def read(self, found: Sequence[Clues]) -> list[tuple[Span, float]]:
        """The likeliest entities, and how sure each is."""
        items = ItemSequence(found)
        with self._lock:
            told = self._tagger.tag(items)
            return [(span, self._sure(told, span)) for span in spans(told)]

    def _sure(self, told: Sequence[str], span: Span) -> float:
        sure = min(self._tagger.marginal(told[at], at) for at in range(span.start, span.end))
        goes_on = f"I-{span.kind.name}"
        if span.end < len(told) and goes_on in self._labels:
            sure = min(sure, 1 - self._tagger.marginal(goes_on, span.end))
        return float(min(1.0, max(0.0, sure)))


class _Trainer(Trainer):  # type: ignore[misc]
    """Tells how far it is."""

    rounds = 1
    report: Callable[[float], None]

    def on_iteration(self, log: Any, info: Any) -> None:
        self.report(min(1.0, info["num"] / self.rounds))


@register
@dataclass(frozen=True, slots=True, eq=False)
class CrfEntityExtractor(Component):
    """Finds what the examples mark, roles and groups included. An entity's `confidence` is the least of its characters'
    marginal probabilities and of that of its end. Where too little is marked it learns nothing and costs nothing."""

    name: ClassVar[str] = "CrfEntityExtractor"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized"})
    wants: ClassVar[frozenset[Field]] = frozenset({"sentence", "states"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"entities"})
    options: ClassVar[type[Strict]] = CrfOptions

    machine: Machine | None = field(default=None, repr=False)
    patterns: RegexEntityExtractor | None = field(default=None, repr=False)
    lists: LookupEntityExtractor | None = field(default=None, repr=False)
    """What the author's sections find are clues; values marked in examples are none: they would be right in every
    sentence of training, and nowhere else."""
    states: Axes = field(default=NO_AXES, repr=False)
    sentence: Axes = field(default=NO_AXES, repr=False)

    @classmethod
    def train(cls, options: CrfOptions, corpus: Corpus) -> Self:
        goals = _goals(corpus)
        if not goals:
            return cls()
        unread = cls(
            None,
            RegexEntityExtractor.train(RegexOptions(), corpus),
            LookupEntityExtractor.train(LookupOptions(from_examples=False), corpus),
            state_axes(corpus.docs, options.state_dimensions) if options.state_dimensions else NO_AXES,
            sentence_axes(corpus.docs, SENTENCE_DIMENSIONS),
        )
        return replace(unread, machine=Machine(_learn(unread.clues, goals, options, corpus)))

    @classmethod
    def load(cls, options: CrfOptions, folder: Path) -> Self:
        model = folder / MODEL
        if not model.is_file():
            return cls()
        with np.load(folder / "axes.npz", allow_pickle=False) as kept:
            mean, turn, sentence_mean, sentence_turn = kept.values()
        patterns = RegexEntityExtractor.load(RegexOptions(), folder / "patterns")
        lists = LookupEntityExtractor.load(LookupOptions(from_examples=False), folder / "lists")
        return cls(Machine(model.read_bytes()), patterns, lists, Axes(mean, turn), Axes(sentence_mean, sentence_turn))

    def save(self, folder: Path) -> None:
        if self.machine is None or self.patterns is None or self.lists is None:
            return
        (folder / MODEL).write_bytes(self.machine.content)
        for name, part in (("patterns", self.patterns), ("lists", self.lists)):
            (folder / name).mkdir()
            part.save(folder / name)
        states, sentence = self.states, self.sentence
        np.savez(folder / "axes.npz", states.mean, states.turn, sentence.mean, sentence.turn)

    def __call__(self, doc: Doc) -> Doc:
        if self.machine is None or not doc.normalized.text:
            return doc
        found = self.machine.read(self.clues(doc))
        return add(doc, (_entity(doc, span, sure) for span, sure in found))

    def clues(self, doc: Doc) -> list[Clues]:
        cut = plain_cutter().cut(doc.normalized.text)
        words = [Token(*word) for word in cut if not word[0].isspace()]
        return clues(doc, words, self._hits(doc), self.states, self.sentence)

    def _hits(self, doc: Doc) -> Iterator[Hit]:
        alone = replace(doc, entities=())
        for name, finder in (("pattern", self.patterns), ("list", self.lists)):
            for one in finder(alone).entities if finder else ():
                yield _hit(doc, one, f"{name}-{one.type}")
        for one in extract(doc.normalized, doc.now):
            yield _hit(doc, one, one.type)


def _hit(doc: Doc, one: Entity, name: str) -> Hit:
    own = places(doc.normalized, one.start, one.end)
    return Hit(own.start, own.stop, name)


def _entity(doc: Doc, span: Span, sure: float) -> Entity:
    start, end = doc.normalized.span(span.start, span.end)
    quote = doc.text[start:end]
    kind, role, group = span.kind
    return Entity(kind, quote, spoken(quote), start, end, role, group, CrfEntityExtractor.name, sure)


def _goals(corpus: Corpus) -> list[list[str]]:
    """The labels of each doc's characters; none at all where too little is marked."""
    counts = Counter(entity.type for example in corpus.data.examples for entity in example.entities)
    learned = {name for name, count in counts.items() if count >= LEAST_MARKS}
    if not learned:
        return []
    pairs = zip(corpus.docs, corpus.data.examples, strict=True)
    return [labels(doc.normalized, (one for one in example.entities if one.type in learned)) for doc, example in pairs]


def _learn(
    read: Callable[[Doc], list[Clues]], goals: Sequence[Sequence[str]], options: CrfOptions, corpus: Corpus
) -> bytes:
    """The field as CRFsuite writes it."""
    trainer = _Trainer("lbfgs", verbose=False)
    trainer.rounds, trainer.report = _rounds(goals), corpus.report
    settings = {"c1": options.c1, "c2": options.c2, "max_iterations": trainer.rounds, "feature.minfreq": SEEN}
    trainer.set_params(settings)
    for doc, goal in zip(corpus.docs, goals, strict=True):
        if goal:
            trainer.append(ItemSequence(read(doc)), goal)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / MODEL
        trainer.train(str(model))
        return model.read_bytes()


def _rounds(goals: Sequence[Sequence[str]]) -> int:
    kinds = len({label for goal in goals for label in goal})
    pairs = sum(map(len, goals)) * kinds**2
    return min(MOST_ROUNDS, max(LEAST_ROUNDS, int(WORK / max(1, pairs))))
