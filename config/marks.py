"""Entity marks in a line of text: `[北京](city)` and `[帝都]{"entity": "city", "value": "北京", "role": "from"}`.

https://rasa.com/docs/rasa/training-data-format#entities — in training data and in test stories.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from nlu.meaning import Entity

ANNOTATION = "annotation"
MARK_MEND = 'write [值](entity) or [值]{"entity": "city", "value": "北京"}'
_MARK = re.compile(
    r"\[(?P<text>[^\[\]]*)\]"
    r"(?:\((?P<type>[^()]*)\)|(?P<dict>\{[^{}]*\})|\[(?P<dicts>\s*\{.*?\}\s*)\]|(?P<broken>[({（｛]))"
)


def read_marks(marked: str) -> tuple[str, tuple[Entity, ...]]:
    """`从[北京](city)走` -> (`从北京走`, its entities). Brackets without a mark after them, as WeChat's [微笑], stay.

    Raises ValueError saying what is wrong with a mark.
    """
    text, at = "", 0
    entities: list[Entity] = []
    for match in _MARK.finditer(marked):
        text += marked[at : match.start()]
        at = match.end()
        value = match["text"]
        if match["broken"]:
            raise ValueError(f"the mark after [{value}] is not complete or has full-width brackets")
        if not value.strip():
            raise ValueError("a mark has nothing between its square brackets")
        for said in _annotations(match):
            entities.append(_entity(said, value, len(text)))
        text += value
    return text + marked[at:], tuple(entities)


def _annotations(match: re.Match[str]) -> Sequence[Any]:
    if match["type"] is not None:
        name, _, value = match["type"].partition(":")
        return [{"entity": name, "value": value} if value else {"entity": name}]
    raw = match["dict"] or f"[{match['dicts']}]"
    try:
        said = json.loads(raw)
    except json.JSONDecodeError:
        raise ValueError(f"the mark {raw[:60]} is not JSON") from None
    return said if isinstance(said, list) else [said]


def _entity(said: Any, text: str, start: int) -> Entity:
    if not isinstance(said, dict) or not str(said.get("entity", "")).strip():
        raise ValueError(f"the mark after [{text}] names no entity")
    unknown = set(said) - {"entity", "value", "role", "group"}
    if unknown:
        raise ValueError(f"the mark after [{text}] has an unknown key '{min(unknown)}'")
    return Entity(
        type=str(said["entity"]).strip(),
        text=text,
        value=said.get("value", text),
        start=start,
        end=start + len(text),
        role=str(said.get("role", "")),
        group=str(said.get("group", "")),
        extractor=ANNOTATION,
    )
