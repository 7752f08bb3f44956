"""One talk on every vendor's wire format says the same in substance, whatever each can show."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bot.app import load_bot
from bot.simulate.beside import Slow, served, slowed
from bot.simulate.bubbles import Bubble, Tap
from bot.simulate.phone import NotHere, Phone
from bot.simulate.phones import PHONES
from bot.sqlite import SqliteStore
from bot.work import Bot
from config.credentials import ACCOUNTS
from config.settings import load_settings

SHOP = Path(__file__).parents[2] / "config" / "shop"
SETTINGS = load_settings({"YINGDA_LOG_LEVEL": "error"})
MADE = {channel: {} for channel in PHONES} | {
    "dingtalk by HTTP": {"mode": "http"},
    "wecom_bot by WebSocket": {"mode": "websocket", "bot_id": "AIB1", "secret": "s" * 12, "ws_url": "ws://127.0.0.1:0"},
}
TALK = (
    ("你好", "小答"),
    ("查一下DD20260101001", "蓝牙耳机"),
    ("我要退款", "订单"),
    ("DD20260101001，质量不好！", "确认提交吗"),
    ("不对，是DD20260101008", "确认提交吗"),
    ("确认", "已提交"),
    ("转人工", "人工"),
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop with books of its own, in which each test's customers begin anew."""
    project = tmp_path_factory.mktemp("phones") / "shop"
    shutil.copytree(SHOP, project, ignore=shutil.ignore_patterns("*.db*", "*.sqlite*"))
    return project


@pytest.fixture(scope="module")
def bot(shop: Path) -> Bot:
    return load_bot(shop, SETTINGS)


def made(name: str) -> Phone:
    phone = PHONES[name.partition(" ")[0]].made_up()
    given = phone.account.model_dump() | MADE[name]
    return type(phone)(ACCOUNTS[phone.channel].model_validate(given), person=f"p{secrets.token_hex(6)}")


@asynccontextmanager
async def talking(name: str, bot: Bot, folder: Path, speed: float = 1.0) -> AsyncIterator[Phone]:
    phone = made(name)
    store = SqliteStore(folder / "talk.db")
    async with served(SHOP, SETTINGS, [phone], bot=bot, store=store, speed=speed):
        yield phone


async def until(phone: Phone, count: int, words: str = "", timeout_s: float = 10.0) -> list[Bubble]:
    """What is on the screen once it is at least `count` finished messages, `words` among the later ones."""
    ends = time.monotonic() + timeout_s
    while True:
        seen = [one for one in phone.screen() if not one.growing]
        if len(seen) >= count and any(words in one.words for one in seen[count - 1 :]):
            return seen
        assert time.monotonic() < ends, f"{phone.channel} shows no {words or 'answer'}: {[one.words for one in seen]}"
        await asyncio.sleep(0.02)


def substance(words: str) -> set[str]:
    """Order numbers, sums, and what is asked or said in whole sentences, without what only menus have."""
    text = re.sub(r"（回复数字[^）]*）|^\d+\. |[\[\]]", "", words, flags=re.MULTILINE)
    return {line.strip() for line in re.split(r"[\n。]", text) if line.strip()}


async def talked(name: str, bot: Bot, folder: Path) -> list[set[str]]:
    answers = []
    async with talking(name, bot, folder) as phone:
        for said, heard in TALK:
            before = len(phone.screen())
            assert await phone.says(said) == ""
            await until(phone, before + 1, heard)
            await asyncio.sleep(0.15)  # an answer of several messages may still go on
            answers.append(substance("\n".join(one.words for one in phone.screen()[before:])))
    return answers


async def test_one_talk_has_the_same_answers_on_every_wire_format(bot: Bot, tmp_path: Path) -> None:
    talks = {}
    for n, name in enumerate(MADE):
        folder = tmp_path / str(n)
        folder.mkdir()
        talks[name] = await talked(name, bot, folder)
    first = talks.pop("wechat")
    for name, answers in talks.items():
        for (said, _), ours, theirs in zip(TALK, first, answers, strict=True):
            assert ours == theirs, f"{name}, after {said}"


