"""Rasa's callback channel, the way in: `success` once the message has been thought about; what is said to it is posted
to the url of credentials.yml (`adapters/callback.py`)."""

from __future__ import annotations

import uuid

from aiohttp import web

from adapters.channel import Reject
from adapters.web import read_rest
from bot.inbox import Busy
from bot.store import StoreDown
from bot.web.rest import capped, json_response, refusal
from bot.web.site import Site


class CallbackInput:
    """`GET /webhooks/callback/` and `POST /webhooks/callback/webhook`."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/webhooks/callback/", self.health),
            web.post("/webhooks/callback/webhook", self.webhook),
        ]

    async def health(self, request: web.Request) -> web.Response:
        return json_response({"status": "ok"})

    async def webhook(self, request: web.Request) -> web.Response:
        call = read_rest(await capped(request))
        if isinstance(call, Reject):
            return refusal(call.status, call.reason, {})
        if not call.text:
            return web.Response(text="success")
        message = call.message(uuid.uuid4().hex, self._site.clock(), "callback")
        try:
            turn = await self._site.inbox.accept(message)
            # what takes longer is answered all the same: it is posted, not waited for
            await self._site.inbox.ready(turn.id, self._site.rest_wait_s)
        except (StoreDown, Busy):
            return refusal(503, "too busy, or the store does not answer: send the message again later", {})
        return web.Response(text="success")
