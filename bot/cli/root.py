"""The command tree, and the one place where errors become a line and an exit code."""

from __future__ import annotations

import sys
from typing import Any

import click

from bot import __version__
from bot.cli import data, learn, models, send, serve, simulate, testing, turns, wechat
from bot.store import StoreDown
from config.source import BadProject

USAGE = 2


class _Front(click.Group):
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


for _command in (
    learn.init,
    learn.train,
    learn.parse,
    learn.validate,
    data.data,
    testing.test,
    models.models,
    serve.run,
    serve.shell,
    simulate.simulate,
    turns.turns,
    wechat.wechat,
    send.send,
):
    cli.add_command(_command)


def main() -> None:
    """The console script. Ctrl-C ends quietly with 130."""
    try:
        cli(prog_name="yingda")
    except KeyboardInterrupt:
        sys.exit(130)
