"""Accounts that were found not to be allowed to push (`push: auto`): learned of the vendor's refusal, shared through
the store, forgotten after a day."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from adapters.channel import Token
from bot.log import Log
from bot.store import Store
from bot.ways import Key, Outlet, Ways

MUTED_S = 24 * 3600.0
"""After how long an account that was not allowed to push is tried again."""
MAY, MAY_NOT = "may", "may not"


class Muting:
    """Keeps `Ways.mute`."""

    def __init__(self, store: Store, ways: Ways, clock: Callable[[], float], log: Log) -> None:
        self._store, self._ways, self._clock, self._log = store, ways, clock, log

    async def learn(self, outlets: Mapping[Key, Outlet]) -> None:
        """Take over from the store which accounts were found not to be allowed to push, and which may again."""
        for key, outlet in outlets.items():
            if outlet.learns:
                word = await may_push(self._store, key, self._clock)
                (self._ways.mute.add if word.value == MAY_NOT else self._ways.mute.discard)(key)

    async def mute(self, key: Key) -> None:
        self._ways.mute.add(key)
        await self._store.get(_flag(key), _word(MAY_NOT, self._clock), stale=MAY)
        self._log.warning("the account may not push (errcode 48001): answers go out in responses only", account=key)


async def may_push(store: Store, key: Key, clock: Callable[[], float]) -> Token:
    """What was learned of an account: `MAY` or `MAY_NOT`."""
    return await store.get(_flag(key), _word(MAY, clock))


def _word(word: str, clock: Callable[[], float]) -> Callable[[], Awaitable[Token]]:
    async def fetch() -> Token:
        return Token(word, clock() + MUTED_S)

    return fetch


def _flag(key: Key) -> str:
    return f"may-push/{key[0]}/{key[1]}"
