"""Which policy is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flows.rasa.domain import RasaDomain
from flows.rasa.policies.policy import Policy, Prediction
from flows.rasa.tracker import Tracker

NOTHING = Prediction()


def predict(policies: Sequence[Policy], tracker: Tracker, domain: RasaDomain) -> Prediction:
    """The surest, then the one of the highest priority. A loop that goes on by itself comes before all others, then
    what goes by the words of what was said. An action that has just refused is not taken again."""
    said = [(_not(policy.predict(tracker, domain), _refused(tracker)), policy.priority) for policy in policies]
    opinions = [(each, priority) for each, priority in said if each.action]
    for kind in ("forced", "by_text"):
        chosen = [pair for pair in opinions if getattr(pair[0], kind)]
        if chosen:
            opinions = chosen
            break
    if not opinions:
        return NOTHING
    best, _ = max(opinions, key=lambda pair: (pair[0].confidence, pair[1]))
    # whoever wins: the loop must know that it was left
    return replace(best, interrupts=any(each.interrupts for each, _ in said))


def _refused(tracker: Tracker) -> str:
    last = tracker.events[-1] if tracker.events else None
    return str(last.get("name")) if last is not None and last["event"] == "action_execution_rejected" else ""


def _not(said: Prediction, refused: str) -> Prediction:
    if not refused or said.action != refused:
        return said
    others = {action: score for action, score in said.scores.items() if action != refused}
    if not others:
        return replace(said, action="")
    best = max(others, key=lambda action: others[action])
    return replace(said, action=best, confidence=others[best], scores=others)
