"""What every simulated API has: a server on the loopback, access tokens that end, and errors by script."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Middleware

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class ApiServer:
    """`calls` counts requests by endpoint, refused ones too. Not frozen: it is a vendor's memory."""

    clock: Callable[[], float] = time.time
    host: str = "127.0.0.1"
    port: int = 0
    token_s: int = 7200
    calls: Counter[str] = field(default_factory=Counter)
    middlewares: tuple[Middleware, ...] = ()
    """Around every request: to watch what goes over the wire."""

    def __post_init__(self) -> None:
        self._script: dict[str, deque[int]] = {}
        self._tokens: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._runner: web.AppRunner | None = None

    def routes(self) -> list[web.RouteDef]:
        """The endpoints."""
        raise NotImplementedError

    def error(self, code: int) -> web.Response:
        """The vendor's answer with an error code."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=32 << 20, middlewares=self.middlewares)
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.port).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def fail(self, endpoint: str, code: int, times: int = 1) -> None:
        """The next calls of `endpoint` are answered with an error code, or an HTTP status (400 to 599)."""
        self._script.setdefault(endpoint, deque()).extend([code] * times)

    def scripted(self, endpoint: str) -> web.Response | None:
        """The answer that the script has for this call, if any."""
        self.calls[endpoint] += 1
        if not self._script.get(endpoint):
            return None
        code = self._script[endpoint].popleft()
        return web.Response(status=code) if 400 <= code <= 599 else self.error(code)

    def expire_tokens(self) -> None:
        self._tokens = dict.fromkeys(self._tokens, 0.0)

    def give_token(self) -> tuple[str, int]:
        """An access token and for how many seconds it is good; the same while it is."""
        now = self.clock()
        token = next((token for token, until in self._tokens.items() if until > now), "") or secrets.token_urlsafe(48)
        self._tokens.setdefault(token, now + self.token_s)
        return token, int(self._tokens[token] - now)

    def holds(self, token: str) -> bool:
        """Whether `token` was given out and has not ended."""
        return self._tokens.get(token, 0.0) > self.clock()

    def changed(self) -> None:
        """Wake who waits in `until`."""
        self._changed.set()

    async def until(self, true: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Wait until `true()`. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not true():
                self._changed.clear()
                await self._changed.wait()
