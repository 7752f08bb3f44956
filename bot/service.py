"""The whole way of a turn, put together from values: the store, what thinks, the ways out. Knows no vendor, no HTTP."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from adapters.channel import Channel, Exchange, Judgement, Outgoing, T, Transport
from adapters.message import Address, Message
from bot.actions import let_go
from bot.alarms import Alarms, Alert
from bot.alerts import Alerts
from bot.before import Before, OptWords
from bot.broadcast.reach import Reach
from bot.broadcast.runner import Runner
from bot.clock import StoreClock
from bot.inbox import Inbox
from bot.line import Lines
from bot.links import Connect, Links, LinkTimes
from bot.log import Log, get_logger
from bot.media.media import Media
from bot.metrics import Metrics
from bot.outbox import Outbox
from bot.parts import Fit
from bot.passive import Passive
from bot.progress import Progress
from bot.pulling import LOOK_S, SINCE_S, Puller
from bot.ready import as_it_is
from bot.recall import Recalled, recall
from bot.store import Store, StoreDown
from bot.ways import Key, Outlet, Times, Ways
from bot.windows import Windows
from bot.work import Bot, Work

SWEEP_S = 1.0
CLOCK_S = 60.0
"""How often our clock is set by the store's."""
RETENTION_EVERY_S = 3600.0
DRAIN_S = 4.0
"""For how long a process that is told to stop finishes what it has begun; less than ten seconds with the rest."""
LONGEST_OUTAGE_WAIT_S = 5.0


class Mute:
    """The `Transport` of a service without accounts that push."""

    async def post(self, channel: Channel, outgoing: Outgoing) -> Judgement:
        return Judgement("dead", f"{channel.name} cannot push")

    async def run(self, channel: Channel, exchange: Exchange[T]) -> T | Judgement:
        return Judgement("dead", f"{channel.name} cannot be asked anything")


async def no_alert(what: str, text: str, of: str = "") -> None:
    """For a service that has nobody to tell."""


