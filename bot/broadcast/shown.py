"""Broadcasts and forecasts as people and programs are shown them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, tzinfo

from adapters.message import Json, plain
from bot.broadcast.forecast import Forecast
from bot.broadcast.model import Broadcast, Standing


def forecast_data(forecast: Forecast) -> Json:
    return plain(forecast)


def standing_data(standing: Standing, zone: tzinfo) -> Json:
    broadcast = standing.broadcast
    return {
        "id": broadcast.id,
        "state": standing.state,
        "at": _iso(broadcast.at, zone),
        "per_minute": broadcast.per_minute,
        "content": plain(broadcast.content),
        "total": broadcast.total,
        "accepted": standing.accepted,
        "sent": standing.sent,
        "dead": standing.dead,
        "waiting": standing.waiting,
        "left": standing.left,
        "skipped": dict(standing.skipped),
        "ended": _iso(standing.ended, zone) if standing.ended else None,
    }


def forecast_lines(forecast: Forecast, broadcast: Broadcast, repeated: int, zone: tzinfo) -> Iterator[str]:
    """For the terminal."""
    yield f"{forecast.people} people; {forecast.reachable} can be reached now"
    for account, count in forecast.accounts.items():
        yield f"  {account:<28} {count}"
    if forecast.opted_out:
        yield f"{forecast.opted_out} have opted out and are left out"
    for reason, count in forecast.unreachable.items():
        yield f"{count} cannot be reached: {reason}"
    if repeated:
        yield f"{repeated} were named twice and get it once"
    for use in forecast.uses:
        left = use.limit - use.used
        more = f" — more than the {left} that are left, the rest follows the next day" if use.takes > left else ""
        yield f"{use.account}: {use.takes} of today's {use.limit}, {use.used} used{more}"
    rate = f"{broadcast.per_minute:g} a minute" if broadcast.per_minute else "as fast as it goes"
    yield f"begins {_time(broadcast.at, zone)}, {rate}, about {_lasting(forecast.seconds)}"


def standing_line(standing: Standing, zone: tzinfo) -> str:
    return (
        f"{standing.broadcast.id:<28} {standing.state:<9} {_time(standing.broadcast.at, zone)}  "
        f"{standing.sent} sent, {standing.dead} dead, {standing.waiting} under way, {standing.left} left "
        f"of {standing.broadcast.total}"
    )


def _lasting(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _time(at: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at, zone).strftime("%Y-%m-%d %H:%M")


def _iso(at: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(at, zone).isoformat(timespec="seconds")
