"""What the contract suite needs to know of a channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from adapters.channel import Channel, Outgoing, Request

NOW = 1_700_000_100.0
AT = 1_700_000_000.0
"""When every vector was sent."""
SECRETS = ("the-token", "the-app-secret", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG")


@dataclass(frozen=True)
class Entry:
    """`make` builds the channel, with `SECRETS` (token, secret, key) wherever it wants such; `wrap` turns a vendor's
    body into the request that carries it at a time, `sign` says whether as its rightful sender; `challenge` is the
    vendor's check of the URL, if it has one. `vectors`: a file beside this one, a list of {name, body, id,
    content}; `signal`: what the vendor posts where there is something to pull, and `page` the answer to a call of
    the pull, in which the vector's body is; `window_s`: how far a timestamp may be off (0: the vendor signs none)."""

    name: str
    vectors: str
    make: Callable[[], Channel]
    wrap: Callable[[bytes, float, bool], Request]
    challenge: Callable[[float], tuple[Request, str]] | None = None
    signal: bytes = b""
    page: Callable[[Outgoing, bytes], bytes] | None = None
    window_s: float = 300.0
    max_body_bytes: int = 64 * 1024
    speaks_only: bool = False
    """Nothing is heard from it: it has no vectors, and refuses whatever is posted with 404."""
    items: bool = False
    """A reply may be several calls: the channel posts it piece by piece."""
    token_answer: str = '{"access_token": "T", "expires_in": 7200}'
    """The vendor's answer to a token request: the token T for two hours."""
