"""Days and longer stretches that a text names: 大后天, 上周五, 3月5号, 22号, 上个月, 月底, 双十一, 2026-11-22.

One table: a pattern, and what its match means as seen from a given day. A meaning of None is a date that does
not exist (2月30号): the words are taken, nothing is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial

from nlu.rules.calendar import DAY, Span, add_months, days, in_month_near, in_year_near, month, week
from nlu.rules.festivals import FESTIVAL_FORMS, LUNAR
from nlu.rules.pieces import DAY_NUMBER, LEFT, MONTH, TO, YEAR, Form, Match, whole, year_of


@dataclass(frozen=True, slots=True)
class Dated:
    """A date in the text. `again` reads the same words as seen from another day: the 8号 of 3月5号到8号 is a day
    after the 5th of March; it is None for words that only today explains (明天, 下周五, 去年三月)."""

    start: int
    end: int
    span: Span | None
    again: Callable[[date], Span | None] | None = None
    needs_part: bool = False
    """今 and 明 are days only before 晚 and 早."""
    counted: bool = False
    """From now on or back (三天前), so that a 前 behind is no part of it."""
    wrong: bool = False
    """The words can only be a date, and there is no such date (2月30号)."""


def dates(text: str, today: date) -> Iterator[Dated]:
    for form in _FORMS:
        for match in form[0].finditer(text):
            read = partial(_read, form, match)
            span = read(today)
            again = None if _FROM_TODAY & _groups(match) else read
            yield Dated(*match.span(), span, again, wrong=span is None and form[0] in _SURE)
    for match in _HALF_WORDS.finditer(text):
        yield Dated(*match.span(), days(today + _HALF_DAYS[match[0]] * DAY), needs_part=True)


_FROM_TODAY = {"year", "prefix", "word"}
"""Groups that count from today; without them a date may be read from another day."""


def _groups(match: Match) -> set[str]:
    return {name for name, words in match.groupdict().items() if words}


def _read(form: Form, match: Match, today: date) -> Span | None:
    try:
        return form[1](match, today)
    except (ValueError, OverflowError):
        return None


# --- pieces of patterns -------------------------------------------------------------------------------------

# 早上周五 is no last Friday, and 查一下周五 no next one
_PREFIX = r"(?:(?<![早晚马网线以路])上+|(?<![一])下+|(?<![一两几])(?:这|本|当))"
_STEP = {"上": -1, "下": 1, "这": 0, "本": 0, "当": 0}
_WEEK = r"(?:周|星期|礼拜)"
_DAY_OF_WEEK = {
    char: i for i, chars in enumerate(("一1", "二2", "三3", "四4", "五5", "六6", "日天7")) for char in chars
}
_MONTH_PARTS = r"上旬|中旬|下旬|[初中底末]"


def _step(prefix: str) -> int:
    """上上 -2, 下 1, 这 0."""
    return len(prefix) * _STEP[prefix[0]] if prefix else 0


# --- days -----------------------------------------------------------------------------------------------------

_RELATIVE = {
    "大前天": -3, "前天": -2, "前日": -2, "前儿": -2, "昨天": -1, "昨日": -1, "昨儿": -1, "今天": 0, "今日": 0,
    "今儿": 0, "本日": 0, "明天": 1, "明日": 1, "明儿": 1, "后天": 2, "后儿": 2, "大后天": 3, "大大后天": 4,
}  # fmt: skip
_DAY_WORDS = re.compile(
    r"(?P<word>大前天|大{0,2}后天|前天|[昨今明]天|(?<!日)(?:[昨今前]日(?!头条|重现)|本日|明日(?!方舟))"
    r"|(?<![啥么])[昨今明前后]儿(?![子童女科媳]))个?"
)
_YEAR_AGO_TODAY = re.compile(rf"(?:(?P<year>{YEAR})|(?P<prefix>{_PREFIX})个?(?:(?P<week>{_WEEK})|月))的?(?:今天|今日)")
_HALF_WORDS = re.compile(r"[昨今明前当](?=[早晚夜])")
_HALF_DAYS = {"昨": -1, "今": 0, "当": 0, "明": 1, "前": -2}


def _day_word(match: Match, today: date) -> Span:
    return days(today + _RELATIVE[match["word"]] * DAY)


def _ago_today(match: Match, today: date) -> Span:
    if match["year"]:
        year = year_of(match["year"], today)
        return days(today.replace(year=year or today.year))
    step = _step(match["prefix"])
    return days(today + step * 7 * DAY if match["week"] else add_months(today, step))


# --- weeks ----------------------------------------------------------------------------------------------------

_WEEKDAY = re.compile(
    rf"(?:(?P<prefix>{_PREFIX})(?:一?个)?{_WEEK}|(?<![一两二三四五六七八九十几每半各\d黑色])(?<!黑色)(?<!每个){_WEEK})"
    r"(?P<day>[一二三四五六日天1-7])(?![一二三四五六七八九十]?[围福旺鸿]|日均|报|[次年度岁]|\d)"
)
_IS_PAST = re.compile(
    r"(?:[早晚中上下][上午]?\d?|[\d一二三四五六七八九十]+[点:]\d*半?|我|我们|在|就|才|那天|你们|店里|网上|刚)*"
    r"(?:[买下付订拍发寄签收到申办开换退充约定取交用](?:了|的|过|单的|到的|到了|单了|理的|请的|收的|货的|出的))"
)
"""周一买的 has been; of a bare weekday else the next is meant."""
_OF_ORDERS = re.compile("的(?:那[个单件笔])?(?:订单|单子|快递|包裹|物流|账单|消费|流水|记录|明细)")
"""周五的订单 may have been or be to come: this week's, as it stands."""
_TWO_WEEKDAYS = re.compile(
    rf"(?:(?P<prefix>{_PREFIX})(?:一?个)?|(?<!每)){_WEEK}(?P<days>一二|二三|三四|四五|五六|六[日天])(?![点时个天次])"
)
_WHOLE_WEEK = re.compile(rf"(?P<prefix>{_PREFIX})(?:一?个)?{_WEEK}(?![一二三四五六日天末1-7年期岁刊])")
_WEEKEND = re.compile(rf"(?:(?P<prefix>{_PREFIX})(?:一?个)?)?(?:{_WEEK}末|双休日)")


