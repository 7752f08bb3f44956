"""One turn of a Rasa project: what was said is noted, slots are extracted, and actions are predicted until it listens.

https://rasa.com/docs/rasa/arch-overview. The tracker is what the events of all earlier turns add up to; the turn's own
events are its outcome.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adapters.message import Address, Json, plain
from adapters.message import Event as Happened
from config.source import BadProject, Problem
from flows.actions import Registry, load_actions
from flows.domain import Domain, written
from flows.rasa import events
from flows.rasa.acting import Rejected
from flows.rasa.defaults import DEFAULTS
from flows.rasa.domain import REQUESTED, STARTED_METADATA, Form, RasaDomain, load_rasa_domain
from flows.rasa.events import LISTEN, SESSION_START, BadEvent, Event, check_event, is_action
from flows.rasa.extraction import extract_slots
from flows.rasa.forms import run_form
from flows.rasa.parsing import best_answer, said_by
from flows.rasa.policies.ensemble import predict
from flows.rasa.policies.policy import Policy, Prediction
from flows.rasa.policies.setup import load_policies, read_policies
from flows.rasa.reminders import entities_of, remembered, taken
from flows.rasa.repair import Repair, Suspended, carry_out, interrupted, outdated, resume
from flows.rasa.stories import read_stories
from flows.rasa.tracker import Tracker, session_of
from flows.rasa.utterances import as_message, message_of, replies_of
from flows.responses import NoResponse, Speaker, options_in
from flows.state import EVENTS, REMINDERS, TIMER, ActionFailed, Actions, Dialogue, Heard, Outcome, Result, Why
from flows.upgrade import remarks

MOST_ACTIONS = 10
"""So many actions a turn takes at most, as Rasa's MAX_NUMBER_OF_PREDICTIONS."""
FOLLOWUP = "FollowupAction"
SUSPENDED = "suspended"
"""The name in `Dialogue.memory` of the forms that others have interrupted."""
API = "rasa api"
"""The name of the event by which Rasa's HTTP API reaches a conversation; no vendor's event can be called so."""