@pytest.mark.parametrize("name", [name for name in MADE if name.partition(" ")[0] not in ("wechat", "wecom")])
async def test_a_button_is_tapped(name: str, bot: Bot, tmp_path: Path) -> None:
    async with talking(name, bot, tmp_path) as phone:
        await phone.says("你好")
        card = (await until(phone, 1))[-1]
        orders = next(tap for tap in card.taps if tap.title == "查订单")
        assert await phone.taps(card, orders) == ""
        assert "订单" in (await until(phone, 2))[-1].words


@pytest.mark.parametrize("name", [name for name in MADE if PHONES[name.partition(" ")[0]].groups])
async def test_in_a_group_only_who_names_the_bot_is_answered(name: str, bot: Bot, tmp_path: Path) -> None:
    async with talking(name, bot, tmp_path) as phone:
        phone.group, phone.mention = "oc_group" if phone.channel == "feishu" else "group1", False
        await phone.says("查一下DD20260101001")
        phone.mention = True
        await phone.says("你好")
        seen = await until(phone, 1)
        assert "小答" in seen[0].words
        assert not any("蓝牙耳机" in one.words for one in seen)


@pytest.mark.parametrize("name", MADE)
async def test_a_picture_is_taken(name: str, bot: Bot, tmp_path: Path) -> None:
    async with talking(name, bot, tmp_path) as phone:
        assert await phone.shows(b"\x89PNG\r\n\x1a\n", "http://127.0.0.1:1/picture.png") == ""
        assert (await until(phone, 1))[0].words


async def test_ten_times_as_fast_a_slow_answer_comes_after_the_vendor_gave_up_waiting(bot: Bot, tmp_path: Path) -> None:
    slow: Slow
    bot, slow = slowed(bot)
    slow.seconds = 1.2
    async with talking("wechat", bot, tmp_path, speed=10.0) as phone:
        began = time.monotonic()
        await phone.says("你好")
        await until(phone, 1, "小答")
        assert time.monotonic() - began < 4.5, "WeChat's five seconds are half a second"
        posts = [entry for entry in phone.wire.entries if entry.to == "bot"]
        assert len({entry.opened_request for entry in posts}) == 1, "it is the same message each time"


async def test_the_wire_shows_what_was_sealed_and_no_secret(bot: Bot, tmp_path: Path) -> None:
    async with talking("wecom_bot", bot, tmp_path) as phone:
        await phone.says("你好")
        await until(phone, 1)
        first = phone.wire.entries[0]
        assert '"encrypt"' in first.request
        assert '"content":"你好"' in first.opened_request
        assert '"msgtype":"' in first.opened_response
        shown = repr(list(phone.wire.entries))
        assert phone.wire.secrets
        assert not [secret for secret in phone.wire.secrets if secret in shown]


@pytest.mark.parametrize("channel", ["dingtalk", "feishu", "wecom_kf"])
async def test_an_account_of_the_real_vendor_is_not_played(channel: str) -> None:
    phone = PHONES[channel].made_up()
    bases = dict.fromkeys(phone.bases, "https://api.vendor.example")
    far = type(phone)(phone.account.model_copy(update=bases))
    with pytest.raises(NotHere, match="on this machine"):
        async with far:
            pass


async def test_a_bot_that_is_not_there_is_said_to_be_so() -> None:
    for channel in ("wechat", "feishu", "wecom_kf", "wecom_bot"):
        async with PHONES[channel].made_up(webhook="http://127.0.0.1:1/", speed=500.0) as phone:
            assert await phone.says("在吗")
            assert phone.wire.entries[-1].status == 0


def test_a_button_may_open_a_page() -> None:
    assert Bubble("1", "card", "看", taps=(Tap("官网", url="https://shop.example/"),)).words == "看\n[官网]"
