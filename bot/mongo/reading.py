"""The queries. They read what a majority holds, from the primary: what was read is not rolled back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from bot.mongo import pipelines
from bot.mongo.documents import Document, session_of, turn_key, turn_of
from bot.mongo.link import Link
from bot.store import OPEN_TURNS, Conversation
from bot.turn import Session, Status, Turn

ORDER = [("at", 1), ("accepted", 1), ("_id", 1)]
WALK = 1000
"""Index entries per round when looking for the newest conversations."""


class Reading:
    """One method per question; `limit` bounds what is held in memory."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._turns = link["turns"]
        self._sessions = link["sessions"]

    async def turn(self, turn_id: str) -> Turn | None:
        return await self._one(turn_key(turn_id))

    async def _one(self, query: Document) -> Turn | None:
        document = await self._link.run(self._turns.find_one(query, sort=ORDER))
        return turn_of(document) if document else None

    async def session(self, conversation: str) -> Session | None:
        document = await self._link.run(self._sessions.find_one({"_id": conversation}))
        return session_of(document) if document else None

    async def waiting(self, conversation: str) -> list[Turn]:
        query = {"conversation": conversation, "status": {"$in": ["new", "ready", "sending"]}}
        return [turn_of(document) for document in await self._find(query, limit=OPEN_TURNS)]

    async def unsent(self, conversation: str) -> list[Turn]:
        query = {"conversation": conversation, "status": {"$in": ["ready", "sending"]}}
        return [turn_of(document) for document in await self._find(query)]

    async def newest(self, conversation: str) -> Turn | None:
        found = await self._find({"conversation": conversation, "kind": {"$in": ["message", "event"]}}, last=1)
        return turn_of(found[0]) if found else None

    async def _find(self, query: Document, *, last: int = 0, limit: int = 0) -> list[Document]:
        """In order: all, the `last` ones, or the first `limit`."""
        order = [(field, -1) for field, _ in ORDER] if last else ORDER
        cursor = self._turns.find(query).sort(order).limit(last or limit)
        found: list[Document] = await self._link.run(cursor.to_list(None))
        return found[::-1] if last else found

    async def turns(self, conversation: str, before: float, limit: int) -> list[Turn]:
        query = {"conversation": conversation, "at": {"$lt": before or float("inf")}}
        page = await self._find(query, last=limit)
        if len(page) == limit:
            first = page[0]["at"]
            whole_second = await self._find({"conversation": conversation, "at": first})
            page = whole_second + [document for document in page if document["at"] > first]
        return [turn_of(document) for document in page]

    async def stalled(self, limit: int) -> list[str]:
        return await self._keys("turns", pipelines.stalled(limit))

    async def abandoned(self, older_than: float, limit: int) -> list[str]:
        return await self._keys("sessions", pipelines.abandoned(older_than, limit))

    async def _keys(self, collection: str, pipeline: pipelines.Pipeline) -> list[str]:
        found = await self._link.run(self._link[collection].aggregate(pipeline).to_list(None))
        return [document["_id"] for document in found]

    async def ids(self, query: Document, limit: int) -> list[str]:
        found = await self._link.run(self._turns.find(query, {"_id": 1}).limit(limit).to_list(None))
        return [document["_id"] for document in found]

    async def count(self, status: Status) -> int:
        return await self._link.run(self._turns.count_documents({"status": status}))

    async def heard(self, prefix: str, since: float, after: str, limit: int) -> list[tuple[str, float]]:
        pipeline = pipelines.heard(prefix, since, after, limit)
        found = await self._link.run(self._turns.aggregate(pipeline).to_list(None))
        return [(document["_id"], document["at"]) for document in found]

    async def export(self, since: float, status: Sequence[Status], page: int) -> AsyncIterator[Turn]:
        wanted: Document = {"status": {"$in": list(status)}} if status else {}
        query: Document = {"at": {"$gte": since}, **wanted}
        while found := await self._find(query, limit=page):
            for document in found:
                yield turn_of(document)
            query = {"$or": after(found[-1]), "at": {"$gte": found[-1]["at"]}, **wanted}

    async def conversations(self, before: float, limit: int, *, waiting: bool) -> list[Conversation]:
        find = self._waiting if waiting else self._newest
        keys = await find(before or float("inf"), limit)
        rows = {row["_id"]: row for row in await self._summaries(keys)}
        return [await self._conversation(key, rows[key]) for key in keys if key in rows]

    async def _summaries(self, keys: list[str]) -> list[Document]:
        found: list[Document] = await self._link.run(self._turns.aggregate(pipelines.summaries(keys)).to_list(None))
        return found

    async def _conversation(self, key: str, row: Document) -> Conversation:
        (latest,) = await self._find({"conversation": key}, last=1)
        session = await self._link.run(self._sessions.find_one({"_id": key}, {"owner": 1}))
        return Conversation(key, turn_of(latest), row["turns"], _waits(row), session["owner"] if session else "")

    async def _waiting(self, before: float, limit: int) -> list[str]:
        """Keys of those who wait for a human, by their newest turn: from the index of handoffs, which are few."""
        asked: list[str] = await self._link.run(self._turns.distinct("conversation", {"handoff": True}))
        rows = [row for row in await self._summaries(asked) if _waits(row) and row["latest"] < before]
        rows.sort(key=lambda row: row["latest"], reverse=True)
        last = rows[limit - 1]["latest"] if len(rows) > limit else 0.0
        return [row["_id"] for row in rows if row["latest"] >= last]

    async def _newest(self, before: float, limit: int) -> list[str]:
        """Keys by their newest turn, walking down the index of time until there are enough."""
        keys: list[str] = []
        seen: set[str] = set()
        last = before
        query: Document = {"at": {"$lt": before}}
        while rows := await self._walk(query):
            fresh = dict.fromkeys(row["conversation"] for row in rows if row["conversation"] not in seen)
            seen |= set(fresh)
            later = await self._later(list(fresh), before)
            for row in rows:
                if len(keys) >= limit and row["at"] < last:
                    return keys
                if row["conversation"] in fresh and row["conversation"] not in later:
                    del fresh[row["conversation"]]
                    keys.append(row["conversation"])
                    last = row["at"]
            query = {"$or": after(rows[-1], down=True), "at": {"$lte": rows[-1]["at"]}}
        return keys

    async def _walk(self, query: Document) -> list[Document]:
        fields = {"conversation": 1, "at": 1, "accepted": 1}
        cursor = self._turns.find(query, fields).sort([(field, -1) for field, _ in ORDER]).limit(WALK)
        found: list[Document] = await self._link.run(cursor.to_list(None))
        return found

    async def _later(self, keys: list[str], before: float) -> set[str]:
        """Those of `keys` whose newest turn is not before: they were on an earlier page."""
        query = {"conversation": {"$in": keys}, "at": {"$gte": before}}
        return set(await self._link.run(self._turns.distinct("conversation", query))) if keys else set()


def _waits(row: Document) -> bool:
    """Whether a summary's customer has asked for a human and not been answered by one since."""
    asked, answered = row["handoff"], row["operator"]
    return asked is not None and (answered is None or asked > answered)


def after(document: Document, *, down: bool = False) -> list[Document]:
    """What follows a turn in the order (at, accepted, id), or precedes it (`down`), as alternatives of a query."""
    on = "$lt" if down else "$gt"
    at, accepted = document["at"], document["accepted"]
    return [
        {"at": {on: at}},
        {"at": at, "accepted": {on: accepted}},
        {"at": at, "accepted": accepted, "_id": {on: document["_id"]}},
    ]
