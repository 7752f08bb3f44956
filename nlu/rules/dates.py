"""Days and longer stretches that a text names: 大后天, 上周五, 3月5号, 22号, 上个月, 月底, 双十一, 2026-11-22.

One table: a pattern, and what its match means as seen from a given day. A meaning of None is a date that does
not exist (2月30号): the words are taken, nothing is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from nlu.rules.calendar import (
    DAY,
    FESTIVALS,
    Span,
    add_months,
    days,
    holiday,
    in_month_near,
    in_year_near,
    lunar,
    month,
    week,
)  # fmt: skip
from nlu.rules.numerals import read_int

Match = re.Match[str]
Meaning = Callable[[Match, date], Span | None]


@dataclass(frozen=True, slots=True)
class Dated:
    """A date in the text. `again` reads the same words as seen from another day: the 8号 of 3月5号到8号 is a day
    after the 5th of March; it is None for words that only today explains (明天)."""

    start: int
    end: int
    span: Span | None
    again: Callable[[date], Span | None] | None = None
    needs_part: bool = False
    """今 and 明 are days only before 晚, 早."""


def dates(text: str, today: date) -> Iterator[Dated]:
    for pattern, meaning, bare in _FORMS:
        for match in pattern.finditer(text):
            yield Dated(*match.span(), _safe(meaning, match, today), _rereader(meaning, match) if bare else None)
    for match in _HALF_WORDS.finditer(text):
        yield Dated(*match.span(), days(today + _HALF_DAYS[match[0]] * DAY), needs_part=True)


def _safe(meaning: Meaning, match: Match, today: date) -> Span | None:
    try:
        return meaning(match, today)
    except (ValueError, OverflowError):
        return None


def _rereader(meaning: Meaning, match: Match) -> Callable[[date], Span | None]:
    return lambda day: _safe(meaning, match, day)


# --- pieces of patterns -------------------------------------------------------------------------------------

_LEFT = r"(?<![\da-z.零〇一二两三四五六七八九十百千第每])(?<!\d[-/:])"
_M = r"(?:\d{1,2}|十[一二]?|[一二三四五六七八九])"
_D = r"(?:\d{1,2}|[二三]?十[一二三四五六七八九]?|[一二三四五六七八九])"
_YEARS = {"大前年": -3, "前年": -2, "去年": -1, "上一年": -1, "今年": 0, "本年": 0, "明年": 1, "后年": 2, "大后年": 3}
_YEAR = (
    r"(?:大?[前后]年|[去今明]年|(?<!日)本年(?!度?会)|上一年|(?:19|20)\d\d年|(?<![\d.])[0-4]\d年(?=\d|[一二三四五六七八九十]+月)"
    r"|[一二][零〇九][零〇一二三四五六七八九]{2}年)"
)
# 早上周五 is no last Friday, and 查一下周五 no next one
_PREFIX = r"(?:(?<![早晚马网线以路])上+|(?<![一])下+|(?<![一两几])(?:这|本|当))"
_STEP = {"上": -1, "下": 1, "这": 0, "本": 0, "当": 0}
_WEEK = r"(?:周|星期|礼拜)"
_DAY_OF_WEEK = {
    char: i for i, chars in enumerate(("一1", "二2", "三3", "四4", "五5", "六6", "日天末7")) for char in chars
}
_MONTH_PARTS = r"上旬|中旬|下旬|[初中底末]"


def _step(prefix: str) -> int:
    """上上 -2, 下 1, 这 0."""
    return len(prefix) * _STEP[prefix[0]] if prefix else 0


def _year(words: str | None, today: date) -> int | None:
    if not words:
        return None
    if words in _YEARS:
        return today.year + _YEARS[words]
    number = read_int(words.removesuffix("年"))
    return None if number is None else number + 2000 if number < 100 else number


def _int(words: str) -> int:
    number = read_int(words)
    if number is None:
        raise ValueError(words)
    return number


# --- days -----------------------------------------------------------------------------------------------------

_RELATIVE = {
    "大前天": -3, "前天": -2, "前日": -2, "前儿": -2, "昨天": -1, "昨日": -1, "昨儿": -1, "今天": 0, "今日": 0, "今儿": 0,
    "本日": 0, "明天": 1, "明日": 1, "明儿": 1, "后天": 2, "后儿": 2, "大后天": 3, "大大后天": 4,
}  # fmt: skip
_DAY_WORDS = re.compile(
    r"大前天|大{0,2}后天|前天|[昨今明]天|(?<!日)[昨今前本](?:日)(?!头条|重现|内)|明日(?!方舟)|[昨今明前后]儿个?"
)
_YEAR_AGO_TODAY = re.compile(rf"(?:(?P<year>{_YEAR})|(?P<prefix>{_PREFIX})个?(?:(?P<week>{_WEEK})|月))的?(?:今天|今日)")
_HALF_WORDS = re.compile(r"[昨今明前当](?=[早晚夜])")
_HALF_DAYS = {"昨": -1, "今": 0, "当": 0, "明": 1, "前": -2}


def _day_word(match: Match, today: date) -> Span:
    return days(today + _RELATIVE[match[0].removesuffix("个")] * DAY)


def _ago_today(match: Match, today: date) -> Span:
    if match["year"]:
        year = _year(match["year"], today)
        return days(today.replace(year=year or today.year))
    step = _step(match["prefix"])
    return days(today + step * 7 * DAY if match["week"] else add_months(today, step))


# --- weeks ----------------------------------------------------------------------------------------------------

_WEEKDAY = re.compile(
    rf"(?:(?P<prefix>{_PREFIX})(?:一?个)?{_WEEK}|(?<![一两二三四五六七八九十几每半各\d黑色])(?<!黑色){_WEEK})"
    r"(?P<day>[一二三四五六日天末1-7])(?![一二三四五六七八九十]?[围福旺鸿]|日均|报|[次年度岁]|\d)"
)
_WHOLE_WEEK = re.compile(rf"(?P<prefix>{_PREFIX})(?:一?个)?{_WEEK}(?![一二三四五六日天末1-7年期岁刊])")
_WEEKEND = re.compile(rf"(?:(?P<prefix>{_PREFIX})(?:一?个)?)?(?:{_WEEK}末|双休日)")


def _weekday(match: Match, today: date) -> Span:
    monday = week(today, _step(match["prefix"] or ""))
    return days(monday + _DAY_OF_WEEK[match["day"]] * DAY)


def _whole_week(match: Match, today: date) -> Span:
    monday = week(today, _step(match["prefix"]))
    return days(monday, monday + 6 * DAY)


def _weekend(match: Match, today: date) -> Span:
    monday = week(today, _step(match["prefix"] or ""))
    return days(monday + 5 * DAY, monday + 6 * DAY)


# --- days of a month ------------------------------------------------------------------------------------------

_NO_NAME = r"(?![楼线院店铺门桌房机口车厅柜公馆台位库码仓栋座单元床球坑馆馆选员舱箱窗站井段篇头]|\d)"
_BEHIND_PLACE = r"(?<![路街道巷弄里村同园区厦苑第编订单版型])"
_MONTH_DAY = re.compile(
    rf"{_LEFT}(?:(?P<year>{_YEAR})的?)?(?P<month>{_M})月份?的?(?P<day>{_D})(?:[号日](?!线|楼)|(?![\d个天件点块元:.%万千百周只款]))"
)
_RELATIVE_MONTH_DAY = re.compile(rf"(?P<prefix>{_PREFIX})(?:一?个)?月份?的?(?P<day>{_D})[号日]")
_MONTH_DAY_DAY = re.compile(
    rf"{_LEFT}(?:(?P<year>{_YEAR})的?)?(?:(?P<month>{_M})月)?(?P<from>{_D})(?:到|至|[-~—])(?P<to>{_D})[号日]{_NO_NAME}"
)
_DAY_OF_MONTH = re.compile(
    rf"{_LEFT}{_BEHIND_PLACE}(?P<day>{_D})(?:号{_NO_NAME}|日(?![内达游年无均常元用式本子租报])|號)"
)
_ISO = re.compile(
    r"(?<![\da-z.])(?P<year>(?:19|20)\d\d)(?P<sep>[-/.年])(?P<month>\d{1,2})(?:(?P=sep)|月)(?P<day>\d{1,2})[日号]?(?!\d|[-/.]\d)"
)
_COMPACT = re.compile(
    r"(?<![\da-z.])(?P<year>20\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?![\da-z.]|[元块号])"
)
_AFTER_SHORT = r"(?!\d|[./:%-]\d|[a-z%折元块圆毛角万千百k米斤克年天个件条次笔单份张台只双分寸码倍版楼室座栋吨度]|小时|公|平|厘|毫|美|港)"
_SHORT = re.compile(
    r"(?<![\da-z.,/:¥$+-])(?<![付花价额扣退收费是差减差卖版])(?<!了)(?<!金额)"
    rf"(?P<month>1[0-2]|0?[1-9])(?P<sep>[./-])(?P<day>3[01]|[12]\d|0[1-9])[号日]?{_AFTER_SHORT}"
    r"|(?<![\da-z.,/:¥$+-])(?P<m2>1[0-2]|0?[1-9])[./](?P<d2>[1-9])[号日]"
)


def _date_in(match: Match, today: date, number: int, day: int) -> Span:
    year = _year(match["year"], today)
    if year is None:
        return days(in_year_near(today, lambda y: date(y, number, day)))
    return days(date(year, number, day))


def _month_day(match: Match, today: date) -> Span:
    return _date_in(match, today, _int(match["month"]), _int(match["day"]))


def _relative_month_day(match: Match, today: date) -> Span:
    other = add_months(today.replace(day=1), _step(match["prefix"]))
    return days(other.replace(day=_int(match["day"])))


def _month_day_day(match: Match, today: date) -> Span | None:
    first, last = _int(match["from"]), _int(match["to"])
    if match["month"]:
        begin = _date_in(match, today, _int(match["month"]), first).first.date()
    else:
        begin = in_month_near(today, first)
    end = begin.replace(day=last) if last >= first else add_months(begin, 1).replace(day=last)
    return days(begin, end)


def _day_of_month(match: Match, today: date) -> Span:
    return days(in_month_near(today, _int(match["day"])))


def _iso(match: Match, today: date) -> Span:
    return days(date(int(match["year"]), int(match["month"]), int(match["day"])))


def _short(match: Match, today: date) -> Span:
    number, day = int(match["month"] or match["m2"]), int(match["day"] or match["d2"])
    return days(in_year_near(today, lambda year: date(year, number, day)))


# --- months, quarters, years ----------------------------------------------------------------------------------

_NO_MOON = r"(?![亮饼薪卡租费供均销付票嫂子季历光\d])"
_MONTH = re.compile(rf"{_LEFT}(?:(?P<year>{_YEAR})的?)?(?P<month>{_M})月(?:份|(?P<part>{_MONTH_PARTS}))?{_NO_MOON}")
_MONTHS = re.compile(
    rf"{_LEFT}(?:(?P<year>{_YEAR})的?)?(?P<from>{_M})月?份?(?:到|至|[-~—])(?P<to>{_M})月份?(?![\d一二三四五六七八九十])"
)
_RELATIVE_MONTH = re.compile(
    rf"(?:(?P<prefix>{_PREFIX})(?:一?个)?)月(?:份|(?P<part>{_MONTH_PARTS}))?{_NO_MOON}|(?<![个\d一二三四五六七八九十])月(?P<alone>初|中旬|底|末)"
)
_WHOLE_YEAR = re.compile(
    rf"(?P<year>{_YEAR}|(?<!\d)(?:19|20)\d\d年)(?:的?(?P<part>[初中底末]|[上下]半年|(?:第?[一二三四1-4]|[上下]|q[1-4])季度?))?(?![会级龄轻货])"
    r"|(?<![\d一二三四五六七八九十几今去明前后])(?P<alone>年[底初末](?!岁)|[上下]半年|第?[一二三四]季度|[上下这本]个?季度|(?<![a-z\d])q[1-4](?![a-z\d]))"
)


def _month(match: Match, today: date) -> Span:
    number, year = _int(match["month"]), _year(match["year"], today)
    if year is None:
        year = in_year_near(today, lambda y: date(y, number, 15)).year
    return month(year, number, match["part"] or "")


def _months(match: Match, today: date) -> Span:
    first, last, year = _int(match["from"]), _int(match["to"]), _year(match["year"], today)
    if year is None:
        year = in_year_near(today, lambda y: date(y, first, 15)).year
    return days(month(year, first).first.date(), month(year + (last < first), last).last.date())


def _relative_month(match: Match, today: date) -> Span:
    other = add_months(today.replace(day=1), _step(match["prefix"] or ""))
    return month(other.year, other.month, match["part"] or match["alone"] or "")


_YEAR_PARTS = {"初": (1, 1), "中": (6, 6), "底": (12, 12), "末": (12, 12), "上半年": (1, 6), "下半年": (7, 12)}


def _whole_year(match: Match, today: date) -> Span:
    year = _year(match["year"], today) or today.year
    part = match["part"] or (match["alone"] or "").removeprefix("年")
    if part == "半年":
        part = match["alone"]
    if not part:
        return days(date(year, 1, 1), date(year, 12, 31))
    if part in _YEAR_PARTS:
        first, last = _YEAR_PARTS[part]
    else:
        quarter = _quarter(part, today)
        year, quarter = year + (quarter - 1) // 4, (quarter - 1) % 4
        first, last = quarter * 3 + 1, quarter * 3 + 3
    return days(date(year, first, 1), month(year, last).last.date())


def _quarter(words: str, today: date) -> int:
    """1 to 4; 0 is last year's fourth, 5 next year's first."""
    if words[0] in _STEP:
        return (today.month + 2) // 3 + _STEP[words[0]]
    return _int(words.strip("第季度q"))


# --- festivals and the lunar calendar -------------------------------------------------------------------------

_FESTIVAL = re.compile(
    rf"(?:(?P<year>{_YEAR}|(?:19|20)\d\d)的?)?(?<![零一二三四五六七八九十\d.])"
    r"(?P<name>元旦|情人节|妇女节|女神节|三八节|消费者权益日|愚人节|五一(?![路广街零一二三四五六七八九十])|劳动节|五四青年节|五四(?=节)"
    r"|青年节|520(?![\d.a-z元块个号])|六一(?![零一二三四五六七九十路街])|六一八|儿童节|618(?![\d.a-z元块个号])|教师节|国庆"
    r"|十一(?=黄金周|假期|期间|长假|放假)|万圣节|双十[一二]|双1[12]|光棍节|平安夜|圣诞(?![老树帽袜服])|母亲节|父亲节|感恩节"
    r"|黑五|黑色星期五|除夕|大?年三十|春节|元宵(?!汤|馅)|端午|七夕|中元节|中秋|重阳|腊八(?![粥蒜])|小年(?![轻青])|清明(?!上河)|冬至)"
    r"(?:节|夜)?(?P<holiday>黄金周|假期|期间|长假|放假|小长假)?(?:当天|那天|当日|那日)?"
)
_LUNAR = re.compile(
    rf"(?:(?P<year>{_YEAR})的?)?(?:(?:农历|阴历|旧历)(?P<leap>)(?P<month>正|腊|冬|{_M})月|(?P<name>正|腊|冬)月|大年(?=初))"
    r"(?P<day>初[一二三四五六七八九十]|[廿二三]?十[一二三四五六七八九]?|廿[一二三四五六七八九]?)[日号]?"
)
_LUNAR_MONTHS = {"正": 1, "冬": 11, "腊": 12}


def _festival(match: Match, today: date) -> Span:
    name = match["name"]
    of = FESTIVALS[name if name in FESTIVALS else name[:2]]
    year = _year(match["year"], today)
    day = in_year_near(today, of) if year is None else of(year)
    return holiday(name, day) if match["holiday"] else days(day)


def _lunar_date(match: Match, today: date) -> Span:
    words = match["month"] or match["name"] or "正"
    number = _LUNAR_MONTHS.get(words) or _int(words)
    day = _int(match["day"].removeprefix("初").replace("廿", "二十").removesuffix("二十十"))
    year = _year(match["year"], today)
    if year is not None:
        return days(lunar(year, number, day))
    return days(in_year_near(today, lambda y: lunar(y, number, day)))


_FORMS: tuple[tuple[re.Pattern[str], Meaning, bool], ...] = (
    (_DAY_WORDS, _day_word, False),
    (_YEAR_AGO_TODAY, _ago_today, False),
    (_WEEKDAY, _weekday, True),
    (_WHOLE_WEEK, _whole_week, False),
    (_WEEKEND, _weekend, False),
    (_MONTH_DAY, _month_day, True),
    (_RELATIVE_MONTH_DAY, _relative_month_day, False),
    (_MONTH_DAY_DAY, _month_day_day, False),
    (_DAY_OF_MONTH, _day_of_month, True),
    (_ISO, _iso, False),
    (_COMPACT, _iso, False),
    (_SHORT, _short, True),
    (_MONTH, _month, True),
    (_MONTHS, _months, False),
    (_RELATIVE_MONTH, _relative_month, False),
    (_WHOLE_YEAR, _whole_year, False),
    (_FESTIVAL, _festival, True),
    (_LUNAR, _lunar_date, False),
)
"""Pattern, meaning, and whether the day it is seen from may be another than today. The longest match wins."""

WEEK = timedelta(days=7)
