"""Web chats that were written for Rasa, in a real Chromium on a page of another origin: npm's socket.io-client, and the
widget that most sites with a Rasa bot have."""

from __future__ import annotations

import gzip
import hashlib
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Page, Route, expect

from adapters.message import Address, Text
from bot.app import SERVICE, make_app
from bot.service import Service
from bot.turn import Turn
from config.credentials import Credentials, SocketIo
from config.settings import Settings
from nlu.training import train
from tests.rasa.shop import DOMAIN, write
from tests.rasa.test_api import NLU, PIPELINE
from tests.web.eyes import looking

pytestmark = pytest.mark.asyncio(loop_scope="session")

VENDORED = Path(__file__).parent / "vendored"
PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><rect width="40" height="40"/></svg>'
RESPONSES = """
  utter_choose:
    - text: 需要什么？
      buttons: [{title: 我要退款, payload: /refund}, {title: 营业时间, payload: /hours}]
  utter_map:
    - text: 在这里
      image: PAGE/picture.svg
"""
RULES = """
version: "3.1"
rules:
- rule: choose
  steps: [{intent: stop}, {action: utter_choose}]
- rule: map
  steps: [{intent: affirm}, {action: utter_map}]
"""
WIDGET = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>小店</title><body>
<script src="/rasa-webchat-1.0.1.js"></script>
<script>WebChat.default({socketUrl: "BOT", socketPath: "/socket.io/", title: "小店客服", inputTextFieldHint: "请输入",
  customData: {page: "/cart"}, customMessageDelay: () => 0, params: {storage: "session"}}, null)</script></body>"""
CLIENT = """<!doctype html><html lang="zh"><meta charset="utf-8"><title>小店</title><body><ol></ol>
<script src="/socket.io-client-4.8.1.js"></script>
<script>
const list = document.querySelector("ol");
const io_ = io("BOT", {path: "/socket.io/", transports: ["TRANSPORT"]});
const session = localStorage.session;
io_.on("connect", () => io_.emit("session_request", session ? {session_id: session} : {}));
io_.on("session_confirm", id => { localStorage.session = id; list.insertAdjacentHTML("beforeend", "<li>confirmed"); });
io_.on("bot_uttered", said => { const li = document.createElement("li");
  li.textContent = JSON.stringify(said); list.append(li); });
window.say = text => io_.emit("user_uttered", {message: text, session_id: localStorage.session});
</script></body></html>"""


@dataclass(frozen=True)
class Site:
    """The bot, and a page of somebody else's."""

    bot: str
    page: str
    service: Service


def script(name: str) -> bytes:
    """A vendored script, which is the one that was published."""
    body = gzip.decompress((VENDORED / f"{name}.js.gz").read_bytes())
    assert hashlib.sha256(body).hexdigest() in (VENDORED / "README.md").read_text("utf-8")
    return body


@asynccontextmanager
async def listening(app: web.Application) -> AsyncIterator[str]:
    # Chromium hangs up on its poll, which the server would answer once it is due
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def shop(addresses: dict[str, str]) -> web.Application:
    def answering(body: bytes | str, kind: str) -> Any:
        async def handler(request: web.Request) -> web.Response:
            if isinstance(body, bytes):
                return web.Response(body=body, content_type=kind)
            shown = body.replace("BOT", addresses["bot"])
            return web.Response(text=shown.replace("TRANSPORT", request.query.get("by", "")), content_type=kind)

        return handler

    app = web.Application()
    for name in ("rasa-webchat-1.0.1", "socket.io-client-4.8.1"):
        app.router.add_get(f"/{name}.js", answering(script(name), "text/javascript"))
    app.router.add_get("/widget", answering(WIDGET, "text/html"))
    app.router.add_get("/client", answering(CLIENT, "text/html"))
    app.router.add_get("/picture.svg", answering(PICTURE, "image/svg+xml"))
    app.router.add_get("/favicon.ico", answering(b"", "image/x-icon"))
    return app


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    addresses: dict[str, str] = {}
    async with listening(shop(addresses)) as page:
        more = {"data__nlu_yml": NLU, "config_yml": PIPELINE, "data__more_yml": RULES}
        domain = DOMAIN.replace("responses:\n", f"responses:\n{RESPONSES.replace('PAGE', page)}", 1)
        folder = write(tmp_path_factory.mktemp("socketio"), domain_yml=domain, **more)
        train(folder, lambda phase, fraction: None)
        settings = Settings(cors_origins=page, enable_api=True)
        socketio = SocketIo(session_persistence=True, metadata_key="customData")
        app = await make_app(folder, settings, Credentials(socketio=socketio))
        async with listening(app) as bot:
            addresses["bot"] = bot
            yield Site(bot, page, app[SERVICE])


