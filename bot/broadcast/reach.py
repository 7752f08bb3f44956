"""Who can be spoken to now, and why not: known before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.channel import Pushing, Windowed
from adapters.message import Address, Custom, Message, Reply
from bot.ways import Ways

TEMPLATES = frozenset(("template", "subscribe", "subscribe_once"))
"""Values of `msgtype` in a payload that a vendor takes outside its window, besides those with a `template_id`."""


@dataclass(frozen=True)
class Reach:
    ways: Ways

    def windowed(self, address: Address) -> bool:
        """Whether the vendor lets us speak only for some time after they did."""
        channel = self._channel(address)
        return channel is not None and channel.push_limits.push_window_s > 0

    def by_message(self, address: Address, heard: float, now: float) -> bool:
        """Whether the newest message from there is what tells of a way: nothing else opens one, or the window that it
        opened lasts still, unless it was a goodbye."""
        channel = self._channel(address)
        if channel is None:
            return False
        return 0 < now - heard < channel.push_limits.push_window_s or not channel.push_routes(address, None, now)

    def _channel(self, address: Address) -> Pushing | None:
        outlet = self.ways.outlets.get((address.channel, address.account))
        return outlet.channel if outlet is not None and isinstance(outlet.channel, Pushing) else None

    def refusal(
        self, address: Address, heard: float, now: float, *, template: bool, newest: Message | None = None
    ) -> str:
        """Why `address`, last heard at `heard` (0: never) by the message `newest`, cannot be reached at `now`; empty
        where it can."""
        key = (address.channel, address.account)
        outlet = self.ways.outlets.get(key)
        if outlet is None:
            return f"there is no account {address.account} of {address.channel} in credentials.yml"
        channel = outlet.channel
        if not isinstance(channel, Pushing) or key in self.ways.mute:
            return f"{address.channel}/{address.account} may not push"
        if not channel.push_routes(address, newest, now):
            return f"{address.channel}/{address.account} has no way to them"
        window_s = channel.push_limits.push_window_s
        if window_s and not template and heard + window_s <= now:
            return f"outside the window of {window_s / 3600:g} h after they wrote"
        if isinstance(channel, Windowed) and not template and (why := channel.closed(newest, now)):
            return why
        return ""


def is_template(replies: Sequence[Reply]) -> bool:
    """Whether all of it is the vendor's template messages, which no window holds back."""
    return bool(replies) and all(isinstance(reply, Custom) and _is_template(reply.payload) for reply in replies)


def _is_template(payload: object) -> bool:
    return isinstance(payload, dict) and ("template_id" in payload or payload.get("msgtype") in TEMPLATES)
