"""Dates and stretches of time as values, and the reckoning with them: months, weeks, working days."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

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
    begin = begin if begin > 0 else last + begin  # 月底 is the last five days
    return days(date(year, number, begin), date(year, number, min(end, last)))


_PARTS_OF_MONTH = {
    "初": (1, 5), "上旬": (1, 10), "中": (11, 20), "中旬": (11, 20), "下旬": (21, 31), "底": (-4, 31), "末": (-4, 31),
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


def in_year_nearest(today: date, of: Callable[[int], date]) -> date:
    """The feast `of(year)` nearest to today, past or to come: nobody in November speaks of last February's 元宵.
    Raises ValueError where no such date exists."""
    return _near(today, [today.year, today.year - 1, today.year + 1], of, -1)


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
