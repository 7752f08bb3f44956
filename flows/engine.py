"""The engine: one turn from what was heard to what is said. Pure but for the actions that flows call.

understand -> commands -> changes of the stack -> the active flow is replayed -> replies. Every decision leaves a line
in the trace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from adapters.message import Card, Event, Json, Text
from config.source import BadProject, Problem, read_yaml
from flows import reminders, words
from flows.actions import Registry, load_actions
from flows.domain import Domain, data_sources, load_domain, read_domain
from flows.graph import Graph
from flows.memory import ASKED, EARLIER, LAST, OFFERED, SPOKEN, after_push, answered, remembered, served_in
from flows.repair import obey
from flows.requests import describable
from flows.responses import Speaker
from flows.situation import Decision, Knowledge, Situation, hear
from flows.slots import Invalid, coerce
from flows.stage import Stage
from flows.state import (
    EVENTS,
    PUSHED,
    REMINDERS,
    TIMER,
    ActionFailed,
    Actions,
    CannotHandle,
    Command,
    Dialogue,
    Heard,
    Outcome,
    Restart,
    Result,
    SessionStart,
    SetSlot,
    StartFlow,
    Timer,
    Why,
    snake_case,
)
from flows.steps import Ask, Flow
from flows.understand import understand
from flows.wishes import apart, asks_for_human, pending, waiting
from flows.yaml_flows import read_flows
from nlu.meaning import Meaning

PATTERNS = Path(__file__).parent / "patterns.yml"


@dataclass(frozen=True)
class Engine:
    """A bot's dialogue: immutable, shared by all conversations. `expiry_s` ends silent sessions; 0: never."""

    domain: Domain
    flows: Mapping[str, Flow]
    registry: Registry = field(default_factory=Registry)
    graphs: tuple[Graph, ...] = ()
    timezone: str = "Asia/Shanghai"

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        """One turn. Never raises for what a customer says; what fails is in the trace, with the flag `error`."""
        if isinstance(heard.content, Event) and heard.content.name == TIMER:
            return await self._ring(dialogue, heard, actions, heard.content.key)
        dialogue, began = self._fresh(dialogue, heard.at)
        dialogue = after_push(dialogue, heard.at)
        wishes = apart(heard, self.situation(dialogue))
        performer = Performer(actions, replace(heard, meaning=wishes[0]))
        situation = replace(self.situation(dialogue), signals=heard.meaning.signals)
        situation, found = await self._described(situation, performer)
        decision = understand(performer.heard, situation)
        if not decision.commands:
            return Outcome(dialogue, trace=(Why("silence", decision.why),))
        stage = self._stage(dialogue, situation, performer)
        stage.trace += found
        if began and SessionStart() not in decision.commands:
            stage.trace.append(Why("session_start", began))
            stage.pattern("pattern_session_start", reason=began.partition(":")[0])
            await stage.run()
        commands, waits = await self._serve(stage, decision, wishes, performer)
        after, timers = self._reminded(remembered(stage, heard, waits), stage, heard)
        return Outcome(
            after,
            tuple(stage.replies),
            commands,
            tuple(stage.trace),
            frozenset(stage.flags),
            timers=timers,
        )

    async def _ring(self, dialogue: Dialogue, heard: Heard, actions: Actions, key: str) -> Outcome:
        """A timer's time has come: what it was set for is done, where it still waits."""
        dialogue, began = self._fresh(dialogue, heard.at)
        waits = reminders.waiting(dialogue)
        ring = waits.get(key)
        dialogue = reminders.with_waiting(dialogue, reminders.without(waits, key))
        if ring is None:
            return Outcome(dialogue, trace=(Why("silence", "what the timer was set for has passed"),))
        stage = self._stage(dialogue, self.situation(dialogue), Performer(actions, heard))
        stage.misses = dialogue.misses
        if key.startswith(reminders.SILENCE):
            again = reminders.again(dialogue, ring, heard)
            if again is not None:
                waits[again.key] = {**ring, "due": again.due}
                after = reminders.with_waiting(dialogue, reminders.without(waits, key))
                return Outcome(after, trace=(Why("silence", "the customer has said something"),), timers=(again,))
            if not stage.asked:
                return Outcome(dialogue, trace=(Why("silence", "nothing is asked any more"),))
            stage.trace.append(Why("pattern_user_silence", f"no answer for {ring['after'] / 60:g} minutes"))
            stage.pattern("pattern_user_silence", flow_name=stage.title(dialogue.stack[-1].flow))
            await stage.run()
        elif ring["flow"]:
            await obey(stage, (StartFlow(ring["flow"]),))
        else:
            stage.trace.append(Why(f"say {ring['say']}", f"a reminder of {ring['of']}"))
            stage.pattern("pattern_reminder", response=ring["say"])
            await stage.run()
        after = remembered(stage, replace(heard, meaning=Meaning("")), pending(dialogue))
        # it is not the customer who spoke: their session is as old as it was, unless it begins here
        after = replace(after, last_at=heard.at if began else dialogue.last_at)
        after, timers = self._reminded(after, stage, heard, watches=False)
        return Outcome(after, tuple(stage.replies), (), tuple(stage.trace), frozenset(stage.flags), timers=timers)

    def _reminded(
        self, dialogue: Dialogue, stage: Stage, heard: Heard, *, watches: bool = True
    ) -> tuple[Dialogue, tuple[Timer, ...]]:
        """`dialogue` with what waits for its time after the turn, and the timers to set."""
        waits = {} if stage.forgotten else reminders.still(reminders.waiting(dialogue), dialogue.stack)
        if not (waits or stage.reminders or stage.silence_s):
            return reminders.with_waiting(dialogue, waits), ()
        made, timers = reminders.wanted(stage.reminders, heard.turn, heard.at)
        waits = reminders.still({**waits, **made}, dialogue.stack)
        if watches and ASKED in dialogue.memory:
            timers += reminders.watch(waits, heard.turn, heard.at, stage.silence_s)
        waits = reminders.most(waits)
        return reminders.with_waiting(dialogue, waits), tuple(each for each in timers if each.key in waits)

    async def _serve(
        self, stage: Stage, decision: Decision, wishes: Sequence[Meaning], performer: Performer
    ) -> tuple[tuple[Command, ...], list[Meaning]]:
        """One wish after the other, as long as no question waits; the commands obeyed, and the wishes that wait."""
        said = performer.heard
        left = waiting(wishes, pending(stage.before))
        obeyed: list[Command] = []
        while True:
            stage.more = bool(left)
            if _is_unfit(decision) and (left or obeyed):
                # of several wishes one is not understood: the others are answer enough
                stage.trace.append(Why("passed over", decision.why))
            else:
                names = ", ".join(snake_case(type(command)) for command in decision.commands)
                stage.trace.append(Why(names, decision.why))
                await obey(stage, decision.commands)
                obeyed += decision.commands
            if not left or "handoff" in stage.flags or Restart() in decision.commands:
                return tuple(obeyed), []
            if stage.stack and not asks_for_human(left[-1]):
                return tuple(obeyed), left
            if stage.stack:
                # who asks for a human is asked nothing more; the human sees what else was wished
                stage.unask()
                left = left[-1:]
            wish, *left = left
            performer.next(wish)
            now = remembered(stage, said, left)
            situation, found = await self._described(self.situation(now), performer)
            stage.trace += found
            decision = understand(performer.heard, situation)

    def situation(self, dialogue: Dialogue) -> Situation:
        """What the understanding may look at."""
        frame = dialogue.stack[-1] if dialogue.stack else None
        return Situation(
            self._knowledge,
            flow=frame.flow if frame else "",
            asked=str(dialogue.memory.get(ASKED) or "") if dialogue.stack else "",
            answered=answered(frame) if frame else {},
            slots=dialogue.slots,
            mentions=dialogue.mentions,
            options=dialogue.options,
            earlier=dialogue.memory.get(EARLIER) or {},
            last=str(dialogue.memory.get(LAST) or ""),
            spoken=frozenset(dialogue.memory.get(SPOKEN) or ()),
            offered=dialogue.memory.get(OFFERED) if dialogue.stack else None,
            served=served_in(dialogue),
            prompt="\n".join(reply.text for reply in dialogue.said if isinstance(reply, Text | Card)),
        )

    async def _described(self, situation: Situation, performer: Performer) -> tuple[Situation, list[Why]]:
        """The situation with the values of what the message describes, as the slots' `resolve` actions find them."""
        described: dict[str, Json] = {}
        trace: list[Why] = []
        for name in describable(hear(performer.heard, situation), situation):
            slot = self.domain.slots[name]
            args = {"slot": name, "value": situation.slots.get(name)}
            try:
                result = await performer(slot.resolve, args, f"resolve/{name}", situation.slots)
                if name in result.slots:
                    described[name] = coerce(slot, result.slots[name])
                    trace.append(Why(f"resolve {name}", f"{slot.resolve} finds {described[name]}"))
            except (ActionFailed, Invalid) as error:
                trace.append(Why(f"resolve {name}", str(error)))
        return (replace(situation, described=described) if described else situation), trace

    def asks(self, flow: str) -> Mapping[str, Ask]:
        """The questions of a flow and of those it calls, as far as it says them beforehand."""
        found = self.flows.get(flow)
        return self._knowledge.asks[flow] if found is not None and found.collects_known else {}

    def overridden(self, pattern: str) -> bool:
        return pattern in self._own

    @cached_property
    def _own(self) -> frozenset[str]:
        return frozenset((*(graph.flow.id for graph in self.graphs), *self.registry.flows))

    def asking_action(self, slot: str) -> str:
        name = f"action_ask_{slot}"
        return name if self.registry.find(name) else ""

    def validating_action(self, slot: str) -> str:
        name = f"validate_{slot}"
        return name if self.registry.find(name) else ""

    def irreversible(self, action: str) -> bool:
        found = self.registry.find(action)
        return found is not None and found.irreversible

    @cached_property
    def _knowledge(self) -> Knowledge:
        return Knowledge.of(self.domain, self.flows)

    def _fresh(self, dialogue: Dialogue, at: float) -> tuple[Dialogue, str]:
        """The dialogue, begun anew where the last session has run out; and `new` or `expired`, with why."""
        if not dialogue.last_at and not dialogue.slots.keys() - self.domain.of_user:
            return replace(dialogue, slots={**self.domain.initial, **dialogue.slots}), "new: nothing was said before"
        silent = at - dialogue.last_at
        if not self.domain.expiry_s or silent <= self.domain.expiry_s:
            return dialogue, ""
        of_user = {name: value for name, value in dialogue.slots.items() if name in self.domain.of_user}
        carried = dialogue.slots if self.domain.carry_over else {}
        for frame in reversed(dialogue.stack):
            # what an unfinished flow had collected ends with it
            carried = {k: v for k, v in frame.start.items() if v is not None} if self.domain.carry_over else {}
        fresh = Dialogue(
            slots={**self.domain.initial, **carried, **of_user},
            mentions=dialogue.mentions if self.domain.carry_over else {},
            last_at=dialogue.last_at,
            memory={name: dialogue.memory[name] for name in (PUSHED, EVENTS, REMINDERS) if name in dialogue.memory},
        )
        fresh = reminders.with_waiting(fresh, reminders.outliving(reminders.waiting(dialogue)))
        return fresh, f"expired: silent for {silent / 60:.0f} minutes"

    def _stage(self, dialogue: Dialogue, situation: Situation, performer: Performer) -> Stage:
        heard = performer.heard
        return Stage(
            self,
            Speaker(self.domain, heard.address.channel, heard.turn),
            performer,
            dialogue,
            stack=list(dialogue.stack),
            slots=dict(dialogue.slots),
            mentions=dict(dialogue.mentions),
            signals=dict(heard.meaning.signals),
            asked=str(dialogue.memory.get(ASKED) or "") if dialogue.stack else "",
            spoken_before=frozenset(dialogue.memory.get(SPOKEN) or ()),
            before_last=str(dialogue.memory.get(LAST) or ""),
            served=served_in(dialogue),
            unoffered=None if words.other(heard.meaning.text) else frozenset(situation.described),
        )


