"""A browser page that is watched: whatever it complains of fails the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, expect

SEE_MS = 5000
expect.set_options(timeout=SEE_MS)

CONTRAST = """() => {
  // WCAG 2.2 contrast of every visible text against the nearest opaque background
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (v) => v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4;
  const light = (c) => { const [r, g, b] = c.map(linear);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ground = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] === 1) return c.slice(0, 3); } return [255, 255, 255]; };
  const poor = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.disabled || e.closest(".sr")) continue;
    const style = getComputedStyle(e), a = light(rgb(style.color).slice(0, 3)), b = light(ground(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${e.className || e.tagName} ${ratio.toFixed(2)}: ${e.textContent.slice(0, 20)}`);
  }
  return poor;
}"""

UNNAMED = """() => [...document.querySelectorAll("button, a[href], input:not([hidden]), textarea, img, iframe")]
  .filter((e) => e.checkVisibility())
  .filter((e) => !(e.getAttribute("aria-label") || e.labels?.length || e.textContent.trim() || e.title))
  .filter((e) => !e.hasAttribute("alt") && !e.querySelector("img[alt]:not([alt=''])"))
  .map((e) => e.outerHTML)"""


@asynccontextmanager
async def looking(browser: Browser, *, complains: bool = False, **options: Any) -> AsyncIterator[Page]:
    """A page of its own visitor. `complains`: errors on the browser's console are expected (a server that is away)."""
    context = await browser.new_context(locale="zh-CN", timezone_id="Asia/Shanghai", **options)
    page = await context.new_page()
    page.set_default_timeout(SEE_MS)
    complaints: list[str] = []

    def told(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    page.on("console", told)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        await context.close()
    assert complains or not complaints, complaints


async def say(page: Page, text: str) -> None:
    await page.get_by_label("输入消息").fill(text)
    await page.get_by_label("输入消息").press("Enter")


async def hears(page: Page, text: str) -> None:
    """The newest answer contains `text`."""
    await expect(page.locator(".turn").last.locator(".answers")).to_contain_text(text)


async def online(page: Page) -> None:
    await expect(page.locator("#state")).to_have_text("在线")


async def readable(page: Page) -> None:
    """Every text has contrast: at once, or when the page has followed a change of the colour scheme."""
    poor: list[str] = []
    for _ in range(20):
        poor = await page.evaluate(CONTRAST)
        if not poor:
            return
        await page.wait_for_timeout(50)
    raise AssertionError(poor)
