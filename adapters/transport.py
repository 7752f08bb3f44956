"""Sends a rendered push and says what the vendor made of it. The only place that speaks HTTP to vendors."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import aiohttp

from adapters.channel import Channel, Judgement, Outgoing, Pushing, Token, TokenVault

TIMEOUT_S = 10.0
MAX_ANSWER_BYTES = 64 * 1024
CHUNK_BYTES = 8192


class _NoToken(Exception):
    """There is no access token to be had; `judgement` says why."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(judgement.reason)
        self.judgement = judgement


class HttpTransport:
    """`vault` shares the access tokens with every other process; `clock` gives epoch seconds.

    No URL, token or secret reaches a `Judgement`, an exception or a log.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        vault: TokenVault,
        clock: Callable[[], float],
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._session = session
        self._vault = vault
        self._clock = clock
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)

    async def post(self, channel: Channel, outgoing: Outgoing) -> Judgement:
        """Send once; where the vendor says that the token is stale, refresh it once and send once more."""
        if not isinstance(channel, Pushing):
            return Judgement("config", f"the channel {channel.name} cannot push")
        try:
            token = await self._token(channel)
            first = await self._send(channel, outgoing, token)
            if first.verdict != "refresh":
                return first
            second = await self._send(channel, outgoing, await self._token(channel, stale=token.value))
        except _NoToken as error:
            return error.judgement
        if second.verdict == "refresh":
            return Judgement("config", f"a fresh access token is refused as well: {second.reason}", second.code)
        return second

    async def _token(self, channel: Pushing, stale: str | None = None) -> Token:
        async def fetch() -> Token:
            status, body = await self._exchange(channel.token_request())
            if status != 200:
                verdict = channel.judge(status, body)
                raise _NoToken(Judgement(verdict.verdict, f"no access token: {verdict.reason}", verdict.code))
            token = channel.token_of(body, self._clock())
            if isinstance(token, Judgement):
                raise _NoToken(token)
            return token

        return await self._vault.get(channel.token_key, fetch, stale)

    async def _send(self, channel: Pushing, outgoing: Outgoing, token: Token) -> Judgement:
        try:
            status, body = await self._exchange(channel.with_token(outgoing, token.value))
        except _NoToken as error:
            return error.judgement
        return channel.judge(status, body)

    async def _exchange(self, outgoing: Outgoing) -> tuple[int, bytes]:
        """Status and body of one call. Raises `_NoToken` with verdict retry for whatever the network does."""
        headers = {"Content-Type": outgoing.content_type, **outgoing.headers}
        try:
            async with self._session.request(
                outgoing.method, outgoing.url, data=outgoing.body, headers=headers, timeout=self._timeout
            ) as response:
                body = b""
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        break
                return response.status, body
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # the error's own words may hold the URL, and with it the token
            where = urlsplit(outgoing.url).hostname
            reason = f"{where} is not reached ({type(error).__name__})"
        raise _NoToken(Judgement("retry", reason, "network"))
