"""Tells people in a group chat what needs a human: a customer asks for one, a message cannot be delivered, the
set-up is wrong. An alert is a turn like any other, said unasked to the group that a robot of WeCom or DingTalk is in:
the outbox sends it, no faster than the vendor allows, and again where it must."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from adapters.message import Address, Text
from bot.log import Log, redact
from bot.store import Store, StoreDown
from bot.turn import Turn
from flows.state import Why

TITLES: Mapping[str, str] = {
    "handoff": "客户要求转人工",
    "dead": "消息未能送达",
    "config": "渠道配置有误",
}
SIGNATURE = "【应答】"
"""Starts every alert: a DingTalk robot that is secured by a keyword has 应答 for it."""
MAX_BYTES = 2048
"""The longest text of a WeCom robot: an alert is one line of one message."""


class Alerts:
    """`await alerts("dead", "…", turn_id)` returns once the alert is durable. Phone and card numbers are masked: a chat
    is no place for them. Never raises: where the store is down the alert is logged.

    `group` is whom to tell; `nudge(conversation)` has what was accepted sent at once.
    """

    def __init__(
        self, store: Store, group: Address, clock: Callable[[], float], nudge: Callable[[str], None], log: Log
    ) -> None:
        self._store, self._group, self._clock = store, group, clock
        self._nudge, self._log = nudge, log

    async def __call__(self, what: str, text: str, of: str = "") -> None:
        text = redact(text)
        if self._is_ours(of):
            self._log.error("an alert could not be sent", robot=self._group.conversation, problem=text)
            return
        turn = alert(self._group, what, text, of, self._clock())
        try:
            accepted = await self._store.accept(turn)
        except StoreDown as down:
            self._log.error("an alert could not be kept", what=what, text=text, problem=str(down))
            return
        if accepted.status == "new":
            self._nudge(turn.conversation)

    def _is_ours(self, of: str) -> bool:
        """An alert about an alert would go the same way, and bring about the next."""
        return f"{of}/".startswith(f"{self._group.channel}/{self._group.account}/")


def alert(group: Address, what: str, text: str, of: str, now: float) -> Turn:
    """The same alert about the same thing, `of`, is the same turn: told again after a crash it is told once."""
    digest = hashlib.sha256("\n".join((what, of or repr(now), text)).encode("utf-8", "replace")).hexdigest()[:32]
    said = Text(line(what, text))
    key = group.conversation
    return Turn(f"{key}/alert-{digest}", key, "push", group, now, replies=(said,), trace=(Why("alert", what),))


def line(what: str, text: str, limit_bytes: int = MAX_BYTES) -> str:
    """What is read in the group: one line, cut where it is too long."""
    said = " ".join(f"{SIGNATURE}{TITLES.get(what, what)}：{text}".split())
    encoded = said.encode("utf-8", "replace")
    if len(encoded) <= limit_bytes:
        return encoded.decode()
    return encoded[: limit_bytes - 3].decode("utf-8", "ignore") + "…"
