"""Hop 8: what is ready goes out through the vendor's API, first in, first out in each conversation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from adapters.channel import Judgement, Route, Token, Transport
from bot import faults
from bot.conversations import PerConversation
from bot.log import Log
from bot.metrics import Metrics
from bot.store import Store, StoreDown
from bot.turn import Turn
from bot.ways import KEEP_S, Key, Outlet, Ways

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
MUTED_S = 24 * 3600.0
"""After how long an account that was not allowed to push is tried again."""
API_UNAUTHORIZED = "48001"
MAY, MAY_NOT = "may", "may not"

Alert = Callable[[str, str], Awaitable[None]]
"""`await alert(what, text)`: tells people of `what` (handoff, dead, config). It must not raise."""


def backoff(attempts: int, jitter: float) -> float:
    """Seconds until the next try after `attempts` failed ones; `jitter` is random in [0, 1)."""
    return float(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(attempts, 10)) * (0.5 + jitter / 2))


@dataclass(frozen=True, slots=True)
class Sent:
    """How far sending one turn got: parts that are out, the vendor's word on the last, and the end of the claim."""

    shown: int
    judgement: Judgement
    held: float


class Outbox:
    """Sends what waits in a conversation, one task at a time per conversation in this process; the store's claims
    keep other processes away."""

    def __init__(
        self,
        store: Store,
        ways: Ways,
        transport: Transport,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        alert: Alert,
        metrics: Metrics,
        log: Log,
    ) -> None:
        self._store = store
        self._ways = ways
        self._transport = transport
        self._clock = clock
        self._jitter = jitter
        self._alert = alert
        self._metrics = metrics
        self._log = log
        self._senders = PerConversation(self._drain, log)

    def nudge(self, conversation: str) -> None:
        """Send what waits in `conversation` soon."""
        self._senders.nudge(conversation)

    async def drained(self, seconds: float) -> bool:
        """Wait for the sends that are under way; False where they take longer."""
        return await self._senders.drained(seconds)

    async def _drain(self, conversation: str) -> None:
        try:
            for turn in await self._store.unsent(conversation):
                if not await self._send_one(turn):
                    return
        except StoreDown as down:
            self._log.warning("store down while sending", conversation=conversation, error=str(down))

    async def _send_one(self, turn: Turn) -> bool:
        """True where the turn needs no more sending, so that the next may go."""
        now = self._clock()
        if (turn.status == "sending" and turn.until > now) or (
            turn.status == "ready" and turn.due > now and not self._hopeless(turn, now)
        ):
            return False
        route = self._ways.push_route(turn)
        outlet = self._ways.outlet(turn)
        held = now + self._ways.times.push_claim_s
        if not await self._store.claim(turn.id, route or turn.route or Route("push"), held):
            return False
        faults.reach("after_claim")
        if outlet is None:
            reason = f"no account {turn.address.account} of {turn.address.channel}"
            return await self._give_up(turn, Sent(turn.shown, Judgement("dead", reason), held))
        if self._hopeless(turn, now):
            reason = f"no way out within {KEEP_S / 3600:g} h"
            return await self._give_up(turn, Sent(turn.shown, Judgement("dead", reason), held))
        if route is None:
            # Only the customer's next message opens a way.
            await self._store.finish(turn.id, "ready", held=held, shown=turn.shown, due=turn.ready_at + KEEP_S)
            return False
        return await self._note(turn, outlet, await self._post(turn, outlet, route, held))

    def _hopeless(self, turn: Turn, now: float) -> bool:
        return bool(turn.ready_at) and turn.ready_at + KEEP_S <= now and turn.attempts > 0

    async def _post(self, turn: Turn, outlet: Outlet, route: Route, held: float) -> Sent:
        channel = outlet.channel
        parts = self._ways.parts(turn, channel, "push")
        for place in range(turn.shown, len(parts)):
            if place > turn.shown:
                until = self._clock() + self._ways.times.push_claim_s
                if not await self._store.advance(turn.id, place, until, held=held):
                    return Sent(place, Judgement("retry", "the claim was lost while sending"), held)
                held = until
            if not await self._may_spend(turn, outlet):
                return Sent(place, Judgement("dead", "the vendor's quota of pushes is used up"), held)
            for outgoing in channel.render([parts[place]], route):
                faults.reach("before_send")
                try:
                    async with asyncio.timeout(self._ways.times.post_s):
                        judgement = await self._transport.post(channel, outgoing)
                except TimeoutError:
                    judgement = Judgement("retry", f"no answer within {self._ways.times.post_s:g} s")
                faults.reach("after_send")
                if judgement.verdict != "ok":
                    return Sent(place, judgement, held)
        return Sent(len(parts), Judgement("ok"), held)

    async def _may_spend(self, turn: Turn, outlet: Outlet) -> bool:
        """A user's message brings its own allowance, which its merged parts keep to; what we say unasked draws on
        the allowance of the conversation."""
        limits = getattr(outlet.channel, "push_limits", outlet.channel.limits)
        if not limits.push_count or turn.kind in ("message", "event"):
            return True
        return await self._store.spend(f"push/{turn.conversation}", limits.push_count, limits.push_window_s)

    async def _note(self, turn: Turn, outlet: Outlet, sent: Sent) -> bool:
        judgement = sent.judgement
        if judgement.verdict == "ok":
            await self._store.finish(turn.id, "sent", held=sent.held, shown=sent.shown)
            faults.reach("after_finish")
            self._metrics.delivered("push", turn)
            return True
        if judgement.code == API_UNAUTHORIZED and outlet.learns:
            await self._mute((turn.address.channel, turn.address.account))
            await self._store.finish(turn.id, "ready", held=sent.held, shown=sent.shown, due=turn.ready_at + KEEP_S)
            return False
        if judgement.verdict in ("retry", "refresh"):
            due = self._clock() + backoff(turn.attempts, self._jitter())
            await self._store.finish(
                turn.id, "ready", held=sent.held, shown=sent.shown, due=due, error=judgement.reason
            )
            self._metrics.retried()
            self._log.info("send failed, will try again", turn=turn.id, error=judgement.reason)
            return False
        if judgement.verdict == "config":
            await self._alert("config", f"{turn.address.channel}/{turn.address.account}: {judgement.reason}")
        return await self._give_up(turn, sent)

    async def _give_up(self, turn: Turn, sent: Sent) -> bool:
        reason = sent.judgement.reason
        await self._store.finish(turn.id, "dead", held=sent.held, shown=sent.shown, error=reason)
        faults.reach("after_finish")
        self._metrics.dead()
        self._log.warning("cannot be delivered", turn=turn.id, error=reason)
        await self._alert("dead", f"{turn.conversation}: {reason}")
        return True

    # --- accounts that may not push

    async def learn(self, outlets: Mapping[Key, Outlet]) -> None:
        """Take over from the store which accounts were found not to be allowed to push, and which may again."""
        for key, outlet in outlets.items():
            if outlet.learns:
                word = await may_push(self._store, key, self._clock)
                (self._ways.mute.add if word.value == MAY_NOT else self._ways.mute.discard)(key)

    async def _mute(self, key: Key) -> None:
        self._ways.mute.add(key)
        await self._store.get(_flag(key), _word(MAY_NOT, self._clock), stale=MAY)
        self._log.warning("the account may not push (errcode 48001): answers go out in responses only", account=key)


async def may_push(store: Store, key: Key, clock: Callable[[], float]) -> Token:
    """What was learned of an account: `MAY` or `MAY_NOT`."""
    return await store.get(_flag(key), _word(MAY, clock))


def _word(word: str, clock: Callable[[], float]) -> Callable[[], Awaitable[Token]]:
    async def fetch() -> Token:
        return Token(word, clock() + MUTED_S)

    return fetch


def _flag(key: Key) -> str:
    return f"may-push/{key[0]}/{key[1]}"
