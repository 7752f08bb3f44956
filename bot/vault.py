"""Access tokens in the store: read by every process, fetched by one caller at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol
from uuid import uuid4

from adapters.channel import Token

FETCH_LEASE_S = 15.0
"""How long one process may take over fetching before another tries."""
POLL_S = 0.05
CACHE_S = 5.0
"""For how long a token is used without asking the store again."""
EARLY_S = 300.0
"""A token is renewed this long before its end (a short-lived one: a tenth of its life before)."""

Fetch = Callable[[], Awaitable[Token]]


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token's row. Times are the store's clock but `token.expires_at`; `holder` fetches until `held_until`."""

    token: Token = field(repr=False)
    fetched_at: float
    holder: str = ""

    def lasts(self, now: float, stale: str | None) -> bool:
        """Good to use at `now`, and not the one that the vendor has just refused."""
        return self.token.expires_at > now and self.token.value not in ("", stale)

    def fresh(self, now: float, stale: str | None) -> bool:
        life = self.token.expires_at - self.fetched_at
        return self.lasts(now + min(EARLY_S, life / 10), stale)


class TokenTable(Protocol):
    """What the vault needs of a store. A missing row reads as an empty token."""

    async def now(self) -> float: ...

    async def read_token(self, key: str) -> StoredToken | None: ...

    async def hold_token(self, key: str, holder: str, seconds: float) -> StoredToken:
        """Become the one who fetches, unless another is at it; the row afterwards."""
        ...

    async def put_token(self, key: str, holder: str, token: Token | None) -> None:
        """Store what was fetched (None: nothing came) and let go, where `holder` still holds it."""
        ...


class Vault:
    """A `TokenVault` over a store's table."""

    def __init__(self, table: TokenTable) -> None:
        self._table = table
        self._cache: dict[str, tuple[float, StoredToken]] = {}
        self._flights: dict[tuple[str, str | None], asyncio.Future[Token]] = {}

    async def get(self, key: str, fetch: Fetch, stale: str | None = None) -> Token:
        """Errors of `fetch` reach every caller that waited for it; a token that is merely due for renewal is
        still given out where renewing fails."""
        cached_at, cached = self._cache.get(key, (-CACHE_S, None))
        if cached and time.monotonic() - cached_at < CACHE_S and cached.fresh(await self._table.now(), stale):
            return cached.token
        flight = self._flights.get((key, stale))
        if flight is None:
            # a task of its own: the caller who started it may be cancelled while others wait for it
            flight = self._flights[key, stale] = asyncio.ensure_future(self._renew(key, fetch, stale))
            flight.add_done_callback(lambda ended: self._land(key, stale, ended))
        return await asyncio.shield(flight)

    def _land(self, key: str, stale: str | None, ended: asyncio.Future[Token]) -> None:
        del self._flights[key, stale]
        if not ended.cancelled():
            ended.exception()  # seen, even where every caller has gone

    async def _renew(self, key: str, fetch: Fetch, stale: str | None) -> Token:
        began, holder = await self._table.now(), uuid4().hex
        row = await self._table.read_token(key)
        while True:
            now = await self._table.now()
            if row and (row.fresh(now, stale) or (row.fetched_at > began and row.lasts(now, None))):
                return self._remember(key, row)
            row = await self._table.hold_token(key, holder, FETCH_LEASE_S)
            if row.holder == holder:
                if row.fresh(now, stale):
                    await self._table.put_token(key, holder, None)
                    return self._remember(key, row)
                return await self._fetch(key, holder, fetch, row if row.lasts(now, stale) else None)
            if row.lasts(now, stale):
                return row.token
            await asyncio.sleep(POLL_S)

    async def _fetch(self, key: str, holder: str, fetch: Fetch, current: StoredToken | None) -> Token:
        try:
            token = await fetch()
        except BaseException as error:
            await self._table.put_token(key, holder, None)
            if current and isinstance(error, Exception):
                return current.token
            raise
        await self._table.put_token(key, holder, token)
        return self._remember(key, StoredToken(token, await self._table.now()))

    def _remember(self, key: str, row: StoredToken) -> Token:
        self._cache[key] = (time.monotonic(), row)
        return row.token
