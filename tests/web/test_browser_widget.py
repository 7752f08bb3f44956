"""The widget on somebody else's site, in a real Chromium. The other site is another origin with a strict policy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from playwright.async_api import Browser, expect

from bot.web import Origins
from tests.web.eyes import hears, looking, readable, say
from tests.web.parrot import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOP = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>小店</title>
<style>* {{ font-size: 40px !important; display: block; }}</style>
<h1>我的小店</h1><script src="{bot}/widget.js" data-title="小店客服" data-color="#8a2be2" defer></script></html>"""


@asynccontextmanager
async def shop(bot: Served) -> AsyncIterator[str]:
    """Another site, whose own content policy allows no more than the widget's script and frame."""

    async def page(request: web.Request) -> web.Response:
        policy = f"default-src 'self'; style-src 'unsafe-inline'; script-src {bot.url}; frame-src {bot.url}"
        headers = {"Content-Security-Policy": policy}
        return web.Response(text=SHOP.format(bot=bot.url), content_type="text/html", headers=headers)

    async def icon(request: web.Request) -> web.Response:
        return web.Response(status=204)

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/favicon.ico", icon)])
    runner = web.AppRunner(app)
    await runner.setup()
    # localhost beside 127.0.0.1: another origin to a browser
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://localhost:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def both(path: Path) -> AsyncIterator[tuple[Served, str]]:
    async with serving(path / "w.db", origins=Origins.read("*")) as bot, shop(bot) as url:
        yield bot, url


async def test_one_line_puts_the_chat_on_any_site(browser: Browser, tmp_path: Path) -> None:
    async with both(tmp_path) as (_, url), looking(browser) as page:
        await page.goto(url)
        launcher = page.get_by_role("button", name="小店客服")
        await expect(launcher).to_have_attribute("aria-expanded", "false")
        await launcher.click()
        await expect(launcher).to_have_attribute("aria-expanded", "true")
        chat = page.frame_locator("iframe")
        await expect(chat.get_by_role("heading", name="小店客服")).to_be_visible()
        await chat.get_by_label("输入消息").fill("从小店来")
        await chat.get_by_label("输入消息").press("Enter")
        await expect(chat.locator(".answers")).to_contain_text("您说的是：从小店来")
        bar = chat.locator(".bar")
        assert await bar.evaluate("bar => getComputedStyle(bar).backgroundColor") == "rgb(138, 43, 226)"


async def test_it_closes_by_escape_and_tells_of_answers_meanwhile(browser: Browser, tmp_path: Path) -> None:
    async with both(tmp_path) as (_, url), looking(browser) as page:
        await page.goto(url)
        launcher = page.get_by_role("button", name="小店客服")
        await launcher.click()
        chat = page.frame_locator("iframe")
        text = chat.get_by_label("输入消息")
        await expect(text).to_be_focused()
        await text.fill("慢慢回答")
        await text.press("Enter")
        await text.press("Escape")
        await expect(page.locator("iframe")).to_be_hidden()
        await expect(launcher).to_be_focused()
        await expect(launcher).to_have_class("button unread")
        await launcher.click()
        await expect(launcher).to_have_class("button")
        await expect(chat.locator(".answers")).to_contain_text("慢慢回答")


async def test_on_a_phone_it_takes_the_whole_screen(browser: Browser, tmp_path: Path) -> None:
    viewport = {"width": 390, "height": 844}
    async with both(tmp_path) as (_, url), looking(browser, viewport=viewport) as page:
        await page.goto(url)
        await page.get_by_role("button", name="小店客服").click()
        box = await page.locator("iframe").bounding_box()
        assert box == {"x": 0, "y": 0, **viewport}
        await page.frame_locator("iframe").get_by_role("button", name="收起对话").click()
        await expect(page.get_by_role("button", name="小店客服")).to_be_visible()


@pytest.mark.parametrize("color", ["ffd400", "8a2be2", "ffffff", "000000", "0b7a5c"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_any_colour_of_a_brand_can_be_read(browser: Browser, service: Served, color: str, scheme: str) -> None:
    async with looking(browser, color_scheme=scheme) as page:
        await page.goto(f"{service.url}/chat?color={color}")
        await say(page, "按钮")
        await hears(page, "请选择")
        await readable(page)
        await page.emulate_media(color_scheme="dark" if scheme == "light" else "light")
        await readable(page)


async def test_a_site_that_is_not_named_cannot_hold_the_chat(browser: Browser, service: Served) -> None:
    async with shop(service) as url, looking(browser, complains=True) as page:
        await page.goto(url)
        await page.get_by_role("button", name="小店客服").click()
        await expect(page.frame_locator("iframe").get_by_label("输入消息")).to_have_count(0)
