"""The passive window by its table, both columns, on the wire and on both stores; time runs ten times as fast."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from adapters.channel import Messages, Request
from bot.passive import Answer
from bot.simulate.wechat import Webhook, WeChatApi, WeChatPhone
from bot.store import Store
from bot.turn import Turn
from tests.delivery.desk import ACCOUNT, LONG, Desk, account, desk


@pytest.fixture
async def api() -> AsyncIterator[WeChatApi]:
    async with WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value()) as api:
        yield api


@pytest.fixture
async def pushing(store: Store, api: WeChatApi) -> AsyncIterator[Desk]:
    async with desk(store, account(True, api.url)) as served:
        yield served


@pytest.fixture
async def passive(store: Store) -> AsyncIterator[Desk]:
    async with desk(store, account(False)) as served:
        yield served


async def turns_of(at: Desk, phone: WeChatPhone) -> list[Turn]:
    key = f"wechat/main/{phone.openid}/{phone.openid}"
    return await at.service.store.turns(key)


async def settled(at: Desk, phone: WeChatPhone, *status: str) -> list[Turn]:
    """The conversation's turns once they stand at `status`."""
    for _ in range(200):
        turns = await turns_of(at, phone)
        if tuple(turn.status for turn in turns) == status:
            return turns
        await asyncio.sleep(0.02)
    raise AssertionError([(turn.status, turn.error) for turn in await turns_of(at, phone)])


# --- the account may push


async def test_a_quick_answer_goes_out_in_the_response(pushing: Desk, api: WeChatApi) -> None:
    phone = pushing.phone(api=api)
    assert [(await phone.says(text)).text for text in ("甲", "乙")] == ["1:甲", "2:乙"]
    await settled(pushing, phone, "sent", "sent")
    assert api.sent == []


async def test_a_late_answer_is_acknowledged_and_pushed_once(pushing: Desk, api: WeChatApi) -> None:
    phone = pushing.phone(api=api)
    seen = await phone.says("等0.8")
    assert (len(seen.posts), seen.posts[0].body, seen.posts[0].seconds < 0.5) == (1, b"success", True)
    await api.wait_for(phone.openid, 1)
    await settled(pushing, phone, "sent")
    assert [sent.text for sent in api.sent] == ["1:等0.8"]


async def test_what_does_not_fit_the_body_is_pushed_after_it_in_order(pushing: Desk, api: WeChatApi) -> None:
    phone = pushing.phone(api=api)
    seen = await phone.says("长")
    await settled(pushing, phone, "sent")
    assert [seen.text, *(sent.text for sent in api.sent)] == [f"1:长\n1{LONG}", f"2{LONG}", f"3{LONG}"]


async def test_the_same_id_again_gets_the_same_reply_again(pushing: Desk, api: WeChatApi) -> None:
    phone = pushing.phone(api=api)
    webhook = phone.webhook("text", Content="甲")
    first, again = await phone.deliver(webhook), await phone.deliver(webhook)
    assert (first.text, again.text) == ("1:甲", "1:甲")
    assert len(await turns_of(pushing, phone)) == 1


async def test_the_same_id_again_after_a_push_is_only_acknowledged(pushing: Desk, api: WeChatApi) -> None:
    phone = pushing.phone(api=api)
    webhook = phone.webhook("text", Content="等0.6")
    await phone.deliver(webhook)
    await settled(pushing, phone, "sent")
    assert (await phone.deliver(webhook)).posts[-1].body == b"success"
    assert len(api.sent) == 1


async def test_an_answer_waits_its_turn_behind_one_that_is_being_pushed(pushing: Desk, api: WeChatApi) -> None:
    phone = pushing.phone(api=api)
    api.fail("send", 45009, times=2)
    await phone.says("等0.6")
    await asyncio.sleep(0.3)
    second = await phone.says("乙")
    assert second.posts[0].body == b"success"
    await settled(pushing, phone, "sent", "sent")
    assert [sent.text for sent in api.sent] == ["1:等0.6", "2:乙"]


async def test_an_account_that_turns_out_not_to_push_is_remembered(store: Store, api: WeChatApi) -> None:
    api.fail("send", 48001, times=100)
    async with desk(store, account("auto", api.url)) as first:
        phone = first.phone(api=api)
        assert (await phone.says("等0.6")).posts[0].body == b"success"
        for _ in range(100):
            if first.service.ways.mute:
                break
            await asyncio.sleep(0.02)
        assert first.service.ways.mute == {("wechat", "main")}
        await settled(first, phone, "ready")
    async with desk(store, account("auto", api.url)) as second:
        await asyncio.sleep(0.2)
        assert second.service.ways.mute == {("wechat", "main")}
        assert (await second.phone(api=api).says("乙")).text == "1:等0.6\n2:乙"


# --- the account may not push


