"""Better to ask than to guess: an unsure intent becomes `nlu_fallback`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
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


LOST_AT, LOST = 0.7, 0.02
"""DIET leaves about so many of the rightly understood sentences below 0.7; of other thresholds the odds count."""


class FallbackOptions(Strict):
    threshold: Threshold = AUTO
    """The least confidence of an intent that is believed; `auto`: what served best on the bot's own held-out data."""
    diet_threshold: float | None = Setting(None, ge=0, le=1)
    """A threshold for the confidence of Rasa's DIET, in place of `threshold`: as many of the rightly understood
    held-out sentences are believed as DIET believes at that threshold."""
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
    def of(
        cls, options: FallbackOptions, measured: Mapping[str, float], right: Sequence[tuple[float, float]] = ()
    ) -> Self:
        """`measured`: the thresholds that the intent classifier found to serve best, `confidence` and `familiarity`;
        `right`: (share, confidence that this share of the rightly understood do not reach)."""
        by_hand = options.threshold != AUTO
        if options.diet_threshold is not None:
            least = as_sure_as_diet(options.diet_threshold, right)
            return cls(options, least, options.ambiguity_threshold, 0.0)
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
        found = [each for one in components if (each := measures(one)).get("thresholds")]
        last = found[-1] if found else {}
        return self.of(self.setting, last.get("thresholds", {}), last.get("right_confidences", ()))

    def save(self, folder: Path) -> None:
        """What is set is in the manifest, what was measured with the component that measured it."""

    def __call__(self, doc: Doc) -> Doc:
        if not doc.normalized.text or self._sure(doc):
            return doc
        answer = doc.answers[0] if doc.answers else None
        if answer is not None and answer.confidence >= max(SURE_ANSWER, self.threshold, doc.confidence):
            return replace(doc, intent=answer.key.partition("/")[0], confidence=answer.confidence)
        return replace(doc, intent=FALLBACK_INTENT, confidence=1 - doc.confidence if doc.ranking else 1.0)

    def _sure(self, doc: Doc) -> bool:
        if doc.intent == FALLBACK_INTENT or doc.confidence < self.threshold or doc.familiarity < self.familiarity:
            return False
        return len(doc.ranking) < 2 or doc.confidence - doc.ranking[1].confidence >= self.ambiguity


def as_sure_as_diet(threshold: float, right: Sequence[tuple[float, float]]) -> float:
    """Our confidence that loses as many rightly understood sentences as a threshold loses of DIET's, which is sure of
    nearly everything: 0.7 there is about 0.3 here. `right` as in `FallbackClassifier.of`."""
    if not right:
        return min(threshold, CONFIDENCE)
    odds = threshold / max(1e-6, 1 - threshold)
    lost = LOST * odds / (LOST_AT / (1 - LOST_AT))
    shares, confidences = zip(*right, strict=True)
    return min(threshold, float(np.interp(lost, shares, confidences)))
