"""The bar, point 2: one message is worked on once and answered once, however often and wherever it is posted."""

from __future__ import annotations

import asyncio

import pytest

from bot.simulate.wechat import Webhook, WeChatApi, WeChatPhone
from bot.store import Store
from bot.turn import Turn
from tests.conftest import OpenStore
from tests.delivery.desk import ACCOUNT, SPEED, Effects, account, desk

DONE = "1:做一={'text': '做一'}"
KEY = "wechat/main/oCustomer/oCustomer"


async def answered(store: Store, count: int) -> list[Turn]:
    for _ in range(300):
        turns = await store.turns(KEY)
        if len(turns) >= count and all(turn.status == "sent" for turn in turns):
            return turns
        await asyncio.sleep(0.02)
    raise AssertionError([(turn.status, turn.error) for turn in await store.turns(KEY)])


async def words(phone: WeChatPhone, webhook: Webhook) -> str:
    post = await phone.post(webhook)
    assert post.status == 200
    return str(phone.read(post.body).get("Content", "")) if post.body not in (b"", b"success") else ""


async def test_the_same_id_at_0_5_and_10_seconds_is_worked_on_once_and_gets_the_same_answer(store: Store) -> None:
    effects = Effects()
    async with desk(store, account(False), effects=effects) as served:
        phone = served.phone()
        webhook = phone.webhook("text", Content="做一")
        said = []
        for _ in range(3):
            said.append(await words(phone, webhook))
            await asyncio.sleep(5.0 / SPEED)
        assert said == [DONE] * 3
        assert effects.runs == ["effect"]
        assert len(await answered(store, 1)) == 1


async def test_the_same_id_ten_times_at_once_is_worked_on_once(store: Store) -> None:
    effects = Effects()
    async with desk(store, account(False), effects=effects) as served:
        phone = served.phone()
        webhook = phone.webhook("text", Content="做一")
        said = await asyncio.gather(*(words(phone, webhook) for _ in range(10)))
        assert set(said) == {DONE}
        assert effects.runs == ["effect"]


async def test_the_same_id_at_two_processes_is_worked_on_once(open_store: OpenStore) -> None:
    effects = Effects()
    async with (
        open_store() as store,
        open_store() as other,
        desk(store, account(False), effects=effects) as one,
        desk(other, account(False), effects=effects) as two,
    ):
        webhook = one.phone().webhook("text", Content="做一")
        posts = [words((one, two)[n % 2].phone(), webhook) for n in range(6)]
        assert set(await asyncio.gather(*posts)) == {DONE}
        assert effects.runs == ["effect"]


async def test_the_same_id_after_a_restart_gets_the_same_answer(open_store: OpenStore) -> None:
    effects = Effects()
    async with open_store() as store, desk(store, account(False), effects=effects) as served:
        webhook = served.phone().webhook("text", Content="做一")
        first = await words(served.phone(), webhook)
        await answered(store, 1)
    async with open_store() as store, desk(store, account(False), effects=effects) as served:
        assert await words(served.phone(), webhook) == first == DONE
        assert effects.runs == ["effect"]


async def test_an_event_is_known_by_who_did_it_when_and_what(store: Store) -> None:
    async with desk(store, account(False)) as served:
        phone = served.phone()
        click = phone.event("CLICK", "menu-1")
        assert await words(phone, click) == await words(phone, click)
        await words(phone, phone.event("VIEW", "http://example.com"))
        assert len(await answered(store, 2)) == 2


async def test_two_messages_with_the_same_words_are_both_answered(store: Store) -> None:
    async with desk(store, account(False)) as served:
        phone = served.phone()
        assert [(await phone.says("在吗")).text for _ in range(2)] == ["1:在吗", "2:在吗"]


@pytest.mark.parametrize("wait", ["等0.6", "等1.2"])
async def test_a_slow_answer_to_repeated_posts_is_pushed_once(store: Store, wait: str) -> None:
    async with (
        WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value()) as api,
        desk(store, account(True, api.url)) as served,
    ):
        phone = served.phone(api=api)
        webhook = phone.webhook("text", Content=wait)
        await asyncio.gather(*(phone.post(webhook) for _ in range(3)))
        await answered(store, 1)
        await phone.post(webhook)
        assert [sent.text for sent in api.sent] == [f"1:{wait}"]
