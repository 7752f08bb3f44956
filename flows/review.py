"""What is wrong in a project's flows and domain before anybody talks to the bot: for `validate` and `train`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from config.source import BadProject, Problem, did_you_mean
from flows.actions import Registry
from flows.domain import Domain, load_domain
from flows.engine import PATTERNS, Engine, load_engine
from flows.graph import Branch, Graph, Node
from flows.mixed import is_rasa
from flows.rasa.domain import load_rasa_domain
from flows.rasa.engine import load_rasa_engine
from flows.rasa.policies.rules import RulePolicy
from flows.rasa.policies.setup import read_policies, train_policies
from flows.rasa.stories import read_stories, unroll
from flows.responses import names_in
from flows.review_sense import never_ends, never_taken, rivals, unknown_values, unserved
from flows.steps import Ask, Call, Handoff, Link, Options, Remind, Say, Set, SubFlow

PATTERN_NAMES = frozenset((
    "label", "flow_name", "corrected", "names", "values", "options", "titles", "response", "key", "misses", "reason",
    "value", "explanation", "undo_name", "previous_flow_name", "canceled_name", "corrected_slots", "collect",
))  # fmt: skip
"""What pattern flows put into their responses besides slots."""


def review(project: Path) -> list[Problem]:
    """Everything that would fail or could never happen, one line each; empty where the project is sound."""
    try:
        engine = load_engine(project, "UTC")
    except BadProject as bad:
        return list(bad.problems)
    return [
        *_rasa(project),
        *(problem for graph in engine.graphs for problem in _Reviewer(engine, graph).problems()),
        *_slots(engine),
        *_triggers(engine),
        *(() if is_rasa(project) else rivals(engine)),
        *_responses(engine),
    ]


def warnings(project: Path) -> list[Problem]:
    """What is served otherwise than it is written, and contradictions that a bot can live with. Raises `BadProject`."""
    found = list(load_domain(project).warnings)
    if not is_rasa(project):
        return [*found, *unserved(load_engine(project, "UTC"))]
    domain = load_rasa_domain(project)
    wanted, replaced = read_policies(project)
    told = unroll(read_stories(project))
    rules = next(each for each in train_policies(told, domain, wanted) if isinstance(each, RulePolicy))
    return [*found, *replaced, *rules.problems(told, domain)]


def _rasa(project: Path) -> list[Problem]:
    """What keeps a project's stories and rules from being learned."""
    if not is_rasa(project):
        return []
    try:
        load_rasa_engine(project)
    except BadProject as bad:
        return list(bad.problems)
    return []


def _slots(engine: Engine) -> Iterator[Problem]:
    for name, slot in engine.domain.slots.items():
        if slot.resolve and engine.registry.find(slot.resolve) is None:
            what = f"the slot '{name}' is resolved by the unknown action '{slot.resolve}'"
            mend = did_you_mean(slot.resolve, engine.registry.actions) or "write it in actions.py"
            yield Problem(*engine.domain.lines[f"slots/{name}"], what, mend)
        for rejection in slot.rejections:
            where = engine.domain.lines[f"slots/{name}"]
            if rejection.utter not in engine.domain.responses:
                what = f"the slot '{name}' is refused with the unknown response '{rejection.utter}'"
                yield Problem(*where, what, did_you_mean(rejection.utter, engine.domain.responses))
            for unknown in sorted(rejection.when.slots - set(engine.domain.slots)):
                what = f"the slot '{name}' is refused by the unknown slot '{unknown}'"
                yield Problem(*where, what, did_you_mean(unknown, engine.domain.slots))


