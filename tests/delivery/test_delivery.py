"""What surrounds the passive window: refusals, errors in the engine, dead letters, alerts, shutdown, other ways in."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.channel import Limits, Route
from adapters.degrade import fit
from adapters.message import Address, Image, Message, Reply, Text, Transfer
from bot import faults
from bot.inbox import Busy
from bot.mongo import MongoStore
from bot.outbox import LONGEST_WAIT_S, backoff
from bot.parts import pack, passive_parts
from bot.receive import Proxies
from bot.simulate.wechat import WeChatApi
from bot.sqlite import SqliteStore
from bot.store import Store, StoreDown
from bot.turn import Turn
from bot.work import APOLOGY
from tests.conftest import opened
from tests.delivery.desk import ACCOUNT, account, desk
from tests.delivery.test_passive_window import settled

LIMITS = Limits(frozenset(("text", "image")), text_bytes=2048, passive_messages=1)
HERE = Address("web", "main", "s", "s")


async def test_an_error_in_the_engine_is_answered_with_an_apology_and_flagged(store: Store) -> None:
    async with desk(store, account(False)) as served:
        phone = served.phone()
        assert [(await phone.says(text)).text for text in ("坏", "不懂", "好")] == [APOLOGY, "1:不懂", "2:好"]
        turns = await settled(served, phone, "sent", "sent", "sent")
        assert [turn.flags for turn in turns] == [("error",), (), ()]


@pytest.mark.parametrize(("path", "size", "status"), [("", 70_000, 413), ("", 10, 400), ("?timestamp=1", 10, 403)])
async def test_what_is_no_valid_traffic_is_refused_and_nothing_is_stored(
    store: Store, path: str, size: int, status: int
) -> None:
    async with desk(store, account(False)) as served:
        async with served.session.post(served.url + path, data=b"x" * size) as response:
            assert response.status == status
        assert [turn async for turn in store.export()] == []


async def test_what_the_vendor_never_takes_is_dead_with_a_reason_and_an_alert(store: Store) -> None:
    async with WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value()) as api:
        api.fail("send", 45015, times=5)
        async with desk(store, account(True, api.url)) as served:
            phone = served.phone(api=api)
            await phone.says("等0.6")
            (turn,) = await settled(served, phone, "dead")
            assert "45015" in turn.error
            assert [what for what, _ in served.alerts] == ["dead"]
            assert await store.resend(turn.id)
            await settled(served, phone, "dead")


async def test_a_handoff_is_told(store: Store) -> None:
    async with desk(store, account(False)) as served:
        await served.phone().says("人")
        await asyncio.sleep(0.05)
        assert [what for what, _ in served.alerts] == ["handoff"]


async def test_a_handoff_whose_commit_broke_off_half_way_is_told_and_keeps_all_that_was_thought(
    mongo_db: tuple[str, str],
) -> None:
    async with opened(MongoStore(*mongo_db)) as store, desk(store, account(False)) as served:

        def once(point: str) -> None:
            if point == "half_committed":
                faults.arm(None)
                raise StoreDown("gone between the two halves")

        faults.arm(once)
        try:
            phone = served.phone()
            await phone.says("人")
            (turn,) = await settled(served, phone, "sent")
        finally:
            faults.arm(None)
        assert (turn.flags, turn.replies, len(turn.trace)) == (("handoff",), (Transfer("请留言"),), 1)
        assert turn.meaning is not None
        assert turn.meaning.intent == "say"
        assert [what for what, _ in served.alerts] == ["handoff"]


async def test_pages_wait_for_their_turn_which_needs_no_sending(store: Store) -> None:
    async with desk(store, account(False)) as served:
        inbox = served.service.inbox
        turn = await inbox.accept(Message("1", HERE, Text("等0.3"), 1.0), Route("live"))
        assert await inbox.ready(turn.id, 0.05) is None
        answered = await inbox.ready(turn.id, 5)
        assert answered is not None
        assert (answered.status, answered.replies) == ("sent", (Text("1:等0.3"),))


async def test_twenty_messages_at_once_are_answered_in_order(store: Store) -> None:
    async with desk(store, account(False)) as served:
        inbox = served.service.inbox
        for n in range(20):
            turn = await inbox.accept(Message(f"{n:02}", HERE, Text(str(n)), float(n)), Route("live"))
        await inbox.ready(turn.id, 10)
        assert [t.replies for t in await store.turns(turn.conversation)] == [(Text(f"{n + 1}:{n}"),) for n in range(20)]


async def test_a_stop_finishes_what_is_under_way_and_takes_nothing_more_in(store: Store) -> None:
    async with desk(store, account(False)) as served:
        inbox = served.service.inbox
        turn = await inbox.accept(Message("1", HERE, Text("等0.3"), 1.0), Route("live"))
        assert await served.service.stop(3.0)
        with pytest.raises(Busy):
            await inbox.accept(Message("2", HERE, Text("x"), 1.0))
        done = await store.turn(turn.id)
        assert done is not None
        assert done.status == "sent"


async def test_a_store_that_is_down_asks_the_vendor_to_come_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "store.db")
    await store.open()
    async with desk(store, account(False)) as served:
        phone = served.phone()
        await store.close()
        assert (await phone.post(phone.webhook("text", Content="甲"))).status == 503
        await store.open()
        assert (await phone.says("乙")).text == "1:乙"
    await store.close()


@given(st.integers(0, 1000), st.floats(0, 1, exclude_max=True))
def test_backing_off_is_bounded(attempts: int, jitter: float) -> None:
    assert 0.5 <= backoff(attempts, jitter) <= LONGEST_WAIT_S


@given(st.lists(st.one_of(st.text("长a", min_size=1, max_size=1500).map(Text), st.just(Image(media="m"))), max_size=6))
def test_bodies_after_one_another_carry_everything_once_and_fit(replies: list[Reply]) -> None:
    parts = passive_parts(replies, LIMITS, fit)
    seen, shown = 0, 0
    while shown < len(parts):
        turn = Turn("c/1", "c", "message", HERE, 0.0, replies=tuple(replies), shown=shown)
        body = pack([(turn, parts)], LIMITS, hint=True)
        (piece,) = body.slices
        assert (piece.start, len(body.replies)) == (shown, 1)
        assert all(len(reply.text.encode()) <= LIMITS.text_bytes for reply in body.replies if isinstance(reply, Text))
        assert body.rest == (piece.end < len(parts))
        seen, shown = seen + piece.end - piece.start, piece.end
    assert seen == len(parts)


@pytest.mark.parametrize(
    ("trusted", "forwarded", "remote"),
    [
        ("", "1.2.3.4", "10.0.0.1"),
        ("10.0.0.0/8", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.0/8", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
    ],
)
def test_only_trusted_proxies_name_the_client(trusted: str, forwarded: str, remote: str) -> None:
    assert Proxies.of(trusted).remote("10.0.0.1", forwarded) == remote
