"""The page's server: HTML and its files, events down by SSE, what a person does up by POST.

It is for this machine: it listens on the loopback, answers no other Host (DNS rebinding) and takes POSTs of its own
pages alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import orjson
from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from adapters.errcodes import read_json
from adapters.message import Json
from bot.app import load_bot
from bot.simulate.page.desk import SPEEDS, Desk, NotThat
from bot.web.assets import STATIC as WEB_STATIC
from bot.web.assets import answer, load_assets, policy
from config.settings import Settings

HERE = Path(__file__).parent
SHARED = ("markdown.js", "icon.svg")
HOSTS = frozenset(("127.0.0.1", "localhost", "[::1]"))
MOST_BYTES = 10 << 20
BEAT_S = 15.0
PICTURES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif", b"RIFF": "image/webp"}
PHONES = (
    {"slot": "wechat", "name": "微信公众号", "variants": ()},
    {"slot": "wecom", "name": "企业微信", "variants": (("app", "自建应用"), ("bot", "智能机器人"))},
    {"slot": "dingtalk", "name": "钉钉", "variants": (("stream", "Stream"), ("http", "HTTP"))},
)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def own_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Nobody but a page of this server."""
    host = request.host.rpartition(":")[0] if ":" in request.host.rpartition("]")[2] else request.host
    origin = request.headers.get("Origin", "")
    if host not in HOSTS or (request.method != "GET" and urlsplit(origin).netloc != request.host):
        raise web.HTTPForbidden(text="this page is for the machine that serves it")
    return await handler(request)


class Page:
    """The handlers before one desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        shared = {name: asset for name, asset in load_assets(WEB_STATIC).items() if name in SHARED}
        self._assets = {**shared, **load_assets(HERE / "static")}
        loader = FileSystemLoader(HERE / "templates")
        self._pages = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=MOST_BYTES, middlewares=[own_pages])
        app.add_routes([
            web.get("/", self.page),
            web.get("/static/{name}", self.static),
            web.get("/pictures/{name}", self.picture),
            web.get("/events", self.events),
            web.post("/phones/{slot}/picture", self.shows),
            web.post("/do", self.do),
        ])  # fmt: skip
        return app

    async def page(self, request: web.Request) -> web.Response:
        text = self._pages.get_template("phones.html").render(phones=PHONES, speeds=SPEEDS)
        headers = {**policy("'none'"), "Cache-Control": "no-store"}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def static(self, request: web.Request) -> web.Response:
        asset = self._assets.get(request.match_info["name"])
        if asset is None:
            raise web.HTTPNotFound
        return answer(request, asset)

    async def picture(self, request: web.Request) -> web.Response:
        data = self._desk.pictures.get(request.match_info["name"])
        if data is None:
            raise web.HTTPNotFound
        return web.Response(body=data, content_type=kind_of(data), headers={"X-Content-Type-Options": "nosniff"})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Everything so far, and from then on what happens."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        queue = self._desk.listen()
        with suppress(ConnectionError):
            try:
                async for event in _beating(queue):
                    await response.write(b"data: " + orjson.dumps(event) + b"\n\n" if event else b": \n\n")
            finally:
                self._desk.leave(queue)
        return response

    async def shows(self, request: web.Request) -> web.Response:
        data = await request.read()
        if not kind_of(data).startswith("image/"):
            return web.json_response({"wrong": "请选择 PNG、JPEG、GIF 或 WebP 图片"}, status=400)
        return await _done(lambda: self._desk.shows(request.match_info["slot"], data))

    async def do(self, request: web.Request) -> web.Response:
        told = read_json(await request.read()) or {}
        return await _done(lambda: act(self._desk, told))


async def _beating(queue: asyncio.Queue[Json]) -> AsyncIterator[Json]:
    """What is in the queue; None where there was nothing for a while."""
    while True:
        try:
            yield await asyncio.wait_for(queue.get(), BEAT_S)
        except TimeoutError:
            yield None


async def _done(do: Callable[[], Awaitable[None] | None]) -> web.Response:
    try:
        waits = do()
        if waits is not None:
            await waits
    except (NotThat, KeyError, TypeError, ValueError) as wrong:
        return web.json_response({"wrong": str(wrong)}, status=400)
    return web.json_response({})


def act(desk: Desk, told: dict[str, Json]) -> Awaitable[None] | None:
    """Do what the page tells: `{do: ..., phone: ..., ...}`. Raises `NotThat`, and KeyError and the like for what is
    no such thing."""
    name = str(told.get("do"))
    if name not in ACTS:
        raise NotThat("nothing is done by that name")
    return ACTS[name](desk, told)


ACTS: Mapping[str, Callable[[Desk, dict[str, Json]], Awaitable[None] | None]] = {
    "say": lambda desk, told: desk.says(told["phone"], str(told["text"])),
    "speak": lambda desk, told: desk.speaks(told["phone"], str(told["text"])),
    "tap": lambda desk, told: desk.taps(told["phone"], str(told["bubble"]), int(told["place"])),
    "enter": lambda desk, told: desk.enters(told["phone"]),
    "place": lambda desk, told: desk.written_in(told["phone"], bool(told["group"]), bool(told["mention"])),
    "fail": lambda desk, told: desk.fails(told["phone"], int(told["code"]), min(max(int(told["times"]), 1), 20)),
    "expire": lambda desk, told: desk.expires(),
    "slow": lambda desk, told: desk.slows(float(told["seconds"])),
    "repeat": lambda desk, told: desk.repeats(int(told["times"])),
    "vary": lambda desk, told: desk.varied(told["phone"], str(told["variant"])),
    "speed": lambda desk, told: desk.timed(float(told["speed"])),
    "reset": lambda desk, told: desk.reset(),
}


def kind_of(data: bytes) -> str:
    """By the first bytes: what somebody says it is does not count."""
    return next((kind for head, kind in PICTURES.items() if data.startswith(head)), "application/octet-stream")


@asynccontextmanager
async def page_of(desk: Desk, port: int) -> AsyncIterator[str]:
    """Serve the page; its address."""
    await desk.start()
    runner = web.AppRunner(Page(desk).app(), access_log=None, shutdown_timeout=0.5)
    try:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        desk.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield desk.base
    finally:
        await runner.cleanup()
        await desk.stop()


async def serve_page(project: Path, settings: Settings, port: int, announce: Callable[[str], None]) -> None:
    """Serve until cancelled."""
    bot = await asyncio.to_thread(load_bot, project, settings)
    async with page_of(Desk(project, settings, bot), port) as url:
        announce(url)
        await asyncio.Event().wait()
