"""Broadcasts go out: once to everybody, at their rate, to nobody who may not get them."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC
from itertools import pairwise
from pathlib import Path

import pytest

from adapters.channel import Route
from adapters.message import Address, Event, Message, Text
from bot import faults
from bot.before import OPT_OUT
from bot.broadcast.board import DEFINED, OPEN, Board, TakenId
from bot.broadcast.forecast import Forecaster
from bot.broadcast.model import PART, Content, Person
from bot.broadcast.reach import Reach
from bot.simulate.wechat_api import WeChatApi
from bot.store import Store
from flows.state import PUSHED
from tests.broadcast.making import broadcast, key, people, until, wrote
from tests.conftest import OpenStore
from tests.delivery.desk import ACCOUNT, account, desk, store_at
from tests.mongod import free_ports


def vendor(**more: object) -> WeChatApi:
    return WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value(), **more)  # type: ignore[arg-type]


async def test_everybody_gets_it_once_with_their_own_words(store: Store) -> None:
    users = [f"o{n}" for n in range(PART + 50)]
    board = Board(store)
    async with vendor() as api, desk(store, account(True, api.url)):
        await asyncio.gather(*(wrote(store, user) for user in users))
        wanted = [Person(key(user), {"name": user}) for user in users]
        sent = await board.put(broadcast(text="{name}您好，上新啦"), wanted)
        standing = await until(board, sent, "done", 60)
    assert (standing.sent, standing.dead, standing.left, standing.accepted) == (len(users), 0, 0, len(users))
    assert sorted((each.openid, each.text) for each in api.sent) == sorted((u, f"{u}您好，上新啦") for u in users)


async def test_what_was_pushed_is_in_the_log_and_known_to_the_dialogue(store: Store) -> None:
    board = Board(store)
    async with vendor() as api, desk(store, account(True, api.url)):
        await wrote(store, "o1")
        sent = await board.put(broadcast(), people(["o1"]))
        await until(board, sent, "done")
        turn, session = await store.turn(sent.turn_of(key("o1"))), await store.session(key("o1"))
    assert turn is not None
    assert (turn.kind, turn.status, turn.replies) == ("push", "sent", (Text("上新啦"),))
    assert session is not None
    assert session.dialogue.memory[PUSHED]["said"] == [{"kind": "text", "text": "上新啦"}]


async def test_who_opted_out_or_is_outside_the_window_is_left_out_and_counted(store: Store) -> None:
    board, now = Board(store), time.time()
    async with vendor() as api, desk(store, account(True, api.url)):
        await wrote(store, "open")
        await wrote(store, "closed", now - 49 * 3600)
        await wrote(store, "out")
        await store.write_note(OPT_OUT + key("out"), {"out": True, "turn": "", "at": now}, rev=0)
        everybody = people(["open", "closed", "never", "out"])
        sent = await board.put(broadcast(), everybody)
        standing = await until(board, sent, "done")
        notice = await board.put(broadcast("notice", even_opted_out=True), people(["out"]))
        await until(board, notice, "done")
    assert [each.openid for each in api.sent] == ["open", "out"]
    assert standing.skipped == {"outside the window of 48 h after they wrote": 2, "opted out": 1}
    assert standing.sent == 1


async def test_who_has_left_is_not_written_to_and_that_is_known_before(store: Store) -> None:
    board, now = Board(store), time.time()
    async with vendor() as api, desk(store, account(True, api.url)) as served:
        left = Message("e1", Address("wechat", "main", "left", "left"), Event("unsubscribe"), now)
        turn = await served.service.inbox.accept(left, Route("live"))
        await served.service.inbox.ready(turn.id, 5)
        forecaster = Forecaster(store, Reach(served.service.ways), {}, UTC)
        told = await forecaster.tell(broadcast(), people(["left"]), now, template=False)
        sent = await board.put(broadcast(), people(["left"]))
        standing = await until(board, sent, "done")
    assert (told.reachable, told.unreachable) == (0, {"wechat/main has no way to them": 1})
    assert standing.skipped == told.unreachable
    assert api.sent == []


async def test_a_template_message_goes_out_whatever_the_window(store: Store) -> None:
    board = Board(store)
    payload = {"msgtype": "template", "template": {"template_id": "t1", "data": {"thing1": "发货通知"}}}
    content = Content(variations=({"custom": payload},))
    async with vendor() as api, desk(store, account(True, api.url)):
        sent = await board.put(broadcast(content=content), people(["never"]))
        standing = await until(board, sent, "done")
    assert standing.skipped == {}
    assert [(each.openid, each.kind, each.text) for each in api.sent] == [("never", "template", "thing1: 发货通知")]
    (known,) = [each.body["template"]["client_msg_id"] for each in api.sent]
    assert known


async def test_it_begins_when_it_is_time_and_keeps_to_its_rate(store: Store) -> None:
    board, now = Board(store), time.time()
    users = [f"o{n}" for n in range(6)]
    async with vendor() as api, desk(store, account(True, api.url)):
        await asyncio.gather(*(wrote(store, user) for user in users))
        sent = await board.put(broadcast(at=now + 1.0, per_minute=120.0), people(users))
        await asyncio.sleep(0.5)
        early = await board.standing(sent)
        await until(board, sent, "done")
    assert (early.state, early.accepted) == ("scheduled", 0)
    times = sorted(each.at for each in api.sent)
    assert times[0] >= now + 1.0
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert 2.0 < times[-1] - times[0] < 4.5
    assert max(gaps) < 1.5
    due = [turn.at for user in users if (turn := await store.turn(sent.turn_of(key(user))))]
    assert [round(at - due[0], 3) for at in due] == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5]


async def test_it_is_paused_resumed_and_cancelled_for_good(store: Store) -> None:
    board = Board(store)
    users = [f"o{n}" for n in range(40)]
    async with vendor() as api, desk(store, account(True, api.url)):
        await asyncio.gather(*(wrote(store, user) for user in users))
        sent = await board.put(broadcast(per_minute=600.0), people(users))
        await asyncio.sleep(0.6)
        assert await board.steer(sent.id, "pause")
        await asyncio.sleep(0.5)
        paused = await board.standing(sent)
        await asyncio.sleep(0.5)
        still = await board.standing(sent)
        assert await board.steer(sent.id, "run")
        await asyncio.sleep(0.8)
        assert await board.steer(sent.id, "cancel")
        await asyncio.sleep(0.5)
        cancelled = await board.standing(sent)
        assert not await board.steer(sent.id, "run")
    assert paused.state == "paused"
    assert 0 < paused.accepted == still.accepted < len(users)
    assert cancelled.state == "cancelled"
    assert paused.accepted < cancelled.accepted < len(users)
    assert len(api.sent) == cancelled.accepted
    assert max(Counter(each.openid for each in api.sent).values()) == 1


async def test_a_daily_limit_holds_the_rest_back(store: Store) -> None:
    board = Board(store)
    users = [f"o{n}" for n in range(5)]
    limit = {("wechat", "main"): 3}
    async with vendor() as api, desk(store, account(True, api.url), daily_sends=limit):
        await asyncio.gather(*(wrote(store, user) for user in users))
        sent = await board.put(broadcast(), people(users))
        await api.wait_for("o2")
        await asyncio.sleep(0.5)
        standing = await board.standing(sent)
    assert (standing.state, standing.accepted, standing.left) == ("running", 3, 2)
    assert len(api.sent) == 3


async def test_one_that_fails_does_not_keep_the_others_waiting(store: Store) -> None:
    board = Board(store)
    async with vendor() as api, desk(store, account(True, api.url)):
        await wrote(store, "o1")
        await board.put(broadcast("a-broken", content=Content(variations=("no variation",))), people(["o1"]))
        sent = await board.put(broadcast("b"), people(["o1"]))
        standing = await until(board, sent, "done")
    assert standing.sent == 1
    assert [each.text for each in api.sent] == ["上新啦"]


async def test_one_that_cannot_be_read_does_not_keep_the_others_waiting(store: Store) -> None:
    board = Board(store)
    async with vendor() as api, desk(store, account(True, api.url)):
        await wrote(store, "o1")
        await store.write_note(f"{OPEN}a-broken", 0.0, rev=0)
        await store.write_note(f"{DEFINED}a-broken", {"id": "a-broken"}, rev=0)
        sent = await board.put(broadcast("b"), people(["o1"]))
        assert (await until(board, sent, "done")).sent == 1


async def test_who_has_come_to_an_end_is_not_looked_at_again(store: Store) -> None:
    board = Board(store)
    await store.write_note(f"{OPEN}never-defined", 0.0, rev=0)
    async with vendor() as api, desk(store, account(True, api.url)):
        await wrote(store, "o1")
        sent = await board.put(broadcast(), people(["o1"]))
        later = await board.put(broadcast("later", at=time.time() + 3600), people(["o1"]))
        await until(board, sent, "done")
        for _ in range(200):
            if [name for name, _ in await board.open()] == [later.id]:
                break
            await asyncio.sleep(0.05)
        assert [name for name, _ in await board.open()] == [later.id]
    assert (await board.standing(sent)).state == "done"


async def test_what_ended_long_ago_is_forgotten_with_its_people_and_its_id_is_free(store: Store) -> None:
    board = Board(store)
    async with vendor() as api, desk(store, account(True, api.url)) as at:
        await wrote(store, "o1")
        old = await board.put(broadcast("old"), people(["o1"]))
        later = await board.put(broadcast("later", at=time.time() + 3600), people(["o1"]))
        await until(board, old, "done")
        assert await at.service.broadcasts.expire(time.time() - 60) == 0
        at.service.retention_s = -60.0
        await at.service._expire()
        assert [each.id for each in await board.all()] == [later.id]
        assert not [key for key, _ in await store.notes("broadcast-") if old.parts in key or key.endswith("/old")]
        again = await board.put(broadcast("old", text="又上新啦"), people(["o2"]))
        assert (await board.standing(again)).left == 1


async def test_the_same_id_is_one_broadcast(store: Store) -> None:
    board = Board(store)
    wanted = broadcast()
    first = await board.put(wanted, people(["o1", "o2"]))
    assert await board.put(wanted, people(["o1", "o2"])) == first
    for other, to in ((wanted, ["o1"]), (replace(wanted, per_minute=1.0), ["o1", "o2"])):
        with pytest.raises(TakenId, match="take another id"):
            await board.put(other, people(to))
    assert await board.all() == [first]


async def test_of_two_processes_one_lets_in(open_store: OpenStore) -> None:
    users = [f"o{n}" for n in range(60)]
    async with (
        vendor() as api,
        open_store() as one,
        open_store() as two,
        desk(one, account(True, api.url)),
        desk(two, account(True, api.url)),
    ):
        await asyncio.gather(*(wrote(one, user) for user in users))
        board = Board(one)
        sent = await board.put(broadcast(), people(users))
        standing = await until(board, sent, "done", 30)
    assert standing.sent == len(users)
    assert Counter(each.openid for each in api.sent) == Counter(users)


# --- a process is killed in the middle


async def killed(url: str, folder: Path) -> None:
    users = [f"o{n}" for n in range(150)]
    async with vendor() as api:
        store = store_at(url)
        await store.open()
        await asyncio.gather(*(wrote(store, user) for user in users))
        board = Board(store)
        sent = await board.put(broadcast(per_minute=3000.0), people(users))
        (port,) = free_ports(1)
        given = {"url": url, "port": port, "push": True, "api_base": api.url, "effects": str(folder / "e"), "speed": 5}
        command = (sys.executable, "-m", "tests.delivery.desk", json.dumps(given))
        dying = {**os.environ, faults.VARIABLE: "broadcast_batch:3"}
        first = await asyncio.create_subprocess_exec(*command, env=dying, stdout=asyncio.subprocess.DEVNULL)
        assert await asyncio.wait_for(first.wait(), 30) == -9
        before = await board.standing(sent)
        second = await asyncio.create_subprocess_exec(*command, env={**os.environ}, stdout=asyncio.subprocess.DEVNULL)
        try:
            standing = await until(board, sent, "done", 60)
        finally:
            second.kill()
            await second.wait()
            await store.close()
    assert 0 < before.accepted < len(users)
    assert (standing.sent, standing.dead) == (len(users), 0)
    got = Counter(each.openid for each in api.sent)
    assert set(got) == set(users)
    # what was on the wire when the process died may come twice: nobody knows whether the vendor took it
    assert sum(got.values()) - len(users) <= 5, got.most_common(8)


async def test_killed_in_the_middle_on_sqlite_it_goes_on(tmp_path: Path) -> None:
    await killed(str(tmp_path / "store.db"), tmp_path)


async def test_killed_in_the_middle_on_mongo_it_goes_on(mongo_db: tuple[str, str], tmp_path: Path) -> None:
    await killed("#".join(mongo_db), tmp_path)
