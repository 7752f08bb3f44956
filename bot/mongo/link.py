"""The connection: its options, what its errors mean, the server's clock. The only file that imports motor, which is
past its end of life: its successor, PyMongo's own asynchronous client, has the same methods."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Awaitable
from typing import TypeAlias, TypeVar

from bson import Timestamp
from gridfs.errors import GridFSError
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection, AsyncIOMotorGridFSBucket
from pymongo import monitoring
from pymongo.errors import DuplicateKeyError, OperationFailure, PyMongoError

from bot.mongo.documents import Document, hidden
from bot.store import StoreDown

T = TypeVar("T")
Collection: TypeAlias = AsyncIOMotorCollection[Document]

GRACE_S = 0.5
"""The driver counts `timeoutMS` from when one of its threads takes the operation up; this bounds the wait before."""
CLOCK_S = 30.0
"""How long the measured difference to the server's clock is believed."""
UNCOUNTED = {"hello", "ping", "endSessions", "getMore", "createIndexes"}
DENIED = {13: "this user may not use the database", 18: "user name or password is wrong"}
PLACE_LOST_CODES = {136, 260, 280, 286}
"""A change stream cannot go on from where it was: its place is not in the server's log (any more)."""


class Pulse(monitoring.CommandListener):
    """Counts commands, and keeps the newest time of the cluster that an answer has carried."""

    def __init__(self) -> None:
        self.commands = 0
        self.cluster_time: Timestamp | None = None

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.commands += event.command_name not in UNCOUNTED

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        self.cluster_time = event.reply.get("operationTime", self.cluster_time)

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass


class Link:
    """One client of one database; every wait is bounded by `timeout_s`. Raises `StoreDown` for a malformed URL."""

    def __init__(self, url: str, db: str, timeout_s: float) -> None:
        self.where = hidden(url)
        self.pulse = Pulse()
        self._timeout_s = timeout_s
        self._ahead: float | None = None
        self._measured = 0.0
        self.standalone = False
        try:
            self._client = _client(url, timeout_s, self.pulse)
            self._db = self._client[db]
        except (PyMongoError, ValueError, TypeError, UserWarning):
            # the driver's own words may quote the password that broke the URL
            raise StoreDown(
                f"the MongoDB URL of {self.where} is malformed. It reads mongodb://user:password@host:27017/?options; "
                "special characters of user and password are percent-escaped (@ is %40, / is %2F), "
                "and every option is one that MongoDB's drivers know"
            ) from None

    def __getitem__(self, collection: str) -> Collection:
        return self._db[collection]

    def bucket(self, name: str) -> AsyncIOMotorGridFSBucket:
        """Files of GridFS, in collections under `name`."""
        return AsyncIOMotorGridFSBucket(self._db, name)

    async def open(self) -> None:
        await self._measure()

    def close(self) -> None:
        self._client.close()

    async def run(self, operation: Awaitable[T], seconds: float = 0.0) -> T:
        """The operation's result, within `seconds` (0: the client's time-out). Raises `StoreDown` where the database
        did not answer, not in time or not as it should: whoever asked repeats it later. Left to the caller are
        `DuplicateKeyError`, a stream's lost place, and a file that is not whole."""
        try:
            async with asyncio.timeout((seconds or self._timeout_s) + GRACE_S):
                return await operation
        except TimeoutError:
            raise StoreDown(f"MongoDB at {self.where} did not answer within {seconds or self._timeout_s:g} s") from None
        except PyMongoError as error:
            if isinstance(error, DuplicateKeyError | GridFSError) or place_lost(error):
                raise
            raise StoreDown(f"MongoDB at {self.where}: {reason(error)}") from None

    async def now(self) -> float:
        """The server's clock, within the time that an answer takes."""
        if self._ahead is None or time.monotonic() - self._measured > CLOCK_S:
            await self._measure()
        return self.estimate()

    def estimate(self) -> float:
        """The server's clock as last measured."""
        return time.monotonic() + (self._ahead or 0.0)

    async def _measure(self) -> None:
        asked = time.monotonic()
        hello: Document = await self.run(self._client.admin.command("hello"))
        self._measured = time.monotonic()
        self._ahead = hello["localTime"].timestamp() - (asked + self._measured) / 2
        self.standalone = "setName" not in hello and hello.get("msg") != "isdbgrid"


def _client(url: str, timeout_s: float, pulse: Pulse) -> AsyncIOMotorClient[Document]:
    with warnings.catch_warnings():
        # an option that the driver would only warn of and drop is a mistake to be told
        warnings.simplefilter("error", UserWarning)
        return AsyncIOMotorClient(
            url,
            w="majority",
            journal=True,
            readConcernLevel="majority",
            retryWrites=True,
            retryReads=True,
            timeoutMS=round(timeout_s * 1000),
            appname="yingda",
            event_listeners=[pulse],
        )


def place_lost(error: PyMongoError) -> bool:
    """Has a change stream to begin anew?"""
    return isinstance(error, OperationFailure) and error.code in PLACE_LOST_CODES


def reason(error: PyMongoError) -> str:
    """What to tell people about an error, without the driver's long list of servers."""
    if isinstance(error, OperationFailure) and error.code in DENIED:
        return DENIED[error.code]
    return str(error).partition(", Timeout:")[0].partition(", full error:")[0]
