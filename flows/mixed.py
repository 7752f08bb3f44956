"""A project's dialogue, in whichever way it is written: flows, Rasa's stories and rules, or both.

Where both are there, a flow comes before a rule on the same intent; then rules and memoized stories, as in Rasa; then
what flows do at any time (转人工, 算了, 再说一遍); then the learned policy and Rasa's fallback. `rasa_exact: true` in
config.yml leaves all but Rasa's own way out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from adapters.message import Event, Json
from config.source import BadProject, Problem, read_yaml
from flows.actions import Registry
from flows.domain import Domain, data_sources, domain_sources
from flows.engine import Engine, load_engine
from flows.rasa.domain import join
from flows.rasa.engine import API, RasaEngine, load_rasa_engine
from flows.rasa.policies.ensemble import predict
from flows.rasa.policies.memoization import MemoizationPolicy
from flows.rasa.policies.rules import RulePolicy
from flows.rasa.reminders import rings
from flows.rasa.repair import Repair
from flows.rasa.tracker import Tracker
from flows.rasa.values import tuned
from flows.rasa.waiting import Waiting
from flows.responses import options_in
from flows.situation import Decision, hear
from flows.state import (
    Actions,
    CannotHandle,
    ChitChat,
    Clarify,
    Dialogue,
    Heard,
    KnowledgeAnswer,
    Outcome,
    RepeatBotMessages,
    Result,
    StartFlow,
)  # fmt: skip
from flows.understand import understand
from flows.wishes import PENDING, apart, asks_for_human, pending, to_memory, waiting
from flows.words import is_noise
from nlu.meaning import FALLBACK_INTENT, Meaning

ENOUGH = 3
"""So many messages in a row that nobody understands, and a human is asked."""
ASKS_FOR_HUMAN = "转人工"
_WEAK = (CannotHandle, ChitChat, Clarify, KnowledgeAnswer)
"""What flows do where nobody else has a better idea."""


@dataclass(frozen=True)
class MixedEngine:
    """Flows and Rasa's dialogue side by side, over the same slots."""

    flows: Engine
    rasa: RasaEngine

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        if isinstance(heard.content, Event) and (heard.content.name == API or rings(dialogue, heard.content)):
            return await self.rasa.step(dialogue, heard, actions)
        heard = self._as_meant(dialogue, heard)
        tracker = self.rasa.tracker(dialogue, heard)
        situation = self.waiting.situation(dialogue, heard, tracker) or self.flows.situation(dialogue)
        wishes = apart(heard, situation)
        left = waiting(wishes, pending(dialogue))
        numbered = _Numbered(actions)
        outcome = await self._one(_with_pending(dialogue, ()), replace(heard, meaning=wishes[0]), numbered, tracker)
        while left and "handoff" not in outcome.flags:
            tracker = self.rasa.tracker(outcome.dialogue, heard)
            if outcome.dialogue.stack or tracker.loop:
                if not asks_for_human(left[-1]):
                    break
                left = left[-1:]
            wish, *left = left
            more = await self._one(outcome.dialogue, replace(heard, meaning=wish), numbered, tracker)
            # of several wishes one is not understood: the others are answer enough
            outcome = outcome if "fallback" in more.flags else _both(outcome, more)
        return replace(outcome, dialogue=_with_pending(outcome.dialogue, left)) if left else outcome

    async def _one(self, dialogue: Dialogue, heard: Heard, actions: Actions, tracker: Tracker) -> Outcome:
        """The turn of one wish; `tracker` is the session so far."""
        if dialogue.stack:
            return await self._flows(dialogue, heard, actions)
        repair = self.waiting.repair(dialogue, heard, tracker) if self.rasa.words else None
        match repair:
            case Decision():
                return await self._flows(dialogue, heard, actions)
            case Repair(kind="hand over"):
                return await self._handed_over(dialogue, heard, actions, repair)
        for_flows = repair is None and self._is_for_flows(dialogue, heard, tracker)
        if self._is_lost(dialogue, heard, repair, tracker, for_flows=for_flows):
            asking = replace(heard, meaning=Meaning(ASKS_FOR_HUMAN))
            return await self._one(dialogue, asking, actions, tracker)
        if for_flows:
            return await self.flows.step(dialogue, heard, actions)
        return await self.rasa.step(dialogue, heard, actions, repair, tracker)

    @cached_property
    def waiting(self) -> Waiting:
        return Waiting(self.rasa, self.flows)

    def _as_meant(self, dialogue: Dialogue, heard: Heard) -> Heard:
        """The words or the number of a button are its payload; values are called as the domain calls them."""
        said = hear(heard, self.flows.situation(dialogue))
        meaning = said.meaning if said.chosen and not heard.meaning.text.startswith("/") else heard.meaning
        if not meaning.intent:  # a button of plain words: they are understood as any
            meaning = heard.meaning
        known = meaning.confidence == 1.0 or meaning.entities or said.chosen
        if self.rasa.words and meaning.intent and not known and is_noise(meaning.text):
            # a hand that fell on the keyboard looks like whatever intent has letters in its examples
            meaning = replace(meaning, intent=FALLBACK_INTENT)
        return replace(heard, meaning=tuned(meaning, self.rasa.domain))

    async def _flows(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        """A flow's turn; when it is through, a form that waits asks again."""
        first = await self.flows.step(dialogue, heard, actions)
        waits = self.rasa.tracker(first.dialogue, heard).loop in self.rasa.domain.forms
        if first.dialogue.stack or not waits or not first.replies or "handoff" in first.flags:
            return first
        if any(isinstance(command, RepeatBotMessages) for command in first.commands):
            return first
        return _both(first, await self.rasa.go_on(first.dialogue, heard, actions))

    async def _handed_over(self, dialogue: Dialogue, heard: Heard, actions: Actions, repair: Repair) -> Outcome:
        first = await self.rasa.step(dialogue, heard, actions, repair)
        return _both(first, await self.flows.step(first.dialogue, heard, actions))

    def _is_lost(
        self, dialogue: Dialogue, heard: Heard, repair: Repair | None, tracker: Tracker, *, for_flows: bool
    ) -> bool:
        """Whether this is the third message in a row that nobody understands."""
        if dialogue.misses + 1 < ENOUGH or not self.rasa.words or for_flows:
            return False
        unsure = heard.meaning.intent == FALLBACK_INTENT
        if repair is not None:
            return repair.kind == "unfit" or (unsure and repair.kind == "aside")
        return unsure and not tracker.loop

    def _is_for_flows(self, dialogue: Dialogue, heard: Heard, tracker: Tracker) -> bool:
        decision = understand(heard, self.flows.situation(dialogue))
        commands = decision.commands
        if not heard.meaning.text or not commands or any(isinstance(command, StartFlow) for command in commands):
            return True
        weak = any(isinstance(command, _WEAK) for command in commands)
        return not weak and not self._is_known(heard, tracker)

    def _is_known(self, heard: Heard, tracker: Tracker) -> bool:
        """Whether a rule, a form or a story known by heart deals with what was said."""
        if tracker.loop:
            return True
        if heard.meaning.intent == FALLBACK_INTENT:
            return False
        policies = [policy for policy in self.rasa.policies if isinstance(policy, RulePolicy | MemoizationPolicy)]
        return predict(policies, self.rasa.after(tracker, heard), self.rasa.domain).confidence == 1.0


@dataclass(frozen=True, slots=True)
class _Numbered:
    """Actions of several turns in one: each run has a key of its own, the same when the whole is repeated."""

    actions: Actions
    seen: Counter[str] = field(default_factory=Counter)

    async def perform(
        self, name: str, args: Mapping[str, Json], key: str, heard: Heard, slots: Mapping[str, Json]
    ) -> Result:
        self.seen[key] += 1
        unique = key if self.seen[key] == 1 else f"{key}+{self.seen[key]}"
        return await self.actions.perform(name, args, unique, heard, slots)


def _with_pending(dialogue: Dialogue, wishes: Sequence[Meaning]) -> Dialogue:
    memory = {name: value for name, value in dialogue.memory.items() if name != PENDING}
    return replace(dialogue, memory={**memory, PENDING: to_memory(wishes)} if wishes else memory)


def _both(first: Outcome, second: Outcome) -> Outcome:
    """One turn that both have had a part in."""
    said = (*first.replies, *second.replies)
    return Outcome(
        replace(second.dialogue, said=said, options=options_in(said)),
        said,
        (*first.commands, *second.commands),
        (*first.trace, *second.trace),
        first.flags | second.flags,
        (*first.events, *second.events),
        (*first.timers, *second.timers),
    )


def rasa_of(engine: object) -> RasaEngine | None:
    """The part of an engine that thinks in Rasa's events."""
    if isinstance(engine, MixedEngine):
        return engine.rasa
    return engine if isinstance(engine, RasaEngine) else None


def domain_of(engine: object) -> Domain:
    """The domain whose responses an engine says."""
    match engine:
        case Engine(domain=domain):
            return domain
        case MixedEngine(flows=flows):
            return flows.domain
        case RasaEngine(domain=rasa):
            return rasa.base
    return Domain()


@dataclass(frozen=True)
class Dialogues:
    """A project's dialogue as the roof needs it."""

    engine: Engine | RasaEngine | MixedEngine
    domain: Domain
    registry: Registry
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The joined domain as it is written, which action servers are sent."""
    warnings: tuple[Problem, ...] = ()


def load_dialogues(project: Path, timezone: str, session_minutes: float = 0) -> Dialogues:
    """The engine that the project's files ask for. Raises `BadProject` with every problem found."""
    if not is_rasa(project):
        alone = load_engine(project, timezone, session_minutes)
        return Dialogues(alone, alone.domain, alone.registry, join(domain_sources(project)))
    problems: list[Problem] = []
    rasa: RasaEngine | None = None
    flows: Engine | None = None
    try:
        rasa = load_rasa_engine(project, session_minutes)
    except BadProject as bad:
        problems.extend(bad.problems)
    try:
        flows = load_engine(project, timezone, session_minutes)
    except BadProject as bad:
        problems.extend(problem for problem in bad.problems if problem not in problems)
    if rasa is None or flows is None:
        raise BadProject(problems)
    engine: RasaEngine | MixedEngine = rasa if is_exact(project) else mix(flows, rasa, chinese=_is_chinese(project))
    return Dialogues(engine, flows.domain, flows.registry, rasa.domain.raw, rasa.warnings)


def mix(flows: Engine, rasa: RasaEngine, *, chinese: bool = True) -> MixedEngine:
    """Both in one. What is said between the lines is Chinese: for other bots what needs such words is left out."""
    return MixedEngine(flows, replace(rasa, mends=True, words=flows.domain if chinese else None))


def is_rasa(project: Path) -> bool:
    """Whether the project has stories, rules or forms."""
    if any(data_sources(project, key) for key in ("stories", "rules")):
        return True
    return any((source.data or {}).get("forms") for source in domain_sources(project) if isinstance(source.data, dict))


def is_exact(project: Path) -> bool:
    """Whether config.yml asks for Rasa's own way in everything: `rasa_exact: true`."""
    return bool(_settings(project).get("rasa_exact"))


def _is_chinese(project: Path) -> bool:
    return str(_settings(project).get("language") or "zh").lower().startswith("zh")


def _settings(project: Path) -> Mapping[str, Any]:
    path = project / "config.yml"
    data = read_yaml(path).data if path.is_file() else None
    return data if isinstance(data, Mapping) else {}
