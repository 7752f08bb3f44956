"""What a bot of flows keeps while nobody talks: reminders and what it knows of a person, over restarts and time."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from adapters.channel import Route
from adapters.degrade import fit
from adapters.message import Address, Message, Text
from bot.alarms import Alarms
from bot.before import Before, OptWords
from bot.clock import StoreClock
from bot.inbox import Inbox
from bot.log import get_logger
from bot.metrics import Metrics
from bot.outbox import Outbox
from bot.service import Mute
from bot.sqlite import SqliteStore
from bot.store import Store
from bot.turn import Turn
from bot.ways import Ways
from bot.windows import Windows
from bot.work import Bot, Work
from flows.engine import Engine
from tests.flows.making import engine
from tests.flows.talk import parse

FLOWS = """
flows:
  refund:
    name: 退款
    nlu_trigger: [{intent: refund}]
    steps:
      - collect: order_id
      - remind: utter_hurry
        after: 30m
      - collect: reason
      - action: utter_done
  address:
    name: 改地址
    nlu_trigger: [{intent: address}]
    steps:
      - collect: phone
      - collect: order_id
      - action: utter_moved
"""
DOMAIN = """
session_config: {carry_over_slots_to_new_session: false, user_silence_time: 15}
slots:
  order_id: {type: text, mappings: [{type: from_entity, entity: order_id}]}
  reason: {type: text, mappings: [{type: from_text}]}
  phone: {type: text, scope: user, mappings: [{type: from_entity, entity: phone}]}
responses:
  utter_ask_order_id: [{text: 订单号？}]
  utter_ask_reason: [{text: 原因？}]
  utter_ask_phone: [{text: 手机号？}]
  utter_hurry: [{text: 退款还差一步哦}]
  utter_done: [{text: 办好了}]
  utter_moved: [{text: "{phone}的{order_id}改好了"}]
"""


@dataclass
class Clock:
    """The store's and ours; it starts now, as the store compares it with nothing else."""

    now: float = 1_763_438_400.0

    def __call__(self) -> float:
        return self.now


async def no_alert(what: str, text: str, of: str = "") -> None:
    pass


@dataclass
class Running:
    """One process over the store."""

    store: Store
    inbox: Inbox
    work: Work
    clock: Clock
    said: int = 0
    heard: list[str] = field(default_factory=list)

    async def says(self, text: str, address: Address, sender: str = "") -> list[str]:
        self.said += 1
        self.clock.now += 5
        message = Message(f"{self.clock.now}-{self.said}", address, Text(text), self.clock.now, sender=sender)
        turn = await self.inbox.accept(message, Route("live"))
        return words(await self.inbox.ready(turn.id, 10))

    async def passes(self, seconds: float, address: Address) -> list[str]:
        """Time passes; what the bot says meanwhile."""
        before = {turn.id for turn in await self.store.turns(address.conversation)}
        self.clock.now += seconds
        for _ in range(2):  # a timer that rang for nothing may have set another, that is due as well
            await self.work.sweep()
            await self.work.drained(10)
        new = [turn for turn in await self.store.turns(address.conversation) if turn.id not in before]
        return [line for turn in new for line in words(turn)]


def words(turn: Turn | None) -> list[str]:
    assert turn is not None
    return [getattr(reply, "text", "") for reply in turn.replies]


@asynccontextmanager
async def running(folder: Path, thinks: Engine, clock: Clock) -> AsyncIterator[Running]:
    store = SqliteStore(folder / "kept.db", clock)
    await store.open()
    metrics, log = Metrics(), get_logger("kept")
    ours = StoreClock(clock)
    await ours.set_by(store)
    windows, ways = Windows(store, "w"), Ways({}, fit, "w", ours)
    alarms = Alarms(store, no_alert, metrics, log)
    outbox = Outbox(store, ways, Mute(), ours, random.Random(0).random, no_alert, alarms, metrics, log)
    bot = Bot(
        lambda text, at: parse(text),
        thinks,
        thinks.registry,
        ZoneInfo("Asia/Shanghai"),
        profile=thinks.domain.of_user,
    )
    before = Before(store, ways, OptWords((), ()))
    work = Work(store, bot, windows, ways, outbox, ours, "w", no_alert, metrics, log, before)
    try:
        yield Running(store, Inbox(store, windows, work.nudge, work.under_way), work, clock)
    finally:
        await work.drained(10)
        await outbox.drained(10)
        await store.close()


@pytest.fixture(scope="module")
def thinks() -> Engine:
    return engine(FLOWS, domain=DOMAIN)


WANG = Address("web", "main", "wang", "wang")
GROUP = Address("web", "main", "team", "")


async def test_a_reminder_outlives_the_process_and_is_said_once(tmp_path: Path, thinks: Engine) -> None:
    clock = Clock()
    async with running(tmp_path, thinks, clock) as first:
        assert await first.says("我要退款", WANG) == ["订单号？"]
        assert await first.says("DD1", WANG) == ["原因？"]
        assert await first.passes(600, WANG) == []
    async with running(tmp_path, thinks, clock) as second:
        assert (await second.passes(600, WANG))[:1] == ["您还在吗？退款还没有办完，方便的时候接着回复就行。"]
        assert await second.passes(660, WANG) == ["退款还差一步哦", "原因？"]
        assert await second.passes(3600, WANG) == []
        session = await second.store.session(WANG.conversation)
        assert session is not None
        assert "timers" not in session.dialogue.memory


async def test_a_reminder_is_not_said_to_who_has_gone_on(tmp_path: Path, thinks: Engine) -> None:
    async with running(tmp_path, thinks, Clock()) as bot:
        for line in ("我要退款", "DD1", "坏了"):
            answer = await bot.says(line, WANG)
        assert answer == ["办好了"]
        assert await bot.passes(7200, WANG) == []


async def test_what_is_known_of_a_person_outlives_sessions_and_conversations(tmp_path: Path, thinks: Engine) -> None:
    clock = Clock()
    async with running(tmp_path, thinks, clock) as first:
        assert await first.says("改地址", WANG, "wang") == ["手机号？"]
        assert await first.says("13800138000", WANG, "wang") == ["订单号？"]
        assert await first.says("DD1", WANG, "wang") == ["13800138000的DD1改好了"]
        await first.says("/restart", WANG, "wang")
        clock.now += 7200
        assert await first.says("改地址", WANG, "wang") == ["订单号？"]
    async with running(tmp_path, thinks, clock) as second:
        assert await second.says("改地址", GROUP, "wang") == ["订单号？"]
        await second.says("算了", GROUP, "wang")
        assert await second.says("改地址", GROUP, "li") == ["手机号？"]


async def test_a_correction_is_what_is_remembered(tmp_path: Path, thinks: Engine) -> None:
    async with running(tmp_path, thinks, Clock()) as bot:
        for line in ("改地址", "13800138000", "不对，是13900139000"):
            await bot.says(line, WANG, "wang")
        await bot.says("算了", WANG, "wang")
        other = Address("web", "main", "other", "wang")
        await bot.says("改地址", other, "wang")
        assert await bot.says("DD2", other, "wang") == ["13900139000的DD2改好了"]
