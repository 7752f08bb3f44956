"""Rasa's Socket.IO channel (Engine.IO 4): web chats that were written for Rasa talk to us unchanged.

https://rasa.com/docs/rasa/connectors/your-own-website#websocket-channel. A session is a conversation; whoever asks for
it by its id hears its answers, also those that come later, and after a reload.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Any

import jwt
import socketio
from aiohttp import web

from adapters.message import Address, Json, Message, Reply, Text
from adapters.web import LIVE, REST_BODY_BYTES, SENDER_CHARS, rest_items
from bot.inbox import Busy
from bot.store import StoreDown
from bot.turn import Turn
from bot.web.site import Site
from bot.web.throttle import Throttle
from config.credentials import SocketIo

GOODBYE_S = 1.0
"""How long clients have to close their connections at a shutdown."""
BURST, PER_S = 20, 2.0
"""So many messages a client may say at once, and then so many a second."""


class SocketIoChannel:
    """Serves `socketio:` of credentials.yml on an aiohttp application."""

    def __init__(self, site: Site, settings: SocketIo) -> None:
        self._site, self._settings = site, settings
        origins = "*" if site.origins.anyone else [*site.origins.allowed] or None
        self._io = socketio.AsyncServer(
            async_mode="aiohttp", cors_allowed_origins=origins, max_http_buffer_size=REST_BODY_BYTES
        )
        self._space = settings.namespace or "/"
        self._throttle = Throttle(BURST, PER_S, site.clock)
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._rooms: dict[str, str] = {}
        self._said: dict[str, set[str]] = {}
        """The turns whose answers a session has been given."""
        for name, handler in (
            ("connect", self._connect),
            ("disconnect", self._disconnect),
            ("session_request", self._session_request),
            (settings.user_message_evt, self._user_uttered),
        ):
            self._io.on(name, handler, namespace=self._space)

    def attach(self, app: web.Application) -> None:
        self._io.attach(app, socketio_path=self._settings.socketio_path.strip("/"))
        app.router.add_get("/webhooks/socketio/", _health)
        app.on_shutdown.append(self._close)

    async def _close(self, app: web.Application) -> None:
        for task in self._watching.values():
            task.cancel()
        if self._io.eio.sockets:
            # clients are told to come back later, rather than left to wait for an answer to their poll
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._io.eio.disconnect()
        await self._io.shutdown()

    async def _connect(self, sid: str, environ: Mapping[str, Any], auth: Any = None) -> bool:
        """False refuses the connection."""
        secret = self._settings.jwt_key.get_secret_value() if self._settings.jwt_key else ""
        if not secret:
            return True
        token = auth.get("token") if isinstance(auth, Mapping) else None
        try:
            jwt.decode(str(token or ""), secret, algorithms=[self._settings.jwt_method])
        except jwt.PyJWTError:
            return False
        return True

    async def _disconnect(self, sid: str, *reason: Any) -> None:
        session = self._rooms.pop(sid, "")
        if session and session not in self._rooms.values():
            task = self._watching.pop(session, None)
            if task is not None:
                task.cancel()
            self._said.pop(session, None)

    async def _session_request(self, sid: str, data: Any = None) -> None:
        """A client asks for a session of its own, or for the one it had before a reload."""
        given = data.get("session_id") if isinstance(data, Mapping) else None
        session = str(given) if _is_id(given) else uuid.uuid4().hex
        await self._enter(sid, session if self._settings.session_persistence else sid, confirm=session)

    async def _enter(self, sid: str, session: str, confirm: str = "") -> None:
        self._rooms[sid] = session
        await self._io.enter_room(sid, session, namespace=self._space)
        if session not in self._watching:
            news = self._site.store.watch(_address(session).conversation)
            self._watching[session] = asyncio.create_task(self._tell(session, news))
        if confirm:
            await self._io.emit("session_confirm", confirm, to=sid, namespace=self._space)

    async def _user_uttered(self, sid: str, data: Any = None) -> None:
        """`{"message", "session_id"?, "metadata"?}`; what is no such thing is passed over, as by Rasa."""
        text = data.get("message") if isinstance(data, Mapping) else None
        if not isinstance(data, Mapping) or not isinstance(text, str) or not self._throttle.allows(sid):
            return
        session = sid
        if self._settings.session_persistence:
            given = data.get("session_id")
            if not _is_id(given):
                return  # a client that keeps sessions has to say which one
            session = str(given)
        if self._rooms.get(sid) != session:
            await self._enter(sid, session)
        metadata = _metadata(data.get(self._settings.metadata_key))
        raw: Json = {"metadata": metadata} if metadata else None
        message = Message(uuid.uuid4().hex, _address(session), Text(text), self._site.clock(), raw=raw)
        with suppress(StoreDown, Busy):
            await self._site.inbox.accept(message, LIVE)

    async def _tell(self, session: str, news: AsyncIterator[Turn]) -> None:
        """Says the answers of a conversation for as long as somebody is there."""
        said = self._said.setdefault(session, set())
        with suppress(StoreDown):
            async for turn in news:
                if turn.replies and turn.id not in said:
                    said.add(turn.id)
                    await self._say(session, await self._site.shown(turn.replies))

    async def _say(self, session: str, replies: Any) -> None:
        for item in items_of(session, replies):
            await self._io.emit(self._settings.bot_message_evt, item, room=session, namespace=self._space)


def items_of(session: str, replies: list[Reply]) -> Iterator[dict[str, Json]]:
    """Rasa's `bot_uttered`: buttons as quick replies, a picture as an attachment, a custom payload by itself."""
    for item in rest_items(session, replies):
        match item:
            case {"buttons": buttons, "text": text}:
                *before, last = text.strip().split("\n\n")
                yield from ({"text": part, "quick_replies": []} for part in before if part.strip())
                yield {"text": last, "quick_replies": [{"content_type": "text", **button} for button in buttons]}
            case {"image": src}:
                yield {"attachment": {"type": "image", "payload": {"src": src}}}
            case {"custom": {"data": data, **more}} if more.keys() <= {"room", "to"}:
                yield data  # as Rasa, which hands the payload to `emit`
            case {"custom": custom}:
                yield custom if isinstance(custom, dict) else {"custom": custom}
            case _:
                yield {key: value for key, value in item.items() if key != "recipient_id"}


def _metadata(given: Any) -> Json:
    """What the page sends along, which may be JSON as text."""
    if not isinstance(given, str):
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        return None


def _address(session: str) -> Address:
    return Address("socketio", "main", session, session)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= SENDER_CHARS


async def _health(request: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})
