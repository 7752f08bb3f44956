"""What is remembered of a person beyond a conversation: the slots of `scope: user`, in a note of the store.

A person is who wrote, by the vendor's id, within one account: the same in a chat with the bot and in every group.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import quote

from adapters.message import Address, Json
from bot.store import Store
from flows.state import Dialogue

NOTES = "profile/"
TRIES = 5
"""How often a write is tried anew where another conversation of the same person wrote in between."""


class Profiles:
    """`known` before a turn is thought about, `learn` before it is committed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def known(self, dialogue: Dialogue, slots: frozenset[str], address: Address, sender: str) -> Dialogue:
        """`dialogue` with what is remembered of `sender` in `slots`, and with nothing there of the others who talk in
        the same conversation. Raises `StoreDown`."""
        if not slots:
            return dialogue
        note = await self._store.note(_key(address, sender))
        kept = {name: value for name, value in (note.value if note else {}).items() if name in slots}
        others = {name: value for name, value in dialogue.slots.items() if name not in slots}
        return replace(dialogue, slots={**others, **kept})

    async def learn(
        self, before: Dialogue, after: Dialogue, slots: frozenset[str], address: Address, sender: str
    ) -> None:
        """Write down what changed. Raises `StoreDown`."""
        changed = {name: after.slots.get(name) for name in slots if before.slots.get(name) != after.slots.get(name)}
        for _ in range(TRIES if changed else 0):
            note = await self._store.note(_key(address, sender))
            value = _with(note.value if note else {}, changed)
            if await self._store.write_note(_key(address, sender), value or None, rev=note.rev if note else 0):
                return


def _with(kept: Mapping[str, Json], changed: Mapping[str, Json]) -> dict[str, Json]:
    return {name: value for name, value in {**kept, **changed}.items() if value is not None}


def _key(address: Address, sender: str) -> str:
    return f"{NOTES}{address.channel}/{address.account}/{quote(sender or address.user, safe='')}"
