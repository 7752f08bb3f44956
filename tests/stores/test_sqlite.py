"""What is SQLite's own: several processes on one file, its clock, its file, its schema."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.channel import Token
from bot.sqlite import SqliteStore
from bot.sqlite.lane import Operation
from bot.sqlite.schema import MIGRATIONS
from bot.store import StoreDown
from tests.stores.making import CONVERSATION, LEASE_S, PUSH, a_turn, answered, leased, name, oldest_new, ready

ROOT = Path(__file__).parents[2]


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def store(tmp_path: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.db", clock)
    await store.open()
    yield store
    await store.close()


async def child(path: Path, *words: str) -> asyncio.subprocess.Process:
    """`tests/stores/clerk.py` on the same file."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.stores.clerk", str(path), *words, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )


async def test_processes_that_write_together_lose_nothing_and_commit_once(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    clerks = [await child(path, f"w{number}", "100") for number in range(3)]
    said = await asyncio.gather(*(clerk.communicate() for clerk in clerks))
    assert [clerk.returncode for clerk in clerks] == [0, 0, 0]
    commits = [line for output, _ in said for line in output.decode().split()]
    store = SqliteStore(path)
    await store.open()
    turns = [turn async for turn in store.export()]
    await store.close()
    assert len(turns) == 100
    assert {turn.status for turn in turns} == {"sent"}
    assert sorted(commits) == sorted(turn.id for turn in turns), "each turn was committed by one process"


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    clerk = await child(path, "accept-for-ever")
    assert clerk.stdout is not None
    acknowledged = [(await clerk.stdout.readline()).decode().strip() for _ in range(200)]
    os.kill(clerk.pid, signal.SIGKILL)
    acknowledged += (await clerk.stdout.read()).decode().split("\n")[:-1]
    await clerk.wait()
    store = SqliteStore(path)
    await store.open()
    kept = {turn.id async for turn in store.export()}
    await store.close()
    assert set(acknowledged) <= kept


async def test_changes_of_another_process_reach_a_watcher(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    watch = store.watch()
    clerk = await child(path, "w1", "5")
    async with asyncio.timeout(20):
        seen = {(await anext(watch)).id for _ in range(5)}
    assert seen <= {turn.id async for turn in store.export()}
    await clerk.communicate()
    await store.close()


async def test_leases_quotas_and_retention_follow_the_clock_that_is_given(store: SqliteStore, clock: Clock) -> None:
    turn = await store.accept(a_turn(due=clock.now + 60))
    assert turn.accepted == clock.now
    await leased(store)
    assert await store.spend("k", 1, 60)
    assert await store.stalled() == []
    assert await oldest_new(store) is None
    clock.now += 61
    assert await store.stalled() == [CONVERSATION]
    assert await store.spend("k", 1, 60)
    assert await store.lease(CONVERSATION, "w2", LEASE_S)
    await store.release(CONVERSATION, "w2")
    assert await oldest_new(store) == turn


async def test_a_token_is_renewed_early_but_its_old_value_serves_while_the_vendor_is_away(
    store: SqliteStore, clock: Clock
) -> None:
    async def first() -> Token:
        return Token("first", clock.now + 7200)

    async def away() -> Token:
        raise ConnectionError("no answer")

    async def second() -> Token:
        return Token("second", clock.now + 7200)

    assert (await store.get("k", first)).value == "first"
    clock.now += 7200 - 299
    assert (await store.get("k", away)).value == "first"
    assert (await store.get("k", second)).value == "second"
    clock.now += 7201
    with pytest.raises(ConnectionError):
        await store.get("k", away)


async def test_of_a_batch_one_bad_operation_undoes_only_itself(store: SqliteStore) -> None:
    def bad(db: sqlite3.Connection) -> None:
        db.execute("UPDATE turns SET status = 'dead'")
        db.execute("INSERT INTO turns (id) VALUES (NULL)")

    results = await asyncio.gather(
        store.accept(a_turn("a")), store._write(bad), store.accept(a_turn("b")), return_exceptions=True
    )
    assert isinstance(results[1], StoreDown)
    assert [(name(turn), turn.status) async for turn in store.export()] == [("a", "new"), ("b", "new")]


async def test_nobody_else_may_read_the_file(store: SqliteStore) -> None:
    await store.accept(a_turn())
    for file in store.path.parent.glob("store.db*"):
        assert file.stat().st_mode & 0o077 == 0, file.name


async def test_it_is_on_disk_before_it_is_acknowledged(store: SqliteStore) -> None:
    def pragma(name: str) -> Operation[str | int]:
        return lambda db: db.execute(f"PRAGMA {name}").fetchone()[0]

    assert await store._write(pragma("journal_mode")) == "wal"
    assert await store._write(pragma("synchronous")) == 2, "FULL"


async def test_a_file_that_is_no_database_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_text("我不是数据库" * 1000)
    with pytest.raises(StoreDown, match=r"cannot open the SQLite store .*store\.db: file is not a database\. Check"):
        await SqliteStore(path).open()


async def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreDown, match=r"cannot open the SQLite store .*Check that its folder"):
        await SqliteStore(tmp_path / "file" / "store.db").open()


async def test_a_database_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = SqliteStore(path)
    await store.open()
    await store.close()
    with sqlite3.connect(path) as db:
        db.execute("INSERT INTO migrations VALUES (?, 0)", (len(MIGRATIONS) + 1,))
    db.close()
    with pytest.raises(StoreDown, match=rf"tables are of version {len(MIGRATIONS) + 1}"):
        await store.open()


async def test_a_database_of_this_version_is_opened_as_it_is(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    for _ in range(2):
        await store.open()
        turn = await store.accept(a_turn())
        await store.close()
    await store.open()
    assert [each async for each in store.export()] == [turn]
    await store.close()


async def test_a_locked_file_is_down_and_works_again_afterwards(store: SqliteStore) -> None:
    await store._write(lambda db: db.execute("PRAGMA busy_timeout = 50").fetchall())
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreDown, match="database is locked"):
        await store.accept(a_turn())
    other.execute("ROLLBACK")
    other.close()
    assert (await ready(store, a_turn())).status == "ready"


async def test_a_store_that_is_not_open_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    with pytest.raises(StoreDown, match="is not open"):
        await store.accept(a_turn())
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreDown, match="is not open"):
        await store.turn("t")


async def test_an_answered_turn_costs_four_operations(store: SqliteStore, clock: Clock) -> None:
    turn = await store.accept(a_turn())
    taken = await store.take(CONVERSATION, "w1", LEASE_S)
    assert taken is not None
    claimed = replace(answered(turn), status="sending", route=PUSH, until=clock.now + 5)
    assert await store.commit(taken[0], claimed, release=True)
    assert await store.finish(turn.id, "sent", held=claimed.until, shown=1)
    assert store.operations == 4
