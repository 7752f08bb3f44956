"""Be the vendor: real, encrypted webhooks to a running bot, and answers to its API calls."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import click
from aiohttp import web
from pydantic import SecretStr

from bot.app import make_app
from bot.cli.learn import trained
from bot.cli.options import project_option, settings_for
from bot.cli.simulate_dingtalk import dingtalk
from bot.simulate import WeChatApi, WeChatPhone
from bot.simulate.wechat import Seen
from bot.simulate.wechat_api import Sent
from config.credentials import Credentials, WeChatAccount, load_credentials
from config.source import did_you_mean

LOOPBACK = ("127.0.0.1", "localhost", "::1")
KEY_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


@click.group()
def simulate() -> None:
    """Play a vendor against the bot, on the vendor's own wire format."""


simulate.add_command(dingtalk)


@simulate.command()
@click.argument("words", nargs=-1)
@project_option
@click.option("--account", default="main", show_default=True, help="Which account of credentials.yml.")
@click.option("--url", help="The bot's webhook.  [default: the address that this project is served at]")
@click.option("--openid", default="oSimulatedCustomer", show_default=True, help="The customer's openid.")
@click.option("--event", default="", help="Send an event instead: subscribe, SCAN, CLICK, unsubscribe, ...")
@click.option("--key", default="", help="The event's EventKey.")
@click.option("--wait", default=2.0, show_default=True, help="Seconds to wait for pushes before leaving.")
def wechat(
    words: tuple[str, ...], project: Path, account: str, url: str | None, openid: str, event: str, key: str, wait: float
) -> None:
    """Send WORDS as a WeChat customer would, and print what they would read; without WORDS, talk.

    An account whose api_base is on this machine has its API calls answered too, as WeChat answers them. A bot
    without a WeChat account is served for the while with a made-up one.
    """
    lines = [" ".join(words)] if words else []
    if not asyncio.run(_talk(project, account, url, openid, lines, event, key, wait)):
        sys.exit(1)


async def _talk(
    project: Path, name: str, url: str | None, openid: str, lines: list[str], event: str, key: str, wait: float
) -> bool:
    """False where what was to be said once failed."""
    fine = True
    async with AsyncExitStack() as stack:
        account, api, webhook = await stack.enter_async_context(_line(project, name, url))
        if api is not None:
            api.on_sent = _print_push
        session = await stack.enter_async_context(aiohttp.ClientSession())
        phone = WeChatPhone(webhook, account, session, openid, api=api)
        if event:
            fine = _print(await phone.does(event, key))
        elif lines:
            fine = all([_print(await phone.says(line)) for line in lines])
        else:
            click.echo(f"Talking to {webhook}. Ctrl-D ends.", err=True)
            while line := await asyncio.to_thread(sys.stdin.readline):
                if line.strip():
                    _print(await phone.says(line.strip()))
        if api is not None:
            await asyncio.sleep(wait)
    return fine


@asynccontextmanager
async def _line(
    project: Path, name: str, url: str | None
) -> AsyncIterator[tuple[WeChatAccount, WeChatApi | None, str]]:
    """The account, the API that answers for it if it is on this machine, and the webhook's URL."""
    accounts = load_credentials(project).wechat
    settings = settings_for(project)
    if not accounts and url is None:
        async with _bot_beside(project, name) as line:
            yield line
        return
    if name not in accounts:
        hint = did_you_mean(name, accounts) or "write its keys under 'wechat:', see docs/configuration.md"
        raise click.UsageError(f"credentials.yml has no WeChat account '{name}'; {hint}")
    account = accounts[name]
    base = urlsplit(account.api_base)
    where = url or f"http://127.0.0.1:{settings.port}/webhooks/wechat/{name}"
    if base.hostname not in LOOPBACK:
        yield account, None, where
        return
    api = WeChatApi(account.app_id, account.app_secret.get_secret_value(), host=base.hostname, port=base.port or 80)
    async with api:
        yield account, api, where


@asynccontextmanager
async def _bot_beside(project: Path, name: str) -> AsyncIterator[tuple[WeChatAccount, WeChatApi, str]]:
    trained(project)
    async with WeChatApi() as api:
        account = WeChatAccount(
            app_id=api.app_id,
            app_secret=SecretStr(api.app_secret),
            token=SecretStr(secrets.token_hex(12)),
            encoding_aes_key=SecretStr("".join(secrets.choice(KEY_LETTERS) for _ in range(43))),
            mode="safe",
            api_base=api.url,
        )
        app = await make_app(project, settings_for(project), Credentials(wechat={name: account}))
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            click.echo("No WeChat account in credentials.yml: serving this bot with a made-up one.", err=True)
            yield account, api, f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/wechat/{name}"
        finally:
            await runner.cleanup()


def _print(seen: Seen) -> bool:
    """Show what the customer sees; False where that is the vendor's line of failure."""
    if seen.failed:
        click.echo(f"! {seen.text}   ({seen.failed})")
    elif seen.reply is None:
        click.echo(f"< (no passive reply; {len(seen.posts)} POST, {seen.posts[-1].status})", err=True)
    else:
        click.echo(f"< {seen.text or '[' + seen.kind + ']'}")
    return not seen.failed


def _print_push(sent: Sent) -> None:
    click.echo(f"< {sent.text or '[' + sent.kind + ']'}   (pushed)")
