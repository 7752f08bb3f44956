"""A WebSocket that we open to a vendor: frames out, each with the vendor's word on it. The only place, beside
`adapters/transport.py`, that speaks to vendors."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any

import aiohttp

from adapters.channel import LINK, Channel, Judgement, LinkTerms, Outgoing, Word

UNCONFIRMED = "unconfirmed"
"""The code of a verdict by a sign of life instead of by the vendor's word."""


class Line:
    """One open connection. Whoever reads it calls `word`, `ponged` and `heard`; whoever closes it calls `lose`."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, terms: LinkTerms) -> None:
        self._ws = ws
        self._terms = terms
        self._waiting: dict[str, deque[asyncio.Future[Word]]] = {}
        self._pongs: list[asyncio.Future[None]] = []
        self.lost = ""
        self.heard_at = asyncio.get_running_loop().time()

    async def send(self, outgoing: Outgoing, ping: Outgoing | None = None) -> Word:
        """Send a frame and wait for the vendor's word on it; retry where the connection ends before.

        No word within `ack_s` does not say that the frame was lost, and a second one would be seen twice. So we ping:
        frames keep their order, and an answer to the ping shows that the vendor has had the frame. Then it counts as
        sent (code `unconfirmed`). Where the ping is not answered either, the connection is dead and is given up.
        """
        name = outgoing.url.removeprefix(LINK)
        word: asyncio.Future[Word] = asyncio.get_running_loop().create_future()
        if self.lost:
            return self._gone()
        self._waiting.setdefault(name, deque()).append(word)
        try:
            await self.write(outgoing.body.decode())
            done, _ = await asyncio.wait([word], timeout=self._terms.ack_s)
            if not done and not await self._alive(ping, word):
                self.lose("no answer to a frame nor to a ping")
            if word.done():
                return word.result()
            return Word(Judgement("ok", f"no word on it within {self._terms.ack_s:g} s", UNCONFIRMED))
        except (ConnectionError, aiohttp.ClientError):
            return self._gone()
        finally:
            self._forget(name, word)

    async def write(self, frame: str) -> None:
        """Raises `ConnectionError` where the connection is gone."""
        if self.lost or self._ws.closed:
            raise ConnectionError(self.lost or "closed")
        await self._ws.send_str(frame)

    async def ping(self, ping: Outgoing | None) -> None:
        """By the vendor's own frame, or by the protocol's."""
        await (self.write(ping.body.decode()) if ping else self._ws.ping())

    async def _alive(self, ping: Outgoing | None, word: asyncio.Future[Word]) -> bool:
        pong: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pongs.append(pong)
        try:
            await self._ws.ping()
            if ping is not None:  # a vendor may answer one and not the other
                await self.write(ping.body.decode())
            either: list[asyncio.Future[Any]] = [pong, word]
            done, _ = await asyncio.wait(either, timeout=self._terms.ack_s, return_when=asyncio.FIRST_COMPLETED)
            return bool(done)
        finally:
            with suppress(ValueError):
                self._pongs.remove(pong)

    # --- for the reader

    def heard(self) -> None:
        self.heard_at = asyncio.get_running_loop().time()

    def word(self, name: str, judgement: Judgement, frame: str, ping: Outgoing | None = None) -> None:
        """The vendor's word on the frame `name`, the oldest of that name; on the ping, a pong."""
        if ping is not None and name == ping.url.removeprefix(LINK):
            self.ponged()
        for future in self._waiting.get(name, ()):
            if not future.done():
                future.set_result(Word(judgement, frame))
                return

    def ponged(self) -> None:
        for pong in self._pongs:
            if not pong.done():
                pong.set_result(None)

    def lose(self, reason: str) -> None:
        """The connection is gone: what waits for a word comes back as retry."""
        self.lost = self.lost or reason
        for futures in self._waiting.values():
            for future in futures:
                if not future.done():
                    future.set_result(self._gone())

    def _gone(self) -> Word:
        return Word(Judgement("retry", f"the connection was lost: {self.lost or 'closed'}", "link"))

    def _forget(self, name: str, word: asyncio.Future[Word]) -> None:
        waiting = self._waiting.get(name)
        if waiting is not None:
            with suppress(ValueError):
                waiting.remove(word)
            if not waiting:
                del self._waiting[name]


class Lines:
    """This process's open connections, by account. What is sent goes over the newest."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], list[tuple[Line, Outgoing | None]]] = {}

    def add(self, channel: Channel, line: Line, ping: Outgoing | None) -> None:
        self._lines.setdefault((channel.name, channel.account), []).append((line, ping))

    def remove(self, channel: Channel, line: Line) -> None:
        key = (channel.name, channel.account)
        self._lines[key] = [each for each in self._lines.get(key, ()) if each[0] is not line]

    def up(self, channel: Channel) -> bool:
        return any(not line.lost for line, _ in self._lines.get((channel.name, channel.account), ()))

    async def send(self, channel: Channel, outgoing: Outgoing) -> Word:
        for line, ping in reversed(self._lines.get((channel.name, channel.account), [])):
            if not line.lost:
                return await line.send(outgoing, ping)
        return Word(Judgement("retry", f"there is no connection to {channel.name}/{channel.account}", "link"))
