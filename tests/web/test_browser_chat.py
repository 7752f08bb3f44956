"""The chat page in a real Chromium."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from adapters.message import Address, Message, Text
from adapters.web import LIVE, visitor
from bot.inbox import turn_of
from bot.web.chat import PAGE_TURNS
from tests.web.eyes import UNNAMED, hears, looking, online, readable, say
from tests.web.parrot import Served

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[2]


async def test_a_message_is_typed_sent_and_answered(service: Served, browser: Browser) -> None:
    async with looking(browser) as page:
        await page.goto(f"{service.url}/chat")
        await online(page)
        await expect(page.get_by_text("您好，请问有什么可以帮您？")).to_be_visible()
        await say(page, "你好")
        await hears(page, "您说的是：你好")
        await expect(page.locator(".said")).to_have_text("你好")
        await expect(page.locator(".pending, .fate")).to_have_count(0)
        await expect(page.locator("#empty")).to_be_hidden()
        await expect(page.get_by_label("输入消息")).to_have_value("")
        await expect(page.get_by_label("输入消息")).to_be_focused()


async def test_while_the_bot_thinks_it_is_seen_typing(service: Served, browser: Browser) -> None:
    async with looking(browser) as page:
        await page.goto(f"{service.url}/chat")
        await say(page, "慢慢想")
        await expect(page.locator("#typing")).to_be_visible()
        await hears(page, "慢慢想")
        await expect(page.locator("#typing")).to_be_hidden()


async def test_shift_enter_is_a_new_line_and_blank_is_not_sent(service: Served, browser: Browser) -> None:
    async with looking(browser) as page:
        await page.goto(f"{service.url}/chat")
        await online(page)
        text = page.get_by_label("输入消息")
        await text.fill("   ")
        await expect(page.get_by_role("button", name="发送")).to_be_disabled()
        await text.press("Enter")
        await text.fill("第一行")
        await text.press("Shift+Enter")
        await text.press_sequentially("第二行")
        await text.press("Enter")
        await expect(page.locator(".said")).to_have_text("第一行\n第二行")
        await expect(page.locator(".turn")).to_have_count(1)


async def test_enter_that_picks_a_word_of_an_input_method_does_not_send(service: Served, browser: Browser) -> None:
    async with looking(browser) as page:
        await page.goto(f"{service.url}/chat")
        await online(page)
        text = page.get_by_label("输入消息")
        await text.fill("ni hao")
        await text.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
        await expect(text).to_have_value("ni hao")
        await expect(page.locator(".turn")).to_have_count(0)
        await text.dispatch_event("keydown", {"key": "Enter"})
        await expect(page.locator(".said")).to_have_text("ni hao")


async def test_a_button_says_its_payload_and_is_spent_by_the_next_turn(service: Served, browser: Browser) -> None:
    async with looking(browser) as page:
        await page.goto(f"{service.url}/chat")
        await say(page, "按钮")
        button = page.get_by_role("button", name="查订单")
        await expect(button).to_be_enabled()
        assert await page.get_by_role("link", name="官网").get_attribute("href") == "https://shop.example/"
        await button.click()
        await hears(page, "您说的是：/check_order")
        await expect(page.locator(".said").last).to_have_text("查订单")
        await expect(button).to_be_disabled()


async def test_pictures_files_articles_and_markdown_are_drawn(service: Served, browser: Browser) -> None:
    async with looking(browser) as page:
        await page.goto(f"{service.url}/chat")
        await say(page, "图片")
        picture = page.get_by_role("img", name="店铺标志")
        await expect(picture).to_be_visible()
        assert await picture.evaluate("image => image.naturalWidth") > 0
        file = page.get_by_role("link", name="说明书.pdf")
        assert await file.get_attribute("rel") == "noopener noreferrer nofollow"
        await say(page, "图文")
        await expect(page.get_by_role("link", name="上新啦")).to_be_visible()
        await say(page, "排版")
        await hears(page, "订单 已发货")
        answer = page.locator(".turn").last
        await expect(answer.locator("strong")).to_have_text("已发货")
        await expect(answer.locator("li")).to_have_count(2)
        await expect(answer.get_by_role("link", name="物流页")).to_be_visible()
        await say(page, "转人工")
        await expect(page.locator(".notice")).to_have_text("正在为您转接人工客服")


async def test_a_picture_that_does_not_load_says_what_it_was(service: Served, browser: Browser) -> None:
    async with looking(browser, complains=True) as page:
        await page.route("**/static/icon.svg", lambda route: route.abort())
        await page.goto(f"{service.url}/chat")
        await say(page, "图片")
        await hears(page, "店铺标志（未能显示")


@pytest.mark.parametrize("text", ["坏排版", "坏链接", "<img src=x onerror=alert(1)><script>alert(1)</script>"])
async def test_hostile_texts_stay_texts(service: Served, browser: Browser, text: str) -> None:
    async with looking(browser) as page:
        page.on("dialog", lambda dialog: pytest.fail("a script ran"))
        await page.goto(f"{service.url}/chat")
        await say(page, text)
        await expect(page.locator(".turn .answers")).to_have_count(1)
        await page.reload()
        await expect(page.locator(".turn .answers")).to_have_count(1)
        assert await page.title() == "在线客服"
        assert await page.locator("#turns script, #turns img[src='x'], #turns [onerror]").count() == 0
        assert await page.locator("#turns a[href^='javascript']").count() == 0


async def test_a_reload_keeps_the_conversation(service: Served, browser: Browser) -> None:
    async with looking(browser) as page:
        await page.goto(f"{service.url}/chat")
        await say(page, "记得我吗")
        await hears(page, "记得我吗")
        await page.reload()
        await hears(page, "记得我吗")
        await expect(page.locator(".turn")).to_have_count(1)


async def test_earlier_messages_are_fetched_and_the_view_stays(service: Served, browser: Browser) -> None:
    async with looking(browser) as page:
        await page.goto(f"{service.url}/chat")
        await online(page)
        me = visitor(await page.evaluate("localStorage.getItem('yingda.key')"))
        for n in range(PAGE_TURNS + 5):
            message = Message(f"{n:032x}", Address("web", "main", me, me), Text(f"旧话{n:02d}"), 1_700_000_000.0 + n)
            await service.store.accept(turn_of(message, LIVE))
        await page.reload()
        await expect(page.locator(".turn")).to_have_count(PAGE_TURNS)
        await page.get_by_role("button", name="查看更早的消息").click()
        await expect(page.locator(".turn")).to_have_count(PAGE_TURNS + 5)
        said = await page.locator(".said").all_text_contents()
        assert said == [f"旧话{n:02d}" for n in range(PAGE_TURNS + 5)]
        await expect(page.get_by_role("button", name="查看更早的消息")).to_be_hidden()


async def test_two_tabs_of_one_visitor_stay_alike(service: Served, browser: Browser) -> None:
    async with looking(browser) as page:
        await page.goto(f"{service.url}/chat")
        await online(page)
        other = await page.context.new_page()
        await other.goto(f"{service.url}/chat")
        await online(other)
        await say(page, "两边都看到")
        await hears(other, "两边都看到")
        await expect(page.locator(".turn")).to_have_count(1)


class TestServerThatDies:
    async def _serve(self, path: Path, port: int) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.web.parrot", str(path), str(port), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )  # fmt: skip
        assert process.stdout is not None
        assert await asyncio.wait_for(process.stdout.readline(), 20)
        return process

    async def test_it_is_reconnected_and_what_was_said_meanwhile_arrives_once(
        self, browser: Browser, tmp_path: Path
    ) -> None:
        port = free_port()
        server = await self._serve(tmp_path / "k.db", port)
        try:
            async with looking(browser, complains=True) as page:
                await page.goto(f"http://127.0.0.1:{port}/chat")
                await say(page, "在吗")
                await hears(page, "您说的是：在吗")
                os.kill(server.pid, signal.SIGKILL)
                await server.wait()
                await expect(page.locator("#state")).to_have_text("连接已断开，正在重连…")
                await say(page, "断线时说的话")
                await expect(page.locator(".pending .fate")).to_have_text("发送中…")
                server = await self._serve(tmp_path / "k.db", port)
                await page.evaluate("window.dispatchEvent(new Event('online'))")
                await hears(page, "您说的是：断线时说的话")
                await self._all_is_there_once(page)
                await page.reload()
                await self._all_is_there_once(page)
        finally:
            server.kill()
            await server.wait()

    async def test_what_was_said_survives_a_reload_of_the_page(self, browser: Browser, service: Served) -> None:
        async with looking(browser, complains=True) as page:
            await page.goto(f"{service.url}/chat")
            await online(page)
            await page.route_web_socket("**/chat/ws", lambda socket: None)  # a server that takes, and never answers
            await page.reload()
            await say(page, "别丢了我")
            await expect(page.locator(".pending .said")).to_have_text("别丢了我")
            await page.unroute_all()
            fresh = await page.context.new_page()
            await fresh.goto(f"{service.url}/chat")
            await hears(fresh, "您说的是：别丢了我")
            await expect(fresh.locator(".turn")).to_have_count(1)

    async def test_a_word_of_arrival_that_was_lost_leaves_no_ghost(self, browser: Browser, service: Served) -> None:
        async with looking(browser) as page:
            await page.goto(f"{service.url}/chat")
            await say(page, "到了吗")
            await hears(page, "您说的是：到了吗")
            id = await page.locator(".turn").get_attribute("data-say")
            unsent = json.dumps({"type": "say", "id": id, "text": "到了吗", "title": "", "at": 1})
            await page.evaluate("([id, unsent]) => localStorage.setItem('yingda.unsent.' + id, unsent)", [id, unsent])
            await page.reload()
            await hears(page, "您说的是：到了吗")
            await expect(page.locator(".turn")).to_have_count(1)
            await expect(page.locator(".pending")).to_have_count(0)
            await page.wait_for_function("id => !localStorage.getItem('yingda.unsent.' + id)", arg=id)

    async def _all_is_there_once(self, page: Page) -> None:
        await expect(page.locator(".said")).to_have_text(["在吗", "断线时说的话"])
        await expect(page.locator(".answers")).to_have_text(["您说的是：在吗", "您说的是：断线时说的话"])
        await expect(page.locator(".fate")).to_have_count(0)


class TestEverybody:
    """Small screens, keyboards, screen readers, dark rooms."""

    async def test_a_phone_shows_all_without_sideways_scrolling(self, service: Served, browser: Browser) -> None:
        async with looking(browser, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as page:
            await page.goto(f"{service.url}/chat")
            await say(page, "很长的网址 https://shop.example/" + "a" * 200)
            await hears(page, "很长的网址")
            assert await page.evaluate("document.documentElement.scrollWidth") <= 390
            for name in ("#composer", ".bar"):
                assert await page.locator(name).is_visible()
            box = await page.locator("#send").bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 44
            assert box["y"] + box["height"] <= 844

    async def test_the_keyboard_reaches_everything(self, service: Served, browser: Browser) -> None:
        async with looking(browser) as page:
            await page.goto(f"{service.url}/chat")
            await say(page, "按钮")
            await hears(page, "请选择")
            reached = []
            for _ in range(6):
                await page.keyboard.press("Shift+Tab")
                reached.append(await page.evaluate("document.activeElement.textContent.trim()"))
            assert "查订单" in reached
            assert "官网" in reached

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    async def test_texts_have_contrast_and_controls_have_names(
        self, service: Served, browser: Browser, scheme: str
    ) -> None:
        async with looking(browser, color_scheme=scheme) as page:
            await page.goto(f"{service.url}/chat")
            await online(page)
            await readable(page)
            for text in ("排版", "图文", "图片", "转人工", "按钮"):
                await say(page, text)
                await expect(page.locator(".said").last).to_have_text(text)
            await expect(page.get_by_role("button", name="查订单")).to_be_enabled()
            await readable(page)
            assert await page.evaluate(UNNAMED) == []

    async def test_answers_are_announced_and_history_is_not(self, service: Served, browser: Browser) -> None:
        async with looking(browser) as page:
            await page.goto(f"{service.url}/chat")
            log = page.get_by_role("log", name="对话内容")
            await expect(log).to_have_attribute("aria-live", "polite")
            await expect(log).to_have_attribute("aria-busy", "false")

    async def test_nothing_moves_for_those_who_ask_for_it(self, service: Served, browser: Browser) -> None:
        async with looking(browser, reduced_motion="reduce") as page:
            await page.goto(f"{service.url}/chat")
            await say(page, "慢点")
            await expect(page.locator("#typing")).to_be_visible()
            assert await page.locator(".dots i").first.evaluate("dot => getComputedStyle(dot).animationName") == "none"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
