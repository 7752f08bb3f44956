"""In which day of a year festivals are, which days are off and which are worked: lunar dates, 调休 included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import date
from functools import cache

from borax.calendars.lunardate import LunarDate, TermUtils
from chinese_calendar.constants import holidays as days_off
from chinese_calendar.constants import workdays as make_up_days

from nlu.rules.calendar import DAY, Span, days

# --- festivals ----------------------------------------------------------------------------------


def lunar(year: int, month: int, day: int) -> date:
    """Day `day` of lunar month `month` in the lunar year that begins in `year` (1900-2100). Raises ValueError."""
    try:
        solar: date = LunarDate(year, month, day).to_solar_date()
    except Exception as error:  # the library's own error classes are not all ValueError
        raise ValueError(f"no lunar date {year}-{month}-{day}") from error
    return solar


def lunar_of(day: date) -> LunarDate:
    """Raises ValueError outside of 1900-2100."""
    try:
        return LunarDate.from_solar(day)
    except Exception as error:  # the library's own error classes are not all ValueError
        raise ValueError(f"no lunar date of {day}") from error


def term(name: str) -> Callable[[int], date]:
    def of(year: int) -> date:
        found: date = TermUtils.nth_term_day(year, term_name=name)
        return found

    return of


def _fixed(month: int, day: int) -> Callable[[int], date]:
    return lambda year: date(year, month, day)


def _lunar(month: int, day: int) -> Callable[[int], date]:
    return lambda year: lunar(year, month, day)


def _eve(year: int) -> date:
    return lunar(year, 1, 1) - DAY


def _end_of_lunar_year(month: int, day: int) -> Callable[[int], date]:
    """In the winter before the Spring Festival of `year`: 2027年小年 is the lunar year 2026's."""
    return lambda year: lunar(year - 1, month, day)


def _weekday(month: int, weekday: int, nth: int, plus: int = 0) -> Callable[[int], date]:
    def of(year: int) -> date:
        first = date(year, month, 1)
        return first + ((weekday - first.weekday()) % 7 + 7 * (nth - 1) + plus) * DAY

    return of


FESTIVALS: Mapping[str, Callable[[int], date]] = {
    "元旦": _fixed(1, 1), "情人节": _fixed(2, 14), "妇女节": _fixed(3, 8), "女神节": _fixed(3, 8),
    "三八节": _fixed(3, 8), "消费者权益日": _fixed(3, 15), "愚人节": _fixed(4, 1), "五一": _fixed(5, 1),
    "劳动节": _fixed(5, 1), "五四": _fixed(5, 4), "青年节": _fixed(5, 4), "520": _fixed(5, 20), "六一": _fixed(6, 1),
    "儿童节": _fixed(6, 1), "618": _fixed(6, 18), "六一八": _fixed(6, 18), "教师节": _fixed(9, 10),
    "国庆": _fixed(10, 1), "十一": _fixed(10, 1), "万圣节": _fixed(10, 31),
    "双十一": _fixed(11, 11), "双11": _fixed(11, 11), "光棍节": _fixed(11, 11), "双十二": _fixed(12, 12),
    "双12": _fixed(12, 12), "平安夜": _fixed(12, 24), "圣诞": _fixed(12, 25),
    "母亲节": _weekday(5, 6, 2), "父亲节": _weekday(6, 6, 3), "感恩节": _weekday(11, 3, 4),
    "黑五": _weekday(11, 3, 4, plus=1), "黑色星期五": _weekday(11, 3, 4, plus=1),
    "除夕": _eve, "大年三十": _eve, "年三十": _eve, "春节": _lunar(1, 1), "元宵": _lunar(1, 15), "端午": _lunar(5, 5),
    "七夕": _lunar(7, 7), "中元节": _lunar(7, 15), "中秋": _lunar(8, 15), "重阳": _lunar(9, 9),
    "腊八": _end_of_lunar_year(12, 8), "小年": _end_of_lunar_year(12, 23),
    "清明": term("清明"), "冬至": term("冬至"),
}  # fmt: skip
"""The date in a year of ours; 小年 is the north's."""

# --- days off and working days --------------------------------------------------------------------------------

OFFICIAL_YEARS = frozenset(day.year for day in days_off)
"""The years that the State Council has settled; a year's is told in the November before."""
STATUTORY = ("元旦", "春节", "清明", "五一", "端午", "中秋", "国庆")


def days_off_around(day: date) -> Span:
    """The official days off without a gap around a festival's day; the day alone in a year that is not settled."""
    first = last = day
    if day in days_off:
        while first - DAY in days_off:
            first -= DAY
        while last + DAY in days_off:
            last += DAY
    return days(first, last)


def is_workday(day: date) -> bool:
    """By the official calendar, make-up days (调休) included; in a year that is not settled, neither a Saturday nor a
    Sunday nor a festival's own day."""
    if day.year in OFFICIAL_YEARS:
        return day in make_up_days or (day.weekday() < 5 and day not in days_off)
    return day.weekday() < 5 and day not in _festival_days(day.year)


@cache
def _festival_days(year: int) -> frozenset[date]:
    found = []
    for name in STATUTORY:
        with suppress(ValueError, OverflowError):  # the lunar table ends in 2100
            found.append(FESTIVALS[name](year))
    return frozenset(found)


FARTHEST_WORKDAYS = 10_000
"""Forty years of them."""


def add_workdays(today: date, count: int) -> date:
    """The `count`th working day after today, or before it. Raises OverflowError where it is too far to count."""
    if abs(count) > FARTHEST_WORKDAYS:
        raise OverflowError(f"{count} working days")
    day, step = today, DAY if count >= 0 else -DAY
    for _ in range(abs(count)):
        day += step
        while not is_workday(day):
            day += step
    return day
