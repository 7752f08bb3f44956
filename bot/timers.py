"""Timers: what a dialogue wants to be woken for, kept in the store until it is due, then a turn like any other.

A timer is noted before the turn that sets it is committed, so that a crash loses none; one whose turn never was
committed rings for nothing, which the dialogue knows. Until it is due it is a note, not a turn: it neither shows in the
log nor stands in the way of what the customer says meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import quote, unquote

from adapters.message import Address, Json, converter, plain
from bot.store import Store
from bot.turn import Turn
from flows.state import Timer

NOTES = "timer/"
"""Notes `timer/<due>/<turn id>`: by key they are in the order in which they are due."""
PAGE = 100
LATEST = 9_999_999_999.0
"""A timer's time at most (the year 2286), so that the keys keep their order."""
_MARK = "timer:"


class Timers:
    """`set` what a turn asks for, before its commit; `ring` every second or so."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def set(self, turn: Turn, timers: Sequence[Timer]) -> None:
        """Idempotent: the same timer of the same turn is the same note. Raises `StoreDown`."""
        for timer in timers:
            due = min(max(timer.due, 0.0), LATEST)
            of = f"{turn.conversation}/{quote(f'{_MARK}{timer.key}', safe='')}"
            value: Json = {"id": of, "due": due, "address": plain(turn.address)}
            await self._store.write_note(f"{NOTES}{due:014.3f}/{of}", value, rev=0)

    async def ring(self) -> list[str]:
        """Make turns of what is due; the conversations that have something to think about. Raises `StoreDown`."""
        rung: list[str] = []
        now = self._clock()
        for key, note in await self._store.notes(NOTES, limit=PAGE):
            if note.value["due"] > now:
                break
            turn = await self._store.accept(_turn(note.value))
            await self._store.write_note(key, None, rev=note.rev)
            rung.append(turn.conversation)
        return rung


def _turn(value: Json) -> Turn:
    address = converter.structure(value["address"], Address)
    due = float(value["due"])
    return Turn(value["id"], address.conversation, "timer", address, due, due=due)


def key_of(turn: Turn) -> str:
    """The key of the timer that a turn of kind `timer` is about."""
    return unquote(turn.id.rpartition("/")[2]).removeprefix(_MARK)
