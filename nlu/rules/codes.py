"""What identifies something: phone numbers, cards, addresses of mail and pages, plates, express and order numbers.

A code is taken whole or not at all: digits inside a longer run of digits or letters are never half of a code.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date

from nlu.rules.found import Found, invalid

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


# --- address of a page --------------------------------------------------------------------------------------

_URL = re.compile(
    r"(?<![a-z\d@.])(?:https?://|www\.)[a-z\d](?:[a-z\d.-]*[a-z\d])?(?::\d{1,5})?(?:[/?#][a-z\d\-._~:/?#\[\]@!$&'()*+,;=%]*)?"
)


def urls(text: str) -> Iterator[Found]:
    """Value: the address as it was written; the sentence's own marks behind it are none of it."""
    if "www." in text or "://" in text:
        for match in _URL.finditer(text):
            address = match[0].rstrip(".,;:!?'*")
            if address.endswith(")") and "(" not in address:
                address = address.rstrip(")")
            if "." in address or "://localhost" in address:
                yield Found("url", match.start(), match.start() + len(address), address)


# --- number plate -------------------------------------------------------------------------------------------

_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PLATE = re.compile(
    rf"(?P<place>[{_PROVINCES}] ?[a-hj-np-z]) ?[·•・.\-]? ?"
    r"(?P<rest>[a-hj-np-z]\d{5}|[a-hj-np-z][a-hj-np-z]\d{4}|\d{5}[a-hj-k]|(?=[a-z]*\d[a-z\d]*)[a-hj-np-z\d]{4}[a-hj-np-z\d挂学警港澳])"
    r"(?![a-z\d])"
)


def plates(text: str) -> Iterator[Found]:
    """Value: upper case, without dot or blank (GA 36-2018: no I and no O); six behind the letter are new energy."""
    for match in _PLATE.finditer(text):
        yield Found("plate", *match.span(), (match["place"] + match["rest"]).replace(" ", "").upper())


# --- identity card ------------------------------------------------------------------------------------------

_ID_CARD = re.compile(rf"{_ALONE}[1-8]\d{{5}} ?(?:19|20)\d{{6}} ?\d{{3}}[\dx]{_END}")
_ID_CARD_SAID = re.compile(rf"身份证(?:号码?|件号)?(?:是|为|[:#])*(?P<code>\d{{13,20}}x?){_END}")
_ORDER_BEFORE = re.compile(r"(?:订单编号|订单号码?|订单|单号|编号|运单|卡号|银行卡)[是为:#]?$")
_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)  # GB 11643-1999, ISO 7064 MOD 11-2
_ID_CHECKS = "10x98765432"


def is_id_card(code: str) -> bool:
    """Whether 18 characters (x in lower case) hold a real birth date and the right check character."""
    if not _birth(code):
        return False
    weighed = sum(weight * int(digit) for weight, digit in zip(_ID_WEIGHTS, code, strict=False))
    return _ID_CHECKS[weighed % 11] == code[17]


def _birth(code: str) -> bool:
    try:
        date(int(code[6:10]), int(code[10:12]), int(code[12:14]))
    except ValueError:
        return False
    return True


def id_cards(text: str) -> Iterator[Found]:
    """Value: 18 characters, X in upper case; `invalid` with a wrong checksum or birth date, and what stands behind
    身份证号 in another length."""
    for match in _ID_CARD.finditer(text):
        code = match[0].replace(" ", "")
        if is_id_card(code):
            yield Found("id_card", *match.span(), code.upper())
        elif not _ORDER_BEFORE.search(text, 0, match.start()):
            why = "checksum" if _birth(code) else "no_such_date"
            yield invalid("id_card", why, *match.span())
    for match in _ID_CARD_SAID.finditer(text):
        code = match["code"].replace(" ", "")
        if len(code) not in (15, 18):  # 15 digits are a card of before 1999
            yield invalid("id_card", "length", *match.span("code"))
        elif len(code) == 18 and not is_id_card(code):
            yield invalid("id_card", "checksum" if _birth(code) else "no_such_date", *match.span("code"))


# --- bank card ----------------------------------------------------------------------------------------------

_CARD_DIGITS = re.compile(
    rf"{_ALONE}(?:\d{{4}}(?:[ -]\d{{4}}){{3}}(?:[ -]?\d{{1,3}})?|\d{{6}}[ -]\d{{10,13}}|\d{{13,21}}"
    rf"|\d{{4}}(?: \d{{4}}){{2,4}}(?: \d{{1,4}})?){_END}"
)
_CARD_WORD = r"(?:银行卡|信用卡|储蓄卡|借记卡|工资卡|卡号|账号|账户|卡)(?:号码?)?"
_CARD_BEFORE = re.compile(rf"{_CARD_WORD}(?:是|为|改成|改为|换成|[:#])*$")
_BANK = re.compile(r"(?:银行|工行|建行|农行|中行|招行|交行|邮储|浦发|民生|兴业|光大|平安|中信|广发)(?:的|卡|是|[:,])*$")
_CARD_STARTS = re.compile(r"62|4|5[1-5]|35[2-8]|9558|60|3[47]")
"""UnionPay, Visa, Mastercard, JCB, Discover, American Express."""


