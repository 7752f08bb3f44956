"""Understanding does not hold up the event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import UTC, datetime

import pytest

from bot.reading import QUICK_CHARACTERS, THREADS, Reading
from nlu.meaning import Meaning

AT = datetime(2026, 1, 1, tzinfo=UTC)


def where(text: str, at: datetime) -> Meaning:
    return Meaning(text, intent=threading.current_thread().name)


async def test_a_short_text_is_read_at_once_and_a_long_one_on_a_thread() -> None:
    reading, here = Reading(), threading.current_thread().name
    assert (await reading.meaning(where, "你好", AT, slow=False)).intent == here
    assert (await reading.meaning(where, "好" * (QUICK_CHARACTERS + 1), AT, slow=False)).intent.startswith("reading")
    assert (await reading.meaning(where, "你好", AT, slow=True)).intent.startswith("reading")


async def test_the_loop_goes_on_while_a_page_is_read() -> None:
    reading, ticks = Reading(1), 0

    def slowly(text: str, at: datetime) -> Meaning:
        time.sleep(0.3)
        return Meaning(text)

    read = asyncio.create_task(reading.meaning(slowly, "好" * 500, AT, slow=False))
    while not read.done():
        await asyncio.sleep(0.01)
        ticks += 1
    assert ticks > 5


async def test_no_more_are_read_at_once_than_there_are_cores_beside_the_loops() -> None:
    reading, lock, now, most = Reading(), threading.Lock(), 0, 0

    def counted(text: str, at: datetime) -> Meaning:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1
        return Meaning(text)

    found = await asyncio.gather(*(reading.meaning(counted, f"{n}", AT, slow=True) for n in range(3 * THREADS + 3)))
    assert [each.text for each in found] == [f"{n}" for n in range(3 * THREADS + 3)]
    assert 1 <= most <= THREADS


async def test_what_the_understanding_raises_reaches_who_asked() -> None:
    def broken(text: str, at: datetime) -> Meaning:
        raise ValueError(text)

    for slow in (False, True):
        with pytest.raises(ValueError, match="你好"):
            await Reading().meaning(broken, "你好", AT, slow=slow)
