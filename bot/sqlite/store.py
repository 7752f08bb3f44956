"""`SqliteStore`: the `Store` over one SQLite file. Every write is one operation in the writer thread's transaction,
so a commit's two halves happen together and `Session.done` is always empty here."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from adapters.channel import Route, Token
from adapters.message import Json
from bot.feed import Feed, Watch
from bot.sqlite import noting, reading, writing
from bot.sqlite.lane import Closed, Lane, Operation
from bot.sqlite.rows import turn_of
from bot.sqlite.schema import TooNew, connect, migrate
from bot.store import Conversation, Note, StoreDown
from bot.turn import Receipt, Session, Status, Turn
from bot.vault import StoredToken, Vault

T = TypeVar("T")

POLL_S = 0.025
"""How often other processes' changes are looked for while somebody watches."""
PAGE = 500
"""Rows per read where all are wanted."""


class SqliteStore:
    """Open it in the event loop that uses it. `clock` gives epoch seconds; every process on the file shares it."""

    def __init__(self, path: Path | str, clock: Callable[[], float] = time.time) -> None:
        self.path = Path(path)
        self._operations = 0
        self._clock = clock
        self._feed = Feed()
        self._vault = Vault(self)
        self._stir = asyncio.Event()
        self._tail: asyncio.Task[None] | None = None
        self._seen = 0
        self._ears: sqlite3.Connection | None = None
        self._reader: Lane | None = None
        self._writer: Lane | None = None

    @property
    def operations(self) -> int:
        return self._operations

    async def open(self) -> None:
        try:
            ears, reader, writer = await asyncio.to_thread(self._connect)
        except (sqlite3.Error, OSError, TooNew) as error:
            raise StoreDown(
                f"cannot open the SQLite store {self.path}: {error}. Check that its folder is on a local disk, "
                "is writable and has room, and that the file is a database of this version"
            ) from None
        self._ears = ears
        self._reader = Lane(reader, writes=False)
        self._writer = Lane(writer, writes=True, after=self._stir.set)

    def _connect(self) -> tuple[sqlite3.Connection, ...]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # what customers say is nobody else's business; SQLite gives its side files the same mode
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        connections: list[sqlite3.Connection] = []
        try:
            for _ in range(3):
                connections.append(connect(self.path))
            migrate(connections[-1])
        except BaseException:
            for db in connections:
                db.close()
            raise
        return tuple(connections)

    async def close(self) -> None:
        self._feed.close()
        if self._tail:
            self._tail.cancel()
            await asyncio.gather(self._tail, return_exceptions=True)
            self._tail = None
        for lane in filter(None, (self._reader, self._writer)):
            await lane.close()
        if self._ears:
            self._ears.close()
        self._ears = self._reader = self._writer = None

    async def now(self) -> float:
        return self._clock()

    # --- in and thinking

    async def accept(self, turn: Turn) -> Turn:
        return await self._write(writing.accept(turn, self._clock))

    async def lease(self, conversation: str, worker: str, seconds: float) -> Session | None:
        return await self._write(writing.lease(conversation, worker, seconds, self._clock))

    async def take(self, conversation: str, worker: str, seconds: float) -> tuple[Session, list[Turn]] | None:
        lease = writing.lease(conversation, worker, seconds, self._clock)
        waiting = reading.waiting(conversation)

        def both(db: sqlite3.Connection) -> tuple[Session, list[Turn]] | None:
            session = lease(db)
            return None if session is None else (session, waiting(db))

        return await self._write(both)

    async def release(self, conversation: str, worker: str) -> None:
        await self._write(writing.release(conversation, worker))

    async def note_call(self, conversation: str, worker: str, turn_id: str, key: str, state: Json) -> bool:
        return await self._write(writing.note_call(conversation, worker, turn_id, key, state))

    async def commit(self, session: Session, turn: Turn, *, release: bool = False) -> bool:
        return await self._write(writing.commit(session, turn, release, self._clock))

    # --- out

    async def claim(self, turn_id: str, route: Route, until: float) -> bool:
        return await self._write(writing.claim(turn_id, route, until, self._clock))

    async def advance(
        self,
        turn_id: str,
        shown: int,
        until: float,
        *,
        held: float,
        receipts: Sequence[Receipt] | None = None,
        route: Route | None = None,
    ) -> bool:
        return await self._write(writing.advance(turn_id, shown, until, held, receipts, route))

    async def finish(
        self,
        turn_id: str,
        status: Status,
        *,
        held: float,
        shown: int,
        due: float = 0.0,
        error: str = "",
        tried: bool = True,
        receipts: Sequence[Receipt] | None = None,
        route: Route | None = None,
    ) -> bool:
        finish = writing.finish(turn_id, status, held, shown, due, error, tried, receipts, route, self._clock)
        return await self._write(finish)

    async def unsent(self, conversation: str) -> list[Turn]:
        return await self._read(reading.unsent(conversation))

    async def newest(self, conversation: str) -> Turn | None:
        return await self._read(reading.newest(conversation))

    async def resend(self, turn_id: str) -> bool:
        return await self._write(writing.resend(turn_id))

    # --- sweeping

    async def stalled(self, limit: int = 100) -> list[str]:
        return await self._read(reading.stalled(limit, self._clock))

    async def expire(self, older_than: float) -> int:
        gone = 0
        while batch := await self._write(writing.expire_turns(older_than, PAGE)):
            gone += batch
        while await self._write(writing.expire_sessions(older_than, PAGE, self._clock)):
            pass
        await self._write(writing.expire_rest(self._clock))
        await self._write(noting.expire(self._clock))
        return gone

    async def own(self, conversation: str, owner: str, rev: int) -> bool:
        return await self._write(writing.own(conversation, owner, rev, self._clock))

    async def spend(self, key: str, limit: int, window_s: float) -> bool:
        return await self._write(writing.spend(key, limit, window_s, self._clock))

    async def free_at(self, key: str, limit: int, window_s: float) -> float:
        return await self._read(reading.free_at(key, limit, window_s, self._clock))

    # --- reading

    async def turn(self, turn_id: str) -> Turn | None:
        return await self._read(reading.turn(turn_id))

    async def session(self, conversation: str) -> Session | None:
        return await self._read(reading.session(conversation))

    async def turns(self, conversation: str, *, before: float = 0.0, limit: int = 50) -> list[Turn]:
        return await self._read(reading.turns(conversation, before, limit))

    async def conversations(self, *, before: float = 0.0, limit: int = 50, waiting: bool = False) -> list[Conversation]:
        return await self._read(reading.conversations(before, limit, waiting=waiting))

    async def heard(
        self, prefix: str, *, since: float = 0.0, after: str = "", limit: int = 1000
    ) -> list[tuple[str, float]]:
        return await self._read(reading.heard(prefix, since, after, limit))

    async def export(self, *, since: float = 0.0, status: Sequence[Status] = ()) -> AsyncIterator[Turn]:
        after: tuple[float, float, str] = (since, float("-inf"), "")
        while page := await self._read(reading.export(after, tuple(status), PAGE)):
            for turn in page:
                yield turn
            after = (page[-1].at, page[-1].accepted, page[-1].id)

    async def count(self, status: Status) -> int:
        return await self._read(reading.count(status))

    # --- watching

    def watch(self, conversation: str = "") -> Watch:
        if self._ears is None:
            raise self._closed()
        if self._tail is None or self._tail.done():
            self._seen = reading.tide(self._ears)
            self._tail = asyncio.create_task(self._follow(self._ears), name="sqlite-feed")
        return self._feed.subscribe(conversation)

    async def _follow(self, ears: sqlite3.Connection) -> None:
        version = -1
        while self._feed.watched:
            self._stir.clear()
            if (moved := reading.data_version(ears)) != version:
                await self._pass_on()
                version = moved
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stir.wait(), POLL_S)

    async def _pass_on(self) -> None:
        while rows := await self._read(reading.changes(self._seen, PAGE)):
            self._seen = rows[-1]["seq"]
            for row in rows:
                if self._feed.wants(row["conversation"]):
                    self._feed.publish(turn_of(row))

    # --- tokens

    async def get(self, key: str, fetch: Callable[[], Awaitable[Token]], stale: str | None = None) -> Token:
        return await self._vault.get(key, fetch, stale)

    async def read_token(self, key: str) -> StoredToken | None:
        return await self._read(reading.token(key))

    async def hold_token(self, key: str, holder: str, seconds: float) -> StoredToken:
        return await self._write(writing.hold_token(key, holder, seconds, self._clock))

    async def put_token(self, key: str, holder: str, token: Token | None) -> None:
        await self._write(writing.put_token(key, holder, token, self._clock))

    # --- notes and holds

    async def note(self, key: str) -> Note | None:
        return await self._read(noting.note(key))

    async def write_note(self, key: str, value: Json, *, rev: int) -> bool:
        return await self._write(noting.write(key, value, rev))

    async def notes(self, prefix: str, *, after: str = "", limit: int = 100) -> list[tuple[str, Note]]:
        return await self._read(noting.notes(prefix, after, limit))

    async def hold(self, key: str, holder: str, seconds: float) -> bool:
        return await self._write(noting.hold(key, holder, seconds, self._clock))

    # --- the lanes

    async def _read(self, operation: Operation[T]) -> T:
        return await self._run(self._reader, operation)

    async def _write(self, operation: Operation[T]) -> T:
        return await self._run(self._writer, operation)

    async def _run(self, lane: Lane | None, operation: Operation[T]) -> T:
        if lane is None:
            raise self._closed()
        self._operations += 1
        try:
            return await lane.run(operation)
        except Closed:
            raise self._closed() from None
        except sqlite3.Error as error:
            raise StoreDown(f"the SQLite store {self.path} failed: {error}") from None

    def _closed(self) -> StoreDown:
        return StoreDown(f"the SQLite store {self.path} is not open")
