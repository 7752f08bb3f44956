"""What /metrics tells. Labels never name users or conversations."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from bot.turn import Turn

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
MAX_INTENTS = 200
"""Intents beyond this many are counted as `other`, so that a label cannot grow without bound."""


class Metrics:
    """One process's counters, in a registry of their own so that several apps can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._intents: set[str] = set()
        self._turns = Counter(
            "yingda_turns", "Turns committed", ["channel", "intent", "outcome"], registry=self.registry
        )
        self._seconds = Histogram(
            "yingda_turn_seconds", "From accept to commit", ["channel"], buckets=BUCKETS_S, registry=self.registry
        )
        self._delivered = Counter("yingda_delivered", "Turns sent", ["channel", "way"], registry=self.registry)
        self._retried = Counter("yingda_send_retries", "Sends that failed and are tried again", registry=self.registry)
        self._dead = Counter("yingda_dead_turns", "Turns that could not be delivered", registry=self.registry)
        self._rejected = Counter(
            "yingda_rejected_requests", "Requests refused", ["channel", "status"], registry=self.registry
        )
        self._repeats = Counter("yingda_repeated_requests", "Same id posted again", registry=self.registry)
        self._store_down = Counter("yingda_store_down", "Operations that found no store", registry=self.registry)
        self._waits = Counter(
            "yingda_send_waits", "Sends put back until the vendor allows one more", registry=self.registry
        )
        self._config = Counter(
            "yingda_config_errors",
            "Refusals because an account is set up wrong",
            ["channel", "account", "code"],
            registry=self.registry,
        )
        self._links = Gauge(
            "yingda_links_up", "Connections to a vendor that are open", ["channel", "account"], registry=self.registry
        )
        self.under_way = Gauge("yingda_under_way", "Conversations worked on now", registry=self.registry)
        self.outbox_ready = Gauge("yingda_outbox_ready", "Turns waiting to be sent", registry=self.registry)

    def committed(self, turn: Turn, seconds: float) -> None:
        outcome = next((flag for flag in ("error", "handoff", "fallback") if flag in turn.flags), "ok")
        self._turns.labels(turn.address.channel, self._intent(turn), outcome).inc()
        self._seconds.labels(turn.address.channel).observe(max(0.0, seconds))

    def delivered(self, way: str, turn: Turn) -> None:
        self._delivered.labels(turn.address.channel, way).inc()

    def retried(self) -> None:
        self._retried.inc()

    def waits(self) -> None:
        self._waits.inc()

    def misconfigured(self, channel: str, account: str, code: str) -> None:
        self._config.labels(channel, account, code).inc()

    def linked(self, channel: str, account: str, change: int) -> None:
        self._links.labels(channel, account).inc(change)

    def dead(self) -> None:
        self._dead.inc()

    def rejected(self, channel: str, status: int) -> None:
        self._rejected.labels(channel, str(status)).inc()

    def repeated(self) -> None:
        self._repeats.inc()

    def store_down(self) -> None:
        self._store_down.inc()

    def text(self) -> bytes:
        return generate_latest(self.registry)

    def _intent(self, turn: Turn) -> str:
        name = (turn.meaning.intent if turn.meaning else "") or "none"
        if name not in self._intents:
            if len(self._intents) >= MAX_INTENTS:
                return "other"
            self._intents.add(name)
        return name
