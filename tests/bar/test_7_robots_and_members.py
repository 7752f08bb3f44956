"""The bar, point 7, end to end: a group robot says 20 messages in a minute and a member of a WeCom app is sent 30, over
all processes; the vendors here count as the real ones do, with their minutes passing faster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC

import aiohttp
import pytest
from pydantic import SecretStr

from adapters.channel import Channel
from adapters.degrade import fit
from adapters.message import Address, Text
from adapters.transport import HttpTransport
from adapters.wecom import WeCom
from bot.service import Service
from bot.simulate import WeComApi
from bot.store import Store
from bot.turn import Turn
from bot.ways import Outlet, Times
from bot.work import Bot
from config.credentials import WeComAccount
from tests.alerts.group import SPEED, Hurried, group, lines, robot_in
from tests.conftest import OpenStore
from tests.delivery.desk import Counter, Effects, understand

SETTLE_S = 20.0


class HurriedWeComApp(Hurried, WeCom):
    """An app whose minutes and hours pass faster."""


@asynccontextmanager
async def process(store: Store, *channels: Channel) -> AsyncIterator[Service]:
    """A process that serves `channels` over `store`, which is open."""
    async with aiohttp.ClientSession() as session:
        service = Service(
            store=store,
            bot=Bot(understand, Counter(), Effects(), UTC, "bar"),
            fit=fit,
            outlets={(each.name, each.account): Outlet(each) for each in channels},
            transport=HttpTransport(session, store, asyncio.get_running_loop().time),
            times=Times().faster(SPEED),
            jitter=lambda: 0.0,
            sweep_s=0.1,
        )
        await service.start()
        try:
            yield service
        finally:
            await service.stop(2.0)


def wecom(api: WeComApi, make: Callable[[str, WeComAccount], WeCom]) -> WeCom:
    account = WeComAccount(
        corp_id=api.corp_id, agent_id=api.agent_id, secret=SecretStr(api.secret), token=SecretStr("tok"),
        encoding_aes_key=SecretStr("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"), api_base=api.url,
    )  # fmt: skip
    return make("main", account)


async def say(store: Store, address: Address, count: int, *services: Service) -> list[Turn]:
    """`count` things said unasked, each let in by another process in turn."""
    key = address.conversation
    turns = [Turn(f"{key}/{n:03}", key, "push", address, 1.0 + n, replies=(Text(f"第{n:03}条"),)) for n in range(count)]
    for n, turn in enumerate(turns):
        await store.accept(turn)
        services[n % len(services)].work.nudge(key)
    return turns


async def fates(store: Store, turns: list[Turn]) -> list[Turn]:
    return [turn for turn in [await store.turn(each.id) for each in turns] if turn]


async def all_sent(store: Store, turns: list[Turn]) -> None:
    for _ in range(round(SETTLE_S / 0.05)):
        if all(turn.status == "sent" for turn in await fates(store, turns)):
            return
        await asyncio.sleep(0.05)
    raise AssertionError([(turn.id, turn.status, turn.error) for turn in await fates(store, turns)])


@pytest.mark.parametrize("vendor", ["wecom", "dingtalk"])
async def test_a_robot_says_twenty_in_a_minute_and_the_rest_together_in_order(
    open_store: OpenStore, vendor: str
) -> None:
    async with group() as robots, open_store() as store, open_store() as other:
        robot = robot_in(robots, vendor, "ops")
        async with process(store, robot) as one, process(other, robot) as two:
            turns = await say(store, robot.address, 45, one, two)
            await robots.wait_for(20)
            await asyncio.sleep(0.3)
            assert len(robots.texts) == 20, "the minute is used up"
            await all_sent(store, turns)
        assert lines(robots) == [f"第{n:03}条" for n in range(45)]
        assert robots.refused == 0, "DingTalk would have blocked the robot for ten minutes"
        assert len(robots.texts) == 21, "what waited went out together"


async def test_two_accounts_of_one_robot_share_its_minute(store: Store) -> None:
    async with group() as robots:
        both = [robot_in(robots, "dingtalk", name) for name in ("ops", "alerts")]
        async with process(store, *both) as one:
            turns = [turn for robot in both for turn in await say(store, robot.address, 15, one)]
            await all_sent(store, turns)
        assert sorted(lines(robots)) == sorted(2 * [f"第{n:03}条" for n in range(15)])
        assert robots.refused == 0


async def test_a_member_is_sent_thirty_in_a_minute_and_none_is_dropped(open_store: OpenStore) -> None:
    async with WeComApi(speed=SPEED) as api, open_store() as store, open_store() as other:
        app = wecom(api, HurriedWeComApp)
        async with process(store, app) as one, process(other, app) as two:
            busy = await say(store, Address("wecom", "main", "LiSi", "LiSi"), 45, one, two)
            calm = await say(store, Address("wecom", "main", "WangWu", "WangWu"), 3, one, two)
            await api.wait_for("WangWu", 3)
            await all_sent(store, [*busy, *calm])
        assert "\n".join(sent.text for sent in api.sent_to("LiSi")).split("\n") == [f"第{n:03}条" for n in range(45)]
        assert len(api.sent_to("LiSi")) == 31, "what waited went out together"
        assert api.dropped == 0


async def test_a_member_is_sent_a_thousand_in_an_hour(store: Store) -> None:
    async with WeComApi() as api:
        app, address = wecom(api, WeCom), Address("wecom", "main", "LiSi", "LiSi")
        (route,) = app.push_routes(address, None, 0.0)
        (hour,) = [rate for rate in app.rates(route) if rate.window_s == 3600.0]
        for _ in range(hour.count - 5):
            await store.spend(hour.key, hour.count, hour.window_s)
        async with process(store, app) as one:
            turns = await say(store, address, 8, one)
            await api.wait_for("LiSi", 5)
            await asyncio.sleep(0.5)
            sent = await fates(store, turns)
        assert [turn.status for turn in sent] == ["sent"] * 5 + ["ready"] * 3
        assert "1000 in 1 h are used up" in sent[5].error
        assert api.dropped == 0
