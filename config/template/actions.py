"""What the bot does besides talking: ask your own systems, write your own database."""

from __future__ import annotations

import hashlib

from flows import Invocation, action


@action(irreversible=True)
async def action_book_table(call: Invocation) -> dict[str, str]:
    """Here you would book the table in your own system, with `call.slots["people"]` and `call.slots["day"]`.

    `call.key` stays the same when a turn is done again after a crash: hand it on, and nothing is booked twice.
    """
    return {"booking": hashlib.blake2b(call.key.encode(), digest_size=3).hexdigest().upper()}
