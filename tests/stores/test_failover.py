"""A replica set loses its primary while turns come and go: what was acknowledged stays, and nothing hangs."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import pytest

from adapters.message import Text
from bot.feed import Watch
from bot.mongo import MongoStore
from bot.store import StoreDown
from bot.turn import Thought, Turn
from flows.state import Dialogue
from tests.conftest import database_of
from tests.mongod import Node, ReplicaSet, wait_for
from tests.stores.making import LEASE_S, PUSH, a_turn, there

T = TypeVar("T")

TIMEOUT_S = 3.0
CUSTOMERS = 4
CALM_S = 0.5
"""Traffic before the fault, and after it is survived."""

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
def cluster(replica_set: ReplicaSet) -> Iterator[ReplicaSet]:
    yield replica_set
    replica_set.heal()


@pytest.fixture
def database(cluster: ReplicaSet) -> Iterator[tuple[str, str]]:
    databases = database_of(cluster.url)
    yield next(databases)
    cluster.heal()
    next(databases, None)


@pytest.fixture
async def store(database: tuple[str, str]) -> AsyncIterator[MongoStore]:
    store = MongoStore(*database, timeout_s=TIMEOUT_S)
    await store.open()
    yield store
    await store.close()


class Traffic:
    """Customers who go on and on, and a worker who answers them; each repeats what was not acknowledged."""

    def __init__(self, store: MongoStore) -> None:
        self.store = store
        self.acknowledged: dict[str, tuple[Text, ...]] = {}
        self.turns = 0
        self.slowest_s = 0.0
        self.over = False
        self._through = asyncio.Condition()

    async def customer(self, user: str) -> int:
        """How many turns it came to."""
        number = 0
        while not self.over:
            number += 1
            turn = a_turn(f"m{number:05}", float(number), user=user)
            while not await self._attempt(turn):
                pass
            async with self._through:
                self.turns += 1
                self._through.notify_all()
        return number

    async def _attempt(self, turn: Turn) -> bool:
        try:
            accepted = await self._timed(self.store.accept(turn))
            return accepted.status != "new" or await self._answer(accepted)
        except StoreDown:
            await asyncio.sleep(0.02)
            return False

    async def _answer(self, turn: Turn) -> bool:
        taken = await self._timed(self.store.take(turn.conversation, "w1", LEASE_S))
        assert taken is not None
        session = taken[0]
        count = int(session.dialogue.slots.get("count", 0)) + 1
        thought = session.done.get(turn.id, Thought(replies=(Text(f"no. {count}"),)))
        if turn.id not in session.done:
            session = replace(session, dialogue=Dialogue(slots={"count": count}))
        committed = await self._timed(self.store.commit(session, thought.on(turn)))
        if committed:
            self.acknowledged[turn.id] = tuple(text for text in thought.replies if isinstance(text, Text))
        return committed

    async def _timed(self, operation: Awaitable[T]) -> T:
        began = time.monotonic()
        try:
            return await operation
        finally:
            self.slowest_s = max(self.slowest_s, time.monotonic() - began)

    async def goes_on(self) -> None:
        """Some more turns of every customer are through."""
        aim = self.turns + 5 * CUSTOMERS
        async with asyncio.timeout(30), self._through:
            await self._through.wait_for(lambda: self.turns >= aim)


def kill(primary: Node, _: ReplicaSet) -> None:
    primary.kill()


def freeze(primary: Node, _: ReplicaSet) -> None:
    primary.signal(signal.SIGSTOP)


def step_down(_: Node, cluster: ReplicaSet) -> None:
    cluster.step_down()


@pytest.mark.parametrize("fault", [kill, freeze, step_down])
async def test_losing_the_primary_loses_nothing_and_hangs_nobody(
    fault: Callable[[Node, ReplicaSet], None], cluster: ReplicaSet, store: MongoStore
) -> None:
    traffic, watch = Traffic(store), store.watch()
    customers = [asyncio.create_task(traffic.customer(f"u{number}")) for number in range(CUSTOMERS)]
    await asyncio.sleep(CALM_S)
    primary = await asyncio.to_thread(wait_for, cluster.primary)
    await asyncio.to_thread(fault, primary, cluster)
    await traffic.goes_on()
    await asyncio.sleep(CALM_S)
    traffic.over = True
    counts = await asyncio.gather(*customers)

    assert traffic.slowest_s <= TIMEOUT_S + 1
    for turn_id, said in traffic.acknowledged.items():
        turn = await there(store, turn_id)
        assert (turn.status, turn.replies) == ("ready", said)
    for number, count in enumerate(counts):
        conversation = a_turn(user=f"u{number}").conversation
        assert len(await store.turns(conversation, limit=10_000)) == count
        session = await store.session(conversation)
        assert session is not None
        assert (session.rev, session.dialogue.slots) == (count, {"count": count}), "each turn is committed once"
    await sees_what_comes_after(watch, store)


async def sees_what_comes_after(watch: Watch, store: MongoStore) -> None:
    late = await store.accept(a_turn("late", user="late"))
    async with asyncio.timeout(10):
        while (await anext(watch)).id != late.id:
            pass


async def test_a_frozen_set_is_down_within_the_time_out_and_works_again_afterwards(
    cluster: ReplicaSet, store: MongoStore
) -> None:
    turn = await store.accept(a_turn())
    for node in cluster.nodes:
        node.signal(signal.SIGSTOP)
    began = time.monotonic()
    failed = await asyncio.gather(
        *(store.accept(a_turn(f"m{number}")) for number in range(40)),
        store.turn(turn.id),
        store.take(turn.conversation, "w1", LEASE_S),
        store.claim(turn.id, PUSH, 0),
        store.stalled(),
        return_exceptions=True,
    )
    assert time.monotonic() - began <= TIMEOUT_S + 1
    assert {type(error) for error in failed} == {StoreDown}
    await asyncio.to_thread(cluster.heal)
    assert await store.accept(a_turn()) == turn
