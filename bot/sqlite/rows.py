"""Rows <-> turns and sessions. What is queried or changes on the way out has a column; the rest is one JSON document,
which the columns override."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from adapters.channel import Route
from adapters.message import Json, plain
from bot.document import dump, load
from bot.turn import Receipt, Session, Turn

DELIVERY = ("accepted", "due", "status", "until", "attempts", "error", "shown", "ready_at", "sent_at")
"""Columns that are a turn's fields as they are."""


def turn_values(turn: Turn) -> dict[str, Json]:
    """Named parameters for every column of `turns` but `seq`."""
    return {
        "id": turn.id,
        "conversation": turn.conversation,
        "kind": turn.kind,
        "at": turn.at,
        **{name: getattr(turn, name) for name in DELIVERY},
        "route": route_value(turn.route),
        "receipts": receipts_value(turn.receipts),
        "handoff": "handoff" in turn.flags,
        "doc": dump(turn.to_dict()),
    }


def route_value(route: Route | None) -> str | None:
    return None if route is None else dump(plain(route)).decode()


def receipts_value(receipts: Sequence[Receipt] | None) -> str | None:
    return None if receipts is None else dump([plain(receipt) for receipt in receipts]).decode()


def turn_of(row: sqlite3.Row) -> Turn:
    data = load(row["doc"])
    data.update((name, row[name]) for name in DELIVERY)
    data["route"] = None if row["route"] is None else load(row["route"])
    data["receipts"] = load(row["receipts"])
    return Turn.from_dict(data)


def session_of(row: sqlite3.Row, calls: Mapping[str, Mapping[str, Json]]) -> Session:
    data = {name: row[name] for name in ("conversation", "rev", "worker", "leased_until", "owner", "updated", "schema")}
    return Session.from_dict({**data, "dialogue": load(row["dialogue"]), "calls": calls, "done": {}})
