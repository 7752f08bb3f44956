"""`MongoStore`: the `Store` over MongoDB. Each write touches one document, waits for a majority, and may be repeated.

A commit is two writes: the session (which remembers in `done` what was thought), then the turn. `done` is pruned by the
next write to the session, once the turn is known to be marked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError

from adapters.channel import Route, Token
from adapters.message import Json, plain
from bot import faults
from bot.document import tame
from bot.feed import Feed, Watch
from bot.mongo import documents, pipelines
from bot.mongo.blobs import GridBlobs
from bot.mongo.documents import Document, escape, escape_key, session_of, turn_document, turn_key, turn_of
from bot.mongo.link import Collection, Link
from bot.mongo.marks import Marks
from bot.mongo.noting import Noting
from bot.mongo.reading import Reading
from bot.mongo.tail import follow
from bot.store import OPEN_TURNS, Conversation, Note
from bot.turn import Receipt, Session, Status, Turn
from bot.vault import StoredToken, Vault

TIMEOUT_S = 4.0
"""Under the five seconds that WeChat waits: a frozen database still leaves time to say 503."""
PAGE = 500
"""Documents per round where all are wanted."""

TURN_INDEXES = (
    [("conversation", 1), ("at", 1), ("accepted", 1), ("_id", 1), ("kind", 1), ("handoff", 1)],
    [("conversation", 1), ("status", 1), ("at", 1), ("accepted", 1), ("_id", 1)],
    [("at", 1), ("accepted", 1), ("_id", 1), ("conversation", 1)],
    [("status", 1), ("accepted", 1)],
)
CHANGED_INDEX = [("changed", 1)]
HANDOFF_INDEX = [("handoff", 1), ("conversation", 1)]


class MongoStore:
    """Open it in the event loop that uses it. No operation takes longer than `timeout_s` + 0.5 s."""

    def __init__(self, url: str, db: str = "yingda", *, timeout_s: float = TIMEOUT_S) -> None:
        self._link = Link(url, db, timeout_s)
        self._turns: Collection = self._link["turns"]
        self._sessions: Collection = self._link["sessions"]
        self._tokens: Collection = self._link["tokens"]
        self._quotas: Collection = self._link["quotas"]
        self._noting = Noting(self._link)
        self._reading = Reading(self._link)
        self._marks = Marks()
        self._feed = Feed()
        self._vault = Vault(self)
        self._tail: asyncio.Task[None] | None = None

    @property
    def operations(self) -> int:
        return self._link.pulse.commands

    async def open(self) -> None:
        await self._link.open()
        for keys in TURN_INDEXES:
            await self._link.run(self._turns.create_index(keys))
        handoffs = self._turns.create_index(HANDOFF_INDEX, partialFilterExpression={"handoff": True})
        await self._link.run(handoffs)
        if self._link.standalone:
            await self._link.run(self._turns.create_index(CHANGED_INDEX))
        await self._link.run(self._sessions.create_index([("updated", 1)]))
        await self._link.run(self._quotas.create_index([("until", 1)], expireAfterSeconds=0))

    async def close(self) -> None:
        self._feed.close()
        if self._tail:
            self._tail.cancel()
            await asyncio.gather(self._tail, return_exceptions=True)
        self._link.close()

    async def now(self) -> float:
        return await self._link.now()

    def blobs(self) -> GridBlobs:
        """Files in the same database."""
        return GridBlobs(self._link)

    # --- in and thinking

    async def accept(self, turn: Turn) -> Turn:
        there = await self._upsert(self._turns, turn_key(turn.id), pipelines.insert_once(turn_document(turn)))
        return turn_of(there)

    async def lease(self, conversation: str, worker: str, seconds: float) -> Session | None:
        document = await self._lease(conversation, worker, seconds)
        return session_of(document) if document else None

    async def take(self, conversation: str, worker: str, seconds: float) -> tuple[Session, list[Turn]] | None:
        document = await self._lease(conversation, worker, seconds)
        if document is None:
            return None
        session, waiting = session_of(document), await self._reading.waiting(conversation)
        if len(waiting) < OPEN_TURNS:  # all are known: what is done and no longer new is marked
            self._marks.add(conversation, session.done.keys() - {turn.id for turn in waiting if turn.status == "new"})
        return session, waiting

    async def _lease(self, conversation: str, worker: str, seconds: float) -> Document | None:
        marked = self._marks.of(conversation)
        document = await self._upsert(
            self._sessions, {"_id": conversation}, pipelines.lease(worker, seconds, prune=marked)
        )
        self._marks.pruned(conversation, marked)
        return document if document["worker"] == worker else None

    async def release(self, conversation: str, worker: str) -> None:
        await self._change(
            self._sessions, {"_id": conversation, "worker": worker}, {"$set": {"worker": "", "leased_until": 0.0}}
        )

    async def note_call(self, conversation: str, worker: str, turn_id: str, key: str, state: Json) -> bool:
        path = f"calls.{escape_key(turn_id)}.{escape_key(key)}"
        return await self._change(
            self._sessions, {"_id": conversation, "worker": worker}, {"$set": {path: escape(state)}}
        )

    async def commit(self, session: Session, turn: Turn, *, release: bool = False) -> bool:
        if turn.id in session.done:
            await self._mark(turn_document(session.done[turn.id].on(turn)))
            if release:
                await self.release(session.conversation, session.worker)
            return True
        document = turn_document(turn)
        if await self._move(session, document, release):
            faults.reach("half_committed")
            await self._mark(document)
            return True
        # moved meanwhile: by an earlier try of this very commit, whose answer was lost?
        there = await self.session(session.conversation)
        if there is None or turn.id not in there.done:
            return False
        await self._mark(turn_document(there.done[turn.id].on(turn)))
        return there.rev == session.rev + 1 and there.done[turn.id].replies == turn.replies

    async def _move(self, session: Session, turn: Document, release: bool) -> bool:
        """The commit's first half: the session by compare-and-set, `done` with it."""
        conversation, turn_id = session.conversation, turn["_id"]
        marked = self._marks.of(conversation) - {turn_id}
        gone = [f"calls.{escape_key(turn_id)}", *(f"done.{escape_key(other)}" for other in marked)]
        moved = await self._change(
            self._sessions,
            {"_id": conversation, "rev": session.rev, "worker": session.worker},
            {
                "$set": {
                    "dialogue": documents.dialogue_document(session),
                    "schema": session.schema,
                    "updated": await self.now(),
                    f"done.{escape_key(turn_id)}": documents.thought_of(turn),
                    **({"worker": "", "leased_until": 0.0} if release else {}),
                },
                "$inc": {"rev": 1},
                "$unset": dict.fromkeys(gone, ""),
            },
        )
        if moved:
            self._marks.pruned(conversation, marked)
        return moved

    async def _mark(self, turn: Document) -> None:
        """The commit's second half: the turn is what it is only where it was still new."""
        now = await self.now()
        status = "ready" if turn["status"] == "new" else turn["status"]
        moment = {"status": status, "ready_at": now, "sent_at": now if status == "sent" else 0.0}
        changed = {name: value for name, value in turn.items() if name not in ("_id", "accepted", "conversation")}
        await self._touch({**turn_key(turn["_id"]), "status": "new"}, {"$set": {**changed, **moment}})
        self._marks.add(turn["conversation"], {turn["_id"]})

    # --- out

    async def claim(self, turn_id: str, route: Route, until: float) -> bool:
        over = {"status": "sending", "$expr": pipelines.passed("until")}
        return await self._touch(
            {**turn_key(turn_id), "$or": [{"status": "ready"}, over]},
            {"$set": {"status": "sending", "route": escape(plain(route)), "until": until}},
        )

    async def advance(
        self,
        turn_id: str,
        shown: int,
        until: float,
        *,
        held: float,
        receipts: Sequence[Receipt] | None = None,
        route: Route | None = None,
    ) -> bool:
        fields = {"shown": shown, "until": until, **_sending(receipts, route)}
        return await self._touch(_claimed(turn_id, held), {"$set": fields})

    async def finish(
        self,
        turn_id: str,
        status: Status,
        *,
        held: float,
        shown: int,
        due: float = 0.0,
        error: str = "",
        tried: bool = True,
        receipts: Sequence[Receipt] | None = None,
        route: Route | None = None,
    ) -> bool:
        fields: Document = {"status": status, "shown": shown, "due": due, "error": tame(error), "until": 0.0}
        fields |= _sending(receipts, route)
        if status == "sent":
            fields["sent_at"] = await self.now()
        return await self._touch(
            _claimed(turn_id, held),
            {"$set": fields, "$inc": {"attempts": int(tried and status == "ready")}},
        )

    async def unsent(self, conversation: str) -> list[Turn]:
        return await self._reading.unsent(conversation)

    async def newest(self, conversation: str) -> Turn | None:
        return await self._reading.newest(conversation)

    async def resend(self, turn_id: str) -> bool:
        fields = {"status": "ready", "due": 0.0, "until": 0.0, "attempts": 0, "error": ""}
        return await self._touch({**turn_key(turn_id), "status": "dead"}, {"$set": fields})

    # --- sweeping

    async def stalled(self, limit: int = 100) -> list[str]:
        return await self._reading.stalled(limit)

    async def expire(self, older_than: float) -> int:
        gone = 0
        old = {"status": {"$in": ["sent", "dead"]}, "accepted": {"$lt": older_than}}
        while ids := await self._reading.ids(old, PAGE):
            gone += await self._delete(self._turns, {"_id": {"$in": ids}, **old})
        while ids := await self._reading.abandoned(older_than, PAGE):
            await self._delete(self._sessions, {"_id": {"$in": ids}, "updated": {"$lt": older_than}})
        await self._noting.expire()
        return gone

    async def _delete(self, collection: Collection, query: Document) -> int:
        return (await self._link.run(collection.delete_many(query))).deleted_count

    async def own(self, conversation: str, owner: str, rev: int) -> bool:
        if rev == 0:
            fresh = {**documents.fresh_session(), "updated": await self.now()}
            await self._link.run(self._sessions.update_one({"_id": conversation}, {"$setOnInsert": fresh}, upsert=True))
        fields = {"owner": owner, "updated": await self.now()}
        if await self._change(self._sessions, {"_id": conversation, "rev": rev}, {"$set": fields, "$inc": {"rev": 1}}):
            return True
        there = await self.session(conversation)
        return there is not None and (there.rev, there.owner) == (rev + 1, owner)

    async def spend(self, key: str, limit: int, window_s: float) -> bool:
        quota = await self._upsert(self._quotas, {"_id": key}, pipelines.spend(limit, window_s))
        return bool(quota["granted"])

    async def free_at(self, key: str, limit: int, window_s: float) -> float:
        quota = await self._link.run(self._quotas.find_one({"_id": key}))
        since = await self.now() - window_s
        uses = sorted(at for at in (quota or {}).get("uses", ()) if at > since)
        return float(uses[-max(1, limit)] + window_s) if uses and len(uses) >= limit else 0.0

    # --- reading

    async def turn(self, turn_id: str) -> Turn | None:
        return await self._reading.turn(turn_id)

    async def session(self, conversation: str) -> Session | None:
        return await self._reading.session(conversation)

    async def turns(self, conversation: str, *, before: float = 0.0, limit: int = 50) -> list[Turn]:
        return await self._reading.turns(conversation, before, limit)

    async def conversations(self, *, before: float = 0.0, limit: int = 50, waiting: bool = False) -> list[Conversation]:
        return await self._reading.conversations(before, limit, waiting=waiting)

    async def heard(
        self, prefix: str, *, since: float = 0.0, after: str = "", limit: int = 1000
    ) -> list[tuple[str, float]]:
        return await self._reading.heard(prefix, since, after, limit)

    async def export(self, *, since: float = 0.0, status: Sequence[Status] = ()) -> AsyncIterator[Turn]:
        async for turn in self._reading.export(since, status, PAGE):
            yield turn

    async def count(self, status: Status) -> int:
        return await self._reading.count(status)

    def watch(self, conversation: str = "") -> Watch:
        watch = self._feed.subscribe(conversation)
        if self._tail is None or self._tail.done():
            self._tail = asyncio.create_task(follow(self._link, self._feed, self._link.estimate()), name="mongo-feed")
        return watch

    # --- tokens

    async def get(self, key: str, fetch: Callable[[], Awaitable[Token]], stale: str | None = None) -> Token:
        return await self._vault.get(key, fetch, stale)

    async def read_token(self, key: str) -> StoredToken | None:
        document = await self._link.run(self._tokens.find_one({"_id": key}))
        return documents.token_of(document) if document else None

    async def hold_token(self, key: str, holder: str, seconds: float) -> StoredToken:
        return documents.token_of(await self._upsert(self._tokens, {"_id": key}, pipelines.hold_token(holder, seconds)))

    async def put_token(self, key: str, holder: str, token: Token | None) -> None:
        await self._link.run(self._tokens.update_one({"_id": key, "holder": holder}, pipelines.put_token(token)))

    # --- notes and holds

    async def note(self, key: str) -> Note | None:
        return await self._noting.note(key)

    async def write_note(self, key: str, value: Json, *, rev: int) -> bool:
        return await self._noting.write(key, value, rev)

    async def notes(self, prefix: str, *, after: str = "", limit: int = 100) -> list[tuple[str, Note]]:
        return await self._noting.notes(prefix, after, limit)

    async def hold(self, key: str, holder: str, seconds: float) -> bool:
        return await self._noting.hold(key, holder, seconds)

    # --- the three kinds of write

    async def _upsert(self, collection: Collection, key: Document, pipeline: list[Document]) -> Document:
        """The document after the update, made first where it is missing."""
        try:
            return await self._find_and_update(collection, key, pipeline)
        except DuplicateKeyError:  # made by another at the same moment: now it is there
            return await self._find_and_update(collection, key, pipeline)

    async def _find_and_update(self, collection: Collection, key: Document, pipeline: list[Document]) -> Document:
        after: Document = await self._link.run(
            collection.find_one_and_update(key, pipeline, upsert=True, return_document=ReturnDocument.AFTER)
        )
        return after

    async def _change(self, collection: Collection, query: Document, update: Document) -> bool:
        """Was there a document to update?"""
        return (await self._link.run(collection.update_one(query, update))).matched_count > 0

    async def _touch(self, query: Document, update: Document) -> bool:
        """As `_change`, for turns: watchers of a standalone server look for what has `changed`."""
        return await self._change(self._turns, query, {**update, "$currentDate": {"changed": True}})


def _sending(receipts: Sequence[Receipt] | None, route: Route | None) -> Document:
    """The fields that change while sending; None leaves them."""
    given: Document = {
        "receipts": None if receipts is None else [plain(receipt) for receipt in receipts],
        "route": None if route is None else plain(route),
    }
    return {name: escape(value) for name, value in given.items() if value is not None}


def _claimed(turn_id: str, held: float) -> Document:
    """The turn, while the claim that ends at `held` is there."""
    return {**turn_key(turn_id), "status": "sending", "until": held}
