"""Notes and holds: what is neither a turn nor a session."""

from __future__ import annotations

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from adapters.message import Json
from bot.mongo import pipelines
from bot.mongo.documents import Document, escape, unescape
from bot.mongo.link import Link
from bot.store import LAST, Note


class Noting:
    def __init__(self, link: Link) -> None:
        self._link = link
        self._notes = link["notes"]
        self._holds = link["holds"]

    async def note(self, key: str) -> Note | None:
        document = await self._link.run(self._notes.find_one({"_id": key}))
        return _note(document) if document else None

    async def write(self, key: str, value: Json, rev: int) -> bool:
        there = {"_id": key, "rev": rev}
        if value is None:
            return (await self._link.run(self._notes.delete_one(there))).deleted_count > 0
        if rev == 0:
            return await self._insert({"_id": key, "value": escape(value), "rev": 1})
        update = {"$set": {"value": escape(value)}, "$inc": {"rev": 1}}
        return (await self._link.run(self._notes.update_one(there, update))).matched_count > 0

    async def _insert(self, document: Document) -> bool:
        try:
            await self._link.run(self._notes.insert_one(document))
        except DuplicateKeyError:
            return False
        return True

    async def notes(self, prefix: str, after: str, limit: int) -> list[tuple[str, Note]]:
        query = {"_id": {"$gte": prefix, "$lt": prefix + LAST, "$gt": after}}
        found = await self._link.run(self._notes.find(query).sort("_id", 1).limit(limit).to_list(None))
        return [(document["_id"], _note(document)) for document in found]

    async def hold(self, key: str, holder: str, seconds: float) -> bool:
        if seconds <= 0:
            await self._link.run(self._holds.delete_one({"_id": key, "holder": holder}))
            return True
        try:
            return await self._take(key, holder, seconds)
        except DuplicateKeyError:  # made by another at the same moment: now it is there
            return await self._take(key, holder, seconds)

    async def _take(self, key: str, holder: str, seconds: float) -> bool:
        taken = self._holds.find_one_and_update(
            {"_id": key}, pipelines.hold(holder, seconds), upsert=True, return_document=ReturnDocument.AFTER
        )
        return bool((await self._link.run(taken))["holder"] == holder)

    async def expire(self) -> None:
        await self._link.run(self._holds.delete_many({"$expr": pipelines.passed("until")}))


def _note(document: Document) -> Note:
    return Note(unescape(document["value"]), document["rev"])
