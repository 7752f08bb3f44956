"""An account that is set up wrong: people are told once an hour, however many messages find out; a metric shows it."""

from __future__ import annotations

import uuid
from typing import Protocol

from adapters.channel import Judgement
from bot.log import Log
from bot.metrics import Metrics
from bot.store import Store, StoreDown

EVERY_S = 3600.0


class Alert(Protocol):
    """`await alert(what, text, of)`: tells people of `what` (handoff, dead, config). `of` begins with the id of the
    turn, or `channel/account`, that it is about: the same said of the same `of` is told once. It must not raise."""

    async def __call__(self, what: str, text: str, of: str = "") -> None: ...


class Alarms:
    """Shared by whatever speaks to vendors: sends, links and pulls."""

    def __init__(self, store: Store, alert: Alert, metrics: Metrics, log: Log) -> None:
        self._store = store
        self._alert = alert
        self._metrics = metrics
        self._log = log

    async def config(self, channel: str, account: str, judgement: Judgement) -> None:
        """Tell of a `config` judgement, once per account and code within the hour over all processes."""
        self._metrics.misconfigured(channel, account, judgement.code)
        try:
            first = await self._store.spend(f"alarm/{channel}/{account}/{judgement.code}", 1, EVERY_S)
        except StoreDown:  # rather told twice than never
            first = True
        if first:
            text = f"{channel}/{account}: {judgement.reason}"
            self._log.error("the account is set up wrong", channel=channel, account=account, reason=judgement.reason)
            await self._alert("config", text, f"{channel}/{account}/{uuid.uuid4().hex}")
