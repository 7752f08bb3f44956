"""Percentages and plain numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from adapters.message import Json
from nlu.rules.found import Found, plain_number
from nlu.rules.numerals import ARABIC, HAN, NUMERAL, read
from nlu.rules.pieces import TO

_LEFT = r"(?<![\da-z*零〇一二两三四五六七八九十百千万亿])(?<![\d][.,:/-])"

# --- percent ------------------------------------------------------------------------------------------------

_PERCENT = re.compile(
    rf"(?P<base>百|千|万)分之(?P<part>{NUMERAL}|百)"
    rf"|{_LEFT}(?P<sign>{ARABIC})(?P<mark>[%‰])"
    rf"|{_LEFT}(?P<off>\d(?:\.\d|\d)?|[一二三四五六七八九]{{1,2}}|[一二三四五六七八九]点[一二三四五六七八九])"
    r"折(?![叠页线合扣腾磨返射断旧痕纸])"
    rf"|{_LEFT}(?P<tenths>\d|[一二三四五六七八九])成(?![功本交员为都分人就熟了立绩不长])"
    r"|(?P<all>百分百)|(?P<half>对折|五五折)"
)
_PERCENT_RANGE = re.compile(
    rf"{_LEFT}(?:(?P<low>{ARABIC})%?{TO}(?P<high>{ARABIC})%"
    rf"|(?P<low_off>\d(?:\.\d)?|[一二三四五六七八九])折?{TO}(?P<high_off>\d(?:\.\d)?|[一二三四五六七八九])(?:折(?![叠页线合扣腾磨返射断旧痕纸])|成(?![功本交员为都分人就熟了立绩不长]))"
    rf"|百分之(?P<low_part>{NUMERAL}){TO}(?:百分之)?(?P<high_part>{NUMERAL}))"
)
_BASES = {"百": Decimal(1), "千": Decimal("0.1"), "万": Decimal("0.01")}


def percents(text: str) -> Iterator[Found]:
    """Value: in percent, so 25% and 百分之二十五 are 25. A discount is what remains to be paid: 八折 80, 85折 85;
    九成新 is 90."""
    for match in _PERCENT_RANGE.finditer(text):
        tenth = 10 if match["low_off"] else 1
        low = read(match["low"] or match["low_off"] or match["low_part"])
        high = read(match["high"] or match["high_off"] or match["high_part"])
        if low is not None and high is not None and low < high:
            yield Found("percent", *match.span(), _range(low * tenth, high * tenth))
    for match in _PERCENT.finditer(text):
        value = _percent(match)
        if value is not None:
            yield Found("percent", *match.span(), plain_number(value))


def _percent(match: re.Match[str]) -> Decimal | None:
    if match["all"] or match["half"]:
        return Decimal(100 if match["all"] else 50)
    if match["part"]:
        value = Decimal(100) if match["part"] == "百" else read(match["part"])
        return None if value is None else value * _BASES[match["base"]]
    if match["sign"]:
        value = read(match["sign"])
        return None if value is None else value * (1 if match["mark"] == "%" else Decimal("0.1"))
    value = read(match["off"] or match["tenths"])
    # 八折 and 9.5折 count tenths, 85折 and 八五折 hundredths
    return value if value is None or value >= 10 else value * 10


# --- numbers ------------------------------------------------------------------------------------------------

MEASURES = (
    "个月|个|件(?!套)|条|单|笔|(?<!番五)次|双|台|份|张|只|本|包|箱|盒|瓶|袋|套|部|辆|把|支|杯|位|名|人|斤|公斤|千克|克|吨|米|厘米|公里|升"
    "|毫升|天|小时|分钟|秒|年(?![代级])|岁|(?<!四)周|遍|种|样|家|层|页|行(?![不吗么啊吧呢])|字|寸|码|倍|回|趟|颗|粒|块|片|根|棵|束|朵|桶|罐|卷|批|组|副|对|打|期"
)
"""What is counted and so no sum of money."""
_UNIT_NAMES = "(?:kg|cm|mm|km|ml|gb|tb)(?![a-z0-9])"
_PICTURE = "屏|电视|显示|视频|高清|超清|画质|分辨率|蓝光|投影|摄像"
"""4K屏 has no four thousand of anything."""
_MINUS = r"(?P<minus{0}>负|(?<![\da-z)\u4e00-\u9fff])-)?"
_FORMS = (
    rf"第(?P<rank>{NUMERAL})(?!时间|[方手者线人次天年月周])",
    rf"{_LEFT}(?!0\d)(?P<from>{NUMERAL}){TO}(?P<to>{NUMERAL})(?=左右|之间|的|$)",
    rf"{_LEFT}(?P<round>\d*0|[一二两三四五六七八九十百千万]*[十百千万])(?P<more>[几多来])(?=的|$|[,.!?。])",
    rf"{_MINUS.format(1)}{_LEFT}(?P<arabic>{ARABIC}(?:[百千万亿]+\d?(?!\d)|[kw](?![a-z]|{_PICTURE}))?+)"
    rf"(?:(?={_UNIT_NAMES})|(?![\da-z零〇一二三四五六七八九]|[.,:/-]\d|[号#*]))",
    # a number of its own in the middle of a sentence, if it is a large one: 浏览量一百三十万
    rf"{_LEFT}(?P<large>(?!二百五)[一二两三四五六七八九十]{HAN}*[百千万亿]{HAN}*+)(?!分之|{MEASURES})",
    # digits read one by one: 验证码三八四七
    rf"(?<=[码号是为:]){_LEFT}(?P<spelled>[零〇一二三四五六七八九]{{4,}})(?![十百千万亿年月])",
    r"(?P<couple>俩|仨)",
    rf"{_LEFT}(?P<counted>{HAN}+(?:点[零〇一二三四五六七八九]+)?)(?=左右|上下|以[内上下])",
    rf"(?<![^,.!?。:是要买共有了选 ]){_MINUS.format(2)}(?P<alone>(?!二百五){HAN}+"
    rf"(?:点[零〇一二三四五六七八九]+)?)(?![^,.!?。吧吗么呢啊呀 ])",
)
_NUMBER = re.compile("|".join(_FORMS))
_COUPLES = {"俩": 2, "仨": 3}


def numbers(text: str) -> Iterator[Found]:
    """Value: a JSON number (负五 -5, 俩 2, 第三 3); {"from", "to"} where it is not exact.

    What counts something (两个) is a quantity. Numbers in Chinese characters need units (一百二十) or to stand alone:
    一下 is none.
    """
    for match in _NUMBER.finditer(text):
        value = _number(match)
        if value is not None:
            yield Found("number", *match.span(), value)


def _number(match: re.Match[str]) -> Json:
    match match.lastgroup:
        case "couple":
            return _COUPLES[match["couple"]]
        case "to":
            return _range(read(match["from"]), read(match["to"]))
        case "more":
            return _some(match["round"])
        case _:
            value = read(match[match.lastgroup or 0])
            minus = match["minus1"] or match["minus2"]
            return None if value is None else plain_number(-value if minus else value)


def _range(first: Decimal | None, last: Decimal | None) -> Json:
    if first is None or last is None or first > last:
        return None
    return {"from": plain_number(first), "to": plain_number(last)}


def _some(base: str) -> Json:
    """十几, 二十多 and 100来 reach to the next round number."""
    low = read(base)
    return None if low is None else _range(low, low + next_round(low))


def next_round(value: Decimal) -> Decimal:
    """The weight of the last figure that is no zero: 100 of 300, 10 of 150."""
    step = Decimal(1)
    while value and value % (step * 10) == 0:
        step *= 10
    return step
