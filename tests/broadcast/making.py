"""Broadcasts and people for their tests."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from adapters.message import Address, Message, Text
from bot.broadcast.board import Board
from bot.broadcast.model import Broadcast, Content, Person, Standing
from bot.inbox import turn_of
from bot.store import Store


def key(user: str) -> str:
    return Address("wechat", "main", user, user).conversation


def broadcast(name: str = "b1", text: str = "上新啦", **fields: Any) -> Broadcast:
    now = time.time()
    given = {"content": Content(variations=({"text": text},)), "at": now, "per_minute": 0.0, "created": now, **fields}
    return Broadcast(name, total=0, parts="", **given)


def people(users: Sequence[str], **values: str) -> list[Person]:
    return [Person(key(user), values) for user in users]


async def wrote(store: Store, user: str, at: float | None = None, text: str = "在吗") -> None:
    """`user` is known: they wrote something, which was dealt with."""
    address = Address("wechat", "main", user, user)
    at = time.time() if at is None else at
    # the lease first, so that no service that runs beside takes it up
    session = await store.lease(address.conversation, "before", 10)
    assert session is not None
    turn = await store.accept(turn_of(Message(f"m{at}", address, Text(text), at), None))
    assert await store.commit(session, replace(turn, status="sent"), release=True)


async def until(board: Board, wanted: Broadcast, state: str, seconds: float = 15.0) -> Standing:
    """The standing once the broadcast is in this state."""
    async with asyncio.timeout(seconds):
        while True:
            standing = await board.standing(wanted)
            if standing.state == state:
                return standing
            await asyncio.sleep(0.05)
