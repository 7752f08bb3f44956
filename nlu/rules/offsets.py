"""Times that are counted from now: 三天前, 两个半小时后, 最近一个月, 7天内, 前两天, 刚才."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from nlu.rules.calendar import DAY, Span, add_months, days, minutes, moment
from nlu.rules.duration import FEW_WORDS
from nlu.rules.holidays import add_workdays
from nlu.rules.numerals import NUMERAL, read

Match = re.Match[str]


@dataclass(frozen=True, slots=True)
class Offset:
    start: int
    end: int
    span: Span | None


@dataclass(frozen=True, slots=True)
class _Length:
    """How long: calendar months, days, working days and minutes are counted each in their own way."""

    months: int = 0
    days: int = 0
    workdays: int = 0
    minutes: float = 0

    def __add__(self, other: _Length) -> _Length:
        return _Length(
            self.months + other.months,
            self.days + other.days,
            self.workdays + other.workdays,
            self.minutes + other.minutes,
        )

    def away(self, now: datetime, sign: int) -> datetime:
        """Raises ValueError or OverflowError where the calendar ends."""
        day = add_months(now.date(), sign * self.months) + sign * self.days * DAY
        if self.workdays:
            day = add_workdays(day, sign * self.workdays)
        return datetime.combine(day, now.time()) + sign * timedelta(minutes=self.minutes)


# --- lengths ------------------------------------------------------------------------------------------------

_UNITS: dict[str, _Length] = {
    "秒钟": _Length(minutes=1 / 60), "秒": _Length(minutes=1 / 60), "分钟": _Length(minutes=1),
    "刻钟": _Length(minutes=15), "小时": _Length(minutes=60), "钟头": _Length(minutes=60), "钟": _Length(minutes=60),
    "工作日": _Length(workdays=1), "天": _Length(days=1), "日": _Length(days=1), "晚上": _Length(days=1),
    "周": _Length(days=7), "星期": _Length(days=7), "礼拜": _Length(days=7), "月": _Length(months=1),
    "季度": _Length(months=3), "年": _Length(months=12),
}  # fmt: skip
_FEW = 7
"""几天 is a week at most."""
_COUNT = f"(?:{NUMERAL}|半|几|数|些)"
_ONE = (
    rf"(?:{_COUNT}(?:个?半?(?:工作日|小时|钟头|星期|礼拜|季度)|个半?[月钟]|分钟|秒钟?|刻钟|周"
    rf"(?!边|围)半?|[天日年]半?)|半月)"
)
_LENGTH = rf"(?P<length>{_ONE}{{1,3}})"
_ONE_PARTS = re.compile(
    rf"(?P<count>{_COUNT})个?(?P<mid>半)?(?P<unit>工作日|小时|钟头|分钟|秒钟?|刻钟|星期|礼拜|季度|[周天日月年钟])(?P<tail>半)?"
)
_HALVES = {"月": _Length(days=15), "年": _Length(months=6), "周": _Length(days=4), "星期": _Length(days=4),
           "礼拜": _Length(days=4), "季度": _Length(days=45), "天": _Length(minutes=720), "日": _Length(minutes=720),
           "工作日": _Length(minutes=720)}  # fmt: skip


def _length(words: str) -> _Length | None:
    """The whole of 1小时30分钟; None where a count is no number."""
    total = _Length()
    for match in _ONE_PARTS.finditer(words):
        unit = match["unit"]
        count = Decimal(_FEW) if match["count"] in FEW_WORDS else read(match["count"])
        if count is None:
            return None
        whole = int(count)
        halves = (count != whole) + bool(match["mid"]) + bool(match["tail"])
        if unit in _HALVES:
            total += _times(_UNITS[unit], whole)
            total += _times(_HALVES[unit], halves)
        else:
            total += _times(_UNITS[unit], float(count) + (0.5 if match["mid"] or match["tail"] else 0))
    return total


def _times(unit: _Length, count: float) -> _Length:
    whole = int(count)
    return _Length(unit.months * whole, unit.days * whole, unit.workdays * whole, unit.minutes * count)


# --- patterns -----------------------------------------------------------------------------------------------

_LEFT = r"(?<![\da-z.零〇一二两三四五六七八九十百千万第每])"
_AGO = re.compile(rf"{_LEFT}{_LENGTH}(?:多|左右)?(?:之前|以前|前(?![台面端方]))")
_LATER = re.compile(rf"{_LEFT}(?:再?过)?{_LENGTH}(?:多|左右)?(?:之后|以后|过后|后(?![台面端方续天]))")
_PASSING = re.compile(rf"(?<![经超])再?过{_LENGTH}")
# 签收后7天内 is counted from something else than now
_WITHIN = re.compile(rf"(?<![后起]){_LEFT}(?P<past>最近|近|过去|这)?{_LENGTH}(?:之内|以内|内(?![容衣部存裤]))")
_LAST = re.compile(rf"(?:最近|(?<![附靠接临将])近|过去|这)的?{_LENGTH}")
_SINCE = re.compile(rf"{_LEFT}{_LENGTH}(?:以来|来(?![的了电货]))")
_NEXT = re.compile(rf"(?:未来|接下来|今后|往后)的?{_LENGTH}")
_BEFORE = re.compile(
    rf"(?<![之以提])前(?P<length>(?:{NUMERAL}|[几些])(?:个?(?:小时|星期|礼拜)|个月|[天日周年]))(?!前|内)"
)
_AFTER = re.compile(rf"(?<![\u4e00-\u9fff])后(?P<length>(?:{NUMERAL}|几)[天日周])(?!后|内)")
_NOW = re.compile(r"现在|目前|此刻|眼下|当前|这会儿?(?!议)")
_OF_THE_PAST = re.compile(
    r"(?:我|里|间|所有|全部)?的?(?:所有|全部)?(?:订单|记录|消费|账单|交易|流水|明细|购买|买的|下的|下单|花了|充值记录)"
)


def offsets(text: str, now: datetime) -> Iterator[Offset]:
    for pattern, place in _FORMS:
        for match in pattern.finditer(text):
            try:
                span = place(match, now)
            except (ValueError, OverflowError):
                span = None
            yield Offset(*match.span(), span)


def _of(match: Match) -> _Length:
    length = _length(match["length"])
    if length is None:
        raise ValueError(match[0])
    return length


def _is_few(match: Match) -> bool:
    return any(few in match["length"] for few in FEW_WORDS)


def _point(length: _Length, now: datetime, sign: int) -> Span:
    at = length.away(now, sign)
    return moment(at) if length.minutes else days(at.date())


def _stretch(first: datetime, last: datetime, length: _Length) -> Span:
    return minutes(first, last) if length.minutes else days(first.date(), last.date())


def _ago(match: Match, now: datetime) -> Span:
    length = _of(match)
    return _stretch(length.away(now, -1), now - DAY, length) if _is_few(match) else _point(length, now, -1)


def _later(match: Match, now: datetime) -> Span | None:
    length = _of(match)
    if _is_few(match):  # 几天后到 asks, 过几天 tells
        return _stretch(now + DAY, length.away(now, 1), length) if "过" in match[0] else None
    return _point(length, now, 1)


def _last(match: Match, now: datetime) -> Span:
    length = _of(match)
    return _stretch(length.away(now, -1), now, length)


def _next(match: Match, now: datetime) -> Span:
    length = _of(match)
    return _stretch(now, length.away(now, 1), length)


def _within(match: Match, now: datetime) -> Span | None:
    """A deadline (7天内发货), but the past where it says so: 最近7天内, 7天内的订单. 几天内 asks for one."""
    if match["past"] or _OF_THE_PAST.match(match.string, match.end()):
        return _last(match, now)
    return None if _is_few(match) else _next(match, now)


def _before(match: Match, now: datetime) -> Span:
    length = _of(match)
    return _stretch(length.away(now, -1), now if length.minutes else now - DAY, length)


def _after(match: Match, now: datetime) -> Span:
    length = _of(match)
    return _stretch(now + DAY, length.away(now, 1), length)


_MEAL = re.compile("饭点")


def _meal(match: Match, now: datetime) -> Span:
    """The next time to eat, or the one that is on."""
    begin = datetime.combine(now.date(), datetime.min.time())
    meals = [(begin + timedelta(hours=first), begin + timedelta(hours=last)) for first, last in _MEALS]
    return minutes(*next(((first, last) for first, last in meals if last >= now), meals[-1]))


_MEALS = ((11, 13), (17, 19))


def _now(match: Match, now: datetime) -> Span:
    return moment(now)


_FORMS: tuple[tuple[re.Pattern[str], Callable[[Match, datetime], Span | None]], ...] = (
    (_AGO, _ago),
    (_LATER, _later),
    (_PASSING, _later),
    (_WITHIN, _within),
    (_LAST, _last),
    (_SINCE, _last),
    (_NEXT, _next),
    (_BEFORE, _before),
    (_AFTER, _after),
    (_NOW, _now),
    (_MEAL, _meal),
)
