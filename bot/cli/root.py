"""The command tree, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from bot import __version__
from bot.store import StoreDown
from config.source import BadProject

USAGE = 2
_VERBS = {
    "init": "bot.cli.learn",
    "train": "bot.cli.learn",
    "parse": "bot.cli.learn",
    "validate": "bot.cli.learn",
    "data": "bot.cli.data",
    "flows": "bot.cli.flows",
    "test": "bot.cli.testing",
    "models": "bot.cli.models",
    "run": "bot.cli.serve",
    "shell": "bot.cli.serve",
    "simulate": "bot.cli.simulate",
    "turns": "bot.cli.turns",
    "wechat": "bot.cli.wechat",
    "send": "bot.cli.send",
}
"""Where each is. Only the one that is called is imported: the service with its channels and stores takes half a second
longer than what `train` needs."""


class _Front(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_VERBS})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name in _VERBS and name not in self.commands:
            self.add_command(getattr(import_module(_VERBS[name]), name))
        return super().get_command(ctx, name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BadProject as bad:
            for problem in bad.problems:
                click.echo(str(problem), err=True)
            ctx.exit(USAGE)
        except StoreDown as down:
            click.echo(f"the store does not answer: {down}", err=True)
            ctx.exit(USAGE)
        except BrokenPipeError:
            raise  # click ends quietly: the reader, head for one, has gone
        except OSError as error:
            if error.filename is None:
                raise
            click.echo(f"{error.filename}: {error.strerror}", err=True)
            ctx.exit(USAGE)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as unknown:
            if unknown.possibilities:
                raise
            raise click.UsageError(
                f"no such command '{args[0]}'; there are: {', '.join(self.list_commands(ctx))}", ctx
            ) from None


@click.group(cls=_Front, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="yingda")
def cli() -> None:
    """应答 Yingda: a customer-service bot for WeChat, WeCom, DingTalk and the web.

    A bot is a folder of YAML. Every command takes --project DIR (default: the sample shop bot) and reads
    YINGDA_* environment variables.
    """


@cli.command()
def version() -> None:
    """Print the version."""
    click.echo(__version__)


def main() -> None:
    """The console script. Ctrl-C ends quietly with 130."""
    try:
        cli(prog_name="yingda")
    except KeyboardInterrupt:
        sys.exit(130)
