"""Documents <-> turns and sessions. Fields are MongoDB's own, so that its tools can query them; keys that users choose
(slots, entities, a vendor's fields) may hold what a field path cannot, and are escaped."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from adapters.channel import Token
from adapters.message import Json, plain
from bot.document import MAX_DEPTH, SEQUENCES, tame
from bot.turn import THOUGHT, Session, Turn
from bot.vault import StoredToken

Document = dict[str, Any]

_ESCAPES = {"%": "%25", ".": "%2E", "$": "%24", "\0": "%00"}
_TABLE = str.maketrans(_ESCAPES)
_BACK = {escaped: plain for plain, escaped in _ESCAPES.items()} | {"%": ""}
_ESCAPED = re.compile("%(?:25|2E|24|00)|%")


def escape_key(key: str) -> str:
    """A key that may stand in a field path. The empty one becomes a lone `%`."""
    return key.translate(_TABLE) if key else "%"


def unescape_key(key: str) -> str:
    return _ESCAPED.sub(lambda found: _BACK[found.group()], key) if "%" in key else key


def escape(value: Json, depth: int = MAX_DEPTH) -> Json:
    """Plain data with every key escaped, tamed on the way."""
    if depth and isinstance(value, dict):
        return {escape_key(tame(str(key))): escape(item, depth - 1) for key, item in value.items()}
    if depth and isinstance(value, SEQUENCES):
        return [escape(item, depth - 1) for item in value]
    return tame(value, depth)


def unescape(value: Json) -> Json:
    if isinstance(value, dict):
        return {unescape_key(key): unescape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unescape(item) for item in value]
    return value


def turn_document(turn: Turn) -> Document:
    document: Document = escape(turn.to_dict())
    document["_id"] = document.pop("id")
    document["handoff"] = "handoff" in turn.flags
    return document


def turn_of(document: Document) -> Turn:
    data = unescape({key: value for key, value in document.items() if key not in ("handoff", "changed")})
    data["id"] = data.pop("_id")
    return Turn.from_dict(data)


@cache
def fresh_session() -> Document:
    """The fields of a session that nobody has touched yet. One value for all: not to be changed."""
    document: Document = escape(plain(Session("")))
    del document["conversation"]
    return document


def dialogue_document(session: Session) -> Document:
    document: Document = escape(session.dialogue.to_dict())
    return document


def thought_of(turn: Document) -> Document:
    """What `Session.done` remembers of a turn's document."""
    return {name: turn[name] for name in THOUGHT}


def session_of(document: Document) -> Session:
    data = unescape(document)
    data["conversation"] = data.pop("_id")
    return Session.from_dict(data)


def token_of(document: Document) -> StoredToken:
    token = Token(document.get("value", ""), document.get("expires_at", 0.0))
    return StoredToken(token, document.get("fetched_at", 0.0), document.get("holder", ""))


def turn_key(turn_id: str) -> Document:
    """The filter for one turn. Its conversation, the shard key, is the id's first four parts."""
    conversation = conversation_of(turn_id)
    return {"_id": turn_id, "conversation": conversation} if conversation else {"_id": turn_id}


def conversation_of(turn_id: str) -> str:
    """Empty where the id is not of the shape `<conversation>/<vendor id>`."""
    parts = turn_id.split("/")
    return "/".join(parts[:4]) if len(parts) == 5 else ""


def hidden(url: str) -> str:
    """The URL's hosts and path: without user, password and options, which may be secrets. Works on malformed ones."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"
