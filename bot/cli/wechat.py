"""Verbs for a WeChat official account: wechat menu show, wechat menu push, wechat qr, wechat check."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import aiohttp
import click

from adapters.channel import Exchange, Judgement, Token
from adapters.transport import HttpTransport
from adapters.wechat import WeChat
from adapters.wechat.account import Code, Finding, checks, picture, qr_code, scene_fault
from adapters.wechat.menu import Live, Menu, difference, in_words, live_menu, push_menu
from bot.cli.options import project_option
from config.credentials import WeChatAccount, load_credentials
from config.source import check as checked
from config.source import did_you_mean, read_yaml

T = TypeVar("T")

account_option = click.option(
    "--account", default="main", show_default=True, help="Which WeChat account of credentials.yml."
)


class _OwnTokens:
    """A `TokenVault` for one command: WeChat's stable token is the same one that the running bot has."""

    def __init__(self) -> None:
        self._token: Token | None = None

    async def get(self, key: str, fetch: Callable[[], Awaitable[Token]], stale: str | None = None) -> Token:
        if self._token is None or self._token.value == stale:
            self._token = await fetch()
        return self._token


@dataclass(frozen=True)
class _Account:
    """An account of credentials.yml, and its API."""

    name: str
    keys: WeChatAccount

    def asks(self, *exchanges: Exchange[T]) -> Iterator[T | Judgement]:
        """What comes of the exchanges, in order."""
        yield from asyncio.run(self._each(exchanges))

    async def _each(self, exchanges: tuple[Exchange[T], ...]) -> list[T | Judgement]:
        channel = WeChat(self.name, self.keys)
        async with aiohttp.ClientSession() as session:
            transport = HttpTransport(session, _OwnTokens(), time.time)
            return [await transport.run(channel, exchange) for exchange in exchanges]

    def ask(self, exchange: Exchange[T]) -> T:
        """What comes of it; ends the command with 1 where it is refused."""
        (found,) = self.asks(exchange)
        if isinstance(found, Judgement):
            click.echo(f"{self.name}: {found.reason}", err=True)
            sys.exit(1)
        return found


def _account(project: Path, name: str) -> _Account:
    accounts = load_credentials(project).wechat
    if name not in accounts:
        hint = did_you_mean(name, accounts) or "write its keys under 'wechat:', see docs/configuration.md"
        raise click.UsageError(f"credentials.yml has no WeChat account '{name}'; {hint}")
    if not accounts[name].app_secret.get_secret_value():
        raise click.UsageError(f"the account '{name}' has no app_secret: WeChat's API wants one")
    return _Account(name, accounts[name])


@click.group()
def wechat() -> None:
    """A WeChat official account: its menu, its QR codes, and whether it is set up rightly."""


@wechat.group()
def menu() -> None:
    """The menu below the chat, kept in wechat-menu.yml."""


def _read_menu(project: Path, account: _Account) -> Menu:
    return checked(read_yaml(project / account.keys.menu), Menu)


def _shown(live: Live) -> Live:
    return {name: value for name, value in live.items() if name != "menuids"}


@menu.command()
@project_option
@account_option
def show(project: Path, account: str) -> None:
    """Print the live menu as YAML, and what pushing the file would change."""
    known = _account(project, account)
    live = known.ask(live_menu(known.keys.api_base))
    click.echo(in_words(_shown(live)) or "# there is no menu\n", nl=False)
    if not (project / known.keys.menu).is_file():
        click.echo(f"There is no {known.keys.menu} to compare it with.", err=True)
        return
    changes = difference(_shown(live), _read_menu(project, known))
    click.echo(f"\n{changes}" if changes else f"\n# {known.keys.menu} says the same", nl=not changes)


@menu.command()
@project_option
@account_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
def push(project: Path, account: str, yes: bool, dry_run: bool) -> None:
    """Make the live menu the one of the file. Customers see it within five minutes."""
    known = _account(project, account)
    wanted = _read_menu(project, known)
    live = known.ask(live_menu(known.keys.api_base))
    changes = difference(_shown(live), wanted)
    if not changes:
        click.echo("Nothing to change.")
        return
    click.echo(changes, nl=False)
    if dry_run:
        return
    if not yes:
        click.confirm(f"Push this to {account}?", abort=True)
    known.ask(push_menu(known.keys.api_base, wanted, live.get("menuids", ())))
    click.echo("Pushed.")


@wechat.command()
@click.argument("scene")
@project_option
@account_option
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 30), help="How long it works.")
@click.option("--permanent", is_flag=True, help="It works for good; an account may have 100,000 of these.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write the picture to.")
def qr(scene: str, project: Path, account: str, days: int, permanent: bool, out: Path | None) -> None:
    """Make a QR code that leads to the account; the event of its scan has SCENE as its key."""
    if fault := scene_fault(scene, 0 if permanent else days):
        raise click.UsageError(fault)
    known = _account(project, account)
    code: Code = known.ask(qr_code(known.keys.api_base, known.keys.mp_base, scene, 0 if permanent else days))
    click.echo(f"picture: {code.picture}\nopens:   {code.url}")
    click.echo(f"works:   {'for good' if permanent else f'{code.seconds // 86400} days'}")
    if out is not None:
        out.write_bytes(known.ask(picture(code)))
        click.echo(f"written: {out}")


@wechat.command()
@project_option
@account_option
def check(project: Path, account: str) -> None:
    """Look at what the account may do: token, address, menu, customer service, quota. Exit code 1 where it is amiss."""
    known = _account(project, account)
    found: list[Finding] = []
    for one in known.asks(*checks(known.keys.api_base, pushes=known.keys.push is True)):
        if isinstance(one, Judgement):
            _say(Finding("token", False, one.reason))
            sys.exit(1)
        found.append(one)
    _say(Finding("token", True, "given, so app_id, app_secret and the IP allow-list are right"))
    for each in found:
        _say(each)
    sys.exit(0 if all(each.good or not each.needed for each in found) else 1)


def _say(finding: Finding) -> None:
    mark = "ok  " if finding.good else ("FAIL" if finding.needed else "no  ")
    click.echo(f"{mark} {finding.what:<17} {finding.words}")
