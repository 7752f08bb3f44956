"""The service with one DingTalk account, before a DingTalk of our own: API, Stream gateway, phones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from pathlib import Path

import aiohttp
from aiohttp import web

from adapters.degrade import fit
from adapters.dingtalk import DingTalk
from adapters.transport import HttpTransport
from bot.line import Lines
from bot.links import LinkTimes
from bot.receive import Webhook
from bot.service import Service
from bot.simulate import Callbacks, DingTalkApi, DingTalkGateway, DingTalkPhone
from bot.sqlite import SqliteStore
from bot.ways import Outlet, Times
from bot.work import Bot
from config.credentials import DingTalkAccount
from tests.delivery.desk import Counter, Effects, understand

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
SPEED = 20.0
"""The vendor's minute is three seconds here."""


@dataclass
class Desk:
    service: Service
    api: DingTalkApi
    gateway: DingTalkGateway
    callbacks: Callbacks
    alerts: asyncio.Queue[str]
    effects: Effects

    def phone(self, **more: object) -> DingTalkPhone:
        """A phone that the bot hears in the mode of its account."""
        wire = self.gateway if self.callbacks.account.mode == "stream" else self.callbacks
        return DingTalkPhone(self.api, wire, **more)  # type: ignore[arg-type]

    async def alerted(self, what: str, timeout_s: float = 10.0) -> None:
        """Wait until people are told of `what`. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while await self.alerts.get() != what:
                pass


def account(api: DingTalkApi, **more: object) -> DingTalkAccount:
    given: dict[str, object] = {
        "client_id": api.client_id,
        "client_secret": api.client_secret,
        "token": "token-of-the-desk",
        "encoding_aes_key": KEY,
        "card_secret": "card-secret",
        "api_base": api.url,
        "oapi_base": api.url,
        "gateway": api.url,
    }
    return DingTalkAccount.model_validate(given | more)


@asynccontextmanager
async def dingtalk(folder: Path, *, connected: bool = True, **more: object) -> AsyncIterator[Desk]:
    """`more`: fields of the account. In Stream mode it begins when the connections are up, unless not `connected`."""
    async with DingTalkApi() as api, DingTalkGateway(api, SPEED) as gateway, aiohttp.ClientSession() as session:
        settings = account(api, **more)
        store = SqliteStore(folder / "store.db")
        await store.open()
        async with served(store, settings, session) as (service, url, alerts, effects):
            desk = Desk(service, api, gateway, Callbacks(url, settings, session), alerts, effects)
            if connected and settings.mode == "stream":
                await gateway.wait_until(lambda: len(gateway.open) == settings.connections)
            yield desk
        await store.close()


@asynccontextmanager
async def served(
    store: SqliteStore, settings: DingTalkAccount, session: aiohttp.ClientSession
) -> AsyncIterator[tuple[Service, str, asyncio.Queue[str], Effects]]:
    alerts: asyncio.Queue[str] = asyncio.Queue()

    async def alert(what: str, text: str) -> None:
        alerts.put_nowait(what)

    channel, lines, effects = DingTalk("main", settings), Lines(), Effects()
    service = Service(
        store=store,
        bot=Bot(understand, Counter(), effects, UTC, "desk-1"),
        fit=fit,
        outlets={("dingtalk", "main"): Outlet(channel)},
        transport=HttpTransport(session, store, asyncio.get_running_loop().time, wires=lines),
        alert=alert,
        times=Times().faster(SPEED),
        jitter=lambda: 0.0,
        sweep_s=0.1,
        lines=lines,
        connect=partial(session.ws_connect, autoping=False, autoclose=False),
        link_times=LinkTimes().faster(SPEED),
    )
    app = web.Application()
    hook = Webhook(channel, service.passive, service.inbox, service.metrics, service.log, service.own_clock)
    app.router.add_route("*", "/webhooks/dingtalk/main", hook.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await service.start()
    try:
        yield service, f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/dingtalk/main", alerts, effects
    finally:
        service.inbox.closed = True
        await runner.cleanup()
        await service.stop(2.0)
