"""Understanding of texts that does not hold up the event loop: what takes long is read on threads of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from nlu.meaning import Meaning

QUICK_CHARACTERS = 40
"""A longer text is read off the event loop, whatever the model: with the default pipeline every further 20 characters
take half a millisecond, and a pasted page takes tens."""
THREADS = max(1, (os.cpu_count() or 2) - 1)
"""One core stays for the event loop. More readers at once understand no more texts in a second, and the loop would wait
for all of them in turn: on two cores, six made its longest waits (99th percentile) three times as long as one."""


class Reading:
    """`meaning` of a text by `parse`. Threads are started when they are first needed."""

    def __init__(self, threads: int = THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="reading")

    async def meaning(
        self, parse: Callable[[str, datetime], Meaning], text: str, at: datetime, *, slow: bool
    ) -> Meaning:
        """`slow`: a sentence takes longer than about 2 ms with this model. Raises what `parse` raises."""
        if slow or len(text) > QUICK_CHARACTERS:
            return await asyncio.get_running_loop().run_in_executor(self._pool, parse, text, at)
        return parse(text, at)
