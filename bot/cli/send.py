"""Verbs that speak first: send, and how far what is sent has come."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click
from pydantic import ValidationError

from adapters.degrade import fit
from bot.app import daily_sends
from bot.broadcast.board import Board, TakenId
from bot.broadcast.forecast import Forecaster
from bot.broadcast.model import Broadcast, Wish
from bot.broadcast.order import Desk, Order, Prepared, prepare, read_people
from bot.broadcast.reach import Reach
from bot.broadcast.shown import forecast_lines, standing_line
from bot.channels import outlets
from bot.cli.options import project_option, settings_for
from bot.cli.turns import with_store
from bot.muting import MAY_NOT, may_push
from bot.store import Store
from bot.ways import Ways
from config.credentials import load_credentials
from config.settings import Settings
from config.source import BadProject, Problem, Source, did_you_mean, read_yaml, said
from flows.domain import load_domain

T = TypeVar("T")


class _Send(click.Group):
    """`send list` is a verb; `send wechat/main/…` is an order: every address has a slash."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and "/" not in args[0]:
            return super().resolve_command(ctx, args)
        return "to", self.commands["to"], args

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in ctx.help_option_names:
            args = ["to", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Send)
def send() -> None:
    """Speak first: to a person, a group, or everybody in a segment or a CSV file.

    `send TO...` is short for `send to TO...`.
    """


