"""A vendor's body, XML or JSON, as its fields by name: texts, and nested ones."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import NoReturn
from xml.parsers.expat import ExpatError, ParserCreate

import orjson

from adapters.message import Json

MAX_DEPTH = 12
"""What WeCom tells of a vote, inside a frame of its WebSocket, is nested 9 deep."""
NO_XML = "the body is not plain XML (no DTD, no entities) or JSON"
LATEST_TIME = 1 << 36
"""No CreateTime is beyond: the year 4147."""

Fields = dict[str, Json]
"""A body's fields by the vendor's names: texts, and for nested ones again `Fields` or lists of them."""


class Malformed(Exception):
    """The body is not what the vendor sends; the text says in what."""


def read_fields(body: bytes) -> Fields:
    """The fields of an XML or JSON body (the account's console sets which). Raises `Malformed` and nothing else."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Malformed("the body is not UTF-8") from None
    return _read_json(text) if is_json(body) else _read_xml(text)


def is_json(body: bytes) -> bool:
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")


def _read_xml(text: str) -> Fields:
    """A DTD ends it where it begins, so that no entity can ever be declared."""
    root: Fields = {}
    opened: list[Fields] = []
    words: list[str] = []

    def start(tag: str, attributes: object) -> None:
        if not opened and tag != "xml":
            raise Malformed("the body's root is not <xml>")
        if len(opened) > MAX_DEPTH:
            raise Malformed("the body is nested too deep")
        opened.append({})
        words.clear()

    def end(tag: str) -> None:
        fields = opened.pop()
        if opened:
            _put(opened[-1], tag, fields or "".join(words))
        else:
            root.update(fields)
        words.clear()

    parser = ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = words.append
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = parser.ExternalEntityRefHandler = _refuse_dtd
    try:
        parser.Parse(text, True)
    except (ExpatError, ValueError):
        raise Malformed(NO_XML) from None
    return root


def _put(fields: Fields, tag: str, value: Json) -> None:
    """Children of one name are a list."""
    before = fields.get(tag)
    if before is None:
        fields[tag] = value
    elif isinstance(before, list):
        before.append(value)
    else:
        fields[tag] = [before, value]


def _refuse_dtd(*_: object) -> NoReturn:
    raise Malformed(NO_XML)


def _read_json(text: str) -> Fields:
    fields = as_texts(load_json(text.encode("utf-8", "surrogatepass")), 0)
    return fields if isinstance(fields, dict) else {}


def load_json(body: bytes) -> Json:
    """The value in `body`. Half a character (an emoji that an input method cut, as a lone surrogate or as bytes that
    are no UTF-8) becomes `?` or U+FFFD: it must not cost what is around it. Raises `Malformed`."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        text = json.dumps(json.loads(body.decode("utf-8", "replace")), ensure_ascii=False)
        return orjson.loads(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise Malformed("the body is not JSON") from None


def as_texts(value: Json, depth: int = 0) -> Json:
    """JSON as the same message in XML would be read: every leaf a text. Raises `Malformed`."""
    if depth > MAX_DEPTH:
        raise Malformed("the body is nested too deep")
    match value:
        case dict():
            return {key: as_texts(item, depth + 1) for key, item in value.items()}
        case list():
            return [as_texts(item, depth + 1) for item in value]
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


# --- out of fields -------------------------------------------------------------------------------------------


def said(fields: Mapping[str, Json], name: str) -> str:
    """The text of a field; empty where it is missing or no text."""
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def whole(fields: Mapping[str, Json], name: str) -> int:
    """Raises `Malformed` where the field is no whole number."""
    value = said(fields, name).strip()
    if not re.fullmatch(r"[0-9]{1,20}", value):
        raise Malformed(f"<{name}> is not a whole number")
    return int(value)


def degrees(value: str) -> float:
    """Raises `Malformed` where the text is no finite number."""
    try:
        number = float(value)
    except ValueError:
        raise Malformed("a coordinate is not a number") from None
    if not math.isfinite(number):
        raise Malformed("a coordinate is not a number")
    return number


def leaves(
    fields: Mapping[str, Json], but: frozenset[str] = frozenset(), prefix: str = ""
) -> Iterator[tuple[str, str]]:
    """Every text in `fields` by its path in snake case (`scan_code_info.scan_result`, `pic_list.item.2`); fields named
    in `but` are left out at the top."""
    for name, value in fields.items():
        if not prefix and name in but:
            continue
        path = f"{prefix}{snake(name)}"
        if isinstance(value, str):
            yield path, value
        elif isinstance(value, dict):
            yield from leaves(value, prefix=f"{path}.")
        elif isinstance(value, list):
            yield from leaves({str(n): item for n, item in enumerate(value, 1)}, prefix=f"{path}.")


def snake(name: str) -> str:
    """`KfAccount` -> `kf_account`, `Location_X` -> `location_x`, `MsgID` -> `msg_id`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
