"""The store's protocol: every call touches one document and is idempotent. Two implementations, one contract suite
(`tests/contracts/`): `bot/sqlite.py` and `bot/mongo.py`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.channel import Route, TokenVault
from adapters.message import Json
from bot.turn import Receipt, Session, Status, Turn

OPEN_TURNS = 50
"""Most turns that `take` gives at once."""
LAST = "\U0010ffff"
"""The greatest character: every key that begins with a prefix is less than the prefix with it."""


class StoreDown(Exception):
    """The store did not answer in time. The write may or may not have happened: repeat it, it is idempotent."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One row of the conversation list: the session's key, its newest turn, and how many turns it has."""

    key: str
    latest: Turn
    turns: int
    waiting: bool
    """A turn is flagged `handoff` and no operator has answered since."""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """A small fact that is no turn's nor session's: a cursor, a file's media id. `rev` moves by one at each write."""

    value: Json
    rev: int


class Store(TokenVault, Protocol):
    @property
    def operations(self) -> int:
        """Round trips to the store so far, for benchmarks."""
        ...

    async def open(self) -> None:
        """Connect, create tables and indexes. Raises `StoreDown` with what to check; it may be tried again."""
        ...

    async def close(self) -> None: ...

    async def now(self) -> float:
        """The store's clock in epoch seconds: leases and claims are measured by it alone."""
        ...

    # --- in: hop 3

    async def accept(self, turn: Turn) -> Turn:
        """Insert a `new` turn, durably, with `accepted` set; or return the one already there under its id."""
        ...

    # --- thinking: hops 4-7

    async def lease(self, conversation: str, worker: str, seconds: float) -> Session | None:
        """Take (or renew) the conversation's lease, creating its session; None while another worker holds it."""
        ...

    async def take(self, conversation: str, worker: str, seconds: float) -> tuple[Session, list[Turn]] | None:
        """`lease` and the conversation's open turns in one go: every `new` (also not yet due), `ready` and `sending`
        one, ordered by (at, accepted, id), at most 50. What a worker asks for at the start of each turn."""
        ...

    async def release(self, conversation: str, worker: str) -> None: ...

    async def note_call(self, conversation: str, worker: str, turn_id: str, key: str, state: Json) -> bool:
        """Write `session.calls[turn][key]`; False where `worker` no longer holds the lease."""
        ...

    async def commit(self, session: Session, turn: Turn, *, release: bool = False) -> bool:
        """Write `session` with `done[turn.id] = Thought.of(turn)` if its `rev` (then +1) and lease are unchanged,
        then mark the turn ready with that thought, then prune `done` and `calls` of it.
        False: the session moved meanwhile; throw the work away. Where the turn is in `done` already, only the
        second half is done again. A repeat after `StoreDown` gives the answer that the first call would have given.

        Two savings: a turn given as `sending` (with `route` and `until`) or `sent` is marked so at once, which
        spares the claim; `release` gives the lease back in the same write."""
        ...

    # --- out: hop 8

    async def claim(self, turn_id: str, route: Route, until: float) -> bool:
        """ready -> sending until `until` (store's clock); also takes over a claim that has run out. One winner."""
        ...

    async def advance(
        self,
        turn_id: str,
        shown: int,
        until: float,
        *,
        held: float,
        receipts: Sequence[Receipt] | None = None,
        route: Route | None = None,
    ) -> bool:
        """In the middle of sending: note that `shown` parts have gone out and hold the claim until `until`; all
        `receipts` so far and another `route`, where given. False: the claim that ends at `held` is not there any
        more."""
        ...

    async def finish(
        self,
        turn_id: str,
        status: Status,
        *,
        held: float,
        shown: int,
        due: float = 0.0,
        error: str = "",
        tried: bool = True,
        receipts: Sequence[Receipt] | None = None,
        route: Route | None = None,
    ) -> bool:
        """sending -> sent | dead, or back to ready with `due` for a later try (`attempts` + 1 where it was `tried`).
        `held` is the end of the claim (its `until`) that this is the outcome of; `receipts` and `route` as with
        `advance`. False: it is another's claim by now, or none."""
        ...

    async def unsent(self, conversation: str) -> list[Turn]:
        """The conversation's ready and sending turns in order: what must go out first, first."""
        ...

    async def newest(self, conversation: str) -> Turn | None:
        """The newest message or event that came from there, in whatever state."""
        ...

    # --- sweeping and watching

    async def stalled(self, limit: int = 100) -> list[str]:
        """Conversations with a due `new`, `ready` or expired `sending` turn and no live lease."""
        ...

    def watch(self, conversation: str = "") -> AsyncIterator[Turn]:
        """Turns (of one conversation, or all) as any process changes them, from this call on: at least the newest
        state of each, best effort. Close the iterator (`aclose`) or drop it to stop."""
        ...

    # --- reading

    async def turn(self, turn_id: str) -> Turn | None: ...

    async def session(self, conversation: str) -> Session | None: ...

    async def turns(self, conversation: str, *, before: float = 0.0, limit: int = 50) -> list[Turn]:
        """The newest `limit` turns with `at < before` (0: all), oldest first. Vendors' times are whole seconds, so a
        page takes in every turn of its earliest second: `before=page[0].at` skips none."""
        ...

    async def conversations(self, *, before: float = 0.0, limit: int = 50, waiting: bool = False) -> list[Conversation]:
        """The conversation list, newest first, those whose newest turn is older than `before` (0: all). A page takes
        in every conversation of its last second, as with `turns`. `waiting`: only those who wait for a human."""
        ...

    async def heard(
        self, prefix: str, *, since: float = 0.0, after: str = "", limit: int = 1000
    ) -> list[tuple[str, float]]:
        """The conversations whose key begins with `prefix` and is greater than `after`, by key, each with the time of
        the newest thing that its people did (a message or an event); those that were silent since `since` left out."""
        ...

    def export(self, *, since: float = 0.0, status: Sequence[Status] = ()) -> AsyncIterator[Turn]:
        """Every turn by time, streamed."""
        ...

    async def resend(self, turn_id: str) -> bool:
        """dead -> ready, by an operator's word: due at once, attempts counted anew."""
        ...

    async def expire(self, older_than: float) -> int:
        """Retention: delete sent and dead turns accepted before; how many went. Sessions last touched before, of
        whose conversation no turn is left, go with them."""
        ...

    async def own(self, conversation: str, owner: str, rev: int) -> bool:
        """Set or clear the owner by compare-and-set on `rev` (then +1)."""
        ...

    async def count(self, status: Status) -> int: ...

    async def spend(self, key: str, limit: int, window_s: float) -> bool:
        """Count one use under `key`; False where `limit` uses within the last `window_s` seconds are spent."""
        ...

    async def free_at(self, key: str, limit: int, window_s: float) -> float:
        """When (store's clock) one more use may be counted; 0: now."""
        ...

    # --- notes and holds

    async def note(self, key: str) -> Note | None: ...

    async def write_note(self, key: str, value: Json, *, rev: int) -> bool:
        """Write it by compare-and-set on `rev` (then +1); 0: only where there is none. None deletes it, and a later
        note under that key begins at 1 again. One winner: a repeat after `StoreDown` may be told False, so read it."""
        ...

    async def notes(self, prefix: str, *, after: str = "", limit: int = 100) -> list[tuple[str, Note]]:
        """Those whose key begins with `prefix` and is greater than `after`, by key."""
        ...

    async def hold(self, key: str, holder: str, seconds: float) -> bool:
        """A lease on a name, by the store's clock: False while another has it. Holding again renews it, for
        `seconds` from now; 0 or less lets go (and is True)."""
        ...
