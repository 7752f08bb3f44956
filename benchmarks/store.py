"""What the stores cost: operations per second of accept and of take + commit, beside the bare drivers in the same run.

    python -m benchmarks.store [SECONDS]

Prints JSON. 32 tasks work at once, as webhooks do. "bare" is one insert, or one read and one update, of a document of
the same size: `sqlite3` in a thread with one transaction each (WAL, synchronous=FULL), motor with w:majority, j:true.
MongoDB is left out, with a line on stderr, where there is no `mongod`. CPU is that of this process alone.
"""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from bot.document import dump
from bot.mongo import MongoStore
from bot.mongo.link import Link
from bot.sqlite import SqliteStore
from bot.sqlite.schema import connect
from bot.store import Store
from tests.mongod import Node, find_mongod, free_ports, wait_for
from tests.stores.making import LEASE_S, a_turn, answered

TASKS = 32
Job = Callable[[int], Awaitable[Any]]
Figures = dict[str, float]


async def measure(job: Job, seconds: float) -> Figures:
    """Jobs per second and CPU per job, with `TASKS` of them at a time; each gets a number of its own."""
    numbers, done = count(), 0
    cpu, began = time.process_time(), time.perf_counter()

    async def work() -> None:
        nonlocal done
        while time.perf_counter() - began < seconds:
            await job(next(numbers))
            done += 1

    await asyncio.gather(*(work() for _ in range(TASKS)))
    took = time.perf_counter() - began
    return {"per_s": round(done / took), "cpu_us": round((time.process_time() - cpu) / done * 1e6)}


async def of_store(store: Store, seconds: float) -> dict[str, Any]:
    async def accept(number: int) -> None:
        await store.accept(a_turn(f"a{number}", user=f"u{number % 500}"))

    async def think(number: int) -> None:
        conversation = f"c{number}"
        turn = await store.accept(a_turn("m", user=conversation))
        taken = await store.take(turn.conversation, "w", LEASE_S)
        assert taken is not None
        assert await store.commit(taken[0], answered(turn), release=True)

    figures: dict[str, Any] = {"accept": await measure(accept, seconds)}
    before = store.operations
    figures["accept_take_commit"] = await measure(think, seconds)
    turns = await store.count("ready")
    figures["operations_per_turn_until_ready"] = round((store.operations - before) / turns, 2)
    return figures


async def bare_sqlite(folder: Path, seconds: float) -> dict[str, Any]:
    db = connect(folder / "bare.db")
    db.execute("CREATE TABLE docs (id TEXT PRIMARY KEY, rev INTEGER, doc BLOB)")
    document = dump(a_turn().to_dict())
    with ThreadPoolExecutor(1) as thread:

        def insert(number: int) -> None:
            db.execute("INSERT INTO docs VALUES (?, 0, ?)", (str(number), document))

        def read_and_update(number: int) -> None:
            (rev,) = db.execute("SELECT rev FROM docs WHERE id = ?", (str(number % TASKS),)).fetchone()
            db.execute(
                "UPDATE docs SET rev = rev + 1, doc = ? WHERE id = ? AND rev = ?", (document, str(number % TASKS), rev)
            )

        def threaded(job: Callable[[int], None]) -> Job:
            return lambda number: asyncio.get_running_loop().run_in_executor(thread, job, number)

        figures = {"insert": await measure(threaded(insert), seconds)}
        figures["read_update"] = await measure(threaded(read_and_update), seconds)
    db.close()
    return figures


async def bare_motor(url: str, seconds: float) -> dict[str, Any]:
    link = Link(url, "bare", 10)
    document = a_turn().to_dict()

    async def insert(number: int) -> None:
        await link["docs"].insert_one({**document, "_id": number, "rev": 0})

    async def read_and_update(number: int) -> None:
        found = await link["docs"].find_one({"_id": number % TASKS})
        assert found is not None
        await link["docs"].update_one({"_id": found["_id"], "rev": found["rev"]}, {"$inc": {"rev": 1}})

    figures = {"insert": await measure(insert, seconds)}
    figures["read_update"] = await measure(read_and_update, seconds)
    link.close()
    return figures


@contextmanager
def a_mongod(folder: Path) -> Iterator[str | None]:
    binary = find_mongod()
    if binary is None:
        print("no mongod found: MongoDB is left out", file=sys.stderr)
        yield None
        return
    node = Node(binary, folder, free_ports(1)[0])
    node.start()
    try:
        wait_for(node.up)
        yield f"mongodb://{node.address}"
    finally:
        node.kill()


@asynccontextmanager
async def opened(store: Store) -> AsyncIterator[Store]:
    await store.open()
    yield store
    await store.close()


async def run(folder: Path, url: str | None, seconds: float) -> dict[str, Any]:
    figures: dict[str, Any] = {"tasks": TASKS, "cpus": os.cpu_count(), "sqlite": sqlite3.sqlite_version}
    figures["bare_sqlite3"] = await bare_sqlite(folder, seconds)
    async with opened(SqliteStore(folder / "store.db")) as store:
        figures["sqlite_store"] = await of_store(store, seconds)
    if url:
        figures["bare_motor"] = await bare_motor(url, seconds)
        async with opened(MongoStore(url, "store")) as store:
            figures["mongo_store"] = await of_store(store, seconds)
    return figures


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    with tempfile.TemporaryDirectory() as name, a_mongod(Path(name) / "mongod") as url:
        print(json.dumps(asyncio.run(run(Path(name), url, seconds)), indent=2))


if __name__ == "__main__":
    main()
