"""A flow as its file draws it: steps with the ways between them, and the program that walks them."""

from __future__ import annotations

from dataclasses import dataclass, field

from flows.conditions import Condition
from flows.steps import Ask, Call, Flow, Say, Set, Step, Values, Walk

END = "END"


@dataclass(frozen=True, slots=True)
class Branch:
    """`target` is an index into the flow's nodes, or None for END; `when` is None for `else`."""

    when: Condition | None
    target: int | None


@dataclass(frozen=True, slots=True)
class Node:
    """One step of a YAML flow, with where to go from it; `line` is where it is written."""

    id: str
    step: Step | None
    branches: tuple[Branch, ...]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Graph:
    """A YAML flow as read: what its program walks, and what `review` looks at."""

    flow: Flow
    nodes: tuple[Node, ...]
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Program:
    """Walks the nodes. What a YAML action is called with is what the flow has collected so far."""

    nodes: tuple[Node, ...]

    def __call__(self, slots: Values, context: Values) -> Walk:
        collected: dict[str, None] = {}
        at: int | None = 0
        while at is not None:
            node = self.nodes[at]
            step = node.step
            if isinstance(step, Ask):
                collected[step.slot] = None
            elif isinstance(step, Call):
                step = Call(step.action, {name: slots.get(name) for name in collected}, step.key)
            elif isinstance(step, Say) and not step.response:
                response = str(context.get("response", ""))
                step = Call(response, key=step.key) if response.startswith("action_") else Say(response, key=step.key)
            yield step if step is not None else Set()
            at = _chosen(node.branches, slots, context)


def _chosen(branches: tuple[Branch, ...], slots: Values, context: Values) -> int | None:
    for branch in branches:
        if branch.when is None or branch.when(slots, context):
            return branch.target
    return None
