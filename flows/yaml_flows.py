"""Flows written in YAML, in CALM's format: any file under `data/` with a `flows:` key (`data/flows.yml`).

```yaml
flows:
  refund:                                   # the flow's id
    name: 退款                              # what customers see (options, 「继续办理退款」); default: description
    description: 为一个订单申请退款
    if: slots.logged_in                     # guard: it can only be started while this holds
    nlu_trigger:
      - intent: refund                      # or {name: refund, confidence_threshold: 0.6}
    persisted_slots: [order_id]             # keep these after the flow ends; the others are reset
    run_pattern_completed: false            # say nothing when it has ended; default: true
    undo: withdraw_refund                   # the flow that takes back what this one has carried out
    steps:
      - collect: order_id                   # says utter_ask_order_id (or runs action_ask_order_id), waits;
        description: 订单号                 #   skipped where the slot is filled already
        utter: utter_which_order            #   another question
        explain: 有了订单号才知道退哪一单。 #   said to 「为什么要这个」; or a response utter_explain_order_id
        silence_timeout: 2m                 #   without an answer for so long, pattern_user_silence runs
        reset_after_flow_ends: false        #   keep it, as persisted_slots does
        rejections:                         #   an answer for which `if` holds is refused, and asked for again
          - if: not (slots.order_id matches "^DD[0-9]+$")
            utter: utter_bad_order_id
      - action: action_lookup_order         # runs `lookup_order` of actions.py with what the flow collected
        next:
          - if: slots.order_state is null   # conditions: flows/conditions.py
            then:
              - action: utter_order_not_found
              - set_slots:
                  - order_id: null
                next: order_id              # a step's id: `id:`, else what it collects or does
          - if: slots.order_state != "paid"
            then: too_late
          - else: reason
      - id: reason
        collect: reason
        force_slot_filling: true            # whatever is said is the answer, but for 转人工 and /restart
      - remind: utter_still_open            # a response, or a flow to start, in half an hour;
        after: 30m                          #   dropped when this flow goes on or ends, unless `keep: true`
      - collect: confirmed
        ask_before_filling: true            # asked even if filled: confirmations
        next:
          - if: slots.confirmed
            then:
              - action: action_refund
                next: END
          - else: END
      - id: too_late
        action: utter_cannot_refund
        next: END
```
Other steps: `link: flow` (end here, go on there), `call: flow` (run it inside, come back), `noop: true` (only
branch). A nested `then:` list that does not say `next` goes on after the step it hangs under. A flow called as one
of `flows/patterns.yml` replaces it. A file may bring its own `responses:`. `always_include_in_prompt` is read and
means nothing here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field

from adapters.message import Json
from config.source import BadProject, Loc, Problem, Source, Strict, check
from flows.conditions import Condition, ConditionError, parse
from flows.graph import END, Branch, Graph, Node, Program
from flows.reminders import seconds
from flows.steps import (
    Ask,
    Call,
    Flow,
    Forget,
    Handoff,
    Link,
    Options,
    Rejection,
    Remind,
    Repeat,
    Say,
    Set,
    Step,
    SubFlow,
    Trigger,
)  # fmt: skip

KINDS = ("collect", "action", "set_slots", "link", "call", "remind", "noop")


DONE_ALREADY = frozenset((
    "action_cancel_flow", "action_correct_flow_slot", "action_clean_stack", "action_hangup",
    "action_run_slot_rejections", "action_trigger_chitchat", "action_trigger_flow", "action_trigger_search",
))  # fmt: skip
"""What CALM's patterns call, and the engine has done before it runs a pattern."""


class _Intent(Strict):
    name: str
    confidence_threshold: float = Field(0.0, ge=0, le=1)


class _Trigger(Strict):
    intent: str | _Intent
    confidence_threshold: float = Field(0.0, ge=0, le=1)


class _Rejection(Strict):
    when: str = Field(alias="if")
    utter: str


class _Step(Strict):
    id: str = ""
    collect: str = ""
    action: str = ""
    set_slots: Sequence[Mapping[str, Any]] | Mapping[str, Any] = ()
    link: str = ""
    call: str = ""
    noop: bool = False
    remind: str = ""
    after: str | float = ""
    keep: bool = False
    silence_timeout: str | float = ""
    next: Any = None
    utter: str = ""
    description: str = ""
    rejections: Sequence[_Rejection] = ()
    ask_before_filling: bool = False
    reset_after_flow_ends: bool = True
    force_slot_filling: bool = False
    explain: str = ""
    metadata: Mapping[str, Any] = Field(default_factory=dict)


