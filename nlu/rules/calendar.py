"""Dates and stretches of time as values, and the reckoning with them: months, weeks, festivals, the lunar year."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from borax.calendars.lunardate import LunarDate, TermUtils

from adapters.message import Json

DAY = timedelta(days=1)
LAST_MINUTE = time(23, 59)


@dataclass(frozen=True, slots=True)
class Span:
    """From `first` to `last`, both included, in the bot's local time; whole days unless `timed` (minutes)."""

    first: datetime
    last: datetime
    timed: bool = False

    @property
    def value(self) -> Json:
        """ISO 8601: a string where both ends are one, else {"from", "to"}; its form tells days from minutes."""
        if self.first == self.last:
            return self._iso(self.first)
        return {"from": self._iso(self.first), "to": self._iso(self.last)}

    def _iso(self, at: datetime) -> str:
        return at.isoformat(timespec="minutes") if self.timed else at.date().isoformat()


def days(first: date, last: date | None = None) -> Span:
    return Span(datetime.combine(first, time()), datetime.combine(last or first, time()))


def moment(at: datetime) -> Span:
    return minutes(at, at)


def minutes(first: datetime, last: datetime) -> Span:
    return Span(first.replace(second=0, microsecond=0), last.replace(second=0, microsecond=0), timed=True)


def until(left: Span, right: Span) -> Span:
    """从…到…: whole days where both are; the last day counts to its end."""
    if left.timed == right.timed:
        return Span(left.first, right.last, left.timed)
    last = right.last if right.timed else datetime.combine(right.last, LAST_MINUTE)
    return Span(left.first, last, timed=True)


# --- months, weeks, years -----------------------------------------------------------------------------------


def add_months(day: date, months: int) -> date:
    """The same day of another month, or its last day where it is shorter. Raises ValueError beyond year 9999."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def month(year: int, number: int, part: str = "") -> Span:
    """A whole month or its part. Raises ValueError where there is no such month."""
    last = monthrange(year, number)[1]
    begin, end = _PARTS_OF_MONTH.get(part, (1, 31))
    return days(date(year, number, begin), date(year, number, min(end, last)))


_PARTS_OF_MONTH = {
    "初": (1, 5), "上旬": (1, 10), "中": (11, 20), "中旬": (11, 20), "下旬": (21, 31), "底": (26, 31), "末": (26, 31),
}  # fmt: skip


def week(today: date, weeks: int) -> date:
    """The Monday of this week (0), the last (-1), the next (1)..."""
    return today - today.weekday() * DAY + weeks * 7 * DAY


NEAR_YEAR_DAYS = 270
NEAR_MONTH_DAYS = 22


def in_year_near(today: date, of: Callable[[int], date]) -> date:
    """The date `of(year)` that somebody means who names no year: this year's, unless it is more than 270 days
    away and last year's or next year's is nearer. So in November 双十一 has just been, 3月5号 was in spring, and
    1月5号 is to come; in January 12月20号 was last month. Raises ValueError where no such date exists."""
    return _near(today, [today.year, today.year - 1, today.year + 1], of, NEAR_YEAR_DAYS)


def in_month_near(today: date, day: int) -> date:
    """The day of the month that is meant without a month: this month's unless it is more than 22 days away.
    Raises ValueError where no month around has such a day."""
    months = [(y, m + 1) for y, m in (divmod(today.year * 12 + today.month - 1 + d, 12) for d in (0, -1, 1))]
    return _near(today, range(3), lambda i: date(*months[i], day), NEAR_MONTH_DAYS)


def _near(today: date, candidates: Iterable[int], of: Callable[[int], date], far: int) -> date:
    found: list[date] = []
    for index, candidate in enumerate(candidates):
        try:
            day = of(candidate)
        except ValueError:
            continue
        if index == 0 and abs((day - today).days) <= far:
            return day
        found.append(day)
    return min(found, key=lambda day: abs((day - today).days))


def add_workdays(today: date, count: int) -> date:
    """`count` days on that are neither Saturday nor Sunday; public holidays are not known here."""
    day, step = today, DAY if count >= 0 else -DAY
    for _ in range(abs(count)):
        day += step
        while day.weekday() >= 5:
            day += step
    return day


# --- festivals ----------------------------------------------------------------------------------------------


def lunar(year: int, month: int, day: int) -> date:
    """Day `day` of lunar month `month` in the lunar year that begins in `year` (1900-2100). Raises ValueError."""
    try:
        solar: date = LunarDate(year, month, day).to_solar_date()
    except Exception as error:  # the library's own error classes are not all ValueError
        raise ValueError(f"no lunar date {year}-{month}-{day}") from error
    return solar


def _term(name: str) -> Callable[[int], date]:
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
    "国庆": _fixed(10, 1), "十一黄金周": _fixed(10, 1), "十一": _fixed(10, 1), "万圣节": _fixed(10, 31),
    "双十一": _fixed(11, 11), "双11": _fixed(11, 11), "光棍节": _fixed(11, 11), "双十二": _fixed(12, 12),
    "双12": _fixed(12, 12), "平安夜": _fixed(12, 24), "圣诞": _fixed(12, 25),
    "母亲节": _weekday(5, 6, 2), "父亲节": _weekday(6, 6, 3), "感恩节": _weekday(11, 3, 4),
    "黑五": _weekday(11, 3, 4, plus=1), "黑色星期五": _weekday(11, 3, 4, plus=1),
    "除夕": _eve, "大年三十": _eve, "年三十": _eve, "春节": _lunar(1, 1), "元宵": _lunar(1, 15), "端午": _lunar(5, 5),
    "七夕": _lunar(7, 7), "中元节": _lunar(7, 15), "中秋": _lunar(8, 15), "重阳": _lunar(9, 9),
    "腊八": _end_of_lunar_year(12, 8), "小年": _end_of_lunar_year(12, 23),
    "清明": _term("清明"), "冬至": _term("冬至"),
}  # fmt: skip
"""The date in a year of ours; 小年 is the north's."""

HOLIDAYS: Mapping[str, tuple[int, int]] = {"春节": (-1, 7), "国庆": (0, 7), "十一": (0, 7), "五一": (0, 5)}
"""Days from the festival's date that the holiday (假期, 期间) begins, and how many; others are three days from it."""


def holiday(name: str, day: date) -> Span:
    begin, count = HOLIDAYS.get(name, (0, 3))
    return days(day + begin * DAY, day + (begin + count - 1) * DAY)
