"""What a policy is, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flows.rasa.domain import RasaDomain
from flows.rasa.tracker import Tracker


@dataclass(frozen=True, slots=True)
class Prediction:
    """The action that a policy would take; empty where it has no opinion.

    `by_text`: it goes by the words of what was said. `interrupts`: the loop was left in between, so what was said is no
    answer to its question. `rule_only`: no story speaks of this turn. `forced`: it does not depend on what was said.
    `scores` has other actions too, where the policy weighs several.
    """

    action: str = ""
    confidence: float = 0.0
    policy: str = ""
    why: str = ""
    by_text: bool = False
    interrupts: bool = False
    rule_only: bool = False
    forced: bool = False
    scores: Mapping[str, float] = field(default_factory=dict)


class Policy(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def priority(self) -> int: ...

    def predict(self, tracker: Tracker, domain: RasaDomain) -> Prediction: ...