@dataclass(slots=True)
class Performer:
    """Runs one turn's actions for the wish that is `heard`. A flow may come by the same step twice in one turn, with
    other arguments: each time has a key of its own."""

    actions: Actions
    heard: Heard
    seen: Counter[str] = field(default_factory=Counter)

    async def __call__(self, name: str, args: Mapping[str, Json], key: str, slots: Mapping[str, Json]) -> Result:
        self.seen[key] += 1
        unique = key if self.seen[key] == 1 else f"{key}~{self.seen[key]}"
        return await self.actions.perform(name, args, unique, self.heard, slots)

    def next(self, wish: Meaning) -> None:
        self.heard = replace(self.heard, meaning=wish)


def _is_unfit(decision: Decision) -> bool:
    return all(isinstance(command, CannotHandle | SetSlot) for command in decision.commands) and any(
        isinstance(command, CannotHandle) for command in decision.commands
    )


def load_engine(project: Path, timezone: str, session_minutes: float = 0) -> Engine:
    """Load a project's domain, flows and actions. `session_minutes` overrides the domain's session expiry where it is
    not 0. Raises `BadProject`."""
    problems: list[Problem] = []
    domain, registry, graphs = Domain(), Registry(), list[Graph]()
    try:
        domain = load_domain(project)
    except BadProject as bad:
        problems.extend(bad.problems)
    try:
        registry = load_actions(project)
    except BadProject as bad:
        problems.extend(bad.problems)
    for source in data_sources(project, "flows"):
        try:
            graphs += read_flows(source)
        except BadProject as bad:
            problems.extend(bad.problems)
    problems.extend(_twice(graphs, registry))
    if problems:
        raise BadProject(problems)
    if session_minutes:
        domain = replace(domain, expiry_s=session_minutes * 60)
    return make_engine(domain, graphs, registry, timezone)


def make_engine(domain: Domain, graphs: Iterable[Graph], registry: Registry, timezone: str = "Asia/Shanghai") -> Engine:
    """An engine of what is loaded already, with the default patterns beneath."""
    ZoneInfo(timezone)
    defaults = read_yaml(PATTERNS)
    patterns = read_flows(defaults)
    own = tuple(graphs)
    flows = {graph.flow.id: graph.flow for graph in (*patterns, *own)} | dict(registry.flows)
    standard = read_domain((), [defaults])
    domain = replace(domain, responses={**standard.responses, **domain.responses})
    return Engine(domain, MappingProxyType(flows), registry, own, timezone)


def _twice(graphs: Iterable[Graph], registry: Registry) -> Iterable[Problem]:
    seen: dict[str, Graph] = {}
    for graph in graphs:
        name = graph.flow.id
        if name in seen:
            first = f"{seen[name].file}:{seen[name].line}"
            yield Problem(graph.file, graph.line, f"the flow '{name}' is already defined at {first}", "rename one")
        elif name in registry.flows:
            yield Problem(graph.file, graph.line, f"the flow '{name}' is also a @flow in {registry.file}", "rename one")
        seen.setdefault(name, graph)
