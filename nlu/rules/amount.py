"""Sums of money: 199块5, ￥1,299.00, 两毛五, 三千元整, 1万2, 一百多块, 20美元."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from adapters.message import Json
from nlu.rules.found import Found, longest, plain_number
from nlu.rules.number import MEASURES, next_round
from nlu.rules.numerals import ARABIC, NUMERAL, read
from nlu.rules.pieces import SHORT_TIME, TO

_SIGNS = {
    "¥": "CNY", "rmb": "CNY", "cny": "CNY", "人民币": "CNY", "$": "USD", "us$": "USD", "usd": "USD",
    "hk$": "HKD", "hkd": "HKD", "€": "EUR", "eur": "EUR", "£": "GBP", "gbp": "GBP", "nt$": "TWD", "twd": "TWD",
    "jpy": "JPY",
}  # fmt: skip
_NAMES = {
    "美元": "USD", "美金": "USD", "美刀": "USD", "刀": "USD", "港币": "HKD", "港元": "HKD", "欧元": "EUR", "欧": "EUR",
    "英镑": "GBP", "日元": "JPY", "日币": "JPY", "韩元": "KRW", "韩币": "KRW", "台币": "TWD", "新台币": "TWD",
    "澳元": "AUD", "澳币": "AUD", "澳门元": "MOP", "加元": "CAD", "加币": "CAD", "新币": "SGD",
    "泰铢": "THB", "卢布": "RUB",
    **{sign: code for sign, code in _SIGNS.items() if sign[0].isalpha()},
}  # fmt: skip


_BEFORE = {**_SIGNS, **{name: code for name, code in _NAMES.items() if len(name) > 1 and not name.isascii()}}
"""What stands before the figures: ￥5, 人民币500, 新台币五百元."""


def _any(words: dict[str, str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_LEFT = r"(?<![\da-z.零〇一二两三四五六七八九十百千万亿第])(?<!\d[,:/])"
_D = r"[\d一二两三四五六七八九]"
# What stands behind the word and makes a festival, a piece of something, a hair or a minute of it.
_YUAN = r"元整?(?![旦宵素件气首帅])|圆整?(?![形珠桌通])"
_KUAI = (
    r"块(?:钱|大洋)|块(?!儿|(?<=(?<![十百千万零])一块)[去来走吃玩发寄买退送到下办处上给]|[手腕怀]表|[布地屏砖肉糖石板饼姜冰铁木钢]|蛋糕|巧克力|面包|电池|硬盘|豆腐|玻璃|肥皂|香皂"
    r"|毛巾|电路|显卡|滑板|主板|披萨|牛排|内存|移动|充电|橡皮|抹布)"
)
_MAO = r"毛钱|毛(?![衣巾毯线豆肚绒孩笔利病裤尼坯])|角钱?(?![星形度色落钢铁楼])"
# 两块5个 is two yuan for five pieces, but 9块9包邮 has its 9
_NO_COUNT = rf"(?!(?!包邮)(?:{MEASURES}))(?![\d.号点折%楼十百千万个件条张只份单次天])"

# a minus and no dash: behind a word for what an account holds, or behind no word at all
_MINUS = r"(?P<minus>负|(?:(?<![\da-z)\u4e00-\u9fff])|(?<=余额)|(?<=结余)|(?<=显示)|(?<=变成)|(?<=[是为]))-)?"
_YUAN_AND_MORE = re.compile(
    rf"{_MINUS}{_LEFT}(?P<yuan>{NUMERAL})(?:"
    rf"(?:{_KUAI}|元)(?P<jiao>{_D})(?:毛|角)(?:(?P<fen>{_D})分?{_NO_COUNT})?钱?"
    rf"|(?:块|元)零(?P<jiao_0>{_D})(?:毛|角)钱?|块(?P<tenth>{_D}){_NO_COUNT}|(?:块|元)零(?P<cents>{_D})分?{_NO_COUNT}|(?:块|元)(?P<half>半)"
    rf"|{_KUAI}|{_YUAN})"
)
_MAO_AND_FEN = re.compile(
    rf"{_LEFT}(?P<jiao>{_D})(?:{_MAO})(?:(?P<fen>{_D})分?{_NO_COUNT})?|{_LEFT}(?P<only>{_D}+)分钱"
)
_SIGNED = re.compile(rf"(?<![a-z])(?P<sign>{_any(_BEFORE)}) ?(?P<value>{NUMERAL})(?:[元圆]整?|块钱?)?(?![\d%]|[,.]\d)")
_NAMED = re.compile(
    rf"{_LEFT}(?P<value>{NUMERAL}) ?(?P<name>{_any(_NAMES)})(?![a-z]|"
    rf"(?<=刀)[具片叉削枪鱼]|(?<=欧)[姆洲美式阳派莱米])"
)
_RANGE = re.compile(rf"{_LEFT}(?P<low>{NUMERAL})(?:元|块钱?)?{TO}(?P<high>{NUMERAL})(?:{_KUAI}|{_YUAN})")
_ROUGH = re.compile(
    rf"{_LEFT}(?:(?P<digits>[一二两三四五六七八九]{{2}}|几)(?P<unit>[十百千万])|(?P<low>{NUMERAL})(?P<more>[多来几])(?P<wan>万?))"
    rf"(?:{_KUAI}|{_YUAN})"
)
_PAYING = (
    r"(?:退款|退还|退|付款?|支付|花费?|充值?|扣款?|扣费|收费?|(?<!假一)赔偿?|续上|续费|差价?|卖|价格?|金额|余额|运费|优惠|减|便宜|转账?|提现|满|借|还款|欠|工资|月薪|交|贷款?|贵|要价|到手价?|赚|省|补|每[月期年]还|还了|先还|已还|报销|打赏|红包|存|取|年薪|底薪|薪资|薪水|收入|奖金|预算|房租|月租|租金|押金|定金|订金|月供|额度|限额|工钱|报价|起步价|原价|现价|总价|单价|消费|人均)"
    r"(?:了|到|我|给我|你|是|才|只|要|有|掉|走|还有|还剩|只剩|剩|提到|提高到|涨到|降到|升到|调到|大概|差不多|约|从|在|最多|最少|最高|最低|至少|[一每单][天日次笔月]|:)*"
)
_SUM = (
    rf"(?:{ARABIC}(?:[万千](?:\d[千百])+|[百千万]+\d?|[kw]\d?(?![a-z\d]))?"
    r"|[一二两三四五六七八九][零一二两三四五六七八九十百千万]++|十[零一二两三四五六七八九十百千万]*+)"
)
_POINTS = r"分(?![\d一二两三四五六七八九十几]+个?[期年月次])"
"""退200分 are points, but 二十万分三年还 is to be paid back in three years."""
_SUM_ENDS = rf"(?![\d零一二两三四五六七八九十百千万:/a-z号点折成%月年日楼*-]|{_POINTS}|{MEASURES}|[.]\d|[多几来])"
_PAID = re.compile(rf"{_PAYING}(?P<value>{_SUM}){_SUM_ENDS}")
_PAID_RANGE = re.compile(rf"{_PAYING}(?P<low>{_SUM}){TO}(?P<high>{_SUM}){_SUM_ENDS}")
_PAID_FOR_SO_LONG = re.compile(
    rf"{_PAYING}(?P<value>[一二两三四五六七八九十][零一二两三四五六七八九十百千万]*[百千万][一二三四五六七八九]?)(?={SHORT_TIME})"
)
"""存五万一年: nobody says 五万一 of years."""
_RAISED_TO = re.compile(rf"(?:提高?|涨|升|降|调|改|加)[到至成为](?P<value>{_SUM}){_SUM_ENDS}")
"""What a sum becomes is a sum: 额度从三万提到五万."""
_MONEY_TALK = re.compile("[钱贵价费元块欠]|便宜|优惠|打折|拿下|预算|工资|月薪|贷款|消费|花|人均|退款|赔")
_ROUGH_ALONE = re.compile(
    rf"{_LEFT}(?:(?P<digits>[一二两三四五六七八九]{{2}}|几)(?P<unit>[十百千万])|(?P<low>[一二两三四五六七八九]?[十百千万]|\d+0)(?P<more>[多来])(?P<wan>万?))"
    rf"(?!{MEASURES}|[分克米瓦平方立度号折%])"
)
_SHORT = re.compile(
    r"(?P<value>(?!\d{4,}w)\d+(?:\.\d+)?(?:[kw]\d?|[千万]\d)|[一二两三四五六七八九十百]+[百千万][一二三四五六七八九])"
)


def amounts(text: str) -> Iterator[Found]:
    """Value: yuan as a JSON number; {"amount", "currency"} (ISO 4217) for other money; {"from", "to"} where it is
    not exact: 100到200元, and 一百多块 which is 100 to 200.

    A bare number is a sum behind a word of paying (退我一百二), and short forms (一百二, 3.5k) are when alone.
    """
    found = [
        Found("amount", *span, value)
        for pattern, build in _FORMS
        for match in pattern.finditer(text)
        if (value := build(match)) is not None
        for span in [match.span("value") if pattern in (_PAID, _PAID_FOR_SO_LONG) else match.span()]
    ]
    for match in _PAID_RANGE.finditer(text):
        if (value := _between(match)) is not None:
            found.append(Found("amount", match.start("low"), match.end("high"), value))
    found += _raised(text, found)
    if _MONEY_TALK.search(text):
        found += [
            Found("amount", *match.span(), value)
            for match in _ROUGH_ALONE.finditer(text)
            if (value := _rough(match)) is not None
        ]
    if (alone := _SHORT.fullmatch(text.strip("!?,.~。 吧啊呀"))) and (value := _yuan(alone["value"])) is not None:
        start = text.index(alone["value"])
        found.append(Found("amount", start, start + len(alone["value"]), value))
    yield from longest(found)


def _raised(text: str, sums: Sequence[Found]) -> Iterator[Found]:
    ends = {one.end for one in sums}
    for match in _RAISED_TO.finditer(text):
        if match.start() in ends and (value := _yuan(match["value"])) is not None:
            yield Found("amount", *match.span("value"), value)


def _yuan(numeral: str) -> Json:
    value = read(numeral)
    return None if value is None else plain_number(value)


def _yuan_and_more(match: re.Match[str]) -> Json:
    value = read(match["yuan"])
    if value is None:
        return None
    tenths = read(match["jiao"] or match["jiao_0"] or match["tenth"] or "零") or Decimal(0)
    cents = read(match["fen"] or match["cents"] or "零") or Decimal(0)
    half = Decimal("0.5") if match["half"] else Decimal(0)
    value += half + tenths / 10 + cents / 100
    return plain_number(-value if match["minus"] else value)


def _mao_and_fen(match: re.Match[str]) -> Json:
    if match["only"]:
        value = read(match["only"])
        return None if value is None else plain_number(value / 100)
    tenths, cents = read(match["jiao"]), read(match["fen"] or "零")
    return None if tenths is None or cents is None else plain_number(tenths / 10 + cents / 100)


def _signed(match: re.Match[str]) -> Json:
    return _in(_BEFORE[match["sign"]], match["value"])


def _named(match: re.Match[str]) -> Json:
    return _in(_NAMES[match["name"]], match["value"])


def _in(currency: str, numeral: str) -> Json:
    value = _yuan(numeral)
    return value if currency == "CNY" or value is None else {"amount": value, "currency": currency}


def _between(match: re.Match[str]) -> Json:
    low, high = read(match["low"]), read(match["high"])
    return _bounds(low, high)


def _rough(match: re.Match[str]) -> Json:
    """几百 is 200 to 900, 三四百 300 to 400; 十几, 一百多 reach to the next round number."""
    if digits := match["digits"]:
        first, last = ("二", "九") if digits == "几" else (digits[0], digits[1])
        return _bounds(read(first + match["unit"]), read(last + match["unit"]))
    low = read(match["low"])
    if low is None:
        return None
    times = 10_000 if match["wan"] else 1
    return _bounds(low * times, (low + next_round(low)) * times)


def _bounds(low: Decimal | None, high: Decimal | None) -> Json:
    if low is None or high is None or low >= high:
        return None
    return {"from": plain_number(low), "to": plain_number(high)}


def _paid(match: re.Match[str]) -> Json:
    return _yuan(match["value"])


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Json]], ...] = (
    (_YUAN_AND_MORE, _yuan_and_more),
    (_MAO_AND_FEN, _mao_and_fen),
    (_SIGNED, _signed),
    (_NAMED, _named),
    (_RANGE, _between),
    (_ROUGH, _rough),
    (_PAID, _paid),
    (_PAID_FOR_SO_LONG, _paid),
)
