"""Times of day: 下午三点一刻, 晚上8点到10点, 15:30, 3pm, 凌晨, 中午."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from nlu.rules.calendar import DAY, Span, minutes, moment
from nlu.rules.numerals import read_int
from nlu.rules.pieces import TO, Match


@dataclass(frozen=True, slots=True)
class Clock:
    """A time of day in the text: `hour` as it was said (None: only `part`, a word of `PARTS`).

    `exact` hours (15:30, 03点) say themselves which half of the day they mean. `needs_date` is for what counts
    only behind a day: 早 and 晚 (明早), 一点. `last` is the end of 2到4点半, and then `minute` is the end's.
    `wrong` takes the words and tells nothing (25点).
    """

    start: int
    end: int
    part: str = ""
    hour: int | None = None
    minute: int = 0
    exact: bool = False
    needs_date: bool = False
    last: int | None = None
    wrong: bool = False

    def on(self, day: date) -> Span | None:
        """This time on a day; None where the clock has no such time."""
        begin = datetime.combine(day, time())
        if self.wrong:
            return None
        if self.hour is None:
            first, last = _HOURS[self.part]
            return minutes(begin + first * _HOUR, begin + last * _HOUR)
        first_at, past = begin + self._hour_of_day(self.hour) * _HOUR, timedelta(minutes=self.minute)
        if self.last is None:
            return moment(first_at + past)
        last_at = begin + self._hour_of_day(self.last) * _HOUR + past
        return minutes(first_at, _after(first_at, last_at))

    @property
    def minutes_of_day(self) -> int:
        """Since midnight, of a clock with an hour."""
        return self._hour_of_day(self.hour or 0) * 60 + self.minute

    def _hour_of_day(self, hour: int) -> int:
        """Hours since midnight; 24 and more on the next morning (晚上12点, 今晚两点)."""
        if self.exact or hour > 12:
            return hour
        if not self.part:
            return hour + 12 if 1 <= hour <= AFTERNOON_UNTIL else hour
        return _PARTS[self.part].turn(hour)


def _after(first: datetime, last: datetime) -> datetime:
    """`last` moved on by half days until it is behind `first`: 11点到1点, 晚上10点到2点."""
    while last <= first:
        last += DAY / 2
    return last


def end_after(left: Clock, right: Clock, first: datetime) -> datetime | None:
    """When a stretch that began at `first` ends: the right side has the left's part of the day (晚上8点到10点)."""
    said = Clock(right.start, right.end, right.part or left.part, right.hour, right.minute, right.exact or left.exact)
    span = said.on(first.date())
    return None if span is None else _after(first, span.last)


_HOUR = timedelta(hours=1)
AFTERNOON_UNTIL = 6
"""A bare 1点 to 6点 is in the afternoon: nobody asks a shop to call at three in the night without saying so."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Hours `first` to `last` of the day; an hour said with it below `noon_until` (of 12) is in the second half."""

    first: float
    last: float
    kind: str

    def turn(self, hour: int) -> int:
        match self.kind:
            case "night":
                return 0 if hour == 12 else hour
            case "morning":
                return hour
            case "noon":
                return hour + 12 if hour < 10 else hour
            case "afternoon":
                return hour + 12 if hour < 12 else hour
            case _:  # the evening reaches over midnight
                return hour + 24 if hour < 5 else hour + 12


