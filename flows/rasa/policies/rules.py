"""RulePolicy: rules, forms, and Rasa's default actions.

https://rasa.com/docs/rasa/policies#rule-policy. A rule is kept as the states that must stand at the end of a
conversation, and the action that follows them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from config.source import Problem
from flows.rasa import events
from flows.rasa.domain import RasaDomain
from flows.rasa.events import LISTEN, SNIPPET, is_action
from flows.rasa.policies.policy import Prediction
from flows.rasa.states import (
    UNSET,
    RuleOnly,
    State,
    acted_in,
    loop_in,
    prediction_states,
    state_key,
    training_states,
)
from flows.rasa.stories import Told
from flows.rasa.tracker import Tracker

DEFAULT_OF: Mapping[str, str] = {
    "restart": "action_restart",
    "back": "action_back",
    "session_start": "action_session_start",
}
"""Intents that Rasa answers itself."""
INTERRUPTED, KEEPS_OUT = "loop_was_interrupted", "do_not_predict_loop_action"


@dataclass(frozen=True, slots=True)
class Rule:
    """`states`, the present one last; the first has no `prev_action` where a conversation must begin with it."""

    states: tuple[State, ...]
    action: str

    def fits(self, states: Sequence[State]) -> bool:
        return all(_fits(rule, state) for rule, state in zip(reversed(self.states), reversed(states), strict=False))


@dataclass(frozen=True)
class RulePolicy:
    name: ClassVar[str] = "RulePolicy"

    rules: tuple[Rule, ...]
    unhappy: tuple[tuple[tuple[State, ...], str], ...] = ()
    """States inside a loop, and what they say of it: `INTERRUPTED` or `KEEPS_OUT`."""
    only: RuleOnly = field(default_factory=RuleOnly)
    in_stories: frozenset[str] = frozenset()
    """Sources of predictions that stories make as well: their turns are not hidden from other policies."""
    priority: int = 4
    fallback_action: str = "action_default_fallback"
    fallback_threshold: float = 0.3
    fallback: bool = True

    @classmethod
    def train(cls, told: Sequence[Told], domain: RasaDomain, **settings: Any) -> Self:
        rules = [each for each in told if each.is_rule]
        stories = [each for each in told if not each.is_rule]
        of_rules = [pair for each in rules for pair in training_states(each.events, domain, is_rule=True)]
        of_stories = [pair for each in stories for pair in training_states(each.events, domain, is_rule=False)]
        made = cls(
            _rules(of_rules),
            _unhappy([*of_rules, *of_stories]),
            _rule_only(of_rules, of_stories),
            **settings,
        )
        return replace(made, in_stories=frozenset(made._used_in(stories, domain)))

    @property
    def longest(self) -> int:
        """So many states back a rule looks."""
        return max((len(rule.states) for rule in self.rules), default=1)

    def predict(self, tracker: Tracker, domain: RasaDomain) -> Prediction:
        by_text = (
            self._by_rules(tracker, domain, by_text=True) if tracker.latest_action_name == LISTEN else Prediction()
        )
        default = self._default(tracker)
        if default.action and not by_text.action:
            return self._marked(default)
        loop = _loop(tracker)
        if loop.action:
            return self._marked(loop)
        found = by_text if by_text.action else self._by_rules(tracker, domain, by_text=False)
        if found.action:
            return self._marked(replace(found, interrupts=found.interrupts or by_text.interrupts))
        confidence = self.fallback_threshold if self.fallback else 0.0
        return replace(found, action=self.fallback_action, confidence=confidence, policy=self.name)

    def _default(self, tracker: Tracker) -> Prediction:
        action = DEFAULT_OF.get(tracker.intent) if tracker.latest_action_name == LISTEN else None
        return Prediction(action, 1.0, self.name, f"default {tracker.intent}") if action else Prediction()

    def _marked(self, found: Prediction) -> Prediction:
        # what is left where the action refuses
        scores = {self.fallback_action: self.fallback_threshold} if self.fallback else {}
        scores[found.action] = 1.0
        known = found.why in self.in_stories
        return replace(found, confidence=1.0, policy=self.name, rule_only=not known, scores=scores)

    def _by_rules(self, tracker: Tracker, domain: RasaDomain, *, by_text: bool) -> Prediction:
        states = prediction_states(tracker, domain, by_text=by_text)
        fitting = [rule for rule in self.rules if rule.fits(states)]
        # several fit where one is part of another
        best = max(fitting, key=lambda rule: len(state_key(rule.states)), default=None)
        action = best.action if best else ""
        why = state_key(best.states) if best else state_key(states[-1:])
        interrupts = False
        if tracker.loop:
            marks = [mark for shown, mark in self.unhappy if Rule(shown, "").fits(states)]
            if best is not None and action == LISTEN and not loop_in(best.states[-1]):
                # a rule that knows nothing of loops has ended: the loop goes on
                if KEEPS_OUT not in marks:
                    return Prediction(tracker.loop, why=why, by_text=by_text)
                action = ""
            interrupts = INTERRUPTED in marks
        return Prediction(action, why=why, by_text=by_text, interrupts=interrupts)

    # --- what training checks

    def problems(self, told: Sequence[Told], domain: RasaDomain) -> Iterator[Problem]:
        """Rules and stories that contradict each other, and rules that leave out what others say of the same action."""
        yield from _incomplete([each for each in told if each.is_rule], domain)
        sources: dict[str, list[tuple[Told, str]]] = defaultdict(list)
        for each in told:
            if each.is_rule:
                for said, gold in self._replayed(each, domain):
                    truth = said.action if said.why.startswith(("default ", "loop ")) else gold
                    sources[said.why].append((each, truth))
        for each in told:
            for said, gold in self._replayed(each, domain):
                if not said.action or said.action == gold or self._gives_way(each, said):
                    continue
                others = sorted({f"'{rule.story}'" for rule, action in sources[said.why] if action != gold})
                if others:
                    kind = "rule" if each.is_rule else "story"
                    rule = f"the rule {', '.join(others)} does '{said.action}'"
                    what = f"the {kind} '{each.story}' does '{gold}' where {rule}"
                    yield Problem(each.file, each.line, what, "change one of them, or tell them apart by a condition")

    def _gives_way(self, each: Told, said: Prediction) -> bool:
        """A story may do more where a rule of one turn would listen."""
        if each.is_rule or said.action != LISTEN or said.why.count('"prev_action"') > 1:
            return False
        return any(
            state_key(rule.states).startswith(said.why[:-2]) and state_key(rule.states) != said.why
            for rule in self.rules
        )

    def _used_in(self, stories: Sequence[Told], domain: RasaDomain) -> Iterator[str]:
        for each in stories:
            for said, gold in self._replayed(each, domain):
                if said.action == gold:
                    yield said.why

    def _replayed(self, each: Told, domain: RasaDomain) -> Iterator[tuple[Prediction, str]]:
        """What the policy says at every action that a story takes, but where it cannot know."""
        running = Tracker(each.story, domain.initial)
        unknowable = True
        for event in Tracker(each.story, domain.initial, list(each.events)).applied():
            if is_action(event):
                name = str(event.get("name") or event.get("action_text"))
                if name == SNIPPET:
                    unknowable = True
                elif unknowable:
                    unknowable = False
                else:
                    yield self._said_of(running, name, domain), name
            running.update(event)

    def _said_of(self, running: Tracker, gold: str, domain: RasaDomain) -> Prediction:
        said = self.predict(running, domain)
        if running.loop and said.action == running.loop != gold:
            running.update(events.rejected(running.loop, 0.0))
            said = self.predict(running, domain)
        return replace(said, action="") if said.action == self.fallback_action != gold else said


def _loop(tracker: Tracker) -> Prediction:
    """A loop goes on by itself, and then listens, until it refuses."""
    if not tracker.loop or tracker.rejected or not tracker.latest_action:
        return Prediction()
    if tracker.latest_action_name != tracker.loop:
        return Prediction(tracker.loop, why=f"loop {tracker.loop}", forced=True)
    return Prediction(LISTEN, why=f"loop {tracker.loop} - {LISTEN}", forced=True)


def _fits(rule: State, state: State) -> bool:
    if not rule.get("prev_action") or not state.get("prev_action"):
        return not rule.get("prev_action") and not state.get("prev_action")
    for part, wanted in rule.items():
        present = state.get(part) or {}
        for key, value in wanted.items():
            seen = present.get(key)
            if seen in (None, UNSET, [], "") if value == UNSET else (not value or seen == value):
                continue
            return False
    return True


def _own_states(states: Sequence[State]) -> tuple[State, ...]:
    """Those after the `...`, before which anything may have happened."""
    for i in range(len(states) - 1, -1, -1):
        if acted_in(states[i]) == SNIPPET:
            return tuple(states[i + 1 :])
    return tuple(states)


def _rules(pairs: Iterable[tuple[list[dict[str, Any]], str]]) -> tuple[Rule, ...]:
    found: dict[str, Rule] = {}
    for states, action in pairs:
        own = _own_states(states)
        if own and action != SNIPPET:
            found[state_key(own)] = Rule(own, action)
    return tuple(found.values())


def _unhappy(pairs: Iterable[tuple[list[dict[str, Any]], str]]) -> tuple[tuple[tuple[State, ...], str], ...]:
    found: dict[str, tuple[tuple[State, ...], str]] = {}
    for states, action in pairs:
        loop = loop_in(states[-1])
        if not loop:
            continue
        last: list[State] = [states[-1]]
        if len(states) > 1 and states[-2].get("prev_action"):
            last.insert(0, {"prev_action": states[-2]["prev_action"]})
        own = _own_states(last)
        listened = acted_in(states[-1]) == LISTEN
        if own and listened == (action == loop):
            found[state_key(own)] = (own, INTERRUPTED if listened else KEEPS_OUT)
    return tuple(found.values())


def _rule_only(
    of_rules: Iterable[tuple[list[dict[str, Any]], str]], of_stories: Iterable[tuple[list[dict[str, Any]], str]]
) -> RuleOnly:
    def seen(pairs: Iterable[tuple[list[dict[str, Any]], str]]) -> tuple[set[str], set[str]]:
        slots: set[str] = set()
        loops: set[str] = set()
        for states, _ in pairs:
            slots |= set(states[-1].get("slots") or ())
            loops |= {loop_in(states[-1])} - {""}
        return slots, loops

    (rule_slots, rule_loops), (story_slots, story_loops) = seen(of_rules), seen(of_stories)
    return RuleOnly(frozenset(rule_slots - story_slots), frozenset(rule_loops - story_loops))


def _incomplete(rules: Sequence[Told], domain: RasaDomain) -> Iterator[Problem]:
    """An action after which one rule says which slots or loops are set, another nothing."""
    seen: list[tuple[Told, str, str, State]] = []
    slots: dict[str, set[str]] = defaultdict(set)
    loops: dict[str, set[str]] = defaultdict(set)
    for each in rules:
        following: dict[str, set[str]] = defaultdict(set)
        action = ""
        for event in each.events:
            if is_action(event):
                action = str(event.get("name"))
            elif event["event"] == "slot" and action:
                following[action].add(event["name"])
                slots[action].add(event["name"])
            elif event["event"] == "active_loop" and action:
                loops[action].add(event.get("name") or UNSET)
        for states, taken in training_states(each.events, domain, is_rule=True):
            before = acted_in(states[-1])
            if before and SNIPPET not in (before, taken):
                seen.append((each, before, taken, states[-1]))
    for each, before, _, state in seen:
        missing = slots[before] - set(state.get("slots") or ())
        if missing and before != LISTEN:
            what = (
                f"after '{before}' the rule '{each.story}' does not set {', '.join(sorted(missing))}, as other rules do"
            )
            yield Problem(each.file, each.line, what, "add slot_was_set, or end the rule by wait_for_user_input: false")
        loop = (state.get("active_loop") or {}).get("name")
        if loops[before] and loop not in loops[before]:
            names = ", ".join(sorted("null" if name == UNSET else name for name in loops[before]))
            what = f"after '{before}' the rule '{each.story}' does not set active_loop ({names}), as other rules do"
            yield Problem(each.file, each.line, what, "add active_loop, or end the rule by wait_for_user_input: false")


def to_json(policy: RulePolicy) -> dict[str, Any]:
    """What was learned, as plain data."""
    return {
        "rules": [[list(rule.states), rule.action] for rule in policy.rules],
        "unhappy": [[list(states), mark] for states, mark in policy.unhappy],
        "only": [sorted(policy.only.slots), sorted(policy.only.loops)],
        "in_stories": sorted(policy.in_stories),
    }


def from_json(kept: Mapping[str, Any], **settings: Any) -> RulePolicy:
    return RulePolicy(
        tuple(Rule(tuple(states), action) for states, action in kept["rules"]),
        tuple((tuple(states), mark) for states, mark in kept["unhappy"]),
        RuleOnly(frozenset(kept["only"][0]), frozenset(kept["only"][1])),
        frozenset(kept["in_stories"]),
        **settings,
    )
