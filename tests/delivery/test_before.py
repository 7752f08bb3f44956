"""What is decided before the bot thinks: a group that writes too much, and people who opt out and in."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from adapters.channel import Route
from adapters.message import Address, ChatKind, Message, Text
from bot.before import FLOOD, OPT_OUT, OPTED_IN, OPTED_OUT, TOO_MUCH, OptWords, bare, is_out
from bot.store import Store
from bot.turn import Turn
from config.credentials import Group
from flows.state import Actions, Dialogue, Heard, Outcome
from tests.conftest import OpenStore
from tests.delivery.desk import Counter, Desk, account, desk

LIVE = Route("live")


async def says(served: Desk, n: int, text: str, user: str = "u1", chat: str = "", kind: ChatKind = "private") -> Turn:
    address = Address("wechat", "main", chat or user, user)
    message = Message(str(n), address, Text(text), float(n), kind, sender=user, sender_name=f"{user}'s name")
    turn = await served.service.inbox.accept(message, LIVE)
    answered = await served.service.inbox.ready(turn.id, 5)
    assert answered is not None
    return answered


def said(turn: Turn) -> list[str]:
    return [reply.text for reply in turn.replies if isinstance(reply, Text)]


async def test_a_group_is_answered_so_often_a_minute_and_told_once_that_it_is_too_much(store: Store) -> None:
    group = Group(per_minute=4, member_per_minute=0)
    async with desk(store, account(False), group=group) as served:
        turns = [await says(served, n, f"问{n}", f"u{n % 3}", "room", "group") for n in range(8)]
        other = await says(served, 9, "问", "u1", "another room", "group")
    assert [FLOOD in turn.flags for turn in turns] == [False] * 4 + [True] * 4
    assert [said(turn) for turn in turns[4:]] == [[TOO_MUCH], [], [], []]
    assert {turn.status for turn in turns} == {"sent"}
    assert said(other) == ["1:问"]


async def test_one_member_cannot_use_up_what_the_group_has(store: Store) -> None:
    group = Group(per_minute=5, member_per_minute=2)
    async with desk(store, account(False), group=group) as served:
        loud = [await says(served, n, "刷屏", "loud", "room", "group") for n in range(6)]
        calm = [await says(served, 10 + n, "问", f"calm{n}", "room", "group") for n in range(3)]
    assert [FLOOD in turn.flags for turn in loud] == [False, False, True, True, True, True]
    assert not any(FLOOD in turn.flags for turn in calm)


async def test_the_limit_of_a_group_holds_over_all_processes(open_store: OpenStore) -> None:
    group = Group(per_minute=3, member_per_minute=0)
    async with (
        open_store() as one,
        open_store() as two,
        desk(one, account(False), group=group) as here,
        desk(two, account(False), group=group) as there,
    ):
        both = [says(where, n, "问", f"u{n}", "room", "group") for n in range(4) for where in (here, there)]
        turns = await asyncio.gather(*both)
    # a message that both processes were sent is one turn
    answered = {turn.id for turn in turns if FLOOD not in turn.flags}
    assert len(answered) == 3


class Asks(Counter):
    """Says who is heard."""

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        return Outcome(dialogue, (Text(f"{heard.sender}/{heard.sender_name}"),))


async def test_in_a_shared_conversation_the_bot_hears_who_said_what(store: Store) -> None:
    async with desk(store, account(False), group=Group(session="shared")) as served:
        served.service.swap(replace(served.service.bot, engine=Asks()))
        for n, user in enumerate(("u1", "u2")):
            address = Address("wechat", "main", "room", "")
            message = Message(str(n), address, Text("问"), float(n), "group", True, user, f"{user}'s name")
            await served.service.inbox.accept(message, LIVE)
        turns = [await served.service.inbox.ready(f"wechat/main/room//{n}", 5) for n in range(2)]
    assert [said(turn) for turn in turns if turn] == [["u1/u1's name"], ["u2/u2's name"]]
    assert [turn.message.sender for turn in turns if turn and turn.message] == ["u1", "u2"]


async def test_who_opts_out_is_told_once_and_can_come_back(store: Store) -> None:
    async with desk(store, account(False)) as served:
        turns = [await says(served, n, text) for n, text in enumerate(("订阅", "退订", "td", "「订阅」。", "订阅"))]
        note = await store.note(f"{OPT_OUT}wechat/main/u1/u1")
        flags = [set(turn.flags) for turn in turns]
    assert flags == [set(), {OPTED_OUT}, set(), {OPTED_IN}, set()]
    assert said(turns[0]) == ["1:订阅"], "who has not opted out means something else"
    assert "已为您退订" in said(turns[1])[0]
    assert said(turns[2]) == ["2:td"], "a second time the bot has the word"
    assert "已恢复" in said(turns[3])[0]
    assert not is_out(note)


async def test_words_in_a_sentence_in_a_group_or_of_the_bots_own_do_not_opt_out(store: Store) -> None:
    async with desk(store, account(False), group=Group()) as served:
        assert said(await says(served, 1, "我想退订套餐")) == ["1:我想退订套餐"]
        assert said(await says(served, 2, "退订", "u2", "room", "group")) == ["1:退订"]
        served.service.swap(replace(served.service.bot, claims=frozenset({bare("退订")})))
        assert said(await says(served, 3, "退订")) == ["2:退订"]
        assert await store.notes(OPT_OUT) == []


@pytest.mark.parametrize(
    ("out", "words"), [("退订,TD", ("退订", "TD")), ("退订， T ,", ("退订", "T")), ("none", ()), ("", ())]
)
def test_the_words_are_a_setting(out: str, words: tuple[str, ...]) -> None:
    assert OptWords.of(out, "订阅") == OptWords(words, ("订阅",))
