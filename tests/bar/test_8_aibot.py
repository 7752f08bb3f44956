"""WeCom's AI bots through the whole service: polls get all that is said so far and one end, what is late goes to the
response_url once, a fourth answer at a time is handled; over the WebSocket nobody fights for the connection, what can
no longer be answered is sent, and a lost word makes no second answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from functools import partial
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from adapters.degrade import fit
from adapters.message import Button, Card, Image, Json, Markdown, Text
from adapters.pictures import data_url
from adapters.transport import HttpTransport
from adapters.wecom_bot import WeComBot
from bot.app import make_app
from bot.line import Lines
from bot.links import LinkTimes
from bot.service import Service
from bot.simulate import WeComBotGateway, WeComBotPhone
from bot.simulate.wecom_bot_rules import Shown
from bot.sqlite import SqliteStore
from bot.ways import Outlet, Times
from bot.work import Bot
from config.credentials import Credentials, WeComBotAccount
from config.settings import Settings
from flows.state import Actions, Dialogue, Heard, Outcome
from tests.contracts.channels.wecom_bot import ACCOUNT
from tests.delivery.desk import Counter, Effects, understand
from tests.simulate.test_wecom_bot_gateway import client

SPEED = 5.0


class Speaker:
    """A `Dialect` that always says the same."""

    def __init__(self, *replies: Json, wait_s: float = 0.0) -> None:
        self._replies = replies
        self._wait_s = wait_s

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        await asyncio.sleep(self._wait_s)
        return Outcome(dialogue, self._replies)


@asynccontextmanager
async def served(project: Path, account: WeComBotAccount, *replies: Json, wait_s: float = 0.0) -> AsyncIterator[str]:
    """The service with one bot, whose every answer can be foretold (see tests/delivery/desk.py), or is `replies`; its
    webhook."""
    bot = Bot(understand, Speaker(*replies, wait_s=wait_s) if replies else Counter(), Effects(), UTC)
    credentials = Credentials(wecom_bot={"main": account})
    app = await make_app(project, Settings(), credentials, bot=bot, times=Times().faster(SPEED))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/wecom_bot/main"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def phone(project: Path, *replies: Json, **more: object) -> AsyncIterator[WeComBotPhone]:
    async with served(project, ACCOUNT, *replies) as url, WeComBotPhone.open(url, ACCOUNT, speed=SPEED, **more) as one:
        yield one


@asynccontextmanager
async def linked(project: Path) -> AsyncIterator[WeComBotGateway]:
    async with WeComBotGateway() as gateway:
        keys = {"mode": "websocket", "bot_id": gateway.bot_id, "ws_url": gateway.url}
        account = WeComBotAccount.model_validate(keys | {"secret": SecretStr(gateway.secret)})
        async with served(project, account):
            await gateway.connected()
            yield gateway


# --- by webhook


async def test_a_quick_answer_is_the_response_itself(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        seen = await one.says("您好")
        assert (seen.text, seen.finished, seen.failed, seen.polls) == ("1:您好", True, "", 0)
        assert one.received == []


async def test_words_and_a_long_answer_arrive_whole_in_a_group(tmp_path: Path) -> None:
    async with phone(tmp_path, group="wr1") as one:
        assert (await one.says("您好", quote="原话")).text == "<@zhangsan> 1:您好"
        seen = await one.says("长一点")
        assert seen.text.startswith("<@zhangsan> 2:长一点\n1长")
        assert seen.text.count("长") == 3 * 600 + 1


async def test_words_a_picture_and_a_card_are_one_answer(tmp_path: Path) -> None:
    card = Card("要办什么？", buttons=(Button("查订单"), Button("退款")))
    shot = Image(media=data_url(b"PNG", "image/png"))
    async with phone(tmp_path, Text("您好"), Markdown("**请选**"), shot, card) as one:
        seen = await one.says("在吗")
        (shown,) = seen.shown
        assert (shown.text, shown.images, shown.keys) == ("您好\n**请选**", 1, ["查订单", "退款"])
        await asyncio.sleep(0.3)
        assert one.received == []


async def test_an_answer_longer_than_a_stream_goes_on_by_the_response_url(tmp_path: Path) -> None:
    text = "".join(f"第{n}句话说的是这件事。" for n in range(1000))
    async with phone(tmp_path, Text(text)) as one:
        seen = await one.says("在吗")
        assert 15_000 < len(seen.text.encode()) <= 20_480
        (rest,) = await one.wait_for(1)
        assert seen.text + rest.text == text


async def test_polls_get_all_that_is_said_so_far_and_one_end(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        seen = await one.says("等1.5")
        assert (seen.text, seen.finished, seen.cut, seen.failed) == ("1:等1.5", True, False, "")
        assert seen.polls > 2
        assert all(later.startswith(earlier) for earlier, later in zip(seen.updates, seen.updates[1:], strict=False))
        assert len(seen.shown) == 1
        await asyncio.sleep(0.3)
        assert one.received == []


async def test_what_is_ready_after_the_last_poll_goes_to_the_response_url_once(tmp_path: Path) -> None:
    async with phone(tmp_path, stream_s=4.0) as one:
        seen = await one.says("等2")
        assert seen.cut
        assert [shown.text for shown in await one.wait_for(1, 20.0)] == ["1:等2"]
        await asyncio.sleep(0.5)
        assert (len(one.received), one.refused) == (1, [])


async def test_a_fourth_answer_at_a_time_is_pushed_instead_of_polled_for(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        talks = []
        for n in range(4):
            talks.append(asyncio.create_task(one.says(f"等0.7 第{n}")))
            await asyncio.sleep(0.1)
        seen = await asyncio.gather(*talks)
        assert [each.failed for each in seen] == [""] * 4
        said = [each.text for each in seen if each.text] + [shown.text for shown in await one.wait_for(1, 20.0)]
        assert sorted(said) == [f"{n + 1}:等0.7 第{n}" for n in range(4)]
        assert one.most_open == 3


async def test_the_same_message_three_times_is_answered_the_same_and_thought_about_once(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        body = one.message({"msgtype": "text", "text": {"content": "您好"}})
        seen = [await one.deliver(body) for _ in range(3)]
        assert [each.text for each in seen] == ["1:您好"] * 3
        assert (await one.says("再见")).text == "2:再见"


# --- over the WebSocket


async def test_a_message_is_answered_once(tmp_path: Path) -> None:
    async with linked(tmp_path) as gateway:
        talk = await gateway.says("您好")
        assert [shown.text for shown in await gateway.wait_for("zhangsan", 1)] == ["1:您好"]
        body = {"msgtype": "text", "text": {"content": "您好"}}
        await gateway.call(body, user="zhangsan", again=talk)
        await gateway.says("再见")
        assert [shown.text for shown in await gateway.wait_for("zhangsan", 2)] == ["1:您好", "2:再见"]


async def test_who_is_thrown_out_by_another_connection_does_not_come_back(tmp_path: Path) -> None:
    async with linked(tmp_path) as gateway, client(gateway) as other:
        assert (await other.send(other.channel.greeting()))[0].verdict == "ok"
        await asyncio.sleep(1.5)
        assert gateway.subscriptions == 2
        await gateway.says("您好")
        assert (await other.heard.get()).text == "您好"


async def test_a_connection_that_breaks_is_made_again(tmp_path: Path) -> None:
    async with linked(tmp_path) as gateway:
        await gateway.hang_up()
        await gateway.connected(2)
        await gateway.says("您好")
        assert [shown.text for shown in await gateway.wait_for("zhangsan", 1)] == ["1:您好"]


@pytest.mark.parametrize("code", [846605, 846608])
async def test_what_can_no_longer_be_answered_is_sent_as_a_message(tmp_path: Path, code: int) -> None:
    async with linked(tmp_path) as gateway:
        gateway.refuse("aibot_respond_msg", code)
        await gateway.says("您好")
        assert [shown.kind for shown in await gateway.wait_for("zhangsan", 1)] == ["markdown"]
        assert len(gateway.frames["aibot_respond_msg"]) == 1


@pytest.mark.parametrize("cmd", ["aibot_respond_msg", "aibot_send_msg"])
async def test_a_word_that_never_comes_makes_no_second_answer(
    tmp_path: Path, cmd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.wecom_bot.channel.ACK_S", 0.3)
    async with linked(tmp_path) as gateway:
        if cmd == "aibot_send_msg":
            gateway.refuse("aibot_respond_msg", 846608)
        gateway.drop(cmd)
        await gateway.says("您好")
        await gateway.wait_for("zhangsan", 1)
        await asyncio.sleep(1.0)
        await gateway.says("再见")
        texts = [shown.text for shown in await gateway.wait_for("zhangsan", 2)]
        assert texts == ["1:您好", "2:再见"]


async def test_a_word_that_comes_late_makes_no_second_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.wecom_bot.channel.ACK_S", 0.2)
    async with linked(tmp_path) as gateway:
        gateway.delay("aibot_respond_msg", 0.6)
        await gateway.says("您好")
        await gateway.wait_for("zhangsan", 1)
        await gateway.says("再见")
        assert [shown.text for shown in await gateway.wait_for("zhangsan", 2)] == ["1:您好", "2:再见"]


async def test_keys_that_are_refused_five_times_are_not_tried_for_ever(tmp_path: Path) -> None:
    alarms: list[tuple[str, str]] = []

    async def alert(what: str, text: str, of: str = "") -> None:
        alarms.append((what, text))

    store = SqliteStore(tmp_path / "turns.db")
    await store.open()
    async with WeComBotGateway() as gateway, aiohttp.ClientSession() as session:
        keys = {"mode": "websocket", "bot_id": gateway.bot_id, "ws_url": gateway.url, "secret": "another"}
        channel, lines = WeComBot("main", WeComBotAccount.model_validate(keys)), Lines()
        service = Service(
            store=store,
            bot=Bot(understand, Counter(), Effects(), UTC),
            fit=fit,
            outlets={("wecom_bot", "main"): Outlet(channel)},
            transport=HttpTransport(session, store, time.time, wires=lines),
            lines=lines,
            connect=partial(session.ws_connect, autoping=False, autoclose=False),
            link_times=LinkTimes().faster(500.0),
            alert=alert,
        )
        await service.start()
        await gateway.until(lambda: len(gateway.frames["aibot_subscribe"]) == 5)
        await asyncio.sleep(0.3)
        assert len(gateway.frames["aibot_subscribe"]) == 5
        await service.stop()
    await store.close()
    assert {what for what, _ in alarms} == {"config"}
    assert all("bot_id and secret" in text for _, text in alarms)


async def test_who_opens_the_chat_is_greeted_in_the_response(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        seen = await one.enters()
        assert [(shown.kind, shown.text) for shown in seen.shown] == [("text", "1:")]


async def test_a_greeting_that_takes_two_seconds_is_still_in_time(tmp_path: Path) -> None:
    slow = served(tmp_path, ACCOUNT, Text("欢迎"), wait_s=2.0 / SPEED)
    async with slow as url, WeComBotPhone.open(url, ACCOUNT, speed=SPEED) as one:
        assert (await one.enters()).text == "欢迎"


async def test_a_tap_on_a_card_is_answered_by_its_response_url(tmp_path: Path) -> None:
    async with phone(tmp_path) as one:
        await one.says("您好")
        card = Shown("template_card", card={"card_type": "button_interaction", "task_id": "T"})
        seen = await one.taps(card, "退款")
        assert (seen.posts, seen.shown, seen.failed) == ([200], [], "")
        assert [shown.text for shown in await one.wait_for(1)] == ["2:退款"]
