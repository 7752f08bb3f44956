"""Times in Chinese text: dates, times of day, stretches, and what joins them.

A value is ISO 8601 in the bot's local time, without an offset; its form is its grain:

| words | value |
|---|---|
| 大后天 | "2026-11-21" |
| 上周五下午三点 | "2026-11-13T15:00" |
| 上个月, 最近三天, 周一到周三 | {"from": "2026-10-01", "to": "2026-10-31"}: both ends belong to it |
| 今晚 | {"from": "2026-11-18T18:00", "to": "2026-11-18T23:59"} |
| 晚上8点到10点 | {"from": "2026-11-18T20:00", "to": "2026-11-18T22:00"} |

What is ambiguous is read as docs/entities.md settles. Besides: 7天内 is a deadline unless it speaks of orders and
records; 11.22 is a date, 3.14 only with 号 or the like; 几天 reaches to a week; 半天 and 三天 alone are durations, and
what recurs (每周三, 每天早上8点) is a recurrence. A date that does not exist (2月30号) is `invalid`, and its digits are
nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from nlu.rules.calendar import Span, days, minutes, until
from nlu.rules.clock import Clock, clocks, end_after
from nlu.rules.dates import Dated, dates
from nlu.rules.found import Found, invalid, longest
from nlu.rules.numerals import NUMERAL, read_int
from nlu.rules.offsets import offsets
from nlu.rules.pieces import TO


@dataclass(frozen=True, slots=True)
class _Point:
    """A time in the text, with what it was read from."""

    start: int
    end: int
    span: Span | None
    date: Dated | None = None
    clock: Clock | None = None
    wrong: str = ""
    """Why there is no such time; empty where there is one, or where the words only look like a time."""


_MAY_BE_TIME = re.compile(
    r"[\d天日周旬月年期拜节点时号旦夕庆夜昨今明前后晚早晨午昏刚现目此眼当这内来过近双季至秋阳午宵腊黑圣钟廿饭蛰种暑霜露寒雪雨满立]|十一|五一|六一|q[1-4]|[ap]m"
)
_MAY_BE_CLOCK = re.compile("[点时:早晚午夜晨昏晌白]|[ap]m")
_DAYS_FROM = re.compile(rf"的?(?P<way>[前后])(?P<count>{NUMERAL})天")
_EVERY = re.compile(r"(?:每[天日晚早月]|天天|每个?(?:周|星期|礼拜)[一二三四五六日天]?|每个?月(?:\d+[号日])?|每)的?$")
_GLUE = re.compile(r"[ 的,t]?")
_TO = re.compile(TO)
_TO_HERE = re.compile(rf"(?:[点分半刻]|\d\d){TO}$")


def times(text: str, now: datetime, said: list[Clock]) -> Iterator[Found]:
    """Every time in the folded text, by place, `said` being its times of day; `invalid` where there is no such time,
    value None where words only look like one (the 晚上 of 晚上好)."""
    if not _MAY_BE_TIME.search(text):
        return
    for point in _ranges(text, _points(text, now.replace(tzinfo=None), said)):
        if point.wrong:
            yield invalid("time", point.wrong, point.start, point.end)
        else:
            yield Found("time", point.start, point.end, None if point.span is None else point.span.value)


def times_of_day(text: str) -> list[Clock]:
    return longest(clocks(text)) if _MAY_BE_CLOCK.search(text) else []


def _points(text: str, now: datetime, said: list[Clock]) -> list[_Point]:
    today = now.date()
    counted = [Dated(one.start, one.end, one.span, counted=True) for one in offsets(text, now)]
    read: list[_Point] = []
    for one in longest([*counted, *dates(text, today)]):
        one = _moved(text, one)
        clock = _clock_behind(text, one.end, said)
        if clock is not None and (one.span is None or not one.span.timed):
            wrong = "no_such_date" if one.wrong else "no_such_time" if clock.wrong else ""
            read.append(_Point(one.start, clock.end, _on(one, clock), one, clock, wrong))
        elif not one.needs_part:
            read.append(_Point(one.start, one.end, one.span, one, wrong="no_such_date" if one.wrong else ""))
    read += [
        _Point(clock.start, clock.end, clock.on(today), clock=clock, wrong="no_such_time" if clock.wrong else "")
        for clock in said
        if not clock.needs_date or (clock.hour is not None and _TO_HERE.search(text, 0, clock.start))
    ]
    read = [_until_then(text, one, now) for one in read]
    return [replace(one, span=None, wrong="") if _EVERY.search(text, 0, one.start) else one for one in longest(read)]


_BEFORE = re.compile(r"(?:之前|以前|前(?![台面端方后天往提几两三\d一二]))")
_INSIDE = re.compile(r"(?:之内|以内|内(?![容衣部存裤]))")


def _until_then(text: str, one: _Point, now: datetime) -> _Point:
    """周五之前, 下午5点前, 本周内: from now to then; what is over already has no time left."""
    if one.span is None or one.wrong or (one.date is not None and one.date.counted):
        return one
    behind = _BEFORE.match(text, one.end)
    if behind is None and one.clock is None and one.span.first != one.span.last:
        behind = _INSIDE.match(text, one.end)
    begin = now if one.span.timed else datetime.combine(now.date(), datetime.min.time())
    last = one.span.last if one.clock is None or one.clock.hour is None else one.span.first
    if behind is not None and last <= begin and one.date is not None and one.date.again is not None:
        last = _again(one.date.again, begin)
    if behind is None or last <= begin:
        return one
    span = minutes(begin, last) if one.span.timed else days(begin.date(), last.date())
    return replace(one, end=behind.end(), span=span, date=None, clock=None)


_SOON = timedelta(days=200)


def _again(read: Callable[[date], Span | None], begin: datetime) -> datetime:
    """15号之前 said on the 18th is before the next 15th; `begin` where no such day is to come soon."""
    for later in (31, 366):
        day = read(begin.date() + timedelta(days=later))
        if day is not None and begin < day.last <= begin + _SOON:
            return day.last
    return begin


def _moved(text: str, one: Dated) -> Dated:
    """国庆前一天, 3月5号后两天: some days from the day that was named."""
    match = _DAYS_FROM.match(text, one.end)
    count = read_int(match["count"]) if match else None
    if match is None or count is None or one.span is None or one.again is None or one.span.first != one.span.last:
        return one
    try:
        shift = timedelta(days=count if match["way"] == "后" else -count)
        return Dated(one.start, match.end(), days(one.span.first.date() + shift))
    except OverflowError:
        return Dated(one.start, match.end(), None)


def _clock_behind(text: str, end: int, said: list[Clock]) -> Clock | None:
    glue = _GLUE.match(text, end)
    starts = {end, glue.end() if glue else end}
    return next((clock for clock in said if clock.start in starts), None)


def _on(one: Dated, clock: Clock) -> Span | None:
    if one.span is None or one.span.first != one.span.last:
        return one.span
    return clock.on(one.span.first.date())


def _ranges(text: str, points: list[_Point]) -> Iterator[_Point]:
    """Points with those joined that 到 stands between."""
    left: _Point | None = None
    for point in points:
        if left is not None and _TO.fullmatch(text, left.end, point.start):
            joined = _joined(left, point)
            if joined is not None:
                left = joined
                continue
        if left is not None:
            yield left
        left = point
    if left is not None:
        yield left


def _joined(left: _Point, right: _Point) -> _Point | None:
    """None where the right side lies before the left: then they are two times, not one stretch."""
    if left.span is None or right.span is None:
        return _Point(left.start, right.end, None, wrong=left.wrong or right.wrong)
    last = _end_of(left, left.span, right)
    if last is None or last.last < left.span.first:
        return None
    return _Point(left.start, right.end, until(left.span, last))


_LATER_DAYS = (0, 7, 31)
"""From how far behind the left side the right is read again: 周五到周二, 28号到3号."""


def _end_of(left: _Point, begin: Span, right: _Point) -> Span | None:
    if right.date is None and right.clock is not None and left.clock is not None:
        at = end_after(left.clock, right.clock, begin.first) if right.clock.hour is not None else None
        return right.span if at is None else minutes(at, at)
    if right.date is None or right.date.again is None:
        return right.span
    for later in _LATER_DAYS:
        day = right.date.again(begin.first.date() + timedelta(days=later))
        if day is not None and day.last.date() >= begin.first.date():
            return right.clock.on(day.first.date()) if right.clock else day
    return right.span