def _weekday(match: Match, today: date) -> Span:
    day = week(today, _step(match["prefix"] or "")) + _DAY_OF_WEEK[match["day"]] * DAY
    if match["prefix"] or day == today:
        return days(day)
    if _OF_ORDERS.match(match.string, match.end()):
        return days(day)
    gone = _IS_PAST.match(match.string, match.end()) is not None
    return days(day + 7 * DAY * ((day < today and not gone) - (day > today and gone)))


def _two_weekdays(match: Match, today: date) -> Span:
    monday = week(today, _step(match["prefix"] or ""))
    first, last = (_DAY_OF_WEEK[char] for char in [*match["days"]])
    return days(monday + first * DAY, monday + last * DAY)


def _whole_week(match: Match, today: date) -> Span:
    monday = week(today, _step(match["prefix"]))
    return days(monday, monday + 6 * DAY)


def _weekend(match: Match, today: date) -> Span:
    monday = week(today, _step(match["prefix"] or ""))
    return days(monday + 5 * DAY, monday + 6 * DAY)


# --- days of a month ------------------------------------------------------------------------------------------

_NO_NAME = r"(?![楼线院店铺门桌房机口车厅柜公馆台位库码仓栋座单元床球坑馆馆选员舱箱窗站井段篇头]|\d)"
_BEHIND_PLACE = r"(?<![路街道巷弄里村同园区厦苑第编单版型大小])(?<![装签]订)(?<!尾号)"
_MONTH_DAY = re.compile(
    rf"{LEFT}(?:(?P<year>{YEAR})的?)?(?P<month>{MONTH})月份?的?(?P<day>{DAY_NUMBER})(?:[号日](?!线|楼)|(?![\d个天件点块元:.%万千百周只款]))"
)
_RELATIVE_MONTH_DAY = re.compile(rf"(?P<prefix>{_PREFIX})(?:一?个)?月份?的?(?P<day>{DAY_NUMBER})[号日]")
_MONTH_DAY_DAY = re.compile(
    rf"{LEFT}(?:(?P<year>{YEAR})的?)?(?:(?P<month>{MONTH})月)?(?P<from>{DAY_NUMBER}){TO}(?P<to>{DAY_NUMBER})[号日]{_NO_NAME}"
)
_DAY_OF_MONTH = re.compile(
    rf"{LEFT}{_BEHIND_PLACE}(?P<day>{DAY_NUMBER})(?:号{_NO_NAME}|日(?![内达游年无均常元用式本子租报])|號)"
)
_ISO = re.compile(
    r"(?<![\da-z.])(?P<year>(?:19|20)\d\d)(?P<sep>[-/.年])(?P<month>\d{1,2})(?:(?P=sep)|月)(?P<day>\d{1,2})[日号]?"
    r"(?!\d|[/.]\d|-\d{1,2}(?!\d))"
)
_YEAR_MONTH = re.compile(r"(?<![\da-z./-])(?P<year>20\d\d)[-/](?P<month>1[0-2]|0?[1-9])(?![\d/.-])")
_COMPACT = re.compile(
    r"(?<![\da-z.])(?P<year>20\d\d)(?P<month>0[1-9]|1[0-2])(?P<day>0[1-9]|[12]\d|3[01])(?![\da-z.]|[元块号]|-\d(?!\d{7}))"
)
# 11.22 is a date unless what stands around makes it a price, a size or a version; 3.14 only where it speaks of days
_BEFORE_SHORT = r"(?<![\da-z.,/:¥$+-])(?<![付花价额扣退收费是差减卖版了])(?<!版本)(?<![¥$] )"
_AFTER_SHORT = (
    r"(?!\d|[./:%-]\d|[a-z%折元块圆毛角万千百米斤克年天个件条次笔单份张台只双分寸码倍版楼室座栋吨度公平厘毫美港]|小时)"
)
_DAYS_FOLLOW = "[号日的到至那当买下发付收签前后之以晚早上中凌]"
_SHORT = re.compile(
    rf"{_BEFORE_SHORT}(?:(?P<month>1[0-2]|0[1-9]|[1-9](?=/|\.\d\d{_DAYS_FOLLOW}))[./-](?P<day>3[01]|[12]\d|0[1-9])"
    rf"[号日]?{_AFTER_SHORT}|(?P<numbered>1[0-2]|0?[1-9])[./](?P<th>[1-9])[号日])"
)

