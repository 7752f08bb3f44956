"""The first component of every pipeline: one spelling for what users type in many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from config.source import Strict
from nlu.component import Component, Corpus, Field, Material, NoOptions, register
from nlu.doc import Doc
from nlu.normalize import normalize


@register
@dataclass(frozen=True, slots=True)
class Normalizer(Component):
    """Full width to half, traditional to simplified, lower case; with the way back to the original."""

    name: ClassVar[str] = "Normalizer"
    requires: ClassVar[frozenset[Field]] = frozenset()
    assigns: ClassVar[frozenset[Field]] = frozenset({"normalized"})
    options: ClassVar[type[Strict]] = NoOptions
    reads: ClassVar[frozenset[Material]] = frozenset()

    @classmethod
    def train(cls, options: NoOptions, corpus: Corpus) -> Self:
        return cls()

    @classmethod
    def load(cls, options: NoOptions, folder: Path) -> Self:
        return cls()

    def save(self, folder: Path) -> None:
        """There is nothing to keep."""

    def __call__(self, doc: Doc) -> Doc:
        return replace(doc, normalized=normalize(doc.text))
