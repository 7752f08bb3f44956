"""Festivals, holidays and the lunar calendar: 双十一, 中秋, 国庆假期, 去年春节, 农历八月十五, 大年初三, 下个工作日."""

from __future__ import annotations

import re
from datetime import date

from nlu.rules.calendar import DAY, Span, add_months, days, in_year_nearest
from nlu.rules.holidays import FESTIVALS, add_workdays, days_off_around, lunar, lunar_of, term
from nlu.rules.pieces import MONTH, YEAR, Form, Match, whole, year_of

_NOT_BEFORE = {
    "五一": "[路广街零一二三四五六七八九十]", "六一": "[路街零一二三四五六七九十]",
    "十一": "(?!黄金周|假期|期间|长假|放假)",
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
    r"(?P<holiday>黄金周|小?长假|假期|放假期间|放假|期间)?"
)
_BESIDE_HOLIDAY = re.compile(
    rf"(?:(?P<year>{YEAR})的?)?(?P<name>{_NAMES})节?(?:假期|长假|放假)?"
    r"(?:(?P<after>之?后的?(?:第一|首)个?)|之?前的?最后一?个?)(?:工作日|上班日)"
)
_MOON_DAY = re.compile(r"(?<![月\u5eff])廿(?P<ones>[一二三四五六七八九])")
_TERMS = re.compile(
    rf"(?:(?P<year>{YEAR})的?)?(?:(?P<sure>立春|立夏|立秋|立冬|春分|夏至|秋分|惊蛰|芒种|处暑|霜降)"
    r"|(?P<weather>大雪|小雪|大寒|小寒|白露|寒露|雨水|谷雨|小满|大暑|小暑)(?=$|[那当]天|这天|节气|[,.!?。]$))节?"
)
LUNAR = re.compile(
    rf"(?:(?P<year>{YEAR})的?)?"
    rf"(?:(?:农历|阴历|旧历)(?P<month>[正腊冬]|{MONTH})月|(?P<named>[正腊冬]|[二三四五六七八九十](?=月初[二三四五六七八九十]))月|大年(?=初))"
    r"(?P<day>初[一二三四五六七八九十]|[廿二三]?十[一二三四五六七八九]?|廿[一二三四五六七八九]?)[日号]?"
)
_LUNAR_MONTHS = {"正": 1, "冬": 11, "腊": 12}


def _festival(match: Match, today: date) -> Span:
    name, year = match["name"], year_of(match["year"], today)
    of = FESTIVALS[name]
    day = in_year_nearest(today, of) if year is None else of(year)
    return days_off_around(day) if match["holiday"] else days(day)


def _lunar_date(match: Match, today: date) -> Span:
    words = match["month"] or match["named"] or "正"
    number = _LUNAR_MONTHS.get(words) or whole(words)
    day = whole(match["day"].removeprefix("初").replace("廿", "二十"))
    year = year_of(match["year"], today)
    if year is None:
        return days(in_year_nearest(today, lambda y: lunar(y, number, day)))
    return days(lunar(year, number, day))


def _beside_holiday(match: Match, today: date) -> Span:
    """国庆后第一个工作日, 春节前最后一个工作日."""
    year = year_of(match["year"], today)
    of = FESTIVALS[match["name"]]
    off = days_off_around(in_year_nearest(today, of) if year is None else of(year))
    return days(add_workdays(off.last.date(), 1) if match["after"] else add_workdays(off.first.date(), -1))


_WORKDAY = re.compile(
    r"(?P<way>上+|下+|(?<!已)后)一?个?工作日|最近的?一?个?工作日|(?P<month>这个?|本|上个?|下个?)月的?(?:(?P<first>第一|首)|最后一)个?工作日"
)


def _workday(match: Match, today: date) -> Span:
    """下个工作日; 最近的工作日 is today if it is one; 本月最后一个工作日."""
    if match["month"]:
        step = {"上": -1, "下": 1}.get(match["month"][0], 0)
        begin = add_months(today.replace(day=1), step)
        if match["first"]:
            return days(add_workdays(begin - DAY, 1))
        return days(add_workdays(add_months(begin, 1), -1))
    if match["way"] is None:
        return days(add_workdays(today - DAY, 1))
    count = len(match["way"])
    return days(add_workdays(today, -count if match["way"][0] == "上" else count))


def _moon_day(match: Match, today: date) -> Span:
    """廿三 of the lunar month that runs now."""
    moon = lunar_of(today)
    return days(lunar(moon.year, moon.month, 20 + whole(match["ones"])))


def _term_day(match: Match, today: date) -> Span:
    of = term(match["sure"] or match["weather"])
    year = year_of(match["year"], today)
    return days(in_year_nearest(today, of) if year is None else of(year))


FESTIVAL_FORMS: tuple[Form, ...] = (
    (_FESTIVAL, _festival),
    (LUNAR, _lunar_date),
    (_BESIDE_HOLIDAY, _beside_holiday),
    (_WORKDAY, _workday),
    (_MOON_DAY, _moon_day),
    (_TERMS, _term_day),
)
