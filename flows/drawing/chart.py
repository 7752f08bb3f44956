"""What is drawn of a flow: boxes for its steps, and ways between them, in words that its author reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from flows.domain import Domain
from flows.graph import Graph, Node
from flows.responses import shown
from flows.steps import Ask, Call, Flow, Handoff, Link, Remind, Say, Set, SubFlow

Kind = Literal["start", "ask", "say", "call", "set", "fork", "flow", "end"]
LINE = 22
"""So many Chinese characters go into a line."""


@dataclass(frozen=True, slots=True)
class Box:
    """A step: `head` is what it does, `text` the words that go with it."""

    kind: Kind
    head: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """From one box to another, by their indices; `label` is the condition."""

    start: int
    end: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Boxes and ways; box 0 is the start."""

    title: str
    boxes: tuple[Box, ...]
    ways: tuple[Way, ...]


def chart_of(flow: Flow, graph: Graph | None, domain: Domain) -> Chart:
    """A flow's chart. Of one in Python, whose steps only running it tells, the questions that it names."""
    boxes = [Box("start", flow.title, _begins(flow))]
    ways: list[Way] = []
    if graph is None:
        boxes += [_ask(ask, domain) for ask in flow.asks.values()]
        boxes.append(Box("end", "结束", "" if flow.asks else "（步骤写在 Python 里）"))
        return Chart(flow.title, tuple(boxes), tuple(Way(i, i + 1) for i in range(len(boxes) - 1)))
    boxes += [_box(node, domain) for node in graph.nodes]
    ways.append(Way(0, 1))
    for i, node in enumerate(graph.nodes):
        for target, label in _ways(node):
            if target is None:
                # an end of its own for each: one for all would draw long ways across everything
                boxes.append(Box("end", "结束"))
            ways.append(Way(i + 1, len(boxes) - 1 if target is None else target + 1, label))
    return Chart(flow.title, tuple(boxes), tuple(ways))


def _begins(flow: Flow) -> str:
    names = "、".join(dict.fromkeys(trigger.intent for trigger in flow.triggers))
    guard = f"当 {flow.guard.text}" if flow.guard is not None else ""
    return "，".join(part for part in (f"意图 {names}" if names else "", guard) if part)


def _ways(node: Node) -> Iterator[tuple[int | None, str]]:
    if isinstance(node.step, Link | Handoff):
        return
    for branch in node.branches:
        otherwise = "否则" if len(node.branches) > 1 else ""
        yield branch.target, branch.when.text.replace("slots.", "") if branch.when is not None else otherwise
    if not node.branches or node.branches[-1].when is not None:
        yield None, "都不成立" if node.branches else ""


def _box(node: Node, domain: Domain) -> Box:
    match node.step:
        case Ask():
            return _ask(node.step, domain)
        case Say(response=response):
            return Box("say", f"说 {response}", _text(response, domain))
        case Call(action=action):
            return Box("call", f"做 {action}")
        case Set(values=values) if values:
            return Box("set", "记下", "，".join(f"{name} = {shown(value) or '空'}" for name, value in values.items()))
        case Link(flow=flow):
            return Box("flow", f"转到流程 {flow}")
        case SubFlow(flow=flow):
            return Box("flow", f"插入流程 {flow}")
        case Remind(after=after, response=response, flow=flow):
            return Box("call", f"{after / 60:g} 分钟后提醒", response or flow)
        case Handoff():
            return Box("end", "转人工")
        case _:
            return Box("fork", "判断")


def _ask(ask: Ask, domain: Domain) -> Box:
    slot = domain.slots.get(ask.slot)
    label = ask.label or (slot.label if slot else "")
    return Box("ask", f"问 {label or ask.slot}", _text(ask.utter or f"utter_ask_{ask.slot}", domain))


def _text(response: str, domain: Domain) -> str:
    said = domain.responses.get(response)
    text = said[0].text.replace("\n", " ") if said else ""
    return text if len(text) <= 2 * LINE else f"{text[: 2 * LINE - 1]}…"
