"""DingTalk: sign and window, acknowledgements before work, pings, new tickets, redelivery, ways out, errors in a 200.

Each test has a service and a vendor of its own; the vendor's clock runs faster.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Literal

import orjson
import pytest

from tests.dingtalk.desk import SPEED, dingtalk

HTTP, STREAM = "http", "stream"
Mode = Literal["http", "stream"]


async def test_http_a_sign_that_is_wrong_or_older_than_an_hour_is_refused_and_nothing_is_said(tmp_path: Path) -> None:
    async with dingtalk(tmp_path, mode=HTTP) as desk:
        phone, callbacks = desk.phone(), desk.callbacks
        body = orjson.dumps(phone.message("text", text={"content": "我要退款"}))
        good = callbacks.signed()
        callbacks.clock = lambda: time.time() - 3700
        old = callbacks.signed()
        for headers in ({}, good | {"sign": "x"}, good | {"timestamp": old["timestamp"]}, old):
            status, _ = await callbacks.post(headers, {}, body)
            assert status in (400, 403)
        assert (await callbacks.post(good, {}, body))[0] == 200
        assert (await desk.api.wait_for(phone.chat))[0].text == "1:我要退款"
        assert len(desk.api.chats[phone.chat]) == 1


@pytest.mark.parametrize("mode", [HTTP, STREAM])
async def test_the_vendor_has_its_answer_within_a_second_and_before_the_work_is_done(
    tmp_path: Path, mode: Mode
) -> None:
    async with dingtalk(tmp_path, mode=mode) as desk:
        phone = desk.phone()
        began = time.monotonic()
        await phone.says("等1.2")
        assert time.monotonic() - began < 1.0
        assert not desk.api.chats[phone.chat]
        assert (await desk.api.wait_for(phone.chat))[0].text == "1:等1.2"


async def test_stream_a_ping_is_answered_with_its_own_data(tmp_path: Path) -> None:
    async with dingtalk(tmp_path) as desk:
        ack = await desk.gateway.ping()
        assert ack["code"] == 200
        assert "opaque" in orjson.loads(ack["data"])


async def test_stream_a_disconnect_makes_a_new_connection_with_a_new_ticket(tmp_path: Path) -> None:
    async with dingtalk(tmp_path) as desk:
        await desk.gateway.disconnect()
        await desk.gateway.wait_until(lambda: desk.gateway.connected == 2)
        await desk.gateway.wait_until(lambda: len(desk.gateway.open) == 1)
        assert desk.api.calls["open"] == 2
        assert desk.gateway.refused == 0
        phone = desk.phone()
        await phone.says("还在吗")
        assert (await desk.api.wait_for(phone.chat))[0].text == "1:还在吗"


async def test_stream_a_gateway_that_is_down_is_dialled_at_growing_distances(tmp_path: Path) -> None:
    async with dingtalk(tmp_path) as desk:
        desk.api.fail("open", 503, times=4)
        began = time.monotonic()
        await desk.gateway.drop()
        await desk.gateway.wait_until(lambda: desk.gateway.connected == 2)
        took = time.monotonic() - began
        # with the least jitter: half of 1, 2, 4, 8, 16 s, run faster
        assert 0.5 * (1 + 2 + 4 + 8) / SPEED < took < 2 * (1 + 2 + 4 + 8 + 16) / SPEED


async def test_stream_several_connections_are_kept_and_stopped_cleanly(tmp_path: Path) -> None:
    async with dingtalk(tmp_path, connections=3) as desk:
        gateway = desk.gateway
        assert gateway.connected == 3
        phone = desk.phone()
        for n in range(1, 5):
            await phone.says(f"第{n}句")
        shown = await desk.api.wait_for(phone.chat, 4)
        assert [each.text for each in shown] == [f"{n}:第{n}句" for n in range(1, 5)]
        await desk.service.stop(2.0)
        await gateway.wait_until(lambda: not gateway.open, 3.0)
        assert gateway.connected == 3


async def test_stream_what_comes_again_after_a_minute_is_acknowledged_and_not_executed_again(tmp_path: Path) -> None:
    async with dingtalk(tmp_path) as desk:
        phone, gateway = desk.phone(), desk.gateway
        body = phone.message("text", text={"content": "做一次"})
        await gateway.message(body)
        await desk.api.wait_for(phone.chat)
        await asyncio.sleep(60.0 / SPEED / 10)
        await gateway.message(body)
        await asyncio.sleep(0.3)
        assert len(desk.api.chats[phone.chat]) == 1
        assert desk.effects.runs == ["effect"]
        assert len(gateway.acks) == 2


async def test_stream_a_frame_that_is_lost_with_its_connection_is_answered_once_when_it_comes_again(
    tmp_path: Path,
) -> None:
    async with dingtalk(tmp_path) as desk:
        phone, gateway = desk.phone(), desk.gateway
        said = asyncio.create_task(phone.says("断线"))
        await gateway.drop()
        await said
        assert (await desk.api.wait_for(phone.chat))[0].text == "1:断线"
        await asyncio.sleep(0.3)
        assert len(desk.api.chats[phone.chat]) == 1


@pytest.mark.parametrize("group", ["", "cidGroup=="])
async def test_an_expired_session_webhook_is_followed_by_the_api(tmp_path: Path, group: str) -> None:
    async with dingtalk(tmp_path, mode=HTTP) as desk:
        phone = desk.phone(group=group)
        body = phone.message("text", text={"content": "你好"})
        desk.api.expire_sessions()
        await desk.callbacks.message(body)
        (shown,) = await desk.api.wait_for(phone.chat)
        assert shown.way == ("group" if group else "user")
        assert shown.text == "1:你好"
        assert desk.api.calls["session"] == 1


async def test_a_session_webhook_whose_time_is_over_is_not_even_tried(tmp_path: Path) -> None:
    async with dingtalk(tmp_path, mode=HTTP) as desk:
        phone = desk.phone()
        body = phone.message("text", text={"content": "你好"}) | {"sessionWebhookExpiredTime": 1}
        await desk.callbacks.message(body)
        (shown,) = await desk.api.wait_for(phone.chat)
        assert (shown.way, desk.api.calls["session"]) == ("user", 0)


async def test_an_errcode_in_a_200_is_a_failure(tmp_path: Path) -> None:
    async with dingtalk(tmp_path, mode=HTTP) as desk:
        phone = desk.phone()
        desk.api.fail("session", 130101)
        await phone.says("你好")
        (shown,) = await desk.api.wait_for(phone.chat)
        assert (shown.way, desk.api.calls["session"]) == ("session", 2)
        desk.api.fail("session", 310000)
        await phone.says("再说")
        await desk.alerted("config")
        assert len(desk.api.chats[phone.chat]) == 1


@pytest.mark.parametrize("code", [429, 503, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"])
async def test_the_api_that_is_busy_is_asked_again(tmp_path: Path, code: int | str) -> None:
    async with dingtalk(tmp_path, mode=HTTP) as desk:
        phone = desk.phone()
        desk.api.fail("user", code)
        await desk.callbacks.message(phone.message("text", text={"content": "你好"}) | {"sessionWebhook": ""})
        assert (await desk.api.wait_for(phone.chat))[0].text == "1:你好"
        assert desk.api.calls["user"] == 2


async def test_one_expired_token_is_refreshed_once_for_many_who_wait(tmp_path: Path) -> None:
    async with dingtalk(tmp_path, mode=HTTP) as desk:
        first = desk.phone()
        await desk.callbacks.message(first.message("text", text={"content": "一"}) | {"sessionWebhook": ""})
        await desk.api.wait_for(first.chat)
        desk.api.expire_tokens()
        phones = [desk.phone(user=f"u{n}") for n in range(10)]
        bodies = [phone.message("text", text={"content": "二"}) | {"sessionWebhook": ""} for phone in phones]
        await asyncio.gather(*map(desk.callbacks.message, bodies))
        for phone in phones:
            assert (await desk.api.wait_for(phone.chat))[0].text == "1:二"
        assert desk.api.calls["token"] == 2


async def test_who_is_not_of_the_company_is_undeliverable_and_told_to_operators(tmp_path: Path) -> None:
    async with dingtalk(tmp_path, mode=HTTP) as desk:
        desk.api.staff = frozenset({"somebody-else"})
        phone = desk.phone()
        await desk.callbacks.message(phone.message("text", text={"content": "你好"}) | {"sessionWebhook": ""})
        await desk.alerted("dead")
        assert desk.api.calls["user"] == 1


async def test_somebody_from_outside_is_answered_where_only_the_session_webhook_reaches_them(tmp_path: Path) -> None:
    async with dingtalk(tmp_path, mode=HTTP) as desk:
        phone = desk.phone(outsider=True)
        await phone.says("图")
        shown = await desk.api.wait_for(phone.chat, 2)
        assert {each.way for each in shown} == {"session"}
