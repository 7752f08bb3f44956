"""All web routes of the service, put on an aiohttp application."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from bot import __version__
from bot.web.assets import Asset, answer, load_assets
from bot.web.chat import Chat
from bot.web.console import Console
from bot.web.media import Files
from bot.web.rest import Rest
from bot.web.site import Site


def mount(app: web.Application, site: Site) -> None:
    """REST, the chat page, its widget and the console. The store must be open while the application serves; open
    pages are told to come back later when it shuts down."""
    assets = load_assets()
    chat, console = Chat(site, assets["chat.html"]), Console(site)
    app.add_routes(chat.routes())
    app.add_routes(console.routes())
    if site.media is not None:
        app.add_routes(Files(site.media, site.clock).routes())
    if site.rest:
        app.add_routes(Rest(site).routes())

    async def home(request: web.Request) -> web.Response:
        """People are shown the chat page; programs are told what answers here."""
        if "text/html" in request.headers.get("Accept", ""):
            raise web.HTTPFound("/chat")
        return web.Response(text=site.greeting or f"Hello from Yingda: {__version__}")

    app.add_routes([web.get("/", home), *_files(assets)])

    async def goodbye(app: web.Application) -> None:
        await chat.close()
        console.close()

    app.on_shutdown.append(goodbye)


def _files(assets: Mapping[str, Asset]) -> list[web.RouteDef]:
    """`/static/<name>`; the widget also at `/widget.js`, the address that other sites have in their pages."""

    async def static(request: web.Request) -> web.Response:
        asset = assets.get(request.match_info["name"])
        return answer(request, asset) if asset else web.Response(status=404, text="not found")

    async def widget(request: web.Request) -> web.Response:
        return answer(request, assets["widget.js"], {"Cross-Origin-Resource-Policy": "cross-origin"})

    return [web.get("/static/{name}", static), web.get("/widget.js", widget)]
