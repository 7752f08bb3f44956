"""What to do in a situation that no story shows: a linear model over the last states, learned from stories.

It stands for Rasa's TEDPolicy, and takes seconds to train. Its features are what the last states hold (intent,
entities, action, slots, loop), each by how long ago it was, and pairs of what stands now. Trained by scikit-learn,
served by numpy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from flows.rasa.domain import RasaDomain
from flows.rasa.events import LISTEN
from flows.rasa.policies.policy import Prediction
from flows.rasa.states import RuleOnly, State, acted_in, learned_states, training_states
from flows.rasa.stories import Told
from flows.rasa.tracker import Tracker

MAX_HISTORY = 5
SEED = 20240229
GLUED = 5
"""Each story is also learned as if one of so many others, drawn by lot, had gone before it."""
MOST_GLUED = 1000
COST = 10.0
SURE = 0.5
LEAST = 0.05
"""An action that is less likely than this is not weighed against others."""


@dataclass(frozen=True)
class LearnedPolicy:
    """`matrix` is (features, actions); a situation's score for an action is the sum of its features' rows."""

    name: ClassVar[str] = "TEDPolicy"

    features: Mapping[str, int] = field(repr=False)
    actions: tuple[str, ...]
    matrix: NDArray[np.float32] = field(repr=False)
    bias: NDArray[np.float32] = field(repr=False)
    max_history: int = MAX_HISTORY
    priority: int = 1
    only: RuleOnly = field(default_factory=RuleOnly)

    @classmethod
    def train(
        cls, told: Sequence[Told], domain: RasaDomain, *, max_history: int | None = None, **settings: Any
    ) -> Self | None:
        """None where the stories leave nothing to be learned: fewer than two different actions."""
        history = max_history or MAX_HISTORY
        stories = [each for each in told if not each.is_rule]
        samples = {
            (frozenset(_features(states[-history:])), action)
            for events in _glued(stories)
            for states, action in training_states(events, domain, is_rule=False)
        }
        rows = sorted(samples, key=lambda pair: (sorted(pair[0]), pair[1]))
        actions = tuple(sorted({action for _, action in rows}))
        if len(actions) < 2:
            return None
        features = {name: i for i, name in enumerate(sorted({name for row, _ in rows for name in row}))}
        matrix, bias = _fit(rows, features, actions)
        return cls(features, actions, matrix, bias, history, **settings)

    def predict(self, tracker: Tracker, domain: RasaDomain) -> Prediction:
        states = learned_states(tracker, domain, self.only, by_text=False)[-self.max_history :]
        did, intent = tracker.latest_action_name or "", tracker.intent
        if did not in ("", LISTEN) and f"0 did {did}" not in self.features:
            # an action that only a rule or an event asks for: what comes after it is not to be guessed
            return Prediction(LISTEN, SURE, self.name, f"no story goes on after {did}")
        if did == LISTEN and intent and f"0 intent {intent}" not in self.features:
            return Prediction(policy=self.name, why=f"no story has the intent {intent}")
        scores = self.scores(states)
        best = max(scores, key=lambda action: scores[action])
        return Prediction(best, scores[best], self.name, "learned from stories", scores=scores)

    def scores(self, states: Sequence[State]) -> dict[str, float]:
        """The likely actions, with how likely they are."""
        places = [self.features[name] for name in _features(states) if name in self.features]
        sums = self.matrix[places].sum(0) + self.bias
        chances = np.exp(sums - sums.max())
        chances /= chances.sum()
        top = float(chances.max())
        return {
            action: float(chance)
            for action, chance in zip(self.actions, chances, strict=True)
            if chance >= min(LEAST, top)
        }

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        kept = {"features": list(self.features), "actions": self.actions, "max_history": self.max_history}
        (folder / "learned.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        np.save(folder / "learned.npy", np.vstack([self.matrix, self.bias]), allow_pickle=False)

    @classmethod
    def load(cls, folder: Path, **settings: Any) -> Self:
        """Raises OSError, ValueError or KeyError for a folder that `save` has not written whole."""
        kept = json.loads((folder / "learned.json").read_text("utf-8"))
        both = np.load(folder / "learned.npy", allow_pickle=False)
        features = {name: i for i, name in enumerate(kept["features"])}
        return cls(features, tuple(kept["actions"]), both[:-1], both[-1], max_history=kept["max_history"], **settings)


def _features(states: Sequence[State]) -> Iterator[str]:
    for ago, state in enumerate(reversed(states)):
        now = list(_seen(state))
        yield from (f"{ago} {name}" for name in now)
        if not ago:
            # what is to be done depends on what goes together: 确认 in this loop, after that question
            yield from (f"0 {one} & {other}" for one, other in combinations(now, 2))
    if len(states) > 1:
        before = acted_in(states[-2])
        yield from (f"0 {name} & 1 {before}" for name in _seen(states[-1]))


def _seen(state: State) -> Iterator[str]:
    user = state.get("user") or {}
    yield f"did {acted_in(state)}"
    if user.get("intent"):
        yield f"intent {user['intent']}"
    for entity in user.get("entities") or ():
        yield f"entity {entity}"
    if user.get("text"):
        yield f"text {user['text']}"
    for name, numbers in (state.get("slots") or {}).items():
        yield f"slot {name} {[round(float(number), 1) for number in numbers]}"
    loop = (state.get("active_loop") or {}).get("name")
    if loop:
        yield f"loop {loop}"


def _glued(stories: Sequence[Told]) -> Iterator[Sequence[Any]]:
    """Each story alone, and after others: what went before it in a long talk is not part of it."""
    dice = np.random.default_rng(SEED)
    yield from (each.events for each in stories)
    left = MOST_GLUED
    for each in stories:
        for other in dice.integers(len(stories), size=min(GLUED, left)):
            left -= 1
            before = stories[int(other)].events
            # the last thing that a story does is to listen, the first thing is to listen too
            yield (*before, *(each.events[1:] if each.events and each.events[0].get("name") == LISTEN else each.events))


def _fit(
    rows: Iterable[tuple[frozenset[str], str]], features: Mapping[str, int], actions: Sequence[str]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from scipy.sparse import csr_matrix  # noqa: PLC0415 - heavy
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - heavy

    places = [sorted(features[name] for name in row) for row, _ in rows]
    pointers = np.concatenate([[0], np.cumsum([len(row) for row in places])])
    columns = np.concatenate(places)
    table = csr_matrix((np.ones(len(columns)), columns, pointers), shape=(len(places), len(features)))
    labels = np.array([actions.index(action) for _, action in rows])
    machine = LogisticRegression(C=COST, max_iter=200, tol=1e-3)
    machine.fit(table, labels)
    weights, bias = machine.coef_, machine.intercept_
    if len(actions) == 2:  # scikit-learn keeps the second one's plane alone
        weights, bias = np.vstack([-weights, weights]), np.concatenate([-bias, bias])
    return weights.T.astype(np.float32), bias.astype(np.float32)
