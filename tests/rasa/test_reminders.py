"""Reminders: an intent at its time, once, unless it was cancelled, and whatever happened to the process meanwhile."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from adapters.message import Address
from adapters.message import Event as Happened
from flows.rasa.engine import RasaEngine
from flows.state import TIMER, Heard
from nlu.meaning import Meaning
from tests.rasa.shop import DOMAIN, Desk, Talk, load
from tests.rasa.test_api import Client, project, served

__all__ = ["project"]

RULE = "version: '3.1'\nrules:\n- rule: remind\n  steps:\n  - intent: affirm\n  - action: action_remind\n"


def reminder(talk: Talk, minutes: float = 30, **more: Any) -> dict[str, Any]:
    due = datetime.fromtimestamp(talk.at, UTC) + timedelta(minutes=minutes)
    given = {"intent": "hours", "entities": {"order_id": "DD1"}, "name": "later", "kill_on_user_msg": False}
    return {"event": "reminder", "timestamp": None, **given, "date_time": due.isoformat(), **more}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RasaEngine:
    folder = tmp_path_factory.mktemp("reminding")
    domain = DOMAIN.replace("actions: [", "actions: [action_remind, ")
    return load(folder, domain_yml=domain, data__more_yml=RULE)


@pytest.fixture
def talk(engine: RasaEngine) -> Talk:
    return Talk(engine)


async def asks(talk: Talk, *events: dict[str, Any]) -> None:
    talk.desk = Desk({"action_remind": {"events": list(events), "responses": []}})
    await talk.says("affirm")


async def rings(talk: Talk, key: str) -> list[str]:
    """The timer `key` at its time, in `talk`."""
    talk.turns += 1
    talk.at += 1800
    happened = Happened(TIMER, key)
    heard = Heard(f"t{talk.turns}", Address("rest", "main", "u", "u"), happened, Meaning(""), talk.at)
    talk.outcome = await talk.engine.step(talk.dialogue, heard, talk.desk)
    talk.dialogue = type(talk.dialogue).from_dict(talk.outcome.dialogue.to_dict())
    return [getattr(reply, "text", "") for reply in talk.outcome.replies]


async def test_a_reminder_triggers_its_intent_with_its_entities_once(talk: Talk) -> None:
    await asks(talk, reminder(talk))
    (timer,) = talk.outcome.timers
    assert timer.due == pytest.approx(talk.at - 60 + 1800)
    assert await rings(talk, timer.key) == ["九点到六点"]
    (user,) = (event for event in talk.outcome.events if event["event"] == "user")
    assert user["text"] == "EXTERNAL: hours"
    assert user["metadata"] == {"is_external": True}
    assert talk.dialogue.slots["order_id"] == "DD1"
    assert await rings(talk, timer.key) == []


async def test_a_redo_of_the_turn_sets_the_same_timer(engine: RasaEngine) -> None:
    first, again = Talk(engine), Talk(engine)
    for talk in (first, again):
        await asks(talk, reminder(talk))
    assert first.outcome.timers == again.outcome.timers


@pytest.mark.parametrize(
    ("cancel", "left"),
    [
        ({"name": "later"}, 0),
        ({"name": "other"}, 1),
        ({"intent": "hours"}, 0),
        ({"intent": "greet"}, 1),
        ({"entities": [{"entity": "order_id", "value": "DD1"}]}, 0),
        ({"entities": {"order_id": "DD2"}}, 1),
        ({"name": "later", "intent": "greet"}, 1),
        ({}, 0),
    ],
)
async def test_what_is_cancelled_is_what_the_event_names(talk: Talk, cancel: dict[str, Any], left: int) -> None:
    await asks(talk, reminder(talk))
    (timer,) = talk.outcome.timers
    await asks(talk, {"event": "cancel_reminder", "timestamp": None, **cancel})
    assert len(await rings(talk, timer.key)) == left


async def test_one_of_the_same_name_takes_the_place_of_the_first(talk: Talk) -> None:
    await asks(talk, reminder(talk))
    (first,) = talk.outcome.timers
    await asks(talk, reminder(talk, 40))
    (second,) = talk.outcome.timers
    assert await rings(talk, first.key) == []
    assert await rings(talk, second.key) == ["九点到六点"]


async def test_one_dies_of_the_next_message_where_it_says_so(talk: Talk) -> None:
    await asks(talk, reminder(talk, kill_on_user_msg=True), reminder(talk, 20, name="stays"))
    killed, stays = talk.outcome.timers
    await talk.says("greet")
    assert await rings(talk, killed.key) == []
    assert await rings(talk, stays.key) == ["九点到六点"]


async def test_one_outlives_the_session_but_not_a_restart(talk: Talk) -> None:
    await asks(talk, reminder(talk, 300))
    (timer,) = talk.outcome.timers
    talk.at += 5 * 3600
    await talk.says("greet")
    assert "session_started" in talk.events
    assert await rings(talk, timer.key) == ["九点到六点"]
    await asks(talk, reminder(talk))
    (timer,) = talk.outcome.timers
    await talk.says("restart", "/restart")
    assert await rings(talk, timer.key) == []


async def test_a_time_without_a_zone_is_this_machines(talk: Talk) -> None:
    local = datetime.fromtimestamp(talk.at + 600)
    await asks(talk, reminder(talk, date_time=local.isoformat()))
    assert talk.outcome.timers[0].due == pytest.approx(talk.at - 60 + 600)


async def test_one_without_a_time_is_left_out_and_told(talk: Talk) -> None:
    await asks(talk, reminder(talk, date_time="soon"))
    assert talk.outcome.timers == ()
    assert any("date_time" in why.why for why in talk.outcome.trace)


# --- served


def soon(seconds: float, **more: Any) -> dict[str, Any]:
    due = datetime.now(UTC) + timedelta(seconds=seconds)
    return {"event": "reminder", "intent": "hours", "entities": [], "date_time": due.isoformat(), "name": "n", **more}


async def said_by(client: Client, sender: str) -> list[str]:
    _, state = await client.call("GET", f"/conversations/{sender}/tracker")
    return [event["text"] for event in state["events"] if event["event"] == "bot"]  # type: ignore[index]


async def test_a_reminder_comes_once_after_the_service_was_down_at_its_time(project: Path) -> None:
    server = await served(project, enable_api=True)
    async with aiohttp.ClientSession() as session:
        path = "/conversations/rem/tracker/events"
        client = Client(server, session)
        await client.call("POST", path, [soon(1.5, name="unheeded")])
        await client.call("POST", path, [soon(1.5, name="cancelled")], params={"execute_side_effects": "true"})
        cancel = {"event": "cancel_reminder", "name": "cancelled"}
        await client.call("POST", path, [cancel], params={"execute_side_effects": "true"})
        await client.call("POST", path, [soon(1.5)], params={"execute_side_effects": "true"})
        await server.close()
        await asyncio.sleep(1.6)
        client = Client(await served(project, enable_api=True), session)
        for _ in range(100):
            if await said_by(client, "rem"):
                break
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.5)
        assert await said_by(client, "rem") == ["九点到六点"]
        await client.server.close()