_NIGHT, _MORNING = _Part(0, 6, "night"), _Part(6, 9, "morning")
_EVENING = _Part(18, 24 - 1 / 60, "evening")
"""To 23:59: both ends of a stretch belong to it."""
_PARTS = {
    "凌晨": _NIGHT,
    **dict.fromkeys(("清晨", "清早", "一大早", "大清早", "一早", "大早上", "早晨", "早上", "早间", "早"), _MORNING),
    "上午": _Part(8, 12, "morning"),
    **dict.fromkeys(("中午", "正午", "晌午"), _Part(11, 13, "noon")),
    **dict.fromkeys(("下午", "午后"), _Part(12, 18, "afternoon")),
    **dict.fromkeys(("傍晚", "黄昏"), _Part(17, 19, "afternoon")),
    **dict.fromkeys(("晚上", "晚间", "夜里", "夜晚", "夜间", "大晚上", "晚", "夜"), _EVENING),
    **dict.fromkeys(("半夜", "深夜", "午夜", "大半夜"), _Part(23, 26, "evening")),
    "后半夜": _Part(24, 30, "evening"),
    "白天": _Part(8, 18, "morning"),
}
_HOURS = {word: (part.first, part.last) for word, part in _PARTS.items()}

# --- patterns -----------------------------------------------------------------------------------------------

_LONG_PARTS = "|".join(sorted((word for word in _PARTS if len(word) > 1), key=len, reverse=True))
# 一下午 and 整晚 say how long, but 周一下午 when
_PART = rf"(?<!整)(?<!(?<![周期拜])一)(?P<part>{_LONG_PARTS}|[早晚夜])"
_H = r"(?:[01]?\d|2[0-4]|\d{2}|二十[一二三四]?|十[一二三四五六七八九]?|[零一二两三四五六七八九])"
_MINUTES = r"(?:\d{1,2}|零[一二三四五六七八九]|[二三四五六七八九]?十[一二三四五六七八九]?|[一二三四五六七八九])"
_LEFT = r"(?<![\da-z.:零〇一二三四五六七八九十百千第])"
_NO_HOUR = "[候间不常尚段光髦代期长效]"  # 时候, 时间
_NO_MINUTE_BEFORE = r"[\d个件块元折%点号条单天多万千百分小.:]"
_TENS = "[二三四五]?十[一二三四五六七八九]?"
_SAID = re.compile(
    rf"(?:{_PART}[ 的]?)?{_LEFT}(?:(?P<from>{_H}){TO})?(?P<hour>{_H})"
    rf"(?P<unit>点钟?|(?<!(?<!十)一)时(?!{_NO_HOUR}))"
    rf"(?:(?P<quarter>[一三13])刻钟?|(?P<half>半)|整|[过零]?(?P<minute>{_MINUTES})分(?!之|钟?[内后前])"
    rf"|(?P<short>[0-5]\d|零[一二三四五六七八九]|{_TENS})(?!{_NO_MINUTE_BEFORE}))?"
)
_TWO_HOURS = re.compile(
    rf"(?:{_PART}[ 的]?)?{_LEFT}(?P<two>一两|两三|三四|四五|五六|六七|七八|八九|九十|十一二)点钟?"
    rf"(?![一二三四五六七八九十半\d钱])"
)
"""晚上七八点 is between seven and eight."""
_AM_PM = "(?P<half_of_day>am|pm)"
_COLON = re.compile(
    rf"(?:{_PART}[ 的]?)?(?:(?<=\dt)|(?<![\da-z.:]))(?P<hour>\d{{1,2}}):(?P<minute>\d\d)(?::\d\d(?:\.\d+)?)?"
    rf"(?![\d:])(?: ?{_AM_PM})?z?"
)
_ENGLISH = re.compile(rf"(?<![\da-z.:])(?P<hour>\d{{1,2}}) ?{_AM_PM}(?![a-z])")
_SHORT_OF = re.compile(
    rf"(?:{_PART}[ 的]?)?{_LEFT}(?:差(?P<less>一刻|{_MINUTES})分?钟?(?:到|就)?(?P<hour>{_H})点"
    rf"|(?P<hour_2>{_H})点差(?P<less_2>一刻|{_MINUTES})分?)"
)
_ONLY = re.compile(rf"(?<!每){_PART}(?![好茶饭餐班会安自盘市点霜礼服教期恋熟操读报起])(?!睡|一点)")
_HALF_OF_DAY = {"am": "上午", "pm": "下午"}
_NO_HOUR_BEFORE = re.compile(r"(?:[有这那几些快慢早晚提高低好]|以下|如下|以上|便宜|(?<!差不)多)$")
_NO_HOUR_AFTER = re.compile(
    r"建议|问题|意见|要求|原因|疑问|需求|不明|希望|想法|理由|声明|区别|[钱点儿式一二三四五六七八九]"
)
_NOT_ONE_OCLOCK = re.compile("[都也用没不]")  # 今天一点都没动
_ONES = ("一", "1")


