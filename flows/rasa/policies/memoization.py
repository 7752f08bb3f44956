"""Memoization: what a story does in exactly this situation.

https://rasa.com/docs/rasa/policies#memoization-policy. The augmented policy forgets the beginning of the conversation,
turn by turn, until a story fits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

from flows.rasa.domain import RasaDomain
from flows.rasa.events import LISTEN, is_action
from flows.rasa.policies.policy import Prediction
from flows.rasa.states import RuleOnly, State, learned_states, state_key, training_states
from flows.rasa.stories import Told
from flows.rasa.tracker import Tracker


@dataclass(frozen=True)
class MemoizationPolicy:
    """`known`: the key of the last `max_history` states (None: all of them) -> the action."""

    known: Mapping[str, str] = field(repr=False)
    max_history: int | None = None
    augmented: bool = False
    priority: int = 3
    only: RuleOnly = field(default_factory=RuleOnly)
    confidence_of_intent: bool = False
    """`use_nlu_confidence_as_score`."""

    @property
    def name(self) -> str:
        return "AugmentedMemoizationPolicy" if self.augmented else "MemoizationPolicy"

    @classmethod
    def train(
        cls, told: Sequence[Told], domain: RasaDomain, *, max_history: int | None = None, **settings: Any
    ) -> Self:
        known: dict[str, str] = {}
        ambiguous: set[str] = set()
        for each in told:
            if each.is_rule:
                continue
            for states, action in training_states(each.events, domain, is_rule=False):
                key = state_key(_last(states, max_history))
                if known.setdefault(key, action) != action:
                    ambiguous.add(key)
        return cls({key: action for key, action in known.items() if key not in ambiguous}, max_history, **settings)

    def predict(self, tracker: Tracker, domain: RasaDomain) -> Prediction:
        for by_text in (True, False) if self._by_words else (False,):
            for states in self._memories(tracker, domain, by_text=by_text):
                action = self.known.get(state_key(_last(states, self.max_history)), "")
                words = "text" in (states[-1].get("user") or {})
                if action and words >= by_text:
                    return Prediction(action, self._sure(tracker), self.name, "a story known by heart", by_text=words)
        return Prediction(policy=self.name)

    @cached_property
    def _by_words(self) -> bool:
        """Whether any story goes by the words of what is said."""
        return any('"text"' in key for key in self.known)

    def _sure(self, tracker: Tracker) -> float:
        intent = tracker.latest_message.get("intent") or {}
        return float(intent.get("confidence") or 0.0) if self.confidence_of_intent else 1.0

    def _memories(self, tracker: Tracker, domain: RasaDomain, *, by_text: bool) -> Iterator[Sequence[State]]:
        """The conversation, and for the augmented policy also without more and more of its beginning."""
        states = learned_states(tracker, domain, self.only, by_text=by_text)
        yield states
        shorter = _from_action(tracker, self._reach) if self.augmented else None
        while shorter is not None:
            left = learned_states(shorter, domain, self.only, by_text=by_text)
            if left and left != states:
                states = left
                yield states
            shorter = _without_action(shorter)

    @cached_property
    def _reach(self) -> int:
        """So many actions back a story may begin that is known."""
        return self.max_history or max((len(json.loads(key)) for key in self.known), default=0)


def _last(states: Sequence[State], count: int | None) -> Sequence[State]:
    return states if count is None else states[-count:]


def _from_action(tracker: Tracker, count: int) -> Tracker | None:
    """The conversation from the last time that it listened with more than `count` actions to come, as Rasa cuts it; or
    from its first action."""
    applied = tracker.applied()
    places = [i for i, event in enumerate(applied) if is_action(event)]
    far = [place for place in places[: -count or None] if is_action(applied[place], LISTEN)]
    begun = far[-1:] or places[:1]
    return Tracker(tracker.sender, tracker.initial, applied[begun[0] :]) if begun else None


def _without_action(tracker: Tracker) -> Tracker | None:
    """The conversation from its second action on; None where there is none."""
    places = [i for i, event in enumerate(tracker.events) if is_action(event)]
    return Tracker(tracker.sender, tracker.initial, tracker.events[places[1] :]) if len(places) > 1 else None
