"""Broadcasts in the store's notes. Each note has one writer: who made it, who steers it, the runner."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.broadcast.model import PART, Broadcast, Person, Progress, Standing, Wish
from bot.store import Store

DEFINED, PARTS, WISHES, PROGRESS = "broadcast/", "broadcast-part/", "broadcast-wish/", "broadcast-progress/"
OPEN = "broadcast-open/"
"""Marks those that are not at their end, with the time of the order: what the runner looks at every second."""
UNDEFINED_S = 3600.0
"""A mark so old without its broadcast is that of an order that never came to its end."""
TOGETHER = 50
"""Turns that are asked for at once."""


class TakenId(Exception):
    """Another broadcast has this id; `there` is it."""

    def __init__(self, there: Broadcast) -> None:
        super().__init__(f"there is a broadcast {there.id} of other content or for others; take another id")
        self.there = there


@dataclass(frozen=True)
class Board:
    store: Store

    async def put(self, broadcast: Broadcast, people: Sequence[Person]) -> Broadcast:
        """Make it durable; who puts the same under the same id again gets the one that is there. Raises `TakenId`."""
        if there := await self.find(broadcast.id):
            return await self._same(there, broadcast, people)
        broadcast = replace(broadcast, total=len(people), parts=uuid.uuid4().hex)
        for start in range(0, len(people), PART):
            values = [[person.conversation, dict(person.values)] for person in people[start : start + PART]]
            await self.store.write_note(_part(broadcast, start // PART), values, rev=0)
        for left in (PROGRESS, WISHES):  # of one that went before its time and was forgotten half
            await self._erase(left + broadcast.id)
        await self.store.write_note(OPEN + broadcast.id, broadcast.created, rev=0)
        # the definition last: what has none is not begun
        if await self.store.write_note(DEFINED + broadcast.id, broadcast.to_dict(), rev=0):
            return broadcast
        there = await self.find(broadcast.id)
        return await self._same(there, broadcast, people) if there else broadcast

    async def _same(self, there: Broadcast, wanted: Broadcast, people: Sequence[Person]) -> Broadcast:
        if there.parts == wanted.parts:
            return there  # our own write, of which we had no word
        alike = replace(wanted, at=there.at, created=there.created, parts=there.parts, total=len(people)) == there
        if not alike or await self.people(there, 0, there.total) != list(people):
            raise TakenId(there)
        return there

    async def find(self, broadcast_id: str) -> Broadcast | None:
        note = await self.store.note(DEFINED + broadcast_id)
        return Broadcast.from_dict(note.value) if note else None

    async def all(self) -> list[Broadcast]:
        """By id."""
        found: list[Broadcast] = []
        after = ""
        while page := await self.store.notes(DEFINED, after=after):
            found += [Broadcast.from_dict(note.value) for _, note in page]
            after = page[-1][0]
        return found

    async def open(self) -> list[tuple[str, float]]:
        """Ids and order times of those that are not at their end."""
        found: list[tuple[str, float]] = []
        after = ""
        while page := await self.store.notes(OPEN, after=after):
            found += [(key.removeprefix(OPEN), float(note.value)) for key, note in page]
            after = page[-1][0]
        return found

    async def close(self, broadcast_id: str) -> None:
        """It is at its end, or was never defined."""
        await self._erase(OPEN + broadcast_id)

    async def expire(self, older_than: float) -> int:
        """Forget those that ended before, with the lists of their people; how many. Their ids are free again."""
        gone = 0
        for broadcast in await self.all():
            progress = await self.progress(broadcast.id)
            if progress.state not in ("done", "cancelled") or progress.ended >= older_than:
                continue
            # the definition first: without it nothing of the rest is looked at
            keys = [DEFINED + broadcast.id, OPEN + broadcast.id, PROGRESS + broadcast.id, WISHES + broadcast.id]
            for key in (*keys, *(_part(broadcast, number) for number in range(-(-broadcast.total // PART)))):
                await self._erase(key)
            gone += 1
        return gone

    async def _erase(self, key: str) -> None:
        if note := await self.store.note(key):
            await self.store.write_note(key, None, rev=note.rev)

    async def people(self, broadcast: Broadcast, start: int, end: int) -> list[Person]:
        """Those at places `start` up to `end`."""
        found: list[Person] = []
        for number in range(start // PART, -(-end // PART)):
            note = await self.store.note(_part(broadcast, number))
            found += [Person(conversation, values) for conversation, values in (note.value if note else [])]
        first = start // PART * PART
        return found[start - first : end - first]

    async def wish(self, broadcast_id: str) -> Wish:
        note = await self.store.note(WISHES + broadcast_id)
        wish: Wish = note.value if note else "run"
        return wish

    async def steer(self, broadcast_id: str, wish: Wish) -> bool:
        """Let it run, pause it or cancel it; False where it was cancelled, which is for good."""
        while True:
            note = await self.store.note(WISHES + broadcast_id)
            if note is not None and note.value == "cancel":
                return wish == "cancel"
            if await self.store.write_note(WISHES + broadcast_id, wish, rev=note.rev if note else 0):
                return True

    async def progress(self, broadcast_id: str) -> Progress:
        note = await self.store.note(PROGRESS + broadcast_id)
        return Progress.from_dict(note.value) if note else Progress()

    async def note(self, broadcast_id: str, progress: Progress) -> None:
        note = await self.store.note(PROGRESS + broadcast_id)
        await self.store.write_note(PROGRESS + broadcast_id, progress.to_dict(), rev=note.rev if note else 0)

    async def fates(self, broadcast: Broadcast, start: int, end: int) -> Counter[str]:
        """How many turns of the people at these places are in which status; `none` are those without one."""
        found: Counter[str] = Counter()
        people = await self.people(broadcast, start, end)
        for at in range(0, len(people), TOGETHER):
            some = people[at : at + TOGETHER]
            turns = await asyncio.gather(*(self.store.turn(broadcast.turn_of(person.conversation)) for person in some))
            found.update(turn.status if turn else "none" for turn in turns)
        return found

    async def standing(self, broadcast: Broadcast) -> Standing:
        """As it is now, by its turns."""
        progress, wish = await self.progress(broadcast.id), await self.wish(broadcast.id)
        fates = await self.fates(broadcast, min(progress.settled * PART, progress.next), progress.next)
        sent, dead = progress.sent + fates["sent"], progress.dead + fates["dead"]
        skipped = sum(progress.skipped.values())
        accepted = progress.next - skipped
        state = progress.state
        if state not in ("done", "cancelled") and wish != "run":
            state = "paused" if wish == "pause" else "cancelled"
        elif state == "paused":
            state = "running"
        return Standing(
            broadcast, state, accepted, sent, dead, accepted - sent - dead, broadcast.total - progress.next,
            progress.skipped, progress.ended,
        )  # fmt: skip


def _part(broadcast: Broadcast, number: int) -> str:
    return f"{PARTS}{broadcast.parts}/{number:06}"
