"""The tables, and how a database of an earlier version becomes one of this."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

BUSY_S = 5.0
"""How long a writer waits for another process's transaction."""

MIGRATIONS = (
    """
    CREATE TABLE turns (
        id TEXT PRIMARY KEY, conversation TEXT NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL,
        accepted REAL NOT NULL, due REAL NOT NULL, status TEXT NOT NULL, route TEXT, until REAL NOT NULL,
        attempts INTEGER NOT NULL, error TEXT NOT NULL, shown INTEGER NOT NULL, ready_at REAL NOT NULL,
        sent_at REAL NOT NULL, handoff INTEGER NOT NULL, seq INTEGER NOT NULL, doc BLOB NOT NULL
    );
    CREATE INDEX turns_of ON turns (conversation, at, accepted, id);
    CREATE INDEX turns_time ON turns (at, accepted, id, conversation);
    CREATE INDEX turns_open ON turns (conversation, status, due, until) WHERE status IN ('new', 'ready', 'sending');
    CREATE INDEX turns_status ON turns (status, accepted);
    CREATE INDEX turns_mark ON turns (conversation, at) WHERE handoff OR kind = 'operator';
    CREATE UNIQUE INDEX turns_seq ON turns (seq);
    CREATE TABLE tide (seq INTEGER NOT NULL);
    INSERT INTO tide VALUES (0);
    CREATE TABLE sessions (
        conversation TEXT PRIMARY KEY, rev INTEGER NOT NULL, worker TEXT NOT NULL, leased_until REAL NOT NULL,
        owner TEXT NOT NULL, updated REAL NOT NULL, schema INTEGER NOT NULL, dialogue BLOB NOT NULL
    );
    CREATE INDEX sessions_updated ON sessions (updated);
    CREATE TABLE calls (
        conversation TEXT NOT NULL, turn TEXT NOT NULL, key TEXT NOT NULL, state BLOB NOT NULL,
        PRIMARY KEY (conversation, turn, key)
    ) WITHOUT ROWID;
    CREATE TABLE tokens (
        key TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at REAL NOT NULL, fetched_at REAL NOT NULL,
        holder TEXT NOT NULL, held_until REAL NOT NULL
    );
    CREATE TABLE uses (key TEXT NOT NULL, at REAL NOT NULL, until REAL NOT NULL);
    CREATE INDEX uses_of ON uses (key, at);
    CREATE INDEX uses_until ON uses (until);
    """,
    """
    ALTER TABLE turns ADD COLUMN receipts TEXT NOT NULL DEFAULT '[]';
    CREATE TABLE notes (key TEXT PRIMARY KEY, value BLOB NOT NULL, rev INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE holds (key TEXT PRIMARY KEY, holder TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
    """,
    """
    CREATE INDEX turns_heard ON turns (conversation, at) WHERE kind IN ('message', 'event');
    """,
)


class TooNew(Exception):
    """The database was written by a later version of Yingda."""


def connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False, cached_statements=256)
    try:
        db.execute("PRAGMA journal_mode = WAL").fetchone()
        db.execute("PRAGMA synchronous = FULL")
    except sqlite3.Error:
        db.close()
        raise
    db.row_factory = sqlite3.Row
    return db


def migrate(db: sqlite3.Connection) -> None:
    """Bring the tables up to date, in one transaction; processes that start together wait for one another."""
    db.execute("BEGIN IMMEDIATE")
    try:
        db.execute("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, at REAL NOT NULL)")
        _catch_up(db)
        db.execute("COMMIT")
    except BaseException:
        db.execute("ROLLBACK")
        raise


def _catch_up(db: sqlite3.Connection) -> None:
    (done,) = db.execute("SELECT coalesce(max(version), 0) FROM migrations").fetchone()
    if done > len(MIGRATIONS):
        raise TooNew(f"its tables are of version {done}, this program knows up to {len(MIGRATIONS)}")
    for version, script in enumerate(MIGRATIONS[done:], done + 1):
        for statement in filter(str.strip, script.split(";")):
            db.execute(statement)
        db.execute("INSERT INTO migrations VALUES (?, ?)", (version, time.time()))
