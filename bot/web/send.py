"""`/api/send`: broadcasts by HTTP, for those who have the token."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import orjson
from aiohttp import web
from pydantic import ValidationError

from adapters.message import Json
from bot.broadcast.board import Board, TakenId
from bot.broadcast.forecast import Forecaster
from bot.broadcast.model import Wish
from bot.broadcast.order import Desk, Order, prepare
from bot.broadcast.shown import forecast_data, standing_data
from bot.store import StoreDown
from config.source import BadProject

MAX_BODY_BYTES = 16 * 1024 * 1024
"""Some hundred thousand people."""
WISHES: Mapping[str, Wish] = {"pause": "pause", "resume": "run", "cancel": "cancel"}

Handler = Callable[[web.Request], Awaitable[web.Response]]


@dataclass(frozen=True)
class SendApi:
    """`desk` gives what orders are checked against, as the bot is now."""

    token: str
    desk: Callable[[], Desk]
    forecaster: Forecaster
    board: Board
    clock: Callable[[], float]
    timezone: ZoneInfo

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/api/send", self._guarded(self.create)),
            web.get("/api/send", self._guarded(self.list)),
            web.get("/api/send/{id}", self._guarded(self.show)),
            web.post("/api/send/{id}/{wish:pause|resume|cancel}", self._guarded(self.steer)),
        ]

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: web.Request) -> web.Response:
            given = request.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode("utf-8", "replace"), f"Bearer {self.token}".encode()):
                return _refusal(401, "send the header Authorization: Bearer <YINGDA_API_TOKEN>")
            try:
                return await handler(request)
            except StoreDown:
                return _refusal(503, "the store does not answer: ask again later")

        return guarded

    async def create(self, request: web.Request) -> web.Response:
        """201 with the broadcast and its forecast; with `?dry_run=1` 200 and the forecast alone."""
        body = await _read(request)
        if body is None:
            return _refusal(413, f"the order has more than {MAX_BODY_BYTES} bytes: send several with ids of their own")
        try:
            order = await asyncio.to_thread(_order, body)
            made = await prepare(order, self.desk(), self.clock())
        except orjson.JSONDecodeError as error:
            return _refusal(400, f"the body is not JSON: {error}")
        except ValidationError as error:
            return _refusal(422, *(_said(each["loc"], each["msg"]) for each in error.errors(include_url=False)))
        except BadProject as bad:
            return _refusal(422, *(f"{each.what} — {each.mend}" if each.mend else each.what for each in bad.problems))
        forecast = await self.forecaster.tell(made.broadcast, made.people, self.clock(), template=made.template)
        told = {"forecast": forecast_data(forecast), "repeated": made.repeated}
        if request.query.get("dry_run", "") in ("1", "true"):
            return _json({"id": made.broadcast.id, **told})
        try:
            broadcast = await self.board.put(made.broadcast, made.people)
        except TakenId as taken:
            return _refusal(409, str(taken))
        return _json({**standing_data(await self.board.standing(broadcast), self.timezone), **told}, 201)

    async def list(self, request: web.Request) -> web.Response:
        found = [await self.board.standing(broadcast) for broadcast in await self.board.all()]
        return _json([standing_data(each, self.timezone) for each in found])

    async def show(self, request: web.Request) -> web.Response:
        broadcast = await self.board.find(request.match_info["id"])
        if broadcast is None:
            return _refusal(404, "there is no broadcast of this id")
        return _json(standing_data(await self.board.standing(broadcast), self.timezone))

    async def steer(self, request: web.Request) -> web.Response:
        if await self.board.find(request.match_info["id"]) is None:
            return _refusal(404, "there is no broadcast of this id")
        if not await self.board.steer(request.match_info["id"], WISHES[request.match_info["wish"]]):
            return _refusal(409, "it is cancelled for good: send a new one with another id")
        return await self.show(request)


def _order(body: bytes) -> Order:
    return Order.model_validate(orjson.loads(body))


async def _read(request: web.Request) -> bytes | None:
    body = bytearray()
    async for piece in request.content.iter_chunked(65536):
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _said(loc: tuple[int | str, ...], what: str) -> str:
    where = ".".join(map(str, loc))
    what = what.removeprefix("Value error, ")
    return f"{where}: {what}" if where else what


def _json(data: Json, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(data), status=status, content_type="application/json")


def _refusal(status: int, *errors: str) -> web.Response:
    return _json({"errors": list(errors)}, status)
