"""The simulated WebSocket of WeCom with a small client of our codec: subscribe, answer, be thrown out, upload."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest

from adapters.channel import Answer, Exchange, Frame, Judgement, Messages, Outgoing, T, Upload, Uploaded
from adapters.message import Button, Card, File, Message, Reply, Text
from adapters.wecom_bot import WeComBot
from bot.simulate import WeComBotGateway
from config.credentials import WeComBotAccount

CARD = Card("请选择", buttons=(Button("查订单"), Button("退款")))


@dataclass
class Client:
    """One connection, driven by the codec alone."""

    channel: WeComBot
    socket: aiohttp.ClientWebSocketResponse
    heard: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)
    ended: asyncio.Queue[Frame] = field(default_factory=asyncio.Queue)
    words: dict[str, asyncio.Future[tuple[Judgement, str]]] = field(default_factory=dict)

    async def run(self) -> None:
        async for received in self.socket:
            frame = self.channel.read(received.data, time.time())
            if isinstance(frame.parsed, Messages):
                for message in frame.parsed.messages:
                    self.heard.put_nowait(message)
            if frame.word and frame.word[0] in self.words:
                self.words.pop(frame.word[0]).set_result((frame.word[1], received.data))
            if frame.then != "on":
                self.ended.put_nowait(frame)

    async def send(self, outgoing: Outgoing | None, within_s: float = 1.0) -> tuple[Judgement, str]:
        assert outgoing is not None
        word = self.words[outgoing.url.removeprefix("link:")] = asyncio.get_running_loop().create_future()
        await self.socket.send_str(outgoing.body.decode())
        return await asyncio.wait_for(word, within_s)

    async def answer(self, reply: Reply, message: Message, place: int = 0) -> str:
        route = self.channel.push_routes(message.address, message, time.time())[place]
        (outgoing,) = self.channel.render([reply], route)
        return (await self.send(outgoing))[0].verdict

    async def carry(self, exchange: Exchange[T]) -> T | Judgement:
        try:
            outgoing = next(exchange)
            while True:
                outgoing = exchange.send(Answer(200, (await self.send(outgoing))[1].encode()))
        except StopIteration as end:
            result: T | Judgement = end.value
            return result


@asynccontextmanager
async def client(gateway: WeComBotGateway, secret: str = "") -> AsyncIterator[Client]:
    keys = {"mode": "websocket", "bot_id": gateway.bot_id, "secret": secret or gateway.secret, "ws_url": gateway.url}
    channel = WeComBot("main", WeComBotAccount.model_validate(keys))
    async with aiohttp.ClientSession() as session, session.ws_connect(gateway.url) as socket:
        one = Client(channel, socket)
        running = asyncio.create_task(one.run())
        try:
            yield one
        finally:
            running.cancel()


@asynccontextmanager
async def subscribed(speed: float = 1.0) -> AsyncIterator[tuple[WeComBotGateway, Client]]:
    async with WeComBotGateway(speed=speed) as gateway, client(gateway) as one:
        assert (await one.send(one.channel.greeting()))[0].verdict == "ok"
        yield gateway, one


async def test_a_message_is_answered_under_its_req_id_and_once_when_sent_again() -> None:
    async with subscribed() as (gateway, one):
        await gateway.says("您好")
        message = await one.heard.get()
        assert message.text == "您好"
        assert await one.answer(Text("在的"), message) == "ok"
        assert await one.answer(Text("在的"), message) == "ok"
        assert [shown.text for shown in await gateway.wait_for("zhangsan", 1)] == ["在的"]
        assert await one.answer(CARD, message) == "ok"
        assert (await gateway.wait_for("zhangsan", 2))[1].keys == ["查订单", "退款"]


async def test_what_can_no_longer_be_answered_is_sent_as_a_message() -> None:
    async with subscribed() as (gateway, one):
        talk = await gateway.says("您好", group="wr1")
        message = await one.heard.get()
        gateway.age(talk, 361)
        assert await one.answer(Text("在的"), message) == "elsewhere"
        gateway.forget(await gateway.says("还在吗", group="wr1"))
        other = await one.heard.get()
        assert await one.answer(Text("在的"), other) == "elsewhere"
        assert await one.answer(Text("在的"), message, place=1) == "ok"
        assert [shown.text for shown in await gateway.wait_for("wr1", 1)] == ["<@zhangsan> 在的"]


async def test_a_greeting_and_the_update_of_a_card_are_taken_within_five_seconds() -> None:
    async with subscribed() as (gateway, one):
        await gateway.enters()
        assert await one.answer(Text("欢迎"), await one.heard.get()) == "ok"
        await gateway.says("有什么")
        assert await one.answer(CARD, await one.heard.get()) == "ok"
        greeting, card = await gateway.wait_for("zhangsan", 2)
        assert (greeting.kind, greeting.text) == ("text", "欢迎")
        await gateway.taps(card, "退款")
        tap = await one.heard.get()
        assert await one.answer(Card("已选退款", buttons=(Button("取消"),)), tap) == "ok"
        assert card.keys == ["取消"]
        late = await gateway.taps(card, "取消")
        gateway.age(late, 6)
        assert await one.answer(CARD, await one.heard.get()) == "elsewhere"
        assert len(gateway.shown["zhangsan"]) == 2


async def test_a_new_connection_throws_the_old_one_out() -> None:
    async with subscribed() as (gateway, one), client(gateway) as two:
        assert (await two.send(two.channel.greeting()))[0].verdict == "ok"
        assert (await asyncio.wait_for(one.ended.get(), 2)).then == "stop"
        await gateway.says("您好")
        assert (await two.heard.get()).text == "您好"
        assert one.heard.empty()


async def test_wrong_keys_are_told_as_wrong_keys() -> None:
    async with WeComBotGateway() as gateway, client(gateway, "another") as one:
        assert (await one.send(one.channel.greeting()))[0].verdict == "config"
        assert (await one.send(one.channel.ping()))[0].verdict == "retry"
        assert [(await one.ended.get()).then for _ in range(2)] == ["reconnect", "reconnect"]


async def test_a_word_that_is_lost_leaves_the_answer_standing_once() -> None:
    async with subscribed() as (gateway, one):
        await gateway.says("您好")
        message = await one.heard.get()
        gateway.drop("aibot_respond_msg")
        (outgoing,) = one.channel.render(
            [Text("在的")], one.channel.push_routes(message.address, message, time.time())[0]
        )
        with pytest.raises(TimeoutError):
            await one.send(outgoing, 0.2)
        assert (await one.send(outgoing))[0].verdict == "ok"
        assert [shown.text for shown in gateway.shown["zhangsan"]] == ["在的"]


async def test_mishaps_by_script_happen_and_pings_are_answered() -> None:
    async with subscribed() as (gateway, one):
        await gateway.says("您好")
        message = await one.heard.get()
        gateway.refuse("aibot_send_msg", 45009)
        gateway.delay("aibot_send_msg", 0.05)
        assert await one.answer(Text("一"), message, place=1) == "retry"
        assert await one.answer(Text("一"), message, place=1) == "ok"
        assert (await one.send(one.channel.ping()))[0].verdict == "ok"
        assert gateway.pings == 1
        gateway.hang_up_at("ping")
        with pytest.raises(TimeoutError):
            await one.send(one.channel.ping(), 0.2)


async def test_no_more_than_thirty_messages_a_minute_go_into_one_chat() -> None:
    async with subscribed() as (gateway, one):
        await gateway.says("您好")
        message = await one.heard.get()
        verdicts = [await one.answer(Text(f"第{n}"), message, place=1) for n in range(31)]
        assert verdicts == ["ok"] * 30 + ["retry"]


async def test_a_file_is_uploaded_and_sent_and_one_that_came_is_read() -> None:
    async with subscribed() as (gateway, one):
        data = bytes(range(256)) * 4000
        uploaded = await one.carry(one.channel.upload(Upload("file", "a.bin", "application/x", data), time.time()))
        assert isinstance(uploaded, Uploaded)
        assert gateway.media[uploaded.media] == data
        await gateway.sends("file", b"PDF" * 100, filename="合同.pdf")
        message = await one.heard.get()
        assert await one.answer(File(media=uploaded.media), message) == "ok"
        assert await one.answer(File(media="unknown"), message) == "dead"
        assert isinstance(message.content, File)
        assert message.content.name == "合同.pdf"
        exchange = one.channel.download(message.content)
        async with aiohttp.ClientSession() as session, session.get(next(exchange).url) as response:
            with pytest.raises(StopIteration) as end:
                exchange.send(Answer(200, await response.read()))
        assert end.value.value == b"PDF" * 100
