"""Who may see the console: one token, exchanged for a signed cookie."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable

COOKIE = "yingda_console"
STAY_S = 12 * 3600
REVOKED_KEPT = 1000


class Door:
    """Checks the token, and makes and checks cookies: `<ends>.<nonce>.<signature>`, the key derived from the token.

    Any process with the same token knows the cookie, so it outlives a restart; a new token ends all of them.
    Leaving the console ends a cookie at once in this process, and elsewhere when its time is over.
    """

    def __init__(self, token: str, clock: Callable[[], float]) -> None:
        self._token, self._clock = token.encode(), clock
        self._key = hmac.digest(self._token, b"yingda console cookie", "sha256")
        self._revoked: dict[str, float] = {}

    @property
    def closed(self) -> bool:
        """No token is set: nobody gets in."""
        return not self._token

    def knows(self, token: str) -> bool:
        """In constant time. An empty token opens nothing."""
        return hmac.compare_digest(_digest(token.strip().encode()), _digest(self._token)) and not self.closed

    def cookie(self) -> str:
        claim = f"{int(self._clock() + STAY_S)}.{secrets.token_hex(16)}"
        return f"{claim}.{self._sign(claim)}"

    def admits(self, cookie: str) -> bool:
        claim, _, signature = cookie.rpartition(".")
        if self.closed or not hmac.compare_digest(signature.encode(), self._sign(claim).encode()):
            return False
        return float(claim.partition(".")[0]) > self._clock() and cookie not in self._revoked

    def revoke(self, cookie: str) -> None:
        if self.admits(cookie):
            self._revoked[cookie] = self._clock()
            while len(self._revoked) > REVOKED_KEPT:
                del self._revoked[next(iter(self._revoked))]

    def _sign(self, claim: str) -> str:
        return hmac.new(self._key, claim.encode(), hashlib.sha256).hexdigest()


def _digest(value: bytes) -> bytes:
    return hashlib.sha256(value).digest()
