"""The bar, point 10: customer service is pulled with a cursor that is kept, every message of a batch is answered,
history is not answered again, and the bot is silent while a person has the customer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bot.app import SERVICE, make_app
from bot.service import Service
from bot.simulate.wecom_kf import ENDED, HUMAN, POOL, WeComKfApi
from bot.sqlite import SqliteStore
from bot.ways import Times
from bot.work import Bot
from config.credentials import Credentials
from config.settings import load_settings
from tests.contracts.channels.wecom_kf import ACCOUNT, SIGNAL, wrap
from tests.delivery.desk import Counter, Effects, understand
from tests.flows.making import engine

CUSTOMER = "wmCustomer"
KEY = f"wecom_kf/main/{CUSTOMER}/{CUSTOMER}"


@pytest.fixture
async def api() -> AsyncIterator[WeComKfApi]:
    async with aiohttp.ClientSession() as session, WeComKfApi(account=ACCOUNT, session=session, speed=20.0) as server:
        yield server


@asynccontextmanager
async def served(api: WeComKfApi, folder: Path, bot: Bot | None = None) -> AsyncIterator[Service]:
    """The real application over a store in `folder`, with a counting engine where no `bot` is given; the vendor knows
    its webhook."""
    account = ACCOUNT.model_copy(update={"api_base": api.url})
    app = await make_app(
        folder,
        load_settings({"YINGDA_LOG_LEVEL": "error"}),
        Credentials(wecom_kf={"main": account}),
        bot=bot or Bot(understand, Counter(), Effects(), UTC),
        store=SqliteStore(folder / "turns.db"),
        times=Times().faster(10),
    )
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.webhook = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/wecom_kf/main"
    try:
        yield app[SERVICE]
    finally:
        api.webhook = ""
        await runner.cleanup()


def texts(api: WeComKfApi) -> list[str]:
    return [shown.text for shown in api.sent_to(CUSTOMER)]


async def kept(service: Service, count: int) -> list[str]:
    """What the turns of the conversation were about, once there are `count`."""
    async with asyncio.timeout(10):
        while len(turns := await service.store.turns(KEY)) < count or any(turn.status == "new" for turn in turns):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return [turn.message.text if turn.message else "" for turn in turns]


async def test_a_batch_of_three_messages_is_answered_whole_though_a_page_holds_one(
    api: WeComKfApi, tmp_path: Path
) -> None:
    api.page = 1
    async with served(api, tmp_path):
        phone = api.phone(CUSTOMER)
        for word in ("一", "二"):
            phone.writes("text", content=word)
        assert await phone.says("三") == 200
        await api.wait_for(CUSTOMER, 3)
    assert texts(api) == ["1:一", "2:二", "3:三"]


async def test_the_same_words_twice_are_two_messages_and_a_signal_twice_is_not(api: WeComKfApi, tmp_path: Path) -> None:
    async with served(api, tmp_path):
        phone = api.phone(CUSTOMER)
        await phone.says("在吗")
        await asyncio.gather(api.signal(), api.signal())
        await phone.says("在吗")
        await api.wait_for(CUSTOMER, 2)
        await asyncio.sleep(0.3)
    assert texts(api) == ["1:在吗", "2:在吗"]


async def test_a_restart_goes_on_at_the_cursor_and_answers_what_was_said_meanwhile(
    api: WeComKfApi, tmp_path: Path
) -> None:
    phone = api.phone(CUSTOMER)
    async with served(api, tmp_path):
        await phone.says("一")
        await api.wait_for(CUSTOMER, 1)
    phone.writes("text", content="二")
    async with served(api, tmp_path):
        await api.wait_for(CUSTOMER, 2)
        await asyncio.sleep(0.3)
    assert texts(api) == ["1:一", "2:二"]


async def test_a_bot_that_starts_for_the_first_time_does_not_answer_three_days_of_history(
    api: WeComKfApi, tmp_path: Path
) -> None:
    phone, clock = api.phone(CUSTOMER), api.clock
    api.page = 2
    api.clock = lambda: clock() - 2 * 24 * 3600
    for n in range(5):
        phone.writes("text", content=f"前天 {n}")
    api.clock = clock
    async with served(api, tmp_path):
        await phone.says("今天")
        await api.wait_for(CUSTOMER, 1)
        await asyncio.sleep(0.3)
    assert texts(api) == ["1:今天"]


async def test_a_signal_is_acknowledged_with_an_empty_body(api: WeComKfApi, tmp_path: Path) -> None:
    request = wrap(SIGNAL, time.time(), True)
    async with (
        served(api, tmp_path),
        aiohttp.ClientSession() as session,
        session.post(api.webhook, params=request.query, data=request.body) as response,
    ):
        assert (response.status, await response.read()) == (200, b"")


async def test_who_comes_in_is_welcomed_at_most_once(api: WeComKfApi, tmp_path: Path) -> None:
    async with served(api, tmp_path) as service:
        phone = api.phone(CUSTOMER)
        await phone.enters("site")
        await api.wait_for(CUSTOMER, 1)
        assert api.shown[0].event
        await phone.says("您好")
        await api.wait_for(CUSTOMER, 2)
        await phone.enters("site")
        await kept(service, 3)
    assert sum(shown.event for shown in api.shown) == 1


async def test_a_person_takes_over_and_gives_back(api: WeComKfApi, tmp_path: Path) -> None:
    async with served(api, tmp_path) as service:
        phone = api.phone(CUSTOMER)
        await phone.says("人工")
        await api.until(lambda: api.session_of(CUSTOMER).state == POOL)
        assert texts(api) == ["请留言"]
        await phone.says("有人吗")
        await kept(service, 2)
        await api.accept(CUSTOMER, "lisi")
        await phone.says("订单没到")
        await api.says(CUSTOMER, "我是李四，马上查")
        await kept(service, 5)
        session = await service.store.session(KEY)
        assert session is not None
        assert session.owner == "kf:lisi"
        assert api.session_of(CUSTOMER).state == HUMAN
        assert texts(api) == ["请留言"], "the bot spoke while a person had the customer"
        await api.end(CUSTOMER)
        assert api.session_of(CUSTOMER).state == ENDED
        await phone.says("再问一下")
        await api.until(lambda: len(texts(api)) > 1)
        session = await service.store.session(KEY)
        assert session is not None
        assert session.owner == ""
    assert texts(api)[-1].endswith(":再问一下")


@pytest.mark.parametrize(
    ("responses", "said"), [("{utter_session_close: [{text: 欢迎再来}]}", ["欢迎再来"]), ("{}", [])]
)
async def test_the_end_of_a_servicers_session_says_what_the_bot_has_for_it(
    api: WeComKfApi, tmp_path: Path, responses: str, said: list[str]
) -> None:
    flows = engine(domain=f"responses: {responses}")
    async with served(api, tmp_path, Bot(understand, flows, flows.registry, UTC)) as service:
        await api.accept(CUSTOMER, "lisi")
        await api.phone(CUSTOMER).says("订单没到")
        await kept(service, 2)
        await api.end(CUSTOMER)
        await kept(service, 3)
        await api.until(lambda: len(texts(api)) >= len(said))
        await asyncio.sleep(0.2)
    assert texts(api) == said
    assert all(shown.event for shown in api.shown), "after its end a session takes only what its code allows"


async def test_a_session_that_ran_out_without_a_word_is_the_bots_again(api: WeComKfApi, tmp_path: Path) -> None:
    async with served(api, tmp_path) as service:
        phone = api.phone(CUSTOMER)
        await phone.says("您好")
        await api.wait_for(CUSTOMER, 1)
        await api.accept(CUSTOMER, "lisi")
        await kept(service, 2)
        api.session_of(CUSTOMER).state = ENDED
        await phone.says("两天后")
        await api.wait_for(CUSTOMER, 2)
    assert texts(api)[-1].endswith(":两天后")


async def test_what_an_operator_took_over_here_stays_theirs(api: WeComKfApi, tmp_path: Path) -> None:
    async with served(api, tmp_path) as service:
        phone = api.phone(CUSTOMER)
        await phone.says("您好")
        await api.wait_for(CUSTOMER, 1)
        session = await service.store.session(KEY)
        assert session is not None
        assert await service.store.own(KEY, "anna", session.rev)
        await phone.says("有人吗")
        await kept(service, 2)
        session = await service.store.session(KEY)
        assert session is not None
        assert session.owner == "anna"
    assert texts(api) == ["1:您好"]
