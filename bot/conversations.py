"""One task per conversation at a time, started by a nudge, for as long as there is something to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bot.log import Log


class PerConversation:
    """Runs `work(conversation)` after each nudge: at once, or once more after the run that is under way."""

    def __init__(self, work: Callable[[str], Awaitable[None]], log: Log, limit: int = 256) -> None:
        self._work = work
        self._log = log
        self._slots = asyncio.Semaphore(limit)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def nudge(self, conversation: str) -> None:
        if conversation in self._tasks:
            self._again.add(conversation)
        else:
            self._tasks[conversation] = asyncio.create_task(self._run(conversation), name=conversation)

    def nudged(self, conversation: str) -> bool:
        """Whether there came a nudge since the run that is under way began."""
        return conversation in self._again

    async def drained(self, seconds: float) -> bool:
        """Wait until nothing is under way; what still is after `seconds` is cancelled, and False."""
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=seconds)
        late = list(self._tasks.values())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return not late

    async def _run(self, conversation: str) -> None:
        try:
            async with self._slots:
                while True:
                    self._again.discard(conversation)
                    await self._work(conversation)
                    if conversation not in self._again:
                        return
        except Exception:
            self._log.exception("unexpected error; the conversation is taken up again by the sweep")
        finally:
            self._again.discard(conversation)
            del self._tasks[conversation]
