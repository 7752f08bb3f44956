"""A thread with a connection of its own: what is queued while it works is done together, in one transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")
Operation: TypeAlias = Callable[[sqlite3.Connection], T]

BATCH = 256
"""Most operations in one transaction, so that the first of them does not wait long for its commit."""


class Closed(Exception):
    """The store was closed."""


class _Job(Generic[T]):
    __slots__ = ("error", "future", "operation", "value")

    def __init__(self, operation: Operation[T], future: asyncio.Future[T]) -> None:
        self.operation = operation
        self.future = future
        self.value: T | None = None
        self.error: BaseException | None = None

    def run(self, db: sqlite3.Connection) -> None:
        try:
            self.value = self.operation(db)
        except Exception as error:
            self.error = error

    def resolve(self) -> None:
        if self.future.done():  # its caller was cancelled
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.value)  # type: ignore[arg-type]


class Lane:
    """Runs operations one after the other. `writes`: in transactions, each operation atomic within by a savepoint;
    a result is given only when its transaction is on disk."""

    def __init__(self, db: sqlite3.Connection, *, writes: bool, after: Callable[[], None] = lambda: None) -> None:
        """`after` is called in the event loop after each batch."""
        self._db = db
        self._perform = self._together if writes else self._singly
        self._after = after
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._open = True
        self._thread = threading.Thread(
            target=self._work, name="sqlite-write" if writes else "sqlite-read", daemon=True
        )
        self._thread.start()

    async def run(self, operation: Operation[T]) -> T:
        """Raises what `operation` raises, sqlite3's errors for the transaction, `Closed`."""
        if not self._open:
            raise Closed
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Job(operation, future))
        return await future

    async def close(self) -> None:
        """Finish what is queued, then close the connection."""
        if self._open:
            self._open = False
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
            await asyncio.sleep(0)  # the last results were handed over just before the thread ended

    def _work(self) -> None:
        going = True
        while going:
            batch = [self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get())
            going = None not in batch
            jobs = [job for job in batch if job is not None]
            if jobs:
                self._perform(jobs)
                self._hand_over(jobs)
        self._db.close()

    def _hand_over(self, jobs: list[_Job[Any]]) -> None:
        with suppress(RuntimeError):  # the event loop is gone, and who waited with it
            self._loop.call_soon_threadsafe(self._resolve, jobs)

    def _resolve(self, jobs: list[_Job[Any]]) -> None:
        for job in jobs:
            job.resolve()
        self._after()

    def _singly(self, jobs: list[_Job[Any]]) -> None:
        for job in jobs:
            job.run(self._db)

    def _together(self, jobs: list[_Job[Any]]) -> None:
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._within_savepoint(job)
            db.execute("COMMIT")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            for job in jobs:
                job.error = error

    def _within_savepoint(self, job: _Job[Any]) -> None:
        db = self._db
        db.execute("SAVEPOINT job")
        job.run(db)
        if not db.in_transaction:  # a full disk or the like has undone everything
            raise sqlite3.OperationalError(str(job.error or "the transaction was rolled back"))
        if job.error is not None:
            db.execute("ROLLBACK TO job")
        db.execute("RELEASE job")