def _variables(ctx: click.Context, param: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    for each in given:
        if "=" not in each:
            raise click.BadParameter(f"{each!r} is no name=value", ctx, param)
    return dict(each.split("=", 1) for each in given)


@send.command("to")
@click.argument("to", nargs=-1)
@project_option
@click.option("--text", default="", help="Say this; {name} is filled in.")
@click.option("--response", default="", help="Say a response of the domain: utter_promo.")
@click.option("--file", "replies", type=click.Path(path_type=Path), help="Say the replies of a YAML or JSON file.")
@click.option("--var", "values", multiple=True, callback=_variables, help="name=value for the response; repeatable.")
@click.option("--csv", "people", type=click.Path(path_type=Path), help="People: a column `to`, others are values.")
@click.option("--segment", default="", help="Everybody of an account: wechat/main.")
@click.option("--active-days", default=0.0, type=click.FloatRange(0), help="Only who wrote in so many days.")
@click.option("--where", default="", help='Only for whom it holds: "slots.vip = true".')
@click.option("--at", default="", help='When to begin: "2026-12-01 09:00".')
@click.option("--rate", default="600/min", show_default=True, help="How many: 60/min, 5/s, 1000/h; 0: no limit.")
@click.option("--id", "broadcast_id", default="", help="A name: the same id is never sent twice.")
@click.option("--even-opted-out", is_flag=True, help="Also to those who opted out: for service notices alone.")
@click.option("--dry-run", is_flag=True, help="Only tell what would come of it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def send_to(project: Path, replies: Path | None, people: Path | None, dry_run: bool, yes: bool, **given: Any) -> None:
    """Send to TO...: channel/account/user, channel/account/chat/ (a group), wecom_robot/main (its group).

    Tells first how many can be reached, and asks. The running bot does the sending.
    """
    source = read_yaml(replies) if replies else None
    order = _order(given, source, people)
    settings = settings_for(project)
    zone = ZoneInfo(settings.timezone)

    async def use(store: Store) -> Broadcast | None:
        made = await _prepared(project, settings, store, order, source)
        if dry_run or not (yes or click.confirm("Send it?", err=True)):
            return None
        return await Board(store).put(made.broadcast, made.people)

    async def _prepared(
        project: Path, settings: Settings, store: Store, order: Order, source: Source | None
    ) -> Prepared:
        ways = await _ways(project, settings, store)
        desk = Desk(store, load_domain(project), frozenset(ways.outlets), zone)
        now = time.time()
        made = await prepare(order, desk, now, source)
        forecaster = Forecaster(store, Reach(ways), daily_sends(settings), zone)
        forecast = await forecaster.tell(made.broadcast, made.people, now, template=made.template)
        for line in forecast_lines(forecast, made.broadcast, made.repeated, zone):
            click.echo(line)
        return made

    try:
        broadcast = with_store(project, use)
    except TakenId as taken:
        raise click.UsageError(str(taken)) from None
    if broadcast is not None:
        click.echo(f"{broadcast.id} is on its way; see: yingda send show {broadcast.id}")


def _order(given: Mapping[str, Any], source: Source | None, people: Path | None) -> Order:
    """Raises `BadProject`."""
    recipients = [*given["to"], *(read_people(people) if people else ())]
    channel, _, account = given["segment"].partition("/")
    segment = {
        "channel": channel,
        "account": account or "main",
        "active_days": given["active_days"],
        "where": given["where"],
    }
    data = source.data if source else ()
    try:
        return Order(
            to=tuple(recipients),
            segment=segment if channel else None,  # type: ignore[arg-type]
            replies=tuple(data) if isinstance(data, list) else (data,) if data else (),
            id=given["broadcast_id"],
            **{name: given[name] for name in ("text", "response", "values", "at", "rate", "even_opted_out")},
        )
    except ValidationError as error:
        raise BadProject(Problem("send", 1, said(detail)) for detail in error.errors()) from None


async def _ways(project: Path, settings: Settings, store: Store) -> Ways:
    """The accounts of the project, and which of them were found not to be allowed to push."""
    ways = Ways(outlets(load_credentials(project), settings), fit, "cli", time.time)
    for key, outlet in ways.outlets.items():
        if outlet.learns and (await may_push(store, key, time.time)).value == MAY_NOT:
            ways.mute.add(key)
    return ways


@send.command("list")
@project_option
def list_sends(project: Path) -> None:
    """Show all broadcasts and how far they are."""
    zone = ZoneInfo(settings_for(project).timezone)

    async def lines(store: Store) -> list[str]:
        board = Board(store)
        return [standing_line(await board.standing(broadcast), zone) for broadcast in await board.all()]

    for line in with_store(project, lines) or ["Nothing was sent yet."]:
        click.echo(line)


@send.command()
@click.argument("broadcast_id", metavar="ID")
@project_option
def show(broadcast_id: str, project: Path) -> None:
    """Show how far a broadcast is."""
    _with_board(project, broadcast_id, lambda board, broadcast: _none())


def _steering(name: str, wish: Wish, what: str) -> None:
    def steer(broadcast_id: str, project: Path) -> None:
        async def use(board: Board, broadcast: Broadcast) -> None:
            if not await board.steer(broadcast.id, wish):
                click.echo(f"{broadcast.id} is cancelled for good: send a new one with another id", err=True)
                sys.exit(1)

        _with_board(project, broadcast_id, use)

    steer.__doc__ = what
    send.command(name)(click.argument("broadcast_id", metavar="ID")(project_option(steer)))


_steering("pause", "pause", "Hold a broadcast; what was let in already still goes out.")
_steering("resume", "run", "Go on with a paused broadcast.")
_steering("cancel", "cancel", "End a broadcast for good; who has it keeps it.")


async def _none() -> None:
    return None


def _with_board(project: Path, broadcast_id: str, use: Callable[[Board, Broadcast], Awaitable[None]]) -> None:
    zone = ZoneInfo(settings_for(project).timezone)

    async def one(store: Store) -> str:
        board = Board(store)
        broadcast = await board.find(broadcast_id)
        if broadcast is None:
            mend = did_you_mean(broadcast_id, [each.id for each in await board.all()]) or "nothing was sent yet"
            raise click.UsageError(f"there is no broadcast {broadcast_id}; {mend}")
        await use(board, broadcast)
        standing = await board.standing(broadcast)
        skipped = (f"  {count} left out: {reason}" for reason, count in standing.skipped.items())
        return "\n".join((standing_line(standing, zone), *skipped))

    click.echo(with_store(project, one))
