"""What is written and cannot be meant: branches that are never taken, flows that never end, intents that nothing
serves."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from config.source import Problem, did_you_mean
from flows.domain import Domain
from flows.engine import Engine
from flows.graph import Branch, Graph
from flows.requests import REPAIRS
from flows.steps import Ask, Handoff, Link

MEANT_BY_NAME = frozenset((*REPAIRS, "affirm", "deny", "nlu_fallback", "out_of_scope"))
"""Intents that mean something without a flow or a response."""
_COMPARED = re.compile(r"(?:slots\.)?(\w+)\s*(?:==?|!=|is(?:\s+not)?)\s*([\"'])(.*?)\2")


def never_taken(graph: Graph) -> Iterator[tuple[int, str, str]]:
    """(line, what, how to mend) of branches that stand behind the same condition."""
    for node in graph.nodes:
        seen: set[str] = set()
        for branch in node.branches:
            text = "" if branch.when is None else " ".join(branch.when.text.split())
            if text and text in seen:
                what = f"never takes the second branch of '{node.id}' with the condition {text}"
                yield node.line, what, "delete one of the two, or change its condition"
            seen.add(text)


def never_ends(graph: Graph) -> Iterator[tuple[int, str, str]]:
    """Steps from which there is no way to an end: the customer could only give up."""
    onward = {i: [branch.target for branch in node.branches] for i, node in enumerate(graph.nodes)}
    ends = {i for i, node in enumerate(graph.nodes) if isinstance(node.step, Link | Handoff) or not node.branches}
    ends |= {i for i, targets in onward.items() if None in targets}
    while more := {i for i, targets in onward.items() if i not in ends and ends.intersection(targets)}:
        ends |= more
    stuck = [i for i in onward if i not in ends]
    asks = [i for i in stuck if isinstance(graph.nodes[i].step, Ask)]
    for i in asks[:1]:
        node = graph.nodes[i]
        yield node.line, f"never ends once it comes to '{node.id}'", "lead one of the ways behind it to END"


def unknown_values(graph: Graph, domain: Domain) -> Iterator[tuple[int, str, str]]:
    """Comparisons of a categorical slot with what it never holds."""
    for node in graph.nodes:
        for branch in node.branches:
            for name, value in _comparisons(branch):
                slot = domain.slots.get(name)
                known = [str(each) for each in slot.values] if slot is not None and slot.type == "categorical" else []
                if known and value not in known:
                    what = f"compares the slot '{name}' with '{value}', which is none of its values"
                    yield node.line, what, did_you_mean(value, known)


def _comparisons(branch: Branch) -> Iterator[tuple[str, str]]:
    for match in _COMPARED.finditer(branch.when.text) if branch.when is not None else ():
        yield match[1], match[3]


def rivals(engine: Engine) -> Iterator[Problem]:
    """Flows that one intent starts, with no guard and no other threshold to tell them apart: the second never runs."""
    first: dict[tuple[str, float], str] = {}
    for graph in engine.graphs:
        for trigger in graph.flow.triggers if graph.flow.guard is None else ():
            rival = first.setdefault((trigger.intent, trigger.threshold), graph.flow.id)
            if rival != graph.flow.id:
                what = f"the flow '{graph.flow.id}' is started by the intent '{trigger.intent}', which starts '{rival}'"
                yield Problem(graph.file, graph.line, what, "give one of the two a guard (`if:`), or another intent")


def unserved(engine: Engine) -> Iterator[Problem]:
    """Intents of the domain that start no flow, have no response, fill no slot and mean nothing by themselves."""
    domain = engine.domain
    served = {trigger.intent.partition("/")[0] for flow in engine.flows.values() for trigger in flow.triggers}
    served |= {name.removeprefix("utter_").partition("/")[0] for name in domain.responses}
    files = (file for file, _ in domain.lines.values())
    file = next((each for each in files if "domain" in (Path(each).stem, Path(each).parent.name)), "domain.yml")
    filling: defaultdict[str, set[str]] = defaultdict(set)
    for name, slot in domain.slots.items():
        for mapped in slot.mappings:
            for intent in mapped.intents:
                filling[intent].add(name)
    for intent in sorted(domain.intents - served - set(engine.flows) - MEANT_BY_NAME - set(filling)):
        mend = f"start a flow by it, or write the response utter_{intent}"
        yield Problem(file, 1, f"nothing is done on the intent '{intent}'", mend)
