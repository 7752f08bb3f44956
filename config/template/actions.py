"""What the bot does besides talking: ask your own systems, write your own database. Each dict sets slots."""

from __future__ import annotations

import hashlib
from datetime import datetime

from flows import Invocation, action


@action(idempotent=True)
async def action_read_day(call: Invocation) -> dict[str, str]:
    """The time as people say it: slots hold `2026-11-19T19:00`, or {"from": …, "to": …} for 明天晚上."""
    day = call.slots["day"]
    start = day["from"] if isinstance(day, dict) else day
    moment = datetime.fromisoformat(start)
    spoken = f"{moment.month} 月 {moment.day} 日"
    return {"when": f"{spoken} {moment:%H:%M}" if "T" in start else spoken}


@action(irreversible=True)
async def action_book_table(call: Invocation) -> dict[str, str]:
    """Here you would book the table in your own system, with `call.slots["people"]` and `call.slots["day"]`.

    The number is made of what stays the same when a turn is done again after a crash: book under it, and nothing is
    booked twice.
    """
    once = f"{call.address.conversation}/{call.at}/{call.key}"
    return {"booking": hashlib.blake2b(once.encode(), digest_size=3).hexdigest().upper()}
