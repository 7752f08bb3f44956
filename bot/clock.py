"""The store's clock, without asking the store each time."""

from __future__ import annotations

from collections.abc import Callable

from bot.store import Store


class StoreClock:
    """Our own clock, set by the store's: leases and claims of all processes are measured by one."""

    def __init__(self, own: Callable[[], float]) -> None:
        self._own = own
        self._ahead = 0.0

    def __call__(self) -> float:
        return self._own() + self._ahead

    async def set_by(self, store: Store) -> None:
        before = self._own()
        theirs = await store.now()
        self._ahead = theirs - (before + self._own()) / 2
