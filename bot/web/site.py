"""Everything that the web pages need from the rest of the service, as one value."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from aiohttp import web

from adapters.message import Reply
from bot.inbox import Inbox
from bot.media.media import Media
from bot.store import Store
from bot.web.origins import Origins


def peer(request: web.Request) -> str:
    """The address that the request comes from, where no proxy is trusted."""
    return request.remote or ""


@dataclass(frozen=True, slots=True)
class Site:
    """`clock` gives epoch seconds; `remote` the client's address (behind trusted proxies: the one they name).
    `rest` serves Rasa's REST channel; an empty `console_token` closes the console."""

    store: Store
    inbox: Inbox
    console_token: str = ""
    origins: Origins = field(default_factory=Origins)
    timezone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Asia/Shanghai"))
    clock: Callable[[], float] = time.time
    remote: Callable[[web.Request], str] = peer
    rest: bool = True
    greeting: str = ""
    """What `/` says to programs; empty: who we are."""
    rest_wait_s: float = 60.0
    media: Media | None = None

    async def shown(self, replies: Sequence[Reply]) -> Sequence[Reply]:
        """`replies` as pages may show them: the bot's own files by addresses of this service."""
        return await self.media.shown(replies) if self.media is not None else replies
