"""What every store promises. A new store is one more row of `open_store` in tests/conftest.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from adapters.channel import Route, Token
from adapters.message import Text
from bot.store import Store, StoreDown
from bot.turn import Receipt, Session, Thought
from flows.state import Dialogue
from nlu.meaning import Meaning
from tests.conftest import OpenStore
from tests.stores.making import (
    CONVERSATION,
    LEASE_S,
    PUSH,
    a_turn,
    answered,
    ids,
    leased,
    name,
    oldest_new,
    ready,
    sent,
    there,
)

AT = 1_700_000_000.0


class TestAccept:
    async def test_it_keeps_the_turn_as_new_with_the_time_of_the_store(self, store: Store) -> None:
        before = await store.now()
        turn = await store.accept(a_turn())
        assert turn.status == "new"
        assert before - 0.5 <= turn.accepted <= await store.now() + 0.5
        assert await store.turn(turn.id) == turn

    async def test_a_repeat_gives_back_the_one_that_is_there(self, store: Store) -> None:
        first = await store.accept(a_turn())
        assert await store.accept(replace(a_turn(), at=AT + 9)) == first

    async def test_a_repeat_after_the_answer_shows_the_answer(self, store: Store) -> None:
        done = await ready(store, a_turn())
        assert await store.accept(a_turn()) == done

    async def test_of_fifty_at_once_one_wins_and_all_see_it(self, open_store: OpenStore) -> None:
        async with open_store() as store, open_store() as other:
            turns = [a_turn(flow=str(number)) for number in range(50)]
            got = await asyncio.gather(*((store, other)[place % 2].accept(turn) for place, turn in enumerate(turns)))
            assert len(set(got)) == 1
            assert [turn async for turn in store.export()] == [got[0]]


class TestClosed:
    async def test_every_call_after_the_close_says_that_the_store_is_down(self, store: Store) -> None:
        await store.close()
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: store.accept(a_turn()),
            lambda: store.take(CONVERSATION, "w1", LEASE_S),
            lambda: store.commit(Session(CONVERSATION, worker="w1"), answered(a_turn())),
            lambda: store.claim("a/b/c/d/e", PUSH, 1.0),
            lambda: store.finish("a/b/c/d/e", "sent", held=1.0, shown=1),
            lambda: store.turn("a/b/c/d/e"),
            lambda: store.stalled(),
            lambda: store.spend("key", 1, 1.0),
            lambda: store.expire(1.0),
        ]
        for call in calls:
            with pytest.raises(StoreDown):
                await call()


class TestLease:
    async def test_it_makes_the_session_and_holds_it(self, store: Store) -> None:
        session = await store.lease(CONVERSATION, "w1", LEASE_S)
        assert session is not None
        assert (session.rev, session.worker, session.dialogue, session.done) == (0, "w1", Dialogue(), {})
        assert session.leased_until == pytest.approx(await store.now() + LEASE_S, abs=2)

    async def test_another_worker_waits_until_it_is_released(self, store: Store) -> None:
        await leased(store, "w1")
        assert await store.lease(CONVERSATION, "w2", LEASE_S) is None
        await store.release(CONVERSATION, "w2")
        assert await store.lease(CONVERSATION, "w2", LEASE_S) is None
        await store.release(CONVERSATION, "w1")
        assert (await leased(store, "w2")).worker == "w2"

    async def test_its_holder_renews_it(self, store: Store) -> None:
        first = await store.lease(CONVERSATION, "w1", 1)
        again = await store.lease(CONVERSATION, "w1", LEASE_S)
        assert first is not None
        assert again is not None
        assert again.leased_until > first.leased_until + 10

    async def test_one_that_ran_out_is_taken_over_and_the_late_commit_fails(self, store: Store) -> None:
        turn = await store.accept(a_turn())
        late = await store.lease(CONVERSATION, "w1", 0.05)
        assert late is not None
        await asyncio.sleep(0.1)
        session = await leased(store, "w2")
        assert not await store.commit(late, answered(turn, "late"))
        assert await store.commit(session, answered(turn, "in time"))
        assert not await store.commit(late, answered(turn, "late"))
        assert (await there(store, turn.id)).replies == (Text("in time"),)

    async def test_of_many_workers_at_once_one_gets_it(self, open_store: OpenStore) -> None:
        async with open_store() as store, open_store() as other:
            asked = [(store, other)[n % 2].lease(CONVERSATION, f"w{n}", LEASE_S) for n in range(20)]
            won = [session for session in await asyncio.gather(*asked) if session]
            assert len(won) == 1

    async def test_take_gives_everything_open_with_it(self, store: Store) -> None:
        await sent(store, a_turn("done", AT))
        waiting = await ready(store, a_turn("ready", AT + 1))
        new = await store.accept(a_turn("new", AT + 2))
        later = await store.accept(a_turn("later", AT + 3, due=await store.now() + 100))
        taken = await store.take(CONVERSATION, "w1", LEASE_S)
        assert taken is not None
        assert taken[1] == [waiting, new, later]
        assert await store.take(CONVERSATION, "w2", LEASE_S) is None


class TestOldestNew:
    async def test_turns_come_by_vendor_time_then_ours_then_id(self, store: Store) -> None:
        for key, at in (("c", AT + 1), ("b", AT), ("z", AT), ("a", AT + 1)):
            await store.accept(a_turn(key, at))
            await asyncio.sleep(0.003)
        order = []
        session = await leased(store)
        while turn := await oldest_new(store):
            order.append(name(turn))
            assert await store.commit(session, answered(turn))
            session = await leased(store)
        assert order == ["b", "z", "c", "a"]

    async def test_one_that_is_not_due_waits(self, store: Store) -> None:
        await store.accept(a_turn("timer", AT, due=await store.now() + 100))
        assert await oldest_new(store) is None
        turn = await store.accept(a_turn("m", AT + 5, due=await store.now() - 1))
        assert await oldest_new(store) == turn

    async def test_other_conversations_do_not_matter(self, store: Store) -> None:
        await store.accept(a_turn("m", AT, user="u2"))
        assert await oldest_new(store) is None


class TestCalls:
    async def test_what_actions_did_is_seen_by_the_next_worker_until_the_turn_is_committed(self, store: Store) -> None:
        turn = await store.accept(a_turn())
        await leased(store, "w1")
        assert await store.note_call(CONVERSATION, "w1", turn.id, "pay#1", {"state": "started"})
        assert await store.note_call(CONVERSATION, "w1", turn.id, "pay#1", {"state": "done", "result": {"ok": True}})
        assert await store.note_call(CONVERSATION, "w1", turn.id, "look.up/$x", {"state": "started"})
        await store.release(CONVERSATION, "w1")
        session = await leased(store, "w2")
        assert session.calls == {
            turn.id: {"pay#1": {"state": "done", "result": {"ok": True}}, "look.up/$x": {"state": "started"}}
        }
        assert await store.commit(session, answered(turn))
        assert (await leased(store, "w2")).calls == {}

    async def test_who_lost_the_lease_cannot_note_anything(self, store: Store) -> None:
        await leased(store, "w1")
        assert not await store.note_call(CONVERSATION, "w2", "t", "k", {"state": "started"})
        assert not await store.note_call("no/such/one/here", "w1", "t", "k", {"state": "started"})
        assert (await leased(store, "w1")).calls == {}

    async def test_a_commit_keeps_the_calls_of_other_turns(self, store: Store) -> None:
        turn = await store.accept(a_turn())
        session = await leased(store)
        await store.note_call(CONVERSATION, "w1", "other", "k", {"state": "started"})
        assert await store.commit(session, answered(turn))
        assert (await leased(store)).calls == {"other": {"k": {"state": "started"}}}


class TestCommit:
    async def test_it_moves_the_session_and_makes_the_turn_ready(self, store: Store) -> None:
        turn = await store.accept(a_turn())
        session = replace(await leased(store), dialogue=Dialogue(slots={"order_id": "DD1"}, misses=2))
        assert await store.commit(session, replace(answered(turn), flags=("handoff",), flow="refund/order_id"))
        after = await leased(store)
        assert (after.rev, after.dialogue, after.worker) == (1, session.dialogue, "w1")
        assert after.updated == pytest.approx(await store.now(), abs=2)
        now = await there(store, turn.id)
        assert (now.status, now.replies, now.flags, now.flow) == (
            "ready",
            (Text("好的"),),
            ("handoff",),
            "refund/order_id",
        )
        assert now.ready_at == pytest.approx(await store.now(), abs=2)
        assert now.accepted == turn.accepted

    async def test_the_same_again_is_the_same_answer(self, store: Store) -> None:
        turn = await store.accept(a_turn())
        session = await leased(store)
        assert await store.commit(session, answered(turn))
        assert await store.commit(session, answered(turn))
        assert (await leased(store)).rev == 1

    async def test_other_words_for_a_committed_turn_are_thrown_away(self, store: Store) -> None:
        turn = await store.accept(a_turn())
        session = await leased(store)
        assert await store.commit(session, answered(turn, "first"))
        assert not await store.commit(session, answered(turn, "second"))
        assert (await there(store, turn.id)).replies == (Text("first"),)

    async def test_a_session_that_moved_throws_the_work_away(self, store: Store) -> None:
        turn, session = await store.accept(a_turn()), await leased(store)
        assert await store.own(CONVERSATION, "alice", session.rev)
        assert not await store.commit(session, answered(turn))
        assert (await there(store, turn.id)).status == "new"
        assert (await leased(store)).dialogue == Dialogue()

    async def test_a_lease_of_another_throws_the_work_away(self, store: Store) -> None:
        turn, session = await store.accept(a_turn()), await leased(store, "w1")
        assert not await store.commit(replace(session, worker="w2"), answered(turn))
        assert (await there(store, turn.id)).status == "new"

    async def test_a_turn_in_done_gets_the_thought_that_was_remembered(self, store: Store) -> None:
        turn, session = await store.accept(a_turn()), await leased(store)
        before = Thought(Meaning("人工", "human", 0.9), (Text("as said before"),), flags=("handoff",), flow="help/ask")
        redo = replace(session, done={turn.id: before})
        assert await store.commit(redo, answered(turn, "thought twice"))
        assert Thought.of(await there(store, turn.id)) == before
        assert (await leased(store)).rev == session.rev
        assert await store.commit(redo, answered(turn, "thought twice"))

    async def test_a_redo_can_give_the_lease_back_too(self, store: Store) -> None:
        turn, session = await store.accept(a_turn()), await leased(store, "w1")
        redo = replace(session, done={turn.id: Thought(replies=(Text("as said before"),))})
        assert await store.commit(redo, turn, release=True)
        assert (await leased(store, "w2")).worker == "w2"

    async def test_it_can_claim_at_once(self, store: Store) -> None:
        turn, session = await store.accept(a_turn()), await leased(store)
        until = await store.now() + 60
        assert await store.commit(session, replace(answered(turn), status="sending", route=PUSH, until=until))
        now = await there(store, turn.id)
        assert (now.status, now.route, now.until) == ("sending", PUSH, until)
        assert not await store.claim(turn.id, PUSH, until)
        assert await store.finish(turn.id, "sent", held=until, shown=1)

    async def test_it_can_say_that_no_sending_is_needed(self, store: Store) -> None:
        turn, session = await store.accept(a_turn()), await leased(store)
        assert await store.commit(session, replace(answered(turn), status="sent", shown=1))
        now = await there(store, turn.id)
        assert now.status == "sent"
        assert now.sent_at == pytest.approx(await store.now(), abs=2)

    async def test_it_can_give_the_lease_back(self, store: Store) -> None:
        turn, session = await store.accept(a_turn()), await leased(store, "w1")
        assert await store.commit(session, answered(turn), release=True)
        assert (await leased(store, "w2")).rev == 1

    async def test_done_does_not_grow(self, store: Store) -> None:
        for number in range(10):
            await ready(store, a_turn(f"m{number}", AT + number))
        assert len((await leased(store)).done) <= 1


class TestSending:
    async def test_of_many_claims_one_wins(self, open_store: OpenStore) -> None:
        async with open_store() as store, open_store() as other:
            turn = await ready(store, a_turn())
            until = await store.now() + 60
            claims = [(store, other)[n % 2].claim(turn.id, PUSH, until) for n in range(50)]
            assert (await asyncio.gather(*claims)).count(True) == 1
            now = await there(store, turn.id)
            assert (now.status, now.route, now.until) == ("sending", PUSH, until)

    async def test_a_new_turn_cannot_be_claimed(self, store: Store) -> None:
        turn = await store.accept(a_turn())
        assert not await store.claim(turn.id, PUSH, await store.now() + 60)
        assert not await store.claim("no/such/turn/at/all", PUSH, await store.now() + 60)

    async def test_a_claim_that_ran_out_is_taken_over(self, store: Store) -> None:
        turn = await ready(store, a_turn())
        assert await store.claim(turn.id, PUSH, await store.now() - 1)
        assert await store.claim(turn.id, Route("passive"), await store.now() + 60)
        assert (await there(store, turn.id)).route == Route("passive")

    async def test_sent_is_the_end(self, store: Store) -> None:
        turn = await sent(store, a_turn())
        assert (turn.status, turn.shown, turn.until) == ("sent", 1, 0)
        assert turn.sent_at == pytest.approx(await store.now(), abs=2)
        assert not await store.finish(turn.id, "ready", held=turn.until, shown=0)
        assert not await store.claim(turn.id, PUSH, await store.now() + 60)

    async def test_a_failed_try_waits_and_is_counted(self, store: Store) -> None:
        turn = await ready(store, a_turn())
        for attempt in (1, 2):
            due = await store.now() + 100 * attempt
            until = await store.now() + 60
            assert await store.claim(turn.id, PUSH, until)
            assert await store.finish(turn.id, "ready", held=until, shown=1, due=due, error="45009 busy")
            now = await there(store, turn.id)
            assert (now.status, now.attempts, now.due, now.shown, now.error) == ("ready", attempt, due, 1, "45009 busy")

    async def test_who_comes_late_does_not_end_the_claim_of_another(self, store: Store) -> None:
        turn = await ready(store, a_turn())
        first, second = await store.now() - 1, await store.now() + 60
        assert await store.claim(turn.id, PUSH, first)
        assert await store.claim(turn.id, PUSH, second)
        assert not await store.finish(turn.id, "ready", held=first, shown=1)
        assert not await store.advance(turn.id, 1, second + 1, held=first)
        assert await store.finish(turn.id, "sent", held=second, shown=2)
        assert (await there(store, turn.id)).shown == 2

    async def test_a_long_send_notes_how_far_it_is_and_keeps_its_claim(self, store: Store) -> None:
        turn = await ready(store, a_turn())
        first = await store.now() + 0.01
        assert not await store.advance(turn.id, 1, await store.now() + 60, held=first)
        assert await store.claim(turn.id, PUSH, first)
        until = await store.now() + 60
        assert await store.advance(turn.id, 1, until, held=first)
        assert not await store.advance(turn.id, 2, until, held=first)
        now = await there(store, turn.id)
        assert (now.status, now.shown, now.until) == ("sending", 1, until)
        assert not await store.claim(turn.id, PUSH, until)

    async def test_a_dead_turn_is_sent_again_by_an_operators_word(self, store: Store) -> None:
        turn = await ready(store, a_turn())
        assert not await store.resend(turn.id)
        until, later = await store.now() + 60, await store.now() + 1000
        await store.claim(turn.id, PUSH, until)
        await store.finish(turn.id, "ready", held=until, shown=0, due=later)
        await store.claim(turn.id, PUSH, until)
        assert await store.finish(turn.id, "dead", held=until, shown=0, due=later, error="45015 窗口已过")
        assert await store.resend(turn.id)
        now = await there(store, turn.id)
        assert (now.status, now.due, now.error, now.attempts) == ("ready", 0, "", 0)
        assert not await store.resend(turn.id)

    async def test_what_changes_while_sending_is_kept(self, store: Store) -> None:
        turn = await ready(store, a_turn())
        first, second = await store.now() + 60, await store.now() + 70
        assert await store.claim(turn.id, PUSH, first)
        receipt = Receipt("msg.1/$", Route("push", {"way": "api"}))
        other = Route("push", {"way": "api", "closed": "session"})
        assert await store.advance(turn.id, 1, second, held=first, receipts=[receipt], route=other)
        assert await store.advance(turn.id, 1, first, held=second)
        now = await there(store, turn.id)
        assert (now.receipts, now.route) == ((receipt,), other)
        assert await store.finish(turn.id, "sent", held=first, shown=2, receipts=[receipt, receipt], route=PUSH)
        now = await there(store, turn.id)
        assert (now.receipts, now.route) == ((receipt, receipt), PUSH)

    async def test_a_wait_for_a_free_use_is_no_try(self, store: Store) -> None:
        turn, until = await ready(store, a_turn()), await store.now() + 60
        assert await store.claim(turn.id, PUSH, until)
        assert await store.finish(turn.id, "ready", held=until, shown=0, due=until, tried=False)
        assert (await there(store, turn.id)).attempts == 0

    async def test_the_newest_is_the_last_that_came_from_there(self, store: Store) -> None:
        assert await store.newest(CONVERSATION) is None
        await sent(store, a_turn("a", AT))
        last = await store.accept(a_turn("b", AT + 1, kind="event"))
        await store.accept(a_turn("c", AT + 2, kind="push"))
        await store.accept(a_turn("d", AT + 3, user="u2"))
        assert await store.newest(CONVERSATION) == last

    async def test_unsent_are_those_ready_and_sending_in_order(self, store: Store) -> None:
        await ready(store, a_turn("b", AT + 2))
        first = await ready(store, a_turn("a", AT + 1))
        await store.claim(first.id, PUSH, await store.now() + 60)
        await sent(store, a_turn("s", AT))
        await store.accept(a_turn("n", AT + 3))
        assert [name(turn) for turn in await store.unsent(CONVERSATION)] == ["a", "b"]


class TestStalled:
    async def test_it_finds_what_is_due_and_nobody_works_on(self, store: Store) -> None:
        now = await store.now()
        await store.accept(a_turn(user="new"))
        await ready(store, a_turn(user="ready"))
        for user, until in (("expired", now - 1), ("claimed", now + 60)):
            await store.claim((await ready(store, a_turn(user=user))).id, PUSH, until)
        await store.accept(a_turn(user="later", due=now + 100))
        await sent(store, a_turn(user="sent"))
        await store.accept(a_turn(user="leased"))
        await leased(store, conversation=a_turn(user="leased").conversation)
        assert {key.split("/")[2] for key in await store.stalled()} == {"new", "ready", "expired"}

    async def test_a_lease_that_ran_out_does_not_hide_it(self, store: Store) -> None:
        turn = await store.accept(a_turn())
        await store.lease(turn.conversation, "w1", 0.05)
        await asyncio.sleep(0.1)
        assert await store.stalled() == [turn.conversation]

    async def test_it_stops_at_the_limit(self, store: Store) -> None:
        for number in range(5):
            await store.accept(a_turn(user=f"u{number}"))
        assert len(await store.stalled(limit=3)) == 3


class TestWatch:
    async def test_changes_of_another_store_object_are_seen(self, open_store: OpenStore) -> None:
        async with open_store() as store, open_store() as other:
            watch = store.watch()
            turn = await other.accept(a_turn())
            assert await asyncio.wait_for(anext(watch), 5) == turn
            done = await ready(other, a_turn())
            async with asyncio.timeout(5):
                while (seen := await anext(watch)) != done:
                    assert seen.id == turn.id

    async def test_one_conversation_can_be_watched(self, store: Store) -> None:
        watch = store.watch(a_turn(user="u2").conversation)
        await store.accept(a_turn(user="u1"))
        turn = await store.accept(a_turn(user="u2"))
        assert await asyncio.wait_for(anext(watch), 5) == turn

    async def test_every_watcher_sees_every_turn(self, store: Store) -> None:
        watches = [store.watch() for _ in range(3)]
        turns = {(await store.accept(a_turn(f"m{number}"))).id for number in range(20)}
        for watch in watches:
            async with asyncio.timeout(5):
                seen: set[str] = set()
                while seen != turns:
                    seen.add((await anext(watch)).id)

    async def test_a_watch_that_comes_after_others_have_gone_works(self, store: Store) -> None:
        watch = store.watch()
        await store.accept(a_turn("m1"))
        await asyncio.wait_for(anext(watch), 5)
        del watch
        await asyncio.sleep(0.7)
        watch = store.watch()
        await store.accept(a_turn("m2"))
        async with asyncio.timeout(5):
            while name(await anext(watch)) != "m2":
                pass

    async def test_closing_the_store_ends_it(self, open_store: OpenStore) -> None:
        async with open_store() as store:
            watch = store.watch()
            waiting = asyncio.ensure_future(anext(watch, None))
            await asyncio.sleep(0)
        assert await asyncio.wait_for(waiting, 5) is None


class TestReading:
    async def test_what_is_not_there_is_none(self, store: Store) -> None:
        assert await store.turn("no/such/turn/at/all") is None
        assert await store.session("no/such/one/here") is None
        assert await store.turns("no/such/one/here") == []
        assert await store.conversations() == []

    async def test_a_session_is_read_without_taking_it(self, store: Store) -> None:
        session = await leased(store)
        assert await store.session(CONVERSATION) == session

    async def test_turns_come_in_pages_that_skip_none_of_a_second(self, store: Store) -> None:
        for number in range(12):
            await store.accept(a_turn(f"m{number:02}", AT + number // 3))
        page = await store.turns(CONVERSATION, limit=4)
        assert [name(turn) for turn in page] == [f"m{number:02}" for number in range(6, 12)]
        page = await store.turns(CONVERSATION, before=page[0].at, limit=4)
        assert [name(turn) for turn in page] == [f"m{number:02}" for number in range(6)]
        assert await store.turns(CONVERSATION, before=page[0].at, limit=4) == []

    async def test_conversations_come_newest_first_in_pages(self, store: Store) -> None:
        for number in range(7):
            await store.accept(a_turn("first", AT, user=f"u{number}"))
            await store.accept(a_turn("last", AT + 10 + number, user=f"u{number}"))
        pages, before = [], 0.0
        while page := await store.conversations(before=before, limit=3):
            pages.append([row.key.split("/")[2] for row in page])
            assert all((name(row.latest), row.turns, row.waiting, row.owner) == ("last", 2, False, "") for row in page)
            before = page[-1].latest.at
        assert pages == [["u6", "u5", "u4"], ["u3", "u2", "u1"], ["u0"]]

    async def test_conversations_of_one_second_are_on_one_page(self, store: Store) -> None:
        for number in range(5):
            await store.accept(a_turn(user=f"u{number}"))
        assert len(await store.conversations(limit=2)) == 5

    async def test_a_conversation_waits_from_handoff_until_an_operator_answers(self, store: Store) -> None:
        turn = await store.accept(a_turn())
        await store.commit(await leased(store), replace(answered(turn), flags=("handoff",)))
        (row,) = await store.conversations()
        assert row.waiting
        session = await store.session(CONVERSATION)
        assert session is not None
        assert await store.own(CONVERSATION, "alice", session.rev)
        await store.accept(replace(a_turn("op1", AT + 5), kind="operator"))
        (row,) = await store.conversations()
        assert (row.waiting, row.owner) == (False, "alice")
        assert await store.conversations(waiting=True) == []

    async def test_those_who_wait_are_found_however_much_came_after_them(self, store: Store) -> None:
        for number in range(5):
            turn = await store.accept(a_turn("asked", AT + number // 2, user=f"u{number}"))
            session = await store.lease(turn.conversation, "w1", 5)
            assert session is not None
            await store.commit(session, replace(answered(turn), flags=("handoff",)))
        for number in range(5, 10):
            await store.accept(a_turn("later", AT + 100, user=f"u{number}"))
        pages, before = [], 0.0
        while page := await store.conversations(before=before, limit=1, waiting=True):
            assert all(row.waiting for row in page)
            pages.append({row.key.split("/")[2] for row in page})
            before = page[-1].latest.at
        assert pages == [{"u4"}, {"u2", "u3"}, {"u0", "u1"}]

    async def test_export_gives_every_turn_by_time(self, store: Store) -> None:
        for number in (3, 1, 2):
            await store.accept(a_turn(f"m{number}", AT + number, user=f"u{number}"))
        await sent(store, a_turn("m0", AT))
        assert await ids(store.export()) == ["m0", "m1", "m2", "m3"]
        assert await ids(store.export(since=AT + 2)) == ["m2", "m3"]
        assert await ids(store.export(status=("sent", "dead"))) == ["m0"]

    async def test_export_goes_through_many_of_one_second(self, store: Store) -> None:
        await asyncio.gather(*(store.accept(a_turn(f"m{number}")) for number in range(1100)))
        found = [turn.id async for turn in store.export()]
        assert len(found) == len(set(found)) == 1100

    async def test_count_is_by_status(self, store: Store) -> None:
        await store.accept(a_turn("m1"))
        await sent(store, a_turn("m2", AT + 1))
        assert [await store.count(status) for status in ("new", "sent", "dead")] == [1, 1, 0]


class TestOwner:
    async def test_taking_over_makes_a_thinking_worker_fail(self, store: Store) -> None:
        turn, session = await store.accept(a_turn()), await leased(store)
        assert await store.own(CONVERSATION, "alice", session.rev)
        assert not await store.commit(session, answered(turn))
        assert (await leased(store)).owner == "alice"
        assert await store.own(CONVERSATION, "", session.rev + 1)
        assert (await leased(store)).owner == ""

    async def test_of_two_operators_one_wins(self, store: Store) -> None:
        rev = (await leased(store)).rev
        assert await store.own(CONVERSATION, "alice", rev)
        assert not await store.own(CONVERSATION, "bob", rev)
        assert await store.own(CONVERSATION, "alice", rev), "a repeat after a lost answer"
        assert (await leased(store)).rev == rev + 1

    async def test_a_conversation_without_a_session_can_be_owned(self, store: Store) -> None:
        assert not await store.own(CONVERSATION, "alice", 3)
        assert await store.own(CONVERSATION, "alice", 0)
        session = await leased(store)
        assert (session.owner, session.rev) == ("alice", 1)

    async def test_a_commit_keeps_the_owner(self, store: Store) -> None:
        turn = await store.accept(a_turn())
        await store.own(CONVERSATION, "alice", 0)
        assert await store.commit(await leased(store), replace(turn, flags=("owned",)))
        assert (await leased(store)).owner == "alice"


class TestExpire:
    async def test_it_takes_sent_and_dead_turns_and_what_is_left_of_their_sessions(self, store: Store) -> None:
        await sent(store, a_turn("m1", user="gone"))
        dead = await ready(store, a_turn("m2", user="gone"))
        until = await store.now() + 60
        await store.claim(dead.id, PUSH, until)
        await store.finish(dead.id, "dead", held=until, shown=0)
        await sent(store, a_turn("m3", user="stays"))
        await ready(store, a_turn("m4", user="stays"))
        await store.accept(a_turn("m5", user="new"))
        assert await store.expire(await store.now() - 100) == 0
        assert await store.expire(await store.now() + 1) == 3
        assert await ids(store.export()) == ["m4", "m5"]
        assert await store.session(dead.conversation) is None
        assert await store.session(a_turn(user="stays").conversation) is not None

    async def test_who_comes_back_after_it_is_new_to_us(self, store: Store) -> None:
        turn = await sent(store, a_turn())
        await leased(store)
        await store.note_call(turn.conversation, "w1", "other", "k", {"state": "started"})
        await store.release(turn.conversation, "w1")
        await store.expire(await store.now() + 1)
        session = await leased(store)
        assert (session.rev, session.calls, session.dialogue) == (0, {}, Dialogue())

    async def test_a_session_that_is_leased_stays(self, store: Store) -> None:
        await leased(store)
        await store.expire(await store.now() + 1)
        assert await store.session(CONVERSATION) is not None


class TestSpend:
    async def test_a_quota_is_used_up_and_comes_back(self, store: Store) -> None:
        assert [await store.spend("push/u1", 3, 0.6) for _ in range(4)] == [True, True, True, False]
        assert await store.spend("push/u2", 3, 0.6)
        await asyncio.sleep(0.65)
        assert await store.spend("push/u1", 3, 0.6)

    async def test_it_holds_across_store_objects(self, open_store: OpenStore) -> None:
        async with open_store() as store, open_store() as other:
            spent = await asyncio.gather(*((store, other)[n % 2].spend("k", 5, 60) for n in range(30)))
            assert spent.count(True) == 5

    async def test_it_tells_when_one_more_use_may_be_counted(self, store: Store) -> None:
        assert await store.free_at("k", 2, 60) == 0
        began = await store.now()
        await store.spend("k", 2, 60)
        assert await store.free_at("k", 2, 60) == 0
        await store.spend("k", 2, 60)
        assert began + 59 < await store.free_at("k", 2, 60) < began + 62
        await asyncio.sleep(0.1)
        assert await store.free_at("k", 2, 0.05) == 0

    async def test_a_limit_of_none_is_never_granted(self, store: Store) -> None:
        assert not await store.spend("k", 0, 60)


class Vendor:
    """Gives out access tokens as a vendor does, and counts how often it was asked."""

    def __init__(self, life_s: float = 7200) -> None:
        self.asked = 0
        self.life_s = life_s

    async def fetch(self) -> Token:
        self.asked += 1
        asked = self.asked
        await asyncio.sleep(0.05)
        return Token(f"token-{asked}", time.time() + self.life_s)

    async def broken(self) -> Token:
        self.asked += 1
        await asyncio.sleep(0.01)
        raise ConnectionError("no answer")


class TestTokens:
    async def test_fifty_callers_of_two_processes_fetch_once(self, open_store: OpenStore) -> None:
        vendor = Vendor()
        async with open_store() as store, open_store() as other:
            asked = [(store, other)[n % 2].get("wechat/main", vendor.fetch) for n in range(50)]
            assert {token.value for token in await asyncio.gather(*asked)} == {"token-1"}
            assert (await store.get("wechat/main", vendor.fetch)).value == "token-1"
        assert vendor.asked == 1

    async def test_fifty_refused_callers_renew_once(self, open_store: OpenStore) -> None:
        vendor = Vendor()
        async with open_store() as store, open_store() as other:
            old = await store.get("k", vendor.fetch)
            await other.get("k", vendor.fetch)
            asked = [(store, other)[n % 2].get("k", vendor.fetch, stale=old.value) for n in range(50)]
            assert {token.value for token in await asyncio.gather(*asked)} == {"token-2"}
            assert (await store.get("k", vendor.fetch, stale=old.value)).value == "token-2"
        assert vendor.asked == 2

    async def test_it_outlives_the_process(self, open_store: OpenStore) -> None:
        vendor = Vendor()
        async with open_store() as store:
            first = await store.get("k", vendor.fetch)
        async with open_store() as store:
            assert await store.get("k", vendor.fetch) == first

    async def test_one_about_to_end_is_renewed(self, open_store: OpenStore) -> None:
        vendor = Vendor(life_s=0.2)
        async with open_store() as store:
            await store.get("k", vendor.fetch)
            await asyncio.sleep(0.2)
            assert (await store.get("k", vendor.fetch)).value == "token-2"

    async def test_a_failed_fetch_reaches_all_who_wait_and_the_next_caller_tries_again(self, store: Store) -> None:
        vendor = Vendor()
        failed = await asyncio.gather(*(store.get("k", vendor.broken) for _ in range(5)), return_exceptions=True)
        assert [type(error) for error in failed] == [ConnectionError] * 5
        assert vendor.asked == 1
        assert (await store.get("k", vendor.fetch)).value == "token-2"

    async def test_a_caller_who_gives_up_does_not_take_the_fetch_from_others(self, store: Store) -> None:
        vendor = Vendor()
        first = asyncio.create_task(store.get("k", vendor.fetch))
        second = asyncio.create_task(store.get("k", vendor.fetch))
        await asyncio.sleep(0.02)
        first.cancel()
        assert (await second).value == "token-1"

    async def test_keys_are_apart(self, store: Store) -> None:
        vendor = Vendor()
        assert (await store.get("a", vendor.fetch)).value != (await store.get("b", vendor.fetch)).value


async def test_ten_store_objects_share_a_hundred_conversations(open_store: OpenStore) -> None:
    """Every turn is committed once though ten workers race for them."""
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(open_store()) for _ in range(4)]
        turns = [a_turn(f"m{n % 5}", AT + n % 5, user=f"u{n // 5}") for n in range(50)]
        await asyncio.gather(*(stores[n % 4].accept(turn) for n, turn in enumerate(turns)))
        commits: list[str] = []

        async def work(store: Store, worker: str) -> None:
            while waiting := await store.stalled():
                for conversation in waiting:
                    if taken := await store.take(conversation, worker, LEASE_S):
                        session, open_turns = taken
                        for turn in [turn for turn in open_turns if turn.status == "new"][:1]:
                            if await store.commit(session, replace(answered(turn), status="sent")):
                                commits.append(turn.id)
                        await store.release(conversation, worker)

        await asyncio.gather(*(work(store, f"w{n}") for n, store in enumerate(stores)))
        assert sorted(commits) == sorted(turn.id for turn in turns)
        for user in range(10):
            session = await stores[0].session(a_turn(user=f"u{user}").conversation)
            assert session is not None
            assert session.rev == 5
