"""What identifies something: phone numbers, identity cards, e-mail addresses, express and order numbers.

A code is taken whole or not at all: digits inside a longer run of digits or letters are never half of a code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date

from nlu.rules.found import Found

_ALONE, _END = r"(?<![\da-z])", r"(?![\da-z])"


# --- e-mail -------------------------------------------------------------------------------------------------

_EMAIL = re.compile(
    r"(?<![a-z0-9._%+-])[a-z0-9_%+-]+(?:\.[a-z0-9_%+-]+)*@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}(?![a-z0-9-])"
)


def emails(text: str) -> Iterator[Found]:
    """Value: the address in lower case."""
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield Found("email", *match.span(), match[0])


# --- identity card ------------------------------------------------------------------------------------------

_ID_CARD = re.compile(rf"{_ALONE}[1-8]\d{{5}} ?(?:19|20)\d{{6}} ?\d{{3}}[\dx]{_END}")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999, ISO 7064 MOD 11-2
_ID_CHECKS = "10x98765432"


def is_id_card(code: str) -> bool:
    """Whether 18 characters (x in lower case) hold a real birth date and the right check character."""
    try:
        date(int(code[6:10]), int(code[10:12]), int(code[12:14]))
    except ValueError:
        return False
    weighed = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, code, strict=False))
    return _ID_CHECKS[weighed % 11] == code[17]


def id_cards(text: str) -> Iterator[Found]:
    """Value: 18 characters, X in upper case. A wrong checksum or birth date is no identity card."""
    for match in _ID_CARD.finditer(text):
        code = match[0].replace(" ", "")
        if is_id_card(code):
            yield Found("id_card", *match.span(), code.upper())


# --- phone --------------------------------------------------------------------------------------------------

_MOBILE = re.compile(rf"(?<![\da-z+])(?:(?:\+|00)?86[- ]?)?(1[3-9]\d[- ]?\d{{4}}[- ]?\d{{4}}){_END}")
_LANDLINE = re.compile(
    r"(?<![\da-z+])(?:(?:\+|00)86[- ]?)?\(?(?P<area>0?(?:10|2\d)|0?[3-9]\d{2})\)?"
    rf"(?P<gap>[- ]?)(?P<local>[2-8]\d{{3}} ?\d{{3,4}})(?:(?:-|转)(?P<extension>\d{{1,5}}))?{_END}"
)
_SERVICE = re.compile(rf"{_ALONE}[48]00[- ]?\d{{3}}[- ]?\d{{4}}{_END}|{_ALONE}[48]00[- ]?\d{{4}}[- ]?\d{{3}}{_END}")
_HOTLINE = re.compile(
    rf"(?<![\da-z][-.]){_ALONE}(?:95\d{{3}}|10000|1001[05]|1008[56]|1183|1230[56]|12315|12345|12366|12377|96\d{{3}})"
    rf"{_END}(?![-.,]\d|[元块折个件条张次天分]|号楼)"
)
_SPOKEN = re.compile("[零〇一幺二两三四五六七八九]{7,}")
_SPOKEN_DIGITS = str.maketrans("零〇一幺二两三四五六七八九", "0011223456789")
_NO_PHONE = re.compile(r"(?:订单|单号|编号|运单|卡号|qq)[号码是为:#\s]*$")


def phones(text: str) -> Iterator[Found]:
    """Value: a mobile number's 11 digits, 0AREA-LOCAL[-EXTENSION] of a landline, the digits of 400/800 and 95xxx.

    Digits that are spoken one by one (幺三八…) count too.
    """
    text = _SPOKEN.sub(lambda match: match[0].translate(_SPOKEN_DIGITS), text)
    if sum(char.isdigit() for char in text) < 5:
        return
    for match in _MOBILE.finditer(text):
        yield Found("phone", *match.span(), _digits(match[1]))
    for match in _LANDLINE.finditer(text):
        if (value := _landline(match)) and not _NO_PHONE.search(text, 0, match.start()):
            yield Found("phone", *match.span(), value)
    for match in _SERVICE.finditer(text):
        yield Found("phone", *match.span(), _digits(match[0]))
    for match in _HOTLINE.finditer(text):
        if not _NO_PHONE.search(text, 0, match.start()):
            yield Found("phone", *match.span(), match[0])


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _landline(match: re.Match[str]) -> str:
    """Empty where it is none: without the leading 0 or a gap, it is just a long number."""
    area, local = match["area"], _digits(match["local"])
    if not area.startswith("0") and not match[0].startswith(("+", "00")):
        return ""
    area = "0" + area.removeprefix("0")
    return "-".join(filter(None, (area, local, match["extension"])))


# --- express --------------------------------------------------------------------------------------------------

_CARRIERS = "sf|yt|jt|yd|zt|zto|sto|dpk|dbl|db|ky|jd[a-z]{0,3}|uc|ems|best|htky|jtky|anl|ys|cnsd"
_CARRIER = re.compile(
    rf"{_ALONE}(?:(?:{_CARRIERS}) ?\d{{10,18}}"
    rf"|[ec][a-z]\d{{9}}cn)(?:-\d{{1,3}}){{0,3}}{_END}"
)
_EXPRESS_WORD = r"(?:快递|物流|运单|包裹|顺丰|圆通|中通|申通|韵达|极兔|邮政|京东|德邦|百世|ems)"
_EXPRESS_DIGITS = re.compile(rf"{_ALONE}\d{{12,15}}{_END}")
_EXPRESS_BEFORE = re.compile(rf"{_EXPRESS_WORD}(?:[^\d,.;!?。]{{0,8}})$")


def express_numbers(text: str) -> Iterator[Found]:
    """Value: upper case. Plain digits (12-15) are an express number where a carrier or 快递 stands before them."""
    for match in _CARRIER.finditer(text):
        yield Found("express_no", *match.span(), match[0].replace(" ", "").upper())
    for match in _EXPRESS_DIGITS.finditer(text):
        before = text[max(0, match.start() - 14) : match.start()]
        if _EXPRESS_BEFORE.search(before) and "订单" not in before:
            yield Found("express_no", *match.span(), match[0])


# --- orders -----------------------------------------------------------------------------------------------------

_LETTERED = rf"{_ALONE}(?=[a-z\d_-]{{8,}}{_END})(?!qq|wx|vx)[a-z]{{1,6}}[-_]?\d{{5,}}(?:[-_]?[a-z\d]+)*{_END}"
_ORDER_WORD = r"(?:订单编号|订单号码?|订单|单号|编号|order ?(?:no|id)?)"
_LONG = re.compile(
    rf"(?:{_LETTERED})|{_ALONE}(?:\d{{10,32}}|\d{{8}}-\d{{3,12}}|\d{{4}}(?: \d{{4}}){{3}}(?: \d{{1,3}})?){_END}"
)
_AFTER_WORD = re.compile(
    rf"{_ORDER_WORD}(?:应该)?(?:是|为|改成|改为|换成|[:#])? ?"
    rf"(?P<code>(?=[a-z\d_-]*\d)[a-z\d]+(?:[-_][a-z\d]+)*){_END}(?![年月日天个件条笔张元块%点:/.]|号(?!$|[,.!?。])|小时|分钟)"
)
_OTHER_ACCOUNT = re.compile(r"(?:卡号|银行卡|信用卡|账号|账户|会员号?|qq|微信号?|税号|尾号)[是为:\s]*$")


def order_ids(pattern: re.Pattern[str] | None) -> Callable[[str], Iterator[Found]]:
    """A finder of order numbers; `pattern` (of lower-case text) is the bot's own, else what shops commonly use:
    letters with digits (8 characters or more), 10 digits or more, or any code right behind 订单号."""

    def common(text: str) -> Iterator[Found]:
        """Value: upper case. A bank card's or another account's number is taken, but told as nothing."""
        for match in _AFTER_WORD.finditer(text):
            yield Found("order_id", *match.span("code"), match["code"].upper())
        for match in _LONG.finditer(text):
            other = " " in match[0] or _OTHER_ACCOUNT.search(text, 0, match.start())
            yield Found("order_id", *match.span(), None if other else match[0].upper())

    def own(text: str) -> Iterator[Found]:
        for match in pattern.finditer(text) if pattern else ():
            if _stands_alone(text, match):
                yield Found("order_id", *match.span(), match[0].upper())

    return own if pattern else common


_CODE_CHAR = re.compile(r"[a-z\d]")


def _stands_alone(text: str, match: re.Match[str]) -> bool:
    """Whether a bot's pattern, which may know no borders, took a whole code and not a part of one."""
    if not match[0]:
        return False
    before = _CODE_CHAR.match(match[0]) and _CODE_CHAR.match(text[match.start() - 1 : match.start()])
    behind = _CODE_CHAR.match(match[0][-1]) and _CODE_CHAR.match(text, match.end())
    return not before and not behind
