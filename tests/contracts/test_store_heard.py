"""What every store promises of who was heard when."""

from __future__ import annotations

from dataclasses import replace

from bot.store import Store
from tests.stores.making import a_turn


class TestHeard:
    async def test_it_is_the_newest_thing_that_each_ones_people_did(self, store: Store) -> None:
        for name, at, user in (("1", 10.0, "a"), ("2", 30.0, "a"), ("3", 20.0, "b")):
            await store.accept(a_turn(name, at, user=user))
        await store.accept(replace(a_turn("4", 40.0, user="c"), kind="event"))
        await store.accept(replace(a_turn("5", 99.0, user="a"), kind="push"))
        assert await store.heard("wechat/main/") == [
            ("wechat/main/a/a", 30.0), ("wechat/main/b/b", 20.0), ("wechat/main/c/c", 40.0),
        ]  # fmt: skip

    async def test_by_prefix_time_and_page(self, store: Store) -> None:
        for n in range(5):
            await store.accept(a_turn("1", float(n), user=f"u{n}"))
        assert await store.heard("wechat/other/") == []
        assert await store.heard("wechat/main/u3/") == [("wechat/main/u3/u3", 3.0)]
        recent = await store.heard("wechat/main/", since=3.0)
        assert [key for key, _ in recent] == ["wechat/main/u3/u3", "wechat/main/u4/u4"]
        first = await store.heard("wechat/main/", limit=2)
        rest = await store.heard("wechat/main/", after=first[-1][0])
        assert len(first) == 2
        assert [key for key, _ in (*first, *rest)] == [f"wechat/main/u{n}/u{n}" for n in range(5)]
