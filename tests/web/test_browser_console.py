"""The console in a real Chromium."""

from __future__ import annotations

import aiohttp
import pytest
from playwright.async_api import Browser, Page, expect

from tests.web.eyes import UNNAMED, looking, readable
from tests.web.parrot import HOSTILE, TOKEN, Served

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def enter(page: Page, service: Served, token: str = TOKEN) -> None:
    await page.goto(f"{service.url}/console")
    await page.get_by_label("访问令牌").fill(token)
    await page.get_by_role("button", name="登录").click()


async def live(page: Page) -> None:
    await expect(page.locator("#live")).to_have_text("实时")


async def say(client: aiohttp.ClientSession, sender: str, text: str) -> None:
    async with client.post("/webhooks/rest/webhook", json={"sender": sender, "message": text}) as response:
        assert response.status == 200


async def test_only_the_right_token_gets_in_and_leaving_locks_the_door(service: Served, browser: Browser) -> None:
    async with looking(browser, complains=True) as page:
        await enter(page, service, "wrong")
        await expect(page.get_by_role("alert")).to_have_text("令牌不正确")
        await enter(page, service)
        await live(page)
        await page.get_by_role("button", name="退出").click()
        await expect(page.get_by_label("访问令牌")).to_be_visible()
        await page.goto(f"{service.url}/console")
        await expect(page.get_by_label("访问令牌")).to_be_visible()


async def test_new_conversations_and_turns_appear_by_themselves(
    service: Served, client: aiohttp.ClientSession, browser: Browser
) -> None:
    async with looking(browser) as page:
        await enter(page, service)
        await expect(page.get_by_text("还没有会话")).to_be_visible()
        await live(page)
        await say(client, "小李", "查 DD001 到哪了")
        row = page.get_by_role("link", name="小李")
        await expect(row).to_contain_text("查 DD001 到哪了")
        await row.click()
        await live(page)
        await expect(page.locator("mark")).to_contain_text("DD001")
        await page.locator("summary").click()
        await expect(page.get_by_text("the words begin it")).to_be_visible()
        await say(client, "小李", "慢慢说")
        await expect(page.locator(".step")).to_have_count(2)
        await expect(page.locator(".step").last).to_contain_text("您说的是：慢慢说")
        await expect(page.locator(".step").last.locator(".fate")).to_contain_text("已送达")
        await expect(page.get_by_text("the words begin it").first).to_be_visible()
        await expect(row).to_contain_text("2 轮")
        await expect(page.locator("#standing")).to_contain_text("会话版本 2")


async def test_who_asks_for_a_human_is_moved_to_the_top(
    service: Served, client: aiohttp.ClientSession, browser: Browser
) -> None:
    async with looking(browser) as page:
        await say(client, "急急", "转人工")
        await say(client, "慢慢", "你好")
        await enter(page, service)
        await expect(page.locator(".row .user")).to_have_text(["急急", "慢慢"])
        await expect(page.locator(".row").first).to_contain_text("等待人工")


async def test_hostile_texts_stay_texts(service: Served, client: aiohttp.ClientSession, browser: Browser) -> None:
    async with looking(browser) as page:
        await enter(page, service)
        await live(page)
        await say(client, HOSTILE, HOSTILE)
        row = page.locator(".row")
        await expect(row).to_contain_text("<img src=x")
        await row.click()
        await expect(page.locator(".user-said")).to_contain_text(HOSTILE)
        await expect(page).to_have_title("应答 · 控制台")
        assert await page.locator("main script, main img[src='x']").count() == 0


async def test_it_comes_back_after_the_service_was_away(
    service: Served, client: aiohttp.ClientSession, browser: Browser
) -> None:
    async with looking(browser, complains=True) as page:
        await enter(page, service)
        await live(page)
        await page.context.set_offline(True)
        await page.evaluate("fetch('/console/list').catch(() => 0)")
        await say(client, "离线时", "你好")
        await page.context.set_offline(False)
        await page.reload()
        await expect(page.get_by_role("link", name="离线时")).to_be_visible()
        await live(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_texts_have_contrast_and_controls_have_names(
    service: Served, client: aiohttp.ClientSession, browser: Browser, scheme: str
) -> None:
    async with looking(browser, color_scheme=scheme, viewport={"width": 1360, "height": 820}) as page:
        await page.goto(f"{service.url}/console")
        await readable(page)
        assert await page.evaluate(UNNAMED) == []
        for text in ("查 DD001", "按钮", "转人工"):
            await say(client, "小张", text)
        await enter(page, service)
        await page.get_by_role("link", name="小张").click()
        await page.locator("summary").first.click()
        await readable(page)
        assert await page.evaluate(UNNAMED) == []


async def test_on_a_phone_the_list_and_the_transcript_take_turns(
    service: Served, client: aiohttp.ClientSession, browser: Browser
) -> None:
    async with looking(browser, viewport={"width": 390, "height": 844}) as page:
        await say(client, "小王", "你好")
        await enter(page, service)
        await page.get_by_role("link", name="小王").click()
        await expect(page.locator(".turns")).to_be_visible()
        await expect(page.locator("#list")).to_be_hidden()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.get_by_role("link", name="返回会话列表").click()
        await expect(page.locator("#list")).to_be_visible()
