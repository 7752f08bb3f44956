"""How a turn's replies become what goes out: parts that fit the channel, and one response body packed with them. Pure.

`Turn.shown` counts parts, so the same replies must always come to the same parts: those of a turn whose first part
went out in a response body are fitted by the channel's passive limits ever after, all others by its push limits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import orjson

from adapters.channel import Limits, Route
from adapters.message import Card, Image, Link, Markdown, News, Reply, Text, Transfer
from bot.turn import Turn

Fit = Callable[[Sequence[Reply], Limits], list[Reply]]
"""`adapters.degrade.fit`."""

CONTINUE = "继续"
MORE = f"\n\n回复「{CONTINUE}」查看"
"""Ends a body after which there is more to see, where the account cannot send it by itself."""

CARRIES, CARRIER, MORE_FOLLOWS, BASIS = "carries", "carrier", "more", "basis"
"""Keys that a passive route's data may have: what its body carries (JSON of `Slice`s; without it, the whole of its
own turn), the turn whose response carries this one, whether `MORE` ends the body, and by which limits it was fitted."""


@dataclass(frozen=True, slots=True)
class Slice:
    """Parts `start` to `end` of one turn."""

    turn_id: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Body:
    """What one response carries: the replies to render, of which turns they are, whether something stays behind
    (`rest`), and whether the body ends with `MORE`."""

    replies: tuple[Reply, ...]
    slices: tuple[Slice, ...]
    rest: bool = False
    more: bool = False


def passive_parts(replies: Sequence[Reply], limits: Limits, fit: Fit) -> list[Reply]:
    """`replies` fitted for response bodies: where there are several, each leaves room for `MORE`."""
    parts = fit(replies, limits)
    if len(parts) <= 1:
        return parts
    return fit(replies, replace(limits, text_bytes=limits.text_bytes - _size(MORE)))


def transfer_first(parts: Sequence[Reply]) -> list[Reply]:
    """A response holds one message and nothing but a response can hand over; it shows nothing by itself, so that what
    is said before it may as well be pushed after it."""
    return sorted(parts, key=lambda part: not isinstance(part, Transfer))


def plain_parts(replies: Sequence[Reply], limits: Limits, fit: Fit) -> list[Reply]:
    """`replies` as text alone: less form, but nothing is left unsaid where few calls are allowed."""
    return fit(replies, replace(limits, shows=frozenset({"text"}), custom_types=frozenset()))


def push_calls(
    replies: Sequence[Reply], limits: Limits, fit: Fit, most: int, *, merge: bool = False
) -> tuple[str, list[tuple[int, Reply]]]:
    """`replies` fitted for pushes, as calls, and their basis. Where they would be more than the `most` that the vendor
    allows (0: any number), or with `merge`, neighbouring texts are merged; where that is not enough, everything
    becomes text."""
    parts = fit(replies, limits)
    if not merge and (not most or len(parts) <= most):
        return "push", calls(parts, 0, limits.text_bytes, merge=False)
    merged = calls(parts, 0, limits.text_bytes, merge=True)
    if not most or len(merged) <= most:
        return "push", merged
    plain = calls(plain_parts(replies, limits, fit), 0, limits.text_bytes, merge=True)
    return ("plain", plain) if len(plain) < len(merged) else ("push", merged)


def calls(parts: Sequence[Reply], start: int, text_bytes: int, *, merge: bool) -> list[tuple[int, Reply]]:
    """`parts` from `start` on as the calls that carry them, each with the place that it reaches. `merge`: neighbouring
    texts go out together, where the vendor allows few calls. Which parts there are does not depend on it."""
    out: list[tuple[int, Reply]] = []
    for place, part in enumerate(parts[start:], start):
        joined = join_texts(out[-1][1], part, text_bytes) if merge and out else None
        if joined is not None:
            out[-1] = (place + 1, joined)
        else:
            out.append((place + 1, part))
    return out


def join_texts(first: Reply, second: Reply, text_bytes: int) -> Text | None:
    """Both as one text, or None where one is no text or there is no room."""
    if isinstance(first, Text) and isinstance(second, Text):
        text = f"{first.text}\n{second.text}"
        return Text(text) if _size(text) <= text_bytes else None
    return None


def pack(waiting: Sequence[tuple[Turn, Sequence[Reply]]], limits: Limits, *, hint: bool) -> Body:
    """The oldest of what waits, as much as one response holds: one reply, or texts joined by line breaks.

    `waiting` are turns in order with all their parts, of which `turn.shown` have gone out. With `hint` the body
    says so where something stays behind.
    """
    queue = [
        (turn.id, place, part) for turn, parts in waiting for place, part in enumerate(parts) if place >= turn.shown
    ]
    everything = _joined([part for _, _, part in queue], limits, limits.text_bytes)
    if everything is not None:
        return Body(everything, _slices(queue))
    room = limits.text_bytes - (_size(MORE) if hint else 0)
    count = 1
    while count < len(queue) and _joined([part for _, _, part in queue[: count + 1]], limits, room) is not None:
        count += 1
    slices = _slices(queue[:count])
    said = _joined([part for _, _, part in queue[:count]], limits, limits.text_bytes) or ()
    match said:
        case (Text(text),) if hint and _size(text + MORE) <= limits.text_bytes:
            return Body((Text(text + MORE),), slices, rest=True, more=True)
        case _:
            return Body(said, slices, rest=True)


def unpack(slices: Sequence[Slice], parts: Callable[[str], Sequence[Reply]], *, more: bool) -> tuple[Reply, ...]:
    """The replies of a body that went out before, again: `parts` gives a turn's parts by its id."""
    said = [part for piece in slices for part in parts(piece.turn_id)[piece.start : piece.end]]
    if not said:
        return ()
    if not all(isinstance(part, Text) for part in said):
        return tuple(said)
    text = "\n".join(part.text for part in said if isinstance(part, Text))
    return (Text(text + MORE if more else text),)