_IN_FOURS = re.compile(r"\d{4}(?:[ -]\d{4}){3}(?:[ -]?\d{1,3})?|\d{6}[ -]\d{10,13}")


def is_bank_card(digits: str) -> bool:
    """Luhn's check over 16 to 19 digits (ISO/IEC 7812-1)."""
    doubled = (int(one) * (2 if at % 2 else 1) for at, one in enumerate(reversed(digits)))
    return 16 <= len(digits) <= 19 and sum(divmod(value, 10)[0] + value % 10 for value in doubled) % 10 == 0


def bank_cards(text: str) -> Iterator[Found]:
    """Value: the digits. A number is a card's behind a word for one, in groups of four, or where it begins with 62
    and has UnionPay's length; there it is `invalid` if its check digit or length is wrong. Any other is a card's only
    if it begins as a known network's do and its check digit is right."""
    for match in _CARD_DIGITS.finditer(text):
        digits = _digits(match[0])
        if _ORDER_BEFORE_CARD.search(text, 0, match.start()):
            continue
        announced = _CARD_BEFORE.search(text, 0, match.start()) or _BANK.search(text, 0, match.start())
        looks_so = _IN_FOURS.fullmatch(match[0]) or (digits.startswith("62") and len(digits) in (16, 19))
        if is_bank_card(digits) and (announced or _CARD_STARTS.match(digits)):
            yield Found("bank_card", *match.span(), digits)
        elif announced or looks_so:
            yield invalid("bank_card", "checksum" if 16 <= len(digits) <= 19 else "length", *match.span())


_ORDER_BEFORE_CARD = re.compile(
    r"(?:订单编号|订单号码?|订单|单号|编号|运单|快递|物流|税号|qq|会员卡号?|会员号|手机|电话)(?:号码?)?(?:是|为|[:#])*$"
)


# --- phone --------------------------------------------------------------------------------------------------

_MOBILE = re.compile(rf"(?<![\da-z+])(?:(?:\+|00)?86[- ]?)?(1[3-9]\d[- ]?\d{{4}}[- ]?\d{{4}}){_END}")
_LANDLINE = re.compile(
    r"(?<![\da-z+])(?:(?:\+|00)86[- ]?)?\(?(?P<area>0?(?:10|2\d)|0?[3-9]\d{2})\)?"
    rf"(?P<gap>[- ]?)(?P<local>[2-8]\d{{3}} ?\d{{3,4}})(?:(?:-|转)(?P<extension>\d{{1,5}}))?{_END}"
)
_SERVICE = re.compile(rf"{_ALONE}[48]00[- ]?\d{{3}}[- ]?\d{{4}}{_END}|{_ALONE}[48]00[- ]?\d{{4}}[- ]?\d{{3}}{_END}")
_HOTLINE = re.compile(
    rf"(?<![\da-z][-.]){_ALONE}(?:95\d{{3}}|10000|1001[05]|1008[56]|1183|1230[56]|12315|12345|12366|12377|96\d{{3}})"
    rf"{_END}(?![-.,]\d|[元块折个件条张次天分]|号楼|[日美欧港韩泰加澳台]|人民币|rmb|[kw万千])"
)
_PHONE_SAID = re.compile(
    rf"(?:手机|电话|联系方式)(?:号码?)?(?:是|为|改成|改为|换成|[:#])* ?(?P<code>1[3-9](?:[ -]?\d){{7,11}}){_END}"
)
_EMERGENCY = re.compile(rf"(?<=打)(?:110|119|120|122|114){_END}(?![折元块个分])")
_SPOKEN = re.compile(
    "[零〇一幺二两三四五六七八九]{7,}|(?<![零〇一幺二两三四五六七八九十百千万])(?:[一幺]零零[零一八][零六]|九五[零〇一幺二三四五六七八九]{3})"
    "(?![零〇一幺二两三四五六七八九十百千万])"
)
_SPOKEN_DIGITS = str.maketrans("零〇一幺二两三四五六七八九", "0011223456789")
_NO_PHONE = re.compile(r"(?:订单|单号|编号|运单|卡号|qq)[号码是为:#\s]*$")


def phones(text: str) -> Iterator[Found]:
    """Value: a mobile number's 11 digits, 0AREA-LOCAL[-EXTENSION] of a landline, the digits of 400/800 and 95xxx.

    Digits that are spoken one by one (幺三八…) count too.
    """
    text = _SPOKEN.sub(lambda match: match[0].translate(_SPOKEN_DIGITS), text)
    for match in _EMERGENCY.finditer(text):
        yield Found("phone", *match.span(), match[0])
    if sum(char.isdigit() for char in text) < 5:
        return
    for match in _MOBILE.finditer(text):
        yield Found("phone", *match.span(), _digits(match[1]))
    for match in _PHONE_SAID.finditer(text):
        if len(_digits(match["code"])) != 11:
            yield invalid("phone", "length", *match.span("code"))
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

