"""Turns and sessions for the stores' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from adapters.channel import Route
from adapters.message import Address, Message, Text
from bot.store import Store
from bot.turn import Session, Turn

ADDRESS = Address("wechat", "main", "u1", "u1")
CONVERSATION = ADDRESS.conversation
PUSH = Route("push", {"to": "u1"})
LEASE_S = 30.0


def a_turn(name: str = "m1", at: float = 1_700_000_000.0, *, user: str = "u1", **fields: Any) -> Turn:
    """A turn as a webhook makes it: `name` is the vendor's message id."""
    address = Address("wechat", "main", user, user)
    message = Message(name, address, Text(f"说了 {name}"), at)
    turn = Turn(f"{address.conversation}/{name}", address.conversation, "message", address, at, message=message)
    return replace(turn, **fields)


def answered(turn: Turn, text: str = "好的") -> Turn:
    return replace(turn, replies=(Text(text),))


async def leased(store: Store, worker: str = "w1", conversation: str = CONVERSATION) -> Session:
    session = await store.lease(conversation, worker, LEASE_S)
    assert session is not None
    return session


async def oldest_new(store: Store, conversation: str = CONVERSATION) -> Turn | None:
    """What worker w1 is to think about next."""
    taken = await store.take(conversation, "w1", LEASE_S)
    assert taken is not None
    now = await store.now()
    return next((turn for turn in taken[1] if turn.status == "new" and turn.due <= now), None)


async def ready(store: Store, turn: Turn, text: str = "好的") -> Turn:
    """`turn` accepted, thought about and committed."""
    accepted = await store.accept(turn)
    session = await leased(store, conversation=turn.conversation)
    assert await store.commit(session, answered(accepted, text), release=True)
    return await there(store, turn.id)


async def sent(store: Store, turn: Turn) -> Turn:
    await ready(store, turn)
    until = await store.now() + 60
    assert await store.claim(turn.id, PUSH, until)
    assert await store.finish(turn.id, "sent", held=until, shown=1)
    return await there(store, turn.id)


async def there(store: Store, turn_id: str) -> Turn:
    turn = await store.turn(turn_id)
    assert turn is not None
    return turn


async def ids(turns: AsyncIterator[Turn]) -> list[str]:
    """The vendor's ids of turns, in order."""
    return [name(turn) async for turn in turns]


def name(turn: Turn) -> str:
    return turn.id.rpartition("/")[2]