_SHORT_NUMBERED = re.compile(
    r"(?<![\da-z.,/:¥$+-])(?P<month>1[0-2]|0?[1-9])[./](?P<day>3[01]|[12]\d|0?[1-9])[号日](?![线楼店])"
)
_SEVERAL_DAYS = re.compile(
    r"(?P<word>[昨今前][天日]?[今明]天?(?:两天)?(?<=[天])|[今明][天日]?[明后]天?(?:两天)?(?<=天)|今明后三?天|昨今明三?天|[今明后]{2}两天)"
)
_SHORT_TO_SHORT = re.compile(
    rf"{_BEFORE_SHORT}(?P<month>1[0-2]|0?[1-9](?=/))(?P<sep>[./])(?P<day>[0-3]?\d){TO}"
    rf"(?P<to_month>1[0-2]|0?[1-9])(?P=sep)(?P<to_day>[0-3]?\d)[号日]?{_AFTER_SHORT}"
)


def _date_in(match: Match, today: date, number: int, day: int) -> Span:
    year = year_of(match["year"], today)
    if year is None:
        return days(in_year_near(today, lambda y: date(y, number, day)))
    return days(date(year, number, day))


def _month_day(match: Match, today: date) -> Span:
    return _date_in(match, today, whole(match["month"]), whole(match["day"]))


def _relative_month_day(match: Match, today: date) -> Span:
    other = add_months(today.replace(day=1), _step(match["prefix"]))
    return days(other.replace(day=whole(match["day"])))


def _month_day_day(match: Match, today: date) -> Span | None:
    first, last = whole(match["from"]), whole(match["to"])
    if match["month"]:
        begin = _date_in(match, today, whole(match["month"]), first).first.date()
    else:
        begin = in_month_near(today, first)
    end = begin.replace(day=last) if last >= first else add_months(begin, 1).replace(day=last)
    return days(begin, end)


def _day_of_month(match: Match, today: date) -> Span:
    return days(in_month_near(today, whole(match["day"])))


def _iso(match: Match, today: date) -> Span:
    return days(date(int(match["year"]), int(match["month"]), int(match["day"])))


def _short(match: Match, today: date) -> Span:
    number, day = int(match["month"] or match["numbered"]), int(match["day"] or match["th"])
    return days(in_year_near(today, lambda year: date(year, number, day)))


def _short_numbered(match: Match, today: date) -> Span:
    return days(in_year_near(today, lambda year: date(year, int(match["month"]), int(match["day"]))))


def _several_days(match: Match, today: date) -> Span | None:
    named = [_DAYS_AROUND[char] for char in match["word"] if char in _DAYS_AROUND]
    return days(today + named[0] * DAY, today + named[-1] * DAY) if named[0] < named[-1] else None


_DAYS_AROUND = {"前": -2, "昨": -1, "今": 0, "明": 1, "后": 2}


