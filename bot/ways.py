"""Which way out a turn has: the open response, a push through the vendor's API, or whoever watches. Decides, sends
nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

import orjson

from adapters.channel import LINK, Carrying, Channel, Limits, Linked, Pushing, Route, Streaming, Windowed
from adapters.message import Message, Reply
from bot.parts import BASIS, Fit, calls, pack, passive_parts, plain_parts, push_calls, transfer_first, with_body
from bot.turn import Turn
from config.credentials import Group

LIVE = frozenset({"web", "rest", "socketio"})
"""Channels whose pages read the log: their turns are sent as soon as they are ready."""

KEEP_S = 48 * 3600.0
"""How long an answer waits for a way out (WeChat accepts customer-service messages for 48 h)."""


CLOSED, WAITS, PART, TURN = "closed", "waits", "part", "turn"
"""Keys that a push route's data may have: which ways are closed to this turn for good, which message was the newest
when it was put back to wait for a use or for another message, the place of the first part that is rendered, and the
turn whose part that is."""


MAX_ACKNOWLEDGED = 10_000
"""Turns that are remembered as acknowledged; one that is forgotten is pushed a little later."""


@dataclass(frozen=True, slots=True)
class Times:
    """The protocol's clockwork, in seconds. WeChat closes a request after 5 s and posts it again, three times in all:
    we answer by `answer_s`, and a post that comes `last_post_s` after the first was accepted is the last one. Who
    takes a conversation, or claims a turn for a response or a push, must be done (or say that it goes on) within
    `lease_s`, `passive_claim_s`, `push_claim_s`: then another process takes over. A post to a vendor that takes
    longer than `post_s` is given up and tried again; a file that is not uploaded within `ready_s` goes into a response
    as a link. A channel that streams is told within `first_s` that the answer
    is being made; where it does not poll for a finished one within `silence_s`, that is pushed. What a vendor allows
    within some time is counted over `slack_s` more: it counts when a call arrives, we when we make it, and the first
    of them may have been slow on its way. WeCom drops one too many, DingTalk's robots are then blocked for 10 min."""

    answer_s: float = 4.5
    last_post_s: float = 8.0
    lease_s: float = 6.0
    passive_claim_s: float = 10.0
    push_claim_s: float = 30.0
    post_s: float = 20.0
    ready_s: float = 0.4
    first_s: float = 0.8
    silence_s: float = 10.0
    slack_s: float = 2.0

    def faster(self, speed: float) -> Times:
        """The same with time running `speed` times as fast, for tests."""
        return Times(**{field.name: getattr(self, field.name) / speed for field in fields(self)})


@dataclass(frozen=True, slots=True)
class Outlet:
    """One account's channel; `learns`: whether it may push is found out by trying (`push: auto`); `group`: how it
    behaves in group chats, where it has any."""

    channel: Channel
    learns: bool = False
    group: Group | None = None


Key = tuple[str, str]
"""Channel and account."""


