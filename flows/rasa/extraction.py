"""`action_extract_slots`: slots from what was just said, by their mappings.

https://rasa.com/docs/rasa/domain#slot-mappings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from adapters.message import Json
from flows.rasa import events
from flows.rasa.domain import REQUESTED, STARTED_METADATA, FormMapping, FormSlot, RasaDomain
from flows.rasa.events import Event
from flows.rasa.tracker import Tracker
from flows.rasa.values import fit

VALIDATE = "action_validate_slot_mappings"
RunCustom = Callable[[str, Tracker], Awaitable[Sequence[Event]]]
"""Runs a custom action on a tracker; its events, none where it failed."""


async def extract_slots(
    tracker: Tracker,
    domain: RasaDomain,
    run: RunCustom,
    at: float,
    but_text: frozenset[str] = frozenset(),
    fitting: bool = False,
) -> list[Event]:
    """The `slot` and `bot` events that follow from the latest message. The slots in `but_text` are not filled by its
    mere words; `fitting`: values as the slot's type wants them, none where they do not fit."""
    found: list[Event] = []
    ran: set[str] = set()
    for slot in domain.slots.values():
        if slot.name in (REQUESTED, STARTED_METADATA):
            continue
        for mapping in slot.mappings:
            if not applies(mapping, slot, tracker, domain):
                continue
            if mapping.type == "from_text" and slot.name in but_text:
                continue
            values = _values(mapping, tracker)
            if fitting:
                values = [
                    value for value in (fit(slot, each, mapping, tracker) for each in values) if value is not None
                ]
            if values:
                value = values if slot.type == "list" else values[-1]
                if value is not None or tracker.slots.get(slot.name) is not None:
                    found.append(events.slot(slot.name, value, at))
                    break
            if mapping.type == "custom" and mapping.action and mapping.action not in ran:
                ran.add(mapping.action)
                found += _allowed(await run(mapping.action, tracker), tracker)
    return await _validated(found, tracker, domain, run)


def applies(mapping: FormMapping, slot: FormSlot, tracker: Tracker, domain: RasaDomain) -> bool:
    """Whether a mapping counts for the latest message, with the loop and question that are open."""
    form = domain.forms.get(tracker.loop or "")
    ignored = form.ignored if form else frozenset()
    intent = tracker.intent
    if not mapping.wants(intent) or (intent in ignored and not mapping.intents):
        return False
    if mapping.loops and mapping.type != "from_trigger_intent" and not _holds(mapping, slot.name, tracker):
        return False
    return not _elsewhere(mapping, slot.name, tracker, domain)


def _holds(mapping: FormMapping, slot: str, tracker: Tracker) -> bool:
    requested = tracker.slots.get(REQUESTED)
    if tracker.rejected and requested == slot:
        return False
    if not tracker.loop:
        return any(not loop for loop, _ in mapping.loops)
    return any(loop == tracker.loop and asked in ("", requested) for loop, asked in mapping.loops)


def _elsewhere(mapping: FormMapping, slot: str, tracker: Tracker, domain: RasaDomain) -> bool:
    """An entity that may fill several slots of the active form fills only the one that is asked for."""
    form = domain.forms.get(tracker.loop or "")
    if mapping.type != "from_entity" or form is None or tracker.slots.get(REQUESTED) == slot:
        return False
    return slot in form.required and not is_unique(mapping, form.required, domain)


def is_unique(mapping: FormMapping, required: Iterable[str], domain: RasaDomain) -> bool:
    same = [
        other
        for name in required
        for other in (domain.slots[name].mappings if name in domain.slots else ())
        if other == mapping
    ]
    return len(same) == 1


def _values(mapping: FormMapping, tracker: Tracker) -> list[Json]:
    match mapping.type:
        case "from_entity":
            return list(tracker.entity_values(mapping.entity, mapping.role or None, mapping.group or None))
        case "from_intent":
            return [mapping.value]
        case "from_trigger_intent":
            loops = {loop for loop, _ in mapping.loops}
            here = tracker.loop is not None and (not loops or tracker.loop in loops)
            return [mapping.value] if here else []
        case "from_text":
            return [tracker.latest_message.get("text")]
    return []


def _allowed(given: Iterable[Event], tracker: Tracker) -> list[Event]:
    """A custom mapping may set slots and say something, no more."""
    return [
        event
        for event in given
        if event["event"] == "bot"
        or (event["event"] == "slot" and tracker.slots.get(event["name"]) != event.get("value"))
    ]


async def _validated(found: list[Event], tracker: Tracker, domain: RasaDomain, run: RunCustom) -> list[Event]:
    if VALIDATE not in domain.listed:
        return found
    said = [event for event in found if event["event"] != "slot"]
    candidates: list[Any] = [event for event in found if event["event"] == "slot"]
    trial = tracker.copy()
    trial.update(*candidates)
    # as it is found, a value that validation has just set may be the one the tracker has
    given = [event for event in await run(VALIDATE, trial) if event["event"] in ("slot", "bot")]
    judged = events.slots_in(given)
    return [*said, *given, *(event for event in candidates if event["name"] not in judged)]
