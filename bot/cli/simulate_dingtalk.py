"""`yingda simulate dingtalk`: somebody of a company talks with the bot in DingTalk, on DingTalk's own wire format."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import click
from aiohttp import web

from bot.app import make_app
from bot.cli.learn import trained
from bot.cli.options import project_option, settings_for
from bot.simulate import Callbacks, DingTalkApi, DingTalkGateway, DingTalkPhone
from bot.simulate.dingtalk import Wire
from config.credentials import Credentials, DingTalkAccount, load_credentials
from config.source import did_you_mean

LOOPBACK = ("127.0.0.1", "localhost", "::1")
CONNECT_S = 60.0
"""How long the bot may take to connect, in Stream mode."""


@click.command()
@click.argument("words", nargs=-1)
@project_option
@click.option("--account", default="main", show_default=True, help="Which account of credentials.yml.")
@click.option("--url", help="The bot's webhook, in HTTP mode.  [default: the address that this project is served at]")
@click.option("--user", default="staff1", show_default=True, help="The person's userid.")
@click.option("--group", default="", help="Write in the group of this conversationId, and mention the bot.")
@click.option("--wait", default=3.0, show_default=True, help="Seconds to wait for answers before leaving.")
def dingtalk(
    words: tuple[str, ...], project: Path, account: str, url: str | None, user: str, group: str, wait: float
) -> None:
    """Send WORDS as somebody in DingTalk would, and print what they would read; without WORDS, talk.

    The account's api_base, oapi_base and gateway must be one address on this machine, where DingTalk is played. A bot
    without a DingTalk account is served for the while with a made-up one, in Stream mode.
    """
    if not asyncio.run(_talk(project, account, url, (user, group), " ".join(words), wait)):
        click.echo("! the bot does not answer DingTalk's callbacks: is it running, and is its client_secret the same?")
        sys.exit(1)


async def _talk(project: Path, name: str, url: str | None, who: tuple[str, str], words: str, wait: float) -> bool:
    """False where the bot did not take what was said."""
    async with AsyncExitStack() as stack:
        api, wire = await stack.enter_async_context(_line(project, name, url))
        phone = DingTalkPhone(api, wire, who[0], group=who[1])
        api.on_read = lambda chat, said: click.echo(f"< {said}") if chat == phone.chat else None
        if words:
            if await phone.says(words) is None:
                return False
        else:
            click.echo("Talking by DingTalk. Ctrl-D ends.", err=True)
            while line := await asyncio.to_thread(sys.stdin.readline):
                if line.strip():
                    await phone.says(line.strip())
        await asyncio.sleep(wait)
    return True


@asynccontextmanager
async def _line(project: Path, name: str, url: str | None) -> AsyncIterator[tuple[DingTalkApi, Wire]]:
    """DingTalk as it is played, and how what is said there reaches the bot."""
    accounts = load_credentials(project).dingtalk
    if not accounts:
        async with _bot_beside(project, name) as line:
            yield line
        return
    if name not in accounts:
        hint = did_you_mean(name, accounts) or "write its keys under 'dingtalk:', see docs/dingtalk.md"
        raise click.UsageError(f"credentials.yml has no DingTalk account '{name}'; {hint}")
    account = accounts[name]
    api = _played(account)
    async with api, DingTalkGateway(api) as gateway, aiohttp.ClientSession() as session:
        if account.mode == "stream":
            click.echo("Waiting for the bot to connect.", err=True)
            await _connected(gateway)
            yield api, gateway
            return
        where = url or f"http://127.0.0.1:{settings_for(project).port}/webhooks/dingtalk/{name}"
        yield api, Callbacks(where, account, session)


def _played(account: DingTalkAccount) -> DingTalkApi:
    bases = {base.rstrip("/") for base in (account.api_base, account.oapi_base, account.gateway)}
    base = urlsplit(min(bases))
    if len(bases) > 1 or base.hostname not in LOOPBACK or not base.port:
        raise click.UsageError(
            "this account speaks with the real DingTalk: set its api_base, oapi_base and gateway to one "
            "address on this machine, e.g. http://127.0.0.1:5010"
        )
    secret = account.client_secret.get_secret_value()
    return DingTalkApi(account.client_id, secret, host=base.hostname, port=base.port)


async def _connected(gateway: DingTalkGateway) -> None:
    try:
        await gateway.wait_until(lambda: bool(gateway.open), CONNECT_S)
    except TimeoutError:
        raise click.ClickException(f"the bot did not connect within {CONNECT_S:g} s: is it running?") from None


@asynccontextmanager
async def _bot_beside(project: Path, name: str) -> AsyncIterator[tuple[DingTalkApi, Wire]]:
    trained(project)
    async with DingTalkApi() as api, DingTalkGateway(api) as gateway:
        keys = {"client_id": api.client_id, "client_secret": api.client_secret}
        bases = dict.fromkeys(("api_base", "oapi_base", "gateway"), api.url)
        account = DingTalkAccount.model_validate(keys | bases)
        app = await make_app(project, settings_for(project), Credentials(dingtalk={name: account}))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            click.echo("No DingTalk account in credentials.yml: serving this bot with a made-up one.", err=True)
            await _connected(gateway)
            yield api, gateway
        finally:
            await runner.cleanup()
