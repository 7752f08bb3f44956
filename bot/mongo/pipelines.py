"""Updates that look at what is there and at the server's clock, as aggregation pipelines: each one atomic, and the
same again when repeated. MongoDB manual, "Updates with Aggregation Pipeline" (mongodb.com/docs/manual)."""

from __future__ import annotations

from collections.abc import Iterable

from adapters.channel import Token
from bot.mongo.documents import Document, escape_key, fresh_session
from bot.store import LAST

NOW: Document = {"$divide": [{"$toLong": "$$NOW"}, 1000]}
"""The server's clock in epoch seconds."""

Pipeline = list[Document]


def passed(field: str) -> Document:
    """Has this time come, by the server's clock? A missing time has."""
    return {"$lte": [{"$ifNull": [f"${field}", 0]}, NOW]}


def insert_once(document: Document) -> Pipeline:
    """Upsert: the document as given where there is none yet, else nothing changes."""
    stamps = {"_id": "$_id", "accepted": NOW, "changed": "$$NOW"}
    new = {"$mergeObjects": [{"$literal": document}, stamps]}
    return [{"$replaceWith": {"$cond": [{"$eq": [{"$type": "$status"}, "missing"]}, new, "$$ROOT"]}}]


def lease(worker: str, seconds: float, prune: Iterable[str]) -> Pipeline:
    """Upsert: a session with the lease taken or renewed, unless another worker holds it."""
    mine = {"worker": {"$literal": worker}, "leased_until": {"$add": [NOW, seconds]}}
    free = {"$or": [{"$eq": ["$worker", {"$literal": worker}]}, passed("leased_until")]}
    fresh = {"$literal": fresh_session()}
    taken = {"$replaceWith": {"$mergeObjects": [fresh, "$$ROOT", {"$cond": [free, mine, {}]}]}}
    return [taken, *({"$unset": f"done.{escape_key(turn_id)}"} for turn_id in prune)]


def spend(limit: int, window_s: float) -> Pipeline:
    """Upsert: `granted` says whether this use was one of at most `limit` within the window."""
    recent = {
        "$filter": {"input": {"$ifNull": ["$uses", []]}, "cond": {"$gt": ["$$this", {"$subtract": [NOW, window_s]}]}}
    }
    return [
        {"$set": {"uses": recent}},
        {"$set": {"granted": {"$lt": [{"$size": "$uses"}, limit]}}},
        {
            "$set": {
                "uses": {"$cond": ["$granted", {"$concatArrays": ["$uses", [NOW]]}, "$uses"]},
                "until": {"$add": ["$$NOW", round(window_s * 1000)]},
            }
        },
    ]  # fmt: skip


def hold_token(holder: str, seconds: float) -> Pipeline:
    """Upsert: become the one who fetches, unless another is at it."""
    free = {"$or": [{"$eq": [{"$ifNull": ["$holder", ""]}, ""]}, passed("held_until")]}
    mine = {"holder": holder, "held_until": {"$add": [NOW, seconds]}}
    return [{"$replaceWith": {"$mergeObjects": ["$$ROOT", {"$cond": [free, mine, {}]}]}}]


def hold(holder: str, seconds: float) -> Pipeline:
    """Upsert: a lease on a name taken or renewed, unless another has it."""
    free = {"$or": [{"$eq": ["$holder", {"$literal": holder}]}, passed("until")]}
    mine = {"holder": {"$literal": holder}, "until": {"$add": [NOW, seconds]}}
    return [{"$replaceWith": {"$mergeObjects": ["$$ROOT", {"$cond": [free, mine, {}]}]}}]


def put_token(token: Token | None) -> Pipeline:
    gone = {"holder": "", "held_until": 0.0}
    if token is None:
        return [{"$set": gone}]
    return [{"$set": {"value": {"$literal": token.value}, "expires_at": token.expires_at, "fetched_at": NOW, **gone}}]


def stalled(limit: int) -> Pipeline:
    """Over turns: conversations with something due and nobody at work."""
    due = {"$cond": [{"$eq": ["$status", "sending"]}, passed("until"), passed("due")]}
    held = [{"$match": {"$expr": {"$not": [passed("leased_until")]}}}]
    lookup = {"from": "sessions", "localField": "_id", "foreignField": "_id", "pipeline": held, "as": "held"}
    return [
        {"$match": {"status": {"$in": ["new", "ready", "sending"]}, "$expr": due}},
        {"$group": {"_id": "$conversation", "accepted": {"$min": "$accepted"}}},
        {"$lookup": lookup},
        {"$match": {"held": []}},
        {"$sort": {"accepted": 1}},
        {"$limit": limit},
    ]


def abandoned(older_than: float, limit: int) -> Pipeline:
    """Over sessions: those that nobody has touched since and that have no turn left."""
    lookup = {
        "from": "turns",
        "localField": "_id",
        "foreignField": "conversation",
        "pipeline": [{"$limit": 1}],
        "as": "left",
    }
    return [
        {"$match": {"updated": {"$lt": older_than}, "$expr": passed("leased_until")}},
        {"$lookup": lookup},
        {"$match": {"left": []}},
        {"$limit": limit},
        {"$project": {"_id": 1}},
    ]  # fmt: skip


def heard(prefix: str, since: float, after: str, limit: int) -> Pipeline:
    """Over turns: when the people of each conversation last did something."""
    keys = {"$gte": prefix, "$lt": prefix + LAST, "$gt": after}
    if after >= prefix:
        del keys["$gte"]
    return [
        {"$match": {"conversation": keys, "kind": {"$in": ["message", "event"]}}},
        {"$group": {"_id": "$conversation", "at": {"$max": "$at"}}},
        {"$match": {"at": {"$gte": since}}},
        {"$sort": {"_id": 1}},
        {"$limit": limit},
    ]


def summaries(conversations: list[str]) -> Pipeline:
    """Over turns: how many turns each conversation has, and the times that say whether a customer waits."""
    return [
        {"$match": {"conversation": {"$in": conversations}}},
        {"$project": {"_id": 1, "conversation": 1, "at": 1, "kind": 1, "handoff": 1}},
        {
            "$group": {
                "_id": "$conversation",
                "turns": {"$sum": 1},
                "latest": {"$max": "$at"},
                "handoff": {"$max": {"$cond": ["$handoff", "$at", None]}},
                "operator": {"$max": {"$cond": [{"$eq": ["$kind", "operator"]}, "$at", None]}},
            }
        },
    ]
