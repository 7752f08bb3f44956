"""What the reader thread does: functions that give an operation on its connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from bot.sqlite.lane import Operation
from bot.sqlite.rows import session_of, turn_of
from bot.sqlite.writing import Clock, calls_of, token_of
from bot.store import LAST, OPEN_TURNS, Conversation
from bot.turn import Session, Status, Turn
from bot.vault import StoredToken


def turn(turn_id: str) -> Operation[Turn | None]:
    return lambda db: _one(db, "SELECT * FROM turns WHERE id = ?", turn_id)


def _one(db: sqlite3.Connection, query: str, *values: str | float) -> Turn | None:
    row = db.execute(query, values).fetchone()
    return row and turn_of(row)


def session(conversation: str) -> Operation[Session | None]:
    def operate(db: sqlite3.Connection) -> Session | None:
        row = db.execute("SELECT * FROM sessions WHERE conversation = ?", (conversation,)).fetchone()
        return row and session_of(row, calls_of(db, conversation))

    return operate


def waiting(conversation: str) -> Operation[list[Turn]]:
    query = """
        SELECT * FROM turns WHERE conversation = ? AND status IN ('new', 'ready', 'sending')
        ORDER BY at, accepted, id LIMIT ?
        """
    return lambda db: [turn_of(row) for row in db.execute(query, (conversation, OPEN_TURNS))]


def unsent(conversation: str) -> Operation[list[Turn]]:
    query = """
        SELECT * FROM turns WHERE conversation = ? AND status IN ('ready', 'sending') ORDER BY at, accepted, id
        """
    return lambda db: [turn_of(row) for row in db.execute(query, (conversation,))]


def newest(conversation: str) -> Operation[Turn | None]:
    query = """
        SELECT * FROM turns WHERE conversation = ? AND kind IN ('message', 'event')
        ORDER BY at DESC, accepted DESC, id DESC LIMIT 1
        """
    return lambda db: _one(db, query, conversation)


def free_at(key: str, limit: int, window_s: float, clock: Clock) -> Operation[float]:
    query = "SELECT at FROM uses WHERE key = ? AND at > ? ORDER BY at DESC LIMIT 1 OFFSET ?"

    def operate(db: sqlite3.Connection) -> float:
        row = db.execute(query, (key, clock() - window_s, max(0, limit - 1))).fetchone()
        return float(row["at"] + window_s) if row else 0.0

    return operate


def stalled(limit: int, clock: Clock) -> Operation[list[str]]:
    query = """
        SELECT conversation FROM turns
        WHERE status IN ('new', 'ready', 'sending') AND iif(status = 'sending', until, due) <= :now
            AND NOT EXISTS (SELECT 1 FROM sessions WHERE sessions.conversation = turns.conversation
                            AND leased_until > :now)
        GROUP BY conversation LIMIT :limit
        """
    return lambda db: [name for (name,) in db.execute(query, {"now": clock(), "limit": limit})]


def turns(conversation: str, before: float, limit: int) -> Operation[list[Turn]]:
    query = """
        WITH page AS (SELECT at FROM turns WHERE conversation = :conversation AND at < :before
                      ORDER BY at DESC LIMIT :limit)
        SELECT * FROM turns WHERE conversation = :conversation AND at < :before AND at >= (SELECT min(at) FROM page)
        ORDER BY at, accepted, id
        """
    values = {"conversation": conversation, "before": before or float("inf"), "limit": limit}
    return lambda db: [turn_of(row) for row in db.execute(query, values)]


def conversations(before: float, limit: int, *, waiting: bool) -> Operation[list[Conversation]]:
    keys = _waiting if waiting else _newest
    return lambda db: [_conversation(db, key) for key in keys(db, before or float("inf"), limit)]


def _waiting(db: sqlite3.Connection, before: float, limit: int) -> Iterator[str]:
    """Keys of those who wait for a human, by their newest turn: from the index of such turns, which are few."""
    query = """
        WITH marked AS (
            SELECT conversation, max(iif(handoff, at, NULL)) AS asked, max(iif(kind = 'operator', at, NULL)) AS answered
            FROM turns WHERE handoff OR kind = 'operator' GROUP BY conversation
        ), newest AS (
            SELECT conversation, (SELECT max(at) FROM turns WHERE turns.conversation = marked.conversation) AS at
            FROM marked WHERE asked > coalesce(answered, -1)
        )
        SELECT conversation, at FROM newest WHERE at < ? ORDER BY at DESC
    """
    last = 0.0
    for given, (key, at) in enumerate(db.execute(query, (before,))):
        if given >= limit and at < last:
            return
        last = at
        yield key


def _newest(db: sqlite3.Connection, before: float, limit: int) -> Iterator[str]:
    """Keys by their newest turn, walking down the index of time: it stops after a page however long the log is."""
    seen: set[str] = set()
    given, last = 0, 0.0
    for key, at in db.execute("SELECT conversation, at FROM turns WHERE at < ? ORDER BY at DESC", (before,)):
        if given >= limit and at < last:
            return
        if key in seen:
            continue
        seen.add(key)
        if db.execute("SELECT 1 FROM turns WHERE conversation = ? AND at >= ? LIMIT 1", (key, before)).fetchone():
            continue
        given, last = given + 1, at
        yield key


def _conversation(db: sqlite3.Connection, key: str) -> Conversation:
    latest = db.execute(
        "SELECT * FROM turns WHERE conversation = ? ORDER BY at DESC, accepted DESC, id DESC LIMIT 1", (key,)
    ).fetchone()
    (count,) = db.execute("SELECT count(*) FROM turns WHERE conversation = ?", (key,)).fetchone()
    (waiting,) = db.execute(
        """
        SELECT coalesce(max(iif(handoff, at, NULL)) > coalesce(max(iif(kind = 'operator', at, NULL)), -1), 0)
        FROM turns WHERE conversation = ? AND (handoff OR kind = 'operator')
        """,
        (key,),
    ).fetchone()
    owner = db.execute("SELECT owner FROM sessions WHERE conversation = ?", (key,)).fetchone()
    return Conversation(key, turn_of(latest), count, bool(waiting), owner["owner"] if owner else "")


def heard(prefix: str, since: float, after: str, limit: int) -> Operation[list[tuple[str, float]]]:
    query = """
        SELECT conversation, max(at) AS at FROM turns WHERE kind IN ('message', 'event')
            AND conversation >= ? AND conversation < ? AND conversation > ?
        GROUP BY conversation HAVING max(at) >= ? ORDER BY conversation LIMIT ?
        """
    values = (prefix, prefix + LAST, after, since, limit)
    return lambda db: [(key, at) for key, at in db.execute(query, values)]


def export(after: tuple[float, float, str], status: tuple[Status, ...], limit: int) -> Operation[list[Turn]]:
    query = f"""
        SELECT * FROM turns WHERE (at, accepted, id) > (?, ?, ?)
        {f"AND status IN ({', '.join('?' * len(status))})" if status else ""}
        ORDER BY at, accepted, id LIMIT ?
        """  # noqa: S608 (only question marks are put in)
    return lambda db: [turn_of(row) for row in db.execute(query, (*after, *status, limit))]


def count(status: Status) -> Operation[int]:
    return lambda db: int(db.execute("SELECT count(*) FROM turns WHERE status = ?", (status,)).fetchone()[0])


def token(key: str) -> Operation[StoredToken | None]:
    def operate(db: sqlite3.Connection) -> StoredToken | None:
        row = db.execute("SELECT * FROM tokens WHERE key = ?", (key,)).fetchone()
        return row and token_of(row)

    return operate


# --- for watchers


def changes(after: int, limit: int) -> Operation[list[sqlite3.Row]]:
    query = "SELECT * FROM turns WHERE seq > ? ORDER BY seq LIMIT ?"
    return lambda db: db.execute(query, (after, limit)).fetchall()


def tide(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT seq FROM tide").fetchone()[0])


def data_version(db: sqlite3.Connection) -> int:
    """Moves whenever another connection, of any process, has committed."""
    return int(db.execute("PRAGMA data_version").fetchone()[0])
