"""`data`: a look at the training data, and what Rasa calls so: validate, split, convert."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from bot.cli.convert import convert, split_group
from bot.cli.learn import progress, validate
from bot.cli.options import project_option
from nlu.doubts.doubt import TITLES
from nlu.doubts.listing import doubts, table


@click.group()
def data() -> None:
    """Look after the training data."""


data.add_command(validate)
data.add_command(split_group)
data.add_command(convert)


@data.command("review")
@project_option
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(TITLES)), help="Only this kind; repeatable.")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(0), help="Of each kind; 0: all.")
@click.option("--json", "as_json", is_flag=True, help="All of them as one JSON list.")
def review(project: Path, kinds: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Find doubtful training examples, the worst first.

    Contradictions, sentences that probably stand in the wrong intent, near-duplicates, intents that are too alike,
    values without a mark, thin spots. Ends with 1 where there are contradictions.
    """
    with progress("Reviewing") as tell:
        found = [doubt for doubt in doubts(project, tell) if not kinds or doubt.kind in kinds]
    if as_json:
        rows = [doubt.to_dict() for doubt in found]
        click.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo(table(found, limit) + (f"{len(found)} to look at." if found else "Nothing doubtful."))
    sys.exit(1 if any(doubt.kind == "conflict" for doubt in found) else 0)
