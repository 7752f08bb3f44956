"""A service that tells a group of alerts through a robot, with the vendor's minutes passing faster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from pydantic import SecretStr

from adapters.channel import Rate, Route
from adapters.robots import DingTalkRobot, WeComRobot
from bot.simulate.group_robot import KEY, GroupRobots
from bot.store import Store
from config.credentials import DingTalkRobotAccount, WeComRobotAccount
from tests.delivery.desk import Desk, account, desk

SECRET = "SEC-simulated"
SPEED = 25.0
"""The vendor's minute is 2.4 seconds here."""


class Hurried:
    """A robot whose minutes pass `SPEED` times as fast, as its vendor's do."""

    def rates(self, route: Route) -> tuple[Rate, ...]:
        return tuple(replace(rate, window_s=rate.window_s / SPEED) for rate in super().rates(route))  # type: ignore[misc]


class HurriedWeCom(Hurried, WeComRobot):
    """WeCom's."""


class HurriedDingTalk(Hurried, DingTalkRobot):
    """DingTalk's."""


Robot = WeComRobot | DingTalkRobot


def robot_in(robots: GroupRobots, vendor: str, account: str = "alerts", secret: str = SECRET) -> Robot:
    """The robot of the group that `robots` shows."""
    base = robots.wecom_url.partition("/cgi-bin")[0]
    if vendor == "wecom":
        return HurriedWeCom(account, WeComRobotAccount(key=SecretStr(KEY), api_base=base))
    keys = {"access_token": SecretStr(KEY), "secret": SecretStr(secret)}
    return HurriedDingTalk(account, DingTalkRobotAccount(**keys, oapi_base=base))


@asynccontextmanager
async def group() -> AsyncIterator[GroupRobots]:
    async with GroupRobots(SECRET, speed=SPEED) as robots:
        yield robots


def telling(store: Store, robot: Robot) -> AbstractAsyncContextManager[Desk]:
    """A process whose alerts go to the group of `robot`."""
    return desk(store, account(False), robot=robot)


async def all_told(store: Store, robot: Robot, timeout_s: float = 20.0) -> None:
    """Wait until no alert waits."""
    for _ in range(round(timeout_s / 0.05)):
        turns = await store.turns(robot.address.conversation, limit=1000)
        if all(turn.status in ("sent", "dead") for turn in turns):
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"alerts still wait: {[turn.error for turn in turns if turn.status != 'sent']}")


def lines(robots: GroupRobots) -> list[str]:
    """What was read in the group, line by line."""
    return "\n".join(robots.texts).split("\n")
