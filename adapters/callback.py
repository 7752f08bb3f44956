"""Rasa's callback channel: what the bot says is posted to a URL of yours, item by item.

https://rasa.com/docs/rasa/connectors/your-own-website#callbackinput. Unlike Rasa's, a post that fails is made again:
each carries an `Idempotency-Key`, by which a repeated one is known. Messages come in by `bot/web/callback.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit, urlunsplit

from adapters.channel import Judgement, Outgoing, Parsed, Rate, Reject, Request, Route, Token
from adapters.message import Address, Message, Reply
from adapters.web import REST_LIMITS, rest_items
from config.credentials import CallbackAccount

PASSES = frozenset((408, 425, 429))
"""Statuses below 500 that pass by waiting."""


class Callback:
    """The codec of the account that credentials.yml calls `account`."""

    name = "callback"
    limits = push_limits = REST_LIMITS
    token_key = ""

    def __init__(self, account: str, settings: CallbackAccount) -> None:
        self.account = account
        self._settings = settings

    def parse(self, request: Request, now: float) -> Parsed:
        return Reject(404, "messages are posted to /webhooks/callback/webhook")

    def push_routes(self, address: Address, message: Message | None, now: float) -> tuple[Route, ...]:
        return (Route("push", {"way": "callback", "to": address.user}),)

    def rates(self, route: Route) -> tuple[Rate, ...]:
        return ()

    def render(self, replies: Sequence[Reply], route: Route) -> list[Outgoing]:
        """A call for each item: a text with blank lines, or a card with a picture, is several."""
        url, headers = self._url(), self._headers()
        calls: list[Outgoing] = []
        for item in rest_items(route.data.get("to", ""), replies):
            of = f"{route.data.get('turn', '')}/{route.data.get('part', '')}/{len(calls)}"
            key = hashlib.sha256(of.encode()).hexdigest()[:32]
            body = json.dumps(item).encode()
            named = {**headers, "Idempotency-Key": key}
            calls.append(Outgoing(body, "application/json", url, headers=named, needs_token=False))
        return calls

    def _url(self) -> str:
        token = self._settings.token.get_secret_value()
        if not token:
            return self._settings.url
        parts = urlsplit(self._settings.url)
        query = "&".join(filter(None, (parts.query, urlencode({"token": token}))))
        return urlunsplit(parts._replace(query=query))

    def _headers(self) -> dict[str, str]:
        headers = {name: value.get_secret_value() for name, value in self._settings.headers.items()}
        login = {name: value.get_secret_value() for name, value in self._settings.basic_auth.items()}
        if not login.get("username"):
            return headers
        pair = f"{login['username']}:{login.get('password', '')}"
        return {**headers, "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    def judge(self, status: int, body: bytes) -> Judgement:
        if 200 <= status < 300:
            return Judgement("ok")
        told = f"the callback url answered {status}"
        if status >= 500 or status in PASSES:
            return Judgement("retry", told, str(status))
        return Judgement("config", f"{told}: see callback in credentials.yml", str(status))

    def token_request(self) -> Outgoing:
        raise NotImplementedError("the callback channel has no access token")

    def token_of(self, body: bytes, now: float) -> Token | Judgement:
        return Judgement("config", "the callback channel has no access token")

    def with_token(self, outgoing: Outgoing, token: str) -> Outgoing:
        return outgoing