def _triggers(engine: Engine) -> Iterator[Problem]:
    """Intents are checked where the domain lists any: a domain without intents leaves them to the training data."""
    known = engine.domain.intents
    if not known:
        return
    places = {graph.flow.id: (graph.file, graph.line) for graph in engine.graphs}
    for flow in engine.flows.values():
        where = places.get(flow.id, (engine.registry.file or str(PATTERNS), 1))
        for trigger in flow.triggers:
            if trigger.intent.partition("/")[0] not in known:
                what = f"the flow '{flow.id}' is started by the unknown intent '{trigger.intent}'"
                yield Problem(*where, what, did_you_mean(trigger.intent, known))


def _responses(engine: Engine) -> Iterator[Problem]:
    """`{names}` that nothing fills, in what YAML flows say: flows in Python and actions may bring values of their
    own, and an answer from the FAQ may write braces as it likes."""
    for name in sorted({name for graph in engine.graphs for name in _said(graph)}):
        variations = engine.domain.responses.get(name, ())
        where = engine.domain.lines.get(f"responses/{name}")
        if where is None:
            continue
        shown = {each.partition(".")[0] for variation in variations for each in names_in(variation)}
        conditions = {slot for each in variations if each.condition for slot in each.condition.slots}
        for unknown in sorted((shown - PATTERN_NAMES - {"slots", "context", "signals"}) | conditions):
            if unknown not in engine.domain.slots:
                what = f"the response '{name}' shows the unknown slot '{unknown}'"
                yield Problem(*where, what, did_you_mean(unknown, engine.domain.slots))


def _said(graph: Graph) -> Iterator[str]:
    for node in graph.nodes:
        match node.step:
            case Say(response=response):
                yield response
            case Ask(slot=slot, utter=utter, rejections=rejections):
                yield utter or f"utter_ask_{slot}"
                yield from (rejection.utter for rejection in rejections)


