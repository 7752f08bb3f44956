"""What is MongoDB's own: answers that are lost on the way, errors that keep secrets, commands and their indexes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from pymongo import MongoClient

from adapters.message import Text
from bot.mongo import MongoStore
from bot.mongo.documents import hidden
from bot.store import StoreDown
from bot.turn import Thought
from flows.state import Dialogue
from tests.conftest import database_of
from tests.mongod import ReplicaSet
from tests.stores.making import CONVERSATION, LEASE_S, PUSH, a_turn, answered, leased, ready, there


@pytest.fixture
def database(replica_set: ReplicaSet) -> Iterator[tuple[str, str]]:
    yield from database_of(replica_set.url)


@pytest.fixture
async def store(database: tuple[str, str]) -> AsyncIterator[MongoStore]:
    store = MongoStore(*database, timeout_s=1.5)
    await store.open()
    yield store
    await store.close()


@contextmanager
def failing(url: str, command: str, *, skip: int = 0, **how: Any) -> Iterator[None]:
    """Make `command` of our stores fail on the primary, after `skip` good ones, however often the driver repeats it."""
    with MongoClient[dict[str, Any]](url) as client:
        point = {"failCommands": [command], "appName": "yingda", **how}
        mode = {"skip": skip} if skip else "alwaysOn"
        client.admin.command({"configureFailPoint": "failCommand", "mode": mode, "data": point})
        try:
            yield
        finally:
            client.admin.command({"configureFailPoint": "failCommand", "mode": "off"})


async def test_a_commit_whose_second_half_failed_is_completed_by_its_repeat(
    store: MongoStore, database: tuple[str, str]
) -> None:
    turn = await store.accept(a_turn())
    session = replace(await leased(store), dialogue=Dialogue(slots={"order": 1}))
    with failing(database[0], "update", skip=1, closeConnection=True), pytest.raises(StoreDown):
        await store.commit(session, answered(turn))
    assert (await there(store, turn.id)).status == "new"
    assert (await leased(store)).done == {turn.id: Thought(replies=(Text("好的"),))}
    assert await store.commit(session, answered(turn))
    assert (await there(store, turn.id)).replies == (Text("好的"),)
    assert (await leased(store)).rev == 1


async def test_a_worker_that_dies_between_the_halves_has_its_words_said_by_the_next(
    store: MongoStore, database: tuple[str, str]
) -> None:
    turn = await store.accept(a_turn())
    with failing(database[0], "update", skip=1, closeConnection=True), pytest.raises(StoreDown):
        await store.commit(await leased(store, "w1"), answered(turn, "first"), release=True)
    other = MongoStore(*database)
    await other.open()
    taken = await other.take(CONVERSATION, "w2", LEASE_S)
    assert taken is not None
    session, waiting = taken
    assert [each.id for each in waiting] == [turn.id]
    assert session.done == {turn.id: Thought(replies=(Text("first"),))}
    assert await other.commit(session, answered(turn, "second"), release=True)
    assert (await there(store, turn.id)).replies == (Text("first"),)
    assert (await leased(other)).done == {}, "pruned by the next write"
    await other.close()


async def test_done_that_another_process_left_is_pruned(store: MongoStore, database: tuple[str, str]) -> None:
    await ready(store, a_turn("m1", 1.0))
    other = MongoStore(*database)
    await other.open()
    turn = await other.accept(a_turn("m2", 2.0))
    taken = await other.take(CONVERSATION, "w2", LEASE_S)
    assert taken is not None
    assert set(taken[0].done) == {a_turn("m1").id}
    assert await other.commit(taken[0], answered(turn))
    assert set((await leased(store, "w2")).done) == {turn.id}
    await other.close()


async def test_a_database_that_goes_away_is_down_and_the_repeat_works(
    store: MongoStore, database: tuple[str, str]
) -> None:
    with failing(database[0], "findAndModify", closeConnection=True), pytest.raises(StoreDown):
        await store.accept(a_turn())
    turn = await store.accept(a_turn())
    assert await store.accept(a_turn()) == turn


async def test_a_majority_that_does_not_answer_is_down(store: MongoStore, database: tuple[str, str]) -> None:
    error = {"code": 64, "codeName": "WriteConcernFailed", "errmsg": "waiting for replication timed out"}
    with failing(database[0], "findAndModify", writeConcernError=error), pytest.raises(StoreDown):
        await store.accept(a_turn())


async def test_an_error_that_nobody_foresaw_is_down_too_and_told(store: MongoStore, database: tuple[str, str]) -> None:
    with failing(database[0], "findAndModify", errorCode=9), pytest.raises(StoreDown, match="failCommand"):
        await store.accept(a_turn())


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://alice:s3cret@127.0.0.1:1/?serverSelectionTimeoutMS=100",
        "mongodb://alice:s3cret@127.0.0.1:notaport/",
        "mongodb://alice:p@ss:s3cret@127.0.0.1/",
        "mongodb://alice:s3cret%@127.0.0.1/",
        "mongodb://alice:s3cret@127.0.0.1/?tls=maybe&tlsCertificateKeyFilePassword=s3cret",
    ],
)
async def test_no_secret_of_the_url_is_in_an_error(url: str) -> None:
    error = await refusal(url)
    assert error.__cause__ is None
    shown = f"{error} {error!r}"
    assert "alice" not in shown
    assert "s3cret" not in shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mongodb://u:p@h1:1,h2:2/db?replicaSet=rs&authSource=x", "mongodb://h1:1,h2:2/db"),
        ("mongodb+srv://u:p@cluster.example", "mongodb+srv://cluster.example"),
        ("mongodb://h", "mongodb://h"),
    ],
)
def test_of_a_url_hosts_and_path_are_shown(url: str, shown: str) -> None:
    assert hidden(url) == shown


async def test_a_wrong_password_is_one_clear_line(mongod_url: str) -> None:
    url = mongod_url.replace("mongodb://", "mongodb://alice:s3cret@", 1)
    assert "user name or password is wrong" in str(await refusal(url))


async def refusal(url: str) -> StoreDown:
    """What is said where a store of this URL is opened in vain."""
    with pytest.raises(StoreDown) as error:
        await opened_and_closed(url)
    return error.value


async def opened_and_closed(url: str) -> None:
    store = MongoStore(url, timeout_s=1)
    try:
        await store.open()
    finally:
        await store.close()


async def test_an_answered_turn_costs_six_commands(store: MongoStore) -> None:
    await store.now()
    before = store.operations
    turn = await store.accept(a_turn())
    taken = await store.take(CONVERSATION, "w1", LEASE_S)
    assert taken is not None
    claimed = replace(answered(turn), status="sending", route=PUSH, until=await store.now() + 5)
    assert await store.commit(taken[0], claimed, release=True)
    assert await store.finish(turn.id, "sent", held=claimed.until, shown=1)
    assert store.operations - before == 6


async def test_every_question_has_its_index(store: MongoStore, database: tuple[str, str]) -> None:
    """No query of the running service reads through all turns."""
    await ready(store, a_turn())
    with MongoClient[dict[str, Any]](database[0]) as client:
        db = client[database[1]]
        db.command("profile", 2)
        await store.unsent(CONVERSATION)
        await store.take(CONVERSATION, "w1", LEASE_S)
        await store.stalled()
        await store.turns(CONVERSATION)
        await store.conversations()
        await store.count("ready")
        await store.expire(1.0)
        assert [turn async for turn in store.export()]
        db.command("profile", 0)
        plans = [entry.get("planSummary", "") for entry in db["system.profile"].find({"ns": f"{database[1]}.turns"})]
    assert plans
    assert [plan for plan in plans if "COLLSCAN" in plan] == []