def _short_to_short(match: Match, today: date) -> Span:
    begin = in_year_near(today, lambda year: date(year, int(match["month"]), int(match["day"])))
    month_of_end, day_of_end = int(match["to_month"]), int(match["to_day"])
    end = date(begin.year + (month_of_end < begin.month), month_of_end, day_of_end)
    return days(begin, end)


# --- months, quarters, years ----------------------------------------------------------------------------------

_NO_MOON = r"(?![亮饼薪卡租费供均销付票嫂子季历光球龄\d])"
_MONTH = re.compile(rf"{LEFT}(?:(?P<year>{YEAR})的?)?(?P<month>{MONTH})月(?:份|(?P<part>{_MONTH_PARTS}))?{_NO_MOON}")
_MONTHS = re.compile(
    rf"{LEFT}(?:(?P<year>{YEAR})的?)?(?P<from>{MONTH})月?份?{TO}(?P<to>{MONTH})月份?(?![\d一二三四五六七八九十])"
)
_RELATIVE_MONTH = re.compile(
    rf"(?:(?P<prefix>{_PREFIX})(?:一?个)?)月(?:份|(?P<part>{_MONTH_PARTS}))?{_NO_MOON}|(?<![个\d一二三四五六七八九十])月(?P<alone>初|中旬|底|末)|(?<![月份])(?P<third>[上中下]旬)"
)
_WHOLE_YEAR = re.compile(
    rf"(?P<year>{YEAR}|(?<!\d)(?:19|20)\d\d年)(?:(?:的|年)?(?P<part>[初中底末]|[上下]半年|(?:第?[一二三四1-4]|[上下])季度?|q[1-4](?![a-z\d])))?(?![会级龄轻货度])"
    r"|(?<![\d一二三四五六七八九十几今去明前后])(?P<alone>年[底初末](?!岁)|[上下]半年|第?[一二三四]季度|[上下这本]个?季度|(?<![a-z\d])q[1-4](?![a-z\d]))"
)


def _month(match: Match, today: date) -> Span:
    number, year = whole(match["month"]), year_of(match["year"], today)
    if year is None:
        year = in_year_near(today, lambda y: date(y, number, 15)).year
    return month(year, number, match["part"] or "")


def _year_month(match: Match, today: date) -> Span:
    return month(int(match["year"]), int(match["month"]))


def _months(match: Match, today: date) -> Span:
    first, last, year = whole(match["from"]), whole(match["to"]), year_of(match["year"], today)
    if year is None:
        year = in_year_near(today, lambda y: date(y, first, 15)).year
    return days(month(year, first).first.date(), month(year + (last < first), last).last.date())


def _relative_month(match: Match, today: date) -> Span:
    other = add_months(today.replace(day=1), _step(match["prefix"] or ""))
    return month(other.year, other.month, match["part"] or match["alone"] or match["third"] or "")


_YEAR_PARTS = {"初": (1, 1), "中": (6, 6), "底": (12, 12), "末": (12, 12), "上半年": (1, 6), "下半年": (7, 12)}


def _whole_year(match: Match, today: date) -> Span:
    year = year_of(match["year"], today) or today.year
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
    return whole(words.strip("第季度q"))


_SURE = frozenset((_MONTH_DAY, _RELATIVE_MONTH_DAY, _MONTH_DAY_DAY, _ISO, LUNAR))
"""What these match is a date or a mistake; 11.31 may be a price, and 40号 a size."""

_FORMS: tuple[Form, ...] = (
    (_DAY_WORDS, _day_word),
    (_YEAR_AGO_TODAY, _ago_today),
    (_WEEKDAY, _weekday),
    (_TWO_WEEKDAYS, _two_weekdays),
    (_WHOLE_WEEK, _whole_week),
    (_WEEKEND, _weekend),
    (_MONTH_DAY, _month_day),
    (_RELATIVE_MONTH_DAY, _relative_month_day),
    (_MONTH_DAY_DAY, _month_day_day),
    (_DAY_OF_MONTH, _day_of_month),
    (_ISO, _iso),
    (_COMPACT, _iso),
    (_SHORT, _short),
    (_SHORT_NUMBERED, _short_numbered),
    (_SEVERAL_DAYS, _several_days),
    (_SHORT_TO_SHORT, _short_to_short),
    (_YEAR_MONTH, _year_month),
    (_MONTH, _month),
    (_MONTHS, _months),
    (_RELATIVE_MONTH, _relative_month),
    (_WHOLE_YEAR, _whole_year),
    *FESTIVAL_FORMS,
)
"""The longest match wins."""
