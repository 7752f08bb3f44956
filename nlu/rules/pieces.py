"""Pieces of the time grammar's patterns, and what their words mean."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from nlu.rules.calendar import Span
from nlu.rules.numerals import read_int

Match = re.Match[str]
Form = tuple[re.Pattern[str], Callable[[Match, date], Span | None]]
"""A pattern, and what its match means as seen from a day. None or a ValueError: there is no such date."""

LEFT = r"(?<![\da-z.零〇一二两三四五六七八九十百千第每])(?<!\d[-/:])"
"""A numeral begins here: what stands before is no part of it."""
MONTH = r"(?:\d{1,2}|十[一二]?|[一二三四五六七八九])"
DAY_NUMBER = r"(?:\d{1,2}|[二三]?十[一二三四五六七八九]?|[一二三四五六七八九])"
SHORT_TIME = "(?:[一二两三四五六七八九](?:个(?:月|星期|礼拜|小时|季度|钟头)|小时|年|天|周|星期|礼拜))"
"""One unit of time, a figure long."""
TO = " ?(?:一直到|到|至|[-~—–]) ?"
_YEARS = {"大前年": -3, "前年": -2, "去年": -1, "上一年": -1, "今年": 0, "本年": 0, "明年": 1, "后年": 2, "大后年": 3}
YEAR = (
    r"(?:大?[前后]年|[去今明]年|(?<!日)本年(?!度?会)|上一年|(?:19|20)\d\d年|(?<![\d.])[0-4]\d年(?=\d|[一二三四五六七八九十]+月|[双春国除]|中秋|端午|元旦|五一)"
    r"|[一二][零〇九][零〇一二三四五六七八九]{2}年)"
)


def year_of(words: str | None, today: date) -> int | None:
    """The year that 去年, 24年 or 二〇二六年 names; None where none is named."""
    if not words:
        return None
    if words in _YEARS:
        return today.year + _YEARS[words]
    number = read_int(words.removesuffix("年"))
    return None if number is None else number + 2000 if number < 100 else number


def whole(words: str) -> int:
    """Raises ValueError where the words are no whole number."""
    number = read_int(words)
    if number is None:
        raise ValueError(words)
    return number
