"""Feishu end to end: a simulated vendor's events through the real application, and its calls back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from adapters.channel import Judgement, Reject, Route, Upload
from adapters.feishu import Feishu, decrypt
from adapters.message import Button, Card, Image, Markdown, Reply, Text
from bot.app import SERVICE, make_app
from bot.service import Service
from bot.simulate.feishu import FeishuApi
from bot.sqlite import SqliteStore
from bot.ways import Times
from bot.work import Bot
from config.credentials import Credentials
from config.settings import load_settings
from tests.contracts.channels.feishu import account, plain
from tests.contracts.entry import NOW
from tests.delivery.desk import Counter, Effects, understand

PERSON, GROUP = "ou_1", "oc_group"


@pytest.fixture
async def api() -> AsyncIterator[FeishuApi]:
    async with aiohttp.ClientSession() as session, FeishuApi(account=account(), session=session, speed=10.0) as server:
        yield server


@asynccontextmanager
async def served(api: FeishuApi, folder: Path) -> AsyncIterator[Service]:
    app = await make_app(
        folder,
        load_settings({"YINGDA_LOG_LEVEL": "error"}),
        Credentials(feishu={"main": account(api_base=api.url)}),
        bot=Bot(understand, Counter(), Effects(), UTC),
        store=SqliteStore(folder / "turns.db"),
        times=Times().faster(10),
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.webhook = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/feishu/main"
    try:
        yield app[SERVICE]
    finally:
        await runner.cleanup()


async def test_a_person_is_answered_and_the_url_is_checked(api: FeishuApi, tmp_path: Path) -> None:
    async with served(api, tmp_path):
        assert await api.checks() == '{"challenge":"c-42"}'
        assert await api.says(PERSON, "您好") == 200
        (shown,) = await api.wait_for(PERSON)
    assert (shown.text, shown.answers) == ("1:您好", "")


async def test_a_group_is_answered_where_the_bot_is_meant_with_a_quote_and_a_mention(
    api: FeishuApi, tmp_path: Path
) -> None:
    async with served(api, tmp_path):
        assert await api.says(PERSON, "大家好", GROUP, mention=False) == 200
        assert await api.says(PERSON, "在吗", GROUP) == 200
        (shown,) = await api.wait_for(GROUP)
    assert shown.text == f'<at user_id="{PERSON}"></at> 1:在吗'
    assert shown.answers


async def test_an_expired_token_is_renewed_and_a_message_that_was_taken_back_is_answered_without_quoting_it(
    api: FeishuApi, tmp_path: Path
) -> None:
    async with served(api, tmp_path):
        await api.says(PERSON, "一")
        await api.wait_for(PERSON)
        api.expire_tokens()
        api.fail("reply", 230011)
        await api.says(PERSON, "二", GROUP)
        (shown,) = await api.wait_for(GROUP)
    assert not shown.answers
    assert api.calls["token"] == 2


async def test_a_card_is_shown_and_its_button_says_its_payload(api: FeishuApi, tmp_path: Path) -> None:
    async with served(api, tmp_path) as service:
        channel = Feishu("main", account(api_base=api.url))
        route = Route("push", {"way": "send", "to": GROUP, "chat": "group"})
        card = Card("请选择", "订单", buttons=(Button("查订单", "查一查"), Button("官网", url="https://example.com")))
        replies: list[Reply] = [card, Markdown("**好**")]
        for outgoing in channel.render(replies, route):
            assert (await service.transport.post(channel, outgoing)).verdict == "ok"
        shown = api.shown[0]
        assert shown.text == "订单\n请选择\n查订单\n官网"
        assert await api.taps(PERSON, shown, 0) == 200
        answered = (await api.wait_for(GROUP, 3))[-1]
    assert "1:查一查" in answered.text


async def test_files_go_up_and_come_down_and_a_message_can_be_taken_back(api: FeishuApi, tmp_path: Path) -> None:
    async with served(api, tmp_path) as service:
        channel = Feishu("main", account(api_base=api.url))
        given = Upload("image", "图.png", "image/png", bytes(range(256)))
        kept = await service.transport.run(channel, channel.upload(given, 0.0))
        assert not isinstance(kept, Judgement)
        there = Image(media=f"om_1/{kept.media}")
        assert await service.transport.run(channel, channel.download(there)) == given.data
        route = Route("push", {"way": "send", "to": PERSON, "chat": "private"})
        sent = await service.transport.post(channel, channel.render([Text("错了")], route)[0])
        assert await service.transport.run(channel, channel.recall(sent.receipt, route)) is None
    assert api.recalled == [sent.receipt]


def test_the_documents_own_example_is_decrypted() -> None:
    """https://open.feishu.cn/document/server-docs/event-subscription-guide/event-subscription-configure-/encrypt-key-encryption-configuration-case"""
    assert decrypt("P37w+VZImNgPEO1RBhJ6RtKl7n6zymIbEG1pReEzghk=", "test key") == b"hello world"


def test_a_body_that_is_not_encrypted_is_refused_where_there_is_a_key() -> None:
    found = Feishu("main", account()).parse(plain(b'{"schema": "2.0"}', NOW, True), NOW)
    assert isinstance(found, Reject)
    assert found.status == 403


def test_an_account_that_cannot_tell_its_vendor_is_no_account() -> None:
    with pytest.raises(ValueError, match="encrypt_key or verification_token"):
        account("", verification_token="")