async def test_without_push_a_quick_answer_is_the_same(passive: Desk) -> None:
    phone = passive.phone()
    assert (await phone.says("甲")).text == "1:甲"
    await settled(passive, phone, "sent")


async def test_without_push_two_posts_stay_unanswered_and_the_third_says_to_wait(passive: Desk) -> None:
    phone = passive.phone()
    seen = await phone.says("等2.5")
    assert [post.status for post in seen.posts] == [0, 0, 200]
    assert all(post.seconds < 0.5 for post in seen.posts)
    assert "正在处理" in seen.text
    await asyncio.sleep(1.3)
    assert (await phone.says("乙")).text == "1:等2.5\n2:乙"
    await settled(passive, phone, "sent", "sent")


async def test_without_push_a_retry_joins_the_wait(passive: Desk) -> None:
    phone = passive.phone()
    seen = await phone.says("等0.7")
    assert ([post.status for post in seen.posts], seen.text) == ([0, 200], "1:等0.7")
    assert len(await settled(passive, phone, "sent")) == 1


async def test_without_push_more_is_shown_when_asked_for(passive: Desk) -> None:
    phone = passive.phone()
    invitation = "\n\n回复「继续」查看"
    seen = [(await phone.says(text)).text for text in ("长", "继续", "继续", "丙")]
    assert seen == [f"1:长\n1{LONG}{invitation}", f"2{LONG}{invitation}", f"3{LONG}", "2:丙"]
    await settled(passive, phone, "sent", "sent", "sent", "sent")


async def test_without_push_what_was_left_over_comes_before_the_next_answer(passive: Desk) -> None:
    phone = passive.phone()
    seen = [(await phone.says(text)).text for text in ("图", "乙", "丙")]
    assert seen == ["1:图\n\n回复「继续」查看", "", "2:乙\n3:丙"]
    await settled(passive, phone, "sent", "sent", "sent")


async def test_without_push_the_same_id_again_gets_the_same_part_again(passive: Desk) -> None:
    phone = passive.phone()
    first, second = phone.webhook("text", Content="长"), phone.webhook("text", Content="继续")
    seen = [(await phone.deliver(webhook)).text for webhook in (first, first, second, second, first)]
    assert (seen[0], seen[2]) == (seen[1], seen[3])
    assert seen[0] == seen[4] != seen[2]


async def test_continue_means_what_it_says_where_nothing_was_left_over(passive: Desk) -> None:
    assert (await passive.phone().says("继续")).text == "1:继续"


async def test_without_push_a_late_note_of_a_retry_does_not_show_a_part_twice(passive: Desk) -> None:
    """Two responses carry the same body; the second is noted only when the customer has asked for more already."""
    phone = passive.phone()
    channel, window = passive.service.outlets["wechat", "main"].channel, passive.service.passive

    async def open_response(webhook: Webhook) -> Answer:
        query, body = phone.request(webhook)
        parsed = channel.parse(Request("POST", "/", query, {}, body), 0.0)
        assert isinstance(parsed, Messages)
        return await window.answer(channel, parsed.messages[0], parsed.route, asyncio.get_running_loop().time())

    long = phone.webhook("text", Content="长")
    first, again = await open_response(long), await open_response(long)
    await window.note(first, written=True)
    more = await open_response(phone.webhook("text", Content="继续"))
    await window.note(again, written=True)
    await window.note(more, written=True)
    assert (await phone.says("继续")).text == f"3{LONG}"


# --- either


@pytest.mark.parametrize("push", [True, False])
async def test_posts_of_one_id_at_the_same_time_get_one_answer(store: Store, api: WeChatApi, push: bool) -> None:
    async with desk(store, account(push, api.url)) as served:
        phone = served.phone(api=api)
        webhook = phone.webhook("text", Content="等0.2做")
        posts = await asyncio.gather(*(phone.post(webhook) for _ in range(3)))
        assert {phone.read(post.body)["Content"] for post in posts} == {"1:等0.2做"}
        (turn,) = await settled(served, phone, "sent")
        assert (turn.shown, api.sent) == (1, [])


async def test_two_messages_with_the_same_words_are_both_answered(pushing: Desk, api: WeChatApi) -> None:
    phone = pushing.phone(api=api)
    assert [(await phone.says("甲")).text for _ in range(2)] == ["1:甲", "2:甲"]


async def test_an_event_is_one_turn_however_often_it_is_posted(pushing: Desk) -> None:
    phone = pushing.phone()
    event = phone.event("subscribe")
    assert [(await phone.deliver(event)).text for _ in range(2)] == ["1:", "1:"]


async def test_a_turn_without_replies_is_acknowledged(passive: Desk) -> None:
    phone = passive.phone()
    assert (await phone.says("无")).posts[0].body == b"success"
    await settled(passive, phone, "sent")
