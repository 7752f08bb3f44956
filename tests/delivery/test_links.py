"""Connections to a vendor that we open: kept, shared, given up. Their clock runs fifty times as fast."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest

from adapters.channel import LinkTerms
from bot import faults
from bot.store import Store, StoreDown
from tests.conftest import OpenStore
from tests.delivery.parrot import Parrot, ParrotVendor, cage, settled, until, vendor

TERMS = LinkTerms(ping_s=5.0, ack_s=1.0)
ALONE = LinkTerms(exclusive=True, ping_s=5.0, ack_s=1.0)


def linked(there: ParrotVendor, terms: LinkTerms = TERMS, **more: Any) -> Parrot:
    return Parrot(there.url, ways=("link",), link_terms=terms, **more)


def says(name: str, text: str = "甲", at: float = 1.0) -> dict[str, Any]:
    return {"id": name, "user": "u", "text": text, "at": at}


async def test_what_comes_is_acknowledged_before_the_work_and_answered_over_the_link(store: Store) -> None:
    async with vendor() as there, cage(store, linked(there)) as at:
        await until(lambda: there.frame(hello="main"))
        began = time.monotonic()
        await there.open[0].send_json(says("1", "等0.8"))
        await until(lambda: there.frame(ack="1"))
        assert time.monotonic() - began < 0.8
        assert there.sent == []
        turn = await settled(store, "parrot/main/u/u/1", "sent")
        assert there.texts == ["1:等0.8"]
        assert turn.route is not None
        assert at.service.lines.up(at.channel)


async def test_what_is_delivered_again_is_acknowledged_and_not_done_again(store: Store) -> None:
    async with vendor() as there, cage(store, linked(there)):
        await until(lambda: there.frame(hello="main"))
        for _ in range(3):
            await there.open[0].send_json(says("1"))
        await until(lambda: len(there.frame(ack="1")) == 3)
        await settled(store, "parrot/main/u/u/1", "sent")
        await there.open[0].send_json(says("1"))
        await until(lambda: len(there.frame(ack="1")) == 4)
        assert there.texts == ["1:甲"]


async def test_a_late_word_does_not_send_twice(store: Store) -> None:
    async with vendor() as there, cage(store, linked(there, LinkTerms(ping_s=5.0, ack_s=0.2))):
        await until(lambda: there.frame(hello="main"))
        there.mute = True
        await there.open[0].send_json(says("1"))
        await settled(store, "parrot/main/u/u/1", "sent")
        await asyncio.sleep(0.5)
        assert there.texts == ["1:甲"]
        assert there.frame(ping=True), "it was not asked whether the vendor is still there"


async def test_a_connection_that_ends_is_dialled_again_and_what_waited_for_a_word_is_sent_again(store: Store) -> None:
    async with vendor() as there, cage(store, linked(there, LinkTerms(ping_s=5.0, ack_s=5.0))):
        await until(lambda: there.frame(hello="main"))
        there.mute = True
        await there.open[0].send_json(says("1"))
        await until(lambda: there.texts == ["1:甲"])
        there.mute = False
        await there.open[0].close()
        await until(lambda: len(there.frame(hello="main")) == 2)
        turn = await settled(store, "parrot/main/u/u/1", "sent")
        assert there.texts == ["1:甲", "1:甲"]
        assert turn.attempts == 1


async def test_a_half_open_connection_is_found_and_made_anew(store: Store) -> None:
    async with vendor() as there, cage(store, linked(there, LinkTerms(ping_s=0.1, ack_s=1.0))):
        await until(lambda: there.frame(hello="main"))
        there.deaf = True
        await until(lambda: len(there.sockets) == 2)
        there.deaf = False
        await until(lambda: len(there.frame(hello="main")) >= 2 and there.open)


async def test_it_dials_for_as_long_as_it_takes_with_pauses_that_grow(store: Store) -> None:
    async with vendor() as there:
        there.script["hello"] = [{"verdict": "retry", "reason": "busy"}] * 6
        began = time.monotonic()
        async with cage(store, linked(there)) as at:
            await until(lambda: at.service.lines.up(at.channel))
            assert len(there.frame(hello="main")) == 7
            # 1 s, doubled up to 30 s, halved by the jitter, fifty times as fast
            assert time.monotonic() - began > (2 + 4 + 8 + 16 + 30 + 30) / 2 / 50


async def test_being_told_to_stay_away_it_stays_away_and_tells_people_once(open_store: OpenStore) -> None:
    async with AsyncExitStack() as stack:
        there = await stack.enter_async_context(vendor())
        store, other = [await stack.enter_async_context(open_store()) for _ in range(2)]
        one = await stack.enter_async_context(cage(store, linked(there, ALONE)))
        await until(lambda: there.frame(hello="main"))
        two = await stack.enter_async_context(cage(other, linked(there, ALONE)))
        await there.open[0].send_json({"then": "stop"})
        await until(lambda: one.alerts)
        await asyncio.sleep(0.5)
        assert len(there.frame(hello="main")) == 1
        assert [what for what, _ in one.alerts + two.alerts] == ["config"]
        assert "does another program use it" in one.alerts[0][1]


async def test_keys_that_are_refused_again_and_again_end_it(store: Store) -> None:
    async with vendor() as there:
        there.script["hello"] = [{"verdict": "config", "reason": "the secret is wrong"}] * 9
        async with cage(store, linked(there, LinkTerms(refusals=3, ack_s=1.0))) as at:
            await until(lambda: len(at.alerts) == 2 or len(there.frame(hello="main")) > 3)
            await asyncio.sleep(0.3)
            assert len(there.frame(hello="main")) == 3


async def test_one_process_has_an_exclusive_link_and_another_takes_over_when_it_stops(open_store: OpenStore) -> None:
    async with vendor() as there, open_store() as store, open_store() as other:
        async with AsyncExitStack() as first:
            await first.enter_async_context(cage(store, linked(there, ALONE)))
            await until(lambda: there.frame(hello="main"))
            two = await first.enter_async_context(cage(other, linked(there, ALONE)))
            await asyncio.sleep(0.3)
            assert len(there.sockets) == 1
            assert not two.service.lines.up(two.channel)
        await until(lambda: not there.open)
        async with cage(other, linked(there, ALONE)) as two:
            await until(lambda: two.service.lines.up(two.channel))
            assert len(there.sockets) >= 2


async def test_a_turn_of_a_process_without_the_link_goes_out_by_the_one_that_has_it(open_store: OpenStore) -> None:
    async with vendor() as there, open_store() as store, open_store() as other:
        async with cage(store, linked(there, ALONE)) as one:
            await until(lambda: one.service.lines.up(one.channel))
            async with cage(other, linked(there, ALONE)) as two:
                turn = await two.accept("甲", "1")
                turn = await settled(store, turn.id, "sent")
        assert there.texts == ["1:甲"]
        assert turn.attempts == 0


async def test_without_a_link_a_turn_waits_and_nobody_looks_all_the_time(store: Store) -> None:
    async with vendor() as there:
        there.script["hello"] = [{"verdict": "retry", "reason": "busy"}] * 1000
        async with cage(store, linked(there)) as at:
            turn = await at.accept("甲", "1")
            await settled(store, turn.id, "ready")
            await asyncio.sleep(2.5)
            waiting = await store.turn(turn.id)
            assert waiting is not None
            assert waiting.due > await store.now()
            assert (waiting.attempts, "is down" in waiting.error) == (0, True)
            there.script["hello"] = []
            await settled(store, turn.id, "sent", seconds=12)


@pytest.mark.parametrize("count", [3])
async def test_an_account_may_have_several_connections(store: Store, count: int) -> None:
    async with vendor() as there, cage(store, linked(there, LinkTerms(connections=count, ping_s=5.0))):
        await until(lambda: len(there.frame(hello="main")) == count)
        for n, ws in enumerate(there.open):
            await ws.send_json(says(str(n), at=float(n)))
        for n in range(count):
            await settled(store, f"parrot/main/u/u/{n}", "sent")
        assert there.texts == [f"{n + 1}:甲" for n in range(count)]


async def test_a_stop_closes_the_connection_and_does_not_come_back(store: Store) -> None:
    async with vendor() as there:
        async with cage(store, linked(there)):
            await until(lambda: there.frame(hello="main"))
        await until(lambda: not there.open)
        await asyncio.sleep(0.3)
        assert len(there.sockets) == 1


async def test_what_the_vendor_sends_but_once_outlives_a_store_that_is_down(store: Store) -> None:
    down = 4

    def outage(point: str) -> None:
        nonlocal down
        if point == "before_accept" and down:
            down -= 1
            raise StoreDown("gone for a while")

    async with vendor() as there, cage(store, linked(there)):
        await until(lambda: there.frame(hello="main"))
        faults.arm(outage)
        try:
            for n in range(3):
                await there.open[0].send_json(says(str(n), at=float(n)) | {"once": True})
            for n in range(3):
                await settled(store, f"parrot/main/u/u/{n}", "sent")
        finally:
            faults.arm(None)
        assert there.texts == ["1:甲", "2:甲", "3:甲"]
        assert len(there.sockets) == 1


async def test_what_the_vendor_sends_but_once_is_kept_by_a_process_that_stops(store: Store) -> None:
    async with vendor() as there:
        async with cage(store, linked(there)) as at:
            await until(lambda: there.frame(hello="main"))
            at.service.inbox.closed = True
            await there.open[0].send_json(says("1") | {"once": True})
            await there.open[0].send_json(says("2"))
            await settled(store, "parrot/main/u/u/1", "new", "ready", "sent")
            await asyncio.sleep(0.1)
            assert await store.turn("parrot/main/u/u/2") is None
            assert not there.frame(ack="2")
        async with cage(store, linked(there)):
            await settled(store, "parrot/main/u/u/1", "sent")
