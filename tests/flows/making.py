"""Engines from a few lines of YAML and Python, for tests that need a flow of their own."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from config.source import Source, parse_yaml
from flows.actions import Action, Registry
from flows.domain import read_domain
from flows.engine import Engine, make_engine
from flows.steps import Flow
from flows.yaml_flows import read_flows

SLOTS = """
slots:
  a: {type: text, label: 甲}
  b: {type: text}
  c: {type: text}
  ok: {type: bool}
  n: {type: float}
  made: {type: any, mappings: [{type: custom}]}
responses:
  utter_ask_a: [{text: a?}]
  utter_ask_b: [{text: b?}]
  utter_ask_c: [{text: c?}]
  utter_ask_ok: [{text: "ok {a}?"}]
  utter_ask_n: [{text: n?}]
  utter_hello: [{text: hello}]
  utter_new: [{text: new}]
  utter_a: [{text: "a={a}"}]
  utter_bad: [{text: "bad {a}"}]
"""


def source(text: str, name: str = "flows.yml") -> Source:
    return parse_yaml(textwrap.dedent(text), Path(name))


def engine(
    flows: str = "",
    *,
    domain: str = SLOTS,
    python: dict[str, Flow] | None = None,
    **actions: Callable[..., Any] | Action,
) -> Engine:
    """`actions` are functions of (call), or whole `Action`s."""
    graphs = read_flows(source(flows)) if flows else []
    made = {name: each if isinstance(each, Action) else Action(name, each) for name, each in actions.items()}
    return make_engine(read_domain([source(domain, "domain.yml")]), graphs, Registry(made, python or {}))


def marked(function: Any) -> Any:
    """What `@flow` or `@action` made of a function."""
    return vars(function)["__yingda__"]
