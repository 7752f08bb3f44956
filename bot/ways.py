"""Which way out a turn has: the open response, a push through the vendor's API, or whoever watches. Decides, sends
nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal

from adapters.channel import Channel, Limits, Pushing, Route
from adapters.message import Reply
from bot.parts import BASIS, Fit, pack, passive_parts, push_parts, transfer_first, with_body
from bot.turn import Turn
from config.credentials import Group

LIVE = frozenset({"web", "rest"})
"""Channels whose pages read the log: their turns are sent as soon as they are ready."""

KEEP_S = 48 * 3600.0
"""How long an answer waits for a way out (WeChat accepts customer-service messages for 48 h)."""


@dataclass(frozen=True, slots=True)
class Times:
    """The protocol's clockwork, in seconds. WeChat closes a request after 5 s and posts it again, three times in all:
    we answer by `answer_s`, and a post that comes `last_post_s` after the first was accepted is the last one. Who
    takes a conversation, or claims a turn for a response or a push, must be done (or say that it goes on) within
    `lease_s`, `passive_claim_s`, `push_claim_s`: then another process takes over. A post to a vendor that takes
    longer than `post_s` is given up and tried again."""

    answer_s: float = 4.5
    last_post_s: float = 8.0
    lease_s: float = 6.0
    passive_claim_s: float = 10.0
    push_claim_s: float = 30.0
    post_s: float = 20.0

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

    def outlet(self, turn: Turn) -> Outlet | None:
        return self.outlets.get((turn.address.channel, turn.address.account))

    def is_live(self, turn: Turn) -> bool:
        return turn.address.channel in LIVE or (turn.route is not None and turn.route.kind == "live")

    def push_route(self, turn: Turn) -> Route | None:
        """The push way to whoever the turn answers, or is for; None where the account may not push."""
        outlet = self.outlet(turn)
        if outlet is None or (turn.address.channel, turn.address.account) in self.mute:
            return None
        route = self._push_way(outlet.channel, turn)
        return route and Route("push", {**route.data, BASIS: _basis(turn) or "push", "by": self._worker})

    def parts(self, turn: Turn, channel: Channel, way: Literal["passive", "push"]) -> list[Reply]:
        """What the turn's replies come to, going out by `way`."""
        if (_basis(turn) or way) == "passive":
            parts = passive_parts(turn.replies, channel.limits, self._fit)
            return transfer_first(parts) if self._push_way(channel, turn) else parts
        return push_parts(turn.replies, self._push_limits(channel, turn), self._fit)

    def dispose(self, turn: Turn, *, earlier: bool, window: bool, now: float) -> Turn:
        """`turn`, thought through, as it is committed. `earlier`: others of its conversation have not gone out yet;
        `window`: a response is open for it in this process; `now` is the store's time."""
        turn = replace(turn, ready_at=now)
        outlet = self.outlet(turn)
        if self.is_live(turn) or (not turn.replies and not (window and earlier)):
            return replace(turn, status="sent", shown=len(turn.replies), sent_at=now)
        if outlet is None:
            return replace(turn, status="ready")
        pushes = self.push_route(turn) is not None
        if window and not earlier and turn.route is not None:
            body = pack([(turn, self.parts(turn, outlet.channel, "passive"))], outlet.channel.limits, hint=not pushes)
            route = with_body(turn.route, body, turn.id, self._worker)
            return replace(turn, status="sending", route=route, until=now + self.times.passive_claim_s)
        if not pushes:
            return replace(turn, status="ready", due=now + KEEP_S)
        # Another process may hold the open response: it gets the time until its window ends.
        waits = turn.route is not None and turn.route.kind == "passive"
        return replace(turn, status="ready", due=turn.accepted + self.times.answer_s if waits else 0.0)

    def _push_way(self, channel: Channel, turn: Turn) -> Route | None:
        """As the account is set up, whatever was learned of it since."""
        if not isinstance(channel, Pushing):
            return None
        return next(iter(channel.push_routes(turn.address, turn.message, self._clock())), None)

    def _push_limits(self, channel: Channel, turn: Turn) -> Limits:
        """With as many pushes as what the customer did allows: on WeChat, a menu click fewer than a message."""
        if not isinstance(channel, Pushing):
            return channel.limits
        route = self._push_way(channel, turn)
        count = route.data.get("count") if route else None
        return replace(channel.push_limits, push_count=int(count)) if count else channel.push_limits


def _basis(turn: Turn) -> str:
    """By which limits the parts that went out were fitted; empty where none did."""
    return turn.route.data.get(BASIS, "") if turn.shown and turn.route else ""
