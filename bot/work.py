"""Hops 4 to 7: take the conversation, think about its oldest turn, commit. One conversation is one task at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from functools import partial

from adapters.channel import MediaKind
from adapters.message import Custom, Event, Json, Reply, Text
from bot import faults, timers
from bot.actions import Breaker, Catalogue, JournaledActions, LeaseLost
from bot.alarms import Alert
from bot.before import Before
from bot.conversations import PerConversation
from bot.inbox import HISTORY
from bot.log import Log
from bot.media.media import Media
from bot.media.recognize import Recognizer
from bot.metrics import Metrics
from bot.outbox import Outbox
from bot.parts import CONTINUE
from bot.profiles import Profiles
from bot.progress import Progress
from bot.reading import Reading
from bot.store import Store, StoreDown
from bot.timers import Timers
from bot.turn import Session, Turn
from bot.ways import KEEP_S, Ways
from bot.windows import Windows
from flows.state import TIMER, Dialect, Dialogue, Heard, Outcome, Why, told
from nlu.meaning import Meaning

FIRST_KNOCK_S, LONGEST_KNOCK_S = 0.03, 0.5
"""How soon, and how late, to ask again for a conversation that another worker holds."""
SENT_ALONG = ("metadata", "input_channel")
"""What a message of Rasa's channels has in its `raw`."""
APOLOGY = "抱歉，系统出了点问题，请稍后再试。"


Say = Callable[[str | Sequence[Json], str, str, Mapping[str, Json]], tuple[Reply, ...]]


def nothing_to_say(
    response: str | Sequence[Json], channel: str, seed: str, values: Mapping[str, Json]
) -> tuple[Reply, ...]:
    """Of a bot without responses."""
    raise LookupError(f"there is no response '{response}'")


@dataclass(frozen=True, slots=True)
class Bot:
    """What thinks. Swapped as a whole while running; a turn under way ends with the one that it began with.
    `slow`: parsing a sentence takes longer than about 2 ms, so it is done off the event loop. `claims`: words of opting
    out (as `bot.before.bare` gives them) that mean something else here. `say` renders for
    somebody who is spoken to first: (a response of the domain, or variations as a domain has them; channel, seed,
    values). It raises LookupError for a response that is not there."""

    parse: Callable[[str, datetime], Meaning]
    engine: Dialect
    actions: Catalogue
    timezone: tzinfo
    version: str = ""
    slow: bool = False
    recognizers: Mapping[MediaKind, Recognizer] = field(default_factory=dict)
    """The bot's own, of its `actions.py`."""
    claims: frozenset[str] = frozenset()
    profile: frozenset[str] = frozenset()
    """The slots that are remembered of a person beyond the conversation."""
    say: Say = nothing_to_say


