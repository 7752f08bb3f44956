"""What every place for files promises: content by its hash, whole or not at all, and gone when it is old."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from bot.media.blobs import Blob, Blobs, FileBlobs
from bot.mongo import MongoStore
from bot.store import Store


@pytest.fixture
async def blobs(store: Store, tmp_path: Path) -> Blobs:
    return store.blobs() if isinstance(store, MongoStore) else FileBlobs(tmp_path / "media")


async def test_a_file_is_found_by_the_hash_of_its_bytes(blobs: Blobs) -> None:
    data = bytes(range(256)) * 4000
    ref = await blobs.put(data, "image/png", "小票.png")
    assert ref == hashlib.sha256(data).hexdigest()
    assert await blobs.get(ref) == Blob(ref, "image/png", "小票.png", data)


async def test_an_empty_file_is_a_file(blobs: Blobs) -> None:
    found = await blobs.get(await blobs.put(b"", "text/plain", ""))
    assert found is not None
    assert found.data == b""


@pytest.mark.parametrize("ref", ["", "0" * 64, "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "\x00" * 64])
async def test_what_is_no_ref_or_unknown_is_nothing(blobs: Blobs, ref: str) -> None:
    assert await blobs.get(ref) is None


async def test_the_same_file_put_by_many_at_once_is_one(blobs: Blobs) -> None:
    refs = await asyncio.gather(*(blobs.put(b"x" * 300_000, "text/plain", "x") for _ in range(8)))
    assert len(set(refs)) == 1
    assert (await blobs.get(refs[0])) is not None
    await blobs.expire(1e12)
    assert await blobs.get(refs[0]) is None


async def test_old_files_go_and_those_put_again_stay(blobs: Blobs, store: Store) -> None:
    old, kept = await blobs.put(b"old", "text/plain", ""), await blobs.put(b"kept", "text/plain", "")
    await asyncio.sleep(0.05)
    between = await store.now()
    await asyncio.sleep(0.05)
    assert await blobs.put(b"kept", "text/plain", "") == kept
    assert await blobs.expire(between) == 1
    assert await blobs.get(old) is None
    assert await blobs.get(kept) is not None
    assert await blobs.expire(between) == 0


async def test_putting_while_old_ones_are_deleted_loses_nothing(blobs: Blobs) -> None:
    async def put(n: int) -> str:
        return await blobs.put(f"{n}".encode(), "text/plain", "")

    for _ in range(5):
        refs, *_ = await asyncio.gather(asyncio.gather(*map(put, range(10))), blobs.expire(1000.0))
        assert all([await blobs.get(ref) for ref in refs])


def test_half_a_file_is_no_file(tmp_path: Path) -> None:
    """A process that dies between the two writes leaves bytes that nobody vouches for, and they go in time."""
    blobs = FileBlobs(tmp_path)
    ref = asyncio.run(blobs.put(b"half", "text/plain", ""))
    (tmp_path / ref[:2] / f"{ref}.json").unlink()
    assert asyncio.run(blobs.get(ref)) is None
    assert asyncio.run(blobs.expire(1e12)) == 1
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
