"""Alerts reach the people in a group: signed, not too fast, in few messages, and without numbers that are private."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from adapters.channel import Token
from adapters.robots.dingtalk import sign
from adapters.transport import HttpTransport
from bot.alerts import MAX_BYTES, MINUTE_S, PER_MINUTE, Alert, GroupRobot, digest
from bot.channels import robot_of
from bot.log import Log
from bot.simulate.group_robot import GroupRobots

LOG: Log = structlog.stdlib.get_logger("test")
SECRET = "SEC-simulated"


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


class NoVault:
    """Robots have no access token."""

    async def get(self, key: str, fetch: Callable[[], Awaitable[Token]], stale: str | None = None) -> Token:
        raise AssertionError("a robot asked for a token")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def robots(clock: Clock) -> AsyncIterator[GroupRobots]:
    async with GroupRobots(SECRET, clock) as server:
        yield server


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    async with aiohttp.ClientSession() as opened:
        yield HttpTransport(opened, NoVault(), time.time)


@pytest.mark.parametrize("vendor", ["wecom", "dingtalk"])
async def test_an_alert_is_read_in_the_group(
    robots: GroupRobots, transport: HttpTransport, clock: Clock, vendor: str
) -> None:
    url = robots.wecom_url if vendor == "wecom" else robots.dingtalk_url
    robot = GroupRobot(transport, robot_of(url, SECRET), LOG, clock, clock.sleep)
    await robot("handoff", "wechat/main/oABC/oABC：我要投诉，电话13812345678")
    assert await robots.wait_for(1) == ["【应答】客户要求转人工：wechat/main/oABC/oABC：我要投诉，电话138****5678"]
    await robot.close()


async def test_a_burst_keeps_to_twenty_messages_a_minute_and_loses_nothing(
    robots: GroupRobots, transport: HttpTransport, clock: Clock
) -> None:
    robot = GroupRobot(transport, robot_of(robots.dingtalk_url, SECRET), LOG, clock, clock.sleep)
    for n in range(60):
        await robot("dead", f"turn {n:02}")
        await asyncio.sleep(0.002)
    await robot.close()
    said = "\n".join(robots.texts)
    assert all(f"turn {n:02}" in said for n in range(60))
    assert robots.calls == len(robots.texts) > 20


async def test_two_processes_keep_to_twenty_a_minute_together(
    robots: GroupRobots, transport: HttpTransport, clock: Clock
) -> None:
    taken: list[float] = []

    async def allowance() -> bool:
        free = len([at for at in taken if at > clock() - MINUTE_S]) < PER_MINUTE
        taken.extend([clock()] * free)
        return free

    both = [GroupRobot(transport, robot_of(robots.wecom_url, ""), LOG, clock, clock.sleep, allowance) for _ in range(2)]
    for number in range(15):
        for robot in both:
            await robot("dead", f"{number}" + "长" * 600)  # one a message
    texts = await robots.wait_for(30)
    assert len(texts) == 30
    assert robots.calls == 30  # none was refused as too fast
    for robot in both:
        await robot.close()


@pytest.mark.parametrize("code", [130101, 503])
async def test_a_busy_vendor_is_tried_again_later(
    robots: GroupRobots, transport: HttpTransport, clock: Clock, code: int
) -> None:
    robots.script.extend([code, code])
    robot = GroupRobot(transport, robot_of(robots.dingtalk_url, SECRET), LOG, clock, clock.sleep)
    await robot("dead", "turn 1")
    assert len(await robots.wait_for(1)) == 1
    assert robots.calls == 3
    assert [pause for pause in clock.slept if pause] == [5.0, 10.0]
    await robot.close()


async def test_a_refusal_is_logged_once_without_the_robots_key(
    robots: GroupRobots, transport: HttpTransport, clock: Clock
) -> None:
    robot = GroupRobot(transport, robot_of(robots.dingtalk_url, "a-wrong-secret"), LOG, clock, clock.sleep)
    with capture_logs() as logs:
        await robot("dead", "turn 1")
        await robot.close()
    assert robots.texts == []
    assert [(line["log_level"], line["problem"]) for line in logs] == [
        ("error", "310000: the robot's security settings refuse it: its keyword, its 加签 secret or its IP list")
    ]
    assert "simulated-key" not in str(logs)
    assert "a-wrong-secret" not in str(logs)


async def test_an_unreachable_robot_is_given_up_quietly(transport: HttpTransport, clock: Clock) -> None:
    robot = GroupRobot(transport, robot_of("http://127.0.0.1:9/robot/send?access_token=k", ""), LOG, clock, clock.sleep)
    await robot("dead", "turn 1")
    await robot.close()
    assert [pause for pause in clock.slept if pause] == [5.0, 10.0, 20.0, 40.0]


async def test_what_waits_at_the_end_is_logged_rather_than_lost(robots: GroupRobots, transport: HttpTransport) -> None:
    robots.delay_s = 0.5
    robot = GroupRobot(transport, robot_of(robots.wecom_url), LOG)
    with capture_logs() as logs:
        await robot("dead", "turn 1")
        await asyncio.sleep(0.05)
        await robot("dead", "turn 2")
        await robot.close(seconds=0.05)
        await asyncio.sleep(0)
    assert sorted(str(line["text"]) for line in logs) == ["【应答】消息未能送达：turn 1", "消息未能送达：turn 2"]


def test_another_address_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValueError, match="no group robot's address") as error:
        robot_of("https://example.com/hook?key=private")
    assert "private" not in str(error.value)


def test_the_sign_is_dingtalks() -> None:
    # base64(HMAC-SHA256("this is secret", "1577262236757\nthis is secret")), computed with openssl
    assert sign("this is secret", "1577262236757") == "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM="


@given(st.lists(st.builds(Alert, st.sampled_from(["handoff", "dead", "config", "else"]), st.text()), min_size=1))
def test_a_digest_fits_and_takes_at_least_one_alert(alerts: list[Alert]) -> None:
    text, count = digest(alerts)
    assert len(text.encode()) <= MAX_BYTES
    assert 1 <= count <= len(alerts)


def test_a_digest_says_the_same_only_once_and_cuts_what_is_too_long() -> None:
    text, count = digest([Alert("dead", "a"), Alert("dead", "a"), Alert("dead", "b\nc")])
    assert (text, count) == ("【应答】消息未能送达：a\n消息未能送达：b c", 3)
    text, count = digest([Alert("dead", "长" * 5000), Alert("dead", "b")])
    assert (count, text[-1]) == (1, "…")
    assert len(text.encode()) <= MAX_BYTES
