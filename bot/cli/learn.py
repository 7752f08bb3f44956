"""Verbs of the bot's author: init, train, parse, validate."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import orjson

from bot.cli.options import project_option, settings_for
from config.source import BadProject, Problem
from flows.domain import load_domain
from flows.review import review as review_flows
from flows.review import warnings as flow_warnings
from nlu.data import read_data
from nlu.faq import FAQ, read_faq
from nlu.model import is_stale, latest, load, read_manifest
from nlu.pipeline import Pipeline
from nlu.recipe import read_recipe
from nlu.review import review as review_nlu
from nlu.review import unlisted, unlisted_entities, unread
from nlu.training import Report, train_apart
from nlu.training import train as train_model

TEMPLATE = Path(__file__).parents[2] / "config" / "template"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
def init(folder: Path) -> None:
    """Copy a small bot into FOLDER to begin with."""
    if folder.exists() and any(folder.iterdir()):
        raise click.UsageError(f"{folder} is not empty; name a new folder")
    shutil.copytree(
        TEMPLATE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".yingda", "__pycache__", "*.pyc")
    )
    where = f"--project {folder}"
    click.echo(f"A small bot lies in {folder}. What next:")
    for command, what in (
        (f"yingda train {where}", "learn from data/nlu.yml"),
        (f"yingda shell {where}", "talk with it here"),
        (f"yingda run {where}", "talk with it on a web page"),
        (f"yingda test stories {where}", "run the talks in tests/"),
    ):
        click.echo(f"  {command:<44} {what}")
    click.echo("Add an intent to data/nlu.yml, a flow to data/flows.yml, an answer to domain.yml, and train again.")


@click.command()
@project_option
@click.option("--force", is_flag=True, help="Learn everything anew, whether or not it has changed.")
def train(project: Path, force: bool) -> None:
    """Train the bot's language understanding from its YAML."""
    check_project(project)
    tell_recipe(project)
    folder = latest(project)
    if folder is not None and not force and not is_stale(project, folder):
        click.echo(f"Nothing has changed since {folder.name}; train anyway with --force.")
        return
    with_bar(project, partial(train_model, anew=force))


def tell_recipe(project: Path) -> None:
    """Say on standard error what of config.yml's pipeline is done otherwise here, or left out."""
    recipe = read_recipe(project)
    for line in (*map(str, recipe.warnings), *recipe.table().splitlines()):
        click.echo(line, err=True)


@contextmanager
def progress(label: str) -> Iterator[Report]:
    """A progress bar on standard error; what it gives is told the phase and how much is done, 0..1."""
    with click.progressbar(length=1000, label=label, show_pos=False, file=sys.stderr) as bar:
        reached = 0

        def report(phase: str, fraction: float) -> None:
            nonlocal reached
            target = min(1000, round(fraction * 1000))
            bar.label = f"{label}: {phase:<36.36}"
            bar.update(max(0, target - reached))
            reached = max(reached, target)

        yield report
        bar.update(1000 - reached)


def with_bar(project: Path, train: Callable[[Path, Report], Path]) -> Path:
    """Train by `train` behind a progress bar, and say how long it took."""
    started = time.perf_counter()
    _check_writable(project / ".yingda")
    with progress("Training") as report:
        folder = train(project, report)
    click.echo(f"Model {folder.name} in {time.perf_counter() - started:.1f} s.")
    return folder


def train_where_stale(project: Path) -> None:
    """Check the bot's files, and train it where it was not trained since they changed. Raises `BadProject`."""
    check_project(project)
    folder = latest(project)
    if folder is None or is_stale(project, folder):
        with_bar(project, train_apart)


def _check_writable(folder: Path) -> None:
    """Raises `BadProject` before the work rather than after it where `folder` can hold no model."""
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        what = f"models and conversations cannot be written here: {error.strerror}"
        raise BadProject(Problem(str(folder), 1, what, "give this user a folder that they may write to")) from None


def trained(project: Path) -> Pipeline:
    """The newest model of the project. Raises `BadProject` where there is none of this release yet."""
    folder = latest(project)
    if folder is None:
        raise BadProject(Problem(str(project), 1, "this bot is not trained yet", f"yingda train --project {project}"))
    read_manifest(folder)
    if is_stale(project, folder):
        click.echo(f"The YAML has changed since {folder.name} was trained; this is the old model.", err=True)
    return load(folder)


@click.command()
@click.argument("text", required=False)
@project_option
def parse(text: str | None, project: Path) -> None:
    """Show what TEXT means to the bot, as JSON; without TEXT, each line of standard input.

    A line may be plain text or a JSON object with a "text".
    """
    pipeline = trained(project)
    zone = ZoneInfo(settings_for(project).timezone)
    for number, line in enumerate([text] if text is not None else sys.stdin, 1):
        if line := line.strip():
            meaning = pipeline.parse(_text_of(line, number), datetime.now(zone))
            option = orjson.OPT_INDENT_2 if text is not None else 0
            click.echo(orjson.dumps(meaning.to_dict(), option=option).decode())


def _text_of(line: str, number: int) -> str:
    if not line.startswith("{"):
        return line
    try:
        return str(orjson.loads(line)["text"])
    except (orjson.JSONDecodeError, KeyError):
        raise click.UsageError(f'line {number} is no JSON object with a "text": {line[:60]}') from None


@click.command()
@project_option
@click.option("--fail-on-warnings", is_flag=True, help="Ends with 1 for remarks, too.")
def validate(project: Path, *, fail_on_warnings: bool) -> None:
    """Check the bot's files: unknown names, unreachable steps, duplicate and conflicting examples."""
    tell_recipe(project)
    data = read_data(project)
    doubts, faq = review_nlu(data), read_faq(project)
    domain = load_domain(project)
    known = domain.intents | ({FAQ} if faq.entries else set())
    problems = [*review_flows(project), *unlisted(data, known), *doubts.conflicts, *faq.conflicts]
    remarks = [*flow_warnings(project), *unlisted_entities(data, domain.entities), *doubts.remarks, *faq.remarks]
    remarks += unread(data, read_recipe(project), project / "config.yml")
    for problem in (*problems, *remarks):
        click.echo(str(problem))
    click.echo(f"{len(problems)} to mend." if problems else "Nothing to mend.")
    sys.exit(1 if problems or (fail_on_warnings and remarks) else 0)


def check_project(project: Path) -> None:
    """Raises `BadProject` with whatever keeps the bot from being trained or served."""
    found = list(review_flows(project))
    for read in (read_recipe, read_data):
        try:
            read(project)
        except BadProject as bad:
            found.extend(bad.problems)
    if found:
        # what both readers read is told once
        raise BadProject(dict.fromkeys(found))
