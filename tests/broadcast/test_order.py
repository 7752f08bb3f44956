"""Orders are read, checked and forecast: by the command line and by HTTP, in a project with its own responses."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from aiohttp import web
from click.testing import CliRunner, Result
from pydantic import SecretStr

from adapters.message import Address
from bot.app import daily_sends, make_app, open_store
from bot.before import OPT_OUT
from bot.broadcast.board import Board
from bot.broadcast.forecast import Forecaster
from bot.broadcast.model import Person
from bot.broadcast.order import Desk, Order, Segment, per_minute, prepare
from bot.broadcast.reach import Reach
from bot.cli import cli
from bot.simulate.wechat import WeChatPhone
from bot.simulate.wechat_api import WeChatApi
from bot.store import Store
from bot.work import Bot
from config.credentials import load_credentials
from config.settings import Settings
from config.source import BadProject
from flows.domain import load_domain
from flows.engine import load_engine
from flows.responses import say_first
from tests.broadcast.making import broadcast, key, until, wrote
from tests.delivery.desk import ACCOUNT, account, desk, understand

SHANGHAI = ZoneInfo("Asia/Shanghai")
DOMAIN = """
intents: [say]
slots:
  vip: {type: bool}
  city: {type: text}
responses:
  utter_promo:
    - text: "{name}您好，{city}门店上新啦"
      buttons:
        - {title: 看看, payload: 看看新品}
        - {title: 不用了, payload: 不用了}
  utter_ask_rephrase:
    - text: 没听懂
"""
CREDENTIALS = """
rest:
wechat:
  main:
    app_id: wx1234567890abcdef
    app_secret: secret-of-the-desk
    token: token-of-the-desk
    encoding_aes_key: abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG
    push: true
    api_base: {api_base}
