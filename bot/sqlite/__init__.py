"""The embedded store: SQLite in WAL mode on a local disk, shared by every process of one host."""

from bot.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
