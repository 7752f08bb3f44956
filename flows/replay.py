"""Replay: a flow is run from its top against its frame's journal until it waits, ends or hands on.

What the journal holds is not done again: an answered question gives its answer, a said thing is not repeated, a call
gives its result. The first step without an entry is new, and is taken. Nothing of the position is stored, so a flow
may be changed while conversations are in it.

Journal keys: a step's id, `#n` at its n-th visit, `child/` before the steps of a called flow. A `set` entry is a
write from outside, and takes effect where it stands in the journal. After a correction the entries behind the cut
stay as `kept:` ones: they count once more if the flow comes by with the same arguments.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal, Protocol

from adapters.message import Json, Reply, Text
from flows.conditions import EMPTY, SIGNALS
from flows.journal import KEPT
from flows.responses import NoResponse, Speaker
from flows.slots import Invalid, coerce
from flows.state import ActionFailed, Entry, Frame, Result, Why
from flows.steps import (
    Ask,
    Call,
    Flow,
    Forget,
    Handoff,
    Link,
    Options,
    Remind,
    Repeat,
    Say,
    Set,
    Step,
    SubFlow,
    Walk,
)  # fmt: skip

STEP_LIMIT = 100
"""So many new steps in a row without an answer, and the flow is taken to run in circles."""

Perform = Callable[[str, Mapping[str, Json], str, Mapping[str, Json]], Awaitable[Result]]
"""(action, args, key, slots) -> its result; raises `ActionFailed`."""


class World(Protocol):
    """What a replay needs of the engine."""

    @property
    def flows(self) -> Mapping[str, Flow]: ...

    def asking_action(self, slot: str) -> str:
        """The action that asks for `slot` instead of a response, or ''."""
        ...

    def validating_action(self, slot: str) -> str:
        """The action that has the last word on a value for `slot`, or ''."""
        ...

    def irreversible(self, action: str) -> bool: ...


class FlowFailed(Exception):
    """The flow cannot go on; `reason` is a word for `context.reason`, the text is for operators."""

    def __init__(self, reason: str, what: str) -> None:
        self.reason = reason
        super().__init__(what)


Stop = Literal["waiting", "done", "link", "handoff"]


@dataclass(slots=True)
class Progress:
    """Where a replay came to. `frame` carries the new journal, `slots` all slots as they stand now. `collected` are
    the slots to be reset at the flow's end. `ask` is the waiting question, `target` the flow linked to."""

    frame: Frame
    slots: dict[str, Json]
    stop: Stop = "done"
    ask: Ask | None = None
    target: Link | None = None
    handoff: Handoff | None = None
    collected: set[str] = field(default_factory=set)
    replies: list[Reply] = field(default_factory=list)
    effects: list[Repeat | Forget | Options | Remind] = field(default_factory=list)
    trace: list[Why] = field(default_factory=list)


async def replay(
    frame: Frame,
    world: World,
    speaker: Speaker,
    perform: Perform,
    answer: tuple[str, Json] | None = None,
    signals: Mapping[str, Json] = EMPTY,
) -> Progress:
    """Run `frame` as far as it goes. `answer` is (slot of the waiting question, value), `signals` the mood in which
    it was said: after the question, that is what `signals` are to the flow, and its journal remembers them.
    Raises `FlowFailed`, and `ActionFailed` where an action gave no result."""
    return await _Replay(frame, world, speaker, perform, answer, signals).run()


