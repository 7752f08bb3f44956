"""Keeps the connections of channels whose messages come over a WebSocket: dials, greets, reads, pings, dials again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, fields, replace
from typing import Literal, Protocol

import aiohttp

from adapters.channel import Channel, Judgement, Linked, LinkTerms, Messages, Pull, Reject, Transport
from adapters.message import Message
from bot.alarms import Alarms
from bot.inbox import Busy, Inbox
from bot.line import Line, Lines
from bot.log import Log
from bot.metrics import Metrics
from bot.store import Store, StoreDown
from bot.ways import Key, Outlet

Connect = Callable[[str], Awaitable[aiohttp.ClientWebSocketResponse]]
"""Opens a WebSocket that leaves pings to us: `session.ws_connect(url, autoping=False)`."""


MOST_OWED = 1000
"""Messages of one account that wait in memory for a store that is down, where the vendor sends each but once."""


class LinkedChannel(Channel, Linked, Protocol):
    """A channel that has a link."""


@dataclass(frozen=True, slots=True)
class LinkTimes:
    """In seconds: the first and the longest pause before dialling again; how long a process has an exclusive link
    before another may take it, and how often that one asks; how often we ping by the protocol's own frames where the
    vendor wants no other."""

    first_s: float = 1.0
    longest_s: float = 30.0
    lease_s: float = 15.0
    standby_s: float = 3.0
    ping_s: float = 30.0

    def faster(self, speed: float) -> LinkTimes:
        return LinkTimes(**{field.name: getattr(self, field.name) / speed for field in fields(self)})


@dataclass(frozen=True, slots=True)
class End:
    """How a connection ended. `stop`: the vendor, or another program, wants us not to come back."""

    then: Literal["on", "reconnect", "stop"] = "on"
    reason: str = ""
    greeted: bool = False
    refused: bool = False


class Links:
    """One supervised task for each connection: `link_terms.connections` per account in each process, or, where the
    vendor keeps but one, one over all processes."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        transport: Transport,
        lines: Lines,
        outlets: Mapping[Key, Outlet],
        connect: Connect,
        pull: Callable[[Channel, Pull], None],
        clock: Callable[[], float],
        jitter: Callable[[], float],
        worker: str,
        alarms: Alarms,
        metrics: Metrics,
        log: Log,
        times: LinkTimes | None = None,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._transport = transport
        self._lines = lines
        self._outlets = outlets
        self._connect = connect
        self._pull = pull
        self._clock = clock
        self._jitter = jitter
        self._worker = worker
        self._alarms = alarms
        self._metrics = metrics
        self._log = log
        self._times = times or LinkTimes()
        self._started = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self._owed: dict[str, deque[Message]] = {}
        self._debts: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._started = await self._store.now()
        for outlet in self._outlets.values():
            channel = outlet.channel
            if isinstance(channel, Linked) and (terms := channel.link_terms) is not None:
                for number in range(1 if terms.exclusive else terms.connections):
                    name = f"link {channel.name}/{channel.account} {number}"
                    self._tasks.append(asyncio.create_task(self._keep(channel, terms), name=name))

    async def stop(self) -> None:
        """Close every connection and let go; frames that wait for a word come back as retry."""
        ending = [*self._tasks, *self._debts]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
        self._tasks = []
        for name, owed in self._owed.items():
            self._log.error("store down at the stop, messages are lost", link=name, messages=len(owed))

    # --- one connection after the other

    async def _keep(self, channel: LinkedChannel, terms: LinkTerms) -> None:
        failures = refusals = 0
        try:
            while True:
                try:
                    if terms.exclusive and not await self._hold(channel):
                        if await self._is_stopped(channel):
                            return
                        await asyncio.sleep(self._times.standby_s * (0.5 + self._jitter() / 2))
                        continue
                    if terms.exclusive and await self._is_stopped(channel):
                        return
                    end = await self._connection(channel, terms)
                    if end.then == "stop" and await self._stopped(channel, terms, end.reason):
                        return
                except StoreDown as down:
                    end = End(reason=str(down))
                except Exception:
                    self._log.exception("unexpected error; the link is made anew", link=_name(channel))
                    end = End(reason="unexpected error")
                failures = 0 if end.greeted else failures + 1
                refusals = refusals + 1 if end.refused else 0
                if terms.refusals and refusals >= terms.refusals and await self._stopped(channel, terms, end.reason):
                    return
                await self._pause(channel, failures, end.reason)
        finally:
            if terms.exclusive:
                with suppress(StoreDown):
                    await self._store.hold(_key(channel), self._worker, 0)

    async def _pause(self, channel: LinkedChannel, failures: int, reason: str) -> None:
        longest = min(self._times.longest_s, self._times.first_s * 2 ** min(failures, 10))
        wait_s = longest * (0.5 + self._jitter() / 2)
        self._log.warning("link down, dialled again", link=_name(channel), reason=reason, wait_s=round(wait_s, 1))
        await asyncio.sleep(wait_s)

    async def _hold(self, channel: LinkedChannel) -> bool:
        return await self._store.hold(_key(channel), self._worker, self._times.lease_s)

    async def _is_stopped(self, channel: LinkedChannel) -> bool:
        """Another process was told to stay away since we started."""
        note = await self._store.note(_stop_key(channel))
        return note is not None and float(note.value) > self._started

    async def _stopped(self, channel: LinkedChannel, terms: LinkTerms, reason: str) -> bool:
        """The vendor has dropped us for good, unless it was for another process of ours."""
        if terms.exclusive and not await self._hold(channel):
            self._log.info("another process has the link now", link=_name(channel))
            return False
        note, now = await self._store.note(_stop_key(channel)), await self._store.now()
        await self._store.write_note(_stop_key(channel), now, rev=note.rev if note else 0)
        why = f"the vendor keeps the connection closed ({reason}): does another program use it, or is a key wrong?"
        word = Judgement("config", f"{why} Restart the service to try again.", "link")
        self._log.error("link stopped, it is not dialled again", link=_name(channel), reason=reason)
        await self._alarms.config(channel.name, channel.account, word)
        return True

    async def _connection(self, channel: LinkedChannel, terms: LinkTerms) -> End:
        """From dialling to the end of one connection."""
        where = await self._transport.run(channel, channel.dial())
        if isinstance(where, Judgement):
            return await self._refused(channel, where)
        try:
            ws = await self._connect(where)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            # its own words may hold the ticket
            return End(reason=f"the vendor's gateway is not reached ({type(error).__name__})")
        line = Line(ws, terms)
        async with self._tending(channel, terms, ws, line) as tasks:
            if (greeting := channel.greeting()) is not None:
                word = (await line.send(greeting)).judgement
                if word.verdict != "ok" or word.code:
                    refused = await self._refused(channel, word)
                    return replace(refused, refused=word.verdict == "config")
            with self._open(channel, line):
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                end = next(iter(done)).result()
        return End(end.then, end.reason, greeted=True)

    async def _refused(self, channel: LinkedChannel, judgement: Judgement) -> End:
        if judgement.verdict == "config":
            await self._alarms.config(channel.name, channel.account, judgement)
        return End(reason=judgement.reason)

    @asynccontextmanager
    async def _tending(
        self, channel: LinkedChannel, terms: LinkTerms, ws: aiohttp.ClientWebSocketResponse, line: Line
    ) -> AsyncIterator[list[asyncio.Task[End]]]:
        """Read, ping and hold for as long as the body lasts; then close."""
        chores = [self._read(channel, ws, line), self._ping(channel, terms, line)]
        if terms.exclusive:
            chores.append(self._renew(channel))
        tasks = [asyncio.create_task(chore) for chore in chores]
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            line.lose("it is closed")
            with suppress(Exception):
                await asyncio.wait_for(ws.close(), 1.0)

    @contextmanager
    def _open(self, channel: LinkedChannel, line: Line) -> Iterator[None]:
        """Whoever sends finds it."""
        self._lines.add(channel, line, channel.ping())
        self._metrics.linked(channel.name, channel.account, 1)
        self._log.info("link up", link=_name(channel))
        try:
            yield
        finally:
            self._lines.remove(channel, line)
            self._metrics.linked(channel.name, channel.account, -1)

    # --- while it is open

    async def _renew(self, channel: LinkedChannel) -> End:
        while True:
            await asyncio.sleep(self._times.lease_s / 3)
            with suppress(StoreDown):  # then nobody else can take it either
                if not await self._hold(channel):
                    return End(reason="another process has the link now")

    async def _ping(self, channel: LinkedChannel, terms: LinkTerms, line: Line) -> End:
        """Half open is as good as closed: nothing heard within two pings."""
        every_s = terms.ping_s or self._times.ping_s
        loop = asyncio.get_running_loop()
        while not line.lost:
            await asyncio.sleep(every_s)
            if loop.time() - line.heard_at > 2 * every_s:
                return End(reason="nothing was heard within two pings")
            try:
                await line.ping(channel.ping() if terms.ping_s else None)
            except (ConnectionError, aiohttp.ClientError):
                return End(reason="the connection was lost")
        return End(reason=line.lost)

    async def _read(self, channel: LinkedChannel, ws: aiohttp.ClientWebSocketResponse, line: Line) -> End:
        while True:
            received = await ws.receive()
            line.heard()
            match received.type:
                case aiohttp.WSMsgType.TEXT:
                    end = await self._frame(channel, received.data, line)
                case aiohttp.WSMsgType.BINARY:
                    end = await self._frame(channel, received.data.decode("utf-8", "replace"), line)
                case aiohttp.WSMsgType.PING:
                    await ws.pong(received.data)
                    end = End()
                case aiohttp.WSMsgType.PONG:
                    line.ponged()
                    end = End()
                case _:
                    return End(reason=f"the vendor closed it ({ws.close_code})")
            if end.then != "on":
                return end

    async def _frame(self, channel: LinkedChannel, text: str, line: Line) -> End:
        """Durable first, then acknowledged, then worked on."""
        frame = channel.read(text, self._clock())
        if frame.word is not None:
            line.word(*frame.word, text, channel.ping())
        if frame.parsed is None or await self._take_in(channel, frame.parsed, only_once=not frame.answers):
            for answer in frame.answers:
                with suppress(ConnectionError, aiohttp.ClientError):
                    await line.write(answer)
        return End(frame.then, frame.reason)

    async def _take_in(self, channel: LinkedChannel, parsed: object, *, only_once: bool) -> bool:
        """False where it is not durable: unacknowledged, the vendor sends it again. What comes `only_once`, as there is
        no way to acknowledge it, is kept here until the store is back."""
        match parsed:
            case Messages(messages) if only_once and _name(channel) in self._owed:
                self._owe(channel, messages)
            case Messages(messages):
                if not await self._accept(channel, messages, only_once=only_once):
                    if only_once:
                        self._owe(channel, messages)
                    return only_once
            case Pull():
                self._pull(channel, parsed)
            case Reject(status, reason):
                self._metrics.rejected(channel.name, status)
                self._log.warning("frame refused", link=_name(channel), status=status, reason=reason)
        return True

    def _owe(self, channel: LinkedChannel, messages: tuple[Message, ...]) -> None:
        name = _name(channel)
        if name not in self._owed:
            self._owed[name] = deque()
            debt = asyncio.create_task(self._pay(channel, self._owed[name]), name=f"owed {name}")
            self._debts.add(debt)
            debt.add_done_callback(self._debts.discard)
        if len(self._owed[name]) + len(messages) > MOST_OWED:
            self._log.error("too much waits for the store, a message is lost", link=name)
            return
        self._owed[name] += messages

    async def _pay(self, channel: LinkedChannel, owed: deque[Message]) -> None:
        """Make durable what waits, in order."""
        wait_s = self._times.first_s
        while owed:
            await asyncio.sleep(wait_s)
            wait_s = min(self._times.longest_s, wait_s * 2)
            while owed and await self._accepted(channel, owed[0]):
                owed.popleft()
        del self._owed[_name(channel)]

    async def _accepted(self, channel: LinkedChannel, message: Message) -> bool:
        try:
            return await self._accept(channel, (message,), only_once=True)
        except Exception:
            self._log.exception("unexpected error; a message is lost", link=_name(channel))
            return True

    async def _accept(self, channel: LinkedChannel, messages: tuple[Message, ...], *, only_once: bool) -> bool:
        try:
            for message in messages:
                turn = await self._inbox.accept(message, only_once=only_once)
                if turn.status != "new":
                    self._metrics.repeated()
        except Busy:
            return False
        except StoreDown as down:
            self._metrics.store_down()
            self._log.warning("store down, a frame is not taken in yet", link=_name(channel), error=str(down))
            return False
        return True


def _name(channel: LinkedChannel) -> str:
    return f"{channel.name}/{channel.account}"


def _key(channel: LinkedChannel) -> str:
    return f"link/{_name(channel)}"


def _stop_key(channel: LinkedChannel) -> str:
    return f"link-stopped/{_name(channel)}"
