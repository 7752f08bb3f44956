"""Pushes over the wire to a simulated WeChat: tokens are shared and refreshed once, answers are judged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from adapters.channel import Judgement, Limits, Outgoing, Parsed, Reject, Request, Route, TokenVault
from adapters.message import Button, Card, Reply, Text, Typing
from adapters.transport import HttpTransport
from adapters.wechat import WeChat
from bot.simulate.wechat import WeChatApi
from bot.sqlite import SqliteStore
from config.credentials import WeChatAccount

OPENID = "oABC"
SECRET = "the-app-secret"


@pytest.fixture
async def api() -> AsyncIterator[WeChatApi]:
    async with WeChatApi("wx1", SECRET) as server:
        yield server


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[TokenVault]:
    store = SqliteStore(tmp_path / "tokens.db")
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def transport(session: aiohttp.ClientSession, vault: TokenVault) -> HttpTransport:
    return HttpTransport(session, vault, time.time, timeout_s=2.0)


def account(api_base: str, secret: str = SECRET, app_id: str = "wx1") -> WeChat:
    keys = {"app_id": app_id, "app_secret": secret, "token": "tok", "mode": "plain", "api_base": api_base}
    return WeChat("main", WeChatAccount.model_validate(keys))


def text(channel: WeChat, words: str = "您好") -> Outgoing:
    return channel.render([Text(words)], Route("push", {"to": OPENID}))[0]


async def test_a_text_a_menu_and_typing_arrive(api: WeChatApi, transport: HttpTransport) -> None:
    channel = account(api.url)
    menu = Card("请选择", buttons=(Button("查订单"), Button("退货"), Button("官网", url="https://example.com")))
    for outgoing in channel.render([Text("您好😀"), menu, Typing()], Route("push", {"to": OPENID})):
        assert await transport.post(channel, outgoing) == Judgement("ok", "", "0")
    words, shown = api.sent_to(OPENID)
    assert words.text == "您好😀"
    assert shown.body["msgmenu"] == {
        "head_content": "请选择",
        "list": [{"id": "1", "content": "查订单"}, {"id": "2", "content": "退货"}],
        "tail_content": '<a href="https://example.com">官网</a>',
    }
    assert api.typing == [(OPENID, "Typing")]
    assert api.calls["token"] == 1


async def test_fifty_concurrent_sends_with_an_expired_token_refresh_it_once(
    api: WeChatApi, transport: HttpTransport
) -> None:
    channel = account(api.url)
    await transport.post(channel, text(channel))
    api.expire_tokens()
    outgoing = [text(channel, str(n)) for n in range(50)]
    judged = await asyncio.gather(*(transport.post(channel, one) for one in outgoing))
    assert {one.verdict for one in judged} == {"ok"}
    assert sorted(int(sent.text) for sent in api.sent[1:]) == list(range(50))
    assert api.calls["token"] == 2


async def test_two_processes_on_one_store_refresh_an_expired_token_once(
    api: WeChatApi, session: aiohttp.ClientSession, vault: TokenVault, tmp_path: Path
) -> None:
    channel = account(api.url)
    other = SqliteStore(tmp_path / "tokens.db")
    await other.open()
    transports = [HttpTransport(session, one, time.time) for one in (vault, other)]
    for transport in transports:
        await transport.post(channel, text(channel))
    api.expire_tokens()
    outgoing = [text(channel, str(n)) for n in range(50)]
    judged = await asyncio.gather(*(transports[n % 2].post(channel, one) for n, one in enumerate(outgoing)))
    await other.close()
    assert {one.verdict for one in judged} == {"ok"}
    assert api.calls["token"] == 2


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_token_that_is_refused_once_is_refreshed_and_the_message_sent_again(
    api: WeChatApi, transport: HttpTransport, code: int
) -> None:
    channel = account(api.url)
    api.fail("send", code)
    assert (await transport.post(channel, text(channel))).verdict == "ok"
    assert (api.calls["token"], api.calls["send"], len(api.sent)) == (2, 2, 1)


async def test_a_token_that_is_refused_for_ever_costs_one_refresh_and_two_sends(
    api: WeChatApi, transport: HttpTransport
) -> None:
    channel = account(api.url)
    await transport.post(channel, text(channel))
    before = dict(api.calls)
    api.refuse_tokens()
    judged = await transport.post(channel, text(channel))
    assert (judged.verdict, judged.code) == ("config", "40001")
    assert api.calls["token"] - before["token"] <= 1
    assert api.calls["send"] - before["send"] <= 2


@pytest.mark.parametrize("code", [-1, 45009, 45011, 429, 500, 503])
async def test_what_passes_by_itself_is_to_be_sent_again_later(
    api: WeChatApi, transport: HttpTransport, code: int
) -> None:
    channel = account(api.url)
    api.fail("send", code)
    assert (await transport.post(channel, text(channel))).verdict == "retry"
    assert api.calls["send"] == 1
    assert (await transport.post(channel, text(channel))).verdict == "ok"


@pytest.mark.parametrize("code", [45072, 45080, 45081])
async def test_typing_that_is_not_shown_holds_up_nothing(api: WeChatApi, transport: HttpTransport, code: int) -> None:
    channel = account(api.url)
    typing, words = channel.render([Typing(), Text("在")], Route("push", {"to": "oABC"}))
    api.fail("typing", code)
    assert [(await transport.post(channel, each)).verdict for each in (typing, words)] == ["ok", "ok"]
    assert [sent.text for sent in api.sent] == ["在"]


@pytest.mark.parametrize("code", [45015, 48002, 43004, 40003, 40007, 45002, 47001, 99999])
async def test_what_can_never_arrive_is_dead_with_a_reason(api: WeChatApi, transport: HttpTransport, code: int) -> None:
    channel = account(api.url)
    api.fail("send", code)
    judged = await transport.post(channel, text(channel))
    assert (judged.verdict, judged.code) == ("dead", str(code))
    assert judged.reason.startswith(f"{code}: ")
    assert len(judged.reason) > 20


@pytest.mark.parametrize("code", [48001, 40164, 40013, 50002])
@pytest.mark.parametrize("endpoint", ["send", "token"])
async def test_a_wrong_set_up_is_said_and_not_tried_again(
    api: WeChatApi, transport: HttpTransport, endpoint: str, code: int
) -> None:
    channel = account(api.url)
    api.fail(endpoint, code)  # type: ignore[arg-type]
    judged = await transport.post(channel, text(channel))
    assert (judged.verdict, judged.code) == ("config", str(code))
    if code == 40164:
        assert "203.0.113.7" in judged.reason
    assert api.calls["send"] == (1 if endpoint == "send" else 0)


@pytest.mark.parametrize(("app_id", "secret", "code"), [("wx2", SECRET, "40013"), ("wx1", "wrong-secret", "40125")])
async def test_wrong_credentials_are_named(
    api: WeChatApi, transport: HttpTransport, app_id: str, secret: str, code: str
) -> None:
    channel = account(api.url, secret, app_id)
    judged = await transport.post(channel, text(channel))
    assert (judged.verdict, judged.code) == ("config", code)


async def test_a_busy_token_endpoint_means_later(api: WeChatApi, transport: HttpTransport) -> None:
    channel = account(api.url)
    for code in (-1, 45009, 503):
        api.fail("token", code)
        assert (await transport.post(channel, text(channel))).verdict == "retry"
    assert (await transport.post(channel, text(channel))).verdict == "ok"


async def test_other_credentials_do_not_get_the_old_token(api: WeChatApi, transport: HttpTransport) -> None:
    channel = account(api.url)
    await transport.post(channel, text(channel))
    other = account(api.url, app_id="wx2")
    assert (await transport.post(other, text(other))).code == "40013"


async def test_no_server_a_slow_server_and_a_cut_connection_mean_later(
    session: aiohttp.ClientSession, vault: TokenVault
) -> None:
    transport = HttpTransport(session, vault, time.time, timeout_s=0.2)
    gone = account("http://127.0.0.1:9")
    judged = await transport.post(gone, text(gone))
    assert (judged.verdict, judged.code) == ("retry", "network")

    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    async with server:
        cutting = account(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        assert (await transport.post(cutting, text(cutting))).verdict == "retry"
    async with WeChatApi("wx1", SECRET, delay_s=0.5) as slow:
        channel = account(slow.url)
        assert (await transport.post(channel, text(channel))).code == "network"


async def test_what_we_say_does_not_follow_a_redirect(transport: HttpTransport) -> None:
    caught: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        caught.append(request.path)
        moved = request.path.endswith("/stable_token")
        return web.json_response({}, status=307 if moved else 200, headers={"Location": "/elsewhere"} if moved else {})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        channel = account(f"http://127.0.0.1:{runner.addresses[0][1]}")
        judged = await transport.post(channel, text(channel))
    finally:
        await runner.cleanup()
    assert judged.verdict != "ok"
    assert "/elsewhere" not in caught


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", ".example"])
async def test_a_name_that_no_resolver_takes_is_said_and_not_tried_again(transport: HttpTransport, host: str) -> None:
    channel = account(f"http://{host}")
    judged = await transport.post(channel, text(channel))
    assert (judged.verdict, judged.code) == ("config", "address")


async def test_neither_secret_nor_token_is_in_any_reason(api: WeChatApi, transport: HttpTransport) -> None:
    channel = account(api.url)
    await transport.post(channel, text(channel))
    token = next(iter(api._tokens))
    reasons = []
    for code in (40001, 45015, 48001, 99999, 500):
        api.fail("send", code, times=2)
        reasons.append((await transport.post(channel, text(channel))).reason)
    port = api.port
    await api.__aexit__()
    reasons.append((await transport.post(channel, text(channel))).reason)
    assert len(reasons) == 6
    for reason in reasons:
        assert token not in reason
        assert SECRET not in reason
        assert str(port) not in reason


def test_a_vendors_words_that_hold_a_token_or_a_telephone_number_are_cut() -> None:
    leaking = b'{"errcode": 99999, "errmsg": "bad token 89_abcdefghijklmnopqrstuvwxyz0123456789 of 13800138000"}'
    judged = account("http://x").judge(200, leaking)
    assert judged.reason == "99999: WeChat refuses it: bad token … of …"


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, b"", "retry"),
        (200, b"<html>", "retry"),
        (200, b"[]", "retry"),
        (200, b'{"errcode": 0}', "ok"),
        (200, b'{"errcode": "x"}', "retry"),
        (404, b"{}", "config"),
        (502, b"<html>", "retry"),
    ],
)
def test_answers_that_are_no_answers_are_judged_too(status: int, body: bytes, verdict: str) -> None:
    assert account("http://x").judge(status, body).verdict == verdict


class OneWay:
    """A channel that only answers."""

    name = "one-way"
    account = "main"
    limits = Limits(shows=frozenset(("text",)))

    def parse(self, request: Request, now: float) -> Parsed:
        return Reject(404, "nothing comes in")

    def render(self, replies: Sequence[Reply], route: Route) -> list[Outgoing]:
        return []


async def test_a_channel_without_a_way_to_push_is_a_set_up_error(transport: HttpTransport) -> None:
    assert (await transport.post(OneWay(), Outgoing(b"", "text/plain"))).verdict == "config"
