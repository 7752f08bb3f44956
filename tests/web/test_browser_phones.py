"""The page with three phones in a real Chromium: one bot, three wire formats."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Page, expect

from bot.app import load_bot
from bot.simulate.page.desk import Desk
from bot.simulate.page.server import page_of
from bot.work import Bot
from config.settings import load_settings
from tests.web.eyes import CONTRAST, UNNAMED, looking

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHOP = Path(__file__).parents[2] / "config" / "shop"
NAMES = {"wechat": "微信公众号", "wecom": "企业微信", "dingtalk": "钉钉"}
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360f8cfc0f01f0005000201d5b5a4bb0000000049454e44ae426082"
)


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def bot() -> Bot:
    return await asyncio.to_thread(load_bot, SHOP, load_settings({}))


@asynccontextmanager
async def phones(bot: Bot) -> AsyncIterator[tuple[Desk, str]]:
    desk = Desk(SHOP, load_settings({"YINGDA_LOG_LEVEL": "error"}), bot)
    async with page_of(desk, 0) as url:
        yield desk, url


@pytest_asyncio.fixture(loop_scope="session")
async def desk(bot: Bot) -> AsyncIterator[tuple[Desk, str]]:
    async with phones(bot) as served:
        yield served


def phone(page: Page, slot: str) -> Locator:
    return page.locator(f'[data-phone="{slot}"]')


async def say(page: Page, slot: str, words: str) -> None:
    await page.get_by_label(f"在{NAMES[slot]}里输入").fill(words)
    await page.get_by_label(f"在{NAMES[slot]}里输入").press("Enter")


async def opened(page: Page, url: str) -> None:
    await page.goto(url)
    await expect(page.locator("#state")).to_have_text("已连接")


async def test_three_phones_are_answered_over_three_wire_formats(desk: tuple[Desk, str], browser: Browser) -> None:
    async with looking(browser, viewport={"width": 1280, "height": 900}) as page:
        await opened(page, desk[1])
        for slot in NAMES:
            await say(page, slot, "我要退款")
        for slot in NAMES:
            answer = phone(page, slot).locator(".bubble.bot").first
            await expect(answer).to_contain_text("请问您的订单号是多少")
            await expect(phone(page, slot).locator(".bubble.me")).to_have_text("我要退款")
        # a menu of numbers in the answer of the webhook, buttons where a session's webhook was posted to
        await expect(phone(page, "wechat").locator(".bubble.bot")).to_contain_text("1. DD")
        await phone(page, "dingtalk").locator("button.tap").first.click()
        await expect(phone(page, "dingtalk").locator(".bubble.bot")).to_have_count(2)
        await expect(phone(page, "dingtalk").locator(".bubble.bot").last).to_contain_text("DD20260101004")
        for slot, sealed in (("wechat", "<Encrypt>"), ("wecom", "<Encrypt>")):
            await phone(page, slot).locator(".wire > summary").click()
            entry = phone(page, slot).locator(".entries > li").first
            await entry.locator("summary").click()
            await expect(entry.locator("pre.sealed").first).to_contain_text(sealed)
            await expect(entry.locator("pre.opened").first).to_contain_text("<Content><![CDATA[我要退款]]>")
            await expect(entry.locator("pre.opened").last).to_contain_text("请问您的订单号是多少")
        if shots := os.environ.get("YINGDA_SHOTS"):
            await page.screenshot(path=f"{shots}/simulate-wire.png", full_page=True)


async def test_no_secret_is_on_the_wire_that_is_shown(desk: tuple[Desk, str], browser: Browser) -> None:
    async with looking(browser) as page:
        await opened(page, desk[1])
        await say(page, "dingtalk", "你好")
        await expect(phone(page, "dingtalk").locator(".bubble.bot").first).to_be_visible()
        shown = await page.content()
        for one in desk[0].phones.values():
            assert not [secret for secret in one.wire.secrets if secret in shown]
        entries = [entry for one in desk[0].phones.values() for entry in one.wire.entries]
        assert any("sendBySession?session=•••" in entry.path for entry in entries)
        assert not any(
            "session=" in text and "session=•••" not in text for e in entries for text in (e.path, e.request)
        )


async def test_a_group_message_without_mention_stays_unanswered(desk: tuple[Desk, str], browser: Browser) -> None:
    async with looking(browser) as page:
        await opened(page, desk[1])
        root = phone(page, "dingtalk")
        await root.get_by_label("在群里说").check()
        await expect(root.get_by_label("@机器人")).to_be_enabled()
        await root.get_by_label("@机器人").uncheck()
        await say(page, "dingtalk", "今天吃什么")
        await expect(root.locator(".bubble.me .text")).to_have_text("今天吃什么")
        await root.get_by_label("@机器人").check()
        await say(page, "dingtalk", "你好")
        await expect(root.locator(".bubble.bot")).to_have_count(1)
        await expect(root.locator(".bubble.me").last).to_contain_text("@客服 你好")
        await expect(root.locator(".bubble").last).to_have_class("bubble bot text")
        # WeChat has no groups that a bot hears
        await expect(phone(page, "wechat").get_by_label("在群里说")).to_be_disabled()


async def test_an_injected_error_shows_and_the_answer_comes_all_the_same(
    desk: tuple[Desk, str], browser: Browser
) -> None:
    async with looking(browser) as page:
        await opened(page, desk[1])
        await page.get_by_label("错误码").fill("503")
        await page.locator("#fail-phone").select_option("dingtalk")
        await page.get_by_role("button", name="注入").click()
        await expect(phone(page, "dingtalk").locator(".line").first).to_contain_text("将返回错误 503")
        await say(page, "dingtalk", "你好")
        await expect(phone(page, "dingtalk").locator(".line").nth(1)).to_contain_text("返回错误 503")
        await expect(phone(page, "dingtalk").locator(".bubble.bot")).to_have_count(1)


async def test_what_is_delivered_twice_is_answered_once(desk: tuple[Desk, str], browser: Browser) -> None:
    async with looking(browser) as page:
        await opened(page, desk[1])
        await page.get_by_label("平台重复投递").select_option("2")
        for slot in NAMES:
            await say(page, slot, "你好")
        for slot in ("wecom", "dingtalk"):
            await expect(phone(page, slot).locator(".bubble.bot").first).to_be_visible()
        posts = [entry for entry in desk[0].phones["wecom"].wire.entries if entry.to == "bot"]
        assert len(posts) == 2
        await expect(phone(page, "dingtalk").locator(".bubble.bot")).to_have_count(1)


async def test_a_picture_and_a_voice_are_sent_and_words_stay_words(desk: tuple[Desk, str], browser: Browser) -> None:
    async with looking(browser) as page:
        await opened(page, desk[1])
        for slot in NAMES:
            picture = phone(page, slot).locator("input[type=file]")
            await picture.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": PNG})
            await expect(phone(page, slot).locator(".bubble.me img")).to_be_visible()
            await expect(phone(page, slot).locator(".bubble.bot")).to_have_count(1)
        await page.get_by_label("在微信公众号里输入").fill("我要退款")
        await page.get_by_role("button", name="在微信公众号里发送语音").click()
        await expect(phone(page, "wechat").locator(".bubble.bot").last).to_contain_text("请问您的订单号是多少")
        await say(page, "wecom", HOSTILE)
        await expect(phone(page, "wecom").locator(".bubble.me").last).to_have_text(HOSTILE)
        assert await page.title() == "三部手机 · 应答"


async def test_the_ai_bot_streams_and_dingtalk_speaks_http(desk: tuple[Desk, str], browser: Browser) -> None:
    async with looking(browser) as page:
        await opened(page, desk[1])
        for slot, variant in (("wecom", "智能机器人"), ("dingtalk", "HTTP")):
            await phone(page, slot).get_by_role("button", name=variant).click()
            await expect(phone(page, slot).get_by_role("button", name=variant)).to_have_attribute(
                "aria-pressed", "true"
            )
        await page.get_by_label("机器人延迟").select_option("2")
        for slot in ("wecom", "dingtalk"):
            await say(page, slot, "我要退款")
        await expect(phone(page, "wecom").locator(".growing")).to_be_visible()
        for slot in ("wecom", "dingtalk"):
            await expect(phone(page, slot).locator(".bubble.bot").last).to_contain_text("请问您的订单号是多少")
        await expect(phone(page, "wecom").locator(".growing")).to_have_count(0)
        told = [entry.opened_request for entry in desk[0].phones["wecom"].wire.entries]
        assert any('"msgtype":"stream"' in body for body in told), "the answer was polled for"
        assert any(entry.path.startswith("/webhooks/dingtalk") for entry in desk[0].phones["dingtalk"].wire.entries)


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark"), (1280, "light")])
async def test_it_fits_is_named_and_readable(desk: tuple[Desk, str], browser: Browser, width: int, scheme: str) -> None:
    async with looking(browser, viewport={"width": width, "height": 844}, color_scheme=scheme) as page:
        await opened(page, desk[1])
        for slot in NAMES:
            await say(page, slot, "我要退款" + "https://shop.example/" + "x" * 90)
            await expect(phone(page, slot).locator(".bubble.bot").first).to_be_visible()
            await phone(page, slot).locator(".wire > summary").click()
            await phone(page, slot).locator(".entries summary").first.click()
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
        assert await page.evaluate(UNNAMED) == []
        assert await page.evaluate(CONTRAST) == []
        if shots := os.environ.get("YINGDA_SHOTS"):
            await page.screenshot(path=f"{shots}/simulate-{width}-{scheme}.png")


async def test_a_reset_forgets_everything(desk: tuple[Desk, str], browser: Browser) -> None:
    async with looking(browser) as page:
        await opened(page, desk[1])
        await say(page, "wechat", "我要退款")
        await expect(phone(page, "wechat").locator(".bubble.bot")).to_have_count(1)
        await page.get_by_role("button", name="全部重置").click()
        await expect(page.locator(".bubble")).to_have_count(0)
        await say(page, "wechat", "你好")
        await expect(phone(page, "wechat").locator(".bubble.bot")).to_have_count(1)


async def test_nobody_else_may_use_it(desk: tuple[Desk, str]) -> None:
    async with aiohttp.ClientSession() as session:
        other = {"Origin": "https://evil.example"}
        async with session.post(f"{desk[1]}/do", json={"do": "expire"}, headers=other) as answer:
            assert answer.status == 403
        async with session.post(f"{desk[1]}/do", json={"do": "expire"}) as answer:
            assert answer.status == 403, "nothing says that it is a page of ours"
        async with session.get(desk[1], headers={"Host": "evil.example"}) as answer:
            assert answer.status == 403
        async with session.get(desk[1]) as answer:
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        ours = {"Origin": desk[1]}
        for told in ({}, {"do": "tap", "phone": "wechat", "bubble": "x", "place": 0}, {"do": "say", "phone": "none"}):
            async with session.post(f"{desk[1]}/do", json=told, headers=ours) as answer:
                assert answer.status == 400
