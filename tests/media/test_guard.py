"""The downloader for strangers' addresses: real servers, a real resolver that changes its mind, hostile answers."""

from __future__ import annotations

import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from ipaddress import IPv4Address, IPv6Address

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import given
from hypothesis import strategies as st

from adapters.channel import Judgement, Outgoing
from bot.media.addresses import Allow, Unsafe, check_addresses, is_public, read_url
from bot.media.guard import Guard

CAP = 100_000


class Names(AbstractResolver):
    """A resolver whose answers are written down; each look-up takes the next, the last stays."""

    def __init__(self, **hosts: list[str]) -> None:
        self.hosts, self.asked = {name.replace("_", "."): list(given) for name, given in hosts.items()}, 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        answers = self.hosts.get(host, [host])
        address = answers.pop(0) if len(answers) > 1 else answers[0]
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)]

    async def close(self) -> None:
        pass


@asynccontextmanager
async def serving(handler: web._WebMiddleware | object) -> AsyncIterator[int]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


def dead(found: object, why: str) -> None:
    assert isinstance(found, Judgement), found
    assert found.verdict == "dead"
    assert why in found.reason


# --- what is refused before anything is sent

HOSTILE = [
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/",
    "http://0/", "http://localhost/", "http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:8.8.8.8]/", "http://[64:ff9b::7f00:1]/", "http://[64:ff9b::808:808]/", "http://[2002:7f00:1::]/",
    "http://[2001:0:4136:e378::]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/", "http://[fc00::1]/",
    "http://[ff02::1]/", "http://10.0.0.1/", "http://172.31.0.1/", "http://192.168.1.1/", "http://169.254.169.254/x",
    "http://100.64.0.1/", "http://224.0.0.1/", "http://255.255.255.255/", "http://192.0.2.1/", "http://198.18.0.1/",
    "file:///etc/passwd", "ftp://8.8.8.8/", "gopher://8.8.8.8/", "data:text/plain,x", "//8.8.8.8/", "",
    "http://", "http://8.8.8.8:22/", "http://8.8.8.8:6379/", "http://8.8.8.8:0/", "http://8.8.8.8:99999/",
    "http://user:secret@8.8.8.8/", "http://8.8.8.8@127.0.0.1/", "http://127.0.0.1\\@8.8.8.8/", "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/", "javascript:alert(1)", "http://8.8.8.8/" + "a" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_address_is_never_called(url: str) -> None:
    found = await Guard(seconds=2.0).fetch(url, CAP)
    assert isinstance(found, Judgement)
    assert found.verdict == "dead"
    assert "secret" not in found.reason


@given(st.integers(0, 2**32 - 1))
def test_no_ipv4_address_counts_as_public_that_the_standard_library_calls_private(number: int) -> None:
    ip = IPv4Address(number)
    if is_public(str(ip)):
        assert ip.is_global
        assert not any((ip.is_multicast, ip.is_reserved, ip.is_loopback, ip.is_link_local))


@given(st.integers(0, 2**128 - 1))
def test_no_ipv6_address_counts_as_public_that_carries_another_or_is_private(number: int) -> None:
    ip = IPv6Address(number)
    if is_public(str(ip)):
        assert ip.is_global
        assert not any((ip.ipv4_mapped, ip.sixtofour, ip.teredo, ip.is_multicast))


@given(st.text(max_size=60))
def test_any_text_is_read_as_an_address_or_refused(text: str) -> None:
    for address in (text, f"http://{text}", f"https://{text}/x"):
        with suppress(Unsafe):
            assert read_url(address, Allow()).scheme in ("http", "https")


def test_one_internal_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(Unsafe, match="internal"):
        check_addresses("a.example", 80, ["8.8.8.8", "10.0.0.1"], Allow())
    check_addresses("a.example", 80, ["8.8.8.8", "2606:4700::1111"], Allow())


def test_what_the_operator_allows_may_be_called_and_nothing_beside_it() -> None:
    allow = Allow.of("files.corp, cdn.corp:8080, 10.1.0.0/16")
    check_addresses("files.corp", 443, ["10.9.9.9"], allow)
    check_addresses("other.corp", 80, ["10.1.2.3"], allow)
    assert read_url("http://cdn.corp:8080/x", allow).port == 8080
    for host, port, address in (("other.corp", 80, "10.2.0.1"), ("cdn.corp", 80, "10.2.0.1")):
        with pytest.raises(Unsafe):
            check_addresses(host, port, [address], allow)
    with pytest.raises(Unsafe):
        read_url("http://files.corp:8080/", allow)
    for wrong in ("10.0.0.0/99", "http://x/", "a@b"):
        with pytest.raises(ValueError, match=r"."):
            Allow.of(wrong)


# --- what a server may try


async def test_the_address_that_was_checked_is_the_one_that_is_called() -> None:
    """DNS rebinding: one look-up is all there is, so that a second answer comes too late."""

    async def good(request: web.Request) -> web.Response:
        return web.Response(text=f"checked, asked as {request.host}")

    async with serving(good) as port:
        names = Names(rebind_example=["127.0.0.1", "127.0.0.2"])
        guard = Guard(Allow.of(f"rebind.example:{port}"), names, seconds=2.0)
        assert (
            await guard.fetch(f"http://rebind.example:{port}/", CAP)
            == f"checked, asked as rebind.example:{port}".encode()
        )
        assert names.asked == 1
    turned = Names(rebind_example=["127.0.0.1"])
    dead(await Guard(resolver=turned).fetch("http://rebind.example/", CAP), "internal")


async def test_a_redirect_into_our_own_network_is_not_followed() -> None:
    hits = []

    async def inside(request: web.Request) -> web.Response:
        hits.append(request.path)
        return web.Response(text="internal")

    async with serving(inside) as internal:

        async def away(request: web.Request) -> web.Response:
            raise web.HTTPFound({"/port": f"http://127.0.0.1:{internal}/", "/file": "file:///etc/passwd"}.get(
                request.path, "http://127.0.0.1/"))  # fmt: skip

        async with serving(away) as port:
            guard = Guard(Allow.of(f"127.0.0.1:{port}"))
            for path, why in (("port", "is not called"), ("file", "only addresses"), ("plain", "internal")):
                dead(await guard.fetch(f"http://127.0.0.1:{port}/{path}", CAP), why)
    assert hits == []


async def test_redirects_are_followed_three_times_and_carry_no_header_to_another_place() -> None:
    seen: list[tuple[str, str]] = []

    async def hop(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers.get("X-Key", "")))
        left = int(request.path[1:])
        if left:
            raise web.HTTPFound(f"/{left - 1}" if left != 2 else f"http://localhost:{request.url.port}/1")
        return web.Response(text="there")

    async with serving(hop) as port:
        guard = Guard(Allow.of(f"127.0.0.1:{port},localhost:{port}"))
        call = Outgoing(b"", "", f"http://127.0.0.1:{port}/3", "GET", {"X-Key": "k"}, needs_token=False)
        answer = await guard.call(call)
        assert not isinstance(answer, Judgement)
        assert answer.body == b"there"
        assert seen == [("/3", "k"), ("/2", "k"), ("/1", ""), ("/0", "")]
        dead(await guard.fetch(f"http://127.0.0.1:{port}/4", CAP), "more than 3 redirects")


