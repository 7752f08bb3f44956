"""Which way a push takes, how fast, and what is kept of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from adapters.channel import Outgoing, Rate, Route
from adapters.message import Reply, Text
from bot.mongo import MongoStore
from bot.store import Store
from bot.turn import Turn
from tests.conftest import OpenStore
from tests.delivery.parrot import Parrot, cage, settled, until, vendor

CLOSED = {"verdict": "elsewhere", "reason": "the session has ended"}


def robots(count: int, window_s: float) -> Callable[[Route], tuple[Rate, ...]]:
    return lambda route: (Rate("robot", count, window_s),)


def unasked(first: Turn) -> Turn:
    """Something that is said a second after `first` without being asked."""
    return Turn(
        f"{first.conversation}/p",
        first.conversation,
        "push",
        first.address,
        first.at + 1,
        replies=(Text("有货了"),),
    )


async def test_a_way_that_is_closed_leaves_the_turn_to_the_next_at_once(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url, ways=("hook", "api"))) as at:
        there.script["hook"] = [CLOSED]
        turn = await settled(store, (await at.accept("甲", "1")).id, "sent")
        assert [(each["way"], each["text"], each["part"]) for each in there.sent] == [("api", "1:甲", "0")]
        assert (turn.attempts, turn.route and turn.route.data["way"]) == (0, "api")


async def test_where_every_way_is_closed_the_turn_is_dead_with_the_last_reason_and_a_resend_opens_them(
    store: Store,
) -> None:
    async with vendor() as there, cage(store, Parrot(there.url, ways=("hook", "api"))) as at:
        there.script = {"hook": [CLOSED], "api": [{"verdict": "elsewhere", "reason": "no such person"}]}
        turn = await settled(store, (await at.accept("甲", "1")).id, "dead")
        assert turn.error == "no such person"
        assert [what for what, _ in at.alerts] == ["dead"]
        assert await store.resend(turn.id)
        await settled(store, turn.id, "sent")
        assert [each["way"] for each in there.sent] == ["hook"]


async def test_a_closed_way_is_not_tried_again_by_the_next_process(open_store: OpenStore) -> None:
    async with vendor() as there, open_store() as store:
        there.script = {"hook": [CLOSED], "api": [{"verdict": "retry", "reason": "busy"}]}
        async with cage(store, Parrot(there.url, ways=("hook", "api"))) as at:
            turn = await at.accept("甲", "1")
            await until(lambda: there.calls["api"] == 1)
        async with open_store() as other, cage(other, Parrot(there.url, ways=("hook", "api"))):
            await settled(other, turn.id, "sent")
        assert there.calls["hook"] == 1
        assert there.texts == ["1:甲"]


class Stumbling(Parrot):
    """Its codec has a fault."""

    def render(self, replies: Sequence[Reply], route: Route) -> list[Outgoing]:
        if any("炸" in reply.text for reply in replies if isinstance(reply, Text)):
            raise RuntimeError("a fault of ours")
        return super().render(replies, route)


async def test_an_answer_that_a_fault_of_ours_keeps_back_is_dead_after_a_few_tries_and_the_next_one_goes_out(
    store: Store,
) -> None:
    async with vendor() as there, cage(store, Stumbling(there.url)) as at:
        first, second = await at.accept("炸", "1"), await at.accept("甲", "2", at=2.0)
        dead = await settled(store, first.id, "dead")
        assert "an unexpected error" in dead.error
        assert [what for what, _ in at.alerts] == ["dead"]
        await settled(store, second.id, "sent")
        assert there.texts == ["2:甲"]


async def test_a_fault_in_the_middle_of_an_answer_leaves_what_is_out_noted(store: Store) -> None:
    async with vendor() as there, cage(store, Stumbling(there.url)) as at:
        first = await settled(store, (await at.accept("甲", "1")).id, "sent")
        pushed = replace(unasked(first), replies=(Text("好"), Text("炸")))
        await store.accept(pushed)
        at.service.work.nudge(pushed.conversation)
        dead = await settled(store, pushed.id, "dead")
        assert (dead.shown, len(dead.receipts)) == (1, 1)
        assert there.texts == ["1:甲", "好"]


async def test_the_parts_of_one_answer_are_told_apart_and_go_in_order(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url)) as at:
        turn = await settled(store, (await at.accept("长", "1")).id, "sent")
        assert [each["part"] for each in there.sent] == [str(n) for n in range(len(there.sent))]
        assert len(there.sent) > 3
        assert "".join(there.texts).startswith("1:长1长长")
        assert [receipt.id for receipt in turn.receipts] == [f"r{n}" for n in range(1, len(there.sent) + 1)]


async def test_what_was_sent_can_be_recalled(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url, ways=("hook",))) as at:
        turn = await settled(store, (await at.accept("甲", "1")).id, "sent")
        there.token = "another"
        recalled = await at.service.recall(turn.id)
        assert (recalled.count, recalled.refused) == (1, ())
        assert there.recalled == ["hook/r1"]
        assert (await at.service.recall("parrot/main/u/u/none")).refused == ("there is no turn parrot/main/u/u/none",)


async def test_what_is_said_unasked_goes_by_the_way_of_the_newest_message(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url, ways=("hook",))) as at:
        first = await settled(store, (await at.accept("甲", "1")).id, "sent")
        push = await store.accept(unasked(first))
        at.service.work.nudge(first.conversation)
        turn = await settled(store, push.id, "sent")
        assert turn.route is not None
        assert turn.route.data["of"] == "1"


async def test_a_used_up_rate_puts_the_turn_back_without_a_try_and_it_goes_on_later(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url, limited=robots(2, 1.0))) as at:
        ids = [(await at.accept(str(n), str(n), user=f"u{n}")).id for n in range(4)]
        await until(lambda: len(there.sent) == 2)
        await asyncio.sleep(0.3)
        assert len(there.sent) == 2
        waiting = [turn for turn in [await store.turn(each) for each in ids] if turn and turn.status == "ready"]
        assert [(turn.attempts, "used up" in turn.error) for turn in waiting] == [(0, True)] * 2
        for each in ids:
            await settled(store, each, "sent")
        assert len(there.sent) == 4
        assert at.alerts == []


async def test_waiting_texts_of_one_conversation_are_merged(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url, limited=robots(1, 1.2))) as at:
        ids = [(await at.accept(str(n), str(n), at=float(n))).id for n in range(5)]
        for each in ids:
            await settled(store, each, "sent")
        assert there.texts == ["1:0", "2:1\n3:2\n4:3\n5:4"]


async def test_an_allowance_that_is_used_up_waits_for_the_next_message(store: Store) -> None:
    def window(route: Route) -> tuple[Rate, ...]:
        return (Rate(f"window/{route.data['of']}", 1, 48 * 3600.0),)

    async with vendor() as there, cage(store, Parrot(there.url, ways=("window",), limited=window)) as at:
        await settled(store, (await at.accept("甲", "1")).id, "sent")
        first = await store.newest("parrot/main/u/u")
        assert first is not None
        push = await store.accept(unasked(first))
        at.service.work.nudge(first.conversation)
        turn = await settled(store, push.id, "ready")
        await asyncio.sleep(0.3)
        assert len(there.sent) == 1
        await at.accept("乙", "2", at=3.0)
        turn = await settled(store, push.id, "sent")
        assert turn.route is not None
        assert turn.route.data["of"] == "2"


async def test_a_wrong_set_up_is_told_once_however_many_messages_find_out(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url)) as at:
        wrong = {"verdict": "config", "reason": "60020: this server (203.0.113.7) is not allowed", "code": "60020"}
        there.script["api"] = [wrong] * 5
        for n in range(5):
            await settled(store, (await at.accept("甲", str(n), user=f"u{n}")).id, "dead")
        assert at.alerts == [("config", "parrot/main: 60020: this server (203.0.113.7) is not allowed")]
        counted = 'yingda_config_errors_total{account="main",channel="parrot",code="60020"} 5.0'
        assert counted in at.service.metrics.text().decode()
        assert there.calls["api"] == 5


@pytest.mark.parametrize("sends", [50])
async def test_one_refresh_serves_every_send_of_two_processes(open_store: OpenStore, sends: int) -> None:
    async with (
        vendor() as there,
        open_store() as store,
        open_store() as other,
        cage(store, Parrot(there.url)) as one,
        cage(other, Parrot(there.url)) as two,
    ):
        await settled(store, (await one.accept("甲", "first", user="first")).id, "sent")
        await settled(store, (await two.accept("甲", "second", user="second")).id, "sent")
        before = there.calls["token"]
        there.token = "revoked"
        turns = [await (one, two)[n % 2].accept("甲", str(n), user=f"u{n}") for n in range(sends)]
        for turn in turns:
            await settled(store, turn.id, "sent")
        assert there.calls["token"] == before + 1
        assert len(there.sent) == sends + 2
        assert isinstance(store, MongoStore) or there.calls["api"] <= 2 * sends + 4
