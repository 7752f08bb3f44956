"""Follows changes to turns while somebody watches: by a change stream, or by polling where the server stands alone."""

from __future__ import annotations

import asyncio
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
"""Before the stream is opened anew after an error."""


async def follow(link: Link, feed: Feed, since: float) -> None:
    """Runs until nobody watches. The database being away only pauses it. `since`: the server's clock at the call."""
    if link.standalone:
        await _poll(link, feed, datetime.fromtimestamp(since, UTC) - CLOCK_ERROR)
    else:
        await _stream(link, feed)


async def _stream(link: Link, feed: Feed) -> None:
    # from the last answer that this process has had: nothing falls between the call of `watch` and the stream
    place: Document = {"start_at_operation_time": link.pulse.cluster_time} if link.pulse.cluster_time else {}
    while feed.watched:
        try:
            fields = [{"$project": {"documentKey": 1}}]
            async with link["turns"].watch(fields, max_await_time_ms=AWAIT_MS, **place) as stream:
                while feed.watched:
                    event = await stream.try_next()
                    place = {"resume_after": stream.resume_token} if stream.resume_token else place
                    if event is not None:
                        await _publish(link, feed, [event["documentKey"]["_id"]])
        except (PyMongoError, StoreDown) as error:
            if isinstance(error, OperationFailure):  # the place is no longer in the log: go on from now
                place = {}
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