def with_body(route: Route, body: Body, turn_id: str, worker: str) -> Route:
    """`route`, remembering what its response carries, so that a repeated request gets the same again."""
    data = {**route.data, "by": worker, BASIS: "passive"}
    own = all(piece.turn_id == turn_id and piece.start == 0 for piece in body.slices)
    if not own or body.rest:
        data[CARRIES] = orjson.dumps([[s.turn_id, s.start, s.end] for s in body.slices]).decode()
    if body.more:
        data[MORE_FOLLOWS] = "1"
    return Route("passive", data)


def carried_by(route: Route | None, carrier: str) -> Route:
    """The route of a turn of which (more) goes out in the response to another one, `carrier`. What its own response
    carried stays noted."""
    return Route("passive", {**(route.data if route else {}), BASIS: "passive", CARRIER: carrier})


def had_response(turn: Turn) -> bool:
    """Whether `turn` was given a body for its own response."""
    return turn.route is not None and turn.route.kind == "passive" and "by" in turn.route.data


def is_carried(turn: Turn) -> bool:
    """Whether the response to another turn carries (the rest of) this one."""
    return turn.route is not None and CARRIER in turn.route.data


def slices_of(turn: Turn) -> tuple[Slice, ...]:
    """What the response to `turn` carries, as `with_body` noted it."""
    noted = turn.route.data.get(CARRIES) if turn.route else None
    if noted is None:
        return (Slice(turn.id, 0, _ALL),)
    return tuple(Slice(*piece) for piece in orjson.loads(noted))


_ALL = 1 << 30


def _joined(parts: Sequence[Reply], limits: Limits, room: int) -> tuple[Reply, ...] | None:
    """`parts` as one body's replies, texts as one; None where they do not go into one."""
    if len(parts) <= 1:
        return tuple(parts)
    texts = [part.text for part in parts if isinstance(part, Text)]
    text = "\n".join(texts)
    if len(texts) == len(parts):
        return (Text(text),) if _size(text) <= room else None
    kinds = Counter(type(part).__name__.lower() for part in parts)
    fits = all(count <= limits.joins.get(kind, 0) for kind, count in kinds.items())
    return tuple(parts) if fits and sum(map(_words, parts)) <= room else None


def _words(part: Reply) -> int:
    """Bytes of what is said in words, and the line break before it."""
    match part:
        case Text(text) | Markdown(text):
            return _size(text) + 1
        case Card(text=text, title=title):
            return _size(text) + _size(title) + sum(_size(button.title) + 8 for button in part.buttons) + 100
        case Image(url=url, alt=alt):
            return _size(url) + _size(alt) + 10
        case Link() | News():
            articles = part.articles if isinstance(part, News) else (part,)
            return sum(2 * _size(a.url) + _size(a.title + a.description + a.image) + 20 for a in articles)
        case _:
            return 0


def _slices(queue: Sequence[tuple[str, int, Reply]]) -> tuple[Slice, ...]:
    slices: dict[str, Slice] = {}
    for turn_id, place, _ in queue:
        start = slices[turn_id].start if turn_id in slices else place
        slices[turn_id] = Slice(turn_id, start, place + 1)
    return tuple(slices.values())


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
