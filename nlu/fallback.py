"""Better to ask than to guess: an unsure intent becomes `nlu_fallback`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field as Setting

from config.source import Strict
from nlu.component import Component, Corpus, Field, measures, register
from nlu.doc import Doc
from nlu.meaning import FALLBACK_INTENT

SURE_ANSWER = 0.5


AUTO: Literal["auto"] = "auto"
CONFIDENCE, AMBIGUITY = 0.4, 0.1
"""Where nothing was measured."""
Threshold = Annotated[float, Setting(ge=0, le=1)] | Literal["auto"]


class FallbackOptions(Strict):
    threshold: Threshold = AUTO
    """The least confidence of an intent that is believed; `auto`: what served best on the bot's own held-out data."""
    ambiguity_threshold: float = Setting(AMBIGUITY, ge=0, le=1)
    """The least lead of the best intent over the second."""
    familiarity_threshold: Threshold = AUTO
    """The least chance that the text is about any intent at all; `auto`: as above, 0 where `threshold` is set."""


@register
@dataclass(frozen=True, slots=True)
class FallbackClassifier(Component):
    """Below any threshold the intent is `nlu_fallback`; the ranking stays, for a question back to the user.

    An answer that is more likely right than wrong is a reason to believe in its retrieval intent after all.
    """

    name: ClassVar[str] = "FallbackClassifier"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized", "intent"})
    assigns: ClassVar[frozenset[Field]] = frozenset()
    options: ClassVar[type[Strict]] = FallbackOptions

    setting: FallbackOptions
    threshold: float
    ambiguity: float
    familiarity: float

    @classmethod
    def of(cls, options: FallbackOptions, measured: Mapping[str, float]) -> Self:
        """`measured`: the thresholds that the intent classifier found to serve best, `confidence` and `familiarity`."""
        by_hand = options.threshold != AUTO
        least = measured.get("confidence", CONFIDENCE) if options.threshold == AUTO else options.threshold
        near = options.familiarity_threshold
        if near == AUTO:
            near = 0.0 if by_hand else measured.get("familiarity", 0.0)
        return cls(options, least, options.ambiguity_threshold, near)

    @classmethod
    def train(cls, options: FallbackOptions, corpus: Corpus) -> Self:
        return cls.of(options, {})

    @classmethod
    def load(cls, options: FallbackOptions, folder: Path) -> Self:
        return cls.of(options, {})

    def after(self, components: tuple[Component, ...]) -> Self:
        found = [thresholds for one in components if (thresholds := measures(one).get("thresholds"))]
        return self.of(self.setting, found[-1] if found else {})

    def save(self, folder: Path) -> None:
        """What is set is in the manifest, what was measured with the component that measured it."""

    def __call__(self, doc: Doc) -> Doc:
        if not doc.normalized.text or self._sure(doc):
            return doc
        answer = doc.answers[0] if doc.answers else None
        # how sure a text is of no intent says nothing against an answer
        rival = 0.0 if doc.intent == FALLBACK_INTENT else doc.confidence
        if answer is not None and answer.confidence >= max(SURE_ANSWER, self.threshold, rival):
            return replace(doc, intent=answer.key.partition("/")[0], confidence=answer.confidence)
        return replace(doc, intent=FALLBACK_INTENT, confidence=1 - doc.confidence if doc.ranking else 1.0)

    def _sure(self, doc: Doc) -> bool:
        if doc.intent == FALLBACK_INTENT or doc.confidence < self.threshold or doc.familiarity < self.familiarity:
            return False
        return len(doc.ranking) < 2 or doc.confidence - doc.ranking[1].confidence >= self.ambiguity
