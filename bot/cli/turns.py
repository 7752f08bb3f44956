"""Verbs over the log: turns list, replay, resend, export."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, TypeVar
from zoneinfo import ZoneInfo

import aiohttp
import click
import orjson

from adapters.transport import HttpTransport
from bot.app import open_store
from bot.channels import outlets
from bot.cli.learn import trained
from bot.cli.options import project_option, settings_for
from bot.recall import Recalled, recall
from bot.store import Store
from bot.turn import Status, Turn
from bot.words import spoken
from config.credentials import load_credentials

T = TypeVar("T")
STATUSES: tuple[Status, ...] = ("new", "ready", "sending", "sent", "dead")


@click.group()
def turns() -> None:
    """The log: every message, what was understood, what was answered, and whether it arrived."""


@asynccontextmanager
async def _store(project: Path) -> AsyncIterator[Store]:
    store = open_store(project, settings_for(project))
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def with_store(project: Path, use: Callable[[Store], Awaitable[T]]) -> T:
    """What `use` makes of the project's store."""

    async def body() -> T:
        async with _store(project) as store:
            return await use(store)

    return asyncio.run(body())


@turns.command("list")
@project_option
@click.option("--conversation", default="", help="Only this conversation's turns, by its key.")
@click.option("--status", type=click.Choice(STATUSES), multiple=True, help="Only turns in this state; repeatable.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="The newest so many.")
def list_turns(project: Path, conversation: str, status: Sequence[Status], limit: int) -> None:
    """Show the newest turns, oldest first."""

    async def newest(store: Store) -> list[Turn]:
        if conversation and not status:
            return await store.turns(conversation, limit=limit)
        found = [turn async for turn in store.export(status=status)]
        return [turn for turn in found if conversation in ("", turn.conversation)][-limit:]

    zone = ZoneInfo(settings_for(project).timezone)
    shown = with_store(project, newest)
    for turn in shown:
        click.echo(_line(turn, zone))
    if not shown:
        click.echo("No turns yet.")


def _line(turn: Turn, zone: ZoneInfo) -> str:
    at = datetime.fromtimestamp(turn.at, zone).strftime("%m-%d %H:%M:%S")
    said = spoken(turn.message.content) if turn.message else f"[{turn.kind}]"
    meaning = f"{turn.meaning.intent} {turn.meaning.confidence:.2f}" if turn.meaning and turn.meaning.intent else "-"
    answer = " / ".join(spoken(reply) for reply in turn.replies).replace("\n", " ")
    error = f"  !! {turn.error}" if turn.error else ""
    return f"{at}  {turn.status:<7} {turn.id}\n    < {said}   ({meaning}; {turn.flow or '-'})\n    > {answer}{error}"


@turns.command()
@click.argument("turn_id")
@project_option
def replay(turn_id: str, project: Path) -> None:
    """Show what the bot as it is now would understand of a turn, beside what it did understand."""

    async def one(store: Store) -> Turn | None:
        return await store.turn(turn_id)

    turn = with_store(project, one)
    if turn is None:
        raise click.UsageError(f"there is no turn {turn_id}; see: yingda turns list")
    if turn.message is None or not turn.message.text:
        raise click.UsageError(f"turn {turn_id} has no words to understand")
    now = datetime.fromtimestamp(turn.at, ZoneInfo(settings_for(project).timezone))
    again = trained(project).parse(turn.message.text, now)
    for name, meaning in (("then", turn.meaning), ("now", again)):
        click.echo(f"{name}: " + (orjson.dumps(meaning.to_dict()).decode() if meaning else "-"))


@turns.command()
@click.argument("turn_ids", nargs=-1, required=True)
@project_option
def resend(turn_ids: Sequence[str], project: Path) -> None:
    """Send the replies of dead turns again."""

    async def each(store: Store) -> list[str]:
        return [turn_id for turn_id in turn_ids if not await store.resend(turn_id)]

    refused = with_store(project, each)
    for turn_id in refused:
        click.echo(f"{turn_id} is not dead, or not there", err=True)
    click.echo(f"{len(turn_ids) - len(refused)} will be sent again.")
    sys.exit(1 if refused else 0)


@turns.command("recall")
@click.argument("turn_id")
@project_option
def recall_turn(turn_id: str, project: Path) -> None:
    """Take back what a turn said, on channels whose vendor can."""
    settings, credentials = settings_for(project), load_credentials(project)

    async def take_back(store: Store) -> Recalled:
        async with aiohttp.ClientSession() as session:
            transport = HttpTransport(session, store, time.time)
            return await recall(turn_id, store, transport, outlets(credentials, settings))

    recalled = with_store(project, take_back)
    for reason in recalled.refused:
        click.echo(reason, err=True)
    click.echo(f"{recalled.count} messages were recalled.")
    sys.exit(1 if recalled.refused else 0)


@turns.command()
@project_option
@click.option("--since", type=click.DateTime(), help="Only turns from this time on.")
@click.option("--status", type=click.Choice(STATUSES), multiple=True, help="Only turns in this state; repeatable.")
@click.option("--out", type=click.File("wb"), default="-", help="File to write; - is standard output.")
def export(project: Path, since: datetime | None, status: Sequence[Status], out: BinaryIO) -> None:
    """Write turns as JSON lines, one a line, by time."""
    zone = ZoneInfo(settings_for(project).timezone)

    async def write(store: Store) -> int:
        written = 0
        start = since.replace(tzinfo=zone).timestamp() if since else 0.0
        async for turn in store.export(since=start, status=status):
            out.write(orjson.dumps(turn.to_dict()) + b"\n")
            written += 1
        return written

    click.echo(f"{with_store(project, write)} turns.", err=True)
