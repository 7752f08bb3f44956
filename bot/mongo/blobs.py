"""`GridBlobs`: files in MongoDB's GridFS, in the collections `media.files` and `media.chunks`.

https://www.mongodb.com/docs/manual/core/gridfs/ A file's document is written after its chunks, so that it is there
whole or not at all. Two processes that put the same file at once may keep it twice for a while; both go together.
"""

from __future__ import annotations

from gridfs.errors import CorruptGridFile, NoFile

from bot.media.blobs import REF, Blob, ref_of
from bot.media.kinds import UNKNOWN
from bot.mongo.link import Collection, Link

SECONDS = 20.0
"""A file takes longer than a document."""


class GridBlobs:
    """The `Blobs` on the connection of a `MongoStore`; its errors are `StoreDown`s."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._bucket = link.bucket("media")
        self._files: Collection = link["media.files"]

    async def put(self, data: bytes, content_type: str, name: str) -> str:
        ref, at = ref_of(data), await self._link.now()
        known = await self._link.run(self._files.update_many({"filename": ref}, {"$set": {"metadata.at": at}}))
        if not known.matched_count:
            about = {"type": content_type, "name": name, "at": at}
            await self._link.run(self._bucket.upload_from_stream(ref, data, metadata=about), SECONDS)
        return ref

    async def get(self, ref: str) -> Blob | None:
        if not REF.fullmatch(ref):
            return None
        try:
            found = await self._link.run(self._bucket.open_download_stream_by_name(ref), SECONDS)
            data: bytes = await self._link.run(found.read(), SECONDS)
        except (NoFile, CorruptGridFile):
            return None
        about = found.metadata or {}
        return Blob(ref, about.get("type", UNKNOWN), about.get("name", ""), data)

    async def expire(self, older_than: float) -> int:
        gone = set()
        old = {"metadata.at": {"$lt": older_than}}
        while file := await self._link.run(self._files.find_one_and_delete(old)):
            await self._link.run(self._link["media.chunks"].delete_many({"files_id": file["_id"]}), SECONDS)
            gone.add(file["filename"])
        return len(gone)
