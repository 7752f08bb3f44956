"""Follows changes to turns while somebody watches: by a change stream, or by polling where the server stands alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from pymongo.errors import OperationFailure, PyMongoError

from bot.feed import Feed
from bot.mongo.documents import Document, conversation_of, turn_of
from bot.mongo.link import Link
from bot.store import StoreDown

AWAIT_MS = 500
"""How long the server holds an empty answer of the stream; then we look whether anybody still watches."""
POLL_S = 0.05
OVERLAP = timedelta(seconds=0.5)
"""A change may become visible a moment after its time: each poll looks back this far, at what it has not seen."""
CLOCK_ERROR = timedelta(seconds=0.1)
PAUSE_S = 0.2
"""Before trying anew after an error."""
CLOSE_S = 0.5
BATCH = 500


async def follow(link: Link, feed: Feed, since: float) -> None:
    """Runs until nobody watches. The database being away only pauses it. `since`: the server's clock at the call."""
    if link.standalone:
        await _poll(link, feed, datetime.fromtimestamp(since, UTC) - CLOCK_ERROR)
    else:
        await _stream(link, feed)


async def _stream(link: Link, feed: Feed) -> None:
    changed = Changed()
    publisher = asyncio.create_task(_publish_all(link, feed, changed), name="mongo-feed-publish")
    try:
        await _read(link, feed, changed)
    finally:
        publisher.cancel()


class Changed:
    """Ids of changed turns on their way from the stream to the watchers: read singly, published together."""

    def __init__(self) -> None:
        self._ids: dict[str, None] = {}
        self._stir = asyncio.Event()

    def add(self, turn_ids: Iterable[str]) -> None:
        self._ids.update(dict.fromkeys(turn_ids))
        self._stir.set()

    async def some(self) -> list[str]:
        await self._stir.wait()
        some = list(self._ids)[:BATCH]
        for turn_id in some:
            del self._ids[turn_id]
        if not self._ids:
            self._stir.clear()
        return some


async def _read(link: Link, feed: Feed, changed: Changed) -> None:
    # from the last answer that this process has had: nothing falls between the call of `watch` and the stream
    place: Document = {"start_at_operation_time": link.pulse.cluster_time} if link.pulse.cluster_time else {}
    while feed.watched:
        stream = link["turns"].watch([{"$project": {"documentKey": 1}}], max_await_time_ms=AWAIT_MS, **place)
        try:
            while feed.watched:
                # a frozen server would hold the driver for 20 s here, whatever its own time-out says
                event = await link.run(stream.try_next())
                place = {"resume_after": stream.resume_token} if stream.resume_token else place
                if event is not None:
                    changed.add([event["documentKey"]["_id"]])
        except StoreDown:
            await asyncio.sleep(PAUSE_S)
        except OperationFailure:  # its place is lost: go on from now
            place = {}
            await asyncio.sleep(PAUSE_S)
        finally:
            with suppress(PyMongoError, TimeoutError):
                await asyncio.wait_for(stream.close(), CLOSE_S)


async def _publish_all(link: Link, feed: Feed, changed: Changed) -> None:
    while True:
        turn_ids = await changed.some()
        try:
            await _publish(link, feed, turn_ids)
        except StoreDown:
            changed.add(turn_ids)
            await asyncio.sleep(PAUSE_S)


async def _poll(link: Link, feed: Feed, start: datetime) -> None:
    seen: dict[str, datetime] = {}
    newest = start
    while feed.watched:
        with suppress(StoreDown):
            since = max(start, newest - OVERLAP)
            changed = await _changed(link, since)
            await _publish(link, feed, [key for key, when in changed.items() if seen.get(key) != when])
            newest = max(changed.values(), default=newest)
            seen = {key: when for key, when in changed.items() if when >= newest - OVERLAP}
        await asyncio.sleep(POLL_S)


async def _changed(link: Link, since: datetime) -> dict[str, datetime]:
    cursor = link["turns"].find({"changed": {"$gte": since}}, {"changed": 1}).sort("changed", 1)
    return {row["_id"]: row["changed"].replace(tzinfo=UTC) for row in await link.run(cursor.to_list(None))}


async def _publish(link: Link, feed: Feed, turn_ids: list[str]) -> None:
    """Read those that somebody wants, as they are now."""
    wanted = [turn_id for turn_id in turn_ids if not (key := conversation_of(turn_id)) or feed.wants(key)]
    if wanted:
        for document in await link.run(link["turns"].find({"_id": {"$in": wanted}}).sort("changed", 1).to_list(None)):
            feed.publish(turn_of(document))
