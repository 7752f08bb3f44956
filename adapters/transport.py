"""Sends a rendered push and says what the vendor made of it. The only place that speaks HTTP to vendors."""

from __future__ import annotations

import io
from collections.abc import Callable
from urllib.parse import urlsplit

import aiohttp

from adapters.channel import (
    ANSWER_BYTES,
    LINK,
    Answer,
    Channel,
    Exchange,
    Judgement,
    Outgoing,
    Pushing,
    T,
    Token,
    TokenVault,
    Wires,
    Word,
)

TIMEOUT_S = 10.0
SLOWEST_BYTES_S = 128 * 1024
"""A call that carries media may take longer than `TIMEOUT_S`, by its size at this speed."""
CHUNK_BYTES = 8192
LARGE_BYTES = 512 * 1024
"""A longer body is written in pieces, so that other work goes on meanwhile."""


class _Refused(Exception):
    """A call came to nothing before the vendor judged it; `judgement` says why."""

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
        wires: Wires | None = None,
    ) -> None:
        """`wires` are the WebSocket links over which calls to `link:<frame id>` go."""
        self._session = session
        self._vault = vault
        self._clock = clock
        self._wires = wires
        self._timeout_s = timeout_s

    async def post(self, channel: Channel, outgoing: Outgoing) -> Judgement:
        """Send once; where the vendor says that the token is stale, refresh it once and send once more."""
        if not isinstance(channel, Pushing):
            return Judgement("config", f"the channel {channel.name} cannot push")
        if outgoing.url.startswith(LINK):
            return (await self._over_link(channel, outgoing)).judgement
        try:
            answer = await self._call(channel, outgoing)
        except _Refused as error:
            return error.judgement
        return channel.judge(answer.status, answer.body)

    async def run(self, channel: Channel, exchange: Exchange[T]) -> T | Judgement:
        """Each call as `post` sends it; what the exchange returns, or why it could not go on."""
        try:
            outgoing = next(exchange)
            while True:
                outgoing = exchange.send(await self._call(channel, outgoing))
        except StopIteration as end:
            result: T | Judgement = end.value
            return result
        except _Refused as error:
            exchange.close()
            return error.judgement

    async def _over_link(self, channel: Channel, outgoing: Outgoing) -> Word:
        if self._wires is None:
            return Word(Judgement("retry", f"there are no connections to {channel.name} here", "link"))
        return await self._wires.send(channel, outgoing)

    async def _call(self, channel: Channel, outgoing: Outgoing) -> Answer:
        if outgoing.url.startswith(LINK):
            word = await self._over_link(channel, outgoing)
            if not word.frame:
                raise _Refused(word.judgement)
            return Answer(200, word.frame.encode())
        if not outgoing.needs_token or not isinstance(channel, Pushing) or not channel.token_key:
            return await self._exchange(outgoing)
        token = await self._token(channel)
        first = await self._exchange(channel.with_token(outgoing, token.value))
        if _is_file(first) or channel.judge(first.status, first.body).verdict != "refresh":
            return first
        fresh = await self._token(channel, stale=token.value)
        second = await self._exchange(channel.with_token(outgoing, fresh.value))
        judged = channel.judge(second.status, second.body)
        if judged.verdict == "refresh":
            reason = f"a fresh access token is refused as well: {judged.reason}"
            raise _Refused(Judgement("config", reason, judged.code))
        return second

    async def _token(self, channel: Pushing, stale: str | None = None) -> Token:
        async def fetch() -> Token:
            answer = await self._exchange(channel.token_request())
            if answer.status != 200:
                verdict = channel.judge(answer.status, answer.body)
                raise _Refused(Judgement(verdict.verdict, f"no access token: {verdict.reason}", verdict.code))
            token = channel.token_of(answer.body, self._clock())
            if isinstance(token, Judgement):
                raise _Refused(token)
            return token

        return await self._vault.get(channel.token_key, fetch, stale)

    async def _exchange(self, outgoing: Outgoing) -> Answer:
        """Raises `_Refused` with verdict retry for whatever the network does."""
        typed = {"Content-Type": outgoing.content_type} if outgoing.content_type else {}
        headers, timeout = {**typed, **outgoing.headers}, aiohttp.ClientTimeout(total=self._seconds(outgoing))
        try:
            async with self._session.request(
                outgoing.method,
                outgoing.url,
                data=_payload(outgoing.body),
                headers=headers,
                timeout=timeout,
                allow_redirects=_may_move(outgoing),
            ) as response:
                body = bytearray()
                async for chunk in response.content.iter_chunked(CHUNK_BYTES):
                    body += chunk
                    if len(body) > outgoing.answer_bytes:
                        break
                return Answer(response.status, bytes(body), {k.lower(): v for k, v in response.headers.items()})
        except ValueError:  # no address, or a name that no resolver takes: that does not pass by waiting
            raise _Refused(Judgement("config", "it goes to what cannot be an address", "address")) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            # the error's own words may hold the URL, and with it the token
            where = urlsplit(outgoing.url).hostname
            reason = f"{where} is not reached ({type(error).__name__})"
        raise _Refused(Judgement("retry", reason, "network"))

    def _seconds(self, outgoing: Outgoing) -> float:
        carried = len(outgoing.body) + outgoing.answer_bytes - 2 * ANSWER_BYTES
        return self._timeout_s + max(0, carried) / SLOWEST_BYTES_S


def _may_move(outgoing: Outgoing) -> bool:
    """Files may lie elsewhere; what we say, and our tokens, go nowhere but where they are sent."""
    return outgoing.method == "GET" and not outgoing.needs_token


def _is_file(answer: Answer) -> bool:
    """A file of a customer's may read like a vendor's word on the token, and must not be taken for one."""
    return answer.status == 200 and "content-disposition" in answer.headers


def _payload(body: bytes) -> bytes | io.BytesIO:
    return io.BytesIO(body) if len(body) > LARGE_BYTES else body
