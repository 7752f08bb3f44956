"""Rasa's default actions. https://rasa.com/docs/rasa/default-actions; each may be overridden by a custom action."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from typing import Any

from flows.rasa import events
from flows.rasa.acting import Acting
from flows.rasa.domain import REQUESTED
from flows.rasa.events import LISTEN, Event, is_action
from flows.rasa.tracker import Tracker

AFFIRM, REPHRASE, FALLBACK = "action_default_ask_affirmation", "action_default_ask_rephrase", "action_default_fallback"
UNSURE, OUT_OF_SCOPE = "nlu_fallback", "out_of_scope"
TWO_STAGE = "action_two_stage_fallback"

Default = Callable[[Tracker, Acting], Awaitable[list[Event]]]


async def _nothing(tracker: Tracker, acting: Acting) -> list[Event]:
    return []


async def _restart(tracker: Tracker, acting: Acting) -> list[Event]:
    return [*acting.say("utter_restart", tracker), events.plain("restart", acting.at)]


async def _session_start(tracker: Tracker, acting: Acting) -> list[Event]:
    carried = [
        events.slot(event["name"], event.get("value"), acting.at)
        for event in tracker.applied()
        if events.is_slot(event)
    ]
    if not acting.domain.base.carry_over:
        carried = []
    return [events.plain("session_started", acting.at), *carried, events.action(LISTEN, acting.at)]


async def _fallback(tracker: Tracker, acting: Acting) -> list[Event]:
    return [*acting.say("utter_default", tracker), events.plain("rewind", acting.at)]


async def _deactivate_loop(tracker: Tracker, acting: Acting) -> list[Event]:
    return [events.active_loop(None, acting.at), events.slot(REQUESTED, None, acting.at)]


async def _back(tracker: Tracker, acting: Acting) -> list[Event]:
    rewind = events.plain("rewind", acting.at)
    return [*acting.say("utter_back", tracker), rewind, rewind]


async def _ask_affirmation(tracker: Tracker, acting: Acting) -> list[Event]:
    ranking = tracker.latest_message.get("intent_ranking") or []
    names = [str(each.get("name")) for each in ranking]
    meant = next((name for name in [tracker.intent, *names] if name and name != UNSURE), "")
    said = {
        "text": f"Did you mean '{meant}'?",
        "buttons": [{"title": "Yes", "payload": f"/{meant}"}, {"title": "No", "payload": f"/{OUT_OF_SCOPE}"}],
    }
    return [events.bot(said, acting.at, AFFIRM)]


async def _ask_rephrase(tracker: Tracker, acting: Acting) -> list[Event]:
    return acting.say("utter_ask_rephrase", tracker)


async def _revert_fallback_events(tracker: Tracker, acting: Acting) -> list[Event]:
    """What was not understood is forgotten, as though the clear words had been said at once."""
    asked = _asked_by(tracker)
    if not asked:
        return []
    rewind = events.plain("rewind", acting.at)
    rounds = 2 if asked[-1] == AFFIRM else 1
    count = rounds + (2 if len(asked) > 1 and asked[-2] == REPHRASE else 0) if asked[-1] == AFFIRM else len(asked) + 1
    return [rewind] * count + _said_again(tracker, acting.at)


def _asked_by(tracker: Tracker) -> list[str]:
    """The questions back to the customer since something was last understood."""
    found: list[str] = []
    for event in tracker.applied():
        if is_action(event, AFFIRM) or is_action(event, REPHRASE):
            found.append(str(event["name"]))
        elif is_action(event) and event.get("name") not in (LISTEN, TWO_STAGE):
            found = []
    return found


def _said_again(tracker: Tracker, at: float) -> list[Event]:
    last = next((event for event in reversed(tracker.events) if event["event"] == "user"), None)
    if last is None:
        return []
    again: dict[str, Any] = deepcopy(dict(last))
    again["timestamp"] = at
    again.setdefault("parse_data", {}).setdefault("intent", {})["confidence"] = 1.0
    return [events.action(LISTEN, at), again]


async def _two_stage_fallback(tracker: Tracker, acting: Acting) -> list[Event]:
    """Ask what was meant; if that fails too, to say it otherwise; ask again; then give up."""
    fresh = tracker.loop != TWO_STAGE
    found: list[Event] = [events.active_loop(TWO_STAGE, acting.at)] if fresh else []
    failed = _last_intents(tracker, 2) == [UNSURE] * 2 or _last_intents(tracker, 3) == [
        OUT_OF_SCOPE,
        UNSURE,
        OUT_OF_SCOPE,
    ]
    if failed:
        return [*found, events.active_loop(None, acting.at), *await acting.run(FALLBACK, tracker)]
    if not fresh and tracker.intent not in (UNSURE, OUT_OF_SCOPE):
        # as though the clear words had been said at once: all rounds of the loop count as one
        rewind = events.plain("rewind", acting.at)
        return [events.active_loop(None, acting.at), rewind, *_said_again(tracker, acting.at)]
    way = AFFIRM if fresh or tracker.intent == UNSURE else REPHRASE
    return [*found, *await acting.run(way, tracker)]


def _last_intents(tracker: Tracker, count: int) -> list[str]:
    """Of the last `count` things that were said or taken back; what was taken back has none."""
    told = [event for event in tracker.after_restart() if event["event"] in ("user", "rewind")]
    return [
        str(((event.get("parse_data") or {}).get("intent") or {}).get("name") or "")
        for event in told[-count:]
        if event["event"] == "user"
    ]


DEFAULTS: Mapping[str, Default] = {
    "action_listen": _nothing,
    "action_restart": _restart,
    "action_session_start": _session_start,
    FALLBACK: _fallback,
    "action_deactivate_loop": _deactivate_loop,
    "action_revert_fallback_events": _revert_fallback_events,
    AFFIRM: _ask_affirmation,
    REPHRASE: _ask_rephrase,
    TWO_STAGE: _two_stage_fallback,
    "action_unlikely_intent": _nothing,
    "action_back": _back,
    "...": _nothing,
}
