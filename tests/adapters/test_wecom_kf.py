"""Customer service against the simulated WeCom: pages and cursors, sessions and who owns them, windows and codes."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channel import Answer, Carrying, Exchange, Judgement, Pulled, Pulling, Pushing, Route, Upload
from adapters.message import Address, Button, Card, Custom, Event, Image, Message, Reply, Text, Transfer
from adapters.transport import HttpTransport
from adapters.wecom_kf import WeComKf
from adapters.wecom_kf.inbound import State
from bot.simulate.wecom_kf import WeComKfApi, WeComKfPhone
from bot.sqlite import SqliteStore
from tests.contracts.channels.wecom_kf import ACCOUNT, KFID

CUSTOMER = "wmCustomer"
HERE = Address("wecom_kf", "main", CUSTOMER, CUSTOMER)


class Clock:
    now = time.time()

    def __call__(self) -> float:
        return self.now


class Desk:
    """A codec, the transport that carries its calls, and the vendor behind them."""

    def __init__(self, api: WeComKfApi, transport: HttpTransport, clock: Clock) -> None:
        self.api, self.transport, self.clock = api, transport, clock
        account = ACCOUNT.model_copy(update={"api_base": api.url})
        self.channel = WeComKf("main", account)
        self.phone = WeComKfPhone(api, CUSTOMER)
        self.cursor = ""

    async def pull(self, token: str = "") -> Pulled:
        page = await self.transport.run(self.channel, self.channel.pull(KFID, token, self.cursor, self.clock()))
        assert isinstance(page, Pulled), page
        self.cursor = page.cursor
        return page

    async def heard(self) -> Message:
        return (await self.pull()).messages[-1]

    async def send(self, reply: Reply, message: Message, way: int = 0) -> Judgement:
        route = self.channel.push_routes(HERE, message, self.clock())[way]
        (outgoing,) = self.channel.render([reply], route)
        return await self.transport.post(self.channel, outgoing)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    clock, store = Clock(), SqliteStore(tmp_path / "tokens.db")
    clock.now = time.time()
    await store.open()
    async with (
        aiohttp.ClientSession() as session,
        WeComKfApi(account=ACCOUNT, session=session, clock=clock, page=2) as api,
    ):
        yield Desk(api, HttpTransport(session, store, time.time, timeout_s=2.0), clock)
    await store.close()


def test_it_is_what_the_shared_machinery_drives() -> None:
    channel = WeComKf("main", ACCOUNT)
    assert isinstance(channel, Pulling)
    assert isinstance(channel, Pushing)
    assert isinstance(channel, Carrying)
    assert channel.sources == (KFID,)


async def test_pages_are_read_one_by_one_and_the_cursor_goes_on_after_each(desk: Desk) -> None:
    for n in range(5):
        desk.phone.writes("text", content=str(n))
    pages = [await desk.pull() for _ in range(3)]
    assert [[message.text for message in page.messages] for page in pages] == [["0", "1"], ["2", "3"], ["4"]]
    assert [page.more for page in pages] == [True, True, False]
    assert not (await desk.pull()).messages
    desk.phone.writes("text", content="5")
    assert (await desk.heard()).text == "5"


async def test_who_reads_for_the_first_time_does_not_answer_three_days_of_history(desk: Desk) -> None:
    for n in range(3):
        desk.phone.writes("text", content=f"old {n}")
    desk.clock.now += 3600
    desk.phone.writes("text", content="new")
    found = (await desk.pull()).messages + (await desk.pull()).messages
    assert [message.text for message in found] == ["new"]


async def test_who_was_away_for_an_hour_answers_what_was_said_meanwhile(desk: Desk) -> None:
    desk.phone.writes("text", content="before")
    await desk.pull()
    desk.phone.writes("text", content="meanwhile")
    desk.clock.now += 3600
    assert (await desk.heard()).text == "meanwhile"


async def test_a_signal_whose_token_is_stale_is_pulled_without_it(desk: Desk) -> None:
    desk.phone.writes("text", content="您好")
    assert [message.text for message in (await desk.pull(token="ENCold")).messages] == ["您好"]
    assert desk.api.calls["sync_msg"] == 2


async def test_an_expired_access_token_is_renewed_once_and_a_wrong_secret_is_a_matter_of_set_up(desk: Desk) -> None:
    desk.phone.writes("text", content="您好")
    await desk.pull()
    desk.api.expire_tokens()
    await desk.pull()
    assert desk.api.calls["gettoken"] == 2
    desk.api.fail("sync_msg", 60020)
    judged = await desk.transport.run(desk.channel, desk.channel.pull(KFID, "", "", 0.0))
    assert isinstance(judged, Judgement)
    assert judged.verdict == "config"


async def test_the_bot_is_told_whose_the_conversation_is(desk: Desk) -> None:
    key = HERE.conversation
    desk.phone.writes("text", content="转人工")
    assert (await desk.pull()).owners == {key: ""}
    assert await desk.transport.run(desk.channel, desk.channel.transfer(CUSTOMER, State.POOL))
    desk.phone.writes("text", content="有人吗")
    assert (await desk.pull()).owners == {key: "kf:pool"}
    await desk.api.accept(CUSTOMER, "lisi")
    assert (await desk.pull()).owners == {key: "kf:lisi"}
    await desk.api.says(CUSTOMER, "我是李四")
    page = await desk.pull()
    assert page.owners == {key: "kf:lisi"}
    assert page.messages[0].content == Event("servicer_message", "lisi", {"msgtype": "text", "content": "我是李四"})
    assert page.messages[0].text == ""
    await desk.api.end(CUSTOMER)
    assert (await desk.pull()).owners == {key: ""}


async def test_a_message_brings_five_answers_for_two_days(desk: Desk) -> None:
    desk.phone.writes("text", content="您好")
    message = await desk.heard()
    route = desk.channel.push_routes(HERE, message, desk.clock())[0]
    ((rate),) = desk.channel.rates(route)
    assert (rate.count, rate.window_s) == (5, 48 * 3600)
    assert message.id in rate.key
    sent = [await desk.send(Text(str(n)), message) for n in range(6)]
    assert [one.verdict for one in sent] == ["ok"] * 5 + ["dead"]
    assert sent[0].receipt == desk.api.shown[0].id
    assert sent[5].code == "95001"
    desk.clock.now += 48 * 3600 + 1
    late = await desk.send(Text("晚了"), message)
    assert (late.verdict, late.code) == ("dead", "95002")


async def test_while_a_person_serves_the_customer_what_the_bot_says_is_dead_with_that_reason(desk: Desk) -> None:
    desk.phone.writes("text", content="您好")
    message = await desk.heard()
    await desk.api.accept(CUSTOMER, "lisi")
    judged = await desk.send(Text("您好"), message)
    assert (judged.verdict, judged.code) == ("dead", "95018")
    assert "person" in judged.reason


async def test_who_comes_in_is_welcomed_once_within_twenty_seconds(desk: Desk) -> None:
    await desk.phone.enters("site")
    message = await desk.heard()
    assert (await desk.send(Card("欢迎", buttons=(Button("查订单", "/order_status"),)), message)).verdict == "ok"
    assert desk.api.shown[0].event
    assert (await desk.send(Text("又来"), message)).verdict != "ok"
    (rate,) = desk.channel.rates(desk.channel.push_routes(HERE, message, desk.clock())[0])
    assert rate.count == 1
    desk.clock.now += 21
    assert [route.data["way"] for route in desk.channel.push_routes(HERE, message, desk.clock())] == ["send"]
    await desk.phone.enters("site")
    again = await desk.heard()
    assert isinstance(again.content, Event)
    assert again.content.name == "enter_session"


async def test_a_session_that_ends_can_be_answered_once_by_its_code(desk: Desk) -> None:
    desk.phone.writes("text", content="您好")
    await desk.api.accept(CUSTOMER, "lisi")
    await desk.api.end(CUSTOMER)
    await desk.pull()
    closed = (await desk.pull()).messages[-1]
    assert (await desk.send(Text("感谢您的咨询"), closed)).verdict == "ok"


async def test_a_transfer_goes_to_the_pool_or_to_the_servicer_that_it_names(desk: Desk) -> None:
    desk.phone.writes("text", content="转人工")
    message = await desk.heard()
    assert (await desk.send(Transfer(), message)).verdict == "ok"
    assert await desk.transport.run(desk.channel, desk.channel.service_state(CUSTOMER)) == (State.POOL, "")
    assert (await desk.send(Transfer("", "lisi"), message)).verdict == "ok"
    assert await desk.transport.run(desk.channel, desk.channel.service_state(CUSTOMER)) == (State.HUMAN, "lisi")
    assert (await desk.send(Transfer("", "nobody"), message)).code == "95014"
    assert (await desk.send(Transfer(), message)).code == "95016"


async def test_a_message_can_be_taken_back_for_two_minutes(desk: Desk) -> None:
    desk.phone.writes("text", content="您好")
    message = await desk.heard()
    sent = await desk.send(Text("说错了"), message)
    assert await desk.transport.run(desk.channel, desk.channel.recall(sent.receipt, Route("push"))) is None
    assert desk.api.recalled == [sent.receipt]
    desk.clock.now += 121
    late = await desk.transport.run(desk.channel, desk.channel.recall(sent.receipt, Route("push")))
    assert isinstance(late, Judgement)


async def test_media_goes_up_and_comes_down_unchanged(desk: Desk) -> None:
    given = Upload("image", '图"1.png', "image/png", bytes(range(256)) + b"\r\n--x\r\n")
    kept = await desk.transport.run(desk.channel, desk.channel.upload(given, 100.0))
    assert not isinstance(kept, Judgement)
    assert kept.expires_at == 100.0 + 3 * 24 * 3600
    assert await desk.transport.run(desk.channel, desk.channel.download(Image(media=kept.media))) == given.data
    gone = await desk.transport.run(desk.channel, desk.channel.download(Image(media="gone")))
    assert isinstance(gone, Judgement)
    assert gone.code == "40007"


async def test_a_payload_comes_back_with_the_item_that_is_tapped_however_late(desk: Desk) -> None:
    desk.phone.writes("text", content="您好")
    message = await desk.heard()
    card = Card("请选择", buttons=(Button("查订单", "/order_status"), Button("官网", url="https://example.com")))
    assert (await desk.send(card, message)).verdict == "ok"
    click, view = desk.api.shown[0].body["msgmenu"]["list"]
    assert view == {"type": "view", "view": {"url": "https://example.com", "content": "官网"}}
    await desk.phone.taps(click["click"]["content"], click["click"]["id"])
    assert (await desk.heard()).text == "/order_status"


@pytest.mark.parametrize("kind", ["link", "location", "ca_link", "business_card", "miniprogram"])
async def test_other_messages_of_the_vendor_are_passed_on_as_they_are(desk: Desk, kind: str) -> None:
    desk.phone.writes("text", content="您好")
    message = await desk.heard()
    assert (await desk.send(Custom({"msgtype": kind, kind: {"title": "x"}}), message)).verdict == "ok"
    assert desk.api.shown[0].body[kind] == {"title": "x"}


def test_who_never_wrote_and_servicers_cannot_be_written_to() -> None:
    channel = WeComKf("main", ACCOUNT)
    assert channel.push_routes(HERE, None, 0.0) == ()
    servicer = Address("wecom_kf", "main", "servicer:lisi", "servicer:lisi")
    message = Message("1", servicer, Event("servicer_status_change"), 0.0)
    assert channel.push_routes(servicer, message, 0.0) == ()


@given(
    body=st.binary(max_size=200) | st.from_regex(rb'\{"errcode":0,"next_cursor":"c","msg_list":[^\x00-\x1f]{0,80}\}')
)
def test_whatever_the_vendor_answers_a_pull_does_not_raise(body: bytes) -> None:
    exchange = WeComKf("main", ACCOUNT).pull(KFID, "t", "c", 0.0)
    next(exchange)
    assert isinstance(after(exchange, body), Judgement | Pulled)


def told(*messages: dict[str, object]) -> bytes:
    common = {"send_time": 5, "origin": 3, "external_userid": CUSTOMER, "open_kfid": KFID}
    given = [common | {"msgid": str(n)} | each for n, each in enumerate(messages)]
    return json.dumps({"errcode": 0, "next_cursor": "c2", "has_more": 0, "msg_list": given}).encode()


@pytest.mark.parametrize("half", [b"\\ud83d", "😀".encode()[:2]])
def test_half_an_emoji_holds_up_nobody(half: bytes) -> None:
    body = told({"msgtype": "text", "text": {"content": "好"}}, {"msgtype": "text", "text": {"content": "HALF"}})
    exchange = WeComKf("main", ACCOUNT).pull(KFID, "", "c1", 9.0)
    next(exchange)
    page = after(exchange, body.replace(b"HALF", b"\xe5\x97\xa8" + half))
    assert isinstance(page, Pulled), page
    assert [message.text[:1] for message in page.messages] == ["好", "嗨"]
    assert page.cursor == "c2"


def test_a_message_whose_content_cannot_be_read_is_heard_all_the_same() -> None:
    exchange = WeComKf("main", ACCOUNT).pull(KFID, "", "c1", 9.0)
    next(exchange)
    page = after(exchange, told({"msgtype": "location", "location": {"name": "here", "latitude": "", "longitude": 1}}))
    assert isinstance(page, Pulled), page
    assert isinstance(page.messages[0].content, Custom)


def test_what_a_bot_writes_itself_cannot_go_to_somebody_else() -> None:
    channel = WeComKf("main", ACCOUNT)
    payload = {"msgtype": "text", "text": {"content": "x"}, "touser": "other", "open_kfid": "other"}
    (outgoing,) = channel.render([Custom(payload)], Route("push", {"way": "send", "to": CUSTOMER}))
    sent = json.loads(outgoing.body)
    assert (sent["touser"], sent["open_kfid"]) == (CUSTOMER, KFID)


def after(exchange: Exchange[Pulled], body: bytes) -> Pulled | Judgement | None:
    """What the exchange returns where every call is answered with `body`."""
    for _ in range(9):
        try:
            exchange.send(Answer(200, body))
        except StopIteration as end:
            result: Pulled | Judgement = end.value
            return result
    return None
