"""The one downloader for addresses that strangers give: no way into our own network, no end that does not come.

It resolves a name itself, checks every address of it, and connects to those and no others (a second look-up could be
answered otherwise: DNS rebinding). Each redirect is checked anew. Sizes are counted while they stream, after
decompression; the whole has a time limit, however slowly the bytes drip.
"""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from adapters.channel import Answer, Judgement, Outgoing
from bot.media.addresses import NOTHING_INTERNAL, Allow, Unsafe, check_addresses, read_url

REDIRECTS = 3
CHUNK_BYTES = 16384
SECONDS = 30.0
SILENCE_S = 10.0
"""How long a server may send nothing at all."""
_MOVED = frozenset((301, 302, 303, 307, 308))
_GZIP_OR_ZLIB = 47


class _TooMuch(Exception):
    """More bytes than were wanted."""


class _Pinned(AbstractResolver):
    """Gives the addresses that were checked, whatever the name would resolve to by now."""

    def __init__(self, found: list[ResolveResult]) -> None:
        self._found = found

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return self._found

    async def close(self) -> None:
        pass


@dataclass
class Guard:
    """`allow`: internal places that may be called; `resolver`: how names are looked up (None: by the system)."""

    allow: Allow = NOTHING_INTERNAL
    resolver: AbstractResolver | None = None
    seconds: float = SECONDS
    silence_s: float = SILENCE_S
    tls: ssl.SSLContext | None = None

    async def fetch(self, url: str, max_bytes: int, allow: Allow = NOTHING_INTERNAL) -> bytes | Judgement:
        """The body behind `url`, or why there is none: retry (the network, the server) or dead."""
        answer = await self.call(Outgoing(b"", "", url, "GET", needs_token=False, answer_bytes=max_bytes), allow)
        if isinstance(answer, Judgement) or answer.status == 200:
            return answer if isinstance(answer, Judgement) else answer.body
        again = answer.status >= 500 or answer.status in (408, 425, 429)
        return Judgement("retry" if again else "dead", f"the file's server answered HTTP {answer.status}")

    async def call(self, outgoing: Outgoing, allow: Allow = NOTHING_INTERNAL) -> Answer | Judgement:
        """One call to an address of somebody else's; `allow` adds to what may be called. Never raises for what the
        network does."""
        try:
            async with asyncio.timeout(self.seconds):
                return await self._follow(outgoing, self.allow | allow)
        except Unsafe as unsafe:
            return Judgement("dead", str(unsafe), "unsafe")
        except _TooMuch:
            return Judgement("dead", f"the file has more than {outgoing.answer_bytes} bytes", "size")
        except zlib.error:
            return Judgement("dead", "the file's server compressed it in a way that cannot be read")
        except TimeoutError:
            return Judgement("retry", "the file's server is too slow", "network")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # the error's own words may hold the whole address
            return Judgement("retry", f"the file's server is not reached ({type(error).__name__})", "network")

    async def _follow(self, outgoing: Outgoing, allow: Allow) -> Answer:
        url = read_url(outgoing.url, allow)
        headers: Mapping[str, str] = outgoing.headers
        for _ in range(REDIRECTS + 1):
            answer = await self._once(outgoing, url, headers, allow)
            target = answer.headers.get("location", "")
            if answer.status not in _MOVED or not target or outgoing.method != "GET":
                return answer
            there = read_url(str(url.join(URL(target))), allow)
            headers = headers if there.origin() == url.origin() else {}
            url = there
        raise Unsafe(f"more than {REDIRECTS} redirects lead on from the address")

    async def _once(self, outgoing: Outgoing, url: URL, headers: Mapping[str, str], allow: Allow) -> Answer:
        host, port = url.host or "", url.port or 0
        found = await self._resolve(host, port)
        check_addresses(host, port, [each["host"] for each in found], allow)
        typed = {"Content-Type": outgoing.content_type} if outgoing.content_type else {}
        connector = aiohttp.TCPConnector(
            resolver=_Pinned(found), use_dns_cache=False, force_close=True, ssl=self.tls or True
        )
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self.silence_s, sock_read=self.silence_s)
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            ) as session,
            session.request(
                outgoing.method,
                url,
                data=io.BytesIO(outgoing.body) if outgoing.body else None,
                headers={"Accept-Encoding": "identity", **typed, **headers},
                allow_redirects=False,
            ) as response,
        ):
            body = b"" if response.status in _MOVED else await _read(response, outgoing.answer_bytes)
            return Answer(response.status, body, {key.lower(): value for key, value in response.headers.items()})

    async def _resolve(self, host: str, port: int) -> list[ResolveResult]:
        """Numbers are looked up as well: `127.1` and `0x7f000001` are names to us and addresses to the system."""
        resolver = self.resolver or ThreadedResolver()
        try:
            return await resolver.resolve(host, port, family=socket.AF_UNSPEC)
        except (OSError, UnicodeError):
            raise aiohttp.ClientConnectionError(host) from None


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    if (response.content_length or 0) > max_bytes:
        raise _TooMuch
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise zlib.error(encoding)
    unpacker = zlib.decompressobj(_GZIP_OR_ZLIB) if encoding not in ("identity", "") else None
    body = bytearray()
    async for chunk in response.content.iter_chunked(CHUNK_BYTES):
        body += unpacker.decompress(chunk, max_bytes + 1 - len(body)) if unpacker else chunk
        if len(body) > max_bytes:
            raise _TooMuch
    return bytes(body)
