"""Lets broadcasts out: each person becomes a `push` turn when it is their time. One process at a time does it; whoever
takes over goes on from the last noted place, and the turns' ids keep everybody from getting it twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from adapters.message import Address, Reply
from bot import faults
from bot.before import OPT_OUT, is_out
from bot.broadcast.board import UNDEFINED_S, Board
from bot.broadcast.model import PART, Broadcast, Person, Progress
from bot.broadcast.reach import Reach, is_template
from bot.log import Log
from bot.store import Store, StoreDown
from bot.turn import Turn
from bot.work import Bot
from flows.state import Why

HOLD_S = 6.0
BATCH = 100
"""Most people who are let in at once."""
LATE_S = 5.0
"""Who falls behind by more (a pause, an outage) goes on at the rate from now on, and does not catch up in a burst."""
OPTED_OUT, NOTHING, REPLACED = "opted out", "the response says nothing to them", "the response is not there any more"
DAY_FULL = "daily limit"


@dataclass
class Runner:
    """`turn()` is called every second. `daily` is how many people an account may be sent something a day."""

    store: Store
    reach: Reach
    clock: Callable[[], float]
    worker: str
    nudge: Callable[[str], None]
    bot: Callable[[], Bot]
    log: Log
    daily: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._board = Board(self.store)

    async def work(self) -> None:
        """One round over all that is to be sent. Raises `StoreDown`: the next round does it again."""
        if not await self.store.hold("broadcasts", self.worker, HOLD_S):
            return
        for broadcast_id, ordered in await self._board.open():
            try:
                await self._one(broadcast_id, ordered)
            except StoreDown:
                raise
            except Exception:
                self.log.exception("a broadcast failed, it is tried again", id=broadcast_id)

    async def expire(self, older_than: float) -> int:
        """Forget what ended before; how many broadcasts. Raises `StoreDown`."""
        return await self._board.expire(older_than)

    async def stop(self) -> None:
        """Let another process take over at once."""
        await self.store.hold("broadcasts", self.worker, 0)

    async def _one(self, broadcast_id: str, ordered: float) -> None:
        broadcast = await self._board.find(broadcast_id)
        if broadcast is None:
            if ordered + UNDEFINED_S < self.clock():
                await self._board.close(broadcast_id)
            return
        progress, wish = await self._board.progress(broadcast.id), await self._board.wish(broadcast.id)
        if progress.state in ("done", "cancelled"):
            await self._board.close(broadcast.id)
            return
        now = self.clock()
        after = await self._after(broadcast, progress, wish, now)
        if after != progress:
            await self._board.note(broadcast.id, after)
        if after.state != progress.state:
            self.log.info("broadcast", id=broadcast.id, state=after.state, at=after.next, of=broadcast.total)

    async def _after(self, broadcast: Broadcast, progress: Progress, wish: str, now: float) -> Progress:
        if wish == "cancel":
            return replace(progress, state="cancelled", ended=now)
        if wish == "pause":
            return replace(progress, state="paused")
        if now < broadcast.at:
            return progress if progress.state == "scheduled" else replace(progress, state="scheduled")
        if progress.next < broadcast.total:
            progress = await self._let_in(broadcast, _on_time(broadcast, progress, now), now)
        return await self._settled(broadcast, progress, now)

    async def _let_in(self, broadcast: Broadcast, progress: Progress, now: float) -> Progress:
        end = min(_due_until(broadcast, progress, now), broadcast.total, progress.next + BATCH)
        people = await self._board.people(broadcast, progress.next, end)
        due = [_due(broadcast, progress, place) for place in range(progress.next, end)]
        skipped = Counter(progress.skipped)
        place = progress.next
        for person, at in zip(people, due, strict=True):
            reason = await self._person(broadcast, person, at, now)
            if reason == DAY_FULL:
                break
            skipped.update([reason] if reason else [])
            place += 1
        faults.reach("broadcast_batch")
        return replace(progress, state="running", next=place, skipped=dict(skipped))

    async def _person(self, broadcast: Broadcast, person: Person, due: float, now: float) -> str:
        """Let one in; else the reason why they are left out."""
        turn_id = broadcast.turn_of(person.conversation)
        if await self.store.turn(turn_id) is not None:
            return ""  # let in by who was here before us, and not noted
        if not broadcast.even_opted_out and is_out(await self.store.note(OPT_OUT + person.conversation)):
            return OPTED_OUT
        replies = await self._replies(broadcast, person)
        if isinstance(replies, str):
            return replies
        address = Address.of(person.conversation)
        newest = await self.store.newest(person.conversation)
        heard, message = (newest.at, newest.message) if newest else (0.0, None)
        if refusal := self.reach.refusal(address, heard, now, template=is_template(replies), newest=message):
            return refusal
        if not await self._today(address):
            return DAY_FULL
        why = Why("broadcast", broadcast.id)
        turn = Turn(turn_id, person.conversation, "push", address, due, due=due, replies=tuple(replies), trace=(why,))
        await self.store.accept(turn)
        self.nudge(person.conversation)
        return ""

    async def _replies(self, broadcast: Broadcast, person: Person) -> Sequence[Reply] | str:
        content = broadcast.content
        session = await self.store.session(person.conversation)
        values = {**(session.dialogue.slots if session else {}), **content.values, **person.values}
        channel = Address.of(person.conversation).channel
        try:
            seed = broadcast.turn_of(person.conversation)
            replies = self.bot().say(content.response or content.variations, channel, seed, values)
        except LookupError:
            return REPLACED
        return replies or NOTHING

    async def _today(self, address: Address) -> bool:
        key = (address.channel, address.account)
        limit = self.daily.get(key, 0)
        if not limit:
            return True
        day = day_of(self.clock(), self.bot().timezone)
        used = await self.store.note(day_key(*key, day))
        count = used.value if used else 0
        if count >= limit:
            return False
        await self.store.write_note(day_key(*key, day), count + 1, rev=used.rev if used else 0)
        return True

    async def _settled(self, broadcast: Broadcast, progress: Progress, now: float) -> Progress:
        """Count the next part, where all its turns have ended; the broadcast is done with the last."""
        start = progress.settled * PART
        end = min(start + PART, broadcast.total)
        if start < broadcast.total:
            if progress.next < end:
                return progress
            fates = await self._board.fates(broadcast, start, end)
            if fates.keys() - {"sent", "dead", "none"}:
                return progress
            progress = replace(
                progress,
                settled=progress.settled + 1,
                sent=progress.sent + fates["sent"],
                dead=progress.dead + fates["dead"],
            )
        done = progress.settled * PART >= broadcast.total
        return replace(progress, state="done", ended=now) if done else progress


def _on_time(broadcast: Broadcast, progress: Progress, now: float) -> Progress:
    """With the place and time from which the rate counts."""
    if progress.state != "running" or _due(broadcast, progress, progress.next) < now - LATE_S:
        fresh = progress.state == "scheduled" and now - broadcast.at <= LATE_S
        return replace(progress, state="running", basis=progress.next, basis_at=broadcast.at if fresh else now)
    return progress


def _due(broadcast: Broadcast, progress: Progress, place: int) -> float:
    if not broadcast.per_minute:
        return progress.basis_at
    return progress.basis_at + (place - progress.basis) * 60.0 / broadcast.per_minute


def _due_until(broadcast: Broadcast, progress: Progress, now: float) -> int:
    """The first place that is not due yet."""
    if not broadcast.per_minute:
        return broadcast.total
    return progress.basis + int((now - progress.basis_at) * broadcast.per_minute / 60.0) + 1


def day_of(now: float, zone: tzinfo) -> str:
    return datetime.fromtimestamp(now, zone).date().isoformat()


def day_key(channel: str, account: str, day: str) -> str:
    return f"sent-on/{day}/{channel}/{account}"
