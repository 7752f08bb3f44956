"""Rasa's REST channel over HTTP: shapes as a Rasa 3.6 server sends them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import aiohttp
import pytest

from bot.web import Origins
from tests.web.parrot import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

WEBHOOK = "/webhooks/rest/webhook"


async def test_health_is_ok(client: aiohttp.ClientSession) -> None:
    async with client.get("/webhooks/rest/") as response:
        assert (response.status, await response.read()) == (200, b'{"status":"ok"}')


async def test_an_answer_is_byte_for_byte_what_rasa_would_send(client: aiohttp.ClientSession) -> None:
    async with client.post(WEBHOOK, json={"sender": "r1", "message": "你好"}) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "application/json"
        text = json.dumps("您说的是：你好").encode()
        assert await response.read() == b'[{"recipient_id":"r1","text":' + text + b"}]"


async def test_a_stream_has_one_json_object_a_line(client: aiohttp.ClientSession) -> None:
    async with client.post(f"{WEBHOOK}?stream=true", json={"sender": "r1", "message": "两段"}) as response:
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Transfer-Encoding"] == "chunked"
        lines = (await response.read()).splitlines(keepends=True)
    assert [json.loads(line) for line in lines] == [
        {"recipient_id": "r1", "text": "第一段。"},
        {"recipient_id": "r1", "text": "第二段。"},
    ]
    assert lines[0].startswith(b'{"recipient_id": "r1", "text": "\\u')
    assert lines[0].endswith(b"\n")


async def test_no_sender_is_default_and_no_message_is_an_empty_list(client: aiohttp.ClientSession) -> None:
    async with client.post(WEBHOOK, json={"message": "在吗"}) as response:
        assert (await response.json())[0]["recipient_id"] == "default"
    async with client.post(WEBHOOK, json={"sender": "r2"}) as response:
        assert (response.status, await response.read()) == (200, b"[]")


async def test_bad_json_is_refused_in_rasas_words(client: aiohttp.ClientSession) -> None:
    async with client.post(WEBHOOK, data=b"{bad") as response:
        assert response.status == 400
        assert await response.json() == {
            "description": "Bad Request",
            "status": 400,
            "message": "Failed when parsing body as json",
        }


async def test_an_oversized_body_is_refused_and_nothing_is_stored(
    service: Served, client: aiohttp.ClientSession
) -> None:
    async with client.post(WEBHOOK, data=b'{"message":"' + b"x" * 70_000 + b'"}') as response:
        assert response.status == 413
    assert await service.store.conversations() == []


async def test_buttons_and_media_keep_rasas_shape(client: aiohttp.ClientSession) -> None:
    async with client.post(WEBHOOK, json={"sender": "r1", "message": "按钮"}) as response:
        (item,) = await response.json()
    assert item["text"] == "请选择："
    assert item["buttons"][0] == {"title": "查订单", "payload": "/check_order"}
    async with client.post(WEBHOOK, json={"sender": "r1", "message": "图片"}) as response:
        assert [set(item) - {"recipient_id"} for item in await response.json()] == [{"image"}, {"attachment"}]


async def test_senders_do_not_mix_and_each_keeps_its_order(service: Served, client: aiohttp.ClientSession) -> None:
    async def talk(sender: str) -> list[str]:
        said = []
        for n in range(3):
            async with client.post(WEBHOOK, json={"sender": sender, "message": f"{sender}-{n}"}) as response:
                said.append((await response.json())[0]["text"])
        return said

    talks = await asyncio.gather(*(talk(f"s{n}") for n in range(5)))
    assert talks == [[f"您说的是：s{n}-{m}" for m in range(3)] for n in range(5)]
    assert len(await service.store.conversations()) == 5


async def test_a_strangers_page_is_refused_and_a_named_one_may(tmp_path: Path) -> None:
    body = {"sender": "r", "message": "hi"}
    named, evil = {"Origin": "https://shop.example"}, {"Origin": "https://evil.example"}
    async with (
        serving(tmp_path / "o.db", origins=Origins.read("https://shop.example")) as service,
        aiohttp.ClientSession(service.url) as client,
    ):
        async with client.post(WEBHOOK, json=body, headers=evil) as response:
            assert response.status == 403
            assert "Access-Control-Allow-Origin" not in response.headers
        assert await service.store.conversations() == []
        async with client.post(WEBHOOK, json=body, headers=named) as response:
            assert response.headers["Access-Control-Allow-Origin"] == "https://shop.example"
        async with client.options(WEBHOOK, headers=named) as response:
            assert response.status == 204
            assert response.headers["Access-Control-Allow-Headers"] == "Content-Type"
        async with client.options(WEBHOOK, headers=evil) as response:
            assert response.status == 403


async def test_an_answer_that_takes_too_long_is_said_to_and_is_not_lost(tmp_path: Path) -> None:
    async with (
        serving(tmp_path / "slow.db", rest_wait_s=0.2) as service,
        aiohttp.ClientSession(service.url) as client,
    ):
        async with client.post(WEBHOOK, json={"sender": "r", "message": "慢慢来"}) as response:
            assert response.status == 504
        await asyncio.sleep(0.7)
        (turn,) = await service.store.turns("rest/main/r/r")
        assert turn.status == "sent"


async def test_a_store_that_is_down_is_503(service: Served, client: aiohttp.ClientSession) -> None:
    await service.store.close()
    async with client.post(WEBHOOK, json={"sender": "r", "message": "在吗"}) as response:
        assert response.status == 503
        assert "again" in (await response.json())["message"]
