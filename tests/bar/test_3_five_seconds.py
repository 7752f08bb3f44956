"""The bar, point 3: an HTTP answer within five seconds always, the final answer exactly once, and what the vendor will
not take is dead and told, not tried again. Vendor time runs ten times as fast."""

from __future__ import annotations

import pytest

from bot.simulate.wechat import WeChatApi
from bot.store import Store
from tests.delivery.desk import ACCOUNT, SPEED, account, desk
from tests.delivery.test_passive_window import settled


@pytest.mark.parametrize("slow_s", [0.0, 3.0, 6.0, 30.0])
async def test_a_flow_of_any_length_is_answered_in_time_and_its_answer_arrives_once(
    store: Store, slow_s: float
) -> None:
    async with (
        WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value()) as api,
        desk(store, account(True, api.url)) as served,
    ):
        phone, said = served.phone(api=api), f"等{slow_s / SPEED:g}"
        seen = await phone.says(said)
        assert all(post.seconds < 5.0 / SPEED for post in seen.posts)
        await settled(served, phone, "sent")
        read = [seen.text] if seen.reply else []
        assert read + [sent.text for sent in api.sent] == [f"1:{said}"]
        assert (seen.reply is not None) == (slow_s < 4.5)


@pytest.mark.parametrize("code", [45015, 45047])
async def test_a_closed_or_full_window_makes_the_turn_dead_and_is_told(store: Store, code: int) -> None:
    async with WeChatApi(ACCOUNT.app_id, ACCOUNT.app_secret.get_secret_value()) as api:
        api.fail("send", code, times=5)
        async with desk(store, account(True, api.url)) as served:
            phone = served.phone(api=api)
            await phone.says("等0.6")
            (turn,) = await settled(served, phone, "dead")
            assert str(code) in turn.error
            assert [what for what, _ in served.alerts] == ["dead"]
            assert api.calls["send"] == 1
