"""Token buckets: how often one visitor, address or login may knock."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

KEYS_KEPT = 10_000


class Throttle:
    """For each key `burst` uses at once, refilled by `per_s` a second. The keys longest unused are forgotten."""

    def __init__(self, burst: float, per_s: float, clock: Callable[[], float]) -> None:
        self._burst, self._per_s, self._clock = burst, per_s, clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def allows(self, key: str) -> bool:
        """Takes one use; False where none is left."""
        now = self._clock()
        left, then = self._buckets.pop(key, (self._burst, now))
        left = min(self._burst, left + max(0.0, now - then) * self._per_s)
        allowed = left >= 1
        self._buckets[key] = (left - 1 if allowed else left, now)
        if len(self._buckets) > KEYS_KEPT:
            self._buckets.popitem(last=False)
        return allowed
