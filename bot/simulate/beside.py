"""The bot served beside its played vendors, on the loopback, for as long as somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiohttp import web

from bot.app import SERVICE, load_bot, make_app
from bot.service import Service
from bot.simulate.phone import Phone
from bot.store import Store
from bot.ways import Times
from bot.work import Bot
from config.credentials import Credentials
from config.settings import Settings
from flows.state import Actions, Dialogue, Heard, Outcome


@dataclass
class Slow:
    """A dialect that takes `seconds` more for each turn; changed while it runs."""

    engine: Any
    seconds: float = 0.0

    async def step(self, dialogue: Dialogue, heard: Heard, actions: Actions) -> Outcome:
        if self.seconds:
            await asyncio.sleep(self.seconds)
        outcome: Outcome = await self.engine.step(dialogue, heard, actions)
        return outcome


def slowed(bot: Bot) -> tuple[Bot, Slow]:
    """The bot, and what makes it slower."""
    slow = Slow(bot.engine)
    return replace(bot, engine=slow), slow


@asynccontextmanager
async def served(
    project: Path,
    settings: Settings,
    phones: Sequence[Phone],
    account: str = "main",
    *,
    bot: Bot | None = None,
    store: Store | None = None,
    speed: float = 1.0,
) -> AsyncIterator[Service]:
    """The vendors of `phones` and the bot, which serves their accounts; each phone knows the bot's webhook. `bot` and
    `store` stand in for the project's own."""
    thinks = bot or await asyncio.to_thread(load_bot, project, settings)
    async with AsyncExitStack() as stack:
        for phone in phones:
            phone.speed = speed
            await stack.enter_async_context(phone)
        accounts = Credentials.model_validate({phone.channel: {account: phone.account} for phone in phones})
        app = await make_app(project, settings, accounts, bot=thinks, store=store, times=Times().faster(speed))
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        for phone in phones:
            phone.webhook = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/{phone.channel}/{account}"
            await phone.reached()
        yield app[SERVICE]