async def test_a_size_is_counted_while_it_streams_whatever_the_server_says_it_is() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    async def honest(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * (CAP + 1))

    for handler in (endless, honest):
        async with serving(handler) as port:
            dead(await Guard(Allow.of(f"127.0.0.1:{port}")).fetch(f"http://127.0.0.1:{port}/", CAP), "more than")


async def test_a_compressed_bomb_is_cut_and_a_compressed_file_is_read() -> None:
    async def packed(request: web.Request) -> web.Response:
        body = gzip.compress(b"0" * (50_000_000 if request.path == "/bomb" else 50_000))
        return web.Response(body=body, headers={"Content-Encoding": "br" if request.path == "/odd" else "gzip"})

    async with serving(packed) as port:
        guard = Guard(Allow.of(f"127.0.0.1:{port}"))
        dead(await guard.fetch(f"http://127.0.0.1:{port}/bomb", CAP), "more than")
        dead(await guard.fetch(f"http://127.0.0.1:{port}/odd", CAP), "compressed")
        assert await guard.fetch(f"http://127.0.0.1:{port}/", CAP) == b"0" * 50_000


async def test_a_server_that_drips_or_falls_silent_is_left() -> None:
    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x")
            await asyncio.sleep(0.02 if request.path == "/drip" else 5)

    async with serving(drip) as port:
        for path, guard in (("drip", Guard(seconds=0.3)), ("silent", Guard(seconds=9, silence_s=0.1))):
            guard.allow = Allow.of(f"127.0.0.1:{port}")
            async with asyncio.timeout(3):
                found = await guard.fetch(f"http://127.0.0.1:{port}/{path}", CAP)
            assert isinstance(found, Judgement)
            assert found.verdict == "retry"


@pytest.mark.parametrize(("status", "verdict"), [(404, "dead"), (403, "dead"), (429, "retry"), (502, "retry")])
async def test_a_status_says_whether_to_try_again(status: int, verdict: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status)

    async with serving(answer) as port:
        found = await Guard(Allow.of(f"127.0.0.1:{port}")).fetch(f"http://127.0.0.1:{port}/?key=hidden", CAP)
    assert isinstance(found, Judgement)
    assert found.verdict == verdict
    assert "hidden" not in found.reason
