"""Rasa's REST channel: a client written for Rasa 3 talks to us unchanged."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping

from aiohttp import web

from adapters.channel import Reject
from adapters.message import Json
from adapters.web import LIVE, REST_BODY_BYTES, RestCall, read_rest, rest_items
from bot.inbox import Busy
from bot.store import StoreDown
from bot.web.site import Site

CORS_MAX_AGE_S = 600


class Rest:
    """`GET /webhooks/rest/` and `POST /webhooks/rest/webhook`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/webhooks/rest/", self.health),
            web.post("/webhooks/rest/webhook", self.webhook),
            web.options("/webhooks/rest/webhook", self.preflight),
        ]

    async def health(self, request: web.Request) -> web.Response:
        return json_response({"status": "ok"})

    async def preflight(self, request: web.Request) -> web.Response:
        """The browser asks before a page of another site may post."""
        allowed = self._site.origins.cors(request.headers.get("Origin", ""))
        if not allowed:
            return web.Response(status=403)
        more = {
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": "Content-Type",
            "Access-Control-Max-Age": str(CORS_MAX_AGE_S),
        }
        return web.Response(status=204, headers={**allowed, **more})

    async def webhook(self, request: web.Request) -> web.StreamResponse:
        """One message in, its answers out as a JSON list; with `?stream=true` one JSON object a line."""
        origin = request.headers.get("Origin", "")
        cors = self._site.origins.cors(origin)
        if not self._site.origins.admits(origin, request.host):
            return refusal(403, "pages of this origin may not use the bot: see YINGDA_CORS_ORIGINS", cors)
        call = read_rest(await capped(request))
        if isinstance(call, Reject):
            return refusal(call.status, call.reason, cors)
        items = await self._answers(call)
        if isinstance(items, Reject):
            return refusal(items.status, items.reason, cors)
        if request.query.get("stream", "").lower() in ("true", "1", "yes"):
            return await _stream(request, items, cors)
        return json_response(items, headers=cors)

    async def _answers(self, call: RestCall) -> list[dict[str, Json]] | Reject:
        if not call.text:
            return []
        inbox = self._site.inbox
        try:
            turn = await inbox.accept(call.message(uuid.uuid4().hex, self._site.clock()), LIVE)
            done = await inbox.ready(turn.id, self._site.rest_wait_s)
        except (StoreDown, Busy):
            return Reject(503, "too busy, or the store does not answer: send the message again later")
        if done is None:
            return Reject(504, f"no answer within {self._site.rest_wait_s:.0f} s")
        return rest_items(call.sender, await self._site.shown(done.replies))


async def capped(request: web.Request) -> bytes:
    """At most one byte more than is taken, which is enough to know that it is too much."""
    body = bytearray()
    async for piece in request.content.iter_chunked(8192):
        body += piece
        if len(body) > REST_BODY_BYTES:
            break
    return bytes(body[: REST_BODY_BYTES + 1])


def json_response(data: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    # ASCII, no blanks, no charset: byte for byte what Rasa sends
    body = json.dumps(data, separators=(",", ":")).encode()
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def refusal(status: int, reason: str, headers: Mapping[str, str]) -> web.Response:
    title = {400: "Bad Request", 403: "Forbidden", 413: "Payload Too Large"}.get(status, "Service Unavailable")
    return json_response({"description": title, "status": status, "message": reason}, status, headers)


async def _stream(request: web.Request, items: list[dict[str, Json]], headers: Mapping[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(headers=headers)
    response.content_type = "text/event-stream"
    response.enable_chunked_encoding()
    await response.prepare(request)
    for item in items:
        await response.write(json.dumps(item).encode() + b"\n")
    await response.write_eof()
    return response
