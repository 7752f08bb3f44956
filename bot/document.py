"""Plain data as the stores keep it: what JSON and BSON cannot hold is tamed rather than refused, since a turn that
cannot be written would come back for ever."""

from __future__ import annotations

import math
from typing import TypeAlias

import orjson

from adapters.message import Json

Plain: TypeAlias = dict[str, Json]

_INT64 = 1 << 63
MAX_DEPTH = 60
"""Levels of nesting that are kept; MongoDB holds 100 in all."""
TOO_DEEP = "…"
NUMBERS, SEQUENCES = (int, float), (list, tuple)
"""Not written as unions: these are asked for at every value of every turn."""


def dump(data: Json) -> bytes:
    """JSON. Integers beyond 64 bits become floats, NaN and infinities null, lone surrogates U+FFFD, keys strings;
    what is nested too deeply is cut."""
    try:
        return orjson.dumps(data)
    except TypeError:
        return orjson.dumps(tame(data))


def load(data: bytes) -> Json:
    return orjson.loads(data)


def tame(value: Json, depth: int = MAX_DEPTH) -> Json:
    """`value` as both JSON and BSON can hold it. Raises TypeError for what is no plain data."""
    if depth == 0:
        return TOO_DEEP
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, NUMBERS):
        return _number(value)
    if isinstance(value, dict):
        return {_text(str(key)): tame(item, depth - 1) for key, item in value.items()}
    if isinstance(value, SEQUENCES):
        return [tame(item, depth - 1) for item in value]
    raise TypeError(f"{type(value).__name__} is not plain data and cannot be stored")


def is_deep(value: Json, depth: int = MAX_DEPTH) -> bool:
    """Is it nested in more than `depth` levels? Looks no deeper than that."""
    if isinstance(value, dict):
        return depth == 0 or any(is_deep(item, depth - 1) for item in value.values())
    if isinstance(value, SEQUENCES):
        return depth == 0 or any(is_deep(item, depth - 1) for item in value)
    return False


def _number(value: float) -> float | None:
    if isinstance(value, int):
        return value if -_INT64 <= value < _INT64 else float(value) if abs(value) < 10**308 else None
    return value if math.isfinite(value) else None


def _text(value: str) -> str:
    if value.isascii():
        return value
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
