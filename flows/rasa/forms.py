"""Forms: ask for each required slot until all are filled.

https://rasa.com/docs/rasa/forms. A form is a loop: once active it goes on by itself after every message, and refuses
(`Rejected`) a message that fills nothing, so that rules and stories may answer it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from adapters.message import Json
from flows.rasa import events
from flows.rasa.acting import Acting, Rejected
from flows.rasa.domain import REQUESTED, Form, RasaDomain
from flows.rasa.events import LISTEN, Event
from flows.rasa.extraction import is_unique
from flows.rasa.tracker import Tracker


async def run_form(form: Form, tracker: Tracker, acting: Acting) -> list[Event]:
    """Activates the form where it is not, takes what was said, asks for what is missing, or ends. Raises `Rejected`."""
    found: list[Event] = []
    if tracker.loop != form.name:
        found.append(events.active_loop(form.name, acting.at))
        given = {name: tracker.slots[name] for name in form.required if tracker.slots.get(name) is not None}
        if given:
            found += await _validated(form, given, tracker, acting)
    if not _is_done(found):
        taken = await _taken(form, tracker, acting)
        found += taken
        if not _refused(taken):
            found += await _next_question(form, tracker, acting, found)
    if _is_done(found):
        found.append(events.active_loop(None, acting.at))
    return found


def _is_done(found: Sequence[Event]) -> bool:
    """Nothing more is requested, or a validation has ended the loop."""
    if _refused(found):
        return False
    for kind in ("slot", "active_loop"):
        for event in reversed(found):
            if event["event"] == kind and (kind == "active_loop" or event["name"] == REQUESTED):
                if event.get("value" if kind == "slot" else "name") is None:
                    return True
                break
    return False


def _refused(found: Sequence[Event]) -> bool:
    return any(event["event"] == "action_execution_rejected" for event in found)


async def _taken(form: Form, tracker: Tracker, acting: Acting) -> list[Event]:
    """The slots that the latest message fills, as validation leaves them."""
    needs = not tracker.active_loop or (tracker.latest_action_name == LISTEN and not tracker.interrupted)
    if not needs:
        # back from something else: nothing is to be taken, yet validation says which slots are asked for
        return await _validated(form, {}, tracker, acting)
    found = await _validated(form, _filled(form, tracker, acting.domain), tracker, acting)
    asked = _asked(form, tracker)
    filled = any(events.is_slot(event) and event["name"] != REQUESTED for event in found)
    if asked and not filled and not _refused(found):
        raise Rejected(form.name, f"the message gives no value for '{asked}'")
    return found


def _filled(form: Form, tracker: Tracker, domain: RasaDomain) -> dict[str, Json]:
    if not tracker.active_loop:
        return {}  # what was known before has been validated with the activation
    asked = _asked(form, tracker)
    wanted = {*form.required, asked} - {""}
    found: dict[str, Json] = {}
    for event in _since_said(tracker):
        name = event["name"]
        if name not in wanted:
            continue
        mappings = domain.slots[name].mappings if name in domain.slots else ()
        unsure = [
            m.type == "from_entity" and name != asked and not is_unique(m, form.required, domain) for m in mappings
        ]
        if not mappings or not all(unsure):
            found[name] = event.get("value")
    return found


def _since_said(tracker: Tracker) -> list[Event]:
    found: list[Event] = []
    for event in reversed(tracker.events):
        if event["event"] == "user":
            break
        if events.is_slot(event):
            found.append(event)
    return found[::-1]


def _asked(form: Form, tracker: Tracker) -> str:
    """The slot that this form has asked for."""
    return str(tracker.slots.get(REQUESTED) or "") if tracker.loop == form.name else ""


async def _validated(form: Form, given: Mapping[str, Json], tracker: Tracker, acting: Acting) -> list[Event]:
    candidates: list[Event] = [events.slot(name, value, acting.at) for name, value in given.items()]
    validate = f"validate_{form.name}"
    if validate not in acting.domain.listed:
        return candidates
    found = await acting.run(validate, _trial(form, tracker, candidates, acting.at))
    judged = events.slots_in(found)
    return [*found, *(event for event in candidates if event["name"] not in judged)]


def _trial(form: Form, tracker: Tracker, more: Sequence[Event], at: float) -> Tracker:
    """The tracker as a validation sees it: what is to be judged stands behind the form's run."""
    asked = _asked(form, tracker) or None
    trial = tracker.copy()
    trial.update(events.slot(REQUESTED, asked, at), events.action(form.name, at), *more)
    return trial


async def _next_question(form: Form, tracker: Tracker, acting: Acting, so_far: Sequence[Event]) -> list[Event]:
    if _is_done(so_far):
        return [events.slot(REQUESTED, None, acting.at)]
    trial = _trial(form, tracker, so_far, acting.at)
    told: list[Event] = []
    asked = next((str(event.get("value") or "") for event in so_far if events.is_slot(event, REQUESTED)), "")
    if not asked:
        asked = next((name for name in form.required if trial.slots.get(name) is None), "")
        told.append(events.slot(REQUESTED, asked or None, acting.at))
    if not asked:
        return [events.slot(REQUESTED, None, acting.at)]
    trial.update(*told)
    return [*told, *await _ask(form, asked, trial, acting)]


async def _ask(form: Form, slot: str, tracker: Tracker, acting: Acting) -> list[Event]:
    ways = (
        f"action_ask_{form.name}_{slot}",
        f"utter_ask_{form.name}_{slot}",
        f"action_ask_{slot}",
        f"utter_ask_{slot}",
    )
    way = next((way for way in ways if acting.domain.knows(way)), "")
    # a validation may have asked by itself
    return await acting.run(way, tracker) if way else []
