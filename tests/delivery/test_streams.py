"""Answers in the making: polled for, finished once, pushed where the polls end. Vendor time runs ten times as fast."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from itertools import pairwise

from adapters.message import Json, Text
from bot.actions import LeaseLost
from bot.passive import FAILED, PUSHED
from bot.store import Store
from flows.state import Actions, Dialogue, Heard, Outcome
from tests.conftest import OpenStore
from tests.delivery.parrot import Cage, Parrot, cage, settled, until, vendor

CONVERSATION = "parrot/main/u/u"


class Telling:
    """Says what it is doing for as many seconds as the message asks for."""

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        heard.progress("正在查询")
        await asyncio.sleep(float(heard.meaning.text) / 2)
        heard.progress("快好了")
        await asyncio.sleep(float(heard.meaning.text) / 2)
        return Outcome(dialogue, (Text("查到了"),))


async def finished(at: Cage, name: str, seconds: float = 5.0) -> tuple[Mapping[str, Json], list[str]]:
    """Poll until the stream ends: its end, and what was shown on the way."""
    shown = []
    for _ in range(round(seconds / 0.1)):
        said = await at.post(poll=name, user="u")
        if said["finished"]:
            return said, shown
        shown.append(said["text"])
        await asyncio.sleep(0.05)
    raise AssertionError("the stream does not end")


async def test_a_quick_answer_is_finished_at_once(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url)) as at:
        assert await at.says("甲", "1") == {"finished": True, "text": "1:甲"}
        await settled(store, f"{CONVERSATION}/1", "sent")
        assert there.sent == []


async def test_a_slow_answer_is_polled_for_with_what_was_said_so_far_and_finished_once(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url), engine=Telling()) as at:
        began = time.monotonic()
        first = await at.says("0.6", "1")
        assert time.monotonic() - began < 0.3
        assert first == {"finished": False, "text": "正在查询"}
        last, shown = await finished(at, "1")
        assert last["text"] == "查到了"
        assert all(later.startswith(earlier) for earlier, later in pairwise(shown))
        assert shown[-1] == "正在查询\n快好了"
        await settled(store, f"{CONVERSATION}/1", "sent")
        assert await at.post(poll="1", user="u") == last
        assert there.sent == []
        assert await store.notes("progress/") == []


class Losing(Telling):
    """Loses the lease in the middle, again and again."""

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        heard.progress("正在查询")
        await asyncio.sleep(0.05)
        raise LeaseLost


async def test_work_that_is_thrown_away_leaves_nothing_of_what_it_told_behind(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url), engine=Losing()) as at:
        await at.says("0.1", "1")
        await asyncio.sleep(0.2)
        assert await at.service.work.drained(2.0)
        assert await at.service.progress.said(f"{CONVERSATION}/1") == "正在查询"  # as it was shared
        assert not at.service.progress._said


async def test_polls_may_reach_another_process(open_store: OpenStore) -> None:
    async with (
        vendor() as there,
        open_store() as store,
        open_store() as other,
        cage(store, Parrot(there.url), engine=Telling()) as one,
        cage(other, Parrot(there.url), engine=Telling()) as two,
    ):
        assert not (await one.says("1.0", "1"))["finished"]
        last, shown = await finished(two, "1")
        assert last["text"] == "查到了"
        assert "正在查询" in shown
        await settled(store, f"{CONVERSATION}/1", "sent")
        assert await one.post(poll="1", user="u") == last
        assert there.sent == []


async def test_where_the_polls_end_the_answer_is_pushed_and_a_late_poll_ends_the_stream(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url, stream_s=0.5), engine=Telling()) as at:
        assert not (await at.says("0.8", "1"))["finished"]
        await settled(store, f"{CONVERSATION}/1", "sent")
        assert there.texts == ["查到了"]
        assert await at.post(poll="1", user="u") == {"finished": True, "text": PUSHED}
        assert there.texts == ["查到了"]


async def test_a_vendor_that_falls_silent_gets_the_answer_pushed_long_before_the_stream_is_over(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url, stream_s=300.0), engine=Telling()) as at:
        assert not (await at.says("0.3", "1"))["finished"]
        await settled(store, f"{CONVERSATION}/1", "sent")
        assert there.texts == ["查到了"]


async def test_what_does_not_fit_the_finished_answer_is_pushed_after_it(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url)) as at:
        first = await at.says("长", "1")
        assert first["finished"]
        turn = await settled(store, f"{CONVERSATION}/1", "sent")
        said = [first["text"], *there.texts]
        whole = "".join(reply.text for reply in turn.replies if isinstance(reply, Text))
        assert "".join(said).replace("\n", "") == whole


async def test_one_more_than_the_vendor_keeps_open_is_pushed(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url, most_open=1), engine=Telling()) as at:
        assert not (await at.says("0.6", "1", at=1.0))["finished"]
        assert await at.says("0.3", "2", at=2.0) == b"success"
        last, _ = await finished(at, "1")
        assert last["text"] == "查到了"
        await settled(store, f"{CONVERSATION}/2", "sent")
        await until(lambda: there.texts == ["查到了"])
        assert not (await at.says("0.6", "3", at=3.0))["finished"]


async def test_a_poll_for_what_nobody_knows_ends_the_stream(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url)) as at:
        assert await at.post(poll="never", user="u") == {"finished": True, "text": FAILED}
