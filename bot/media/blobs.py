"""Where files are kept: by the hash of their bytes, so that the same picture is kept once."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import orjson

REF = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Blob:
    """A file: `ref` is the SHA-256 of its bytes in hex, `content_type` what they were found to be."""

    ref: str
    content_type: str
    name: str
    data: bytes = field(repr=False)

    @classmethod
    def of(cls, data: bytes, content_type: str, name: str) -> Blob:
        return cls(ref_of(data), content_type, name, data)


def ref_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Blobs(Protocol):
    """Two implementations, one contract suite: `FileBlobs` beside SQLite, `bot.mongo.GridBlobs`."""

    async def put(self, data: bytes, content_type: str, name: str) -> str:
        """Keep it, durably, and give its ref. What is there already is kept anew: its time begins again."""
        ...

    async def get(self, ref: str) -> Blob | None: ...

    async def expire(self, older_than: float) -> int:
        """Delete what was last put before (epoch seconds); how many went."""
        ...


class FileBlobs:
    """Files in `folder`: `ab/<ref>` with the bytes, and `ab/<ref>.json`, written last, with what they are. Several
    processes may share it: a file appears whole or not at all."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock

    async def put(self, data: bytes, content_type: str, name: str) -> str:
        blob = Blob.of(data, content_type, name)
        await asyncio.to_thread(self._put, blob)
        return blob.ref

    async def get(self, ref: str) -> Blob | None:
        return await asyncio.to_thread(self._get, ref) if REF.fullmatch(ref) else None

    async def expire(self, older_than: float) -> int:
        return await asyncio.to_thread(lambda: sum(self._drop(path, older_than) for path in self._known()))

    def _put(self, blob: Blob) -> None:
        path = self._path(blob.ref)
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, blob.data, self._clock())
        about = orjson.dumps({"type": blob.content_type, "name": blob.name})
        _write(path.with_suffix(".json"), about, self._clock())

    def _get(self, ref: str) -> Blob | None:
        path = self._path(ref)
        try:
            about = orjson.loads(path.with_suffix(".json").read_bytes())
            return Blob(ref, about["type"], about["name"], path.read_bytes())
        except FileNotFoundError:
            return None

    def _known(self) -> Iterator[Path]:
        return (path for path in self._folder.glob("??/*") if REF.fullmatch(path.stem) and not path.suffix)

    def _drop(self, path: Path, older_than: float) -> bool:
        about = path.with_suffix(".json")
        _unlink_old(about, older_than)
        return not about.exists() and _unlink_old(path, older_than)

    def _path(self, ref: str) -> Path:
        return self._folder / ref[:2] / ref


def _write(path: Path, data: bytes, at: float) -> None:
    made = path.with_name(f".{path.name}.{uuid4().hex}")
    with made.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.utime(made, (at, at))
    made.replace(path)


def _unlink_old(path: Path, older_than: float) -> bool:
    """Delete it if it is old. It is moved aside first and looked at there: somebody may put it anew meanwhile."""
    with suppress(FileNotFoundError):
        if path.stat().st_mtime >= older_than:
            return False
        aside = path.with_name(f".{path.name}.{uuid4().hex}")
        path.replace(aside)
        if aside.stat().st_mtime >= older_than:
            aside.replace(path)
            return False
        aside.unlink()
        return True
    return False
