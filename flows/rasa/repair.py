"""What is done better than in Rasa while a form is under way; `rasa_exact: true` in config.yml turns all of it off.

`waiting.py` tells what a message is to a form that waits (`Repair`); here it is carried out, as events. And what needs
no message: a form that is started again forgets its old answers, and one that another form has interrupted goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from adapters.message import Json
from flows.rasa import events
from flows.rasa.acting import Acting
from flows.rasa.domain import REQUESTED, Form, RasaDomain
from flows.rasa.events import LISTEN, SESSION_START, Event
from flows.rasa.policies.policy import Prediction
from flows.rasa.tracker import Tracker
from flows.responses import shown
from flows.slots import Invalid, coerce
from flows.state import Why

REPAIR = "repair"
"""Stands as the policy of what no policy has predicted."""
DEACTIVATE = "action_deactivate_loop"

Kind = Literal["answer", "aside", "again", "correct", "say", "unfit", "skip", "cancel", "leave", "hand over", "restart"]


@dataclass(frozen=True, slots=True)
class Repair:
    """What a message is to the form that waits.

    `answer`: an answer; `values` are what it gives besides what the mappings find. `aside`: something else that
    policies know how to answer. `again`: it asks for this very form. `correct`: other `values` for answered slots, None
    where an answer is only taken back. `say`: the response is all there is to say. `unfit`: nothing that can be used.
    `skip`: the question is to be passed over. `cancel`: the form is given up. `leave`: it ends, and policies answer;
    `hand over`: it ends, and a human takes over. `restart`: everything is forgotten.
    """

    kind: Kind
    why: str
    values: Mapping[str, Json] = field(default_factory=dict)
    response: str = ""


@dataclass(frozen=True, slots=True)
class Suspended:
    """A form that another one has interrupted, with its slots as they were."""

    form: str
    slots: Mapping[str, Json]


class Mending(Acting, Protocol):
    """The turn that a repair is carried out in."""

    tracker: Tracker
    trace: list[Why]
    flags: set[str]
    suspended: list[Suspended]

    def hear(self) -> None: ...
    async def extract(self, but_text: frozenset[str] = frozenset()) -> None: ...
    def note(self, *found: Event) -> None: ...
    async def do(self, said: Prediction) -> None: ...


async def carry_out(turn: Mending, repair: Repair) -> bool:
    """Hears the message as what it is. True where policies then go on as ever."""
    turn.trace.append(Why(repair.kind, repair.why))
    form = turn.domain.forms[str(turn.tracker.loop)]
    if repair.kind in ("leave", "hand over"):
        turn.note(*left(turn.tracker, form, turn.domain, turn.at))
    turn.hear()
    match repair.kind:
        case "answer":
            await _answer(turn, form, repair.values)
        case "aside":
            await turn.extract(frozenset(form.required))
        case "leave":
            await turn.extract()
        case "correct":
            await _correct(turn, form, repair.values)
        case "again" | "unfit" | "skip":
            await _ask_again(turn, form, repair)
        case _:
            return await _end(turn, form, repair)
    return True


async def _answer(turn: Mending, form: Form, values: Mapping[str, Json]) -> None:
    before = len(turn.tracker.events)
    await turn.extract()
    found = events.slots_in(turn.tracker.events[before:])
    said = str(turn.tracker.latest_message.get("text") or "").strip()
    # whether the mere words are an answer is for the author's mappings to say
    more = {k: v for k, v in values.items() if k not in found and k in form.required and v != said}
    turn.note(*_slots(turn, _coerced(turn, more)))


async def _correct(turn: Mending, form: Form, values: Mapping[str, Json]) -> None:
    fitting = _coerced(turn, {name: value for name, value in values.items() if value is not None})
    refused = [name for name, value in values.items() if value is not None and name not in fitting]
    withdrawn = [name for name, value in values.items() if value is None or name in refused]
    turn.note(*_slots(turn, {**fitting, **dict.fromkeys(withdrawn)}))
    if not fitting:
        said = "utter_invalid_value" if refused else "utter_correction_withdrawn"
        turn.note(*turn.say(said, turn.tracker, {"label": _label(turn, refused)}))
    at = len(turn.tracker.events)
    await turn.do(Prediction(form.name, 1.0, REPAIR, "goes on with what was corrected", interrupts=not fitting))
    kept = [shown(value) for name, value in fitting.items() if turn.tracker.slots.get(name) is not None]
    told = turn.say("utter_corrected", turn.tracker, {"corrected": "、".join(kept)}) if kept else []
    # said before what the form says; but whether the form takes it, only the form knows
    turn.tracker.events[at:at] = told


async def _ask_again(turn: Mending, form: Form, repair: Repair) -> None:
    if repair.kind == "unfit":
        turn.flags.add("fallback")
    if repair.response:
        turn.note(*turn.say(repair.response, turn.tracker, repair.values))
    await turn.do(Prediction(form.name, 1.0, REPAIR, repair.why, interrupts=True))


async def _end(turn: Mending, form: Form, repair: Repair) -> bool:
    match repair.kind:
        case "cancel":
            turn.note(events.action(DEACTIVATE, turn.at, REPAIR, 1.0))
            turn.note(*left(turn.tracker, form, turn.domain, turn.at))
            turn.note(*turn.say("utter_flow_cancelled", turn.tracker, {"flow_name": ""}))
            turn.flags.add("cancelled")
            if await resume(turn):
                return True
        case "restart":
            await turn.do(Prediction("action_restart", 1.0, REPAIR, repair.why))
        case "say":
            turn.note(*turn.say(repair.response, turn.tracker))
    await turn.do(Prediction(LISTEN, 1.0, REPAIR, "waits for what comes"))
    return False


def _coerced(turn: Mending, values: Mapping[str, Json]) -> dict[str, Json]:
    """Those that fit their slots, as these want them."""
    found: dict[str, Json] = {}
    for name, value in values.items():
        slot = turn.domain.base.slots.get(name)
        try:
            found[name] = coerce(slot, value) if slot is not None else value
        except Invalid as invalid:
            turn.trace.append(Why(f"set {name}", f"not set: {invalid}"))
    return found


def _slots(turn: Mending, values: Mapping[str, Json]) -> list[Event]:
    return [events.slot(name, value, turn.at) for name, value in values.items()]


def _label(turn: Mending, names: Sequence[str]) -> str:
    slot = turn.domain.base.slots.get(names[0]) if names else None
    return (slot.label if slot else "") or "答案"


# --- a form's end ------------------------------------------------------------------------------------------


def left(tracker: Tracker, form: Form, domain: RasaDomain, at: float) -> list[Event]:
    """The form is not under way any more, and its slots are what they were before it."""
    before = _before(tracker, form)
    values = {name: before.get(name) for name in form.required if tracker.slots.get(name) != before.get(name)}
    ended = [events.active_loop(None, at), events.slot(REQUESTED, None, at)]
    return [*ended, *(events.slot(name, value, at) for name, value in values.items())]


def _before(tracker: Tracker, form: Form) -> Mapping[str, Json]:
    """The slots before the message that began the form."""
    begun = next(
        (i for i in range(len(tracker.events) - 1, -1, -1) if _begins(tracker.events[i], form)), len(tracker.events)
    )
    heard = next((i for i in range(begun - 1, -1, -1) if tracker.events[i]["event"] == "user"), 0)
    return Tracker(tracker.sender, tracker.initial, tracker.events[:heard]).slots


def _begins(event: Event, form: Form) -> bool:
    return event["event"] == "active_loop" and event.get("name") == form.name


# --- a form's second start ---------------------------------------------------------------------------------


def outdated(tracker: Tracker, form: Form, domain: RasaDomain) -> list[str]:
    """The form's slots whose values belong to an earlier run that came to its end, or to an earlier session: 「还要退
    一单」 is not about the same order. What was just said is not among them, nor what was told outside of the form."""
    belongs: dict[str, bool] = {}
    fresh: set[str] = set()
    loop, acted, carried = "", "", False
    for event in tracker.events:
        match event["event"]:
            case "session_started":
                carried = SESSION_START not in domain.listed
            case "user":
                fresh = set()
            case "slot":
                name = str(event["name"])
                fresh.add(name)
                belongs[name] = carried
            case "action":
                # the first thing a new session does is to listen: what it took over stands before
                acted, carried = str(event.get("name") or ""), False
            case "active_loop":
                name = str(event.get("name") or "")
                if loop == acted == form.name and not name:
                    belongs |= dict.fromkeys(form.required, True)
                loop = name
    return [
        name
        for name in form.required
        if belongs.get(name) and name not in fresh and tracker.slots.get(name) != tracker.initial.get(name)
    ]


# --- forms that interrupt forms ----------------------------------------------------------------------------


def interrupted(
    loop: str | None, slots: Mapping[str, Json], after: str | None, said: Prediction, domain: RasaDomain
) -> Suspended | None:
    """The form (`loop`, with the `slots` as they were) that an action has put another one in the place of. Not where a
    story or rule about this very form says so: then its author knows how it goes on."""
    form = domain.forms.get(loop or "")
    if form is None or after == form.name or said.action not in domain.forms or said.action == form.name:
        return None
    if said.policy != "RulePolicy" or '"active_loop"' in said.why:
        return None
    return Suspended(form.name, {name: slots.get(name) for name in form.required})


async def resume(turn: Mending) -> bool:
    """The form that was interrupted last goes on, if there is one: it says so and asks again."""
    if not turn.suspended:
        return False
    kept = turn.suspended.pop()
    changed = {name: value for name, value in kept.slots.items() if turn.tracker.slots.get(name) != value}
    turn.note(*_slots(turn, changed), events.active_loop(kept.form, turn.at))
    turn.note(*turn.say("utter_flow_continued", turn.tracker, {"flow_name": ""}))
    await turn.do(Prediction(kept.form, 1.0, REPAIR, "was interrupted, goes on", interrupts=True))
    return True
