"""What would come of a broadcast, told before it starts: who gets it, who cannot and why, what it uses up."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo

from adapters.message import Address, Message
from bot.before import OPT_OUT, is_out
from bot.broadcast.model import Broadcast, Person, account_of
from bot.broadcast.reach import Reach
from bot.broadcast.runner import day_key, day_of
from bot.store import Store
from bot.turn import Turn

FEW = 200
"""So many people are looked up one by one; more by reading whole accounts."""


@dataclass(frozen=True, slots=True)
class Use:
    """Of an account's daily limit: how many of it this takes, and how many are used already."""

    account: str
    takes: int
    used: int
    limit: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """`people` were named; of them `reachable` can be reached as things stand, by channel and account. `opted_out` are
    left out, `unreachable` by reason, too. `seconds` is how long it takes at the rate."""

    people: int
    reachable: int
    accounts: Mapping[str, int] = field(default_factory=dict)
    opted_out: int = 0
    unreachable: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    uses: tuple[Use, ...] = ()


@dataclass(frozen=True)
class Forecaster:
    """`daily` is how many people each account may be sent something a day."""

    store: Store
    reach: Reach
    daily: Mapping[tuple[str, str], int]
    timezone: tzinfo

    async def tell(self, broadcast: Broadcast, people: Sequence[Person], now: float, *, template: bool) -> Forecast:
        """As things stand at `now`; a window that closes before the broadcast's time counts as closed."""
        out = set() if broadcast.even_opted_out else await self._opted_out(people)
        at = max(now, broadcast.at)
        heard = await self._heard(people)
        newest = await self._newest(people, heard, at)
        accounts: Counter[str] = Counter()
        unreachable: Counter[str] = Counter()
        opted_out = 0
        for person in people:
            address = Address.of(person.conversation)
            if person.conversation in out:
                opted_out += 1
            elif refusal := self.reach.refusal(
                address, heard.get(person.conversation, 0.0), at,
                template=template, newest=newest.get(person.conversation),
            ):  # fmt: skip
                unreachable[refusal] += 1
            else:
                accounts[f"{address.channel}/{address.account}"] += 1
        reachable = sum(accounts.values())
        seconds = max(0, reachable - 1) * 60 / broadcast.per_minute if broadcast.per_minute else 0.0
        uses = [await self._use(account, count, at) for account, count in sorted(accounts.items())]
        return Forecast(
            len(people), reachable, dict(sorted(accounts.items())), opted_out, dict(unreachable.most_common()), seconds,
            tuple(use for use in uses if use.limit),
        )  # fmt: skip

    async def _use(self, account: str, takes: int, at: float) -> Use:
        channel, _, name = account.partition("/")
        note = await self.store.note(day_key(channel, name, day_of(at, self.timezone)))
        return Use(account, takes, note.value if note else 0, self.daily.get((channel, name), 0))

    async def _opted_out(self, people: Sequence[Person]) -> set[str]:
        if len(people) <= FEW:
            notes = await asyncio.gather(*(self.store.note(OPT_OUT + person.conversation) for person in people))
            return {person.conversation for person, note in zip(people, notes, strict=True) if is_out(note)}
        found: set[str] = set()
        after = ""
        while page := await self.store.notes(OPT_OUT, after=after, limit=1000):
            found.update(key.removeprefix(OPT_OUT) for key, note in page if is_out(note))
            after = page[-1][0]
        return found

    async def _heard(self, people: Sequence[Person]) -> dict[str, float]:
        asked = [person.conversation for person in people if self.reach.windowed(Address.of(person.conversation))]
        if len(asked) <= FEW:
            return {key: turn.at for key, turn in (await self._looked_up(asked)).items()}
        found: dict[str, float] = {}
        for key in sorted({account_of(conversation) for conversation in asked}):
            found |= await heard_of(self.store, *key)
        return found

    async def _newest(
        self, people: Sequence[Person], heard: Mapping[str, float], at: float
    ) -> dict[str, Message | None]:
        """The newest messages, where they tell whether there is a way."""
        conversations = (person.conversation for person in people)
        asked = [key for key in conversations if self.reach.by_message(Address.of(key), heard.get(key, 0.0), at)]
        return {key: turn.message for key, turn in (await self._looked_up(asked)).items()}

    async def _looked_up(self, conversations: Sequence[str]) -> dict[str, Turn]:
        found: dict[str, Turn] = {}
        for start in range(0, len(conversations), FEW):
            some = conversations[start : start + FEW]
            turns = await asyncio.gather(*map(self.store.newest, some))
            found |= {key: turn for key, turn in zip(some, turns, strict=True) if turn is not None}
        return found


async def heard_of(store: Store, channel: str, account: str, since: float = 0.0) -> dict[str, float]:
    """Every conversation of an account that was not silent since `since`, and when its people last did something."""
    prefix = Address(channel, account, "", "").conversation.rstrip("/") + "/"
    found: dict[str, float] = {}
    after = ""
    while page := await store.heard(prefix, since=since, after=after):
        found.update(page)
        after = page[-1][0]
    return found