CARRIERS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "顺丰速运": r"sf\d{12,15}|\d{12}",
        "圆通速递": r"yt\d{13,16}|[8g]\d{11,12}",
        "中通快递": r"zto?\d{12,14}|(?:7[3-9]|53|54|61|63|68)\d{10,12}",
        "申通快递": r"sto?\d{12,13}|(?:77|88|22|33|55|66|44)\d{11,13}",
        "韵达快递": r"yd\d{13}|(?:31|4[36])\d{11,13}",
        "极兔速递": r"jt\d{13}",
        "京东快递": r"jd[a-z]{0,3}\d{10,15}(?:-\d{1,3}){0,3}",
        "邮政快递包裹": r"(?:98|99)\d{11}|[cr][a-z]\d{9}cn",
        "EMS": r"e[a-z]\d{9}cn|1[01]\d{11}|(?:50|51|52)\d{11}|ems\d{10,13}",
        "德邦快递": r"(?:dpk|dbl?)\d{10,15}",
        "跨越速运": r"ky\d{11,13}",
        "百世快递": r"(?:best|htky)\d{12,15}|(?:55|56|57|70)\d{11,12}",
        "优速快递": r"uc\d{11,13}|(?:51|52|53)\d{10}",
        "安能物流": r"anl\d{10,14}|(?:300|301|200)\d{9}",
        "丹鸟": r"(?:cnsd|cn)\d{10,15}",
        "UPS": r"1z[a-z\d]{16}",
    }.items()
}
"""What each carrier's numbers commonly look like, in lower case; plain digits fit several."""


def carriers(number: str) -> tuple[str, ...]:
    """The carriers whose numbers look like `number` (in any case, blanks aside); empty where none's do."""
    code = re.sub(r"\s", "", number).lower()
    return tuple(name for name, pattern in CARRIERS.items() if pattern.fullmatch(code))


_CARRIERS = "sf|yt|jt|yd|zt|zto|sto|dpk|dbl|db|ky|jd[a-z]{0,3}|uc|ems|best|htky|jtky|anl|ys|cnsd"
_CARRIER = re.compile(
    rf"{_ALONE}(?:(?:{_CARRIERS}) ?\d{{10,18}}|(?:{_CARRIERS}) ?(?=[\d ]{{12,24}}(?![\d ]))\d{{3,}}(?: \d{{3,}})+"
    rf"|[a-z]{{2}}\d{{9}}cn)(?:-\d{{1,3}}){{0,3}}{_END}"
)
_EXPRESS_WORD = r"(?:快递|物流|运单|包裹|顺丰|圆通|中通|申通|韵达|极兔|邮政|京东|德邦|百世|ems)"
_EXPRESS_DIGITS = re.compile(rf"{_ALONE}\d{{12,15}}{_END}")
_EXPRESS_BEFORE = re.compile(rf"{_EXPRESS_WORD}(?:[^\d,.;!?。]{{0,8}})$")


_ORDER_SAID = re.compile(r"(?:订单|预[约订定]单?|工单|保单)(?:编?号码?)?(?:是|为|[:#])* ?$")


def express_numbers(text: str) -> Iterator[Found]:
    """Value: upper case. Plain digits (12-15) are an express number where a carrier or 快递 stands before them."""
    for match in _CARRIER.finditer(text):
        if carriers(match[0]) or not _ORDER_SAID.search(text, 0, match.start()):
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
    rf"(?P<code>(?=[a-z\d_-]{{1,7}} \d)[a-z]{{0,6}} ?\d{{2,6}}(?: \d{{3,6}}){{1,4}}"
    rf"|(?=[a-z\d_-]*\d)[a-z\d]+(?:[-_][a-z\d]+)*){_END}(?![年月日天个件条笔张元块%点:/.]|号(?!$|[,.!?。])|小时|分钟)"
)
_OTHER_ACCOUNT = re.compile(r"(?:卡号|银行卡|信用卡|账号|账户|会员号?|qq|微信号?|税号|尾号)[是为:\s]*$")


def order_ids(pattern: re.Pattern[str] | None) -> Callable[[str], Iterator[Found]]:
    """A finder of order numbers; `pattern` (of lower-case text) is the bot's own, else what shops commonly use:
    letters with digits (8 characters or more), 10 digits or more, or any code right behind 订单号."""

    def common(text: str) -> Iterator[Found]:
        """Value: upper case. Another account's number is taken, but told as nothing."""
        for match in _AFTER_WORD.finditer(text):
            yield Found("order_id", *match.span("code"), match["code"].replace(" ", "").upper())
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
