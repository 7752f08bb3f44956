"""The pages' files: complete, cached rightly, and calling nobody."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import aiohttp
import pytest

from bot import __version__
from bot.web.assets import STATIC, load_assets
from bot.web.console import TEMPLATES

ROOT = Path(__file__).parents[2]
FOREIGN = re.compile(r"""(?:src|href|url|import|fetch)\s*[=(:]?\s*["'(]*\s*(?:https?:)?//""")
ALL_BYTES = 60_000


@pytest.mark.asyncio(loop_scope="session")
class TestServing:
    async def test_the_page_allows_only_our_own_files(self, client: aiohttp.ClientSession) -> None:
        async with client.get("/chat") as response:
            policy = response.headers["Content-Security-Policy"]
            assert response.headers["Content-Type"] == "text/html; charset=utf-8"
        for rule in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'self'"):
            assert rule in policy.split("; ")

    async def test_the_bare_address_leads_people_to_the_chat_and_greets_programs(
        self, client: aiohttp.ClientSession
    ) -> None:
        async with client.get("/", headers={"Accept": "text/html,*/*"}) as response:
            assert (response.status, response.url.path) == (200, "/chat")
        async with client.get("/") as response:
            assert await response.text() == f"Hello from Yingda: {__version__}"

    async def test_a_file_is_sent_once_and_then_asked_about(self, client: aiohttp.ClientSession) -> None:
        async with client.get("/static/chat.js") as response:
            assert (response.status, response.content_type) == (200, "text/javascript")
            tag = response.headers["ETag"]
        async with client.get("/static/chat.js", headers={"If-None-Match": tag}) as response:
            assert (response.status, await response.read()) == (304, b"")
        async with client.get("/static/chat.js", headers={"If-None-Match": '"old"'}) as response:
            assert response.status == 200

    @pytest.mark.parametrize("name", ["nothing.js", "..%2f__init__.py", "%2e%2e/chat.py", "chat.js%00"])
    async def test_nothing_else_is_served(self, client: aiohttp.ClientSession, name: str) -> None:
        async with client.get(f"/static/{name}") as response:
            assert response.status in (400, 404)

    async def test_the_widget_may_be_fetched_by_any_site(self, client: aiohttp.ClientSession) -> None:
        async with client.get("/widget.js") as response:
            assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
            assert response.content_type == "text/javascript"


def test_no_page_calls_another_host() -> None:
    for path in [*STATIC.iterdir(), *TEMPLATES.iterdir()]:
        code = re.sub(r"^\s*//.*$", "", path.read_text("utf-8"), flags=re.MULTILINE)
        assert not FOREIGN.search(code), path.name


def test_pages_carry_no_inline_script_or_style() -> None:
    for path in [*STATIC.glob("*.html"), *TEMPLATES.iterdir()]:
        text = path.read_text("utf-8")
        assert not re.search(r"\sstyle=|\son\w+=|<style|<script(?![^>]*\ssrc=)", text), path.name


def test_all_files_together_are_small() -> None:
    assert sum(len(asset.body) for asset in load_assets().values()) < ALL_BYTES


def test_every_file_is_package_data() -> None:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["package-data"]["bot.web"]
    base = STATIC.parent
    packed = {path for pattern in data for path in base.glob(pattern)}
    assert packed >= {*STATIC.iterdir(), *TEMPLATES.iterdir()}