class _Replay:
    def __init__(
        self,
        frame: Frame,
        world: World,
        speaker: Speaker,
        perform: Perform,
        answer: tuple[str, Json] | None,
        signals: Mapping[str, Json],
    ) -> None:
        self.frame = frame
        self.world = world
        self.speaker = speaker
        self.perform = perform
        self.answer = answer
        self.slots: dict[str, Json] = dict(frame.start)
        self.view = MappingProxyType(self.slots)
        self.signals = signals
        self.known_context = dict(frame.context)
        self.context = MappingProxyType(self.known_context)
        self.ahead = [entry for entry in frame.journal if not entry.key.startswith(KEPT)]
        self.kept = {entry.key[len(KEPT) :]: entry for entry in frame.journal if entry.key.startswith(KEPT)}
        self.behind: list[Entry] = []
        self.visits: dict[str, int] = {}
        self.new_steps = 0
        self.walks: list[tuple[str, str, Walk]] = []
        self.progress = Progress(frame, self.slots)

    async def run(self) -> Progress:
        flow = self.flow(self.frame.flow)
        self.walks.append((flow.id, "", flow.program(self.view, self.context)))
        given: Any = None
        while self.walks:
            flow_id, prefix, walk = self.walks[-1]
            try:
                step = walk.send(given)
            except StopIteration as end:
                self.walks.pop()
                given = end.value
                continue
            except (FlowFailed, ActionFailed):
                raise
            except Exception as error:
                what = f"the flow '{flow_id}' failed: {type(error).__name__}: {error}"
                raise FlowFailed("error", what) from error
            self.count(flow_id, step)
            given = await self.take(step, prefix)
            if self.progress.stop != "done":
                break
        return self.finish()

    def flow(self, name: str) -> Flow:
        found = self.world.flows.get(name)
        if found is None:
            raise FlowFailed("unknown_flow", f"there is no flow '{name}' (any more)")
        return found

    def count(self, flow_id: str, step: Step) -> None:
        self.new_steps += 1
        if self.new_steps > STEP_LIMIT:
            what = f"the flow '{flow_id}' took {STEP_LIMIT} steps without asking anything; it runs in circles at {step}"
            raise FlowFailed("runaway", what[:400])

    async def take(self, step: object, prefix: str) -> Any:
        match step:
            case Ask():
                return await self.ask(step, self.key(prefix, step.key or step.slot))
            case Say():
                return self.say(step, self.key(prefix, step.key or step.response or step.text))
            case Call():
                return await self.call(step, self.key(prefix, step.key or step.action))
            case Set():
                self.write(step.values)
                self.progress.collected.update(step.values)
            case SubFlow():
                inner = f"{self.key(prefix, step.key or step.flow)}/"
                self.walks.append((step.flow, inner, self.flow(step.flow).program(self.view, self.context)))
            case Link():
                self.progress.stop, self.progress.target = "link", step
            case Handoff():
                self.progress.stop, self.progress.handoff = "handoff", step
            case Repeat() | Forget() | Options():
                self.effect(step, self.key(prefix, type(step).__name__.lower()))
            case Remind():
                self.effect(step, self.key(prefix, step.key or f"remind {step.response or step.flow}"))
            case _:
                what = f"the flow '{self.frame.flow}' yielded {type(step).__name__}, which is no step"
                raise FlowFailed("error", what)
        return None

    def key(self, prefix: str, name: str) -> str:
        key = prefix + name
        visit = self.visits[key] = self.visits.get(key, 0) + 1
        return key if visit == 1 else f"{key}#{visit}"

    # --- the journal

    def write(self, values: Mapping[str, Json]) -> None:
        for name, value in values.items():
            slot = self.speaker.domain.slots.get(name)
            try:
                self.slots[name] = coerce(slot, value) if slot else value
            except Invalid as invalid:
                raise FlowFailed("bad_slot", f"the slot '{name}' cannot be set: {invalid}") from None

    def known(self, key: str, kind: str, args: Json) -> Entry | None:
        """The journal's entry for this step, its writes (and those from outside before it) applied."""
        at = next((i for i, entry in enumerate(self.ahead) if entry.key == key and entry.kind == kind), None)
        if at is None:
            entry = self.kept.get(key)
            if entry is None or entry.kind != kind or entry.args != args:
                return None
            entry = replace(self.kept.pop(key), key=key)
            self.catch_up()
        else:
            entry = self.ahead[at]
            for i, passed in enumerate(self.ahead[:at]):
                if passed.kind == "set":
                    self.behind.append(passed)
                    self.slots.update(passed.writes)
                else:
                    self.off_the_path(self.ahead[i])
            del self.ahead[: at + 1]
        self.slots.update(entry.writes)
        self.behind.append(entry)
        self.new_steps = 0
        return entry

    def off_the_path(self, entry: Entry) -> None:
        """An entry that the flow went past: it was changed in the meantime, or it is not deterministic."""
        what = f"{self.frame.flow}/{entry.key}"
        why = "the flow no longer comes by this step: it was changed, or it is not deterministic"
        self.progress.trace.append(Why(f"journal_mismatch {what}", why))
        if entry.kind == "call":
            self.kept[entry.key] = replace(entry, key=KEPT + entry.key)

    def catch_up(self) -> None:
        """A new step sees all that was written from outside."""
        for entry in [entry for entry in self.ahead if entry.kind == "set"]:
            self.slots.update(entry.writes)
            self.behind.append(entry)
        self.ahead = [entry for entry in self.ahead if entry.kind != "set"]

    def note(self, entry: Entry) -> None:
        self.kept.pop(entry.key, None)
        self.slots.update(entry.writes)
        self.behind.append(entry)

    # --- the steps that the journal remembers

    async def ask(self, step: Ask, key: str) -> Json:
        if step.reset_after_flow_ends:
            self.progress.collected.add(step.slot)
        known = self.known(key, "ask", step.slot)
        if known is not None:
            self.felt(known.result)
            return self.slots.get(step.slot)
        self.catch_up()
        mood = self.mood(step)
        value = await self.validated(step, self.candidate(step))
        if value is None:
            self.progress.stop, self.progress.ask = "waiting", step
            self.frame = replace(self.frame, waiting=key)
            return None
        self.new_steps = 0
        self.felt(mood)
        self.note(Entry(key, "ask", step.slot, mood, {step.slot: value}))
        return value

    def mood(self, step: Ask) -> Json:
        """That of the answer to `step`; None where it is not being answered just now, or nobody judged it."""
        answered = self.answer is not None and self.answer[0] == step.slot
        return dict(self.signals) if answered and self.signals else None

    def felt(self, mood: Json) -> None:
        if mood:
            self.known_context[SIGNALS] = mood

    def candidate(self, step: Ask) -> Json:
        """The value that may answer `step`: what was just answered, else what the slot holds. None where there is
        none, or it was refused (then the reason is said, and the slot is emptied)."""
        if self.answer is not None and self.answer[0] == step.slot:
            value, self.answer = self.answer[1], None
        else:
            value = None if step.ask_before_filling else self.slots.get(step.slot)
        if value is None:
            return None
        slot = self.speaker.domain.slots.get(step.slot)
        try:
            value = coerce(slot, value) if slot else value
        except Invalid as invalid:
            own = f"utter_invalid_{step.slot}"
            return self.refuse(step, own if self.speaker.knows(own) else "utter_invalid_value", str(invalid), value)
        for rejection in (*(slot.rejections if slot else ()), *step.rejections):
            if rejection.when({**self.slots, step.slot: value}, self.context):
                return self.refuse(step, rejection.utter, rejection.when.text, value)
        return value

    async def validated(self, step: Ask, value: Json) -> Json:
        """What CALM's `validate_<slot>` makes of a value: another one, or None, with what it says about it."""
        action = self.world.validating_action(step.slot)
        if value is None or not action:
            return value
        slots = {**self.slots, step.slot: value}
        result = await self.perform(action, {step.slot: value}, f"{self.frame.flow}/{action}", slots)
        self.progress.replies.extend(result.replies)
        if step.slot not in result.slots:
            return value
        if result.slots[step.slot] is None:
            self.empty(step, action)
            return None
        before = self.slots.get(step.slot)
        self.write({step.slot: result.slots[step.slot]})
        made, self.slots[step.slot] = self.slots[step.slot], before
        return made

    def refuse(self, step: Ask, response: str, why: str, value: Json) -> None:
        slot = self.speaker.domain.slots.get(step.slot)
        label = step.label or (slot.label if slot else "") or step.slot
        self.utter(response, {**self.slots, step.slot: value, "label": label})
        self.empty(step, why)

    def empty(self, step: Ask, why: str) -> None:
        self.progress.trace.append(Why(f"rejected {self.frame.flow}/{step.slot}", why))
        if self.slots.get(step.slot) is not None:
            empty = Entry(f"set:{step.slot}", "set", writes={step.slot: None})
            self.note(empty)

    def say(self, step: Say, key: str) -> None:
        values = {**self.slots, **self.context, **step.values}
        args = step.text or [step.response, self.speaker.names(step.response, values)]
        known = self.known(key, "say", args)
        if known is not None:
            return
        # with answers ahead, the step was deployed into a part that the customer has passed
        if not any(entry.kind == "ask" for entry in self.ahead):
            self.catch_up()
            if step.text:
                self.progress.replies.append(Text(step.text))
            else:
                self.utter(step.response, {**self.slots, **self.context, **step.values})
        self.note(Entry(key, "say", args))

    def effect(self, step: Repeat | Forget | Options | Remind, key: str) -> None:
        """What only the stage can do; once, like a saying."""
        if self.known(key, "say", None) is None:
            self.catch_up()
            self.progress.effects.append(step)
            self.note(Entry(key, "say"))

    def utter(self, response: str, values: Mapping[str, Json]) -> None:
        try:
            self.progress.replies.extend(self.speaker.say(response, values))
        except NoResponse as error:
            self.progress.trace.append(Why(f"unsaid {response}", str(error)))
            return
        empty = [name for name, value in self.speaker.names(response, values).items() if value is None]
        if empty:
            self.progress.trace.append(Why(f"said {response}", f"with nothing in {', '.join(empty)}"))

    async def call(self, step: Call, key: str) -> Json:
        args = {"action": step.action, "args": dict(step.args)}
        done = next((e for e in (*self.ahead, *self.kept.values()) if e.key.removeprefix(KEPT) == key), None)
        if done is not None and done.kind == "call" and done.args != args:
            if self.world.irreversible(step.action):
                args = done.args
            else:
                # what it answered was about something else
                self.ahead = [entry for entry in self.ahead if entry is not done]
                self.progress.trace.append(Why(f"again {self.frame.flow}/{key}", "its arguments are others now"))
        known = self.known(key, "call", args)
        if known is not None:
            return known.result
        self.catch_up()
        unique = f"{self.frame.flow}/{key}"
        result = await self.perform(step.action, dict(step.args), unique, dict(self.slots))
        self.progress.replies.extend(result.replies)
        self.progress.effects.extend(Remind(**each) for each in result.reminders)
        before = dict(self.slots)
        self.write(result.slots)
        writes = {name: self.slots[name] for name in result.slots}
        self.slots.clear()
        self.slots.update(before)
        self.note(Entry(key, "call", args, result.value, writes))
        return result.value

    # --- the end

    def finish(self) -> Progress:
        progress = self.progress
        if progress.stop != "waiting":
            self.catch_up()
            self.frame = replace(self.frame, waiting="")
        for _, _, walk in self.walks:
            walk.close()
        if self.answer is not None:
            # a question was deployed before the one that was answered: the answer waits for its turn
            slot, value = self.answer
            self.ahead.append(Entry(f"set:{slot}", "set", writes={slot: value}))
        passed_by = [entry.key for entry in self.ahead if entry.kind != "set"]
        if passed_by:
            what = f"journal_mismatch {self.frame.flow}/{', '.join(passed_by)}"
            why = "the flow stopped before what it has passed already: it was changed, or it is not deterministic"
            progress.trace.append(Why(what, why))
        journal = (*self.behind, *self.ahead, *(replace(e, key=KEPT + k) for k, e in self.kept.items()))
        progress.frame = replace(self.frame, journal=journal)
        return progress
