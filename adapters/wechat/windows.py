"""How many customer-service messages something that a customer did allows, and for how long.

Source: 客服接口 https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Service_Center_messages.html
(2023-06: five after a message, three after a menu click, a scan or a subscription; an older text says twenty).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.message import Event, Message

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Window:
    """`count` messages within `seconds`; 0: any number."""

    count: int
    seconds: float


MESSAGE = Window(5, 48 * HOUR_S)
CLICK = Window(3, 60.0)
PAYMENT = Window(0, 48 * HOUR_S)

EVENTS: Mapping[str, Window] = {
    "click": CLICK,
    "scan": CLICK,
    "subscribe": CLICK,
    "scancode_push": CLICK,
    "scancode_waitmsg": CLICK,
    # service accounts only; not verified against a live account
    "user_pay_from_pay_cell": PAYMENT,
}
"""The events that open a window; others open none."""
SILENT = frozenset(("unsubscribe",))
"""Events after which the customer cannot be reached."""


def opened_by(message: Message) -> Window | None:
    """The window that `message` opened when it was sent; None: it opens none of its own. Tapping an item of a pushed
    menu is a text to us and a menu click to WeChat."""
    if isinstance(message.content, Event):
        return EVENTS.get(message.content.name)
    tapped = isinstance(message.raw, dict) and message.raw.get("bizmsgmenuid")
    return CLICK if tapped else MESSAGE


def has_left(message: Message) -> bool:
    return isinstance(message.content, Event) and message.content.name in SILENT


def closed(message: Message | None, now: float) -> str:
    """Why no customer-service message may be sent at `now`, where `message` is the customer's newest; empty where
    one may."""
    if message is None:
        return "the customer has not written: WeChat lets us speak only after that, but for template messages"
    if has_left(message):
        return "the customer has unsubscribed: only following the account again opens a way to them"
    window = opened_by(message)
    if window is None or now < message.at + window.seconds:
        return ""
    since = "48 hours after a message" if window.seconds > CLICK.seconds else "1 minute after a menu click or scan"
    return f"the customer's window has closed ({since}): it opens again when they write"