@dataclass(frozen=True, slots=True)
class _Reviewer:
    """One flow against the rest of the project."""

    engine: Engine
    graph: Graph

    @property
    def domain(self) -> Domain:
        return self.engine.domain

    @property
    def registry(self) -> Registry:
        return self.engine.registry

    def problems(self) -> Iterator[Problem]:
        for slot in sorted(self.graph.flow.persisted):
            yield from self.slot(slot, self.graph.line, "persists")
        if self.graph.flow.guard is not None:
            for slot in sorted(self.graph.flow.guard.slots):
                yield from self.slot(slot, self.graph.line, "has a guard on")
        for node in self.graph.nodes:
            yield from self.step(node)
            yield from self.branches(node)
        yield from self.unreachable()
        yield from self.circles()
        known = self.engine.flows
        if self.graph.flow.undo and self.graph.flow.undo not in known:
            what = f"is undone by the unknown flow '{self.graph.flow.undo}'"
            yield self.problem(self.graph.line, what, did_you_mean(self.graph.flow.undo, known))
        for found in (never_taken(self.graph), never_ends(self.graph), unknown_values(self.graph, self.domain)):
            for line, what, mend in found:
                yield self.problem(line, what, mend)

    def problem(self, line: int, what: str, mend: str = "") -> Problem:
        return Problem(self.graph.file, line, f"the flow '{self.graph.flow.id}' {what}", mend)

    # --- names

    def step(self, node: Node) -> Iterator[Problem]:
        match node.step:
            case Ask():
                yield from self.ask(node.step, node.line)
            case Say(response=response) if response:
                yield from self.response(response, node.line)
            case Call(action=action):
                yield from self.action(action, node.line)
            case Set(values=values):
                for slot in values:
                    yield from self.slot(slot, node.line, "sets")
            case Link(flow=flow) | SubFlow(flow=flow):
                if flow not in self.engine.flows:
                    what = f"goes on with the unknown flow '{flow}'"
                    yield self.problem(node.line, what, did_you_mean(flow, self.engine.flows))
            case Remind(response="", flow=flow) if flow not in self.engine.flows:
                yield self.problem(
                    node.line, f"reminds by the unknown flow '{flow}'", did_you_mean(flow, self.engine.flows)
                )
            case Remind(response=response) if response:
                yield from self.response(response, node.line)
            case Handoff(response=response) | Options(response=response):
                yield from self.response(response, node.line)

    def ask(self, step: Ask, line: int) -> Iterator[Problem]:
        yield from self.slot(step.slot, line, "collects")
        if step.utter:
            yield from self.response(step.utter, line)
        elif not self.asks(step.slot):
            mend = f"write the response utter_ask_{step.slot}, or the action action_ask_{step.slot}"
            yield self.problem(line, f"has no question for '{step.slot}'", mend)
        for rejection in step.rejections:
            yield from self.response(rejection.utter, line)
            for slot in sorted(rejection.when.slots):
                yield from self.slot(slot, line, "rejects by")

    def asks(self, slot: str) -> bool:
        names = (f"utter_ask_{slot}", f"utter_ask_{self.graph.flow.id}_{slot}")
        return bool(self.engine.asking_action(slot)) or any(name in self.domain.responses for name in names)

    def slot(self, slot: str, line: int, how: str) -> Iterator[Problem]:
        if slot not in self.domain.slots:
            yield self.problem(line, f"{how} the unknown slot '{slot}'", did_you_mean(slot, self.domain.slots))

    def response(self, response: str, line: int) -> Iterator[Problem]:
        if response not in self.domain.responses:
            mend = did_you_mean(response, _near(response, self.domain.responses))
            yield self.problem(line, f"says the unknown response '{response}'", mend or "write it in domain.yml")

    def action(self, action: str, line: int) -> Iterator[Problem]:
        if self.registry.find(action) is None:
            known = [name.removeprefix("action_") for name in self.registry.actions]
            mend = did_you_mean(action.removeprefix("action_"), known)
            yield self.problem(line, f"runs the unknown action '{action}'", mend or "write it in actions.py")

    # --- ways

    def branches(self, node: Node) -> Iterator[Problem]:
        for branch in node.branches:
            for slot in sorted(branch.when.slots) if branch.when else ():
                yield from self.slot(slot, node.line, "branches on")
        if node.branches and node.branches[-1].when is not None:
            what = f"has no way on from '{node.id}' where none of its conditions holds"
            yield self.problem(node.line, what, "add `- else: END`, or another step")
        for branch in node.branches[:-1]:
            if branch.when is None:
                yield self.problem(node.line, f"has branches behind the `else` of '{node.id}'", "put `else` last")

    def unreachable(self) -> Iterator[Problem]:
        reached: set[int] = set()
        waiting = [0]
        while waiting:
            at = waiting.pop()
            if at not in reached:
                reached.add(at)
                waiting += [branch.target for branch in self.ways(at) if branch.target is not None]
        for i, node in enumerate(self.graph.nodes):
            if i not in reached:
                what = f"never comes to the step '{node.id}'"
                yield self.problem(node.line, what, "name it in a `next:`, or delete it")

    def ways(self, at: int) -> Iterable[Branch]:
        node = self.graph.nodes[at]
        return () if isinstance(node.step, Link | Handoff) else node.branches

    def circles(self) -> Iterator[Problem]:
        """Steps that lead back to themselves with neither a question nor a condition on the way."""
        onward: Mapping[int, int] = {
            i: node.branches[0].target
            for i, node in enumerate(self.graph.nodes)
            if len(node.branches) == 1 and node.branches[0].target is not None and not isinstance(node.step, Ask | Link)
        }
        done: set[int] = set()
        for start in onward:
            at: int | None = start
            path: list[int] = []
            while at is not None and at not in done:
                done.add(at)
                path.append(at)
                at = onward.get(at)
            if at is not None and at in path:
                node = self.graph.nodes[at]
                yield self.problem(node.line, f"runs in circles from '{node.id}'", "end it with `next: END`")


def _near(name: str, known: Iterable[str]) -> list[str]:
    """A domain has hundreds of responses: only a near miss is worth naming."""
    return [each for each in known if each[:8] == name[:8]][:20]