# --- npm's client


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_the_npm_client_talks_and_keeps_its_session_over_a_reload(
    browser: Browser, site: Site, transport: str
) -> None:
    async with looking(browser) as page:
        await page.goto(f"{site.page}/client?by={transport}")
        await expect(page.get_by_text("confirmed")).to_be_visible()
        await page.evaluate("say('我要退款')")
        await expect(page.get_by_text('{"text":"订单号是多少？"}')).to_be_visible()
        session = await page.evaluate("localStorage.session")
        await page.reload()
        await expect(page.get_by_text("confirmed")).to_be_visible()
        assert await page.evaluate("localStorage.session") == session
        await page.evaluate("""say('/inform{"order_id": "DD1"}')""")
        await expect(page.get_by_text('{"text":"为什么退？"}')).to_be_visible()


# --- the widget


async def opened(page: Page, site: Site) -> None:
    async def elsewhere(route: Route) -> None:
        await route.fulfill(status=200, content_type="text/css", body="")

    # the widget asks another site for a typeface
    await page.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), elsewhere)
    await page.goto(f"{site.page}/widget")
    await page.locator(".rw-launcher").click()
    await expect(page.locator(".rw-new-message")).to_be_visible()


async def say(page: Page, text: str) -> None:
    await page.locator(".rw-new-message").fill(text)
    await page.locator(".rw-new-message").press("Enter")


async def test_a_talk_in_the_widget_with_buttons_a_picture_and_a_reload(browser: Browser, site: Site) -> None:
    async with looking(browser) as page:
        await opened(page, site)
        await say(page, "算了")
        await expect(page.get_by_text("需要什么？")).to_be_visible()
        await page.get_by_text("营业时间", exact=True).click()
        await expect(page.get_by_text("九点到六点")).to_be_visible()
        await say(page, "/affirm")
        image = page.locator(".rw-conversation-container img[src$='picture.svg']")
        await expect(image).to_be_visible()
        await say(page, "我要退款")
        await expect(page.get_by_text("订单号是多少？")).to_be_visible()
        await page.reload()
        # it opens by itself, as it was left
        await expect(page.get_by_text("订单号是多少？")).to_be_visible()
        await say(page, "DD1")
        await expect(page.get_by_text("为什么退？")).to_be_visible()


async def test_what_is_said_later_reaches_the_open_widget(browser: Browser, site: Site) -> None:
    async with looking(browser) as page:
        await opened(page, site)
        await say(page, "你好")
        await expect(page.get_by_text("您好", exact=True)).to_be_visible()
        session = await session_of(page)
        address = Address("socketio", "main", session, session)
        now = time.time()
        spoken = Turn(f"{address.conversation}/op1", address.conversation, "operator", address, now)
        await site.service.store.accept(replace(spoken, replies=(Text("我是小王，我来帮您"),)))
        site.service.work.nudge(address.conversation)
        await expect(page.get_by_text("我是小王，我来帮您")).to_be_visible()
        due = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
        reminder = {"event": "reminder", "intent": "hours", "entities": [], "date_time": due, "name": "n"}
        url = f"{site.bot}/conversations/{session}/tracker/events?execute_side_effects=true"
        done = await page.request.post(url, data=[reminder])
        assert done.status == 200
        assert (await done.json())["latest_message"]["metadata"] == {"page": "/cart"}
        await expect(page.get_by_text("九点到六点")).to_be_visible(timeout=10_000)


async def session_of(page: Page) -> str:
    kept = await page.evaluate("JSON.stringify(sessionStorage)")
    found = re.search(r"session_id[^0-9a-f]+([0-9a-f]{32})", kept)
    assert found is not None, kept
    return found[1]
