"""Messages that a vendor only signals: fetched once, by one process, from where the last fetch ended."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from bot.store import Store
from tests.conftest import OpenStore
from tests.delivery.parrot import Parrot, cage, settled, until, vendor

KEY = "parrot/main/u/u"


def page(*names: str, at: float | None = None, **more: Any) -> dict[str, Any]:
    at = time.time() if at is None else at
    return {"messages": [{"id": n, "user": "u", "text": n, "at": at + i} for i, n in enumerate(names)], **more}


async def test_a_batch_of_three_is_answered_one_by_one_in_order(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url)) as at:
        there.pages = [page("a", "b", "c")]
        assert await at.post(user="u", signal="kf1") == b"success"
        for name in "abc":
            await settled(store, f"{KEY}/{name}", "sent")
        assert there.texts == ["1:a", "2:b", "3:c"]
        note = await store.note("cursor/parrot/main/kf1")
        assert note is not None
        assert note.value == "1"


async def test_pages_are_drained_and_signals_meanwhile_make_one_more_pull(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url)) as at:
        there.pages = [page(f"p{n}") for n in range(4)]
        await asyncio.gather(*(at.post(user="u", signal="kf1") for _ in range(10)))
        for n in range(4):
            await settled(store, f"{KEY}/p{n}", "sent")
        assert [each["cursor"] for each in there.pulls[:4]] == ["", "1", "2", "3"]
        await asyncio.sleep(0.3)
        assert len(there.pulls) <= 6


async def test_at_the_very_first_start_old_messages_are_logged_and_not_answered(store: Store) -> None:
    async with vendor() as there:
        old, now = time.time() - 2 * 86400, time.time()
        there.pages = [page("old", at=old), page("new", at=now)]
        async with cage(store, Parrot(there.url, sources=("kf1",))):
            turn = await settled(store, f"{KEY}/old", "sent")
            await settled(store, f"{KEY}/new", "sent")
            assert (turn.replies, turn.flags) == ((), ("history",))
            assert there.texts == ["1:new"]


async def test_a_restart_goes_on_where_it_was_and_answers_what_came_meanwhile(store: Store) -> None:
    async with vendor() as there:
        there.pages = [page("a")]
        async with cage(store, Parrot(there.url, sources=("kf1",))):
            await settled(store, f"{KEY}/a", "sent")
        there.pages.append(page("b", at=time.time() - 3600))
        async with cage(store, Parrot(there.url, sources=("kf1",))):
            await settled(store, f"{KEY}/b", "sent")
        assert there.texts == ["1:a", "2:b"]
        assert [each["cursor"] for each in there.pulls] == ["", "1"]


async def test_a_failed_pull_is_done_again(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url)) as at:
        there.script["pull"] = [{"verdict": "retry", "reason": "busy"}] * 2
        there.pages = [page("a")]
        await at.post(user="u", signal="kf1")
        await settled(store, f"{KEY}/a", "sent")
        assert len(there.pulls) == 3


async def test_what_was_signalled_to_a_process_that_died_is_fetched_by_the_next_look(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url, sources=("kf1",)), pull_look_s=0.2):
        await until(lambda: there.pulls)
        there.pages = [page("a")]
        await settled(store, f"{KEY}/a", "sent")
        assert there.texts == ["1:a"]
    looked = len(there.pulls)
    await asyncio.sleep(0.5)
    assert len(there.pulls) == looked, "it goes on looking after the stop"


async def test_a_cursor_that_does_not_move_is_not_followed_for_ever(store: Store) -> None:
    async with vendor() as there, cage(store, Parrot(there.url)) as at:
        there.pages = [page("a", cursor="", more=True)]
        await at.post(user="u", signal="kf1")
        await settled(store, f"{KEY}/a", "sent")
        await asyncio.sleep(0.3)
        assert len(there.pulls) == 1


async def test_two_processes_pull_one_source_one_at_a_time(open_store: OpenStore) -> None:
    async with (
        vendor() as there,
        open_store() as store,
        open_store() as other,
        cage(store, Parrot(there.url)) as one,
        cage(other, Parrot(there.url)) as two,
    ):
        there.pages = [page(f"p{n}") for n in range(6)]
        await asyncio.gather(*(at.post(user="u", signal="kf1") for _ in range(5) for at in (one, two)))
        for n in range(6):
            await settled(store, f"{KEY}/p{n}", "sent")
        assert [each["cursor"] for each in there.pulls[:6]] == ["", "1", "2", "3", "4", "5"]
        assert there.texts == [f"{n + 1}:p{n}" for n in range(6)]


async def test_the_bot_is_silent_while_a_person_has_the_conversation_and_speaks_when_it_is_given_back(
    store: Store,
) -> None:
    async with vendor() as there, cage(store, Parrot(there.url)) as at:
        there.pages = [page("a", owners={KEY: "kf:zhang"})]
        await at.post(user="u", signal="kf1")
        turn = await settled(store, f"{KEY}/a", "sent")
        assert (turn.replies, turn.flags) == ((), ("owned",))
        there.pages.append(page(owners={KEY: ""}))
        await at.post(user="u", signal="kf1")
        await until(lambda: len(there.pulls) == 2)
        there.pages.append(page("b"))
        await asyncio.sleep(0.2)
        await at.post(user="u", signal="kf1")
        await settled(store, f"{KEY}/b", "sent")
        assert there.texts == ["1:b"]
