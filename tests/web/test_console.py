"""The console over HTTP: its door, its pages, its news."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from adapters.message import Address, Message, Text
from bot.inbox import turn_of
from bot.turn import Turn
from bot.web.console import LIST_PAGE, LOGIN_BURST, TURNS_PAGE
from tests.web.parrot import HOSTILE, TOKEN, Served

pytestmark = pytest.mark.asyncio(loop_scope="session")

REST = "/webhooks/rest/webhook"


async def login(client: aiohttp.ClientSession, token: str = TOKEN, **headers: str) -> aiohttp.ClientResponse:
    return await client.post("/console/login", data={"token": token}, headers=headers, allow_redirects=False)


async def say(client: aiohttp.ClientSession, sender: str, text: str) -> None:
    async with client.post(REST, json={"sender": sender, "message": text}) as response:
        assert response.status == 200


async def page(client: aiohttp.ClientSession, path: str, **query: str) -> str:
    async with client.get(path, params=query, allow_redirects=False) as response:
        assert response.status == 200
        return await response.text()


def turn(user: str, id: str, at: float) -> Turn:
    address = Address("rest", "main", user, user)
    return turn_of(Message(id, address, Text(f"{user} 说 {id}"), at), None)


class TestDoor:
    @pytest.mark.parametrize("path", ["/console/list", "/console/turns", "/console/turn", "/api/console/events"])
    async def test_scripts_without_a_cookie_get_401(self, client: aiohttp.ClientSession, path: str) -> None:
        async with client.get(path) as response:
            assert response.status == 401

    async def test_the_page_leads_to_the_login(self, client: aiohttp.ClientSession) -> None:
        async with client.get("/console", allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/console/login")

    async def test_the_token_becomes_a_guarded_cookie(self, client: aiohttp.ClientSession) -> None:
        response = await login(client)
        cookie = response.cookies["yingda_console"]
        assert (response.status, cookie["httponly"], cookie["samesite"], cookie["secure"]) == (303, True, "Lax", "")
        assert TOKEN not in cookie.value
        assert "退出" in await page(client, "/console")

    async def test_behind_a_tls_proxy_the_cookie_is_secure(self, client: aiohttp.ClientSession) -> None:
        response = await login(client, **{"X-Forwarded-Proto": "https"})
        assert response.cookies["yingda_console"]["secure"] is True

    async def test_a_wrong_token_is_told_and_sets_nothing(self, client: aiohttp.ClientSession) -> None:
        response = await login(client, "wrong")
        assert response.status == 401
        assert "令牌不正确" in await response.text()
        assert not response.cookies

    async def test_a_form_on_a_strangers_page_does_not_log_in(self, client: aiohttp.ClientSession) -> None:
        assert (await login(client, Origin="https://evil.example")).status == 401

    async def test_guessing_is_slowed_down_even_for_the_right_token(self, client: aiohttp.ClientSession) -> None:
        for _ in range(LOGIN_BURST):
            assert (await login(client, "guess")).status == 401
        response = await login(client)
        assert (response.status, dict(response.cookies)) == (429, {})

    async def test_leaving_kills_the_cookie_on_the_server(self, client: aiohttp.ClientSession, service: Served) -> None:
        cookie = (await login(client)).cookies["yingda_console"].value
        await client.post("/console/logout")
        async with (
            aiohttp.ClientSession(service.url, cookies={"yingda_console": cookie}) as thief,
            thief.get("/console/list") as response,
        ):
            assert response.status == 401

    async def test_pages_are_guarded_by_their_headers(self, client: aiohttp.ClientSession) -> None:
        await login(client)
        async with client.get("/console") as response:
            policy = response.headers["Content-Security-Policy"]
            assert "script-src 'self'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert response.headers["Cache-Control"] == "no-store"
            assert response.headers["X-Content-Type-Options"] == "nosniff"


class TestPages:
    async def test_a_transcript_shows_what_was_understood_and_delivered(self, client: aiohttp.ClientSession) -> None:
        await say(client, "u1", "查 DD001 到哪了")
        await login(client)
        html = await page(client, "/console", c="rest/main/u1/u1")
        assert '<mark title="rules 100%">DD001<span class="type">order_id</span></mark>' in html
        for part in (
            "check_order",
            "93%",
            "track_express",
            "parrot/question",
            "已送达",
            "the words begin it",
            "parrot-1",
        ):
            assert part in html
        assert "等待 question" in html

    async def test_what_users_write_stays_text(self, client: aiohttp.ClientSession) -> None:
        await say(client, "<b>u</b>", HOSTILE)
        await login(client)
        key = Address("rest", "main", "<b>u</b>", "<b>u</b>").conversation
        html = await page(client, "/console", c=key) + await page(client, "/console/list")
        assert "<script>document" not in html
        assert "<img src=x" not in html
        assert "<b>u</b>" not in html
        assert "&lt;script&gt;" in html

    async def test_those_who_wait_for_a_human_come_first(self, client: aiohttp.ClientSession) -> None:
        await say(client, "patient", "转人工")
        await say(client, "later", "你好")
        await login(client)
        html = await page(client, "/console/list")
        assert "1 个等待人工" in html
        assert html.index("patient") < html.index("later")

    async def test_those_who_wait_can_be_looked_at_alone(self, service: Served, client: aiohttp.ClientSession) -> None:
        await say(client, "patient", "转人工")
        for n in range(LIST_PAGE):
            await service.store.accept(turn(f"user-{n:02d}", "1", 4_000_000_000 + n))
        await login(client)
        assert "patient" not in await page(client, "/console/list")
        html = await page(client, "/console", waiting="1")
        assert html.count('class="row') == 1
        assert "patient" in html
        assert "/console?waiting=1&amp;c=" in html or "/console?waiting=1&c=" in html

    async def test_the_list_comes_a_page_at_a_time(self, service: Served, client: aiohttp.ClientSession) -> None:
        for n in range(LIST_PAGE + 5):
            await service.store.accept(turn(f"user-{n:02d}", "1", 1_700_000_000 + n))
        await login(client)
        first = await page(client, "/console/list")
        assert first.count('class="row') == LIST_PAGE
        assert "更早的会话" in first
        second = await page(client, "/console", before=str(1_700_000_000 + 5))
        assert second.count('class="row') == 5
        assert "user-04" in second
        assert "user-04" not in first

    async def test_a_transcript_comes_a_page_at_a_time(self, service: Served, client: aiohttp.ClientSession) -> None:
        for n in range(TURNS_PAGE + 4):
            await service.store.accept(turn("u", f"m{n:02d}", 1_700_000_000 + n))
        await login(client)
        newest = await page(client, "/console", c="rest/main/u/u")
        assert newest.count('<article class="step"') == TURNS_PAGE
        assert f'data-before="{1_700_000_004.0}"' in newest
        earlier = await page(client, "/console/turns", c="rest/main/u/u", before=str(1_700_000_004.0))
        assert earlier.count('<article class="step"') == 4
        assert "data-before" not in earlier

    async def test_one_turn_and_an_unknown_one(self, client: aiohttp.ClientSession) -> None:
        await say(client, "u2", "你好")
        await login(client)
        html = await page(client, "/console")
        assert "rest/main/u2/u2" in html
        async with client.get("/console/turn", params={"id": "no/such/turn"}) as response:
            assert response.status == 404

    @pytest.mark.parametrize("before", ["x", "nan", "-5", "", "inf"])
    async def test_nonsense_in_the_address_is_harmless(self, client: aiohttp.ClientSession, before: str) -> None:
        await login(client)
        await page(client, "/console", c="no/such", before=before)

    async def test_a_store_that_is_down_is_said_to(self, service: Served, client: aiohttp.ClientSession) -> None:
        await login(client)
        await service.store.close()
        async with client.get("/console") as response:
            assert response.status == 503
            assert "数据库没有响应" in await response.text()


class TestNews:
    async def test_changes_are_told_as_they_happen(self, client: aiohttp.ClientSession) -> None:
        await login(client)
        async with client.get("/api/console/events") as events:
            assert events.headers["Content-Type"] == "text/event-stream"
            await say(client, "u3", "慢慢来")
            heard: list[dict[str, Any]] = []
            while not heard or heard[-1]["status"] != "sent":
                line = await asyncio.wait_for(events.content.readline(), 5)
                if line.startswith(b"data: "):
                    heard.append(json.loads(line[6:]))
        assert {told["conversation"] for told in heard} == {"rest/main/u3/u3"}
        assert heard[0]["status"] == "new"
        assert len({told["id"] for told in heard}) == 1

    async def test_a_shutdown_ends_the_stream(self, service: Served, client: aiohttp.ClientSession) -> None:
        await login(client)
        async with client.get("/api/console/events") as events:
            await events.content.readline()
            await asyncio.wait_for(service.runner.cleanup(), 1.5)
            assert await asyncio.wait_for(events.content.read(), 2) is not None
