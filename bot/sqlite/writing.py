"""What the writer thread does. Each function turns its values into rows at once, in the caller's thread, and gives an
operation that is short: the next transaction waits for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import replace

from adapters.channel import Route, Token
from adapters.message import Address, Json
from bot.document import dump, load
from bot.sqlite.lane import Operation
from bot.sqlite.rows import receipts_value, route_value, session_of, turn_of, turn_values
from bot.turn import Receipt, Session, Status, Turn
from bot.vault import StoredToken

Clock = Callable[[], float]

_FRESH = Session("")
_COLUMNS = tuple(turn_values(Turn("", "", "message", Address("", "", "", ""), 0.0)))
_INSERT_TURN = f"""
    INSERT INTO turns ({", ".join(_COLUMNS)}, seq) VALUES ({", ".join(f":{name}" for name in _COLUMNS)}, :seq)
    """  # noqa: S608 (our own column names)


def _tick(db: sqlite3.Connection) -> int:
    """The next number in the order of changes, which watchers follow."""
    (seq,) = db.execute("UPDATE tide SET seq = seq + 1 RETURNING seq").fetchone()
    return int(seq)


def accept(turn: Turn, clock: Clock) -> Operation[Turn]:
    values = turn_values(turn)

    def operate(db: sqlite3.Connection) -> Turn:
        if there := db.execute("SELECT * FROM turns WHERE id = ?", (turn.id,)).fetchone():
            return turn_of(there)
        accepted = clock()
        db.execute(_INSERT_TURN, {**values, "accepted": accepted, "seq": _tick(db)})
        return replace(turn, accepted=accepted)

    return operate


def lease(conversation: str, worker: str, seconds: float, clock: Clock) -> Operation[Session | None]:
    dialogue = dump(_FRESH.dialogue.to_dict())

    def operate(db: sqlite3.Connection) -> Session | None:
        now = clock()
        row = db.execute(
            """
            INSERT INTO sessions VALUES (?, 0, ?, ?, '', ?, ?, ?)
            ON CONFLICT (conversation) DO UPDATE SET worker = excluded.worker, leased_until = excluded.leased_until
            WHERE worker = excluded.worker OR leased_until <= excluded.updated
            RETURNING *
            """,
            (conversation, worker, now + seconds, now, _FRESH.schema, dialogue),
        ).fetchone()
        return row and session_of(row, calls_of(db, conversation))

    return operate


def calls_of(db: sqlite3.Connection, conversation: str) -> dict[str, dict[str, Json]]:
    calls: dict[str, dict[str, Json]] = {}
    for turn, key, state in db.execute("SELECT turn, key, state FROM calls WHERE conversation = ?", (conversation,)):
        calls.setdefault(turn, {})[key] = load(state)
    return calls


def release(conversation: str, worker: str) -> Operation[None]:
    def operate(db: sqlite3.Connection) -> None:
        db.execute(_RELEASE, (conversation, worker))

    return operate


_RELEASE = "UPDATE sessions SET worker = '', leased_until = 0 WHERE conversation = ? AND worker = ?"


def note_call(conversation: str, worker: str, turn_id: str, key: str, state: Json) -> Operation[bool]:
    value = dump(state)

    def operate(db: sqlite3.Connection) -> bool:
        noted = db.execute(
            """
            INSERT OR REPLACE INTO calls
            SELECT conversation, ?, ?, ? FROM sessions WHERE conversation = ? AND worker = ?
            """,
            (turn_id, key, value, conversation, worker),
        )
        return noted.rowcount > 0

    return operate


def commit(session: Session, turn: Turn, release: bool, clock: Clock) -> Operation[bool]:
    redo = turn.id in session.done
    if redo:
        turn = session.done[turn.id].on(turn)
    values = turn_values(turn)
    values["status"] = "ready" if turn.status == "new" else turn.status
    dialogue = dump(session.dialogue.to_dict())

    def operate(db: sqlite3.Connection) -> bool:
        row = db.execute("SELECT * FROM turns WHERE id = ?", (turn.id,)).fetchone()
        if row is None:
            return False
        if row["status"] != "new":
            return redo or _was_ours(db, session, turn_of(row).replies == turn.replies)
        now = clock()
        if redo and release:
            db.execute(_RELEASE, (session.conversation, session.worker))
        elif not redo and not _move(db, session, dialogue, release, now):
            return False
        db.execute("DELETE FROM calls WHERE conversation = ? AND turn = ?", (session.conversation, turn.id))
        moment = {"ready_at": now, "sent_at": now if values["status"] == "sent" else 0.0, "seq": _tick(db)}
        db.execute(_MARK_READY, {**values, **moment})
        return True

    return operate


_MARK_READY = """
    UPDATE turns SET status = :status, due = :due, route = :route, until = :until, shown = :shown, error = :error,
        ready_at = :ready_at, sent_at = :sent_at, handoff = :handoff, seq = :seq, doc = :doc WHERE id = :id
    """


def _move(db: sqlite3.Connection, session: Session, dialogue: bytes, release: bool, now: float) -> bool:
    moved = db.execute(
        f"""
        UPDATE sessions SET rev = rev + 1, dialogue = ?, schema = ?, updated = ?
        {", worker = '', leased_until = 0" if release else ""}
        WHERE conversation = ? AND rev = ? AND worker = ?
        """,  # noqa: S608 (one of two texts of ours)
        (dialogue, session.schema, now, session.conversation, session.rev, session.worker),
    )
    return moved.rowcount > 0


def _was_ours(db: sqlite3.Connection, session: Session, same_replies: bool) -> bool:
    """The turn is committed already: by the very commit that is now repeated?"""
    row = db.execute("SELECT rev FROM sessions WHERE conversation = ?", (session.conversation,)).fetchone()
    return same_replies and row is not None and row["rev"] == session.rev + 1


def claim(turn_id: str, route: Route, until: float, clock: Clock) -> Operation[bool]:
    value = route_value(route)

    def operate(db: sqlite3.Connection) -> bool:
        claimed = db.execute(
            """
            UPDATE turns SET status = 'sending', route = ?, until = ?, seq = ?
            WHERE id = ? AND (status = 'ready' OR status = 'sending' AND until <= ?)
            """,
            (value, until, _tick(db), turn_id, clock()),
        )
        return claimed.rowcount > 0

    return operate


def advance(
    turn_id: str, shown: int, until: float, held: float, receipts: Sequence[Receipt] | None, route: Route | None
) -> Operation[bool]:
    values = {"id": turn_id, "held": held, "shown": shown, "until": until, **_sending(receipts, route)}

    def operate(db: sqlite3.Connection) -> bool:
        advanced = db.execute(
            """
            UPDATE turns SET shown = :shown, until = :until, seq = :seq, route = coalesce(:route, route),
                receipts = coalesce(:receipts, receipts)
            WHERE id = :id AND status = 'sending' AND until = :held
            """,
            {**values, "seq": _tick(db)},
        )
        return advanced.rowcount > 0

    return operate


def _sending(receipts: Sequence[Receipt] | None, route: Route | None) -> dict[str, str | None]:
    """Named parameters for what changes while sending; None leaves it."""
    return {"receipts": receipts_value(receipts), "route": route_value(route)}


def finish(
    turn_id: str,
    status: Status,
    held: float,
    shown: int,
    due: float,
    error: str,
    tried: bool,
    receipts: Sequence[Receipt] | None,
    route: Route | None,
    clock: Clock,
) -> Operation[bool]:
    values = {"id": turn_id, "held": held, "status": status, "shown": shown, "due": due, "error": error}
    values |= {"tries": int(tried and status == "ready"), **_sending(receipts, route)}

    def operate(db: sqlite3.Connection) -> bool:
        finished = db.execute(
            """
            UPDATE turns SET status = :status, shown = :shown, due = :due, error = :error, until = 0, seq = :seq,
                attempts = attempts + :tries, sent_at = iif(:status = 'sent', :now, sent_at),
                route = coalesce(:route, route), receipts = coalesce(:receipts, receipts)
            WHERE id = :id AND status = 'sending' AND until = :held
            """,
            {**values, "seq": _tick(db), "now": clock()},
        )
        return finished.rowcount > 0

    return operate


def resend(turn_id: str) -> Operation[bool]:
    def operate(db: sqlite3.Connection) -> bool:
        resent = db.execute(
            """
            UPDATE turns SET status = 'ready', due = 0, until = 0, attempts = 0, error = '', seq = ?
            WHERE id = ? AND status = 'dead'
            """,
            (_tick(db), turn_id),
        )
        return resent.rowcount > 0

    return operate


def own(conversation: str, owner: str, rev: int, clock: Clock) -> Operation[bool]:
    dialogue = dump(_FRESH.dialogue.to_dict())

    def operate(db: sqlite3.Connection) -> bool:
        now = clock()
        if rev == 0:
            db.execute(
                "INSERT OR IGNORE INTO sessions VALUES (?, 0, '', 0, '', ?, ?, ?)",
                (conversation, now, _FRESH.schema, dialogue),
            )
        moved = db.execute(
            "UPDATE sessions SET owner = ?, rev = rev + 1, updated = ? WHERE conversation = ? AND rev = ?",
            (owner, now, conversation, rev),
        )
        return moved.rowcount > 0 or _owned(db, conversation) == (owner, rev + 1)

    return operate


def _owned(db: sqlite3.Connection, conversation: str) -> tuple[str, int] | None:
    row = db.execute("SELECT owner, rev FROM sessions WHERE conversation = ?", (conversation,)).fetchone()
    return row and tuple(row)


def spend(key: str, limit: int, window_s: float, clock: Clock) -> Operation[bool]:
    def operate(db: sqlite3.Connection) -> bool:
        now = clock()
        db.execute("DELETE FROM uses WHERE key = ? AND at <= ?", (key, now - window_s))
        (used,) = db.execute("SELECT count(*) FROM uses WHERE key = ?", (key,)).fetchone()
        if used >= limit:
            return False
        db.execute("INSERT INTO uses VALUES (?, ?, ?)", (key, now, now + window_s))
        return True

    return operate


def expire_turns(older_than: float, limit: int) -> Operation[int]:
    def operate(db: sqlite3.Connection) -> int:
        return db.execute(
            """
            DELETE FROM turns WHERE rowid IN
                (SELECT rowid FROM turns WHERE status IN ('sent', 'dead') AND accepted < ? LIMIT ?)
            """,
            (older_than, limit),
        ).rowcount

    return operate


def expire_sessions(older_than: float, limit: int, clock: Clock) -> Operation[int]:
    def operate(db: sqlite3.Connection) -> int:
        return db.execute(
            """
            DELETE FROM sessions WHERE rowid IN (
                SELECT rowid FROM sessions WHERE updated < ? AND leased_until <= ?
                    AND NOT EXISTS (SELECT 1 FROM turns WHERE turns.conversation = sessions.conversation) LIMIT ?)
            """,
            (older_than, clock(), limit),
        ).rowcount

    return operate


def expire_rest(clock: Clock) -> Operation[None]:
    """What no longer belongs to anything."""

    def operate(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM calls WHERE conversation NOT IN (SELECT conversation FROM sessions)")
        db.execute("DELETE FROM uses WHERE until <= ?", (clock(),))

    return operate


def hold_token(key: str, holder: str, seconds: float, clock: Clock) -> Operation[StoredToken]:
    def operate(db: sqlite3.Connection) -> StoredToken:
        now = clock()
        db.execute(
            """
            INSERT INTO tokens VALUES (?, '', 0, 0, ?, ?) ON CONFLICT (key) DO UPDATE
            SET holder = excluded.holder, held_until = excluded.held_until WHERE holder = '' OR held_until <= ?
            """,
            (key, holder, now + seconds, now),
        )
        return token_of(db.execute("SELECT * FROM tokens WHERE key = ?", (key,)).fetchone())

    return operate


def token_of(row: sqlite3.Row) -> StoredToken:
    return StoredToken(Token(row["value"], row["expires_at"]), row["fetched_at"], row["holder"])


def put_token(key: str, holder: str, token: Token | None, clock: Clock) -> Operation[None]:
    def operate(db: sqlite3.Connection) -> None:
        if token:
            db.execute(
                "UPDATE tokens SET value = ?, expires_at = ?, fetched_at = ? WHERE key = ? AND holder = ?",
                (token.value, token.expires_at, clock(), key, holder),
            )
        db.execute("UPDATE tokens SET holder = '', held_until = 0 WHERE key = ? AND holder = ?", (key, holder))

    return operate
