"""The simulated WeCom in front of a webhook, and our codec behind it: both sides of one protocol, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from adapters.channel import Answer, Challenge, Messages, Outgoing, Parsed, Refresh, Request, Route
from adapters.crypto import BadEnvelope
from adapters.message import Button, Card, Custom, Image, Message, Reply, Text
from adapters.pictures import data_url
from adapters.wecom_bot import WeComBot
from bot.simulate import WeComBotPhone
from bot.simulate.wecom_bot import GONE
from tests.contracts.channels.wecom_bot import ACCOUNT

SPEED = 50.0
CARD = Card("请选择", buttons=(Button("查订单"), Button("退款")))


@dataclass
class Hook:
    """A webhook that answers as `answer` says: replies, or a text so far that is to be polled for."""

    answer: Callable[[Message | Refresh], list[Reply] | str | None]
    channel: WeComBot = field(default_factory=lambda: WeComBot("main", ACCOUNT))
    url: str = ""
    heard: list[Message] = field(default_factory=list)
    slow_s: float = 0.0

    async def handle(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.slow_s)
        headers = {name.lower(): value for name, value in request.headers.items()}
        given = Request(request.method, request.path, dict(request.query), headers, await request.read())
        return _response(self._answered(self.channel.parse(given, 0.0)))

    def _answered(self, parsed: Parsed) -> Outgoing | None:
        match parsed:
            case Challenge(body):
                return Outgoing(body.encode(), "text/plain")
            case Messages((message,), route):
                self.heard.append(message)
                asked: Message | Refresh = message
            case Refresh(route=route):
                asked = parsed
            case _:
                raise AssertionError(parsed)
        said = self.answer(asked)
        if said is None or route.kind != "passive":
            return None
        return self.channel.unfinished(said, route) if isinstance(said, str) else self.channel.render(said, route)[0]


def _response(outgoing: Outgoing | None) -> web.Response:
    return web.Response(body=outgoing.body if outgoing else b"", content_type="application/json")


@asynccontextmanager
async def phone(
    answer: Callable[[Message | Refresh], list[Reply] | str | None], **more: object
) -> AsyncIterator[tuple[WeComBotPhone, Hook]]:
    hook = Hook(answer)
    hook.channel = WeComBot("main", ACCOUNT, window_s=0)
    app = web.Application()
    app.router.add_route("*", "/hook", hook.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    try:
        async with WeComBotPhone.open(hook.url, ACCOUNT, speed=SPEED, **more) as one:
            yield one, hook
    finally:
        await runner.cleanup()


def growing(parts: list[str]) -> Callable[[Message | Refresh], list[Reply] | str]:
    """An answer that grows by one part with each response."""
    said: list[str] = []

    def answer(asked: Message | Refresh) -> list[Reply] | str:
        said.append(parts[len(said)])
        text = "".join(said)
        return text if len(said) < len(parts) else [Text(text)]

    return answer


async def test_a_streamed_answer_grows_until_it_is_finished() -> None:
    async with phone(growing(["", "您好", "，请说", "。"])) as (one, hook):
        seen = await one.says("在吗")
        assert (seen.failed, seen.finished, seen.polls) == ("", True, 3)
        assert seen.updates == ["", "您好", "您好，请说", "您好，请说。"]
        assert [message.text for message in hook.heard] == ["在吗"]


async def test_the_address_is_checked_as_on_the_bots_page() -> None:
    async with phone(lambda asked: None) as (one, _):
        assert (await one.verifies()).isdigit()


async def test_what_is_not_finished_in_six_minutes_is_cut_and_the_response_url_takes_one_more() -> None:
    async with phone(lambda asked: "还在查") as (one, hook):
        one.speed = 2000
        seen = await one.says("慢的")
        assert (seen.cut, seen.text) == (True, "还在查")
        (message,) = hook.heard
        assert seen.polls > 3
        (route,) = hook.channel.push_routes(message.address, message, message.at + 361)
        codes = [await post(hook.channel, hook.channel.render([Text("查到了")], route)[0]) for _ in range(2)]
        assert codes == ["ok", "elsewhere"]
        assert [shown.text for shown in await one.wait_for(1)] == ["查到了"]
        assert one.refused == [GONE]


async def post(channel: WeComBot, outgoing: Outgoing) -> str:
    async with aiohttp.ClientSession() as session, session.post(outgoing.url, data=outgoing.body) as response:
        return channel.judge(response.status, await response.read()).verdict


async def test_a_fourth_answer_at_a_time_is_not_polled_for() -> None:
    ready = asyncio.Event()

    def answer(asked: Message | Refresh) -> list[Reply] | str:
        return [Text("好了")] if ready.is_set() else "在查"

    async with phone(answer) as (one, _):
        talks = [asyncio.create_task(one.says(f"第{n}句")) for n in range(4)]
        await asyncio.wait(talks, return_when=asyncio.FIRST_COMPLETED)
        ready.set()
        seen = await asyncio.gather(*talks)
        assert sorted(bool(each.failed) for each in seen) == [False, False, False, True]
        assert one.most_open == 3


async def test_everything_that_can_be_said_and_done_arrives() -> None:
    picture_of = data_url(b"PNG", "image/png")
    async with phone(lambda asked: [Text("好"), CARD, Image(media=picture_of)], group="wr1") as (one, hook):
        seen = await one.says("查订单", quote="原话")
        assert (seen.text, seen.shown[0].images, seen.shown[0].keys) == ("<@zhangsan> 好", 1, ["查订单", "退款"])
        card = seen.shown[0]
        await one.shows("看这个", b"JPEG")
        await one.speaks("说的话")
        await one.taps(card, "退款", {"q1": ["a", "b"]})
        await one.judges(card, 2, "不对")
        one.group = ""
        assert (await one.enters()).shown[0].kind == "template_card"
        await one.sends("file", b"PDF", filename="a.pdf")
        first, mixed, voice, tap, opinion, enter, file = hook.heard
        assert (first.text, first.quote, first.chat_kind, first.mentioned) == ("查订单", "原话", "group", True)
        assert (mixed.text, voice.text) == ("看这个", "说的话")
        assert [(e.content.name, e.content.key) for e in (tap, opinion, enter)] == [  # type: ignore[union-attr]
            ("click", "退款"), ("feedback_event", first.id), ("enter", ""),
        ]  # fmt: skip
        exchange = hook.channel.download(file.content)
        async with one.session.get(next(exchange).url) as response:
            with pytest.raises(StopIteration) as end:
                exchange.send(Answer(response.status, await response.read()))
        assert end.value.value == b"PDF"


async def test_a_webhook_that_does_not_answer_is_posted_to_three_times() -> None:
    async with phone(lambda asked: [Text("晚了")]) as (one, hook):
        hook.slow_s = 0.3
        seen = await one.says("在吗")
        assert seen.posts == [0, 0, 0]
        assert "3 POSTs failed" in seen.failed


@pytest.mark.parametrize(
    ("card", "why"),
    [
        ({"card_type": "none"}, "card_type is none"),
        ({"card_type": "text_notice"}, "card_action is missing"),
        ({"card_type": "button_interaction", "button_list": [{"text": "好", "key": "k"}]}, "task_id is none"),
        (
            {"card_type": "button_interaction", "task_id": "t", "button_list": [{"text": "好", "key": "k"}] * 2},
            "the keys of button_list are missing, too long or not different",
        ),
        ({"card_type": "button_interaction", "task_id": "t", "button_list": []}, "button_list is empty"),
    ],
)
async def test_a_card_that_wecom_would_refuse_is_told(card: dict[str, object], why: str) -> None:
    async with phone(lambda asked: [Custom({"msgtype": "template_card", "template_card": card})]) as (one, _):
        assert (await one.says("在吗")).failed == why


async def test_an_answer_in_anothers_key_is_told() -> None:
    async with phone(lambda asked: [Text("好")]) as (one, _):
        other = ACCOUNT.model_copy(update={"token": ACCOUNT.encoding_aes_key})
        body = one.message({"msgtype": "text", "text": {"content": "在吗"}})
        (outgoing,) = WeComBot("main", other).render([Text("好")], Route("passive", {"as": "message", "id": "m"}))
        with pytest.raises(BadEnvelope):
            one.read(outgoing.body)
        assert (await one.deliver(body)).text == "好"
