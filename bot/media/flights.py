"""One task per key at a time in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """Who asks for what is under way waits for it; it goes on where they stop waiting."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[T]] = {}

    async def join(self, key: str, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the task of `key` gives, or raises; `start` begins it where there is none."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(start())
            task.add_done_callback(lambda ended: self._land(key, ended))
        return await asyncio.shield(task)

    def _land(self, key: str, ended: asyncio.Task[T]) -> None:
        del self._tasks[key]
        if not ended.cancelled():
            ended.exception()  # seen, even where nobody waits any more

    async def close(self) -> None:
        """End what is under way."""
        tasks = tuple(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
