"""Fetches the messages of channels that only signal them: one process at a time for each source, page after page, the
cursor kept only once a page's messages are durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from adapters.channel import Channel, Judgement, Pull, Pulled, Pulling, Transport
from adapters.message import Message
from bot.alarms import Alarms
from bot.conversations import PerConversation
from bot.inbox import Busy, Inbox
from bot.log import Log
from bot.outbox import backoff
from bot.store import Note, Store, StoreDown
from bot.ways import Key, Outlet

HOLD_S = 30.0
FIRST_KNOCK_S, LONGEST_KNOCK_S = 0.05, 1.0
"""How soon, and how late, to ask again for a source that another process pulls from: it may have looked before our
signal came."""
SINCE_S = 60.0
LOOK_S = 300.0
OWN_TRIES = 5
VENDORS = ("kf:",)
"""How the names of owners begin whom a vendor told us of."""


class PullingChannel(Channel, Pulling, Protocol):
    """A channel whose messages are fetched."""


@dataclass(frozen=True, slots=True)
class Source:
    """Something to pull from, by its account."""

    channel: PullingChannel
    name: str

    @property
    def key(self) -> str:
        return f"{self.channel.name}/{self.channel.account}/{self.name}"


class Puller:
    """`signal` after a `Pull`; `start` pulls from every source that is known, and again every `look_s`, in case a
    signal was missed: the vendor takes it for heard once it is answered, and who answered may have died since.

    `since_s`: of a source that was never pulled from, messages older than so long before the start are logged and not
    answered.
    """

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        transport: Transport,
        outlets: Mapping[Key, Outlet],
        clock: Callable[[], float],
        jitter: Callable[[], float],
        worker: str,
        alarms: Alarms,
        log: Log,
        since_s: float = SINCE_S,
        look_s: float = LOOK_S,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._transport = transport
        self._outlets = outlets
        self._clock = clock
        self._jitter = jitter
        self._worker = worker
        self._alarms = alarms
        self._log = log
        self._since_s = since_s
        self._look_s = look_s
        self._looking: asyncio.TimerHandle | None = None
        self._started = clock()
        self._sources: dict[str, Source] = {}
        self._tokens: dict[str, str] = {}
        self._failures: dict[str, int] = {}
        self._later: dict[str, asyncio.TimerHandle] = {}
        self._pulls = PerConversation(self._pull, log)
        self._stopping = False

    def start(self) -> None:
        self._started = self._clock()
        for outlet in self._outlets.values():
            if isinstance(outlet.channel, Pulling):
                for name in outlet.channel.sources:
                    source = Source(outlet.channel, name)
                    self._sources[source.key] = source
        self._look()

    def _look(self) -> None:
        for source in list(self._sources.values()):
            self._nudge(source)
        wait_s = self._look_s * (0.75 + self._jitter() / 2)
        self._looking = asyncio.get_running_loop().call_later(wait_s, self._look)

    async def stop(self, seconds: float) -> bool:
        self._stopping = True
        for timer in (self._looking, *self._later.values()):
            if timer is not None:
                timer.cancel()
        return await self._pulls.drained(seconds)

    def signal(self, channel: Channel, pull: Pull) -> None:
        """Something is there to fetch. Signals that come during a pull make one more pull after it."""
        if isinstance(channel, Pulling):
            source = Source(channel, pull.source)
            self._tokens[source.key] = pull.token
            self._nudge(source)

    def _nudge(self, source: Source) -> None:
        self._sources[source.key] = source
        if not self._stopping:
            self._pulls.nudge(source.key)

    # --- one source

    async def _pull(self, key: str) -> None:
        source, why = self._sources[key], ""
        try:
            await self._knock(key)
            try:
                judgement = await self._pages(source)
            finally:
                await self._store.hold(_hold(key), self._worker, 0)
            if judgement is None:
                self._failures.pop(key, None)
                return
            why = judgement.reason
            if judgement.verdict == "config":
                await self._alarms.config(source.channel.name, source.channel.account, judgement)
        except StoreDown as down:
            why = str(down)
        except Busy:
            why = "too much is under way"
        except Exception:
            self._log.exception("unexpected error; it is pulled again", source=key)
            why = "unexpected error"
        self._again(source, why)

    def _again(self, source: Source, why: str) -> None:
        failures = self._failures[source.key] = self._failures.get(source.key, 0) + 1
        wait_s = backoff(failures - 1, self._jitter())
        self._log.warning("pull failed, it is done again", source=source.key, error=why, wait_s=round(wait_s, 1))
        if not self._stopping:
            loop = asyncio.get_running_loop()
            self._later[source.key] = loop.call_later(wait_s, self._nudge, source)

    async def _knock(self, key: str) -> None:
        knock_s = FIRST_KNOCK_S
        while not await self._store.hold(_hold(key), self._worker, HOLD_S):
            await asyncio.sleep(knock_s)
            knock_s = min(LONGEST_KNOCK_S, knock_s * 2)

    async def _pages(self, source: Source) -> Judgement | None:
        """Fetch until there is no more; why it could not."""
        while True:
            note = await self._store.note(_cursor(source.key))
            cursor = str(note.value) if note else ""
            exchange = source.channel.pull(source.name, self._tokens.get(source.key, ""), cursor, self._clock())
            page = await self._transport.run(source.channel, exchange)
            if isinstance(page, Judgement):
                return page
            await self._take_in(page, first=note is None)
            if not await self._move(source, note, page) or not page.more:
                return None
            if not await self._store.hold(_hold(source.key), self._worker, HOLD_S):
                return Judgement("retry", "another process took over")

    async def _move(self, source: Source, note: Note | None, page: Pulled) -> bool:
        """The cursor after the page, now that its messages are durable; False where it is where it was, so that
        the same page would come for ever, or another process moved it."""
        if page.cursor == (note.value if note else ""):
            return False
        return await self._store.write_note(_cursor(source.key), page.cursor, rev=note.rev if note else 0)

    async def _take_in(self, page: Pulled, *, first: bool) -> None:
        # Given back first as well: a session that ran out is found out by the message that opens the next one.
        for conversation, owner in page.owners.items():
            await self._own(conversation, owner)
        for message in page.messages:
            await self._inbox.accept(message, answered=not (first and self._is_old(message)))

    def _is_old(self, message: Message) -> bool:
        return message.at < self._started - self._since_s

    async def _own(self, conversation: str, owner: str) -> None:
        """The bot is silent while somebody else has the conversation. What an operator of ours took over stays theirs,
        whatever the vendor says: its own owners are named by its channel (`kf:`)."""
        for _ in range(OWN_TRIES):
            session = await self._store.session(conversation)
            held = session.owner if session else ""
            if held == owner or (held and not held.startswith(VENDORS)):
                return
            if await self._store.own(conversation, owner, session.rev if session else 0):
                self._log.info("the conversation changed hands", conversation=conversation, owner=owner or "the bot")
                return
        raise StoreDown(f"the session of {conversation} moves all the time")


def _hold(key: str) -> str:
    return f"pull/{key}"


def _cursor(key: str) -> str:
    return f"cursor/{key}"
