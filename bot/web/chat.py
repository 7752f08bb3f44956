"""The chat page over a WebSocket. What is said is durable before it is acknowledged; the page repeats until it is."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from weakref import WeakSet

from aiohttp import WSCloseCode, WSMsgType, web

from adapters.message import Address, Json, Text
from adapters.web import LIVE, Earlier, Frame, Hello, Ping, Refused, Say, Sync, bubbles, read_frame, visitor
from bot.inbox import Busy
from bot.store import StoreDown
from bot.turn import Turn
from bot.web.assets import Asset, answer, policy
from bot.web.site import Site
from bot.web.throttle import Throttle

FRAME_BYTES = 32 * 1024
HELLO_S = 10.0
HEARTBEAT_S = 30.0
PAGE_TURNS = 30
VISITOR_BURST, VISITOR_PER_S = 20, 2.0
ADDRESS_BURST, ADDRESS_PER_S = 200, 20.0
"""A whole office may sit behind one address, so it may say ten times what one visitor may."""


class Chat:
    """`GET /chat` and `GET /chat/ws`."""

    def __init__(self, site: Site, page: Asset) -> None:
        self._site, self._page = site, page
        self._open: WeakSet[web.WebSocketResponse] = WeakSet()
        self._visitors = Throttle(VISITOR_BURST, VISITOR_PER_S, site.clock)
        self._addresses = Throttle(ADDRESS_BURST, ADDRESS_PER_S, site.clock)

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/chat", self.page), web.get("/chat/ws", self.socket)]

    async def page(self, request: web.Request) -> web.Response:
        return answer(request, self._page, policy(self._site.origins.frame_ancestors))

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """One open page: hello, the newest turns, then both ways until either side leaves."""
        origin = request.headers.get("Origin", "")
        if not self._site.origins.admits(origin, request.host):
            return web.Response(status=403, text="pages of this origin may not use the bot: see YINGDA_CORS_ORIGINS")
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=FRAME_BYTES)
        await socket.prepare(request)
        hello = await _hello(socket)
        if hello is None:
            await socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"hello first")
            return socket
        key = hello.key or secrets.token_hex(16)
        page = Page(self._site, socket, visitor(key))
        self._open.add(socket)
        with suppress(ConnectionError):
            try:
                await self._serve(page, key, self._site.remote(request))
            except StoreDown:
                await page.come_back()
        return socket

    async def _serve(self, page: Page, key: str, remote: str) -> None:
        news = self._site.store.watch(page.conversation)  # before the history is read, so that nothing falls between
        await page.welcome(key)
        telling = asyncio.create_task(page.tell(news))
        try:
            await self._listen(page, remote)
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def close(self) -> None:
        """Tells every open page to come back later."""
        goodbyes = (page.close(code=WSCloseCode.GOING_AWAY, message=b"restarting") for page in set(self._open))
        await asyncio.gather(*goodbyes, return_exceptions=True)

    async def _listen(self, page: Page, remote: str) -> None:
        async for packet in page.socket:
            if packet.type is not WSMsgType.TEXT:
                break
            frame = read_frame(packet.data)
            if isinstance(frame, Say) and not (self._visitors.allows(page.visitor) and self._addresses.allows(remote)):
                await page.refuse("您发送得太快了，稍后自动重试…", frame.id, again=True)
            else:
                await page.heard(frame)


@dataclass(frozen=True, slots=True)
class Page:
    """One visitor's open page."""

    site: Site
    socket: web.WebSocketResponse
    visitor: str

    @property
    def conversation(self) -> str:
        return Address("web", "main", self.visitor, self.visitor).conversation

    async def welcome(self, key: str) -> None:
        await self._history("welcome", key=key)

    async def heard(self, frame: Frame | Refused) -> None:
        match frame:
            case Say():
                await self._say(frame)
            case Earlier(before):
                await self._history("earlier", before)
            case Sync():
                await self._history("latest")
            case Ping():
                await self.socket.send_json({"type": "pong"})
            case Refused():
                await self.refuse("消息太长了，请分几次发送" if frame.too_long else "这条消息无法发送", frame.id)
            case Hello():
                pass  # said once; a page that says it again is told nothing new

    async def refuse(self, why: str, id: str = "", *, again: bool = False) -> None:
        """`again`: the page shall repeat it by itself after a while."""
        await self.socket.send_json({"type": "refuse", "id": id, "again": again, "text": why})

    async def tell(self, news: AsyncIterator[Turn]) -> None:
        """Sends what happens in the conversation for as long as the page is open."""
        with suppress(ConnectionError):
            with suppress(StoreDown):
                async for turn in news:
                    await self.socket.send_json({"type": "turn", "turn": await self._shown(turn)})
            await self.come_back()

    async def come_back(self) -> None:
        """The page returns with its backoff, and by then there may be a store to read."""
        await self.socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"store down")

    async def _say(self, say: Say) -> None:
        try:
            turn = await self.site.inbox.accept(say.message(self.visitor, self.site.clock()), LIVE)
        except (StoreDown, Busy):
            await self.refuse("服务器繁忙，稍后自动重试…", say.id, again=True)
        else:
            await self.socket.send_json({"type": "ack", "id": say.id})
            if turn.status != "new":  # said again because the page missed all of it: there will be no news of it
                await self.socket.send_json({"type": "turn", "turn": await self._shown(turn)})

    async def _shown(self, turn: Turn) -> dict[str, Json]:
        return shown(replace(turn, replies=tuple(await self.site.shown(turn.replies))))

    async def _history(self, kind: str, before: float = 0.0, **more: Json) -> None:
        turns = await self.site.store.turns(self.conversation, before=before, limit=PAGE_TURNS)
        earlier = len(turns) >= PAGE_TURNS
        await self.socket.send_json(
            {"type": kind, "turns": [await self._shown(turn) for turn in turns], "more": earlier, **more}
        )


async def _hello(socket: web.WebSocketResponse) -> Hello | None:
    with suppress(asyncio.TimeoutError, TypeError):
        frame = read_frame(await socket.receive_str(timeout=HELLO_S))
        return frame if isinstance(frame, Hello) else None
    return None


def shown(turn: Turn) -> dict[str, Json]:
    """A turn as the page draws it: what the visitor said, and the answers once they are final."""
    message = turn.message
    said = ""
    if message is not None and isinstance(message.content, Text):
        said = message.raw["title"] if isinstance(message.raw, dict) and "title" in message.raw else message.text
    return {
        "id": turn.id, "say": message.id if message else "", "at": turn.at, "status": turn.status, "said": said,
        "by": "operator" if turn.kind == "operator" else "bot", "bubbles": bubbles(turn.replies),
    }  # fmt: skip