@dataclass(frozen=True)
class RasaEngine:
    """A Rasa project's dialogue: immutable, shared by all conversations."""

    domain: RasaDomain
    policies: tuple[Policy, ...]
    registry: Registry = field(default_factory=Registry)
    remote: bool = False
    """Whether an action server runs the custom actions."""
    warnings: tuple[Problem, ...] = ()
    """What config.yml says and is done otherwise."""
    mends: bool = False
    """Whether it does better than Rasa where that is known (`repair.py`)."""
    words: Domain | None = None
    """The responses, where there are more than the project's own."""

    async def step(
        self,
        dialogue: Dialogue,
        heard: Heard,
        actions: Actions,
        repair: Repair | None = None,
        tracker: Tracker | None = None,
    ) -> Outcome:
        """One turn. Never raises for what a customer says; what fails is in the trace, with the flag `error`. `repair`:
        what the message is to the form that waits, where that is known; `tracker`: the session so far, likewise."""
        turn = self._turn(dialogue, heard, actions, tracker or self.tracker(dialogue, heard))
        await turn.take(repair)
        return turn.outcome(dialogue)

    async def go_on(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        """The form that waits asks again: something else had the word."""
        turn = self._turn(dialogue, heard, actions, self.tracker(dialogue, heard))
        turn.suspended.append(Suspended(str(turn.tracker.loop), {}))
        await resume(turn)
        await turn.act()
        return turn.outcome(dialogue)

    def _turn(self, dialogue: Dialogue, heard: Heard, actions: Actions, tracker: Tracker) -> Turn:
        suspended = [Suspended(**each) for each in dialogue.memory.get(SUSPENDED) or ()]
        turn = Turn(self, heard, actions, tracker, suspended)
        turn.reminders = dict(dialogue.memory.get(REMINDERS) or {})
        turn.known = {} if tracker.events else dialogue.slots
        return turn

    def tracker(self, dialogue: Dialogue, heard: Heard) -> Tracker:
        """The session so far, before `heard`; what a flow has set meanwhile is set here too."""
        tracker = Tracker(sender_of(heard.address), self.domain.initial, list(dialogue.memory.get(EVENTS) or ()))
        if tracker.events:
            changed = {
                name: dialogue.slots.get(name)
                for name, value in tracker.slots.items()
                if name not in (REQUESTED, STARTED_METADATA) and dialogue.slots.get(name) != value
            }
            tracker.update(*(events.slot(name, value, heard.at) for name, value in changed.items()))
        return tracker

    def is_over(self, tracker: Tracker, at: float) -> bool:
        """Whether the session has run out, or none has begun."""
        if not tracker.events:
            return True
        expiry = self.domain.base.expiry_s
        last = next((event for event in reversed(tracker.events) if event["event"] == "user"), None)
        return bool(last and expiry and at - float(last.get("timestamp") or 0.0) > expiry)

    def after(self, tracker: Tracker, heard: Heard) -> Tracker:
        """The session with what was said, before anything is made of it."""
        after = tracker.copy()
        if not after.events:
            after.update(events.plain("session_started", heard.at), events.action(LISTEN, heard.at))
        after.update(said_by(heard, self.domain))
        return after


class Turn:
    """One turn under way; also the `Acting` of its actions."""

    def __init__(
        self, engine: RasaEngine, heard: Heard, actions: Actions, tracker: Tracker, suspended: list[Suspended]
    ) -> None:
        self.engine, self.heard, self.actions, self.tracker = engine, heard, actions, tracker
        self.mends, self.suspended = engine.mends, suspended
        self.domain = engine.domain
        self.at = heard.at
        self.before = len(tracker.events)
        self.trace: list[Why] = []
        self.flags: set[str] = set()
        self.silent = False
        self.reminders: dict[str, Any] = {}
        self.known: Mapping[str, Json] = {}
        """Slots that were filled before the conversation had any event: by a flow, or of the person."""
        self._speaker = Speaker(engine.words or engine.domain.base, heard.address.channel, heard.turn)
        self._calls: dict[str, int] = {}
        self._loop_before = tracker.loop or ""

    # --- the turn

    async def take(self, repair: Repair | None = None) -> None:
        content = self.heard.content
        if isinstance(content, Happened) and content.name == API:
            await self._api(content.key, json.loads(content.data.get("json") or "{}"))
            return
        if isinstance(content, Happened) and content.name == TIMER:
            await self._remind(content.key)
            return
        await self._begin()
        if repair is not None and self.tracker.loop:
            if await carry_out(self, repair):
                await self.act()
        elif self._was_said():
            self.hear()
            await self.extract()
            await self.act()

    async def _begin(self) -> None:
        if self.engine.is_over(self.tracker, self.at):
            self.suspended.clear()
            if metadata := self.heard.extra.get("metadata"):
                self.tracker.update(events.slot(STARTED_METADATA, metadata, self.at))
            await self.do(Prediction(SESSION_START, 1.0))
            kept = ((name, value) for name, value in self.known.items() if name in self.tracker.slots)
            fresh = [events.slot(name, value, self.at) for name, value in kept if self.tracker.slots[name] != value]
            self.tracker.update(*fresh)

    async def _remind(self, key: str) -> None:
        reminder, self.reminders = taken(self.reminders, key)
        if reminder is None:
            self.trace.append(Why("reminder", "it was cancelled, or another took its place"))
            return
        await self._begin()
        intent, about = str(reminder["intent"]), entities_of(reminder)
        self.trace.append(Why("reminder", f"'{reminder['name']}' triggers {intent}"))
        self.tracker.update(events.external(intent, about, self.at, self.tracker.channel))
        await self.extract()
        await self.act()

    async def _api(self, verb: str, given: Mapping[str, Any]) -> None:
        """What Rasa's HTTP API does to a conversation: `events`, `message`, `intent`, `action`."""
        if not given.get("replace"):
            await self._begin()
        match verb:
            case "events":
                if given.get("replace"):
                    self.tracker = Tracker(self.tracker.sender, self.domain.initial)
                    self.before = 0
                told = [
                    check_event({**event, "timestamp": event.get("timestamp") or self.at}) for event in given["events"]
                ]
                self.tracker.update(*told)
                self.silent = not given.get("execute_side_effects")
            case "message" | "intent":
                self.tracker.update({**given["event"], "timestamp": self.at})
                await self.extract()
                if verb == "intent":
                    await self.act()
            case "action":
                name, policy = str(given["name"]), str(given.get("policy") or "")
                await self.do(Prediction(name, float(given.get("confidence") or 0.0), policy))

    def outcome(self, dialogue: Dialogue) -> Outcome:
        fresh = self.tracker.events[self.before :]
        replies = () if self.silent else tuple(replies_of(fresh))
        heeded = [event for event in fresh if event["event"] != "reminder" or not self.silent]
        waiting, timers = remembered(self.reminders, heeded, self.heard.turn)
        memory = {name: kept for name, kept in dialogue.memory.items() if name not in (REMINDERS, SUSPENDED)}
        if self.suspended:
            memory[SUSPENDED] = [plain(each) for each in self.suspended]
        if waiting:
            memory[REMINDERS] = waiting
        after = replace(
            dialogue,
            slots={name: value for name, value in self.tracker.slots.items() if value is not None},
            said=replies or dialogue.said,
            options=options_in(replies) if replies else dialogue.options,
            misses=dialogue.misses + 1 if "fallback" in self.flags else 0,
            last_at=max(self.at, dialogue.last_at),
            memory={**memory, EVENTS: session_of(self.tracker)},
        )
        return Outcome(after, replies, (), tuple(self.trace), frozenset(self.flags), tuple(fresh), timers)

    def _was_said(self) -> bool:
        return bool(self.heard.meaning.text or self.heard.meaning.intent)

    def hear(self) -> None:
        event = said_by(self.heard, self.domain)
        self.tracker.update(event)
        intent = event["parse_data"]["intent"]
        self.trace.append(Why("said", f"intent {intent['name']} {intent['confidence']:.2f}"))

    async def extract(self, but_text: frozenset[str] = frozenset()) -> None:
        """Slots by their mappings; those of `but_text` not by the mere words."""
        found = await extract_slots(self.tracker, self.domain, self._custom_for_slots, self.at, but_text, self.mends)
        self.tracker.update(*found)
        for name, value in events.slots_in(found).items():
            self.trace.append(Why(f"slot {name}", "its mapping applies", value))

    async def _custom_for_slots(self, action: str, tracker: Tracker) -> Sequence[Event]:
        try:
            return await self.run(action, tracker)
        except Rejected as rejected:
            self.trace.append(Why(action, rejected.why))
            return []

    async def act(self) -> None:
        if self.tracker.paused:
            self.trace.append(Why("paused", "an action has paused the conversation"))
            return
        for _ in range(MOST_ACTIONS):
            said = self._next()
            if said.action in ("", LISTEN) and self.mends and not self.tracker.loop and await resume(self):
                continue
            self.trace.append(
                Why(said.action or LISTEN, f"{said.policy or 'no policy'} {said.confidence:.2f}: {said.why}")
            )
            await self.do(said)
            if self.tracker.paused or said.action == SESSION_START or is_action(self.tracker.events[-1], LISTEN):
                return
        self.trace.append(Why("error", f"{MOST_ACTIONS} actions without listening: the turn ends"))
        self.flags.add("error")
        await self.do(Prediction(LISTEN, 1.0))

    def _next(self) -> Prediction:
        followup = self.tracker.followup
        self.tracker.followup = None
        if followup and self.domain.knows(followup):
            return Prediction(followup, 1.0, FOLLOWUP, "an event asks for it")
        return predict(self.engine.policies, self.tracker, self.domain)

    def note(self, *found: Event) -> None:
        self.tracker.update(*found)

    async def do(self, said: Prediction) -> None:
        """Run an action and note what came of it: the run itself first, unless it refuses."""
        loop, slots = self.tracker.loop, dict(self.tracker.slots)
        await self._do(said)
        if self.mends:
            self.suspended[:] = [each for each in self.suspended if each.form != self.tracker.loop]
            left = interrupted(loop, slots, self.tracker.loop, said, self.domain)
            self.suspended += [left] if left else []

    async def _do(self, said: Prediction) -> None:
        action = said.action or LISTEN
        heard = self.tracker.latest_action_name == LISTEN and self.tracker.latest_message.get("text") is not None
        policy: list[Event] = [events.interrupted(self.at)] if said.interrupts and self.tracker.loop else []
        trial = self.tracker.copy()
        trial.update(*policy)
        try:
            found = await self.run(action, trial)
        except Rejected as rejected:
            self.tracker.update(events.rejected(action, self.at, said.policy, said.confidence))
            self.trace.append(Why("rejected", rejected.why))
            return
        if not any(event["event"] == "action_execution_rejected" for event in found):
            if heard and action != SESSION_START:
                self.tracker.update(events.featurized(said.by_text, self.at))
            ran = events.action(action, self.at, said.policy, said.confidence)
            if action not in self.domain.listed and action in (self.domain.raw.get("e2e_actions") or ()):
                ran = events.action(None, self.at, said.policy, said.confidence, text=action)
            self.tracker.update(*policy, {**ran, "hide_rule_turn": said.rule_only})
        for event in found:
            self.tracker.update({**event, "timestamp": self.at} if event.get("timestamp") is None else event)
        if any(event["event"] == "user" for event in found):
            await self.extract()  # an action has put words into the customer's mouth
        self._flag(action, found)

    def _flag(self, action: str, found: Sequence[Event]) -> None:
        if action in ("action_default_fallback", "action_two_stage_fallback") or self.tracker.intent == "nlu_fallback":
            self.flags.add("fallback")
        if any(event["event"] == "active_loop" and event.get("name") is None for event in found):
            self.flags.add("completed" if action == self._loop_before else "cancelled")
        self._loop_before = self.tracker.loop or ""

    # --- Acting

    async def run(self, action: str, tracker: Tracker) -> list[Event]:
        """As `Acting.run`: custom actions come before Rasa's own of the same name."""
        form = self.domain.forms.get(action)
        if form is not None and action not in self.domain.listed:
            return await self._form(form, tracker)
        if self.domain.is_custom(action) or self.engine.registry.find(action) is not None:
            return await self._custom(action, tracker)
        if action in DEFAULTS:
            return await DEFAULTS[action](tracker, self)
        if form is not None:
            return await self._form(form, tracker)
        if action.startswith("utter_"):
            return self._utter(action, tracker)
        if action in (self.domain.raw.get("e2e_actions") or ()):
            return [events.bot({"text": action}, self.at)]
        self._failed(f"there is no action '{action}'")
        return []

    async def _form(self, form: Form, tracker: Tracker) -> list[Event]:
        if not self.mends or tracker.loop == form.name:
            return await run_form(form, tracker, self)
        old = [events.slot(name, tracker.initial.get(name), self.at) for name in outdated(tracker, form, self.domain)]
        begun = tracker.copy()
        begun.update(*old)
        return [*old, *await run_form(form, begun, self)]

    def say(self, response: str, tracker: Tracker, values: Mapping[str, Any] | None = None) -> list[Event]:
        given: Mapping[str, Json] = {**tracker.slots, **(values or {})}
        try:
            variation = self._speaker.variation(response, given)
        except NoResponse:
            return []
        return [events.bot(message_of(variation, given), self.at, response)]

    def _utter(self, action: str, tracker: Tracker) -> list[Event]:
        found = self.say(action, tracker)
        if not found:
            answer = best_answer(tracker.latest_message, action.removeprefix("utter_"))
            found = self.say(answer, tracker) if answer else []
        if not found:
            self._failed(f"there is no response '{action}' that fits")
        return found

    async def _custom(self, action: str, tracker: Tracker) -> list[Event]:
        key = self._key(action)
        try:
            result = await self.actions.perform(action, self._request(action, tracker), key, self.heard, tracker.slots)
        except ActionFailed as failed:
            self._failed(str(failed))
            return []
        return self._events_of(action, result, tracker)

    def _request(self, action: str, tracker: Tracker) -> Mapping[str, Json]:
        """What an action server is sent, but for version and domain; an action of `actions.py` sees the slots."""
        if not self.engine.remote:
            return dict(tracker.slots)
        return {"next_action": action, "sender_id": tracker.sender, "tracker": tracker.state("ALL")}

    def _key(self, action: str) -> str:
        """The same on a second try of this turn, and no other's: actions come in the same order again."""
        self._calls[action] = self._calls.get(action, 0) + 1
        return action if self._calls[action] == 1 else f"{action}~{self._calls[action]}"

    def _events_of(self, action: str, result: Result, tracker: Tracker) -> list[Event]:
        if not self.engine.remote:
            said = [events.bot(as_message(reply), self.at) for reply in result.replies]
            return [*said, *(events.slot(name, value, self.at) for name, value in result.slots.items())]
        given = result.value if isinstance(result.value, Mapping) else {}
        if given.get("rejected"):
            raise Rejected(action, str(given.get("error") or "the action server says so"))
        return [*self._said(given.get("responses") or (), tracker), *self._checked(action, given.get("events") or ())]

    def _said(self, responses: Iterable[Mapping[str, Any]], tracker: Tracker) -> list[Event]:
        found: list[Event] = []
        for each in responses:
            name = each.get("response") or each.get("template")
            drawn = {key: value for key, value in each.items() if value not in (None, [], {}, "")}
            if not name:
                found.append(events.bot(drawn, self.at))
                continue
            for event in self.say(str(name), tracker, drawn):
                # what is given besides comes before what the response has; buttons come on top of its own
                draft = {"text": event["text"], **event["data"], **event["metadata"]}
                buttons = [*(draft["buttons"] or ()), *(drawn.get("buttons") or ())]
                given = {key: value for key, value in drawn.items() if key not in ("response", "buttons")}
                found.append(events.bot({**draft, **given, "buttons": buttons or None}, self.at))
        return found

    def _checked(self, action: str, given: Iterable[Any]) -> list[Event]:
        found: list[Event] = []
        for each in given:
            try:
                found.append(check_event(each))
            except BadEvent as bad:
                self._failed(f"'{action}' sent an event that is left out: {bad}")
        return found

    def _failed(self, why: str) -> None:
        self.trace.append(Why("error", why))
        self.flags.add("error")


def sender_of(address: Address) -> str:
    """Rasa's `sender_id`: the bare id of who writes by Rasa's own channels, else the conversation."""
    return address.user if address.channel in ("rest", "socketio", "callback") else address.conversation


def load_rasa_engine(project: Path, session_minutes: float = 0) -> RasaEngine:
    """A project with stories, rules or forms. `session_minutes` overrides the domain's session expiry where it is not
    0. Raises `BadProject`."""
    problems: list[Problem] = []
    found: dict[str, Any] = {}
    for name, read in (
        ("domain", load_rasa_domain), ("registry", load_actions), ("wanted", read_policies), ("stories", read_stories),
    ):  # fmt: skip
        try:
            found[name] = read(project)
        except BadProject as bad:
            problems.extend(bad.problems)
    if problems:
        raise BadProject(problems)
    domain: RasaDomain = found["domain"]
    if session_minutes:
        domain = replace(domain, base=replace(domain.base, expiry_s=session_minutes * 60))
    wanted, warnings = found["wanted"]
    policies = load_policies(project, domain, found["stories"], wanted)
    registry: Registry = found["registry"]
    told = (*remarks(written(project)), *warnings)
    return RasaEngine(domain, policies, registry, remote=not registry.file, warnings=told)