"""
NESTED = b'{"a":' * 500 + b"1" + b"}" * 500
TOKEN = {"Authorization": "Bearer the-token"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "domain.yml").write_text(DOMAIN, "utf-8")
    (tmp_path / "credentials.yml").write_text(CREDENTIALS.replace("{api_base}", "http://127.0.0.1:1"), "utf-8")
    return tmp_path


def yingda(project: Path, *words: str | Path, typed: str = "") -> Result:
    return CliRunner().invoke(cli, [*map(str, words), "--project", str(project)], input=typed)


def known(project: Path, *users: str, at: float | None = None) -> None:
    async def write() -> None:
        async with _opened(project) as store:
            for user in users:
                await wrote(store, user, at)

    asyncio.run(write())


@asynccontextmanager
async def _opened(project: Path) -> AsyncIterator[Store]:
    store = open_store(project, Settings())
    await store.open()
    try:
        yield store
    finally:
        await store.close()


# --- the command line


def test_a_dry_run_tells_what_would_come_of_it_and_sends_nothing(project: Path) -> None:
    known(project, "o1")
    known(project, "o2", at=time.time() - 49 * 3600)
    said = yingda(project, "send", "wechat/main/o1", "wechat/main/o2", "wechat/main/o1", "--text", "好", "--dry-run")
    assert said.exit_code == 0, said.output
    assert "2 people; 1 can be reached now" in said.output
    assert "1 cannot be reached: outside the window of 48 h after they wrote" in said.output
    assert "1 were named twice and get it once" in said.output
    assert "Nothing was sent yet." in yingda(project, "send", "list").output


def test_it_asks_before_it_sends_and_the_same_id_is_sent_once(project: Path) -> None:
    known(project, "o1")
    order = ("send", "wechat/main/o1", "--text", "好", "--id", "promo-1")
    assert "Send it?" in yingda(project, *order, typed="n\n").output
    assert "Nothing was sent yet." in yingda(project, "send", "list").output
    first, again = (yingda(project, *order, "--yes") for _ in range(2))
    assert "promo-1 is on its way" in first.output
    assert again.exit_code == 0, again.output
    other = yingda(project, "send", "wechat/main/o2", "--text", "好", "--id", "promo-1", "--yes")
    assert other.exit_code == 2
    assert "take another id" in other.output
    assert yingda(project, "send", "list").output.count("promo-1") == 1


def test_it_is_shown_paused_resumed_and_cancelled_by_its_id(project: Path) -> None:
    yingda(project, "send", "wechat/main/o1", "--text", "好", "--id", "b", "--yes")
    for verb, state in (("show", "scheduled"), ("pause", "paused"), ("resume", "scheduled"), ("cancel", "cancelled")):
        said = yingda(project, "send", verb, "b")
        assert said.exit_code == 0, said.output
        assert state in said.output
    assert yingda(project, "send", "resume", "b").exit_code == 1
    missing = yingda(project, "send", "show", "c")
    assert missing.exit_code == 2
    assert "there is no broadcast c" in missing.output


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("wechat/main/o1",), "give one of text, response and replies"),
        (("--text", "x"), "nobody is to get it"),
        (("wechat/mian/o1", "--text", "x"), "there is no account 'wechat/mian' in credentials.yml"),
        (("wechat/main", "--text", "x"), "is no address"),
        (("wechat/main/o1", "--text", " "), "give one of text, response and replies"),
        (("lst",), "No such command 'lst'"),
        (("show", "b"), "nothing was sent yet"),
        (("--csv", "none.csv", "--text", "x"), "is the path right?"),
        (("wechat/main/o1", "--text", "x", "--rate", "9" * 400), "is out of range: at least 1/h"),
        (("wechat/main/o1", "--text", "x", "--rate", "0.0001/h"), "is out of range: at least 1/h"),
        (("--segment", "wechat/main", "--where", "(" * 2000, "--text", "x"), "is nested too deep"),
        (("wechat/main/o1", "--response", "utter_promos"), "did you mean 'utter_promo'?"),
        (("wechat/main/o1", "--response", "utter_promo"), "nothing fills {name}"),
        (("wechat/main/o1", "--text", "x", "--rate", "fast"), "'fast' is no rate"),
        (("wechat/main/o1", "--text", "x", "--at", "2020-01-01 09:00"), "is in the past"),
        (("wechat/main/o1", "--text", "x", "--at", "soon"), "'soon' is no time"),
        (("wechat/main/o1", "--text", "x", "--id", "a b"), "an id is 1 to 64 letters"),
        (("wechat/main/o1", "--text", "x", "--var", "name"), "is no name=value"),
        (("--segment", "wechat/main", "--where", "slots.vip ==", "--text", "x"), "a value is missing"),
        (("--segment", "wechat/main", "--text", "x"), "nobody is in the segment"),
    ],
)
def test_what_is_wrong_with_an_order_is_said_in_a_line(project: Path, words: tuple[str, ...], what: str) -> None:
    said = yingda(project, "send", *words, *(() if words[0] in ("lst", "show") else ("--yes",)))
    assert said.exit_code == 2, said.output
    assert what in said.output


def test_where_there_are_no_accounts_that_is_how_to_mend_it(project: Path) -> None:
    (project / "credentials.yml").write_text("rest:\n", "utf-8")
    assert "add it to credentials.yml" in yingda(project, "send", "wechat/main/o1", "--text", "x").output


def test_typos_in_files_are_told_with_their_line(project: Path) -> None:
    replies, people = project / "promo.yml", project / "people.csv"
    replies.write_text("- text: 好\n- txet: 坏\n", "utf-8")
    said = yingda(project, "send", "wechat/main/o1", "--file", replies, "--yes")
    assert "promo.yml:2: unknown key 'txet' — did you mean 'text'?" in said.output
    people.write_text("to,name\nwechat/main/o1,张三\n,李四\nwechat/main/o3\n", "utf-8-sig")
    said = yingda(project, "send", "--csv", people, "--text", "{name}", "--yes")
    assert "people.csv:3: this row has no address" in said.output
    assert "people.csv:4: this row has no address" in said.output
    people.write_text("user,name\n", "utf-8")
    assert "people.csv:1: there is no column 'to'" in yingda(project, "send", "--csv", people, "--text", "x").output


# --- orders


@pytest.mark.parametrize(
    ("text", "rate"), [("60/min", 60), ("5/s", 300), ("1000/h", 1000 / 60), ("120", 120), ("0", 0), ("600 / 小时", 10)]
)
def test_rates_are_read(text: str, rate: float) -> None:
    assert per_minute(text) == pytest.approx(rate)


def checked(store: Store, project: Path) -> Desk:
    return Desk(store, load_domain(project), frozenset({("wechat", "main"), ("wecom_robot", "main")}), SHANGHAI)


async def test_a_large_order_is_looked_at_while_other_work_goes_on(store: Store, project: Path) -> None:
    order = Order(to=tuple(f"wechat/main/o{n}" for n in range(40_000)), text="x")
    rounds, looked = 0, asyncio.create_task(prepare(order, checked(store, project), time.time()))
    while not looked.done():
        await asyncio.sleep(0.001)
        rounds += 1
    assert len(looked.result().people) == 40_000
    assert rounds > 3


async def test_times_are_the_bots(store: Store, project: Path) -> None:
    order = Order(to=("wechat/main/o1",), text="x", at="2026-12-01 09:00")
    now = datetime(2026, 11, 25, tzinfo=SHANGHAI).timestamp()
    made = await prepare(order, checked(store, project), now)
    assert made.broadcast.at == datetime.fromisoformat("2026-12-01T09:00:00+08:00").timestamp()


async def test_addresses_name_people_groups_and_robots(store: Store, project: Path) -> None:
    to = ("wechat/main/o1", "wechat/main/room/", "wecom_robot/main", "wechat/main/a%2Fb/a%2Fb")
    made = await prepare(Order(to=to, text="x"), checked(store, project), time.time())
    assert [Address.of(person.conversation) for person in made.people] == [
        Address("wechat", "main", "o1", "o1"),
        Address("wechat", "main", "room", ""),
        Address("wecom_robot", "main", "", ""),
        Address("wechat", "main", "a/b", "a/b"),
    ]


async def test_a_segment_is_who_was_active_and_for_whom_the_condition_holds(store: Store, project: Path) -> None:
    now = time.time()
    for user, age_days, vip in (("o1", 1, True), ("o2", 1, False), ("o3", 9, True), ("o4", 0, None)):
        await wrote(store, user, now - age_days * 86400)
        session = await store.lease(key(user), "w", 10)
        assert session is not None
        dialogue = replace(session.dialogue, slots={} if vip is None else {"vip": vip})
        turn = await store.accept(replace((await store.turns(key(user)))[0], id=f"{key(user)}/more", status="new"))
        assert await store.commit(replace(session, dialogue=dialogue), replace(turn, status="sent"), release=True)
    segment = Segment(channel="wechat", active_days=7, where="slots.vip = true")
    made = await prepare(Order(segment=segment, text="x"), checked(store, project), now)
    assert [person.conversation for person in made.people] == [key("o1")]
    everybody = await prepare(Order(segment=Segment(channel="wechat"), text="x"), checked(store, project), now)
    assert len(everybody.people) == 4


async def test_twenty_thousand_people_are_forecast_in_a_moment(store: Store) -> None:
    users = [f"o{n:05}" for n in range(20_000)]
    async with desk(store, account(True)) as served:
        for user in users[:300]:
            await wrote(store, user)
        await store.write_note(OPT_OUT + key(users[0]), {"out": True}, rev=0)
        forecaster = Forecaster(store, Reach(served.service.ways), {("wechat", "main"): 1000}, SHANGHAI)
        began = time.perf_counter()
        wanted = [Person(key(user)) for user in users]
        told = await forecaster.tell(broadcast(per_minute=60.0), wanted, time.time(), template=False)
        took_s = time.perf_counter() - began
    assert (told.people, told.reachable, told.opted_out) == (20_000, 299, 1)
    assert told.unreachable == {"outside the window of 48 h after they wrote": 19_700}
    assert told.seconds == 298
    (use,) = told.uses
    assert (use.account, use.takes, use.used, use.limit) == ("wechat/main", 299, 0, 1000)
    assert took_s < 5


def test_daily_limits_are_a_setting() -> None:
    assert daily_sends(Settings(daily_sends="wecom/main=20000, wechat/a=5")) == {
        ("wecom", "main"): 20000,
        ("wechat", "a"): 5,
    }
    with pytest.raises(BadProject, match="YINGDA_DAILY_SENDS"):
        daily_sends(Settings(daily_sends="wecom=many"))


# --- the whole service


@asynccontextmanager
async def served(project: Path, api: WeChatApi) -> AsyncIterator[tuple[str, aiohttp.ClientSession]]:
    (project / "credentials.yml").write_text(CREDENTIALS.replace("{api_base}", api.url), "utf-8")
    engine = load_engine(project, "Asia/Shanghai")
    bot = Bot(understand, engine, engine.registry, SHANGHAI, say=partial(say_first, engine.domain))
    app = await make_app(project, Settings(api_token=SecretStr("the-token")), load_credentials(project), bot=bot)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with aiohttp.ClientSession() as session:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}", session
    finally:
        await runner.cleanup()


async def test_a_response_goes_out_by_http_and_its_buttons_can_be_chosen(project: Path) -> None:
    async with WeChatApi(ACCOUNT.app_id, "secret-of-the-desk") as api, served(project, api) as (base, session):
        phone = WeChatPhone(f"{base}/webhooks/wechat/main", account(True, api.url), session, "o1", api)
        await phone.says("在吗")
        order = {"to": ["wechat/main/o1", {"to": "wechat/main/o2"}], "response": "utter_promo", "id": "p1",
                 "values": {"name": "张三", "city": "上海"}}  # fmt: skip
        async with session.post(f"{base}/api/send?dry_run=1", json=order, headers=TOKEN) as response:
            assert response.status == 200
            told = (await response.json())["forecast"]
        assert (told["people"], told["reachable"]) == (2, 1)
        for status in (201, 201):
            async with session.post(f"{base}/api/send", json=order, headers=TOKEN) as response:
                assert response.status == status, await response.text()
        pushed = await api.wait_for("o1", 1)
        assert "张三您好，上海门店上新啦" in pushed[0].text
        async with open_board(project) as board:
            sent = await board.find("p1")
            assert sent is not None
            standing = await until(board, sent, "done")
        assert (standing.sent, standing.skipped) == (1, {"outside the window of 48 h after they wrote": 1})
        async with session.get(f"{base}/api/send/p1", headers=TOKEN) as response:
            shown = await response.json()
        assert (shown["state"], shown["sent"], shown["total"]) == ("done", 1, 2)
        await phone.says("2")
        async with open_board(project) as board:
            turn = (await board.store.turns(key("o1")))[-1]
        assert turn.message is not None
        assert turn.message.text == "2"
        assert any("不用了" in why.why or "cancel" in why.what or "not" in why.why for why in turn.trace), turn.trace
        assert len(api.sent_to("o1")) == 1


@asynccontextmanager
async def open_board(project: Path) -> AsyncIterator[Board]:
    async with _opened(project) as store:
        yield Board(store)


async def test_the_api_needs_its_token_and_says_what_is_wrong(project: Path) -> None:
    async with WeChatApi() as api, served(project, api) as (base, session):
        where = f"{base}/api/send"
        async with session.post(where, json={}) as response:
            assert response.status == 401
        cases = (
            (b"{", 400, "not JSON"),
            (b"[]", 422, "valid dictionary"),
            (b'{"to": ["wechat/main/o1"], "txt": "x"}', 422, "unknown key 'txt'"),
            (b'{"to": ["wechat/nobody/o1"], "text": "x"}', 422, "there is no account 'wechat/nobody'"),
            (b'{"to": ["wechat/main/o1"], "text": "x", "rate": "often"}', 422, "rate: 'often' is no rate"),
            (b'{"to": ["wechat/main/o1"], "text": "x", "rate": "' + b"9" * 400 + b'"}', 422, "is out of range"),
            (b'{"to": ["wechat/main/o1"], "replies": [{"custom": ' + NESTED + b"}]}", 422, "more than 60 levels"),
            (b'{"to": ["wechat/main/o1"], "text": "x", "values": ' + NESTED + b"}", 422, "more than 60 levels"),
            (b'{"to": [{"to": "wechat/main/o1", "values": ' + NESTED + b'}], "text": "x"}', 422, "more than 60 levels"),
        )
        for body, status, what in cases:
            async with session.post(where, data=body, headers=TOKEN) as response:
                assert response.status == status
                assert what in await response.text()
        for verb in ("get", "post"):
            path = f"{where}/none" + ("/pause" if verb == "post" else "")
            async with session.request(verb, path, headers=TOKEN) as response:
                assert response.status == 404


async def test_a_header_that_is_no_text_is_refused_like_any_other(project: Path) -> None:
    async with WeChatApi() as api, served(project, api) as (base, _):
        host, port = base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"GET /api/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\nConnection: close\r\n\r\n"
        )
        assert b" 401 " in (await reader.read()).splitlines()[0]
        writer.close()


async def test_without_a_token_there_is_no_api(project: Path) -> None:
    engine = load_engine(project, "Asia/Shanghai")
    app = await make_app(project, Settings(), bot=Bot(understand, engine, engine.registry, SHANGHAI))
    assert not [each for each in app.router.resources() if "/api/send" in each.canonical]
    runner = web.AppRunner(app)
    await runner.setup()
    await runner.cleanup()
