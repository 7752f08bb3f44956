"""How changed turns reach those who watch: a store reads them once, each watcher gets the newest state of each."""

from __future__ import annotations

import asyncio
from weakref import WeakSet

from bot.turn import Turn

MAX_PENDING = 10_000
"""Turns that wait for a slow watcher; beyond it the oldest are dropped."""


class Watch:
    """An async iterator over changed turns. One that changes again before it was taken is given once, as it is now."""

    def __init__(self, conversation: str = "") -> None:
        self.conversation = conversation
        self._pending: dict[str, Turn] = {}
        self._stir = asyncio.Event()
        self._closed = False

    def wants(self, conversation: str) -> bool:
        return not self._closed and self.conversation in ("", conversation)

    def put(self, turn: Turn) -> None:
        self._pending.pop(turn.id, None)
        self._pending[turn.id] = turn
        if len(self._pending) > MAX_PENDING:
            del self._pending[next(iter(self._pending))]
        self._stir.set()

    def close(self) -> None:
        self._closed = True
        self._stir.set()

    async def aclose(self) -> None:
        self.close()

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> Turn:
        while not self._pending:
            if self._closed:
                raise StopAsyncIteration
            self._stir.clear()
            await self._stir.wait()
        return self._pending.pop(next(iter(self._pending)))


class Feed:
    """The watchers of one store. A watcher that nobody holds any more is forgotten by itself."""

    def __init__(self) -> None:
        self._watches: WeakSet[Watch] = WeakSet()

    def subscribe(self, conversation: str = "") -> Watch:
        watch = Watch(conversation)
        self._watches.add(watch)
        return watch

    def wants(self, conversation: str) -> bool:
        """Is it worth reading a changed turn of this conversation?"""
        return any(watch.wants(conversation) for watch in self._watches)

    @property
    def watched(self) -> bool:
        return any(not watch._closed for watch in self._watches)

    def publish(self, turn: Turn) -> None:
        for watch in list(self._watches):
            if watch.wants(turn.conversation):
                watch.put(turn)

    def close(self) -> None:
        for watch in list(self._watches):
            watch.close()
