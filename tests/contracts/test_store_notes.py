"""What every store promises of notes and holds."""

from __future__ import annotations

import asyncio

from bot.store import Note, Store
from tests.conftest import OpenStore


class TestNotes:
    async def test_there_is_none_until_it_is_written(self, store: Store) -> None:
        assert await store.note("cursor/a") is None
        assert await store.write_note("cursor/a", "17", rev=0)
        assert await store.note("cursor/a") == Note("17", 1)

    async def test_any_plain_data_comes_back(self, store: Store) -> None:
        value = {"a.b": [1, 2.5, None, True], "$中文": {"": "😀"}, "n": []}
        assert await store.write_note("x", value, rev=0)
        assert await store.note("x") == Note(value, 1)

    async def test_it_moves_only_from_the_revision_that_was_read(self, store: Store) -> None:
        assert await store.write_note("k", "a", rev=0)
        assert not await store.write_note("k", "b", rev=0)
        assert not await store.write_note("k", "b", rev=2)
        assert not await store.write_note("none", "b", rev=1)
        assert await store.write_note("k", "b", rev=1)
        assert await store.note("k") == Note("b", 2)

    async def test_none_deletes_it_and_it_may_begin_anew(self, store: Store) -> None:
        await store.write_note("k", "a", rev=0)
        assert not await store.write_note("k", None, rev=7)
        assert await store.write_note("k", None, rev=1)
        assert await store.note("k") is None
        assert not await store.write_note("k", None, rev=1)
        assert await store.write_note("k", "again", rev=0)
        assert await store.note("k") == Note("again", 1)

    async def test_of_many_writers_at_once_one_wins(self, open_store: OpenStore) -> None:
        async with open_store() as store, open_store() as other:
            for rev in (0, 1):
                writes = [(store, other)[n % 2].write_note("k", "same", rev=rev) for n in range(20)]
                assert (await asyncio.gather(*writes)).count(True) == 1
            assert await other.note("k") == Note("same", 2)

    async def test_a_list_goes_by_key_in_pages_of_one_prefix(self, store: Store) -> None:
        for key in ("m/b", "m/a", "m/c/1", "m", "n/a", "m0", "m/中"):
            assert await store.write_note(key, key, rev=0)
        first = await store.notes("m/", limit=2)
        assert first == [("m/a", Note("m/a", 1)), ("m/b", Note("m/b", 1))]
        assert [key for key, _ in await store.notes("m/", after="m/b")] == ["m/c/1", "m/中"]
        assert [key for key, _ in await store.notes("")] == ["m", "m/a", "m/b", "m/c/1", "m/中", "m0", "n/a"]
        assert await store.notes("zz") == []


class TestHold:
    async def test_one_holder_has_it_until_it_lets_go(self, store: Store) -> None:
        assert await store.hold("link/a", "p1", 60)
        assert not await store.hold("link/a", "p2", 60)
        assert await store.hold("link/b", "p2", 60)
        assert await store.hold("link/a", "p1", 60)
        assert await store.hold("link/a", "p2", 0)
        assert not await store.hold("link/a", "p2", 60)
        assert await store.hold("link/a", "p1", 0)
        assert await store.hold("link/a", "p2", 60)

    async def test_one_that_ran_out_is_taken_over(self, store: Store) -> None:
        assert await store.hold("k", "p1", 0.05)
        await asyncio.sleep(0.1)
        assert await store.hold("k", "p2", 60)
        assert not await store.hold("k", "p1", 60)

    async def test_holding_again_renews_it(self, store: Store) -> None:
        assert await store.hold("k", "p1", 0.05)
        assert await store.hold("k", "p1", 60)
        await asyncio.sleep(0.1)
        assert not await store.hold("k", "p2", 60)

    async def test_of_many_at_once_one_gets_it(self, open_store: OpenStore) -> None:
        async with open_store() as store, open_store() as other:
            asked = [(store, other)[n % 2].hold("k", f"p{n}", 60) for n in range(20)]
            assert (await asyncio.gather(*asked)).count(True) == 1

    async def test_what_ran_out_does_not_pile_up(self, store: Store) -> None:
        assert await store.hold("old", "p1", 0.01)
        assert await store.hold("live", "p1", 60)
        await asyncio.sleep(0.05)
        await store.expire(1.0)
        assert not await store.hold("live", "p2", 60)
        assert await store.hold("old", "p2", 60)
