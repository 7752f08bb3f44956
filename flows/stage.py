"""One turn's work on the stack: frames are pushed, run, ended. The only mutable thing, and it lives for one turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import orjson

from adapters.message import Button, Card, Json, Reply, Text, Transfer
from flows.conditions import SIGNALS
from flows.domain import Domain
from flows.journal import KEPT, outside, told
from flows.offers import offerable
from flows.replay import FlowFailed, Perform, Progress, World, replay
from flows.responses import NoResponse, Speaker
from flows.state import ActionFailed, Dialogue, Frame, Served, Why
from flows.steps import Ask, Flow, Forget, Handoff, Link, Options, Remind, Repeat

FRAME_LIMIT = 30
"""So many flows run in one turn, and they are taken to call each other in circles."""
MOST_SERVED = 8
"""So many flows that have ended are remembered, each as it ended last."""
COLLECT = "pattern_collect_information"
LAST_WORDS = "抱歉，系统出了点问题，请稍后再试。"


class Setting(World, Protocol):
    """What a stage needs of the engine."""

    @property
    def domain(self) -> Domain: ...

    def asks(self, flow: str) -> Mapping[str, Ask]: ...

    def overridden(self, pattern: str) -> bool:
        """Whether the bot has a pattern flow of its own in the place of ours."""
        ...


@dataclass(slots=True)
class Stage:
    """The dialogue while a turn is worked on. `answer` is the value for the waiting question, until it is used."""

    setting: Setting
    speaker: Speaker
    perform: Perform
    before: Dialogue
    stack: list[Frame]
    slots: dict[str, Json]
    mentions: dict[str, Json]
    signals: Mapping[str, Json] = field(default_factory=dict)
    """The mood of what was said; a flow that begins, and one that is answered, keeps it."""
    replies: list[Reply] = field(default_factory=list)
    trace: list[Why] = field(default_factory=list)
    flags: set[str] = field(default_factory=set)
    answer: Json = None
    asked: str = ""
    misses: int = 0
    ran: int = 0
    repeated: bool = False
    more: bool = False
    """Further wishes wait: nobody is told that all is done."""
    spoken: set[str] = field(default_factory=set)
    spoken_before: frozenset[str] = frozenset()
    last: str = ""
    before_last: str = ""
    """The flow that had ended last when the turn began."""
    served: dict[str, Served] = field(default_factory=dict)
    reminders: list[tuple[Remind, Frame]] = field(default_factory=list)
    forgotten: bool = False
    silence_s: float = 0.0
    """How long the waiting question may wait before the customer is asked whether they are still there."""
    offered: Json = None
    """The value that the waiting question offers."""
    unoffered: frozenset[str] | None = frozenset()
    """Slots for which nothing is offered, as the message speaks of another thing; None: for all."""
    questions_from: int = 0
    """Where in `replies` the waiting question begins."""

    # --- the stack

    @property
    def business(self) -> int | None:
        """The index of the active flow that is no pattern."""
        return next((i for i in range(len(self.stack) - 1, -1, -1) if not self.is_pattern(self.stack[i].flow)), None)

    def is_pattern(self, flow: str) -> bool:
        return flow.startswith("pattern_")

    def title(self, flow: str) -> str:
        found = self.setting.flows.get(flow)
        return found.title if found else flow

    def push(
        self, flow: str, context: Mapping[str, Json] | None = None, slots: Mapping[str, Json] | None = None
    ) -> None:
        """Put a flow on the stack. What flows beneath it have been told stays theirs: here it is asked for again,
        but for what names a thing."""
        start = dict(self.slots)
        told = {str(entry.args) for frame in self.stack for entry in frame.journal if entry.kind == "ask"}
        for name in told.intersection(self.setting.asks(flow)):
            if not self.names_a_thing(name):
                start[name] = self.initial(name)
        mood = {SIGNALS: self.signals} if self.signals else {}
        frame = outside(Frame(flow, start, context={**mood, **(context or {})}), slots or {})
        self.stack.append(frame)
        self.answer, self.asked = None, ""

    def names_a_thing(self, name: str) -> bool:
        """Whether the slot stands for a thing, as an order number does, and not for a choice, amount or reason."""
        slot = self.setting.domain.slots.get(name)
        return slot is not None and slot.type == "text" and any(each.type == "from_entity" for each in slot.mappings)

    def label(self, ask: Ask) -> str:
        slot = self.setting.domain.slots.get(ask.slot)
        return ask.label or (slot.label if slot else "") or ask.slot

    def offer_for(self, ask: Ask) -> Json:
        """The thing last spoken of in this session that the question may be about: it is offered, never taken."""
        frame = self.stack[-1]
        silent = self.unoffered is None or ask.slot in self.unoffered or self.is_pattern(frame.flow)
        if silent or not self.names_a_thing(ask.slot) or (self.last or self.before_last) == frame.flow:
            return None
        spoken = {name: self.mentions[name] for name in self.spoken.union(self.spoken_before) if name in self.mentions}
        return offerable(ask, frame, self.setting.domain, spoken, self.slots, self.served.get(frame.flow))

    def initial(self, name: str) -> Json:
        slot = self.setting.domain.slots.get(name)
        return slot.initial if slot else None

    def blank(self) -> dict[str, Json]:
        """The slots of somebody with whom nobody has talked yet, but for what is known of the person."""
        known = {name: self.slots[name] for name in self.setting.domain.of_user if name in self.slots}
        return {**self.setting.domain.initial, **known}

    def pattern(self, name: str, **context: Json) -> None:
        self.push(name, context)

    def write(self, values: Mapping[str, Json]) -> None:
        """Slots from outside: into the active flow's journal, or where none is, into the dialogue."""
        at = self.business
        if at is not None:
            self.stack[at] = outside(self.stack[at], values)
        self.slots.update(values)

    # --- running

    async def run(self) -> None:
        """Run the stack's top until a question waits or nothing is left."""
        while self.stack:
            self.ran += 1
            frame = self.stack[-1]
            answer = (self.asked, self.answer) if self.answer is not None and frame.waiting else None
            if self.ran > FRAME_LIMIT:
                what = f"{FRAME_LIMIT} flows ran in one turn; they start each other in circles"
                self.failed(frame, FlowFailed("runaway", what))
                continue
            try:
                progress = await replay(frame, self.setting, self.speaker, self.perform, answer, self.signals)
            except (FlowFailed, ActionFailed) as error:
                self.failed(frame, error)
                continue
            if answer:
                self.answer = None
            if await self.advanced(frame, progress):
                return

    async def advanced(self, frame: Frame, progress: Progress) -> bool:
        """Take in what a replay came to; True where the turn ends there."""
        self.replies += progress.replies
        self.trace += progress.trace
        for effect in progress.effects:
            self.take(effect, progress.frame)
        if progress.stop == "waiting" and progress.ask:
            self.stack[-1] = progress.frame
            self.slots = dict(progress.slots)
            self.mention(progress.frame)
            return await self.question(progress.ask)
        self.end(progress)
        if progress.stop == "handoff" and progress.handoff:
            self.handoff(progress.handoff)
        elif progress.stop == "link" and progress.target:
            self.link(progress.target, progress.slots)
        else:
            self.resume(progress.frame)
        return False

    def take(self, effect: Repeat | Forget | Options | Remind, frame: Frame) -> None:
        match effect:
            case Remind():
                self.reminders.append((effect, frame))
            case Repeat():
                self.replies += self.before.said
                self.repeated = bool(self.before.said)
            case Forget():
                del self.stack[:-1]
                self.mentions.clear()
                self.forgotten = True
                self.stack[-1] = replace(frame, start=self.blank())
            case Options(response, of_questions):
                options = [str(each) for each in frame.context.get("options") or ()]
                titles = [str(each) for each in frame.context.get("titles") or ()]
                response = of_questions if titles else response
                titles = titles or [self.title(each) for each in options]
                self.offer(response, dict(zip(options, titles, strict=True)), frame.context)

    def offer(self, response: str, options: Mapping[str, str], context: Mapping[str, Json]) -> None:
        """Buttons for intents or flows, which are told what `context.filled` holds."""
        filled = orjson.dumps(context["filled"]).decode() if context.get("filled") else ""
        said = self.render(response, {**self.slots, **context})
        text = next((reply.text for reply in said if isinstance(reply, Text | Card)), "")
        buttons = tuple(Button(title, f"/{each}{filled}") for each, title in options.items())
        self.replies.append(Card(text=text, buttons=buttons))

    def unask(self) -> None:
        """Take the waiting question back: nobody is to answer it any more."""
        if self.stack and self.stack[-1].waiting:
            del self.replies[self.questions_from :]

    async def question(self, ask: Ask) -> bool:
        """Ask; False where asking failed, and something else has the word."""
        self.asked, self.silence_s = ask.slot, ask.silence_s or self.setting.domain.silence_s
        self.questions_from = len(self.replies)
        self.offered = self.offer_for(ask)
        if self.repeated:
            # what was said again ended with this very question
            return True
        frame = self.stack[-1]
        response, why = self.question_for(ask)
        self.trace.append(Why(f"{frame.flow}/{ask.slot}", why))
        values = {**self.slots, **frame.context, "label": self.label(ask), "value": self.offered}
        try:
            if self.setting.overridden(COLLECT):
                self.replies += await self.collected(response, ask, values)
            elif response.startswith("utter_"):
                self.replies += self.asking(response, ask, values)
            else:
                result = await self.perform(response, {}, f"{frame.flow}/{response}", dict(self.slots))
                self.replies += result.replies
                self.write(result.slots)
        except (FlowFailed, ActionFailed) as error:
            self.failed(frame, error)
            return False
        return True

    def question_for(self, ask: Ask) -> tuple[str, str]:
        """The response, or the action, that asks; and why."""
        if self.offered is not None:
            own = f"utter_ask_whether_{ask.slot}"
            response = own if self.speaker.knows(own) else "utter_ask_whether"
            return response, "one was just spoken of: asks whether it is meant"
        own = f"utter_ask_{self.stack[-1].flow}_{ask.slot}"
        response = own if self.speaker.knows(own) else f"utter_ask_{ask.slot}"
        action = "" if ask.utter else self.setting.asking_action(ask.slot)
        return ask.utter or action or response, "the slot is empty: asks for it"

    def asking(self, response: str, ask: Ask, values: Mapping[str, Json]) -> tuple[Reply, ...]:
        said = self.render(response, values)
        return said if said or self.speaker.knows(response) else (Text(f"请提供{self.label(ask)}。"),)

    async def collected(self, response: str, ask: Ask, values: Mapping[str, Json]) -> list[Reply]:
        """What the bot's own `pattern_collect_information` says; it waits for nothing itself."""
        context = {"collect": ask.slot, "response": response, "flow_name": self.title(self.stack[-1].flow)}
        frame = Frame(COLLECT, dict(self.slots), context={**values, **context})
        progress = await replay(frame, self.setting, self.speaker, self.perform, None, self.signals)
        self.trace += progress.trace
        return progress.replies

    def render(self, response: str, values: Mapping[str, Json]) -> tuple[Reply, ...]:
        try:
            return self.speaker.say(response, values)
        except NoResponse as error:
            self.trace.append(Why(f"unsaid {response}", str(error)))
            return ()

    def mention(self, frame: Frame) -> None:
        """What was collected may be referred to later (那个订单), but for what is known of one person alone."""
        of_user = self.setting.domain.of_user
        for entry in frame.journal:
            if entry.kind == "ask":
                kept = ((k, v) for k, v in entry.writes.items() if k not in of_user and not isinstance(v, bool))
                told = {k: v for k, v in kept if v is not None}
                self.mentions |= told
                self.spoken.update(told)

    # --- ends of flows

    def end(self, progress: Progress) -> None:
        """Take the ended frame off: its slots are reset but for those that persist, which the flow below learns."""
        self.stack.pop()
        self.mention(progress.frame)
        frame = progress.frame
        self.serve(frame)
        flow = self.setting.flows.get(frame.flow)
        persisted = flow.persisted if flow else frozenset()
        after = dict(progress.slots)
        # what it was told and never came to ask for was for this flow, too
        told = {name for entry in frame.journal if entry.kind == "set" for name in entry.writes}
        asks = self.setting.asks(frame.flow)
        unasked = {name for name in told.intersection(asks) if asks[name].reset_after_flow_ends}
        reset = (progress.collected | unasked) - persisted - self.setting.domain.of_user
        for name in reset:
            after[name] = self.initial(name)
        self.leave(frame, after, reset)
        if any(isinstance(effect, Forget) for effect in progress.effects):
            self.slots = self.blank()
            self.mentions.clear()

    def serve(self, frame: Frame) -> None:
        """Remember what the ended flow was told, and whether it did what cannot be undone."""
        if self.is_pattern(frame.flow):
            return
        calls = (e for e in frame.journal if e.kind == "call" and not e.key.startswith(KEPT))
        done = any(self.setting.irreversible(entry.args["action"]) for entry in calls)
        self.served.pop(frame.flow, None)
        self.served[frame.flow] = Served(told(frame), done)
        for earlier in list(self.served)[:-MOST_SERVED]:
            del self.served[earlier]

    def leave(self, frame: Frame, after: Mapping[str, Json], reset: set[str] | frozenset[str]) -> None:
        changed = {k: v for k, v in after.items() if frame.start.get(k) != v and k not in reset}
        if self.stack:
            self.stack[-1] = outside(self.stack[-1], changed)
        self.slots = {k: v for k, v in after.items() if v is not None}
        self.answer = None

    def drop(self, at: int) -> Frame:
        """Take a frame (and all above it) off without its end: cancelled or failed. Its slots are reset."""
        frame = self.stack[at]
        del self.stack[at:]
        flow = self.setting.flows.get(frame.flow)
        persisted = flow.persisted if flow else frozenset()
        after = dict(frame.start)
        for entry in frame.journal:
            after.update(entry.writes)
        asked = {str(entry.args) for entry in frame.journal if entry.kind == "ask"}
        reset = (asked | set(self.setting.asks(frame.flow))) - persisted - self.setting.domain.of_user
        for name in reset:
            after[name] = self.initial(name)
        self.mention(frame)
        self.leave(frame, after, reset)
        return frame

    def resume(self, ended: Frame) -> None:
        """After a flow: the interrupted one goes on, or the conversation is at rest."""
        if self.is_pattern(ended.flow):
            return
        flow: Flow | None = self.setting.flows.get(ended.flow)
        self.flags.add("completed")
        self.last = ended.flow
        self.trace.append(Why(f"{ended.flow}", "ended"))
        if self.business is not None:
            self.interrupted()
        elif flow is not None and flow.run_completed and not self.more:
            self.pattern("pattern_completed", **_named(self.title(ended.flow)))

    def interrupted(self) -> None:
        """Say that the flow below goes on, before it asks again."""
        at = self.business
        if at is not None and self.stack[at].waiting and at == len(self.stack) - 1:
            self.pattern("pattern_continue_interrupted", **_named(self.title(self.stack[at].flow)))

    def link(self, target: Link, slots: Mapping[str, Json]) -> None:
        """Go on with another flow. What both collect goes along, as it names the same thing."""
        shared = {
            name: slots[name]
            for name, ask in self.setting.asks(target.flow).items()
            if slots.get(name) is not None and not ask.ask_before_filling
        }
        self.push(target.flow, slots={**shared, **target.slots})

    def handoff(self, step: Handoff) -> None:
        while self.stack:
            self.drop(len(self.stack) - 1)
        said = self.render(step.response, self.slots)
        text = "\n".join(reply.text for reply in said if isinstance(reply, Text))
        self.replies += [reply for reply in said if not isinstance(reply, Text)]
        self.replies.append(Transfer(text))
        self.flags.add("handoff")
        self.trace.append(Why("handoff", step.reason or "a flow hands over"))

    def failed(self, frame: Frame, error: FlowFailed | ActionFailed) -> None:
        """Drop the flow that failed and say so; where even that fails, say the last words."""
        reason = error.reason if isinstance(error, FlowFailed) else "action"
        self.flags.add("error")
        self.trace.append(Why(f"error in {frame.flow}", str(error)))
        if frame.flow == "pattern_internal_error" or self.ran > FRAME_LIMIT:
            while self.stack:
                self.drop(len(self.stack) - 1)
            self.replies.append(Text(LAST_WORDS))
            return
        self.drop(len(self.stack) - 1)
        self.pattern("pattern_internal_error", reason=reason, flow_name=self.title(frame.flow))


def _named(title: str) -> dict[str, Json]:
    """A flow's title by our name for it and by CALM's."""
    return {"flow_name": title, "previous_flow_name": title}