def clocks(text: str) -> Iterator[Clock]:
    for match in _SAID.finditer(text):
        if (said := _said(match)) is not None:
            yield said
    for match in _TWO_HOURS.finditer(text):
        first, last = (11, 12) if match["two"] == "十一二" else (read_int(char) for char in match["two"])
        yield Clock(*match.span(), part=match["part"] or "", hour=first, last=last)
    for match in _COLON.finditer(text):
        yield _colon(match)
    for match in _ENGLISH.finditer(text):
        yield _colon(match)
    for match in _SHORT_OF.finditer(text):
        yield _short_of(match)
    for match in _ONLY.finditer(text):
        yield Clock(*match.span(), part=match["part"], needs_date=len(match["part"]) == 1)


def _said(match: Match) -> Clock | None:
    hour, part = read_int(match["hour"]), match["part"] or ""
    begin = read_int(match["from"]) if match["from"] else None
    if hour is None or (begin is None and _is_no_hour(match)):
        return None
    minute = _minute(match)
    return Clock(
        *match.span(),
        part=part,
        hour=hour if begin is None else begin,
        minute=minute,
        exact=match["hour"].startswith("0") and not part,
        needs_date=begin is None
        and _is_bare(match)
        and (match["hour"] in _ONES or (match["unit"] == "时" and len(match["hour"]) == 1)),
        last=None if begin is None else hour,
        wrong=max(hour, begin or 0) > 24 or minute > 59,
    )


def _is_bare(match: Match) -> bool:
    """Nothing but 两点, 1点 or 早一点."""
    short_part = not match["part"] or (len(match["part"]) == 1 and match["hour"] in _ONES)
    return short_part and match.end() == match.end("unit") and match["unit"] in ("点", "时")


def _is_no_hour(match: Match) -> bool:
    """一点都不, 两点建议, 便宜1点, 三点五: an hour only where nothing else is likelier."""
    if not _is_bare(match):
        return False
    text = match.string
    if match["hour"] in _ONES and _NOT_ONE_OCLOCK.match(text, match.end()):
        return True
    return bool(_NO_HOUR_BEFORE.search(text, 0, match.start("hour")) or _NO_HOUR_AFTER.match(text, match.end()))


def _minute(match: Match) -> int:
    if match["half"]:
        return 30
    if match["quarter"]:
        return 15 if match["quarter"] in _ONES else 45
    return read_int(match["minute"] or match["short"] or "零") or 0


def _colon(match: Match) -> Clock:
    groups = match.groupdict()
    hour, minute = int(groups["hour"]), int(groups.get("minute") or 0)
    part = groups.get("part") or _HALF_OF_DAY.get(groups["half_of_day"] or "", "")
    if groups["half_of_day"] == "am" and hour == 12:
        hour = 0
    wrong = hour > 24 or minute > 59 or (groups["half_of_day"] is not None and hour > 12)
    return Clock(*match.span(), part=part, hour=hour, minute=minute, exact=not part, wrong=wrong)


def _short_of(match: Match) -> Clock:
    """差5分8点 is 7:55."""
    hour = read_int(match["hour"] or match["hour_2"]) or 0
    less = match["less"] or match["less_2"]
    minute = 15 if less == "一刻" else read_int(less) or 0
    return Clock(*match.span(), part=match["part"] or "", hour=hour, minute=-minute, wrong=hour > 24)
