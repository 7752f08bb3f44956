"""A WeCom app, from the member's phone through the whole service to what the member sees."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr

from adapters.channel import Judgement
from adapters.message import Address, Button, Card, Custom, File, Text
from adapters.transport import HttpTransport
from adapters.wecom import WeCom
from adapters.wecom.chats import Chat
from bot.app import SERVICE, make_app
from bot.service import Service
from bot.simulate import WeComApi, WeComPhone
from bot.simulate.wechat import Seen
from bot.ways import Times
from bot.work import Bot
from config.credentials import Credentials, WeComAccount
from config.settings import Settings
from flows.state import Actions, Dialogue, Heard, Outcome
from tests.delivery.desk import Counter, Effects, understand

SPEED = 10.0
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


class Cards(Counter):
    """As `Counter`; 卡 is answered with a card."""

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        outcome = await super().step(dialogue, heard, actions)
        if heard.meaning.text == "卡":
            card = Card("要做什么？", "订单", buttons=(Button("退款", "我要退款"), Button("查询", "查一查")))
            return replace(outcome, replies=(card,))
        return outcome


@dataclass
class Company:
    """One app that is served, its vendor, and a member's phone."""

    service: Service
    api: WeComApi
    phone: WeComPhone
    channel: WeCom
    transport: HttpTransport


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    async with WeComApi() as api, aiohttp.ClientSession() as session:
        account = WeComAccount(
            corp_id=api.corp_id, agent_id=api.agent_id, secret=SecretStr(api.secret), token=SecretStr("tok"),
            encoding_aes_key=SecretStr(KEY), api_base=api.url,
        )  # fmt: skip
        app = await make_app(
            tmp_path,
            Settings(store=f"sqlite:///{tmp_path}/store.db"),
            Credentials(wecom={"main": account}),
            bot=Bot(understand, Cards(), Effects(), UTC),
            times=Times().faster(SPEED),
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/wecom/main"
        service = app[SERVICE]
        channel = service.outlets["wecom", "main"].channel
        assert isinstance(channel, WeCom)
        transport = HttpTransport(session, service.store, api.clock)
        yield Company(service, api, WeComPhone(url, account, session, speed=SPEED), channel, transport)
        await runner.cleanup()


def answered(seen: Seen) -> None:
    assert not seen.failed
    assert [post.status for post in seen.posts] == [200]
    assert seen.posts[0].seconds < 5 / SPEED


async def test_the_console_checks_the_url(company: Company) -> None:
    asked, answer = await company.phone.verifies()
    assert answer == asked


async def test_a_quick_answer_is_in_the_response_and_nothing_is_pushed(company: Company) -> None:
    seen = await company.phone.says("你好")
    answered(seen)
    assert (seen.text, company.api.sent) == ("1:你好", [])


@pytest.mark.parametrize("seconds", [3, 6, 30])
async def test_a_slow_answer_arrives_once_and_the_response_is_in_time(company: Company, seconds: int) -> None:
    words = f"等{seconds / SPEED}"
    seen = await company.phone.says(words)
    answered(seen)
    if seconds < 4.5:
        assert seen.text == f"1:{words}"
    else:
        assert seen.posts[0].body == b""
        assert [sent.text for sent in await company.api.wait_for("ZhangSan")] == [f"1:{words}"]
    await asyncio.sleep(0.3)
    assert len(company.api.sent) == (0 if seconds < 4.5 else 1)


async def test_the_same_message_posted_three_times_is_answered_once(company: Company) -> None:
    webhook = company.phone.webhook("text", Content="你好")
    seen = await asyncio.gather(*(company.phone.deliver(webhook) for _ in range(3)))
    assert {one.text for one in seen} == {"1:你好"}
    assert (await company.phone.says("再来")).text == "2:再来"


async def test_a_card_in_a_response_is_numbered_lines(company: Company) -> None:
    assert "1. 退款" in (await company.phone.says("卡")).text


async def test_a_pushed_cards_button_says_what_it_holds(company: Company) -> None:
    card = Card("要做什么？", buttons=(Button("退款", "我要退款"),))
    address = Address("wecom", "main", "ZhangSan", "ZhangSan")
    (route,) = company.channel.push_routes(address, None, 0.0)
    (call,) = company.channel.render([card], route)
    judged = await company.transport.post(company.channel, call)
    assert judged.verdict == "ok"
    (sent,) = company.api.sent_to("ZhangSan")
    seen = await company.phone.taps(sent)
    answered(seen)
    assert (seen.kind, (seen.reply or {})["Button"]) == ("update_button", {"ReplaceName": "已选择"})
    assert [one.text for one in (await company.api.wait_for("ZhangSan", 2))[1:]] == ["1:我要退款"]

    update = Custom({"msgtype": "update_button", "button": {"replace_name": "已处理"}})
    changed = [
        await company.transport.run(company.channel, company.channel.update_card(judged.receipt, ["ZhangSan"], update))
        for _ in range(2)
    ]
    assert changed[0] is None
    assert isinstance(changed[1], Judgement)  # a code can be used once
    assert await company.transport.run(company.channel, company.channel.recall(judged.receipt, route)) is None
    assert [one.text for one in company.api.sent_to("ZhangSan")] == ["1:我要退款"]


async def test_contact_changes_are_taken_and_answered_with_nothing(company: Company) -> None:
    company.phone.userid = "sys"
    seen = await company.phone.does("change_contact", ChangeType="create_user", UserID="li")
    answered(seen)
    assert (seen.posts[0].body, company.api.sent) == (b"", [])


async def test_a_group_of_the_apps_own_is_made_and_written_to(company: Company) -> None:
    channel, transport = company.channel, company.transport
    chat = await transport.run(channel, channel.create_chat(Chat("ops1", "值班", "li", ("li", "wang"))))
    assert chat == "ops1"
    assert await transport.run(channel, channel.update_chat("ops1", add=["zhao"])) is None
    found = await transport.run(channel, channel.get_chat("ops1"))
    assert isinstance(found, Chat)
    assert found.members == ("li", "wang", "zhao")
    (route,) = channel.push_routes(Address("wecom", "main", "ops1", ""), None, 0.0)
    for call in channel.render([Text("有人要转人工")], route):
        assert (await transport.post(channel, call)).verdict == "ok"
    assert [sent.text for sent in company.api.sent_to("ops1")] == ["有人要转人工"]
    (stranger,) = channel.push_routes(Address("wecom", "main", "nobodys", ""), None, 0.0)
    judged = await transport.post(channel, channel.render([Text("a")], stranger)[0])
    assert (judged.verdict, judged.code) == ("dead", "86003")


async def test_what_the_vendor_refuses_for_good_is_dead_with_a_reason(company: Company) -> None:
    company.api.members = frozenset({"li"})
    await company.phone.says("等0.5")
    conversation = Address("wecom", "main", "ZhangSan", "ZhangSan").conversation
    for _ in range(100):
        (turn,) = await company.service.store.turns(conversation)
        if turn.status == "dead":
            break
        await asyncio.sleep(0.05)
    assert "可见范围" in turn.error


async def test_an_expired_token_is_refreshed_once_and_a_refused_address_is_told_with_its_ip(company: Company) -> None:
    (route,) = company.channel.push_routes(Address("wecom", "main", "li", "li"), None, 0.0)
    (call,) = company.channel.render([Text("a")], route)
    await company.transport.post(company.channel, call)
    company.api.expire_tokens()
    judged = await asyncio.gather(*(company.transport.post(company.channel, call) for _ in range(20)))
    assert {one.verdict for one in judged} == {"ok"}
    assert company.api.calls["gettoken"] == 2
    company.api.refuse_address = "203.0.113.7"
    refused = await company.transport.post(company.channel, call)
    assert (refused.verdict, "203.0.113.7" in refused.reason) == ("config", True)


async def test_a_file_goes_up_and_is_sent(company: Company) -> None:
    company.api.media["M"] = b"hello"
    assert await company.transport.run(company.channel, company.channel.download(File(media="M"))) == b"hello"
    gone = await company.transport.run(company.channel, company.channel.download(File(media="N")))
    assert isinstance(gone, Judgement)
    assert gone.code == "40007"


async def test_a_file_that_reads_like_a_refused_token_is_a_file(company: Company) -> None:
    said = b'{"errcode": 42001, "errmsg": "access_token expired"}'
    company.api.media["M"] = said
    assert await company.transport.run(company.channel, company.channel.download(File(media="M"))) == said
    assert company.api.calls["gettoken"] == 1
