"""The report on a bot's understanding in a real Chromium: one file that asks for nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from nlu.data import Example
from nlu.evaluation.compare import compare
from nlu.evaluation.curves import Point
from nlu.evaluation.judged import Judged
from nlu.evaluation.page import About
from nlu.evaluation.report import Report, summarise
from nlu.evaluation.saving import save
from nlu.evaluation.statistics import Spread
from nlu.evaluation.strangers import Draw, measured
from nlu.meaning import FALLBACK_INTENT, Entity, Intent, Meaning
from tests.web.eyes import looking, readable

pytestmark = pytest.mark.asyncio(loop_scope="session")

ABOUT = About("网店 <客服>", "folds", "5", datetime(2026, 11, 25, 9, 30), "1.2.3")
NAMES = ("查订单", "refund", "track_package_of_somebody_else", "转人工")


def judged(number: int, wrong: int) -> Judged:
    """The `number`-th sentence, every `wrong`-th of which is taken for its neighbour."""
    text = f"第{number}句 <b>订单</b> DD2026{number:04}"
    meant, sure = NAMES[number % 4], 0.35 + 0.65 * (number * 37 % 100) / 100
    guess = NAMES[(number + 1) % 4] if number % wrong == 0 else meant
    order = Entity("order_id", text[-10:], text[-10:], len(text) - 10, len(text))
    found = (order,) if number % 3 else (replace(order, start=order.start + 2),)
    settled = guess if sure > 0.45 else FALLBACK_INTENT
    meaning = Meaning(text, settled, sure, (Intent(guess, sure),), found)
    return Judged(Example(text, meant, (order,), "data/nlu.yml", number), meaning, 0.002)


def report() -> Report:
    """One with every part that there is."""
    first, second = ([judged(number, wrong) for number in range(1, 120)] for wrong in (5, 9))
    spread = [Spread.of([0.5 + place / 10, 0.56 + place / 10]) for place in range(5)]
    sizes = (0.1, 0.25, 0.5, 0.75, 1.0)
    curve = tuple(Point(size, 20, one, one, one) for size, one in zip(sizes, spread, strict=True))
    few = tuple(Point(size, 40, one, one, Spread.of([0.0])) for size, one in zip((5, 10, 20), spread, strict=False))
    draw = Draw(tuple(first[:60]), tuple(first[60:]), NAMES[:2])
    return replace(
        summarise(first),
        curve=curve,
        few_shot=few,
        strangers=measured([draw, draw]),
        comparison=compare(("config.yml", "other.yml"), first, second),
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_the_report_is_readable_everywhere_and_needs_nothing_else(
    tmp_path: Path, browser: Browser, width: int, scheme: str
) -> None:
    page_file, *_ = save(report(), tmp_path, ABOUT)
    async with looking(browser, viewport={"width": width, "height": 844}, color_scheme=scheme) as page:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(page_file.as_uri())
        assert [url for url in asked if not url.startswith("data:")] == [page_file.as_uri()]
        await expect(page.get_by_role("heading", level=1)).to_have_text("语言理解测评报告")
        await expect(page.locator("header")).to_contain_text("网店 <客服>")
        await expect(page.locator(".claim")).to_contain_text("客户每说 100 句话")
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        for details in await page.locator("summary").all():
            await details.click()
        await expect(page.get_by_text("第5句 <b>订单</b> DD20260005").first).to_be_attached()
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        await readable(page)


async def test_every_chart_lies_within_its_frame(tmp_path: Path, browser: Browser) -> None:
    page_file, *_ = save(report(), tmp_path, ABOUT)
    async with looking(browser, viewport={"width": 1280, "height": 900}) as page:
        await page.goto(page_file.as_uri())
        assert await page.locator("figure svg").count() == 5
        outside = await page.evaluate(
            """() => [...document.querySelectorAll("figure svg")].flatMap((svg) => {
              const frame = svg.getBoundingClientRect();
              return [...svg.querySelectorAll("text, rect, circle, path")].filter((part) => {
                const box = part.getBoundingClientRect();
                return box.left < frame.left - 1 || box.right > frame.right + 1
                  || box.top < frame.top - 1 || box.bottom > frame.bottom + 1;
              }).map((part) => svg.getAttribute("aria-label") + ": " + part.outerHTML.slice(0, 120));
            })"""
        )
        assert outside == []


async def test_the_report_prints_in_black_on_white(tmp_path: Path, browser: Browser) -> None:
    page_file, *_ = save(report(), tmp_path, ABOUT, "en")
    async with looking(browser, color_scheme="dark") as page:
        await page.goto(page_file.as_uri())
        await page.emulate_media(media="print", color_scheme="dark")
        assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        await readable(page)
        assert (await page.pdf(format="A4")).startswith(b"%PDF")
