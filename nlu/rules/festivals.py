"""Festivals and the lunar calendar: 双十一, 中秋, 国庆期间, 去年春节, 农历八月十五, 大年初三."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date

from borax.calendars.lunardate import LunarDate, TermUtils

from nlu.rules.calendar import DAY, Span, days, in_year_near
from nlu.rules.pieces import MONTH, YEAR, Form, Match, whole, year_of

# --- in which day of a year ----------------------------------------------------------------------------------


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
    "国庆": _fixed(10, 1), "十一": _fixed(10, 1), "万圣节": _fixed(10, 31),
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


# --- in a text ------------------------------------------------------------------------------------------------

_NOT_BEFORE = {
    "五一": "[路广街零一二三四五六七八九十]", "六一": "[路街零一二三四五六七九十]", "十一": "(?!黄金周|假期|期间|长假)",
    "618": "[\\d.a-z元块个号]", "520": "[\\d.a-z元块个号]", "圣诞": "[老树帽袜服]", "元宵": "汤|馅", "腊八": "[粥蒜]",
    "小年": "[轻青]", "清明": "上河", "五四": "(?!青年节)",
}  # fmt: skip
"""What would make another word of the name: 五一路, 圣诞树."""
_NAMES = "|".join(
    f"{name}(?!{_NOT_BEFORE[name]})" if name in _NOT_BEFORE else name
    for name in sorted(FESTIVALS, key=len, reverse=True)
)
_FESTIVAL = re.compile(
    rf"(?:(?P<year>{YEAR}|(?:19|20)\d\d)的?)?(?<![零一二三四五六七八九十\d.块元])(?P<name>{_NAMES})(?:青年节|节|夜)?"
    r"(?P<holiday>黄金周|小?长假|假期|期间)?(?:[当那]天|[当那]日)?"
)
_LUNAR = re.compile(
    rf"(?:(?P<year>{YEAR})的?)?"
    rf"(?:(?:农历|阴历|旧历)(?P<month>[正腊冬]|{MONTH})月|(?P<named>[正腊冬]|[二三四五六七八九十](?=月初[二三四五六七八九十]))月|大年(?=初))"
    r"(?P<day>初[一二三四五六七八九十]|[廿二三]?十[一二三四五六七八九]?|廿[一二三四五六七八九]?)[日号]?"
)
_LUNAR_MONTHS = {"正": 1, "冬": 11, "腊": 12}


def _festival(match: Match, today: date) -> Span:
    name, year = match["name"], year_of(match["year"], today)
    of = FESTIVALS[name]
    day = in_year_near(today, of) if year is None else of(year)
    return holiday(name, day) if match["holiday"] else days(day)


def _lunar_date(match: Match, today: date) -> Span:
    words = match["month"] or match["named"] or "正"
    number = _LUNAR_MONTHS.get(words) or whole(words)
    day = whole(match["day"].removeprefix("初").replace("廿", "二十"))
    year = year_of(match["year"], today)
    if year is None:
        return days(in_year_near(today, lambda y: lunar(y, number, day)))
    return days(lunar(year, number, day))


FESTIVAL_FORMS: tuple[Form, ...] = ((_FESTIVAL, _festival), (_LUNAR, _lunar_date))
