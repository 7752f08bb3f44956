"""A process that works on an SQLite file.

`python -m tests.stores.clerk FILE WORKER COUNT` accepts COUNT turns (the same ones in every process), then answers what
is open, printing what it committed; `FILE accept-for-ever` accepts turns and prints those acknowledged.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from itertools import count

from bot.sqlite import SqliteStore
from bot.store import Store
from tests.stores.making import LEASE_S, a_turn, answered

CUSTOMERS = 5


async def work(store: Store, worker: str, turns: int) -> None:
    await asyncio.gather(*(store.accept(a_turn(f"m{n}", float(n), user=f"u{n % CUSTOMERS}")) for n in range(turns)))
    while conversations := await open_ones(store):
        for conversation in conversations:
            await answer_one(store, conversation, worker)


async def open_ones(store: Store) -> set[str]:
    return {turn.conversation async for turn in store.export(status=("new",))}


async def answer_one(store: Store, conversation: str, worker: str) -> None:
    if taken := await store.take(conversation, worker, LEASE_S):
        session, waiting = taken
        turn = next((turn for turn in waiting if turn.status == "new"), None)
        if turn and await store.commit(session, replace(answered(turn), status="sent")):
            print(turn.id, flush=True)
        await store.release(conversation, worker)


async def accept_for_ever(store: Store) -> None:
    for number in count():
        print((await store.accept(a_turn(f"m{number}"))).id, flush=True)


async def main(path: str, task: str, turns: str = "0") -> None:
    store = SqliteStore(path)
    await store.open()
    await (accept_for_ever(store) if task == "accept-for-ever" else work(store, task, int(turns)))
    await store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
