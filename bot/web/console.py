"""The operators' console: who writes, what was understood, what was answered and whether it arrived. Read-only."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from adapters.message import Address
from bot.store import StoreDown
from bot.turn import Turn
from bot.web.assets import policy
from bot.web.login import COOKIE, STAY_S, Door
from bot.web.site import Site
from bot.web.throttle import Throttle
from bot.web.views import channel, person, row, standing, step

TEMPLATES = Path(__file__).parent / "templates"
LIST_PAGE = 50
TURNS_PAGE = 30
KEEP_ALIVE_S = 15.0
LOGIN_BURST, LOGIN_PER_S = 5, 5 / 60

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Console:
    def __init__(self, site: Site) -> None:
        self._site = site
        self._door = Door(site.console_token, site.clock)
        self._logins = Throttle(LOGIN_BURST, LOGIN_PER_S, site.clock)
        self._streams: set[asyncio.Future[Turn]] = set()
        self._pages = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._pages.filters["percent"] = lambda value: f"{value:.0%}"

    def routes(self) -> list[web.RouteDef]:
        inside = self._inside
        return [
            web.get("/console/login", self.login_page),
            web.post("/console/login", self.login),
            web.post("/console/logout", self.logout),
            web.get("/console", inside(self.page)),
            web.get("/console/list", inside(self.list)),
            web.get("/console/turns", inside(self.turns)),
            web.get("/console/turn", inside(self.turn)),
            web.get("/api/console/events", inside(self.events)),
        ]

    def close(self) -> None:
        """Ends the open event streams."""
        for coming in set(self._streams):
            coming.cancel()

    # --- the door

    async def login_page(self, request: web.Request) -> web.Response:
        return self._html("login.html", error="", closed=self._door.closed)

    async def login(self, request: web.Request) -> web.Response:
        """The token for a cookie; five tries a minute from one address."""
        if not self._logins.allows(self._site.remote(request)):
            return self._html("login.html", 429, error="尝试次数过多，请一分钟后再试", closed=self._door.closed)
        form = await request.post() if _same_site(request) else {}
        if not self._door.knows(str(form.get("token", ""))):
            return self._html("login.html", 401, error="令牌不正确", closed=self._door.closed)
        response = web.Response(status=303, headers={"Location": "/console"})
        response.set_cookie(
            COOKIE, self._door.cookie(), max_age=STAY_S, httponly=True, samesite="Lax", secure=_by_https(request)
        )
        return response

    async def logout(self, request: web.Request) -> web.Response:
        if _same_site(request):
            self._door.revoke(request.cookies.get(COOKIE, ""))
        response = web.Response(status=303, headers={"Location": "/console/login"})
        response.del_cookie(COOKIE, path="/")
        return response

    def _inside(self, handler: Handler) -> Handler:
        """Behind the door. A page leads to the login, a script is told 401; a store that is down is told as such."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            if not self._door.admits(request.cookies.get(COOKIE, "")):
                if request.path == "/console":
                    return web.Response(status=303, headers={"Location": "/console/login"})
                return web.Response(status=401, text="log in first")
            try:
                return await handler(request)
            except StoreDown:
                return self._html("down.html", 503)

        return guarded

    # --- pages

    async def page(self, request: web.Request) -> web.Response:
        """The conversation list, and beside it the transcript of `?c=<conversation>`."""
        key = request.query.get("c", "")
        return self._html("console.html", key=key, **await self._rows(request), **await self._transcript(key))

    async def list(self, request: web.Request) -> web.Response:
        """The list alone, for the script: `?before=` for the next page, `?c=` for the one that is open, `?waiting=1`
        for those who wait for a human alone."""
        return self._html("list.html", key=request.query.get("c", ""), **await self._rows(request))

    async def turns(self, request: web.Request) -> web.Response:
        """Earlier turns of `?c=`, those before `?before=`."""
        return self._html("turns.html", **await self._transcript(request.query.get("c", ""), _time(request)))

    async def turn(self, request: web.Request) -> web.Response:
        """One turn as it is now, and where its conversation stands: `?id=`."""
        found = await self._site.store.turn(request.query.get("id", ""))
        if found is None:
            return web.Response(status=404, text="no such turn")
        session = await self._site.store.session(found.conversation)
        return self._html("turn.html", turns=[self._step(found)], standing=standing(session))

    async def _rows(self, request: web.Request) -> dict[str, Any]:
        """Those who wait for a human come first within the page."""
        only = request.query.get("waiting", "") == "1"
        found = await self._site.store.conversations(before=_time(request), limit=LIST_PAGE, waiting=only)
        rows = [row(conversation, self._site.clock(), self._site.timezone) for conversation in found]
        rows.sort(key=lambda shown: not shown.waiting)
        older = min(conversation.latest.at for conversation in found) if len(found) >= LIST_PAGE else 0
        return {"rows": rows, "older": older, "waiting": sum(shown.waiting for shown in rows), "only": only}

    async def _transcript(self, key: str, before: float = 0.0) -> dict[str, Any]:
        if not key:
            return {"turns": [], "more": 0, "standing": standing(None), "who": "", "where": ""}
        found = await self._site.store.turns(key, before=before, limit=TURNS_PAGE)
        session = await self._site.store.session(key)
        more = found[0].at if len(found) >= TURNS_PAGE else 0
        address = _address(key)
        who = person(found[-1] if found else None, address) if address else key
        where = channel(address) if address else ""
        steps = [self._step(turn) for turn in found]
        return {"turns": steps, "more": more, "standing": standing(session), "who": who, "where": where}

    def _step(self, turn: Turn) -> object:
        return step(turn, self._site.clock(), self._site.timezone)

    # --- news

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: `{"id", "conversation", "status"}` of each turn that changes."""
        response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        response.content_type = "text/event-stream"
        turns = self._site.store.watch()
        await response.prepare(request)
        coming = asyncio.ensure_future(anext(turns))
        self._streams.add(coming)
        try:
            await response.write(b"retry: 2000\n\n")
            while True:
                done, _ = await asyncio.wait({coming}, timeout=KEEP_ALIVE_S)
                await response.write(_event(coming.result()) if done else b": still here\n\n")
                if done:
                    self._streams.discard(coming)
                    self._streams.add(coming := asyncio.ensure_future(anext(turns)))
        except (ConnectionError, StopAsyncIteration, StoreDown, asyncio.CancelledError):
            return response  # the browser comes back by itself
        finally:
            self._streams.discard(coming)
            coming.cancel()

    def _html(self, template: str, status: int = 200, **values: Any) -> web.Response:
        text = self._pages.get_template(template).render(**values)
        headers = {**policy("'none'"), "Cache-Control": "no-store"}
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def _event(turn: Turn) -> bytes:
    data = {"id": turn.id, "conversation": turn.conversation, "status": turn.status}
    return f"data: {json.dumps(data)}\n\n".encode()


def _time(request: web.Request) -> float:
    try:
        return max(0.0, float(request.query.get("before", "0")))
    except ValueError:
        return 0.0


def _address(key: str) -> Address | None:
    try:
        return Address.of(key)
    except ValueError:
        return None


def _same_site(request: web.Request) -> bool:
    origin = request.headers.get("Origin", "")
    return not origin or urlsplit(origin).netloc == request.host


def _by_https(request: web.Request) -> bool:
    """Also behind a proxy that speaks TLS for us. Who forges the header only keeps his own cookie from plain HTTP."""
    return request.secure or request.headers.get("X-Forwarded-Proto", "") == "https"
