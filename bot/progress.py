"""What an action says while it works, for responses that show an answer in the making. Best effort and transient: kept
for the turn in hand, shared by a note with processes that answer its polls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from bot.store import Store, StoreDown

EVERY_S = 0.3
"""At most so often what was said is shared."""
MAX_CHARACTERS = 6000


class Progress:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._said: dict[str, str] = {}
        self._sharing: dict[str, asyncio.Task[None]] = {}

    def teller(self, turn_id: str) -> Callable[[str], None]:
        """Called with a line, adds it to what was said so far of the turn."""

        def tell(line: str) -> None:
            before = self._said.get(turn_id)
            self._said[turn_id] = (f"{before}\n{line}" if before else line)[:MAX_CHARACTERS]
            if turn_id not in self._sharing:
                self._sharing[turn_id] = asyncio.create_task(self._share(turn_id))

        return tell

    async def said(self, turn_id: str) -> str:
        """Everything so far, whichever process works on the turn."""
        if turn_id in self._said:
            return self._said[turn_id]
        note = await self._store.note(_key(turn_id))
        return str(note.value) if note else ""

    async def end(self, turn_id: str) -> None:
        """The turn is committed: the answer takes the place of what was said on the way."""
        said = self._said.get(turn_id)
        if (sharing := self.drop(turn_id)) is not None:
            await asyncio.gather(sharing, return_exceptions=True)
        if said is not None:
            with suppress(StoreDown):
                note = await self._store.note(_key(turn_id))
                if note is not None:
                    await self._store.write_note(_key(turn_id), None, rev=note.rev)

    def drop(self, turn_id: str) -> asyncio.Task[None] | None:
        """Keep nothing of the turn here: the work on it is thrown away, and what is shared is whose who does it anew.
        What was sharing it is given back, to be waited for."""
        self._said.pop(turn_id, None)
        sharing = self._sharing.pop(turn_id, None)
        if sharing is not None:
            sharing.cancel()
        return sharing

    async def _share(self, turn_id: str) -> None:
        shared = ""
        with suppress(StoreDown):
            while (said := self._said.get(turn_id, "")) != shared:
                note = await self._store.note(_key(turn_id))
                await self._store.write_note(_key(turn_id), said, rev=note.rev if note else 0)
                shared = said
                await asyncio.sleep(EVERY_S)
        self._sharing.pop(turn_id, None)


def _key(turn_id: str) -> str:
    return f"progress/{turn_id}"
