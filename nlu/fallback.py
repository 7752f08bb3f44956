"""Better to ask than to guess: an unsure intent becomes `nlu_fallback`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field as Setting

from config.source import Strict
from nlu.component import Component, Corpus, Field, register
from nlu.doc import Doc
from nlu.meaning import FALLBACK_INTENT

SURE_ANSWER = 0.5


class FallbackOptions(Strict):
    threshold: float = Setting(0.4, ge=0, le=1)
    """The least confidence of an intent that is believed."""
    ambiguity_threshold: float = Setting(0.1, ge=0, le=1)
    """The least lead of the best intent over the second."""


@register
@dataclass(frozen=True, slots=True)
class FallbackClassifier(Component):
    """Below either threshold the intent is `nlu_fallback`; the ranking stays, for a question back to the user.

    An answer that is more likely right than wrong is a reason to believe in its retrieval intent after all.
    """

    name: ClassVar[str] = "FallbackClassifier"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized", "intent"})
    assigns: ClassVar[frozenset[Field]] = frozenset()
    options: ClassVar[type[Strict]] = FallbackOptions

    threshold: float
    ambiguity: float

    @classmethod
    def train(cls, options: FallbackOptions, corpus: Corpus) -> Self:
        return cls(options.threshold, options.ambiguity_threshold)

    @classmethod
    def load(cls, options: FallbackOptions, folder: Path) -> Self:
        return cls(options.threshold, options.ambiguity_threshold)

    def save(self, folder: Path) -> None:
        """The thresholds are in the manifest."""

    def __call__(self, doc: Doc) -> Doc:
        if not doc.normalized.text or self._sure(doc):
            return doc
        answer = doc.answers[0] if doc.answers else None
        if answer is not None and answer.confidence >= max(SURE_ANSWER, self.threshold, doc.confidence):
            return replace(doc, intent=answer.key.partition("/")[0], confidence=answer.confidence)
        return replace(doc, intent=FALLBACK_INTENT, confidence=1 - doc.confidence if doc.ranking else 1.0)

    def _sure(self, doc: Doc) -> bool:
        if doc.intent == FALLBACK_INTENT or doc.confidence < self.threshold:
            return False
        return len(doc.ranking) < 2 or doc.confidence - doc.ranking[1].confidence >= self.ambiguity
