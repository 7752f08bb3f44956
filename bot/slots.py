"""How many streamed answers to one sender are being polled for at a time, counted over all processes."""

from __future__ import annotations

from adapters.channel import Streaming
from bot.store import Store
from bot.turn import Turn


class Slots:
    """A vendor polls for a few answers to one sender at a time: each has a slot, a lease that ends by itself when the
    vendor stops polling."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(self, channel: Streaming, turn: Turn) -> bool:
        """Whether the answer of `turn` may be polled for. Raises `StoreDown`."""
        if not channel.most_open:
            return True
        for key in _keys(channel, turn):
            if await self._store.hold(key, turn.id, channel.stream_s):
                return True
        return False

    async def free(self, channel: Streaming, turn: Turn) -> None:
        """It is answered. Raises `StoreDown`."""
        for key in _keys(channel, turn):
            await self._store.hold(key, turn.id, 0)


def _keys(channel: Streaming, turn: Turn) -> list[str]:
    address = turn.address
    sender = (turn.message.sender if turn.message else "") or address.user or address.chat
    return [f"stream/{address.channel}/{address.account}/{sender}/{n}" for n in range(channel.most_open)]
