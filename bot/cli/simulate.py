"""Be the vendor: real, encrypted webhooks to a running bot, answers to its API calls, and a page with three phones."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import click

from bot.cli.learn import train_where_stale
from bot.cli.options import project_option, settings_for
from bot.cli.serve import check_address
from bot.simulate.beside import served
from bot.simulate.page import serve_page
from bot.simulate.phone import NotHere, Phone
from bot.simulate.phones import PHONES
from config.credentials import load_credentials
from config.source import did_you_mean

LOOK_S = 0.05


@click.group(invoke_without_command=True)
@click.pass_context
def simulate(ctx: click.Context) -> None:
    """Play a vendor against the bot, on the vendor's own wire format; without COMMAND, the page with three phones."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(page)


@simulate.command()
@project_option
@click.option("--port", type=click.IntRange(0, 65535), default=5006, show_default=True, help="Port of the page.")
def page(project: Path, port: int) -> None:
    """Serve a page with three phones: WeChat, WeCom and DingTalk, each on its own wire format.

    The bot is served beside it with made-up accounts; its conversations are forgotten at the end.
    """
    check_address("127.0.0.1", port)
    train_where_stale(project)
    with suppress(KeyboardInterrupt):
        asyncio.run(
            serve_page(project, settings_for(project), port, lambda url: click.echo(f"Phones   {url}\nCtrl-C stops."))
        )


def _command(channel: str, kind: type[Phone]) -> click.Command:
    vendor = f"{kind.vendor} ({channel})"

    @click.command(channel.replace("_", "-"))
    @click.argument("words", nargs=-1)
    @project_option
    @click.option("--account", default="main", show_default=True, help="Which account of credentials.yml.")
    @click.option("--url", help="The bot's webhook.  [default: the address that this project is served at]")
    @click.option("--user", "--openid", default=kind.who, show_default=True, help="The person's id with the vendor.")
    @click.option("--enter", is_flag=True, help="Open the chat first, or follow the account.")
    @click.option(
        "--event", default="", hidden=not kind.passive, help="Send an event instead: subscribe, SCAN, CLICK, click, ..."
    )
    @click.option("--key", default="", hidden=not kind.passive, help="The event's EventKey.")
    @click.option("--wait", default=2.0, show_default=True, help="Seconds to wait for more before leaving.")
    @click.option("--group", default="", hidden=not kind.groups, help="Write in the group of this id, with an @.")
    def talk(
        words: tuple[str, ...], project: Path, account: str, url: str | None, user: str, enter: bool, wait: float,
        group: str, event: str, key: str,
    ) -> None:  # fmt: skip
        def acts(phone: Phone) -> list[Callable[[], Awaitable[str]]]:
            first = [phone.enters] if enter else []
            done = [partial(phone.does, event, key)] if event else []
            return [*first, *done, *([partial(phone.says, " ".join(words))] if words else [])]

        if not asyncio.run(_talk(_line(kind, project, account, url, user), group, acts, wait)):
            sys.exit(1)

    talk.help = (
        f"Send WORDS to the bot as a person in {vendor} would, and print what they would read; without WORDS, talk.\n\n"
        "An account whose vendor is on this machine has its API calls answered too. A bot without such an account is "
        "served for the while with a made-up one."
    )
    return talk


for _channel, _kind in PHONES.items():
    simulate.add_command(_command(_channel, _kind))


async def _talk(
    opened: AbstractAsyncContextManager[Phone],
    group: str,
    acts: Callable[[Phone], list[Callable[[], Awaitable[str]]]],
    wait: float,
) -> bool:
    """False where something was not taken."""
    async with opened as phone:
        phone.group = group
        printed = _Printed(phone)
        looking = asyncio.create_task(printed.keep_up())
        fine, doing = True, acts(phone)
        for act in doing:
            fine = printed.told(await act()) and fine
        if not doing:
            click.echo(f"Talking by {phone.vendor}. Ctrl-D ends.", err=True)
            # as bytes: a terminal of another encoding gives some that are no UTF-8
            while line := await asyncio.to_thread(sys.stdin.buffer.readline):
                if words := line.decode("utf-8", "replace").strip():
                    printed.told(await phone.says(words))
        await asyncio.sleep(wait if fine else 0.0)
        looking.cancel()
        printed.look()
    return fine


@dataclass
class _Printed:
    """What a phone shows, printed: each message once, when all its words are there."""

    phone: Phone
    ids: set[str] = field(default_factory=set)

    async def keep_up(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        for bubble in self.phone.screen():
            if bubble.id not in self.ids and not bubble.growing and not bubble.failed:
                self.ids.add(bubble.id)
                click.echo(f"< {bubble.words}")

    def told(self, failed: str) -> bool:
        """Print what there is by now, and why the bot did not take what was said."""
        self.look()
        if failed:
            click.echo(f"! {failed}")
        return not failed


@asynccontextmanager
async def _line(kind: type[Phone], project: Path, name: str, url: str | None, user: str) -> AsyncIterator[Phone]:
    """A phone before the running bot or, where that has no such account, before the bot served beside."""
    accounts = getattr(load_credentials(project), kind.channel)
    settings = settings_for(project)
    if not accounts and url is None:
        train_where_stale(project)
        phone = kind.made_up(person=user)
        click.echo(f"No {kind.channel} account in credentials.yml: serving this bot with a made-up one.", err=True)
        async with served(project, settings, [phone], name):
            yield phone
        return
    if name not in accounts:
        hint = did_you_mean(name, accounts) or f"write its keys under '{kind.channel}:', see docs/configuration.md"
        raise click.UsageError(f"credentials.yml has no {kind.channel} account '{name}'; {hint}")
    where = url or f"http://127.0.0.1:{settings.port}/webhooks/{kind.channel}/{name}"
    try:
        async with kind(accounts[name], where, person=user) as phone:
            await phone.reached()
            yield phone
    except NotHere as wrong:
        raise click.UsageError(str(wrong)) from None
    except TimeoutError:
        raise click.ClickException("the bot did not connect within 60 s: is it running?") from None
