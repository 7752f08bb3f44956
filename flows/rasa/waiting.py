"""What a message is to a form that waits for an answer: an answer, a correction, something else, giving up.

The understanding of flows decides it, for which a form is a flow that asks for the form's slots, and a rule one that
its intent starts. What the project's author has written for just this form comes first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from adapters.message import Card, Json, Text
from flows import words
from flows.domain import Variation
from flows.engine import Engine
from flows.rasa import events
from flows.rasa.domain import REQUESTED, Form
from flows.rasa.engine import RasaEngine
from flows.rasa.events import LISTEN
from flows.rasa.policies.ensemble import predict
from flows.rasa.policies.memoization import MemoizationPolicy
from flows.rasa.policies.policy import Prediction
from flows.rasa.policies.rules import RulePolicy
from flows.rasa.repair import DEACTIVATE, Repair
from flows.rasa.states import State, acted_in, loop_in
from flows.rasa.tracker import Tracker
from flows.rasa.values import refused
from flows.situation import Decision, Knowledge, Situation
from flows.state import (
    CancelFlow,
    CannotHandle,
    ChitChat,
    CorrectSlot,
    Dialogue,
    Heard,
    HumanHandoff,
    RepeatBotMessages,
    Restart,
    SetSlot,
    SkipQuestion,
    StartFlow,
)  # fmt: skip
from flows.steps import Ask, Flow, Trigger, Values, Walk
from flows.understand import understand
from nlu.meaning import FALLBACK_INTENT

_RULE = "rule "
ASIDE_FROM = 0.6
"""A free answer is taken for something else from this confidence on, or where it is a question."""
_SAID = frozenset(("utter_take_your_time", "utter_yes_or_no"))
"""What is said of a question and is no answer from the FAQ."""


def _never(slots: Values, context: Values) -> Walk:
    """A form is not run as a flow, only understood as one."""
    yield from ()


@dataclass(frozen=True)
class Waiting:
    """Understands what is said to forms."""

    rasa: RasaEngine
    flows: Engine

    def repair(self, dialogue: Dialogue, heard: Heard, tracker: Tracker) -> Repair | Decision | None:
        """What the message is to the form that waits, if one does in the session so far; None where none does. A
        `Decision` is for flows."""
        situation = self.situation(dialogue, heard, tracker)
        if situation is None:
            return None
        return self._repair(understand(heard, situation), situation, self.rasa.after(tracker, heard), heard)

    def situation(self, dialogue: Dialogue, heard: Heard, tracker: Tracker) -> Situation | None:
        """Where the form stands that waits, as a flow would; None where none does."""
        form = self.rasa.domain.forms.get(tracker.loop or "")
        asked = str(tracker.slots.get(REQUESTED) or "")
        if form is None or asked not in self.rasa.domain.slots or self.rasa.is_over(tracker, heard.at):
            return None
        return self._situation(dialogue, tracker, form, asked)

    def _repair(
        self, decision: Decision, situation: Situation, tracker: Tracker, heard: Heard
    ) -> Repair | Decision | None:
        kinds = {type(command) for command in decision.commands}
        if not kinds or RepeatBotMessages in kinds or not heard.meaning.text:
            return decision
        foreseen = self._foreseen(tracker)
        own = foreseen.action not in ("", LISTEN) and self._is_about_loops(foreseen)
        if kinds & {HumanHandoff, CancelFlow, Restart}:
            return self._ended(kinds, own, decision.why, tracker)
        slot = self.rasa.domain.slots[situation.asked]
        wrong = refused(heard.meaning, slot)
        if wrong:
            return Repair("again", f"there is no such {wrong}", {"label": wrong}, "utter_invalid_value")
        if SkipQuestion in kinds and not situation.waits_for_text and not own:
            return Repair("skip", decision.why, response="utter_cannot_skip")
        if CorrectSlot in kinds and not own:
            return Repair("correct", decision.why, dict(_values(decision)))
        return self._other(heard, decision, situation, foreseen, own=own)

    def _other(
        self, heard: Heard, decision: Decision, situation: Situation, foreseen: Prediction, *, own: bool
    ) -> Repair | Decision:
        started = next((each.flow for each in decision.commands if isinstance(each, StartFlow)), "")
        said = next((each.response for each in decision.commands if isinstance(each, ChitChat)), "")
        values = dict(_values(decision))
        if started == situation.flow:
            return Repair("again", decision.why)
        if started in self.flows.flows and not own:
            return decision
        if said in _SAID:
            return Repair("say", decision.why, response=said)
        unsure = heard.meaning.confidence < ASIDE_FROM and not words.is_question(heard.meaning.text)
        if said and unsure and situation.waits_for_text and not own:
            return Repair("answer", "too unsure to be something else than the answer")
        if own and situation.asked not in values:
            return Repair("aside", "a story or rule about this form deals with it")
        if any(isinstance(each, CannotHandle) for each in decision.commands):
            unsure = foreseen.action in ("", LISTEN) or foreseen.confidence <= self._threshold
            return Repair("unfit" if unsure else "aside", decision.why, response=self._not_understood)
        if situation.asked in values or SkipQuestion in map(type, decision.commands):
            return Repair("answer", decision.why, values)
        if values:
            return Repair("aside" if situation.waits_for_text else "answer", decision.why, values)
        return Repair("aside", decision.why)

    def _ended(self, kinds: set[type], own: bool, why: str, tracker: Tracker) -> Repair:
        if Restart in kinds:
            return Repair("restart", why)
        if own:
            return Repair("aside", "a story or rule about this form deals with it")
        if CancelFlow in kinds:
            return Repair("cancel", why)
        outside = self._foreseen(_outside(tracker), sure=True)
        # an intent that begins a form was misheard: 转人工 asks for no form
        by_author = outside.action not in ("", LISTEN, *self.rasa.domain.forms) and tracker.intent != FALLBACK_INTENT
        return Repair("leave" if by_author else "hand over", why)

    # --- what the author's rules and stories would do

    def _foreseen(self, tracker: Tracker, *, sure: bool = False) -> Prediction:
        """What comes next if the form, where there is one, refuses. `sure`: by rules and memoized stories alone."""
        trial = tracker.copy()
        if trial.loop:
            trial.update(events.rejected(trial.loop, 0.0))
        policies = [each for each in self.rasa.policies if not sure or isinstance(each, RulePolicy | MemoizationPolicy)]
        found = predict(policies, trial, self.rasa.domain)
        return found if not sure or found.confidence == 1.0 else Prediction()

    def _is_about_loops(self, foreseen: Prediction) -> bool:
        """Whether whoever wrote this rule or story had the form in mind."""
        if foreseen.confidence < 1.0:
            return False
        return foreseen.action == DEACTIVATE or "Memoization" in foreseen.policy or '"active_loop"' in foreseen.why

    @property
    def _threshold(self) -> float:
        return max((each.fallback_threshold for each in self._rule_policies), default=0.0)

    @property
    def _not_understood(self) -> str:
        own = "utter_default"
        return own if own in self.rasa.domain.base.responses else "utter_ask_rephrase"

    @property
    def _rule_policies(self) -> list[RulePolicy]:
        return [each for each in self.rasa.policies if isinstance(each, RulePolicy)]

    # --- forms and rules, as flows

    def _situation(self, dialogue: Dialogue, tracker: Tracker, form: Form, asked: str) -> Situation:
        filled = {name: tracker.slots.get(name) for name in form.required if name != asked}
        return Situation(
            self._knowledge,
            flow=form.name,
            asked=asked,
            answered=_by_age({name: value for name, value in filled.items() if value is not None}, tracker),
            slots=tracker.slots,
            mentions=dialogue.mentions,
            options=dialogue.options,
            prompt="\n".join(reply.text for reply in dialogue.said if isinstance(reply, Text | Card)),
        )

    @cached_property
    def _knowledge(self) -> Knowledge:
        starts = dict(self._starts())
        domain = self.rasa.domain
        flows = {
            form.name: Flow(
                form.name,
                _never,
                asks={name: Ask(name) for name in form.required},
                triggers=tuple(Trigger(intent) for intent, action in starts.items() if action == form.name),
            )
            for form in domain.forms.values()
        }
        said: dict[str, tuple[Variation, ...]] = {}
        for intent, action in starts.items():
            if action.startswith("utter_"):
                said[f"utter_{intent}"] = domain.base.responses.get(action, ())
            elif action not in domain.forms:
                flows[_RULE + intent] = Flow(_RULE + intent, _never, triggers=(Trigger(intent),))
        base = replace(domain.base, responses={**said, **domain.base.responses})
        return Knowledge.of(base, {**flows, **self.flows.flows})

    def _starts(self) -> Iterator[tuple[str, str]]:
        """(intent, action) of the rules that hold outside of loops, and of the stories that begin forms."""
        for state, action in self._known():
            intent = str((state.get("user") or {}).get("intent") or "")
            if intent and intent != FALLBACK_INTENT and acted_in(state) == LISTEN and not loop_in(state):
                yield intent, action

    def _known(self) -> Iterator[tuple[State, str]]:
        forms = self.rasa.domain.forms
        for policy in self.rasa.policies:
            if isinstance(policy, MemoizationPolicy):
                yield from ((json.loads(key)[-1], action) for key, action in policy.known.items() if action in forms)
        for rules in self._rule_policies:
            yield from ((rule.states[-1], rule.action) for rule in rules.rules if rule.action != LISTEN)


def _values(decision: Decision) -> Iterator[tuple[str, Json]]:
    for command in decision.commands:
        if isinstance(command, SetSlot | CorrectSlot):
            yield command.name, command.value


def _outside(tracker: Tracker) -> Tracker:
    """The same talk, if no form were under way."""
    told = list(tracker.events)
    trial = Tracker(tracker.sender, tracker.initial, told[:-1])
    trial.update(events.active_loop(None, 0.0), events.slot(REQUESTED, None, 0.0), told[-1])
    return trial


def _by_age(filled: Mapping[str, Json], tracker: Tracker) -> dict[str, Json]:
    """What was answered last comes last."""
    places = {str(event["name"]): i for i, event in enumerate(tracker.events) if events.is_slot(event)}
    return dict(sorted(filled.items(), key=lambda pair: places.get(pair[0], -1)))
