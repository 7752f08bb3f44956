"""The way in for every channel: durable first, then thought about. Pages, REST and webhooks all come through here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import quote

from adapters.channel import Route
from adapters.message import Address, Custom, Event, Message
from bot import faults
from bot.document import is_deep, tame
from bot.store import Store
from bot.turn import Turn
from bot.windows import Windows

MAX_UNDER_WAY = 2000
"""Turns that one process holds between accept and commit; beyond it the sender is asked to come again."""

HISTORY = "history"
"""The flag of a turn that is logged only."""


class Busy(Exception):
    """Too much is under way, or the process is shutting down: answer 503, the sender repeats."""


class Inbox:
    """`accept` makes a message durable and sets the bot to work on it; `ready` waits for the answer.

    turn = await inbox.accept(message, Route("live"))      # StoreDown, Busy -> 503
    answered = await inbox.ready(turn.id, 30)       # None: not yet
    answered.replies
    """

    def __init__(
        self,
        store: Store,
        windows: Windows,
        nudge: Callable[[str], None],
        under_way: Callable[[], int],
        *,
        limit: int = MAX_UNDER_WAY,
        came: Callable[[Message], None] = lambda message: None,
    ) -> None:
        self._store = store
        self._windows = windows
        self._nudge = nudge
        self._under_way = under_way
        self._limit = limit
        self._came = came
        self.closed = False

    async def accept(
        self, message: Message, route: Route | None = None, *, answered: bool = True, only_once: bool = False
    ) -> Turn:
        """The message's turn, new or (the same id was accepted before) as it stands. `route` is the way out that came
        with it: `live` for pages and REST, whose turns need no sending. Not to be `answered` is what came long ago:
        it is logged. What comes `only_once` is never `Busy`: it is made durable, and the sweep of whichever process has
        time takes it up. Raises `StoreDown` and `Busy`."""
        busy = self.closed or self._under_way() >= self._limit
        if busy and not only_once:
            raise Busy
        faults.reach("before_accept")
        turn = turn_of(message, route)
        turn = await self._store.accept(turn if answered else replace(turn, flags=(HISTORY,)))
        faults.reach("after_accept")
        if turn.status == "new" and not busy:
            self._came(message)
            self._nudge(turn.conversation)
        return turn

    async def ready(self, turn_id: str, seconds: float) -> Turn | None:
        """The turn once its replies are there; None after `seconds`. Joins the wait of others."""
        with self._windows.open(turn_id) as window:
            turn = await self._store.turn(turn_id)
            if turn is not None and turn.status != "new":
                return turn
            return await self._windows.wait(window, turn_id, seconds)


def turn_id(message: Message) -> str:
    return turn_key(message.address, message.id)


def turn_key(address: Address, message_id: str) -> str:
    """The id of the turn of the message `message_id` that came from `address`."""
    return f"{address.conversation}/{quote(message_id, safe='')}"


def shallow(message: Message) -> Message:
    """`message` without what a sender nested too deeply in the data that is free of form: nobody could write it."""
    if is_deep(message.raw):
        message = replace(message, raw=tame(message.raw))
    match message.content:
        case Custom(payload=payload) if is_deep(payload):
            message = replace(message, content=replace(message.content, payload=tame(payload)))
    return message


def turn_of(message: Message, route: Route | None) -> Turn:
    message = shallow(message)
    return Turn(
        id=turn_id(message),
        conversation=message.address.conversation,
        kind="event" if isinstance(message.content, Event) else "message",
        address=message.address,
        at=message.at,
        message=message,
        route=route,
    )