class Ways:
    """The ways out of every account that is served."""

    def __init__(
        self,
        outlets: Mapping[Key, Outlet],
        fit: Fit,
        worker: str,
        clock: Callable[[], float],
        times: Times | None = None,
    ) -> None:
        self.outlets = outlets
        self._fit = fit
        self._worker = worker
        self._clock = clock
        self.times = times or Times()
        self.mute: set[Key] = set()
        """Accounts that were found not to be allowed to push."""
        self._acknowledged: dict[str, None] = {}

    def acknowledge(self, turn_id: str) -> None:
        """No response will carry this turn: it is pushed as soon as it is ready."""
        self._acknowledged[turn_id] = None
        while len(self._acknowledged) > MAX_ACKNOWLEDGED:
            del self._acknowledged[next(iter(self._acknowledged))]

    def outlet(self, turn: Turn) -> Outlet | None:
        return self.outlets.get((turn.address.channel, turn.address.account))

    def is_live(self, turn: Turn) -> bool:
        return turn.address.channel in LIVE or (turn.route is not None and turn.route.kind == "live")

    def push_route(self, turn: Turn) -> Route | None:
        """The best push way to whoever the turn answers; None where there is none, or where only the newest message
        of its conversation may tell."""
        return next(iter(self.push_routes(turn, turn.message)), None) if turn.message else None

    def push_routes(self, turn: Turn, message: Message | None) -> tuple[Route, ...]:
        """The push ways that `message` opens and that are not closed to the turn, the best first."""
        outlet = self.outlet(turn)
        if outlet is None or (turn.address.channel, turn.address.account) in self.mute:
            return ()
        if not isinstance(outlet.channel, Pushing):
            return ()
        noted = {BASIS: _basis(turn) or "push", "by": self._worker, TURN: turn.id}
        closed = turn.route.data.get(CLOSED, "") if turn.route else ""
        if closed:
            noted[CLOSED] = closed
        routes = _for(turn, outlet.channel, message, self._clock())
        return tuple(Route("push", {**route.data, **noted}) for route in routes if way_key(route) not in closed.split())

    def closed(self, turn: Turn, message: Message | None) -> str:
        """Why `message` opens no way to push, in words for operators; empty where the channel has none."""
        outlet = self.outlet(turn)
        return outlet.channel.closed(message, self._clock()) if outlet and isinstance(outlet.channel, Windowed) else ""

    def is_ours(self, route: Route) -> bool:
        """Whether this process made the push route."""
        return route.kind == "push" and route.data.get("by") == self._worker

    def may_push(self, turn: Turn) -> bool:
        """Whether a push way may be open."""
        if turn.message is not None:
            return self.push_route(turn) is not None
        outlet = self.outlet(turn)
        muted = (turn.address.channel, turn.address.account) in self.mute
        return outlet is not None and isinstance(outlet.channel, Pushing) and not muted

    def calls(
        self, turn: Turn, channel: Channel, route: Route, *, merge: bool = False
    ) -> tuple[Route, list[tuple[int, Reply]]]:
        """What is left of the turn, as the calls of `route` that carry it, and the route with the basis by which they
        were fitted (see `parts.push_calls`). Texts are merged where there would be more than the vendor lets us make,
        or where the turn has waited for that already (`merge`)."""
        limits, most = _whole(channel, _push_limits(channel)), _most(channel, route)
        if not turn.shown and not _basis(turn):
            basis, out = push_calls(turn.replies, limits, self._fit, most, merge=merge)
            return Route(route.kind, {**route.data, BASIS: basis}), out
        parts = self.parts(turn, channel, "push")
        merge = merge or bool(most and len(parts) - turn.shown > most)
        return route, calls(parts, turn.shown, limits.text_bytes, merge=merge)

    def parts(self, turn: Turn, channel: Channel, way: Literal["passive", "push"]) -> list[Reply]:
        """What the turn's replies come to, going out by `way`."""
        if (_basis(turn) or way) == "passive":
            parts = passive_parts(turn.replies, _whole(channel, channel.limits), self._fit)
            return transfer_first(parts) if self._push_way(channel, turn) else parts
        limits = _whole(channel, _push_limits(channel))
        if _basis(turn) == "plain":
            return plain_parts(turn.replies, limits, self._fit)
        return self._fit(turn.replies, limits)

    def dispose(self, turn: Turn, *, earlier: bool, window: bool, now: float) -> Turn:
        """`turn`, thought through, as it is committed. `earlier`: others of its conversation have not gone out yet;
        `window`: a response is open for it in this process; `now` is the store's time."""
        turn = replace(turn, ready_at=now)
        outlet = self.outlet(turn)
        if self.is_live(turn) or (not turn.replies and not (window and earlier)):
            return replace(turn, status="sent", shown=len(turn.replies), sent_at=now)
        if outlet is None:
            return replace(turn, status="ready")
        pushes = self.may_push(turn)
        if window and not earlier and turn.route is not None:
            body = pack([(turn, self.parts(turn, outlet.channel, "passive"))], outlet.channel.limits, hint=not pushes)
            route = with_body(turn.route, body, turn.id, self._worker)
            return replace(turn, status="sending", route=route, until=now + self.times.passive_claim_s)
        if not pushes:
            return replace(turn, status="ready", due=now + KEEP_S)
        return replace(turn, status="ready", due=self._passive_until(turn, outlet.channel, now))

    def _passive_until(self, turn: Turn, channel: Channel, now: float) -> float:
        """Another process may hold the open response, or the vendor poll for it: until then it is not pushed."""
        if turn.route is None or turn.route.kind != "passive":
            return 0.0
        if isinstance(channel, Streaming):
            if turn.id in self._acknowledged:
                return 0.0
            return min(turn.accepted + channel.stream_s, now + self.times.silence_s)
        return turn.accepted + self.times.answer_s

    def _push_way(self, channel: Channel, turn: Turn) -> Route | None:
        """As the account is set up, whatever was learned of it since."""
        if not isinstance(channel, Pushing):
            return None
        return next(iter(_for(turn, channel, turn.message, self._clock())), None)


def _for(turn: Turn, channel: Pushing, message: Message | None, now: float) -> tuple[Route, ...]:
    """The ways that `message` opens for what the turn says."""
    routes = channel.push_routes(turn.address, message, now)
    if not isinstance(channel, Windowed):
        return routes
    return tuple(route for route in routes if channel.carries(turn.replies, route))


def by_link(channel: Channel, route: Route, reply: Reply) -> bool:
    """Whether `reply` goes out by `route` over the channel's own connection."""
    if not isinstance(channel, Linked) or channel.link_terms is None:
        return False
    return any(outgoing.url.startswith(LINK) for outgoing in channel.render([reply], route))


def way_key(route: Route) -> str:
    """Names a way in `CLOSED`: the same way by another session webhook is another way."""
    own = {key: value for key, value in route.data.items() if key not in (BASIS, CLOSED, WAITS, PART, TURN, "by")}
    digest = hashlib.sha256(orjson.dumps(own, option=orjson.OPT_SORT_KEYS)).hexdigest()[:12]
    return f"{own.get('way', 'push').replace(' ', '_')}:{digest}"


def _whole(channel: Channel, limits: Limits) -> Limits:
    """What can be uploaded just before it goes out stays one part until then; what cannot, the codec degrades."""
    return replace(limits, media_only=False) if isinstance(channel, Carrying) else limits


def _push_limits(channel: Channel) -> Limits:
    return channel.push_limits if isinstance(channel, Pushing) else channel.limits


def _most(channel: Channel, route: Route) -> int:
    """How many calls by `route` may be made at once; 0: any number."""
    rates = channel.rates(route) if isinstance(channel, Pushing) else ()
    counts = [rate.count for rate in rates] or [int(route.data.get("count", _push_limits(channel).push_count))]
    return min(counts)


def _basis(turn: Turn) -> str:
    """By which limits the parts that went out were fitted; empty where none did."""
    return turn.route.data.get(BASIS, "") if turn.shown and turn.route else ""
