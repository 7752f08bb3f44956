"""Refusing a request from deep inside a codec, and the refusals that more than one vendor's codec has."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from adapters.channel import Reject, Request, T
from adapters.crypto import BadEnvelope
from adapters.fields import Malformed

MAX_BODY_BYTES = 64 * 1024


class Refused(Exception):
    """This request is not valid traffic."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.reject = Reject(status, reason)


def or_reject(read: Callable[[Request, float], T], request: Request, now: float) -> T | Reject:
    """What `read` makes of the request; what it raises for one that is not valid is a `Reject`."""
    try:
        return read(request, now)
    except Refused as refused:
        return refused.reject
    except BadEnvelope as error:
        return Reject(403, str(error))
    except Malformed as error:
        return Reject(400, str(error))


def check_size(body: bytes) -> None:
    """Raises `Refused` for a body over `MAX_BODY_BYTES`."""
    if len(body) > MAX_BODY_BYTES:
        raise Refused(413, f"the body has {len(body)} bytes, {MAX_BODY_BYTES} are the most")


def check_time(query: Mapping[str, str], now: float, window_s: float, vendor: str) -> None:
    """Raises `Refused` where the query's timestamp (epoch seconds) is more than `window_s` off (0: any), or missing."""
    timestamp = query.get("timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        raise Refused(400, f"the query has no timestamp: this is not a request of {vendor}'s")
    off_s = now - int(timestamp)
    if window_s and abs(off_s) > window_s:
        way = "old" if off_s > 0 else "ahead"
        raise Refused(403, f"the timestamp is {abs(off_s):.0f} s {way}: is it a replay, or is the clock wrong?")
