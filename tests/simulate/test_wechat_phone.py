"""The simulated customer: what it posts is what WeChat posts, and it reads answers as strictly as WeChat does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from adapters.channel import Challenge, Messages, Outgoing, Request
from adapters.message import Event, Text, Voice
from adapters.wechat import WeChat
from bot.simulate.wechat import FAILURE, WeChatPhone
from bot.simulate.wechat_api import WeChatApi
from config.credentials import WeChatAccount

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
MODES = ("plain", "compatible", "safe")
Answer = Callable[[Messages, int], Awaitable[Outgoing | int]]


def account(mode: str) -> WeChatAccount:
    keys = {"app_id": "wx1", "app_secret": "s", "token": "tok", "encoding_aes_key": KEY, "mode": mode}
    return WeChatAccount.model_validate(keys)


@asynccontextmanager
async def bot(settings: WeChatAccount, answer: Answer) -> AsyncIterator[str]:
    """A webhook over the real codec; `answer` gives the body, or an HTTP status, for the n-th POST."""
    channel = WeChat("main", settings)
    posts = 0

    async def handle(request: web.Request) -> web.Response:
        nonlocal posts
        body = await request.read()
        parsed = channel.parse(Request(request.method, request.path, dict(request.query), {}, body), time.time())
        if isinstance(parsed, Challenge):
            return web.Response(text=parsed.body)
        assert isinstance(parsed, Messages), parsed
        posts += 1
        made = await answer(parsed, posts)
        if isinstance(made, int):
            return web.Response(status=made)
        return web.Response(body=made.body, content_type=made.content_type)

    app = web.Application()
    app.router.add_route("*", "/webhook", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/webhook"
    finally:
        await runner.cleanup()


def echo(settings: WeChatAccount) -> Callable[[Messages, int], Awaitable[Outgoing]]:
    channel = WeChat("main", settings)

    async def answer(parsed: Messages, post: int) -> Outgoing:
        message = parsed.messages[0]
        return channel.render([Text(f"{post}:{message.text}")] if message.text else [], parsed.route)[0]

    return answer


@pytest.mark.parametrize("data_format", ["xml", "json"])
@pytest.mark.parametrize("mode", MODES)
async def test_a_customer_is_heard_and_reads_the_answer_in_every_mode(mode: str, data_format: str) -> None:
    settings = account(mode)
    async with (
        bot(settings, echo(settings)) as url,
        WeChatPhone.open(url, settings, data_format=data_format) as phone,
    ):
        seen = await phone.says("退款 ]]> & <b>😀")
        assert (seen.text, seen.kind, seen.failed) == ("1:退款 ]]> & <b>😀", "text", "")
        assert (await phone.speaks("查物流")).text == "2:查物流"
        assert (await phone.does("CLICK", "查订单")).text == "3:查订单"
        assert (await phone.does("VIEW", "https://example.com")).reply is None
        assert (await phone.verifies()).isdigit()


async def test_an_item_tapped_in_a_pushed_menu_opens_the_window_of_a_click() -> None:
    settings, counts = account("safe"), []

    async def count(parsed: Messages, _: int) -> Outgoing:
        route = WeChat("main", settings).push_routes(parsed.messages[0].address, parsed.messages[0], 0.0)[0]
        counts.append(route and route.data["count"])
        return Outgoing(b"success", "text/plain")

    async with WeChatApi(strict=True) as api, bot(settings, count) as url:
        async with WeChatPhone.open(url, settings, api=api) as phone:
            await phone.taps("查订单", "1")
            await phone.says("查订单")
        assert counts == ["3", "5"]
        assert api._windows[phone.openid].keys() == {"click", "message"}


@pytest.mark.parametrize("mode", MODES)
async def test_what_it_posts_is_decoded_as_what_the_customer_did(mode: str) -> None:
    heard: list[object] = []
    settings = account(mode)

    async def listen(parsed: Messages, _: int) -> Outgoing:
        heard.append(parsed.messages[0].content)
        return Outgoing(b"success", "text/plain")

    async with bot(settings, listen) as url, WeChatPhone.open(url, settings) as phone:
        await phone.speaks("")
        await phone.does("SCAN", "42", Ticket="T")
        await phone.does("subscribe", "qrscene_42")
    assert heard == [
        Voice(media="voice-1", format="amr"),
        Event("scan", "42", {"event_key": "42", "ticket": "T"}),
        Event("subscribe", "42", {"event_key": "qrscene_42"}),
    ]


async def test_an_unanswered_message_is_posted_three_times_with_one_id_and_then_the_customer_sees_a_failure() -> None:
    settings = account("safe")
    ids: list[str] = []

    async def hang(parsed: Messages, _: int) -> Outgoing:
        ids.append(parsed.messages[0].id)
        await asyncio.sleep(30)
        raise AssertionError

    async with bot(settings, hang) as url, WeChatPhone.open(url, settings, speed=50.0) as phone:
        seen = await phone.says("在吗")
    assert [post.status for post in seen.posts] == [0, 0, 0]
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert seen.text == FAILURE


async def test_a_late_answer_is_lost_and_the_one_to_the_retry_is_seen() -> None:
    settings = account("safe")
    say = echo(settings)

    async def late_once(parsed: Messages, post: int) -> Outgoing:
        if post == 1:
            await asyncio.sleep(1)
        return await say(parsed, post)

    async with bot(settings, late_once) as url, WeChatPhone.open(url, settings, speed=50.0) as phone:
        seen = await phone.says("在吗")
    assert ([post.status for post in seen.posts], seen.text) == ([0, 200], "2:在吗")


async def test_an_error_status_or_no_server_at_all_is_retried() -> None:
    settings = account("safe")
    say = echo(settings)

    async def down_once(parsed: Messages, post: int) -> Outgoing | int:
        return 503 if post == 1 else await say(parsed, post)

    async with bot(settings, down_once) as url, WeChatPhone.open(url, settings, speed=500.0) as phone:
        assert (await phone.says("在吗")).text == "2:在吗"
    async with WeChatPhone.open(url, settings, speed=500.0) as phone:
        seen = await phone.says("在吗")
    assert ([post.status for post in seen.posts], seen.text) == ([0, 0, 0], FAILURE)


@pytest.mark.parametrize(
    "body",
    [b"<xml><oops>", b"hello", b"<xml><ToUserName>x</ToUserName></xml>", b"<xml><Encrypt>AAAA</Encrypt></xml>"],
)
async def test_a_malformed_or_unencrypted_answer_shows_the_customer_the_vendors_failure(body: bytes) -> None:
    settings = account("safe")

    async def wrong(_: Messages, __: int) -> Outgoing:
        return Outgoing(body, "application/xml")

    async with bot(settings, wrong) as url, WeChatPhone.open(url, settings) as phone:
        seen = await phone.says("在吗")
    assert (seen.text, bool(seen.failed), len(seen.posts)) == (FAILURE, True, 1)


async def test_a_text_over_2048_bytes_is_refused() -> None:
    settings = account("plain")

    async def long(parsed: Messages, _: int) -> Outgoing:
        data = parsed.route.data
        xml = (
            f"<xml><ToUserName>{data['to']}</ToUserName><FromUserName>{data['from']}</FromUserName>"
            f"<MsgType>text</MsgType><Content>{'长' * 700}</Content></xml>"
        )
        return Outgoing(xml.encode(), "application/xml")

    async with bot(settings, long) as url, WeChatPhone.open(url, settings) as phone:
        assert "2048" in (await phone.says("在吗")).failed


async def test_two_phones_can_share_a_session() -> None:
    settings = account("safe")
    async with bot(settings, echo(settings)) as url, aiohttp.ClientSession() as session:
        phones = [WeChatPhone(url, settings, session, openid=f"o{n}") for n in range(5)]
        seen = await asyncio.gather(*(phone.says(phone.openid) for phone in phones))
    assert {one.text.partition(":")[2] for one in seen} == {f"o{n}" for n in range(5)}