class _Flow(Strict):
    name: str = ""
    description: str = ""
    guard: str | bool | None = Field(None, alias="if")
    nlu_trigger: Sequence[_Trigger] = ()
    persisted_slots: Sequence[str] = ()
    always_include_in_prompt: bool = False
    run_pattern_completed: bool = True
    undo: str = ""
    file_path: str = ""
    steps: Sequence[Mapping[str, Any]]


def read_flows(source: Source) -> list[Graph]:
    """Every flow of one file. Raises `BadProject` with all that is wrong in it."""
    flows = source.data.get("flows") if isinstance(source.data, dict) else None
    if not isinstance(flows, dict):
        raise BadProject(source.problem(("flows",), "`flows` must be a mapping of flow ids"))
    graphs: list[Graph] = []
    problems: list[Problem] = []
    for name in flows:
        try:
            graphs.append(_Reader(source, str(name)).read())
        except BadProject as bad:
            problems.extend(bad.problems)
    if problems:
        raise BadProject(problems)
    return graphs


class _Reader:
    """Flattens one flow's nested steps into nodes; targets are resolved once all ids are known."""

    def __init__(self, source: Source, flow: str) -> None:
        self.source = source
        self.flow = flow
        self.problems: list[Problem] = []
        self.nodes: list[tuple[str, Step | None, _Step, Loc, int | None]] = []
        self.ids: dict[str, int] = {}
        self.nested: dict[Loc, int] = {}
        self.namesakes: Counter[str] = Counter()

    def read(self) -> Graph:
        loc: Loc = ("flows", self.flow)
        given = check(self.source, _Flow, loc)
        self.steps(given.steps, (*loc, "steps"), None)
        nodes = tuple(self.node(*each) for each in self.nodes)
        guard = self.condition(str(given.guard), (*loc, "if")) if given.guard is not None else None
        if not nodes:
            self.problems.append(self.source.problem((*loc, "steps"), f"the flow '{self.flow}' has no steps"))
        if self.problems:
            raise BadProject(self.problems)
        steps = [node.step for node in nodes]
        flow = Flow(
            self.flow,
            Program(nodes),
            name=given.name,
            description=given.description,
            triggers=tuple(_trigger(each) for each in given.nlu_trigger),
            guard=guard,
            persisted=frozenset(given.persisted_slots),
            run_completed=given.run_pattern_completed,
            asks=_first_asks(steps),
            calls=frozenset(step.flow for step in steps if isinstance(step, SubFlow)),
            undo=given.undo,
        )
        return Graph(flow, nodes, str(self.source.path), self.source.line(loc))

    def steps(self, items: Sequence[Mapping[str, Json]], loc: Loc, after: int | None) -> None:
        """Read a list of steps; `after` is the node that a nested list hangs under."""
        first = len(self.nodes)
        for i, item in enumerate(items):
            self.step(item, (*loc, i), after if i == len(items) - 1 else None)
        self.nested[loc] = first

    def step(self, item: Json, loc: Loc, after: int | None) -> None:
        if not isinstance(item, dict):
            self.problems.append(self.source.problem(loc, "a step is a mapping", f"one of: {', '.join(KINDS)}"))
            return
        try:
            given = check(self.source, _Step, loc)
        except BadProject as bad:
            self.problems.extend(bad.problems)
            return
        kinds = [kind for kind in KINDS if kind in item]
        if len(kinds) != 1 and not (not kinds and "next" in item):
            what = f"a step does one thing, this one has {' and '.join(kinds) or 'none'}"
            self.problems.append(self.source.problem(loc, what, f"one of: {', '.join(KINDS)}"))
            return
        index = len(self.nodes)
        name = given.id or given.collect or given.action or given.link or given.call or given.remind
        if name and name not in self.ids:
            self.ids[name] = index
        elif given.id:
            self.problems.append(self.source.problem((*loc, "id"), f"two steps have the id '{name}'", "rename one"))
        # a step's key must outlast a step deployed before it, so it counts its namesakes, not its place
        base = name or (kinds or ["noop"])[0]
        self.namesakes[base] += 1
        key = base if self.namesakes[base] == 1 else f"{base}@{self.namesakes[base]}"
        self.nodes.append((key, self.made(given, key, loc), given, loc, after))
        if isinstance(given.next, list):
            for i, branch in enumerate(given.next):
                for word in ("then", "else"):
                    if isinstance(branch, dict) and isinstance(branch.get(word), list):
                        self.steps(branch[word], (*loc, "next", i, word), index)

    def made(self, given: _Step, key: str, loc: Loc) -> Step | None:
        if given.collect:
            return Ask(
                given.collect,
                given.utter,
                tuple(
                    Rejection(condition, each.utter)
                    for i, each in enumerate(given.rejections)
                    if (condition := self.condition(each.when, (*loc, "rejections", i, "if")))
                ),
                given.ask_before_filling,
                given.reset_after_flow_ends,
                given.description,
                key,
                given.explain,
                self.seconds(given.silence_timeout, (*loc, "silence_timeout")) if given.silence_timeout else 0.0,
                given.force_slot_filling,
            )
        if given.action:
            return _do(given.action, key)
        if given.remind:
            spoken = given.remind.startswith("utter_")
            after = self.seconds(given.after, (*loc, "after"))
            return Remind(after, given.remind if spoken else "", "" if spoken else given.remind, given.keep, key)
        if given.link:
            return Link(given.link)
        if given.call:
            return SubFlow(given.call, key)
        return Set(_pairs(given.set_slots))

    def seconds(self, text: str | float, loc: Loc) -> float:
        try:
            return seconds(text)
        except ValueError as error:
            self.problems.append(self.source.problem(loc, str(error)))
            return 0.0

    def node(self, key: str, step: Step | None, given: _Step, loc: Loc, after: int | None) -> Node:
        return Node(key, step, tuple(self.branches(given, loc)), self.source.line(loc))

    def branches(self, given: _Step, loc: Loc) -> Iterable[Branch]:
        if given.next is None:
            yield Branch(None, self.following(loc))
        elif not isinstance(given.next, list):
            yield Branch(None, self.target(given.next, (*loc, "next")))
        else:
            for i, item in enumerate(given.next):
                yield from self.branch(item, (*loc, "next", i))

    def branch(self, item: Json, loc: Loc) -> Iterable[Branch]:
        if isinstance(item, dict) and set(item) == {"if", "then"}:
            condition = self.condition(str(item["if"]), (*loc, "if"))
            yield Branch(condition, self.target(item["then"], (*loc, "then")))
        elif isinstance(item, dict) and set(item) == {"else"}:
            yield Branch(None, self.target(item["else"], (*loc, "else")))
        else:
            self.problems.append(self.source.problem(loc, "a branch is `if:` with `then:`, or `else:`"))

    def following(self, loc: Loc) -> int | None:
        """The step after `loc`: the next in its list, else the one after the step that its list hangs under."""
        by_loc = {each[3]: i for i, each in enumerate(self.nodes)}
        while loc and isinstance(loc[-1], int):
            found = by_loc.get((*loc[:-1], loc[-1] + 1))
            if found is not None:
                return found
            # …, step, "next", branch, "then", i
            loc = loc[:-4] if len(loc) > 7 else ()
        return None

    def target(self, wanted: Json, loc: Loc) -> int | None:
        if isinstance(wanted, list):
            return self.nested.get(loc)
        if wanted == END:
            return None
        if str(wanted) in self.ids:
            return self.ids[str(wanted)]
        mend = f"steps here: {', '.join([*self.ids, END])}"
        self.problems.append(self.source.problem(loc, f"there is no step '{wanted}' in the flow '{self.flow}'", mend))
        return None

    def condition(self, text: str, loc: Loc) -> Condition | None:
        try:
            return parse(text)
        except ConditionError as error:
            self.problems.append(self.source.problem(loc, str(error)))
            return None


def _pairs(given: Sequence[Mapping[str, Json]] | Mapping[str, Json]) -> dict[str, Json]:
    pairs = (given,) if isinstance(given, Mapping) else given
    return {name: value for pair in pairs for name, value in pair.items()}


def _first_asks(steps: Iterable[Step | None]) -> dict[str, Ask]:
    asks: dict[str, Ask] = {}
    for step in steps:
        if isinstance(step, Ask):
            asks.setdefault(step.slot, step)
    return asks


def _do(action: str, key: str) -> Step:
    """Built-in actions are steps of their own."""
    match action:
        case "action_human_handoff":
            return Handoff()
        case "action_repeat_bot_messages":
            return Repeat()
        case "action_restart":
            return Forget()
        case "action_clarify_flows":
            return Options()
        case "action_offer_undo":
            return Options("utter_correction_undo")
        case name if name in DONE_ALREADY:
            return Set()
        case "action_respond":
            return Say(key=key)
        case _:
            return Say(action, key=key) if action.startswith("utter_") else Call(action, key=key)


def _trigger(given: _Trigger) -> Trigger:
    if isinstance(given.intent, str):
        return Trigger(given.intent, given.confidence_threshold)
    return Trigger(given.intent.name, given.intent.confidence_threshold)
