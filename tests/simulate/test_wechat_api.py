"""The simulated API is as strict as the vendor: tokens, windows, quotas and lengths."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.simulate import WeChatApi

OPENID = "oABC"


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def api(clock: Clock) -> AsyncIterator[WeChatApi]:
    async with WeChatApi("wx1", "secret", clock=clock, strict=True) as server:
        yield server


class Caller:
    """An API client that keeps its token."""

    def __init__(self, api: WeChatApi, session: aiohttp.ClientSession) -> None:
        self.api, self.session = api, session
        self.token = ""

    async def call(self, path: str, body: Any) -> dict[str, Any]:
        url = f"{self.api.url}/cgi-bin/{path}"
        async with self.session.post(url, json=body, params={"access_token": self.token}) as response:
            answer: dict[str, Any] = await response.json()
            return answer

    async def log_in(self, **more: Any) -> str:
        body = {"grant_type": "client_credential", "appid": "wx1", "secret": "secret"} | more
        self.token = (await self.call("stable_token", body))["access_token"]
        return self.token

    async def send(self, text: str = "您好", to: str = OPENID) -> int:
        body = {"touser": to, "msgtype": "text", "text": {"content": text}}
        return int((await self.call("message/custom/send", body))["errcode"])


@pytest.fixture
async def caller(api: WeChatApi) -> AsyncIterator[Caller]:
    async with aiohttp.ClientSession() as session:
        caller = Caller(api, session)
        await caller.log_in()
        yield caller


async def test_a_token_stays_the_same_until_just_before_its_end(api: WeChatApi, caller: Caller, clock: Clock) -> None:
    first = caller.token
    assert len(first) >= 128
    assert await caller.log_in() == first
    clock.now += 7200 - 299
    assert await caller.log_in() != first
    assert await caller.log_in(force_refresh=True) != first


async def test_a_message_opens_five_sends_for_two_days(api: WeChatApi, caller: Caller, clock: Clock) -> None:
    assert await caller.send() == 45015
    api.hear(OPENID)
    assert [await caller.send() for _ in range(6)] == [0, 0, 0, 0, 0, 45047]
    api.hear(OPENID)
    assert await caller.send() == 0
    clock.now += 48 * 3600
    await caller.log_in()
    assert await caller.send() == 45015
    assert len(api.sent_to(OPENID)) == 6


async def test_a_menu_click_opens_three_sends_for_a_minute_and_leaving_closes_it(
    api: WeChatApi, caller: Caller, clock: Clock
) -> None:
    api.hear(OPENID, "click")
    assert [await caller.send() for _ in range(4)] == [0, 0, 0, 45047]
    api.hear(OPENID, "scan")
    clock.now += 60
    assert await caller.send() == 45015
    api.hear(OPENID)
    api.hear(OPENID, "view")
    assert await caller.send() == 0
    api.hear(OPENID, "unsubscribe")
    assert await caller.send() == 45015


async def test_a_click_leaves_the_window_of_a_message_open(api: WeChatApi, caller: Caller, clock: Clock) -> None:
    api.hear(OPENID)
    api.hear(OPENID, "click")
    assert [await caller.send() for _ in range(4)] == [0, 0, 0, 0]
    clock.now += 60
    assert [await caller.send() for _ in range(5)] == [0, 0, 0, 0, 45047]


async def test_bad_messages_are_refused_with_the_vendors_codes(api: WeChatApi, caller: Caller) -> None:
    api.hear(OPENID)
    send = "message/custom/send"
    assert await caller.send("长" * 683) == 45002
    assert await caller.send(to="") == 40003
    assert (await caller.call(send, {"touser": OPENID, "msgtype": "markdown", "markdown": {}}))["errcode"] == 40008
    assert (await caller.call(send, [1]))["errcode"] == 47001
    assert (await caller.call("message/custom/typing", {"touser": OPENID, "command": "Typo"}))["errcode"] == 45072
    assert api.sent == []


async def test_bad_tokens_are_refused_with_the_vendors_codes(api: WeChatApi, caller: Caller) -> None:
    api.hear(OPENID)
    good = caller.token
    for token, code in (("", 41001), ("made-up", 40001)):
        caller.token = token
        assert await caller.send() == code
    caller.token = good
    api.expire_tokens()
    assert await caller.send() == 42001
    await caller.log_in()
    assert await caller.send() == 0
    api.refuse_tokens()
    assert await caller.send() == 40001


async def test_what_is_scripted_happens_that_often(api: WeChatApi, caller: Caller) -> None:
    api.hear(OPENID)
    api.fail("send", 45009, times=2)
    assert [await caller.send() for _ in range(3)] == [45009, 45009, 0]
    assert api.calls["send"] == 3


async def test_who_waits_sees_what_comes(api: WeChatApi, caller: Caller) -> None:
    api.hear(OPENID)
    await caller.send("甲")
    (sent,) = await api.wait_for(OPENID)
    assert (sent.text, sent.kind, sent.at) == ("甲", "text", 1_800_000_000.0)
    with pytest.raises(TimeoutError):
        await api.wait_for(OPENID, 2, timeout_s=0.05)
