"""Answers in the open HTTP response, by the table of the delivery protocol: who may push, and who may not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from adapters.channel import Channel, Judgement, Outgoing, Refresh, Route, Streaming
from adapters.message import Message, Reply, Text
from bot import faults
from bot.inbox import Inbox, turn_id, turn_key
from bot.metrics import Metrics
from bot.outbox import Outbox
from bot.parts import (
    MORE_FOLLOWS,
    Body,
    Slice,
    carried_by,
    had_response,
    is_carried,
    pack,
    slices_of,
    unpack,
    with_body,
)
from bot.progress import Progress
from bot.ready import Ready, as_it_is
from bot.store import Store
from bot.turn import Turn
from bot.ways import KEEP_S, Ways
from bot.windows import Windows

WORKING = "正在处理，请稍候。回复任意内容查看结果。"
"""The last resort of an account that may not push: the answer goes out with the next message."""
PUSHED = "回答见下一条消息。"
SILENT = "收到。"
FAILED = "抱歉，回答未能送达，请再问一次。"
"""End a stream whose answer went out another way, of which there is none, and whose answer could not be sent."""
LOOK_AGAIN_S = 0.03
POSTS = 3
"""How often WeChat posts one message."""


@dataclass(frozen=True, slots=True)
class Note:
    """How far one turn goes out with a response: `piece` of its `total` parts, under the claim that ends at `held`."""

    piece: Slice
    total: int
    held: float


@dataclass(frozen=True, slots=True)
class Answer:
    """How to answer one request: with `outgoing` (None: nothing to say, acknowledge it), or, if `close`, not at all,
    so that the vendor posts again. `notes`: what to note of turns once it is written."""

    outgoing: Outgoing | None = None
    close: bool = False
    notes: tuple[Note, ...] = ()


ACKNOWLEDGED = Answer()


class Passive:
    """What the response to a message carries, and the note of it once it is written."""

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        windows: Windows,
        ways: Ways,
        outbox: Outbox,
        clock: Callable[[], float],
        worker: str,
        metrics: Metrics,
        progress: Progress | None = None,
        ready: Ready = as_it_is,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._windows = windows
        self._ways = ways
        self._outbox = outbox
        self._clock = clock
        self._worker = worker
        self._metrics = metrics
        self._progress = progress or Progress(store)
        self._ready = ready
        self._posts: dict[str, int] = {}

    async def answer(self, channel: Channel, message: Message, route: Route, arrived: float) -> Answer:
        """Accept `message` and wait for its answer as long as the vendor does; `arrived` is the loop's time at which
        the request came. Raises `StoreDown` and `Busy`."""
        deadline = arrived + self._patience_s(channel, route)
        this = turn_id(message)
        self._posts[this] = self._posts.pop(this, 0) + 1
        if len(self._posts) > 10_000:
            del self._posts[next(iter(self._posts))]
        with self._windows.open(this) as window:
            turn = await self._inbox.accept(message, route)
            if self._posts.get(this, 1) > 1 or turn.status != "new":
                self._metrics.repeated()
            settled: Turn | None = turn
            if turn.status == "new":
                settled = await self._windows.wait(window, this, max(0.0, deadline - _time()))
        if settled is None:
            return await self._late(channel, turn, route, arrived)
        return await self._settled(channel, settled, route, arrived)

    async def refresh(self, channel: Channel, poll: Refresh, arrived: float) -> Answer:
        """What the vendor's poll for a streamed answer is told: the finished answer, once there is one, else what was
        said so far. Raises `StoreDown`."""
        this = turn_key(poll.address, poll.id)
        with self._windows.open(this) as window:
            turn: Turn | None = await self._store.turn(this)
            settled = turn
            if turn is not None and turn.status == "new":
                left = arrived + self._patience_s(channel, poll.route) - _time()
                settled = await self._windows.wait(window, this, max(0.0, left))
        if turn is None:
            return Answer(_render(channel, (Text(FAILED),), poll.route))
        if settled is None:
            return await self._late(channel, turn, poll.route, arrived)
        answer = await self._settled(channel, settled, poll.route, arrived)
        if answer.outgoing is not None:
            if answer.notes:
                await self._end_stream(channel, settled)
            return answer
        await self._end_stream(channel, settled)
        ended = await self._store.turn(this) or settled
        last = FAILED if ended.status == "dead" else PUSHED if ended.replies else SILENT
        return Answer(_render(channel, (Text(last),), poll.route))

    def _patience_s(self, channel: Channel, route: Route) -> float:
        """How long a response waits for the answer: not long where the vendor asks again."""
        asks_again = isinstance(channel, Streaming) and channel.unfinished("", route) is not None
        return self._ways.times.first_s if asks_again else self._ways.times.answer_s

    async def note(self, answer: Answer, *, written: bool) -> None:
        """What came of the response that `answer` filled."""
        for note in answer.notes:
            piece = note.piece
            done = piece.end >= note.total
            shown = piece.end if written else piece.start
            status: Literal["sent", "ready"] = "sent" if written and done else "ready"
            turn = await self._store.turn(piece.turn_id) if status == "ready" else None
            pushes = turn is not None and self._ways.may_push(turn)
            due = 0.0 if pushes or turn is None else turn.ready_at + KEEP_S
            await self._store.finish(piece.turn_id, status, held=note.held, shown=shown, due=due)
            if pushes and turn is not None:
                self._outbox.nudge(turn.conversation)
        if answer.notes:
            faults.reach("after_finish")
            self._posts.pop(answer.notes[-1].piece.turn_id, None)

    # --- the table

    async def _settled(self, channel: Channel, turn: Turn, route: Route, arrived: float) -> Answer:
        while True:
            match self._standing(turn):
                case "done":
                    return ACKNOWLEDGED
                case "again":
                    return await self._again(channel, turn, route)
                case "open":
                    answer = await self._claim(channel, turn, route)
                    if answer is not None:
                        return answer
            if _time() >= arrived + self._patience_s(channel, route):
                return await self._late(channel, turn, route, arrived)
            await asyncio.sleep(LOOK_AGAIN_S)
            turn = await self._store.turn(turn.id) or turn

    def _standing(self, turn: Turn) -> Literal["done", "again", "open"]:
        """Nothing (more) to say here, the same reply again, or still to be claimed."""
        match turn.status:
            case "sent":
                return "again" if had_response(turn) else "done"
            case "dead":
                return "done"
            case "sending" if turn.until > self._clock():
                return "again" if had_response(turn) else "done"
            case "ready" if turn.shown and had_response(turn):
                return "again"
            case "ready" if turn.shown and is_carried(turn):
                return "done"
            case _:
                return "open"

    async def _late(self, channel: Channel, turn: Turn, route: Route, arrived: float) -> Answer:
        if isinstance(channel, Streaming):
            return await self._unfinished(channel, turn, route)
        if self._ways.push_route(turn) is not None:
            return ACKNOWLEDGED
        since = self._clock() - turn.accepted - (_time() - arrived)
        if self._posts.get(turn.id, 1) < POSTS and since < self._ways.times.last_post_s:
            return Answer(close=True)
        return Answer(_render(channel, (Text(WORKING),), route))

    async def _unfinished(self, channel: Streaming, turn: Turn, route: Route) -> Answer:
        """What was said so far; acknowledged, and pushed once it is ready, where this one cannot be polled for."""
        shown = channel.unfinished(await self._progress.said(turn.id), route)
        if shown is not None and await self._may_stream(channel, turn):
            return Answer(shown)
        self._ways.acknowledge(turn.id)
        return ACKNOWLEDGED

    async def _may_stream(self, channel: Streaming, turn: Turn) -> bool:
        """Takes one of the places that the vendor has for answers in the making to one sender."""
        if not channel.most_open or turn.message is None:
            return True
        for place in range(channel.most_open):
            if await self._store.hold(_place(turn, place), turn.id, channel.stream_s):
                return True
        return False

    async def _end_stream(self, channel: Channel, turn: Turn) -> None:
        if isinstance(channel, Streaming):
            for place in range(channel.most_open):
                await self._store.hold(_place(turn, place), turn.id, 0)

    # --- bodies

    async def _again(self, channel: Channel, turn: Turn, route: Route) -> Answer:
        """The body that `turn` is, or was, answered with; noted where that has not happened yet."""
        slices = slices_of(turn)
        turns = {turn.id: turn}
        for piece in slices:
            if piece.turn_id not in turns and (other := await self._store.turn(piece.turn_id)):
                turns[other.id] = other
        parts = {other.id: self._parts(channel, other) for other in turns.values()}
        slices = tuple(
            replace(piece, end=min(piece.end, len(parts[piece.turn_id]))) for piece in slices if piece.turn_id in parts
        )
        more = turn.route is not None and MORE_FOLLOWS in turn.route.data
        replies = unpack(slices, lambda each: parts[each], more=more)
        notes = _notes(turn, slices, parts, turn.until) if turn.status == "sending" and not is_carried(turn) else ()
        return Answer(await self._body(channel, replies, route), notes=notes)

    async def _claim(self, channel: Channel, turn: Turn, route: Route) -> Answer | None:
        """Take what waits in the conversation up to `turn` into this response; None where somebody else is at it."""
        unsent = await self._store.unsent(turn.conversation)
        ids = [other.id for other in unsent]
        if turn.id not in ids:
            return None
        carried = unsent[: ids.index(turn.id) + 1]
        earlier = carried[:-1]
        pushes = self._ways.push_route(turn) is not None
        now = self._clock()
        if earlier and (pushes or any(self._in_hand(other, now) for other in earlier)):
            return None
        parts = {other.id: self._parts(channel, other) for other in carried}
        body = pack([(other, parts[other.id]) for other in carried], channel.limits, hint=not pushes)
        until = now + self._ways.times.passive_claim_s
        if not await self._claim_all(body, {other.id: other for other in carried}, turn, route, until):
            return None
        faults.reach("after_claim")
        outgoing = await self._body(channel, body.replies, route)
        return Answer(outgoing, notes=_notes(carried[-1], body.slices, parts, until))

    def _in_hand(self, turn: Turn, now: float) -> bool:
        return self._windows.is_open(turn.id) or (turn.status == "sending" and turn.until > now)

    async def _claim_all(self, body: Body, turns: dict[str, Turn], last: Turn, route: Route, until: float) -> bool:
        claimed: list[Turn] = []
        for piece in (*(piece for piece in body.slices if piece.turn_id != last.id), None):
            turn = turns[piece.turn_id] if piece else last
            way = carried_by(turn.route, last.id) if piece else with_body(route, body, last.id, self._worker)
            if not await self._store.claim(turn.id, way, until):
                for other in claimed:
                    await self._store.finish(
                        other.id, "ready", held=until, shown=other.shown, due=other.ready_at + KEEP_S
                    )
                return False
            claimed.append(turn)
        return True

    async def _body(self, channel: Channel, replies: Sequence[Reply], route: Route) -> Outgoing | None:
        within = self._ways.times.ready_s
        ready = [await self._ready(channel, reply, within=within) for reply in replies]
        return _render(channel, [reply for reply in ready if not isinstance(reply, Judgement)], route)

    def _parts(self, channel: Channel, turn: Turn) -> list[Reply]:
        return self._ways.parts(turn, channel, "passive")


def _notes(turn: Turn, slices: Sequence[Slice], parts: dict[str, list[Reply]], held: float) -> tuple[Note, ...]:
    """What to note once the body is out: of every turn in it, and of `turn` whose response it is. One claim of them
    all ends at `held`."""
    pieces = list(slices)
    if all(piece.turn_id != turn.id for piece in slices):
        pieces.append(Slice(turn.id, turn.shown, turn.shown))
    return tuple(Note(piece, len(parts[piece.turn_id]), held) for piece in pieces)


def _render(channel: Channel, replies: Sequence[Reply], route: Route) -> Outgoing | None:
    rendered = channel.render(replies, Route("passive", route.data)) if replies else []
    return rendered[0] if rendered else None


def _place(turn: Turn, place: int) -> str:
    sender = turn.message.sender if turn.message and turn.message.sender else turn.address.user
    return f"stream/{turn.address.channel}/{turn.address.account}/{sender}/{place}"


def _time() -> float:
    return asyncio.get_running_loop().time()
