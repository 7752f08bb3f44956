"""The responses that are open in this process, by the turn that they wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from bot.store import Store
from bot.turn import Turn

PATIENCE_S = 0.15
"""How long to wait for our own worker before also listening to what other processes write."""


Future = asyncio.Future[Turn]


class Windows:
    """Who waits for which turn. Open the window before the turn is accepted: it may be settled at any moment after."""

    def __init__(self, store: Store, worker: str) -> None:
        self._store = store
        self._worker = worker
        self._open: dict[str, list[Future]] = {}

    def is_open(self, turn_id: str) -> bool:
        return turn_id in self._open

    def settle(self, turn: Turn) -> bool:
        """Wake whoever waits for `turn`. False where nobody waits any more."""
        waiting = [future for future in self._open.get(turn.id, ()) if not future.done()]
        for future in waiting:
            future.set_result(turn)
        return bool(waiting)

    @contextmanager
    def open(self, turn_id: str) -> Iterator[Future]:
        future: Future = asyncio.get_running_loop().create_future()
        self._open.setdefault(turn_id, []).append(future)
        try:
            yield future
        finally:
            future.cancel()
            self._open[turn_id].remove(future)
            if not self._open[turn_id]:
                del self._open[turn_id]

    async def wait(self, future: Future, turn_id: str, seconds: float) -> Turn | None:
        """The turn as soon as it is no longer new, whichever process thinks about it; None after `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(deadline):
                done, _ = await asyncio.wait([future], timeout=min(PATIENCE_S, seconds))
                if done:
                    return future.result()
                return await self._listen(future, turn_id)
        except TimeoutError:
            return future.result() if future.done() and not future.cancelled() else None

    async def _listen(self, future: Future, turn_id: str) -> Turn:
        elsewhere = asyncio.create_task(self._elsewhere(turn_id))
        elsewhere.add_done_callback(lambda task: _wake(future, task))
        try:
            return await future
        finally:
            elsewhere.cancel()

    async def _elsewhere(self, turn_id: str) -> Turn:
        # The watch starts with this call; what was written before it is read once.
        changes = self._store.watch(turn_id.rpartition("/")[0])
        turn = await self._store.turn(turn_id)
        while turn is None or turn.id != turn_id or turn.status == "new" or self._ours(turn):
            turn = await anext(changes)
        return turn

    def _ours(self, turn: Turn) -> bool:
        """Claimed by our own worker, who settles it in a moment: seen here first, it would lose its owner."""
        return turn.status == "sending" and turn.route is not None and turn.route.data.get("by") == self._worker


def _wake(future: Future, elsewhere: asyncio.Task[Turn]) -> None:
    if elsewhere.cancelled() or future.done():
        return
    if error := elsewhere.exception():
        future.set_exception(error)
    else:
        future.set_result(elsewhere.result())
