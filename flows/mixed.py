"""A project's dialogue, in whichever way it is written: flows, Rasa's stories and rules, or both.

Where both are there, a flow comes before a rule on the same intent; then rules and memoized stories, as in Rasa; then
what flows do at any time (转人工, 算了, 再说一遍); then the learned policy and Rasa's fallback. `rasa_exact: true` in
config.yml leaves all but Rasa's own way out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.message import Event
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
from flows.state import Actions, CannotHandle, ChitChat, Clarify, Dialogue, Heard, KnowledgeAnswer, Outcome, StartFlow
from flows.understand import understand

_WEAK = (CannotHandle, ChitChat, Clarify, KnowledgeAnswer)
"""What flows do where nobody else has a better idea."""


@dataclass(frozen=True)
class MixedEngine:
    """Flows and Rasa's dialogue side by side, over the same slots."""

    flows: Engine
    rasa: RasaEngine

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        engine = self.flows if self._is_for_flows(dialogue, heard) else self.rasa
        return await engine.step(dialogue, heard, actions)

    def _is_for_flows(self, dialogue: Dialogue, heard: Heard) -> bool:
        if isinstance(heard.content, Event) and (heard.content.name == API or rings(dialogue, heard.content)):
            return False
        if dialogue.stack:
            return True
        commands = understand(heard, self.flows.situation(dialogue)).commands
        if not commands or any(isinstance(command, StartFlow) for command in commands):
            return bool(commands)
        if self._is_known(dialogue, heard):
            return False
        return not any(isinstance(command, _WEAK) for command in commands)

    def _is_known(self, dialogue: Dialogue, heard: Heard) -> bool:
        """Whether a rule, a form or a story known by heart deals with what was said."""
        tracker = self.rasa.heard(dialogue, heard)
        if tracker.loop:
            return True
        policies = [policy for policy in self.rasa.policies if isinstance(policy, RulePolicy | MemoizationPolicy)]
        return predict(policies, tracker, self.rasa.domain).confidence == 1.0


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
    engine = rasa if is_exact(project) else MixedEngine(flows, rasa)
    return Dialogues(engine, flows.domain, flows.registry, rasa.domain.raw, rasa.warnings)


def is_rasa(project: Path) -> bool:
    """Whether the project has stories, rules or forms."""
    if any(data_sources(project, key) for key in ("stories", "rules")):
        return True
    return any((source.data or {}).get("forms") for source in domain_sources(project) if isinstance(source.data, dict))


def is_exact(project: Path) -> bool:
    """Whether config.yml asks for Rasa's own way in everything: `rasa_exact: true`."""
    path = project / "config.yml"
    data = read_yaml(path).data if path.is_file() else None
    return isinstance(data, Mapping) and bool(data.get("rasa_exact"))
