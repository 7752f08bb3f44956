"""Who may use the HTTP API: `?token=`, or a JWT whose `user` has the role admin, or user for their own conversation.

https://rasa.com/docs/rasa/http-api#security-considerations.
"""

from __future__ import annotations

import functools
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from aiohttp import web

from bot.inbox import Busy
from bot.store import StoreDown
from bot.web.rasa.answers import Refusal

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_DOCS = "https://rasa.com/docs/rasa/http-api#security-considerations"


@dataclass(frozen=True, slots=True)
class Auth:
    """Without token and secret everybody may do everything, as in Rasa: the service is started so for its own
    machine alone."""

    token: str = ""
    jwt_secret: str = ""
    jwt_method: str = "HS256"

    def check(self, request: web.Request) -> None:
        """Raises `Refusal` where the request may not be served."""
        if not self.token and not self.jwt_secret:
            return
        given = request.query.get("token", "")
        if self.token and hmac.compare_digest(given.encode(), self.token.encode()):
            return
        if not self.jwt_secret:
            raise _unauthorized()
        user = self._user(request.headers.get("Authorization", ""))
        if user.get("role") == "admin":
            return
        conversation = request.match_info.get("id")
        if user.get("role") == "user" and conversation is not None and conversation == user.get("username"):
            return
        raise Refusal(403, "NotAuthorized", "User has insufficient permissions.", help=_DOCS)

    def guarded(self, handler: Handler) -> Handler:
        """`handler` for those who may; what goes wrong is told as Rasa tells it."""

        @functools.wraps(handler)
        async def served(request: web.Request) -> web.StreamResponse:
            try:
                self.check(request)
                return await handler(request)
            except Refusal as refusal:
                return refusal.response()
            except (StoreDown, Busy):
                return Refusal(503, "ServiceUnavailable", "Too busy, or the store does not answer.").response()

        return served

    def _user(self, header: str) -> Mapping[str, Any]:
        scheme, _, encoded = header.partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthorized()
        try:
            payload = jwt.decode(encoded.strip(), self.jwt_secret, algorithms=[self.jwt_method])
        except jwt.PyJWTError:
            raise _unauthorized() from None
        user = payload.get("user")
        return user if isinstance(user, Mapping) else {}


def _unauthorized() -> Refusal:
    return Refusal(401, "NotAuthenticated", "User is not authenticated.", help=_DOCS)
