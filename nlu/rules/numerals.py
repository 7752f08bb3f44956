"""Numerals as Chinese writes them: 120, 1,299.00, 1万2, 3.5k, 一百二, 二〇二六, 三点五, 半."""

from __future__ import annotations

import re
from decimal import Decimal

DIGITS = {char: value for value, chars in enumerate(("零〇", "一幺", "二两", *"三四五六七八九")) for char in chars}
UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000, "k": 1000, "w": 10_000}

_D = "一二两三四五六七八九"
HAN = "[零〇一二两三四五六七八九十百千万亿]"
ARABIC = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
NUMERAL = (
    rf"(?:{ARABIC}(?:[万千](?:\d[千百])+|[百千万亿]+\d?(?!\d)|[kw]\d?(?![a-z\d]))?|{HAN}+"
    rf"(?:点[零〇一二三四五六七八九]+)?)"
)
"""A regular expression for one numeral; who uses it guards what may stand around it."""

_ARABIC = re.compile(rf"({ARABIC})([百千万亿kw]*)(\d?)")
_MIXED = re.compile(r"\d+(?:\.\d+)?[万千](?:\d[千百])+")
_FORMAL_CHARS = "壹贰貳叁叄肆伍陆陸柒捌玖拾佰仟"
_FORMAL = re.compile(rf"[{_FORMAL_CHARS}](?:[{_FORMAL_CHARS}万亿零〇]+|(?=[元圆]整))")
_PLAIN = str.maketrans("壹贰貳叁叄肆伍陆陸柒捌玖拾佰仟", "一二二三三四五六六七八九十百千")
_BELOW_10K = re.compile(rf"(?:([{_D}])千)?([零〇]?)(?:([{_D}])百)?([零〇]?)(?:([{_D}]?)(十))?([零〇]?)([{_D}]?)")


_LONGEST, _TOO_MUCH = 40, 10**15
"""Numerals of more characters, and greater ones, count nothing that anybody sells: a JSON number tells them no more
exactly, and Decimal and str give up on some."""


def unformal(text: str) -> str:
    """壹仟贰佰 as 一千二百, character by character; one alone (伍, 陆) may be a surname and stays."""
    return _FORMAL.sub(lambda match: match[0].translate(_PLAIN), text)


def read(text: str) -> Decimal | None:
    """The value of a whole numeral; None where the text is not one (一二十, 百千), or no amount of anything."""
    value = _value(text) if len(text) <= _LONGEST else None
    return value if value is not None and value < _TOO_MUCH else None


def _value(text: str) -> Decimal | None:
    if text == "半":
        return Decimal("0.5")
    if _MIXED.fullmatch(text):  # 1万2千
        return _sum(text)
    if match := _ARABIC.fullmatch(text):
        return _arabic(match[1], match[2], match[3])
    whole, point, behind = text.partition("点")
    if point:
        left, right = _spelled(whole), _spelled(behind)
        return None if left is None or right is None else Decimal(f"{left}.{right}")
    return _han(text)


def _sum(text: str) -> Decimal:
    return sum(
        (Decimal(figures) * UNITS[unit] for figures, unit in re.findall(r"([\d.]+)([百千万])", text)), Decimal(0)
    )


def read_int(text: str) -> int | None:
    """As `read`, where only a whole number makes sense (a day, an hour)."""
    value = read(text)
    return int(value) if value is not None and value == value.to_integral_value() else None


def _arabic(figures: str, units: str, tail: str) -> Decimal | None:
    value, unit = Decimal(figures.replace(",", "")), 1
    for char in units:
        unit *= UNITS[char]
    if tail and not units:
        return None
    # 1万2: the figure behind counts in the unit below
    return value * unit + (int(tail) * unit // 10 if tail else 0)


def _spelled(text: str) -> str | None:
    """Digits read one by one: 二〇二六 -> 2026; a number with units (十二点五) counts too."""
    if text and all(char in DIGITS for char in text):
        return "".join(str(DIGITS[char]) for char in text)
    value = _han(text) if text else None
    return None if value is None else str(value)


def _han(text: str) -> Decimal | None:
    if not text:
        return None
    if all(char in DIGITS for char in text):
        return Decimal("".join(str(DIGITS[char]) for char in text))
    value, last_unit = Decimal(0), 0
    rest = text
    for unit in ("亿", "万"):
        head, found, behind = rest.partition(unit)
        if found:
            part = _han(head) if unit == "亿" else _below_10k(head, last_unit)
            if part is None or part == 0:
                return None
            value, rest, last_unit = value + part * UNITS[unit], behind, UNITS[unit]
    if not rest:
        return value
    part = _below_10k(rest, last_unit)
    return None if part is None else value + part


def _below_10k(text: str, unit_before: int) -> Decimal | None:
    """`unit_before` is the unit that stands before `text`: behind 万 a bare 二 is two thousand."""
    match = _BELOW_10K.fullmatch(text)
    if not match or not text:
        return None
    thousands, zero_1, hundreds, zero_2, tens, ten, zero_3, ones = match.groups()
    if any((zero_1, zero_2, zero_3)) and not ones and not ten and not hundreds:
        return None
    value = Decimal(1000) * DIGITS.get(thousands, 0) + 100 * DIGITS.get(hundreds, 0)
    value += 10 * (DIGITS[tens] if tens else 1) if ten else 0
    if not ones:
        return value
    short = not ten and not any((zero_1, zero_2, zero_3))  # 一百二, 三千五, 一万二
    if short and (hundreds or thousands or unit_before):
        return value + DIGITS[ones] * (10 if hundreds else 100 if thousands else unit_before // 10)
    return value + DIGITS[ones]
