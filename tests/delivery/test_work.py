"""What goes on beside a single turn: a new model, timers, slow turns, too much at once."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from datetime import datetime

import pytest

from adapters.channel import Route
from adapters.message import Address, Custom, Json, Message, Text
from bot.inbox import Busy
from bot.store import Store
from bot.turn import Turn
from flows.state import Actions, Dialogue, Heard, Outcome
from nlu.meaning import Meaning
from tests.conftest import OpenStore
from tests.delivery.desk import Counter, account, desk, understand

HERE = Address("web", "main", "s", "s")
LIVE = Route("live")


@dataclass
class Named(Counter):
    """Says its name before everything, and counts how often it thought."""

    name: str
    steps: int = 0

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        self.steps += 1
        outcome = await super().step(dialogue, heard, actions)
        (said,) = outcome.replies
        assert isinstance(said, Text)
        return replace(outcome, replies=(Text(f"{self.name} {heard.meaning.intent} {said.text}"),))


def slow_old(text: str, at: datetime) -> Meaning:
    time.sleep(0.2)
    return Meaning(text, "old", 1.0)


def new(text: str, at: datetime) -> Meaning:
    return Meaning(text, "new", 1.0)


async def test_a_turn_ends_with_the_model_it_began_with_and_the_next_has_the_new_one(store: Store) -> None:
    async with desk(store, account(False)) as served:
        service = served.service
        before = replace(service.bot, parse=slow_old, engine=Named("old"), slow=True)
        service.swap(before)
        first = await service.inbox.accept(Message("1", HERE, Text("甲"), 1.0), LIVE)
        await asyncio.sleep(0.1)
        service.swap(replace(before, parse=new, engine=Named("new"), slow=False))
        second = await service.inbox.accept(Message("2", HERE, Text("乙"), 2.0), LIVE)
        said = [await service.inbox.ready(turn.id, 5) for turn in (first, second)]
        assert [turn and turn.replies for turn in said] == [(Text("old old 1:甲"),), (Text("new new 2:乙"),)]


async def test_a_timer_is_thought_about_when_it_is_due_and_not_before(store: Store) -> None:
    async with desk(store, account(False), sweep_s=0.05) as served:
        due = await store.now() + 0.6
        timer = Turn(f"{HERE.conversation}/timer", HERE.conversation, "timer", HERE, 1.0, due=due, route=LIVE)
        await store.accept(timer)
        message = await served.service.inbox.accept(Message("1", HERE, Text("甲"), 2.0), LIVE)
        answered = await served.service.inbox.ready(message.id, 5)
        assert answered is not None
        assert answered.replies == (Text("1:甲"),)
        told = await served.service.inbox.ready(timer.id, 5)
        assert told is not None
        assert told.replies == (Text("2:"),)
        assert due <= told.ready_at < due + 2


async def test_a_slow_turn_keeps_its_conversation_from_other_processes(open_store: OpenStore) -> None:
    """The lease of 0.6 s is renewed for as long as the thinking takes."""
    async with open_store() as one, open_store() as two, desk(one, account(False)) as slow, desk(two, account(False)):
        engine = Named("slow")
        slow.service.swap(replace(slow.service.bot, parse=understand, engine=engine))
        await asyncio.sleep(0.5)  # both have looked once for what others left: what comes now is for who accepts it
        turn = await slow.service.inbox.accept(Message("1", HERE, Text("等2"), 1.0), LIVE)
        answered = await slow.service.inbox.ready(turn.id, 6)
        assert answered is not None
        assert (answered.replies, engine.steps) == ((Text("slow say 1:等2"),), 1)
        session = await one.session(HERE.conversation)
        assert session is not None
        assert session.rev == 1


async def test_data_nested_without_end_is_cut_and_the_message_answered(store: Store) -> None:
    deep: Json = "bottom"
    for _ in range(5000):
        deep = {"in": [deep]}
    async with desk(store, account(False)) as served:
        inbox = served.service.inbox
        said = await inbox.accept(Message("1", HERE, Text("甲"), 1.0, raw=deep), LIVE)
        sent = await inbox.accept(Message("2", HERE, Custom(deep), 2.0), LIVE)
        answered = [await inbox.ready(turn.id, 5) for turn in (said, sent)]
        assert [turn and turn.replies for turn in answered] == [(Text("1:甲"),), (Text("2:"),)]


async def test_beyond_what_a_process_holds_the_vendor_is_asked_to_come_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(store, account(False)) as served:
        monkeypatch.setattr(served.service.inbox, "_limit", 1)
        slow = await served.service.inbox.accept(Message("1", HERE, Text("等1"), 1.0), LIVE)
        phone = served.phone()
        webhook = phone.webhook("text", Content="乙")
        refused = await phone.post(webhook)
        assert (refused.status, refused.body) == (503, b"busy")
        with pytest.raises(Busy):
            await served.service.inbox.accept(Message("2", HERE, Text("甲"), 2.0), LIVE)
        assert await served.service.inbox.ready(slow.id, 5)
        await served.service.work.drained(5)
        assert (await phone.deliver(webhook)).text == "1:乙"
        assert len([turn async for turn in store.export()]) == 2
