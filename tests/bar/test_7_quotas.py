"""The bar, point 7: what a vendor allows is counted before sending, over all processes; more is merged or waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from adapters.channel import Rate, Route
from adapters.message import Address, Text
from bot.store import Store
from bot.turn import Turn
from tests.conftest import OpenStore
from tests.delivery.parrot import Parrot, cage, settled, vendor

ADDRESS = Address("parrot", "main", "u", "u")


def per(count: int, window_s: float) -> Callable[[Route], tuple[Rate, ...]]:
    return lambda route: (Rate("robot", count, window_s), Rate(f"member/{route.data['to']}", count, window_s))


def window(count: int) -> Callable[[Route], tuple[Rate, ...]]:
    return lambda route: (Rate(f"window/{route.data['of']}", count, 48 * 3600.0),)


def unasked(name: str, at: float) -> Turn:
    key = ADDRESS.conversation
    return Turn(f"{key}/{name}", key, "push", ADDRESS, at, replies=(Text(f"推送{name}"),))


@pytest.mark.parametrize("count", [20, 30])
async def test_no_more_than_a_robot_or_a_member_may_get_in_a_minute_go_out_from_two_processes(
    open_store: OpenStore, count: int
) -> None:
    async with (
        vendor() as there,
        open_store() as store,
        open_store() as other,
        cage(store, Parrot(there.url, limited=per(count, 60.0))) as one,
        cage(other, Parrot(there.url, limited=per(count, 60.0))) as two,
    ):
        turns = [await (one, two)[n % 2].accept("甲", str(n), user=f"u{n}") for n in range(count + 5)]
        for _ in range(300):
            now = [await store.turn(turn.id) for turn in turns]
            put_back = sum(turn is not None and "used up" in turn.error for turn in now)
            if put_back == 5 and all(turn and turn.status in ("ready", "sent") for turn in now):
                break
            await asyncio.sleep(0.05)
        assert len(there.sent) == count
        assert sorted(turn.status for turn in now if turn) == ["ready"] * 5 + ["sent"] * count
        assert one.alerts + two.alerts == []


async def test_a_messages_allowance_is_shared_by_its_answer_and_what_is_said_later(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url, ways=("window",), limited=window(3))) as at:
        await settled(store, (await at.accept("甲", "1", at=1.0)).id, "sent")
        for n in range(4):
            await store.accept(unasked(f"p{n}", 2.0 + n))
            at.service.work.nudge(ADDRESS.conversation)
        await settled(store, f"{ADDRESS.conversation}/p1", "sent")
        await settled(store, f"{ADDRESS.conversation}/p3", "ready")
        await asyncio.sleep(0.5)
        assert len(there.sent) == 3
        waiting = await store.turn(f"{ADDRESS.conversation}/p3")
        assert waiting is not None
        assert waiting.attempts == 0
        await at.accept("乙", "9", at=20.0)
        for name in ("p2", "p3", "9"):
            await settled(store, f"{ADDRESS.conversation}/{name}", "sent")
        assert len(there.sent) <= 6
        assert "\n".join(there.texts).split("\n") == ["1:甲", *(f"推送p{n}" for n in range(4)), "2:乙"]


async def test_an_answer_of_more_parts_than_are_allowed_is_merged(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url, ways=("window",), limited=window(2))) as at:
        push = unasked("many", 1.0)
        many = tuple(Text(f"第{n}句") for n in range(6))
        await store.accept(Turn(push.id, push.conversation, "push", ADDRESS, 1.0, replies=many))
        at.service.work.nudge(push.conversation)
        await settled(store, push.id, "sent")
        assert len(there.sent) <= 2
        assert "\n".join(there.texts).split("\n") == [reply.text for reply in many]
