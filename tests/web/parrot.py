"""A small bot whose every answer follows from what was said, and a service around it: what the web tests talk to.

`python -m tests.web.parrot DATABASE PORT` serves it as a process of its own, to be killed.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

from aiohttp import web

from adapters.degrade import fit
from adapters.message import Button, Card, Custom, File, Image, Link, Markdown, Reply, Text, Transfer
from bot.service import Service
from bot.sqlite import SqliteStore
from bot.store import Store
from bot.web import Origins, Site, mount
from bot.work import Bot
from flows.actions import Registry
from flows.state import Actions, Dialogue, Frame, Heard, Outcome, StartFlow, Why
from nlu.meaning import Entity, Intent, Meaning

TOKEN = "parrot-console-token"
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"

ANSWERS: dict[str, tuple[Reply, ...]] = {
    "按钮": (
        Card("请选择：", buttons=(Button("查订单", "/check_order"), Button("官网", url="https://shop.example/"))),
    ),
    "图片": (Image("/static/icon.svg", alt="店铺标志"), File(url="https://shop.example/a.pdf", name="说明书.pdf")),
    "图文": (Link("https://shop.example/new", "上新啦", "秋冬新款", "/static/icon.svg"),),
    "排版": (Markdown("订单 **已发货**：\n\n- 承运 `SF1`\n- 见[物流页](https://shop.example/track)\n\n> 谢谢惠顾"),),
    "坏排版": (Markdown(f"[点我](javascript:alert(1)) {HOSTILE} ![x](javascript:alert(1))"),),
    "坏链接": (
        Card("看这里", "标题", "javascript:alert(1)", "javascript:alert(1)", (Button("去", url="javascript:1"),)),
    ),
    "自定义": (Custom({"kind": "坐标", "x": 1}),),
    "两段": (Text("第一段。\n\n第二段。"),),
    "转人工": (Transfer("正在为您转接人工客服"),),
}


def meaning(text: str) -> Meaning:
    intent = "handoff" if text == "转人工" else "check_order" if "DD" in text else "nlu_fallback"
    ranking = (Intent(intent, 0.93), Intent("track_express", 0.04))
    start = text.find("DD")
    found = (Entity("order_id", text[start : start + 5], "DD001", start, start + 5, extractor="rules"),)
    return Meaning(text, intent, 0.93, ranking, found if start >= 0 else (), model="parrot-1")


class Parrot:
    """A `Dialect`: says what `ANSWERS` has, else what it heard. `慢…` takes a while."""

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        text = heard.content.text if isinstance(heard.content, Text) else ""
        if text.startswith("慢"):
            await asyncio.sleep(0.6)
        slots = {**dialogue.slots, "heard": text}
        return Outcome(
            replace(dialogue, slots=slots, stack=(Frame("parrot", waiting="question"),)),
            replies=ANSWERS.get(text, (Text(f"您说的是：{text}"),)),
            commands=(StartFlow("parrot"),),
            trace=(Why("start_flow", "the words begin it", {"text": text}),),
            flags=frozenset({"handoff"} if text == "转人工" else ()),
        )


@dataclass(frozen=True, slots=True)
class Served:
    store: Store
    runner: web.AppRunner
    url: str


@asynccontextmanager
async def serving(
    where: Path | Store, port: int = 0, origins: Origins | None = None, rest_wait_s: float = 10
) -> AsyncIterator[Served]:
    """The whole way of a turn behind HTTP: a store, workers, pages."""
    store = SqliteStore(where) if isinstance(where, Path) else where
    await store.open()
    bot = Bot(lambda text, now: meaning(text), Parrot(), Registry(), UTC)
    service = Service(store, bot, fit)
    app = web.Application()
    site = Site(store, service.inbox, TOKEN, origins or Origins(), clock=service.clock, rest_wait_s=rest_wait_s)
    mount(app, site)
    runner = web.AppRunner(app, shutdown_timeout=2, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await service.start()
    try:
        yield Served(store, runner, f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await service.stop()
        await runner.cleanup()
        await store.close()


async def main(path: str, port: str) -> None:
    async with serving(Path(path), int(port)) as service:
        print(service.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
