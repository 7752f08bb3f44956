"""How Rasa answers: its JSON, and its errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aiohttp import web

VERSION = "3.6.21"
"""The Rasa whose API this is; clients compare it with their own."""
MOST_BYTES = 32 * 1024 * 1024


class Refusal(Exception):
    """An error as Rasa's clients know it. `reason` is a word such as BadRequest, `details` which parameter is meant."""

    def __init__(
        self, status: int, reason: str, message: str, details: Mapping[str, Any] | None = None, help: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.message = status, reason, message
        self.details, self.help = dict(details or {}), help

    def response(self) -> web.Response:
        return answer(
            {
                "version": VERSION,
                "status": "failure",
                "message": self.message,
                "reason": self.reason,
                "details": self.details,
                "help": self.help,
                "code": self.status,
            },
            self.status,
        )


def bad(message: str, parameter: str = "", where: str = "body") -> Refusal:
    details = {"parameter": parameter, "in": where} if parameter else {}
    return Refusal(400, "BadRequest", message, details)


def answer(data: Any, status: int = 200) -> web.Response:
    # ASCII, no blanks, no charset, the slash escaped: byte for byte as Rasa sends it
    body = json.dumps(data, separators=(",", ":")).replace("/", "\\/").encode()
    return web.Response(body=body, status=status, content_type="application/json")


async def whole(request: web.Request) -> bytes:
    """The whole body, however it comes in. Raises `Refusal` where it is too long."""
    body = bytearray()
    async for piece in request.content.iter_chunked(65536):
        body += piece
        if len(body) > MOST_BYTES:
            raise Refusal(413, "BadRequest", f"The request body has more than {MOST_BYTES} bytes.")
    return bytes(body)


async def body_of(request: web.Request) -> Any:
    """The request's JSON; None where there is none. Raises `Refusal`."""
    raw = await whole(request)
    if not raw:
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise bad(f"The request body does not contain valid JSON: {error}") from None
