"""Notes and holds: what is neither a turn nor a session."""

from __future__ import annotations

import sqlite3

from adapters.message import Json
from bot.document import dump, load
from bot.sqlite.lane import Operation
from bot.sqlite.writing import Clock
from bot.store import LAST, Note


def note(key: str) -> Operation[Note | None]:
    def operate(db: sqlite3.Connection) -> Note | None:
        row = db.execute("SELECT value, rev FROM notes WHERE key = ?", (key,)).fetchone()
        return row and Note(load(row["value"]), row["rev"])

    return operate


def write(key: str, value: Json, rev: int) -> Operation[bool]:
    if value is None:
        query, values = "DELETE FROM notes WHERE key = ? AND rev = ?", [key, rev]
    elif rev == 0:
        query, values = "INSERT OR IGNORE INTO notes VALUES (?, ?, 1)", [key, dump(value)]
    else:
        query, values = "UPDATE notes SET value = ?, rev = rev + 1 WHERE key = ? AND rev = ?", [dump(value), key, rev]
    return lambda db: db.execute(query, values).rowcount > 0


def notes(prefix: str, after: str, limit: int) -> Operation[list[tuple[str, Note]]]:
    query = "SELECT * FROM notes WHERE key >= ? AND key < ? AND key > ? ORDER BY key LIMIT ?"
    values = (prefix, prefix + LAST, after, limit)
    return lambda db: [(row["key"], Note(load(row["value"]), row["rev"])) for row in db.execute(query, values)]


def hold(key: str, holder: str, seconds: float, clock: Clock) -> Operation[bool]:
    def operate(db: sqlite3.Connection) -> bool:
        if seconds <= 0:
            db.execute("DELETE FROM holds WHERE key = ? AND holder = ?", (key, holder))
            return True
        now = clock()
        held = db.execute(
            """
            INSERT INTO holds VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE
            SET holder = excluded.holder, until = excluded.until WHERE holder = excluded.holder OR until <= ?
            """,
            (key, holder, now + seconds, now),
        )
        return held.rowcount > 0

    return operate


def expire(clock: Clock) -> Operation[None]:
    def operate(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM holds WHERE until <= ?", (clock(),))

    return operate
