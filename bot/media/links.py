"""Addresses of kept files that can be given out: nobody can guess one, or use it after its time. Pure."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode

from bot.media.blobs import REF

LINK_S = 7 * 24 * 3600.0
"""How long a customer can open what the bot sent as a link."""
STEP_S = 3600
"""Ends are rounded up to it, so that a page that is drawn again has the same addresses."""


def signed_path(ref: str, until: float, key: bytes) -> str:
    """`/media/<ref>?until=…&sign=…`; `until` in epoch seconds."""
    end = -(-int(until) // STEP_S) * STEP_S
    return f"/media/{ref}?until={end}&sign={_sign(ref, str(end), key)}"


def is_valid(ref: str, until: str, sign: str, now: float, key: bytes) -> bool:
    if not REF.fullmatch(ref) or not (until.isascii() and until.isdigit() and len(until) < 16):
        return False
    return hmac.compare_digest(_sign(ref, until, key).encode(), sign.encode("utf-8", "replace")) and now <= int(until)


def _sign(ref: str, until: str, key: bytes) -> str:
    return urlsafe_b64encode(hmac.digest(key, f"{ref}.{until}".encode(), "sha256")[:24]).decode()
