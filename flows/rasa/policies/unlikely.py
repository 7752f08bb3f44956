"""UnexpecTEDIntentPolicy: is what was said a surprise, by all stories?

https://rasa.com/docs/rasa/policies#unexpected-intent-policy. An intent is expected where some story has it after the
same last action in the same loop. Rules are not asked: what they answer is never a surprise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self

from flows.rasa.domain import RasaDomain
from flows.rasa.events import LISTEN
from flows.rasa.policies.policy import Prediction
from flows.rasa.states import RuleOnly, State, acted_in, learned_states, loop_in, training_states
from flows.rasa.stories import Told
from flows.rasa.tracker import Tracker

UNLIKELY = "action_unlikely_intent"


@dataclass(frozen=True)
class UnlikelyIntentPolicy:
    """`expected`: situation -> the intents that stories have in it; only those `known` to stories can surprise."""

    name: ClassVar[str] = "UnexpecTEDIntentPolicy"

    expected: Mapping[str, frozenset[str]] = field(repr=False)
    ignored: frozenset[str] = frozenset()
    """`ignore_intents_list`, and the intents of rules."""
    priority: int = 2
    only: RuleOnly = field(default_factory=RuleOnly)

    @classmethod
    def train(
        cls,
        told: Sequence[Told],
        domain: RasaDomain,
        *,
        ignored: frozenset[str] = frozenset(),
        only: RuleOnly,
    ) -> Self:
        expected: dict[str, set[str]] = {}
        in_rules: set[str] = set()
        for each in told:
            for states, _ in training_states(each.events, domain, is_rule=each.is_rule):
                intent = (states[-1].get("user") or {}).get("intent")
                if not intent or acted_in(states[-1]) != LISTEN:
                    continue
                if each.is_rule:
                    in_rules.add(intent)
                else:
                    expected.setdefault(_situation(states), set()).add(intent)
        kept = {place: frozenset(intents) for place, intents in expected.items()}
        return cls(kept, ignored | in_rules, only=only)

    def predict(self, tracker: Tracker, domain: RasaDomain) -> Prediction:
        intent = tracker.intent
        if tracker.latest_action_name != LISTEN or intent in self.ignored or intent not in self._known:
            return Prediction(policy=self.name)
        states = learned_states(tracker, domain, self.only, by_text=False)
        expected = self.expected.get(_situation(states)) if states else None
        if expected is None or intent in expected:
            return Prediction(policy=self.name)
        return Prediction(UNLIKELY, 1.0, self.name, f"no story has '{intent}' here")

    @property
    def _known(self) -> frozenset[str]:
        return frozenset().union(*self.expected.values())


def _situation(states: Sequence[State]) -> str:
    did = next((acted_in(state) for state in reversed(states) if acted_in(state) not in ("", LISTEN)), "")
    return f"{did}|{loop_in(states[-1])}"
