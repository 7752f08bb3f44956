"""What comes back: 每天早上8点, 每周三, 每月15号, 每个工作日, 每隔两天, 每两周."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from nlu.rules.clock import Clock
from nlu.rules.found import Found
from nlu.rules.numerals import NUMERAL, read, read_int
from nlu.rules.pieces import DAY_NUMBER, MONTH, TO, Match

_WEEK = r"(?:周|星期|礼拜)"
_DAYS = {char: code for code, chars in zip(
    ("MO", "TU", "WE", "TH", "FR", "SA", "SU"), ("一1", "二2", "三3", "四4", "五5", "六6", "日天7"), strict=True
) for char in chars}  # fmt: skip
_ORDER = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_D = r"[一二三四五六日天1-7]"
_EACH = r"(?:每逢|每|逢)"
_NTH = r"(?:第(?P<nth>[一二三四五1-5])|(?P<last>最后一))个?"

_WORKDAYS = re.compile(r"每个?工作日")
_WEEKEND = re.compile(rf"{_EACH}个?{_WEEK}末|每个双休日")
_WEEKDAYS = re.compile(
    rf"{_EACH}个?{_WEEK}的?(?P<first>{_D})(?:{TO}{_WEEK}?(?P<to>{_D})"
    rf"|(?P<more>(?:(?:[、,和跟与]|以及)?(?:{_WEEK}?{_D}))*))?(?![个次遍\d件]|{_D}?[点时:])"
)
_DAILY_FROM_TO = re.compile(rf"{_WEEK}(?P<first>{_D}){TO}{_WEEK}?(?P<to>{_D}),?的?每[天日]")
_BY_NTH_WEEKDAY = re.compile(rf"每个?月的?{_NTH}{_WEEK}(?P<day>{_D})")
_MONTH_DAYS = re.compile(
    rf"每个?月的?(?P<days>{DAY_NUMBER}[号日]?(?:(?:[、,和跟与]|以及){DAY_NUMBER}[号日]?)*)(?<=[号日])"
)
_MONTH_END = re.compile(
    r"每个?月的?(?:(?P<last>最后一天|月?底|月末)|(?P<first>第一天|月?初(?!\d|[一二三四五六七八九十])))"
)
_YEAR_DAY = re.compile(rf"每年的?(?P<month>{MONTH})月(?:份|(?P<day>{DAY_NUMBER})[号日])?")
_APART = re.compile(
    rf"(?:(?P<each>每)隔|(?<![相间每])隔)(?P<count>{NUMERAL}|半)?"
    rf"(?P<unit>个?(?:小时|钟头|星期|礼拜|季度|月)|分钟|秒钟?|[天日周年])(?![后内外])(?(each)|(?!就|了))"
)
_EVERY = re.compile(
    rf"每(?P<count>{NUMERAL}|半)?(?P<unit>个?(?:小时|钟头|星期|礼拜|季度|月)|月|分钟|秒钟?|刻钟|[天日周年晚早夜])(?![级代饼份次晨]|优鲜|坚果|黑巧)"
)
_ONCE_IN = re.compile(
    rf"(?<![\d一二两三四五六七八九十百每隔第])(?P<count>{NUMERAL}|半)?(?P<unit>个?(?:小时|钟头|星期|礼拜|季度|月)|[天日周年])(?:一|1)次(?!性)"
)
_DAY_BY_DAY = re.compile(r"(?<!一)天天(?!快递|向上|[特快乐低好象果酷惠])|日日(?!夜)")

_FREQ = {
    "秒": "SECONDLY", "秒钟": "SECONDLY", "分钟": "MINUTELY", "小时": "HOURLY", "钟头": "HOURLY", "天": "DAILY",
    "日": "DAILY", "晚": "DAILY", "早": "DAILY", "夜": "DAILY", "周": "WEEKLY", "星期": "WEEKLY", "礼拜": "WEEKLY",
    "月": "MONTHLY", "年": "YEARLY",
}  # fmt: skip
_HALVES = {
    "小时": ("MINUTELY", 30), "钟头": ("MINUTELY", 30), "天": ("HOURLY", 12), "日": ("HOURLY", 12),
    "年": ("MONTHLY", 6), "分钟": ("SECONDLY", 30), "月": ("DAILY", 15),
}  # fmt: skip
"""A rule has no halves: every half year is every six months."""
_PART_OF_DAY = ("晚", "早", "夜")
_ON = re.compile(rf"{TO}[\d一二三四五六七八九十晚早上下]")
_BEHIND = re.compile("[的 ,在]?")


def recurrences(text: str, said: Sequence[Clock]) -> Iterator[Found]:
    """Value: an RRULE without its name, parts in the order of RFC 5545's table. `said` are the text's clocks: one
    that stands right behind tells the hour; a stretch (9点到18点) or a part of the day alone is told by no rule."""
    if not any(char in text for char in "每逢隔天日次"):
        return
    for pattern, rule in _FORMS:
        for match in pattern.finditer(text):
            if (value := rule(match)) is not None:
                yield _with_hour(match, value, said)


def _with_hour(match: Match, rule: str, said: Sequence[Clock]) -> Found:
    start, end = match.span()
    hour = _clock_at(match.string, said, end)
    if (match.groupdict().get("unit") or "") in _PART_OF_DAY:  # 每晚8点: the 晚 is the clock's
        hour = _clock_at(match.string, said, end - 1) or hour
    if hour is None or hour.wrong or hour.last is not None or _ON.match(match.string, hour.end):
        return Found("recurrence", start, end, rule)
    if hour.hour is None and len(hour.part) == 1:
        return Found("recurrence", start, end, rule)
    if hour.hour is None:
        return Found("recurrence", start, max(end, hour.end), rule)
    minutes = hour.minutes_of_day
    at = f";BYHOUR={minutes // 60 % 24};BYMINUTE={minutes % 60}"
    return Found("recurrence", start, max(end, hour.end), rule + at)


def _clock_at(text: str, said: Sequence[Clock], *places: int) -> Clock | None:
    glued = [match.end() for at in places if (match := _BEHIND.match(text, at))]
    near = [one for one in said if one.start in (*places, *glued)]
    return max(near, key=lambda one: one.end, default=None)


def _rule(freq: str, interval: int = 1, **parts: str) -> str:
    told = [f"FREQ={freq}"] + ([f"INTERVAL={interval}"] if interval != 1 else [])
    return ";".join(told + [f"{name}={value}" for name, value in parts.items() if value])


def _weekdays(match: Match) -> str:
    first = _DAYS[match["first"]]
    if match["to"]:
        begin, end = _ORDER.index(first), _ORDER.index(_DAYS[match["to"]])
        days = _ORDER[begin : end + 1] if begin <= end else _ORDER[begin:] + _ORDER[: end + 1]
    else:
        named = {first} | {_DAYS[char] for char in match["more"] or "" if char in _DAYS}
        days = tuple(day for day in _ORDER if day in named)
    return _rule("WEEKLY", BYDAY=",".join(days))


def _nth_weekday(match: Match) -> str:
    nth = -1 if match["last"] else read_int(match["nth"])
    return _rule("MONTHLY", BYDAY=f"{nth}{_DAYS[match['day']]}")


def _month_days(match: Match) -> str | None:
    days = [read_int(words) for words in re.findall(DAY_NUMBER, match["days"])]
    if any(day is None or not 1 <= day <= 31 for day in days):
        return None
    return _rule("MONTHLY", BYMONTHDAY=",".join(map(str, days)))


def _month_end(match: Match) -> str:
    return _rule("MONTHLY", BYMONTHDAY="-1" if match["last"] else "1")


def _year_day(match: Match) -> str | None:
    month, day = read_int(match["month"]), read_int(match["day"] or "一")
    if month is None or day is None or not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    return _rule("YEARLY", BYMONTH=str(month), BYMONTHDAY=str(day) if match["day"] else "")


_NEXT_DAY = ("发", "到", "再", "才", "达")
"""隔天发 is sent the day after."""


def _apart(match: Match) -> str | None:
    """每隔两天 is every third day; but 每隔两小时 is every two hours: so it is used of what has no nights between."""
    unit = match["unit"].removeprefix("个")
    if match[0][0] == "隔" and match["count"] is None and match.string.startswith(_NEXT_DAY, match.end()):
        return None
    if match["count"] is None and unit not in ("天", "日", "周", "月", "年", "星期", "礼拜"):
        return None
    count = read(match["count"] or "一")
    if count is None or unit == "季度":
        return None
    if _FREQ[unit] in ("SECONDLY", "MINUTELY", "HOURLY"):
        return _every_so_many(count, unit)
    return _rule(_FREQ[unit], int(count) + 1) if count == int(count) else None


def _every(match: Match) -> str | None:
    unit = match["unit"].removeprefix("个")
    count = read(match["count"] or "一")
    return None if count is None else _every_so_many(count, unit)


def _every_so_many(count: object, unit: str) -> str | None:
    number = float(str(count))
    if number == 0.5 and unit in _HALVES:
        return _rule(*_HALVES[unit])
    if number != int(number) or number < 1:
        return None
    if unit == "季度":
        return _rule("MONTHLY", 3 * int(number))
    if unit == "刻钟":
        return _rule("MINUTELY", 15 * int(number))
    return _rule(_FREQ[unit], int(number))


_FORMS: tuple[tuple[re.Pattern[str], Callable[[Match], str | None]], ...] = (
    (_WORKDAYS, lambda match: _rule("WEEKLY", BYDAY="MO,TU,WE,TH,FR")),
    (_WEEKEND, lambda match: _rule("WEEKLY", BYDAY="SA,SU")),
    (_WEEKDAYS, _weekdays),
    (_DAILY_FROM_TO, _weekdays),
    (_BY_NTH_WEEKDAY, _nth_weekday),
    (_MONTH_DAYS, _month_days),
    (_MONTH_END, _month_end),
    (_YEAR_DAY, _year_day),
    (_APART, _apart),
    (_EVERY, _every),
    (_ONCE_IN, lambda match: _every(match) if match["count"] else None),
    (_DAY_BY_DAY, lambda match: _rule("DAILY")),
)
