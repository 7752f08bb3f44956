"""An order for a broadcast, as the command line and the API give it: checked, and turned into people and a content."""

from __future__ import annotations

import asyncio
import csv
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from adapters.message import Address, Json
from bot.broadcast.forecast import heard_of
from bot.broadcast.model import Broadcast, Content, Person
from bot.broadcast.reach import is_template
from bot.document import MAX_DEPTH, is_deep
from bot.store import Store
from bot.ways import Key
from config.source import BadProject, Problem, Source, Strict, did_you_mean
from flows.conditions import Condition, parse
from flows.domain import Domain, Variation, read_variations
from flows.responses import names_in, render

T = TypeVar("T")

ROBOTS = frozenset(("wecom_robot", "dingtalk_robot"))
"""Channels whose accounts speak into one group: `wecom_robot/main` is that group."""
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:/\s*(s|sec|second|秒|min|m|minute|分钟|h|hour|小时))?")
_PER = {"s": 60.0, "秒": 60.0, "h": 1 / 60.0, "小时": 1 / 60.0}
SLOWEST, FASTEST = 1 / 60, 1_000_000
"""People a minute."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_TIMES = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


class Segment(Strict):
    """Everybody in private chats with an account: who did something in the last `active_days`, and for whom the
    condition holds (`slots.vip = true`, the language of flows)."""

    channel: str
    account: str = "main"
    active_days: float = Field(default=0, ge=0)
    """0: whoever is known."""
    where: str = ""

    @field_validator("where")
    @classmethod
    def _is_a_condition(cls, text: str) -> str:
        if text:
            parse(text)
        return text


class Recipient(Strict):
    """One address, and the values of its own for the response's names."""

    to: str
    values: Mapping[str, Any] = {}

    @field_validator("values")
    @classmethod
    def _is_shallow(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        return _shallow(values)


class Order(Strict):
    """What is to be sent. Exactly one of `text`, `response` and `replies`; at least one address or a segment."""

    to: tuple[str | Recipient, ...] = ()
    segment: Segment | None = None
    text: str = ""
    response: str = ""
    replies: tuple[Mapping[str, Any], ...] = ()
    values: Mapping[str, Any] = {}
    at: str = ""
    """`2026-12-01 09:00` in the bot's time zone; empty: now."""
    rate: str = "600/min"
    """`60/min`, `5/s`, `1000/h`; 0: as fast as it goes."""
    id: str = ""
    even_opted_out: bool = False

    @field_validator("values", "replies")
    @classmethod
    def _is_shallow(cls, given: Any) -> Any:
        return _shallow(given)

    @field_validator("rate")
    @classmethod
    def _is_a_rate(cls, text: str) -> str:
        per_minute(text)
        return text

    @field_validator("id")
    @classmethod
    def _is_an_id(cls, text: str) -> str:
        if text and not _ID.fullmatch(text):
            raise ValueError("an id is 1 to 64 letters, digits, dots, dashes and underscores")
        return text

    @model_validator(mode="after")
    def _is_whole(self) -> Order:
        said = {"text": self.text.strip(), "response": self.response, "replies": self.replies}
        given = [name for name, value in said.items() if value]
        if len(given) != 1:
            raise ValueError(f"give one of text, response and replies (given: {' and '.join(given) or 'none'})")
        if not self.to and self.segment is None:
            raise ValueError("nobody is to get it: give addresses in to, or a segment")
        return self


def _shallow(given: T) -> T:
    """What is kept for later must be what is read then."""
    if is_deep(given):
        raise ValueError(f"it is nested in more than {MAX_DEPTH} levels")
    return given


def per_minute(text: str) -> float:
    """`60/min` -> 60.0. Raises ValueError."""
    found = _RATE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no rate; write 60/min, 5/s, 1000/h, or 0 for as fast as it goes")
    rate = float(found[1]) * _PER.get(found[2] or "min", _PER.get((found[2] or "m")[0], 1.0))
    if not SLOWEST <= rate <= FASTEST and found[1].strip("0."):
        raise ValueError(f"{text[:40]!r} is out of range: at least 1/h, at most {FASTEST}/min, or 0 for no limit")
    return rate


@dataclass(frozen=True)
class Desk:
    """What an order is checked against."""

    store: Store
    domain: Domain
    accounts: frozenset[Key]
    timezone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Prepared:
    """A broadcast that can be forecast and put on the board. `template`: no window holds it back."""

    broadcast: Broadcast
    people: tuple[Person, ...]
    template: bool
    repeated: int
    """How many were named more than once, and get it once."""


async def prepare(order: Order, desk: Desk, now: float, where: Source | None = None) -> Prepared:
    """Raises `BadProject`: `where` is the file that `replies` stand in."""
    # in a thread: to look at some hundred thousand people takes seconds, in which webhooks must be answered
    content, variations, named, at = await asyncio.to_thread(_checked, order, desk, now, where)
    if order.segment is not None:
        named += await _segment(desk.store, order.segment, now)
    people = tuple({person.conversation: person for person in reversed(named)}.values())[::-1]
    if not people:
        raise BadProject(_wrong("nobody is in the segment", "widen it, or see: yingda turns list"))
    made = order.id or f"{datetime.fromtimestamp(now, desk.timezone):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
    broadcast = Broadcast(
        made, content, at, per_minute(order.rate), len(people), "", now, even_opted_out=order.even_opted_out
    )
    template = all(is_template(render(each, {})) for each in variations) and bool(variations)
    return Prepared(broadcast, people, template, len(named) - len(people))


def _checked(
    order: Order, desk: Desk, now: float, where: Source | None
) -> tuple[Content, Sequence[Variation], list[Person], float]:
    """What is said, to whom that is named, and when. Raises `BadProject` with all that is wrong."""
    problems: list[Problem] = []
    content, variations = _content(order, desk.domain, where, problems)
    named = list(_named(order, desk.accounts, problems))
    at = _time(order.at, desk.timezone, now, problems)
    if order.segment is not None and (order.segment.channel, order.segment.account) not in desk.accounts:
        problems.append(_unknown(order.segment.channel, order.segment.account, desk.accounts))
    problems += _unfilled(variations, order, named, desk.domain)
    if problems:
        raise BadProject(problems)
    return content, variations, named, at


def _content(
    order: Order, domain: Domain, where: Source | None, problems: list[Problem]
) -> tuple[Content, Sequence[Variation]]:
    if order.response:
        if order.response not in domain.responses:
            mend = did_you_mean(order.response, domain.responses)
            problems.append(_wrong(f"there is no response '{order.response}' in the domain", mend))
        return Content(order.response, values=dict(order.values)), domain.responses.get(order.response, ())
    said: tuple[Json, ...] = tuple(map(dict, order.replies)) or ({"text": order.text},)
    try:
        source = where or Source(Path("replies"), list(said), {})
        return Content(variations=said, values=dict(order.values)), read_variations(source)
    except BadProject as bad:
        problems.extend(bad.problems)
        return Content(), ()


def _unfilled(
    variations: Iterable[Variation], order: Order, named: Sequence[Person], domain: Domain
) -> Iterator[Problem]:
    """Names that nothing would fill: not the order's values, nor the people's, nor a slot."""
    wanted = {name.partition(".")[0]: None for each in variations for name in names_in(each)}
    own = set.intersection(*(set(person.values) for person in named)) if named and order.segment is None else set()
    for name in wanted:
        if name not in (*order.values, *own, *domain.slots, "slots"):
            yield _wrong(f"nothing fills {{{name}}}", f"give --var {name}=…, a column {name} in the CSV, or a slot")


def _named(order: Order, accounts: frozenset[Key], problems: list[Problem]) -> Iterator[Person]:
    for to in order.to:
        recipient = Recipient(to=to) if isinstance(to, str) else to
        try:
            yield Person(address_of(recipient.to, accounts).conversation, dict(recipient.values))
        except BadProject as bad:
            problems.extend(bad.problems)


def address_of(to: str, accounts: frozenset[Key]) -> Address:
    """`wechat/main/<openid>` (a person), `dingtalk/main/<chat>/` (a group), `wecom_robot/main` (its group), or a
    conversation's key. Raises `BadProject`."""
    channel, _, rest = to.partition("/")
    account = rest.partition("/")[0]
    if (channel, account) not in accounts:
        raise BadProject(_unknown(channel, account, accounts, to))
    parts = to.split("/")
    if len(parts) == 2 and channel in ROBOTS:
        return Address(channel, account, "", "")
    if len(parts) == 3 and parts[2]:
        return Address.of(f"{to}/{parts[2]}")
    if len(parts) == 4 and parts[2]:
        return Address.of(to)
    mend = "write channel/account/user, channel/account/chat/ for a group, or a conversation's key"
    raise BadProject(_wrong(f"{to!r} is no address", mend))


def _unknown(channel: str, account: str, accounts: frozenset[Key], to: str = "") -> Problem:
    named = f"{channel}/{account}"
    what = f"there is no account {named!r} in credentials.yml" + (f" (for {to!r})" if to and to != named else "")
    mend = did_you_mean(named, (f"{one}/{two}" for one, two in accounts)) or "add it to credentials.yml"
    return _wrong(what, mend)


def _wrong(what: str, mend: str = "") -> Problem:
    return Problem("send", 1, what, mend)


def _time(text: str, zone: ZoneInfo, now: float, problems: list[Problem]) -> float:
    """Epoch seconds of a wall-clock time in `zone`."""
    if not text:
        return now
    for form in _TIMES:
        try:
            at = datetime.strptime(text, form).replace(tzinfo=zone).timestamp()
        except ValueError:
            continue
        if at < now - 60:
            problems.append(_wrong(f"{text} is in the past", "leave --at out to begin at once"))
        return at
    problems.append(_wrong(f"{text!r} is no time", "write it as 2026-12-01 09:00"))
    return now


async def _segment(store: Store, segment: Segment, now: float) -> list[Person]:
    since = now - segment.active_days * 86400 if segment.active_days else 0.0
    condition = parse(segment.where) if segment.where else None
    found: list[Person] = []
    for conversation in await heard_of(store, segment.channel, segment.account, since):
        address = Address.of(conversation)
        if address.chat == address.user and await _fits(store, conversation, condition):
            found.append(Person(conversation))
    return found


async def _fits(store: Store, conversation: str, condition: Condition | None) -> bool:
    if condition is None:
        return True
    session = await store.session(conversation)
    return condition(session.dialogue.slots if session else {})


def read_people(path: Path) -> list[Recipient]:
    """A CSV file with a column `to`; the other columns are values. Raises `BadProject` with the line."""
    problems: list[Problem] = []
    found: list[Recipient] = []
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            rows = csv.DictReader(lines)
            if "to" not in (rows.fieldnames or ()):
                mend = did_you_mean("to", rows.fieldnames or ()) or "write a first line: to,name,…"
                raise BadProject(Problem(str(path), 1, "there is no column 'to'", mend))
            for row in rows:
                more = row.pop(None, None)
                if more or None in row.values() or not row["to"].strip():
                    what = "this row has no address, or not as many values as the first line has names"
                    problems.append(Problem(str(path), rows.line_num, what, "mend the commas and quotes"))
                    continue
                found.append(Recipient(to=row.pop("to").strip(), values=row))
    except OSError as error:
        raise BadProject(Problem(str(path), 1, f"cannot be read: {error.strerror}", "is the path right?")) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadProject(Problem(str(path), 1, f"cannot be read: {error}", "save it as CSV in UTF-8")) from None
    if problems:
        raise BadProject(problems)
    return found
