"""What is left of a turn goes out by one way, call by call, each once the vendor allows it; texts that wait behind it
go with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from adapters.channel import Channel, Judgement, Outgoing, Pushing, Rate, Route, Transport
from adapters.message import Reply, Text
from bot import faults
from bot.metrics import Metrics
from bot.parts import join_texts
from bot.ready import GONE, Ready, media_ids
from bot.store import Store
from bot.turn import Receipt, Turn
from bot.ways import PART, WAITS, Ways

PATIENT = 3
"""How often a turn is tried again for a file that is not uploaded yet, before a link or words stand for it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """How far sending one turn got: parts that are out, the vendor's word on the last, the end of the claim, what the
    vendor took, and by which way. `free_at`: it waits for a use, until then; `also`: turns behind it that went with
    it."""

    shown: int
    judgement: Judgement
    held: float
    route: Route
    receipts: tuple[Receipt, ...] = ()
    free_at: float = 0.0
    newest: str = ""
    also: int = 0


class Sending:
    """`post` sends a turn that is claimed; it notes what is out so far, not what came of it."""

    def __init__(
        self,
        store: Store,
        ways: Ways,
        transport: Transport,
        clock: Callable[[], float],
        ready: Ready,
        metrics: Metrics,
    ) -> None:
        self._store, self._ways, self._transport = store, ways, transport
        self._clock, self._ready, self._metrics = clock, ready, metrics

    async def post(self, turn: Turn, behind: Sequence[Turn], channel: Channel, sent: Sent) -> Sent:
        """All that is left of the turn, by the way `sent.route`."""
        merge = turn.route is not None and WAITS in turn.route.data
        at = replace(turn, shown=sent.shown, route=sent.route if sent.shown > turn.shown else turn.route)
        route, rest = self._ways.calls(at, channel, sent.route, merge=merge)
        sent = replace(sent, route=route)
        for place, (end, reply) in enumerate(rest):
            if place:
                sent = await self._hold_on(turn, sent, sent.route)
                if sent.judgement.verdict != "ok":
                    return sent
            last = end == rest[-1][0]
            sent = await self._call(turn, behind if merge and last else (), channel, reply, sent)
            if sent.judgement.verdict != "ok":
                return sent
            sent = replace(sent, shown=end)
        return replace(sent, judgement=Judgement("ok"))

    async def _hold_on(self, turn: Turn, sent: Sent, route: Route | None = None) -> Sent:
        """The claim begins anew, so that nobody else sends what is being sent; retry where it was lost. `route`, where
        it is another one than was noted."""
        until = self._clock() + self._ways.times.push_claim_s
        if await self._store.advance(turn.id, sent.shown, until, held=sent.held, receipts=sent.receipts, route=route):
            return replace(sent, held=until, judgement=Judgement("ok"))
        return replace(sent, judgement=Judgement("retry", "the claim was lost while sending"))

    async def _call(self, turn: Turn, behind: Sequence[Turn], channel: Channel, reply: Reply, sent: Sent) -> Sent:
        """One part, with those of the turns `behind` that fit into the same call, once it is free to go."""
        ready = await self._ready(channel, reply, within=self._ways.times.post_s, patient=turn.attempts < PATIENT)
        if isinstance(ready, Judgement):
            return replace(sent, judgement=ready)
        given, reply = reply, ready
        if ready != given:  # the upload may have taken most of the claim's time
            sent = await self._hold_on(turn, sent)
            if sent.judgement.verdict != "ok":
                return sent
        outgoing = channel.render([reply], at_part(sent.route, sent.shown))
        if wait := await self._spend(channel, sent.route, len(outgoing)):
            free_at, rate = wait
            word = f"{rate.count} in {_spoken(rate.window_s)} are used up; it goes out when one more is free"
            return replace(sent, judgement=Judgement("retry", word), free_at=free_at)
        also, together = await self._claim_behind(reply, behind, channel, sent)
        if also:
            outgoing = channel.render([together], at_part(sent.route, sent.shown))
        judgement, receipts = await self._transmit_all(channel, outgoing, sent)
        if judgement.code in GONE and ready != given:
            anew = await self._ready(channel, given, within=self._ways.times.post_s, gone=media_ids(ready))
            sent = await self._hold_on(turn, sent)
            if sent.judgement.verdict != "ok":
                return sent
            if not isinstance(anew, Judgement):
                calls = channel.render([anew], at_part(sent.route, sent.shown))
                judgement, receipts = await self._transmit_all(channel, calls, sent)
        await self._note_also(also, channel, sent, judgement)
        done = len(also) if judgement.verdict == "ok" else 0
        return replace(sent, judgement=judgement, receipts=receipts, also=done, free_at=0.0)

    async def _transmit_all(
        self, channel: Channel, outgoing: Sequence[Outgoing], sent: Sent
    ) -> tuple[Judgement, tuple[Receipt, ...]]:
        """The vendor's word on the last call that was made, and what it has taken of the turn by now."""
        judgement, receipts = Judgement("ok"), sent.receipts
        for each in outgoing:
            judgement = await self._transmit(channel, each)
            if judgement.verdict != "ok":
                break
            if judgement.receipt:
                receipts = (*receipts, Receipt(judgement.receipt, sent.route))
        return judgement, receipts

    async def _transmit(self, channel: Channel, outgoing: Outgoing) -> Judgement:
        faults.reach("before_send")
        try:
            async with asyncio.timeout(self._ways.times.post_s):
                judgement = await self._transport.post(channel, outgoing)
        except TimeoutError:
            judgement = Judgement("retry", f"no answer within {self._ways.times.post_s:g} s")
        faults.reach("after_send")
        return judgement

    async def _claim_behind(
        self, reply: Reply, behind: Sequence[Turn], channel: Channel, sent: Sent
    ) -> tuple[list[Turn], Reply]:
        """The turns behind whose texts fit into the same call as `reply`, now ours, and all of it together."""
        also: list[Turn] = []
        limits = channel.push_limits if isinstance(channel, Pushing) else channel.limits
        for turn in behind:
            parts = self._ways.parts(turn, channel, "push")[turn.shown :]
            texts = [part.text for part in parts if isinstance(part, Text)]
            ready = turn.status == "ready" and turn.due <= self._clock()
            joined = join_texts(reply, Text("\n".join(texts)), limits.text_bytes)
            if not ready or not texts or len(texts) < len(parts) or joined is None:
                break
            if not await self._store.claim(turn.id, sent.route, sent.held):
                break
            reply, also = joined, [*also, turn]
        return also, reply

    async def _note_also(self, also: Sequence[Turn], channel: Channel, sent: Sent, judgement: Judgement) -> None:
        for turn in also:
            if judgement.verdict == "ok":
                shown = len(self._ways.parts(turn, channel, "push"))
                mine = [Receipt(judgement.receipt, sent.route)] if judgement.receipt else []
                await self._store.finish(
                    turn.id, "sent", held=sent.held, shown=shown, receipts=[*turn.receipts, *mine]
                )  # fmt: skip
                self._metrics.delivered("push", turn)
            else:
                route = turn.route or Route("push")
                await self._store.finish(
                    turn.id, "ready", held=sent.held, shown=turn.shown, tried=False, route=route
                )  # fmt: skip

    async def _spend(self, channel: Channel, route: Route, count: int) -> tuple[float, Rate] | None:
        """Count `count` calls by `route` on whatever they draw; when there may be as many more, and on what it was
        that there are not."""
        rates = channel.rates(route) if isinstance(channel, Pushing) else ()
        slack_s = self._ways.times.slack_s
        if len(rates) * count > 1:  # look first: what is counted stays counted
            for rate in rates:
                if free_at := await self._store.free_at(rate.key, rate.count - count + 1, rate.window_s + slack_s):
                    return free_at, rate
        for rate in rates * count:
            window_s = rate.window_s + slack_s
            if not await self._store.spend(rate.key, rate.count, window_s):
                return await self._store.free_at(rate.key, rate.count, window_s) or self._clock(), rate
        return None


def at_part(route: Route, place: int) -> Route:
    """For rendering the part at `place`."""
    return Route(route.kind, {**route.data, PART: str(place)})


def _spoken(seconds: float) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds:g} s"
