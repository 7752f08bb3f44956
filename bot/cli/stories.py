"""`test stories`, apart from the other verbs of the bot's author: it needs the whole service, they do not."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from bot.cli.learn import test, trained
from bot.cli.options import project_option
from bot.talk import run_talks

__all__ = ["test"]


@test.command("stories")
@project_option
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
def test_stories(project: Path, files: tuple[Path, ...]) -> None:
    """Run the bot's talks (tests/*.talk, or FILES)."""
    trained(project)
    report = run_talks(project, files)
    click.echo(report.text())
    sys.exit(0 if report.ok else 1)