def worker_name() -> str:
    """Who holds leases: unique per process, readable in the store."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


@dataclass
class Service:
    """One process's share of the work. `start` after the store is open, `stop` before it is closed.

    `own_clock` gives epoch seconds; `jitter` is random in [0, 1); `fit` is `adapters.degrade.fit`.
    """

    store: Store
    bot: Bot
    fit: Fit
    outlets: Mapping[Key, Outlet] = field(default_factory=dict)
    transport: Transport = field(default_factory=Mute)
    alert: Alert = no_alert
    alert_to: Address | None = None
    """The group that is told durably, instead of `alert`; its robot is one of `outlets`."""
    times: Times = field(default_factory=Times)
    own_clock: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random
    sweep_s: float = SWEEP_S
    retention_s: float = 0.0
    lines: Lines = field(default_factory=Lines)
    """The links of this process, which `transport` sends over as well."""
    connect: Connect | None = None
    link_times: LinkTimes = field(default_factory=LinkTimes)
    pull_since_s: float = SINCE_S
    pull_look_s: float = LOOK_S
    media: Media | None = None
    media_retention_s: float = 0.0
    daily_sends: Mapping[Key, int] = field(default_factory=dict)
    opt_words: OptWords = field(default_factory=OptWords)
    log: Log = field(default_factory=lambda: get_logger("yingda"))
    metrics: Metrics = field(default_factory=Metrics)
    worker: str = field(default_factory=worker_name)

    def __post_init__(self) -> None:
        self.clock = StoreClock(self.own_clock)
        self.windows = Windows(self.store, self.worker)
        self.ways = Ways(self.outlets, self.fit, self.worker, self.clock, self.times)
        if self.alert_to is not None:
            self.alert = Alerts(self.store, self.alert_to, self.clock, lambda each: self.work.nudge(each), self.log)
        self.alarms = Alarms(self.store, self.alert, self.metrics, self.log)
        self.outbox = Outbox(
            self.store, self.ways, self.transport, self.clock, self.jitter, self.alert, self.alarms, self.metrics,
            self.log, self._reach, self.media.ready if self.media else as_it_is,
        )  # fmt: skip
        self.progress = Progress(self.store)
        self.work = Work(
            self.store, self.bot, self.windows, self.ways, self.outbox, self.clock, self.worker, self.alert,
            self.metrics, self.log, Before(self.store, self.ways, self.opt_words), self.progress, self.media,
        )  # fmt: skip
        self.inbox = Inbox(self.store, self.windows, self.work.nudge, self.work.under_way, came=self._came)
        self.passive = Passive(
            self.store, self.inbox, self.windows, self.ways, self.outbox, self.clock, self.worker, self.metrics,
            self.progress, self.media.ready if self.media else as_it_is,
        )  # fmt: skip
        self.puller = Puller(
            self.store, self.inbox, self.transport, self.outlets, self.clock, self.jitter, self.worker, self.alarms,
            self.log, self.pull_since_s, self.pull_look_s,
        )  # fmt: skip
        self.links = self._make_links()
        self.broadcasts = Runner(
            self.store, Reach(self.ways), self.clock, self.worker, self.work.nudge, lambda: self.work.bot, self.log,
            self.daily_sends,
        )  # fmt: skip
        self.ready = False
        self._chores: list[asyncio.Task[None]] = []
        self._leaving: set[asyncio.Future[None]] = set()

    def _make_links(self) -> Links | None:
        if self.connect is None:
            return None
        return Links(
            self.store, self.inbox, self.transport, self.lines, self.outlets, self.connect, self.puller.signal,
            self.clock, self.jitter, self.worker, self.alarms, self.metrics, self.log, self.link_times,
        )  # fmt: skip

    def _came(self, message: Message) -> None:
        if self.media is not None:
            self.media.came(message)

    def _reach(self, channel: Channel) -> bool:
        return self.lines.up(channel)

    async def recall(self, turn_id: str) -> Recalled:
        """Take back what a turn said, where its channel can."""
        return await recall(turn_id, self.store, self.transport, self.outlets)

    def swap(self, bot: Bot) -> None:
        """Think with `bot` from the next turn on."""
        before, self.work.bot = self.work.bot, bot
        if before.actions is not bot.actions:
            leaving = asyncio.ensure_future(let_go(before.actions))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def start(self) -> None:
        """Begin to work. A store that is down is waited for in the background; until then `ready` is False."""
        self._chores = [
            asyncio.create_task(self._repeat(self._set_clock, CLOCK_S), name="clock"),
            asyncio.create_task(self._repeat(self._sweep, self.sweep_s), name="sweep"),
            asyncio.create_task(self._repeat(self.broadcasts.work, self.sweep_s), name="broadcasts"),
        ]
        if self.media is not None and self.media_retention_s:
            chore = self._repeat(self._expire_media, RETENTION_EVERY_S)
            self._chores.append(asyncio.create_task(chore, name="media retention"))
        if self.retention_s:
            self._chores.append(asyncio.create_task(self._repeat(self._expire, RETENTION_EVERY_S), name="retention"))
        self._chores.append(asyncio.create_task(self._listen(), name="listen"))

    async def _listen(self) -> None:
        """Once the store answers: open the links, and fetch what came while nobody listened."""
        while True:
            try:
                await self.clock.set_by(self.store)
                if self.links is not None:
                    await self.links.start()
            except StoreDown:
                await asyncio.sleep(LONGEST_OUTAGE_WAIT_S)
            else:
                self.puller.start()
                return

    async def stop(self, seconds: float = DRAIN_S) -> bool:
        """Take nothing more in and finish what is under way; False where something was left for another process."""
        self.inbox.closed = True
        self.ready = False
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        with suppress(StoreDown):
            await self.broadcasts.stop()
        deadline = time.monotonic() + seconds
        await self.puller.stop(min(1.0, seconds))
        thought = await self.work.drained(seconds)
        sent = await self.outbox.drained(max(0.1, deadline - time.monotonic()))
        if self.links is not None:
            await self.links.stop()
        if self.media is not None:
            await self.media.close()
        await asyncio.gather(let_go(self.work.bot.actions), *self._leaving)
        return thought and sent

    async def _set_clock(self) -> None:
        await self.clock.set_by(self.store)
        await self.outbox.learn(self.outlets)
        if self.media is not None:
            await self.media.open()

    async def _sweep(self) -> None:
        await self.work.sweep()
        self.metrics.under_way.set(self.work.under_way())
        self.ready = not self.inbox.closed

    async def _expire(self) -> None:
        before = self.clock() - self.retention_s
        if gone := await self.store.expire(before):
            self.log.info("retention: old turns deleted", turns=gone)
        if gone := await self.broadcasts.expire(before):
            self.log.info("retention: old broadcasts deleted", broadcasts=gone)

    async def _expire_media(self) -> None:
        if self.media is not None and (gone := await self.media.expire(self.clock() - self.media_retention_s)):
            self.log.info("retention: old files deleted", files=gone)

    async def _repeat(self, chore: Callable[[], Awaitable[None]], every_s: float) -> None:
        """Do `chore` every so often, whatever happens; say once that the store is down, and once that it is back."""
        down_s = 0.0
        while True:
            try:
                await chore()
            except StoreDown as down:
                self.ready = False
                self.metrics.store_down()
                if not down_s:
                    self.log.error("the store is down", error=str(down))
                down_s = min(LONGEST_OUTAGE_WAIT_S, max(0.1, down_s * 2))
                await asyncio.sleep(down_s)
                continue
            except Exception:
                self.log.exception("a chore failed, it is done again", chore=chore.__name__)
            else:
                if down_s:
                    self.log.info("the store is back")
            down_s = 0.0
            await asyncio.sleep(every_s)