class Work:
    """`nudge(conversation)` after something was accepted; `bot` may be replaced at any time."""

    def __init__(
        self,
        store: Store,
        bot: Bot,
        windows: Windows,
        ways: Ways,
        outbox: Outbox,
        clock: Callable[[], float],
        worker: str,
        alert: Alert,
        metrics: Metrics,
        log: Log,
        before: Before,
        progress: Progress | None = None,
        media: Media | None = None,
    ) -> None:
        self.bot = bot
        self._before = before
        self._store = store
        self._windows = windows
        self._ways = ways
        self._outbox = outbox
        self._clock = clock
        self._worker = worker
        self._alert = alert
        self._metrics = metrics
        self._log = log
        self._progress = progress or Progress(store)
        self._media = media
        self._timers = Timers(store, clock)
        self._profiles = Profiles(store)
        self._breaker = Breaker(time.monotonic)
        self._reading = Reading()
        self._thinkers = PerConversation(self._think, log)
        self._background: set[asyncio.Task[None]] = set()

    def nudge(self, conversation: str) -> None:
        """Think about what is new in `conversation` soon."""
        self._thinkers.nudge(conversation)

    def under_way(self) -> int:
        """Conversations that are being worked on."""
        return len(self._thinkers)

    async def drained(self, seconds: float) -> bool:
        """Wait for the turns under way; False where they take longer (another process redoes them)."""
        done = await self._thinkers.drained(seconds)
        await asyncio.gather(*self._background)
        return done

    async def sweep(self) -> int:
        """Take up what nobody works on: timers that are due, retries, leftovers of processes that died."""
        stalled = await self._store.stalled()
        for conversation in stalled:
            self.nudge(conversation)
            self._outbox.nudge(conversation)
        for conversation in await self._timers.ring():
            self.nudge(conversation)
        return len(stalled)

    # --- one conversation

    async def _think(self, conversation: str) -> None:
        knock_s = FIRST_KNOCK_S
        try:
            while True:
                taken = await self._store.take(conversation, self._worker, self._ways.times.lease_s)
                if taken is None:
                    # Who holds it may have looked before our turn was there: ask until we have looked ourselves.
                    await asyncio.sleep(knock_s)
                    knock_s = min(LONGEST_KNOCK_S, knock_s * 2)
                elif not await self._next(*taken):
                    return
        except LeaseLost:
            self._log.info("the lease was lost, the work is thrown away", conversation=conversation)
        except StoreDown as down:
            self._metrics.store_down()
            self._log.warning("store down while thinking", conversation=conversation, error=str(down))

    async def _next(self, session: Session, waiting: Sequence[Turn]) -> bool:
        """Think about the oldest new turn; True where there may be more."""
        faults.reach("after_take")
        now = self._clock()
        new = [turn for turn in waiting if turn.status == "new" and turn.due <= now]
        if not new:
            await self._store.release(session.conversation, self._worker)
            return False
        last = len(new) == 1 and not self._thinkers.nudged(session.conversation)
        unsent = [turn for turn in waiting if turn.status in ("ready", "sending")]
        try:
            with self._renewing(session.conversation):
                committed = await self._turn(session, new[0], unsent, release=last)
        finally:
            self._progress.drop(new[0].id)
        if not committed:
            await self._store.release(session.conversation, self._worker)
        return not (committed and last)

    async def _turn(self, session: Session, turn: Turn, unsent: Sequence[Turn], *, release: bool) -> bool:
        dialogue, thought = await self._thought(session, turn, unsent)
        disposed = self._ways.dispose(
            thought, earlier=bool(unsent), window=self._windows.is_open(turn.id), now=self._clock()
        )
        if "handoff" in disposed.flags:
            # before the commit: after it, nobody would look at this turn again, should we die here
            said = turn.message.text if turn.message else ""
            await self._alert("handoff", f"{turn.conversation}: {said}", turn.id)
        faults.reach("before_commit")
        if not await self._store.commit(replace(session, dialogue=dialogue), disposed, release=release):
            self._log.info("the session moved meanwhile, the work is thrown away", turn=turn.id)
            return False
        faults.reach("after_commit")
        await self._progress.end(turn.id)
        self._metrics.committed(disposed, disposed.ready_at - turn.accepted)
        await self._hand_over(disposed)
        return True

    async def _hand_over(self, turn: Turn) -> None:
        taken = self._windows.settle(turn)
        if turn.status == "sending" and not taken:
            due = 0.0 if self._ways.may_push(turn) else turn.ready_at + KEEP_S
            await self._store.finish(turn.id, "ready", held=turn.until, shown=0, due=due)
            self._outbox.nudge(turn.conversation)
        elif turn.status == "ready" and turn.due <= self._clock():
            self._outbox.nudge(turn.conversation)

    @contextmanager
    def _renewing(self, conversation: str) -> Iterator[None]:
        """Hold the lease for as long as the work takes; costs nothing where it is quick."""
        loop, every_s = asyncio.get_running_loop(), self._ways.times.lease_s / 3
        timer: asyncio.TimerHandle

        def renew() -> None:
            nonlocal timer
            task = asyncio.create_task(self._renew(conversation))
            self._background.add(task)
            task.add_done_callback(self._background.discard)
            timer = loop.call_later(every_s, renew)

        timer = loop.call_later(every_s, renew)
        try:
            yield
        finally:
            timer.cancel()

    async def _renew(self, conversation: str) -> None:
        # Failing is no harm: the commit finds out.
        with suppress(StoreDown):
            await self._store.lease(conversation, self._worker, self._ways.times.lease_s)

    # --- one turn

    async def _thought(self, session: Session, turn: Turn, unsent: Sequence[Turn]) -> tuple[Dialogue, Turn]:
        """The dialogue after `turn`, and the turn with what the bot made of it."""
        bot, same = self.bot, session.dialogue
        if turn.replies:
            return told(same, turn.replies, max(turn.at, turn.due)) if turn.kind == "push" else same, turn
        if turn.id in session.done:
            return same, session.done[turn.id].on(turn)
        if HISTORY in turn.flags:
            return same, turn
        if session.owner:
            turn = await self._heard(bot, turn)
            return same, replace(turn, meaning=await self._meaning(bot, turn), flags=("owned",))
        if self._asks_for_more(turn, unsent):
            return same, replace(turn, flags=("continue",))
        if (decided := await self._before.decided(turn, bot.claims)) is not None:
            return same, decided
        turn = await self._heard(bot, turn)
        meaning = await self._meaning(bot, turn)
        outcome = await self._step(bot, session, turn, meaning)
        await self._timers.set(turn, outcome.timers)
        return outcome.dialogue, replace(
            turn,
            meaning=meaning,
            replies=outcome.replies,
            commands=outcome.commands,
            trace=outcome.trace,
            flags=tuple(sorted(outcome.flags)),
            flow=_standing(outcome.dialogue),
            events=outcome.events,
        )

    async def _step(self, bot: Bot, session: Session, turn: Turn, meaning: Meaning) -> Outcome:
        media, message = self._media, turn.message
        fetch = partial(media.fetch, message) if media is not None and message is not None else None
        heard = replace(_heard(turn, meaning), progress=self._progress.teller(turn.id), fetch=fetch)
        actions = JournaledActions(bot.actions, self._store, session, turn.id, self._breaker)
        try:
            known = await self._profiles.known(session.dialogue, bot.profile, turn.address, heard.sender)
            outcome = await bot.engine.step(known, heard, actions)
            await self._profiles.learn(known, outcome.dialogue, bot.profile, turn.address, heard.sender)
        except (StoreDown, LeaseLost):
            raise
        except Exception as error:
            # Whatever is wrong in a bot or in us, the customer is answered and the turn is not tried for ever.
            self._log.exception("the turn failed, the customer was asked to try again later", turn=turn.id)
            why = Why("error", f"{type(error).__name__}: the log has more")
            return Outcome(session.dialogue, (Text(APOLOGY),), trace=(why,), flags=frozenset({"error"}))
        return outcome

    async def _heard(self, bot: Bot, turn: Turn) -> Turn:
        """`turn` with the words in its voice or picture, where somebody recognizes them in time."""
        if self._media is None or turn.message is None:
            return turn
        return replace(turn, message=await self._media.heard(turn.message, bot.recognizers))

    async def _meaning(self, bot: Bot, turn: Turn) -> Meaning:
        text = turn.message.text if turn.message else ""
        if not text:
            return Meaning("")
        at = datetime.fromtimestamp(turn.at, bot.timezone)
        try:
            meaning = await self._reading.meaning(bot.parse, text, at, slow=bot.slow)
        except Exception:
            self._log.exception("the text could not be understood", turn=turn.id)
            meaning = Meaning(text)
        faults.reach("after_parse")
        return meaning

    def _asks_for_more(self, turn: Turn, unsent: Sequence[Turn]) -> bool:
        """「继续」 where a body ended with the invitation to say so."""
        said = turn.message.text.strip() if turn.message else ""
        return said == CONTINUE and any(earlier.shown for earlier in unsent) and self._ways.push_route(turn) is None


def _heard(turn: Turn, meaning: Meaning) -> Heard:
    at = max(turn.at, turn.due)
    if turn.kind == "timer":
        return Heard(turn.id, turn.address, Event(TIMER, timers.key_of(turn)), meaning, at)
    if turn.message is None:
        return Heard(turn.id, turn.address, Custom(), meaning, at)
    said = turn.message
    raw = said.raw if isinstance(said.raw, Mapping) else {}
    extra = {key: raw[key] for key in SENT_ALONG if key in raw}
    return Heard(
        turn.id, turn.address, said.content, meaning, at, said.sender or turn.address.user, said.sender_name, extra
    )


def _standing(dialogue: Dialogue) -> str:
    if not dialogue.stack:
        return ""
    frame = dialogue.stack[-1]
    return f"{frame.flow}/{frame.waiting}" if frame.waiting else frame.flow
