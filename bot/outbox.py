"""Hop 8: what is ready goes out through the vendor's API, first in, first out in each conversation, by the best way
that is open, and no faster than the vendor allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from adapters.channel import Channel, Judgement, Route, Transport
from bot import faults
from bot.alarms import Alarms, Alert
from bot.conversations import PerConversation
from bot.log import Log
from bot.metrics import Metrics
from bot.muting import Muting
from bot.ready import Ready, as_it_is
from bot.sending import Sending, Sent, at_part
from bot.store import Store, StoreDown
from bot.turn import Turn
from bot.ways import CLOSED, KEEP_S, WAITS, Key, Outlet, Ways, by_link, way_key

FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 60.0
HANDOVER_S = 2.0
"""For how long a process that has no connection to the vendor leaves a turn to the one that has."""
RECONNECT_S = 5.0
"""When to look again where none has one."""
SOON_S = 0.5
"""At least so long a turn waits for a free use, whatever the clocks say."""
API_UNAUTHORIZED = "48001"
STUMBLES = 3
UNEXPECTED = "an unexpected error while sending: the log has more"
"""So often a turn is tried whose sending fails by a fault of ours; then it is dead, and those behind it go on."""


def backoff(attempts: int, jitter: float) -> float:
    """Seconds until the next try after `attempts` failed ones; `jitter` is random in [0, 1)."""
    return float(min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(attempts, 10)) * (0.5 + jitter / 2))


class Outbox:
    """Sends what waits in a conversation, one task at a time per conversation in this process; the store's claims
    keep other processes away. `reach`: whether this process has the connection that the channel sends over."""

    def __init__(
        self,
        store: Store,
        ways: Ways,
        transport: Transport,
        clock: Callable[[], float],
        jitter: Callable[[], float],
        alert: Alert,
        alarms: Alarms,
        metrics: Metrics,
        log: Log,
        reach: Callable[[Channel], bool] = lambda channel: True,
        ready: Ready = as_it_is,
    ) -> None:
        self._store = store
        self._ways = ways
        self._clock = clock
        self._jitter = jitter
        self._alert = alert
        self._alarms = alarms
        self._metrics = metrics
        self._log = log
        self._reach = reach
        self._sending = Sending(store, ways, transport, clock, ready, metrics)
        self._muting = Muting(store, ways, clock, log)
        self._senders = PerConversation(self._drain, log)

    def nudge(self, conversation: str) -> None:
        """Send what waits in `conversation` soon."""
        self._senders.nudge(conversation)

    async def drained(self, seconds: float) -> bool:
        """Wait for the sends that are under way; False where they take longer."""
        return await self._senders.drained(seconds)

    async def learn(self, outlets: Mapping[Key, Outlet]) -> None:
        """Take over from the store which accounts were found not to be allowed to push, and which may again."""
        await self._muting.learn(outlets)

    async def _drain(self, conversation: str) -> None:
        try:
            queue = await self._store.unsent(conversation)
            while queue:
                try:
                    done = await self._send_one(queue[0], queue[1:])
                except StoreDown:
                    raise
                except Exception:
                    self._log.exception(UNEXPECTED, turn=queue[0].id)
                    done = await self._stumbled(queue[0])
                if not done:
                    return
                queue = queue[done:]
        except StoreDown as down:
            self._log.warning("store down while sending", conversation=conversation, error=str(down))

    async def _send_one(self, turn: Turn, behind: Sequence[Turn]) -> int:
        """How many turns, this one first, need no more sending, so that the next may go."""
        now = self._clock()
        if not await self._may_go(turn, now):
            return 0
        outlet = self._ways.outlet(turn)
        hopeless = self._hopeless(turn, now)
        newest = ""
        routes = self._ways.push_routes(turn, turn.message) if turn.message else ()
        if not routes and outlet is not None:
            newest, routes = await self._later_ways(turn)
        near = tuple(route for route in routes if outlet and self._in_reach(turn, outlet.channel, route))
        if routes and not near and not hopeless:
            return await self._leave(turn, now)
        held = now + self._ways.times.push_claim_s
        route = near[0] if near else turn.route or Route("push")
        if not await self._store.claim(turn.id, route, held):
            return 0
        faults.reach("after_claim")
        sent = Sent(turn.shown, Judgement("ok"), held, route, turn.receipts, newest=newest)
        if outlet is None:
            reason = f"no account {turn.address.account} of {turn.address.channel}"
            return await self._give_up(turn, replace(sent, judgement=Judgement("dead", reason)))
        if hopeless:
            reason = f"no way out within {KEEP_S / 3600:g} h" + (f": {turn.error}" if turn.error else "")
            return await self._give_up(turn, replace(sent, judgement=Judgement("dead", reason)))
        if not near and route.data.get(CLOSED):
            return await self._give_up(turn, replace(sent, judgement=Judgement("dead", turn.error)))
        if not near:
            # Only the customer's next message opens a way.
            word = Judgement("retry", await self._why_closed(turn))
            return await self._wait(turn, replace(sent, judgement=word, free_at=turn.ready_at + KEEP_S))
        return await self._note(turn, outlet, await self._by_ways(turn, behind, outlet.channel, near, sent))

    async def _stumbled(self, turn: Turn) -> int:
        there = await self._store.turn(turn.id)
        if there is None:
            return 1
        route, held = there.route or Route("push"), self._clock() + self._ways.times.push_claim_s
        if there.status == "sending" and self._ways.is_ours(route):
            held = there.until
        elif not await self._store.claim(turn.id, route, held):
            return 0
        sent = Sent(there.shown, Judgement("dead", UNEXPECTED), held, route, there.receipts)
        if there.attempts + 1 >= STUMBLES:
            return await self._give_up(there, sent)
        await self._put_back(there, sent, self._clock() + backoff(there.attempts, self._jitter()), UNEXPECTED)
        return 0

    async def _may_go(self, turn: Turn, now: float) -> bool:
        if turn.status == "sending":
            return turn.until <= now
        if turn.due <= now or self._hopeless(turn, now):
            return True
        if turn.route is None or WAITS not in turn.route.data:
            return False
        newest = await self._store.newest(turn.conversation)
        return newest is not None and newest.id != turn.route.data[WAITS]

    def _hopeless(self, turn: Turn, now: float) -> bool:
        waited = turn.attempts > 0 or (turn.route is not None and WAITS in turn.route.data)
        return bool(turn.ready_at) and turn.ready_at + KEEP_S <= now and waited

    async def _later_ways(self, turn: Turn) -> tuple[str, tuple[Route, ...]]:
        """The id of the newest message that came from there, and the ways that it opens."""
        newest = await self._store.newest(turn.conversation)
        if newest is None:
            return "", self._ways.push_routes(turn, None)
        return newest.id, self._ways.push_routes(turn, newest.message)

    async def _why_closed(self, turn: Turn) -> str:
        newest = await self._store.newest(turn.conversation)
        why = self._ways.closed(turn, newest.message if newest else turn.message)
        return why or "no way to the customer is open until they write again"

    def _in_reach(self, turn: Turn, channel: Channel, route: Route) -> bool:
        _, parts = self._ways.calls(turn, channel, route)
        return not parts or not by_link(channel, at_part(route, turn.shown), parts[0][1]) or self._reach(channel)

    async def _leave(self, turn: Turn, now: float) -> int:
        """To the process that has the connection; where none has, it waits, so that nobody looks all the time."""
        if now - max(turn.due, turn.ready_at) < HANDOVER_S:
            return 0
        held = now + self._ways.times.push_claim_s
        if await self._store.claim(turn.id, turn.route or Route("push"), held):
            why = f"the connection to {turn.address.channel} is down"
            await self._store.finish(
                turn.id, "ready", held=held, shown=turn.shown, due=now + RECONNECT_S, error=why, tried=False
            )
        return 0

    # --- one turn by one way after the other

    async def _by_ways(
        self, turn: Turn, behind: Sequence[Turn], channel: Channel, routes: Sequence[Route], sent: Sent
    ) -> Sent:
        """A way that the vendor closes, or that is used up for now, leaves the turn to the next."""
        queue, tried = list(routes), set[str]()
        waits: Sent | None = None
        while queue:
            route = with_key(queue.pop(0), CLOSED, sent.route.data.get(CLOSED, ""))
            tried.add(way_key(route))
            sent = await self._sending.post(turn, behind, channel, replace(sent, route=route))
            if sent.free_at:
                waits = sent if waits is None or sent.free_at < waits.free_at else waits
            elif sent.judgement.verdict == "elsewhere":
                sent = await self._close(turn, sent)
            else:
                return sent
            if not queue and not sent.newest:
                sent, queue = await self._more_ways(turn, channel, sent, tried)
                waits = waits and replace(waits, newest=sent.newest)
        if waits is not None:
            return replace(sent, judgement=waits.judgement, free_at=waits.free_at)
        reason = sent.judgement.reason or "every way to the customer is closed"
        return replace(sent, judgement=replace(sent.judgement, verdict="dead", reason=reason))

    async def _more_ways(self, turn: Turn, channel: Channel, sent: Sent, tried: set[str]) -> tuple[Sent, list[Route]]:
        """What the newest message opens besides."""
        newest, routes = await self._later_ways(turn)
        more = [
            route for route in routes if way_key(route) not in tried and self._in_reach(turn, channel, route)
        ]  # fmt: skip
        return replace(sent, newest=newest or "none"), more

    async def _close(self, turn: Turn, sent: Sent) -> Sent:
        """Note, durably, that this way is closed to the turn."""
        closed = f"{sent.route.data.get(CLOSED, '')} {way_key(sent.route)}".strip()
        route = with_key(sent.route, CLOSED, closed)
        until = self._clock() + self._ways.times.push_claim_s
        self._log.info("a way is closed, the next is tried", turn=turn.id, error=sent.judgement.reason)
        held = await self._store.advance(
            turn.id, sent.shown, until, held=sent.held, receipts=sent.receipts, route=route
        )  # fmt: skip
        return replace(sent, route=route, held=until if held else sent.held)

    # --- what came of it

    async def _note(self, turn: Turn, outlet: Outlet, sent: Sent) -> int:
        judgement = sent.judgement
        if sent.free_at:
            return await self._wait(turn, sent)
        if judgement.verdict == "ok":
            await self._store.finish(
                turn.id, "sent", held=sent.held, shown=sent.shown, receipts=sent.receipts, route=sent.route
            )
            faults.reach("after_finish")
            self._metrics.delivered("push", turn)
            return 1 + sent.also
        if judgement.code == API_UNAUTHORIZED and outlet.learns:
            await self._muting.mute((turn.address.channel, turn.address.account))
            await self._put_back(turn, sent, turn.ready_at + KEEP_S)
            return 0
        if judgement.verdict in ("retry", "refresh"):
            await self._put_back(turn, sent, self._clock() + backoff(turn.attempts, self._jitter()), judgement.reason)
            self._metrics.retried()
            self._log.info("send failed, will try again", turn=turn.id, error=judgement.reason)
            return 0
        return await self._give_up(turn, sent)

    async def _put_back(self, turn: Turn, sent: Sent, due: float, error: str = "") -> None:
        await self._store.finish(
            turn.id,
            "ready",
            held=sent.held,
            shown=sent.shown,
            due=due,
            error=error,
            receipts=sent.receipts,
            route=sent.route,
        )

    async def _wait(self, turn: Turn, sent: Sent) -> int:
        """Put it back: neither tried nor dead. It goes on when a use is free, or when the customer writes."""
        due = min(max(sent.free_at, self._clock() + SOON_S), turn.ready_at + KEEP_S)
        await self._store.finish(
            turn.id,
            "ready",
            held=sent.held,
            shown=sent.shown,
            due=due,
            error=sent.judgement.reason,
            tried=False,
            receipts=sent.receipts,
            route=with_key(sent.route, WAITS, sent.newest or "none"),
        )
        self._metrics.waits()
        self._log.info("put back until it may go", turn=turn.id, reason=sent.judgement.reason)
        return 0

    async def _give_up(self, turn: Turn, sent: Sent) -> int:
        """Dead; should an operator have it sent again, every way is open again."""
        judgement = sent.judgement
        if judgement.verdict != "config":
            # before it is noted, so that none is lost; the same death is told once an hour
            of = f"{turn.id}/{self._clock() // 3600:.0f}"
            await self._alert("dead", f"{turn.conversation}: {judgement.reason}", of)
        route = Route(
            sent.route.kind, {key: value for key, value in sent.route.data.items() if key not in (CLOSED, WAITS)}
        )
        await self._store.finish(
            turn.id,
            "dead",
            held=sent.held,
            shown=sent.shown,
            error=judgement.reason,
            receipts=sent.receipts,
            route=route,
        )
        faults.reach("after_finish")
        self._metrics.dead()
        self._log.warning("cannot be delivered", turn=turn.id, error=judgement.reason)
        if judgement.verdict == "config":
            await self._alarms.config(turn.address.channel, turn.address.account, judgement)
        return 1


def with_key(route: Route, key: str, value: str) -> Route:
    rest = {name: each for name, each in route.data.items() if name != key}
    return Route(route.kind, {**rest, key: value} if value else rest)
