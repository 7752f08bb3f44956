"""Alerts reach the people in a group: durably, signed, not too fast, in few messages, and without private numbers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from structlog.testing import capture_logs

from adapters.message import Address
from adapters.robots.dingtalk import sign
from bot.alerts import MAX_BYTES, SIGNATURE, Alerts, alert, line
from bot.channels import alert_robot, robot_of
from bot.log import Log
from bot.simulate.group_robot import GroupRobots
from bot.simulate.wechat import WeChatPhone
from bot.sqlite import SqliteStore
from bot.store import Store
from config.credentials import Credentials, WeComRobotAccount
from config.settings import Settings
from config.source import BadProject
from tests.alerts.group import all_told, group, lines, robot_in, telling
from tests.conftest import OpenStore
from tests.delivery.desk import account, store_at
from tests.mongod import free_ports
from tests.test_crash import Child, mongo, sqlite

__all__ = ["mongo", "sqlite"]

LOG: Log = structlog.stdlib.get_logger("test")
GROUP = Address("wecom_robot", "alerts", "alerts", "")


@pytest.fixture
async def robots() -> AsyncIterator[GroupRobots]:
    async with group() as server:
        yield server


# --- what is read


@pytest.mark.parametrize("vendor", ["wecom", "dingtalk"])
async def test_an_alert_is_read_in_the_group(robots: GroupRobots, store: Store, vendor: str) -> None:
    async with telling(store, robot_in(robots, vendor)) as at:
        await at.service.alert("handoff", "wechat/main/oABC/oABC：我要投诉，电话13812345678")
        told = await robots.wait_for(1)
    assert told == ["【应答】客户要求转人工：wechat/main/oABC/oABC：我要投诉，电话138****5678"]
    (turn,) = await store.turns(robot_in(robots, vendor).address.conversation)
    assert "13812345678" not in str(turn), "nor is the number kept"


@given(st.sampled_from(["handoff", "dead", "config", "else"]), st.text(max_size=3000))
def test_an_alert_is_one_line_that_a_message_holds(what: str, text: str) -> None:
    said = line(what, text)
    assert said.startswith(SIGNATURE)
    assert "\n" not in said
    assert len(said.encode()) <= MAX_BYTES


def test_an_alert_that_is_too_long_is_cut_and_says_so() -> None:
    assert line("dead", "a\n b") == "【应答】消息未能送达：a b"
    assert line("dead", "长" * 5000).endswith("长…")


def test_the_same_of_the_same_turn_is_one_alert_and_of_nothing_in_particular_two() -> None:
    assert alert(GROUP, "dead", "a", "t/1", 1.0).id == alert(GROUP, "dead", "a", "t/1", 2.0).id
    assert alert(GROUP, "dead", "a", "t/1", 1.0).id != alert(GROUP, "handoff", "a", "t/1", 1.0).id
    assert alert(GROUP, "dead", "a", "", 1.0).id != alert(GROUP, "dead", "a", "", 2.0).id


# --- how fast, and what becomes of it


@pytest.mark.parametrize("vendor", ["wecom", "dingtalk"])
async def test_a_burst_from_two_processes_keeps_to_twenty_a_minute_merges_what_waits_and_loses_nothing(
    robots: GroupRobots, open_store: OpenStore, vendor: str
) -> None:
    robot = robot_in(robots, vendor)
    async with open_store() as store, open_store() as other, telling(store, robot) as one, telling(other, robot) as two:
        for n in range(60):
            await (one, two)[n % 2].service.alert("dead", f"turn {n:02}")
        await all_told(store, robot)
    assert sorted(each[-7:] for each in lines(robots)) == [f"turn {n:02}" for n in range(60)]
    assert robots.refused == 0
    assert 20 < len(robots.texts) < 30
    assert max(len(text.encode()) for text in robots.texts) <= MAX_BYTES


async def test_alerts_are_read_in_their_order(robots: GroupRobots, store: Store) -> None:
    robot = robot_in(robots, "dingtalk")
    async with telling(store, robot) as at:
        for n in range(30):
            await at.service.alert("dead", f"turn {n:02}")
        await all_told(store, robot)
    assert [each[-7:] for each in lines(robots)] == [f"turn {n:02}" for n in range(30)]


@pytest.mark.parametrize("code", [130101, 503])
async def test_what_a_vendor_refuses_while_it_is_down_is_told_once_it_is_up(
    robots: GroupRobots, store: Store, code: int
) -> None:
    robots.script.extend([code, code])
    robot = robot_in(robots, "dingtalk")
    async with telling(store, robot) as at:
        for n in range(3):
            await at.service.alert("dead", f"turn {n}")
        await all_told(store, robot)
    assert [each[-6:] for each in lines(robots)] == ["turn 0", "turn 1", "turn 2"]
    assert robots.calls == 5


async def test_a_refusal_is_logged_and_kept_for_operators_and_brings_no_further_alert(
    robots: GroupRobots, store: Store
) -> None:
    robot = robot_in(robots, "dingtalk", secret="a-wrong-secret")
    with capture_logs() as logs:
        async with telling(store, robot) as at:
            await at.service.alert("dead", "turn 1")
            await all_told(store, robot)
            await asyncio.sleep(0.3)
    (turn,) = await store.turns(robot.address.conversation)
    assert turn.status == "dead"
    assert turn.error.startswith("310000: the robot's security settings refuse it")
    assert "an alert could not be sent" in [each["event"] for each in logs]
    assert "simulated-key" not in str(logs)
    assert "a-wrong-secret" not in str(logs)


async def test_an_alert_that_dies_brings_no_further_alert(robots: GroupRobots, store: Store) -> None:
    robot = robot_in(robots, "wecom")
    robots.script.append(40058)
    async with telling(store, robot) as at:
        await at.service.alert("handoff", "turn 1")
        await all_told(store, robot)
        await asyncio.sleep(0.3)
    (turn,) = await store.turns(robot.address.conversation)
    assert turn.status == "dead"


async def test_an_alert_that_cannot_be_kept_is_logged_and_raises_nothing(tmp_path: Path) -> None:
    nobody: list[str] = []
    down = SqliteStore(tmp_path / "store.db")  # never opened
    with capture_logs() as logs:
        await Alerts(down, GROUP, lambda: 1.0, nobody.append, LOG)("dead", "电话13812345678", "t/1")
    assert [(each["log_level"], each["event"], each["text"]) for each in logs] == [
        ("error", "an alert could not be kept", "电话138****5678")
    ]
    assert nobody == []


# --- a process that dies


@pytest.mark.parametrize("fault", ["after_take", "before_commit", "half_committed", "after_commit"])
@pytest.mark.parametrize("kind", ["sqlite", "mongo"])
async def test_a_handoff_is_told_once_wherever_the_process_dies(
    request: pytest.FixtureRequest, tmp_path: Path, robots: GroupRobots, kind: str, fault: str
) -> None:
    if fault == "half_committed" and kind == "sqlite":
        pytest.skip("a commit is one write there")
    url = request.getfixturevalue(kind)
    (port,) = free_ports(1)
    child = Child(
        url, port, "http://127.0.0.1:1", False, tmp_path / "effects", f"{fault}:1", alert_url=robots.wecom_url
    )
    await child.start()
    try:
        async with aiohttp.ClientSession() as session:
            phone = WeChatPhone(child.url, account(False), session, "oAnna", speed=5.0)
            await phone.says("人工")
        told = await robots.wait_for(1, 20)
        await child.died(f"{fault} was not reached")
        store = store_at(url)
        await store.open()
        await all_told(store, robot_in(robots, "wecom"))
        await store.close()
    finally:
        await child.stop()
    assert told == ["【应答】客户要求转人工：wechat/main/oAnna/oAnna: 人工"]


async def test_what_one_process_accepted_and_did_not_send_another_sends(
    robots: GroupRobots, open_store: OpenStore
) -> None:
    robot = robot_in(robots, "wecom")
    async with open_store() as store, open_store() as other:
        await Alerts(store, robot.address, lambda: 1.0, lambda key: None, LOG)("dead", "turn 1", "t/1")
        async with telling(other, robot):
            assert len(await robots.wait_for(1)) == 1


# --- the robot's address


def test_another_address_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValueError, match="no group robot's address") as error:
        robot_of("https://example.com/hook?key=private")
    assert "private" not in str(error.value)


def test_an_account_that_is_called_as_the_alerts_robot_is_named() -> None:
    settings = Settings(alert_url=SecretStr("https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=private"))
    taken = Credentials(wecom_robot={"alerts": WeComRobotAccount(key=SecretStr("k"))})
    with pytest.raises(BadProject, match="give the account another name") as error:
        alert_robot(taken, settings)
    assert "private" not in str(error.value)
    assert alert_robot(Credentials(), Settings()) is None


def test_the_sign_is_dingtalks() -> None:
    # base64(HMAC-SHA256("this is secret", "1577262236757\nthis is secret")), computed with openssl
    assert sign("this is secret", "1577262236757") == "hmPWwU+7lVdm3ZZz0r9tSfx0L4Q26jWOZr9+Gs6EZQM="
