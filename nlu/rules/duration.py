"""How long: 三天, 半小时, 一年半, 三到五天; and the lengths that times are counted by (三天前)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from adapters.message import Json
from nlu.rules.found import Found
from nlu.rules.number import next_round
from nlu.rules.numerals import NUMERAL, read
from nlu.rules.pieces import SHORT_TIME, TO

FEW_WORDS = ("几", "数", "些")
"""几天 is how many days nobody says; who must reckon with it takes a week at most."""


@dataclass(frozen=True, slots=True)
class Length:
    """So many of each unit, as it was said: 90分钟 is no hour and a half, for a customer may be billed by it."""

    years: Decimal = Decimal(0)
    months: Decimal = Decimal(0)
    weeks: Decimal = Decimal(0)
    days: Decimal = Decimal(0)
    hours: Decimal = Decimal(0)
    minutes: Decimal = Decimal(0)
    seconds: Decimal = Decimal(0)

    def __add__(self, other: Length) -> Length:
        return Length(*(getattr(self, name) + getattr(other, name) for name in _NAMES))

    def times(self, count: Decimal) -> Length:
        return Length(*(getattr(self, name) * count for name in _NAMES))

    def whole(self) -> Length:
        """With what is left of a unit told in the next smaller ones: a month and a half is P1M15D."""
        left: dict[str, Decimal] = {name: getattr(self, name) for name in _NAMES}
        for name, smaller, size in _SMALLER:
            rest = left[name] % 1
            left[name] -= rest
            left[smaller] += rest * size
        return Length(**left)

    @property
    def seconds_about(self) -> Decimal:
        """To compare by: a month has 30 days here, a year 360."""
        days = (self.years * 12 + self.months) * 30 + self.weeks * 7 + self.days
        return ((days * 24 + self.hours) * 60 + self.minutes) * 60 + self.seconds

    @property
    def iso(self) -> str:
        """ISO 8601; weeks stand alone there, so beside another unit they are told in days."""
        one = self.whole()
        if one.weeks and one == Length(weeks=one.weeks):
            return f"P{_figure(one.weeks)}W"
        one = Length(one.years, one.months, Decimal(0), one.days + one.weeks * 7, one.hours, one.minutes, one.seconds)
        day = _letters((one.years, "Y"), (one.months, "M"), (one.days, "D"))
        clock = _letters((one.hours, "H"), (one.minutes, "M"), (one.seconds, "S"))
        return f"P{day}" + (f"T{clock}" if clock else "") if day or clock else "PT0S"


_NAMES = ("years", "months", "weeks", "days", "hours", "minutes", "seconds")
_SMALLER = (
    ("years", "months", 12), ("months", "days", 30), ("weeks", "days", 7), ("days", "hours", 24),
    ("hours", "minutes", 60), ("minutes", "seconds", 60),
)  # fmt: skip


def _figure(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _letters(*parts: tuple[Decimal, str]) -> str:
    return "".join(f"{_figure(value)}{letter}" for value, letter in parts if value)


UNITS: Mapping[str, Length] = {
    "年": Length(years=Decimal(1)), "季度": Length(months=Decimal(3)), "月": Length(months=Decimal(1)),
    **dict.fromkeys(("周", "星期", "礼拜"), Length(weeks=Decimal(1))),
    **dict.fromkeys(("天", "日"), Length(days=Decimal(1))),
    **dict.fromkeys(("小时", "钟头", "钟"), Length(hours=Decimal(1))),
    **dict.fromkeys(("分钟", "分"), Length(minutes=Decimal(1))), "刻钟": Length(minutes=Decimal(15)),
    **dict.fromkeys(("秒钟", "秒"), Length(seconds=Decimal(1))),
    **dict.fromkeys(("h", "hr", "hrs"), Length(hours=Decimal(1))),
    **dict.fromkeys(("min", "mins"), Length(minutes=Decimal(1))),
}  # fmt: skip

# --- in a text ------------------------------------------------------------------------------------------------

_MAY_BE = re.compile("[年月周期拜天时头分刻秒度]|\\d ?(?:h|min)")
_LEFT = r"(?<![\da-z.零〇一二两三四五六七八九十百千万亿第每隔])(?<!\d[-/:,])"
_COUNT = rf"(?:{NUMERAL}|半)"
_ONE = re.compile(
    rf"(?P<count>{_COUNT})(?:个)?(?P<mid>半)?(?P<unit>小时|钟头|星期|礼拜|季度|月|分钟|分|秒钟?|刻钟|[周天日年钟]|hrs?|h|mins?)(?P<tail>半)?"
)
_HALF_MONTH = re.compile("(?<!个)半月")
_NAMED = (
    rf"(?:{_COUNT}(?:个半?(?:小时|钟头|星期|礼拜|季度|[月钟])|小时|钟头|星期|礼拜|季度|分钟"
    rf"|秒钟?|刻钟|[周天年])半?|半月)"
)
_SHORT_MINUTES = rf"(?:{_COUNT}分(?=零?{_COUNT}秒)|(?<=[小钟][时头]){_COUNT}分(?!之|期|类))"
_WORDS = rf"{_NAMED}(?:[零又]?(?:{_NAMED}|{_SHORT_MINUTES})){{0,3}}"
_END = (
    r"(?![级代糕龄货薪终检猫然津堂使空才杀]|轻|到[晚头]|两头|打鱼|[一两二三四五六七八九十\d]+[次回遍顿]|度[^过]|(?<=年)会|(?<=周)[年一二三四五六日末岁围期转边长刊报](?![天个周年月])|(?<=天)[气下上地天]"
    r"|(?<=小时)(?:工|营业|在线|客服|服务|热水|便利|自助|人工|热线|待命|达)|(?<=月)[饼份亮]|(?<=[天年])前|(?<=星期)[一二三四五六日天]|(?<=礼拜)[一二三四五六日天])"
)
_RANGE = re.compile(
    rf"{_LEFT}(?P<low>{NUMERAL}|半)(?P<low_unit>个?(?:小时|钟头|星期|礼拜|季度|月|分钟|秒钟?|[周天年]))?{TO}"
    rf"(?P<high>{NUMERAL})(?P<unit>个?(?:小时|钟头|星期|礼拜|季度)|个月|分钟|秒钟?|刻钟|[周天年]){_END}"
)
_PAIR = re.compile(
    rf"{_LEFT}(?P<low>一两|两三|三两|三四|三五|四五|五六|六七|七八|八九)(?P<tens>[十百]?)"
    rf"(?P<unit>个?(?:小时|钟头|星期|礼拜|季度)|个月|分钟|秒钟?|刻钟|[周天年]){_END}"
)
_MORE = re.compile(
    rf"{_LEFT}(?:(?P<round>\d*0|[一二两三四五六七八九百千万]*[十百千万])(?P<word>[几多来])"
    rf"(?P<unit>个?(?:小时|钟头|星期|礼拜|季度)|个月|分钟|秒钟?|[周天年])"
    rf"|(?P<count>{NUMERAL})(?:(?P<of>个?(?:小时|钟头|星期|礼拜)|[周天年])多|个多(?P<after>小时|钟头|星期|礼拜|月|季度))){_END}"
)
_PLAIN = re.compile(rf"{_LEFT}{_WORDS}{_END}|{_LEFT}\d+(?:\.\d+)? ?(?:hrs?|h|mins?)(?![a-z\d])")
# 五万一年 is a sum and a year: short forms (五万一) count no units
_BEHIND_A_SUM = re.compile(rf"(?<=[百千万]){SHORT_TIME}{_END}")
_SHORT_COUNT = re.compile(rf"{NUMERAL}(?<=[百千万][一二两三四五六七八九])个?半?[小钟星礼季月周天年]")
_ROUND_THE_CLOCK = re.compile(r"(?:7 ?[x*×] ?)?24 ?小时(?:营业|在线|客服|服务|热水|便利|自助|人工|热线|待命)")
_WHOLE = re.compile(rf"{_LEFT}一整(?P<unit>[天年周]|个?(?:月|星期|礼拜|小时))")
_YEAR_NAME = re.compile(r"(?:19|20)\d\d年|[一二][零〇九][零〇一二三四五六七八九]{2}年|[0189]\d年$")
# 等了半天, 半天没人理: half a day that means a long while
_LONG_WHILE = re.compile(r"(?:[了老好大]|说|搞|找|弄)$")
_ALL_AROUND = re.compile("还?[有没都是]|的|环境|查|逛|看")
"""四周还有什么 is no month."""
_ONE_OF_THEM = ("同", "哪", "某", "那", "这", "有", "另", "另外")
_LONG_WHILE_BEHIND = re.compile("[没都也才不还了]|一直")


def durations(text: str) -> Iterator[Found]:
    """Value: an ISO 8601 duration; {"from", "to"} for 三到五天, 两三天, 十几天 and 一年多."""
    if not _MAY_BE.search(text):
        return
    for match in _RANGE.finditer(text):
        yield from _found(match, _between(match, read(match["low"]), read(match["high"])))
    for match in _PAIR.finditer(text):
        low, high = sorted(read(char + match["tens"]) or Decimal(0) for char in match["low"])
        yield from _found(match, _between(match, low, high))
    for match in _MORE.finditer(text):
        yield from _found(match, _more(match))
    for match in _ROUND_THE_CLOCK.finditer(text):  # a way of serving, and no length
        yield Found("duration", *match.span(), None)
    for match in _WHOLE.finditer(text):
        yield from _found(match, _unit(match["unit"]).iso)
    for match in _BEHIND_A_SUM.finditer(text):
        length = read_length(match[0])
        yield from _found(match, None if length is None else length.iso)
    for match in _PLAIN.finditer(text):
        if not _is_idle(match) and not _SHORT_COUNT.match(match[0]):
            length = read_length(match[0])
            yield from _found(match, None if length is None else length.iso)


def _found(match: re.Match[str], value: Json) -> Iterator[Found]:
    if value is not None:
        yield Found("duration", *match.span(), value)


def read_length(words: str) -> Length | None:
    """The whole of 1小时30分钟; None where a count is no number (几天, 一二十年)."""
    total = Length()
    for match in _ONE.finditer(_HALF_MONTH.sub("半个月", words)):
        count = read(match["count"])
        if count is None:
            return None
        half = Decimal("0.5") if match["mid"] or match["tail"] else Decimal(0)
        total += UNITS[match["unit"]].times(count + half)
    return total


def _is_idle(match: re.Match[str]) -> bool:
    """A year's name, one and the same day (同一天), or half a day that only means too long."""
    text, start, end = match.string, match.start(), match.end()
    if _YEAR_NAME.fullmatch(match[0]) or (match[0][0] == "一" and text[:start].endswith(_ONE_OF_THEM)):
        return True
    if match[0] == "四周" and _ALL_AROUND.match(text, end):
        return True
    return match[0] == "半天" and bool(_LONG_WHILE.search(text, 0, start) or _LONG_WHILE_BEHIND.match(text, end))


def _unit(words: str) -> Length:
    return UNITS[words.removeprefix("个")]


def _between(match: re.Match[str], low: Decimal | None, high: Decimal | None) -> Json:
    if low is None or high is None:
        return None
    unit = _unit(match["unit"])
    first, last = _unit(match.groupdict().get("low_unit") or match["unit"]).times(low), unit.times(high)
    return {"from": first.iso, "to": last.iso} if first.seconds_about < last.seconds_about else None


def _more(match: re.Match[str]) -> Json:
    """十几天 is 10 to 20 days, 二十多天 20 to 30, 一年多 one to two years."""
    low = read(match["round"] or match["count"])
    if low is None:
        return None
    unit = _unit(match["unit"] or match["of"] or match["after"])
    step = next_round(low) if match["round"] else Decimal(1)
    return {"from": unit.times(low).iso, "to": unit.times(low + step).iso}
