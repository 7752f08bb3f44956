"""So much of something: 两公斤, 三斤半, 5箱, 一双, 200兆, 120平米, 三五个, 零下5度, 一米八."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from unicodedata import normalize as unicode_form

from adapters.message import Json
from nlu.rules.found import Found, plain_number
from nlu.rules.number import next_round
from nlu.rules.numerals import ARABIC, HAN, NUMERAL, read
from nlu.rules.pieces import TO

Quote = Callable[[int, int], str]
"""The customer's own letters of a stretch: in folded text G (gigabytes) and g (grams) are one."""

METRIC: Mapping[str, str] = {
    "公斤": "kg", "千克": "kg", "kg": "kg", "克": "g", "毫克": "mg", "mg": "mg",
    "公里": "km", "千米": "km", "km": "km", "米": "m", "厘米": "cm", "公分": "cm", "cm": "cm", "毫米": "mm", "mm": "mm",
    "升": "L", "公升": "L", "毫升": "ml", "ml": "ml",
    "平方米": "m²", "平方": "m²", "平米": "m²", "㎡": "m²", "m2": "m²", "m²": "m²", "平": "m²",
    "立方米": "m³", "立方": "m³", "m3": "m³", "m³": "m³",
    "gb": "GB", "mb": "MB", "tb": "TB", "kb": "KB", "个g": "GB", "个gb": "GB", "个t": "TB", "个m": "MB", "兆": "MB",
    "千瓦时": "kWh", "kwh": "kWh", "千瓦": "kW", "kw": "kW", "瓦": "W",
    "摄氏度": "°C", "°c": "°C", "毫安时": "mAh", "毫安": "mAh", "mah": "mAh",
    "赫兹": "Hz", "hz": "Hz", "伏": "V", "v": "V",
}  # fmt: skip

_COUNTED_WORDS = """
个~[性体别子股税月钟]|半个|半[月小钟天年]|小时|钟头|星期|礼拜|工作日|季度|多 件~套 条~[店件款例约理]
单~[元独身反次纯价间色号] 笔~[记者] 双~[十1方人击层面休肩向]
台~[湾北中风阶灯式词球] 份~[额子] 张~[三口开家] 只~[要有是能好会想需怕收发管剩]|松鼠 本~[来身地人市店公年日月科质]
包~[括邮含裹装子的] 箱~[子] 盒~[子马] 瓶~[子]
袋~[子] 套~[餐路] 部~[分门长队] 辆 把~[握我他它你这手] 支~[付持] 杯~[鸡子] 位~[置于移] 名~[字牌单称义]
人~[转民工员家才生气品力间均民] 斤 吨 遍 种~[类子植]
样~[子式品板] 家~[人具里电庭长居乡属伙务政] 页~[面] 行~[李程业动人不吗了啊情驶] 字~[体母典] 寸 英寸 尺~[寸码]
码~[头] 倍 回~[来去复家答头事收] 趟 颗 粒 片
根~[本据] 棵~[松树] 束 朵 桶 罐 卷 批~[评发准] 组~[合织装] 副~[总食驾]
对~[方了吗不的应比面于话象接外我你账公此讲啊吧称] 间~[隔接] 间房 岁 晚~[上会点饭安]|[了到]
工作日 个工作日 次~[日品数元] 株 枚 款~[式项] 项~[目链] 顿 门~[店口票铃禁外锁] 封~[面] 座~[位机] 栋 幅 扇 串
筐 提~[供前示醒出交现货到] 亩 里~[面程屯河山店头桥]
公顷 床 碗 盘 壶 盆 滴 段 层 集 篇 首~[先次页] 课时 人次 分贝 像素 万像素 英里 加仑 磅 盎司 克拉 匹~[配狼]
头~[断打发像部疼痛]
尾~[号款] 站~[点] 期~[间限待望货末刊] 桌~[子面] 味~[道地]
股~[票东] 票~[据] 针~[对] 打~[折开电包车印扰算听九八七六五四三二一个住] 排~[队] 场~[景地所合] 瓣 块~[钱]
口~[味头碑罩红岸] 户~[口] 架 艘 星级 周岁 万步
步~[骤] 号人
"""
"""What counts things; behind ~ what would make another word of it (一个性, 两件套)."""
_COUNTED = {word: guard for word, _, guard in (entry.partition("~") for entry in _COUNTED_WORDS.split())}


def _unit_pattern() -> str:
    words = {**dict.fromkeys(METRIC, ""), **_COUNTED}
    parts = []
    for word in sorted(words, key=len, reverse=True):
        guard = "(?![a-z\\d])" if word[-1].isascii() and word[-1].isalnum() else ""
        parts.append(re.escape(word) + guard + (f"(?!{words[word]})" if words[word] else ""))
    return "|".join(parts)


_UNITS = _unit_pattern()
_SIZED = rf"(?P<unit>{_UNITS}|度(?!过|假|[数量日])|[gmlwtk](?![a-z\d]))"
_LEFT = r"(?<![\da-z.*零〇一二两三四五六七八九十百千万亿第每哪某另东番])(?<!\d[,:/-])"
_VALUE = rf"(?:{ARABIC}(?:[百千万亿]+\d?(?!\d))?|{HAN}+(?:点[零〇一二三四五六七八九]+)?)(?!(?<=千)[克米瓦])"
_RANGE = re.compile(rf"{_LEFT}(?P<low>{_VALUE})(?:{_UNITS}|g|m|l)?{TO}(?P<high>{_VALUE}) ?{_SIZED}")
_PAIR = re.compile(
    rf"{_LEFT}(?P<pair>一两|两三|三两|三四|三五|四五|五六|六七|七八|八九)(?P<tens>[十百千万]?) ?{_SIZED}"
)
_MORE = re.compile(
    rf"{_LEFT}(?:(?P<round>\d*0|[一二两三四五六七八九百千万]*[十百千万])(?P<word>[几多来]) ?{_SIZED}"
    rf"|(?P<over>{NUMERAL})(?P<of>个|斤|公斤|米|公里|吨|升|岁|倍|克)多)"
)
_PLAIN = re.compile(
    rf"(?P<minus>零下|负|(?<![\w)])-)?{_LEFT}(?:(?P<value>{_VALUE}) ?{_SIZED}(?P<half>半(?![价夜天年月路截个小]))?"
    rf"|(?P<half_of>半) ?(?P<half_unit>{_UNITS})(?!半|月|小时|钟))"
)
_BIG = re.compile(rf"{_LEFT}(?P<big>{_VALUE})[大小整](?P<unit>[箱包瓶袋盒桶杯碗盘块份罐壶盆卷串])(?![子装])")
_HEIGHT = re.compile(
    rf"{_LEFT}(?P<metres>[一二1-2])米(?P<behind>\d{{1,2}}|[一二三四五六七八九]{{1,2}}|[一二三四五六七八九]?十[一二三四五六七八九]?)(?![\d个件条米厘公分点号])"
)
_CATTIES = re.compile(rf"{_LEFT}(?P<catties>{NUMERAL})斤(?P<taels>[\d一二两三四五六七八九])两(?![个天])")
_TAELS = re.compile(rf"{_LEFT}(?P<taels_only>[\d二三四五六七八九]|半)两(?![个天件条种年次千百万三])")
_DEGREES = re.compile(rf"{_LEFT}(?P<degrees>{NUMERAL})度(?P<tenth>[\d一二三四五六七八九半])(?![\d个十百千点])")

# 一个问题 is a question, not one of them: an article counts only where a number is bought, booked or answered
_ARTICLES = frozenset("个家种位名次条件张项部段本场道样处间座门片口份款位套批笔单块人步")
_TIMES = ("次", "遍", "回", "趟", "顿")
"""再说一遍 counts nothing, and 二次销售 is a second sale."""
_ASKS_HOW_MANY = re.compile(
    r"(?:买|购买|要|订|定|下单|预订|拿|来|加|退|发|寄|送|补|给我|再|只|就|共|各|有且只有|仅|剩|少|少发|多发|数量(?:是|为)?|:|还差|加购|点)(?:了|过|我)?$"
)
_MEMORY = re.compile("流量|内存|存储|硬盘|网盘|u盘|宽带|网速|带宽|容量|空间|显存|版|手机|安装包|文件|下载")
_NETWORK = re.compile("网|信号|卡|手机|套餐|时代|速|基站|通信|制式")
_MEMORY_SIZES = frozenset(("64", "128", "256", "512", "1024"))
_LENSES = re.compile("近视|远视|散光|老花|镜|旋转|角|翻")
_POWER = re.compile("用电|电费|电量|电表|电卡|电池")


def quantities(text: str, quote: Quote) -> Iterator[Found]:
    """Value: {"number", "unit"}; the number is {"from", "to"} for 3到5个, 三五个, 十几个 and 三斤多."""
    for pattern, number in _FORMS:
        for match in pattern.finditer(text):
            value, unit = number(match), _unit(match, quote)
            if value is not None and unit and not (pattern is _PLAIN and _is_article(match)):
                yield Found("quantity", *match.span(), {"number": value, "unit": unit})


def _is_article(match: re.Match[str]) -> bool:
    if match["unit"] in _TIMES and match["value"] in ("一", "二"):
        return True
    if match["value"] != "一" or match["unit"] not in _ARTICLES:
        return False
    if match.string[: match.start()].endswith(("上", "下", "前", "后", "同", "头")):
        return True
    alone = not match.string[: match.start()].strip(" ,.。!?") and not match.string[match.end() :].strip(
        " ,.。!?吧啊呀"
    )
    return not alone and _ASKS_HOW_MANY.search(match.string, 0, match.start()) is None


def _unit(match: re.Match[str], quote: Quote) -> str:
    """Empty where the letter is no unit of anything: the 5g of a network, the 40w of a salary."""
    groups = match.groupdict()
    for name, unit in _FIXED.items():
        if groups.get(name):
            return unit
    said = groups.get("unit") or groups.get("of") or groups.get("half_unit") or ""
    if said == "度":
        return _degree(match)
    if len(said) == 1 and said.isascii():
        start, end = match.span("unit")
        return _letter(match, said, unicode_form("NFKC", quote(start, end)))
    return METRIC.get(said, said.removeprefix("个") if said == "个工作日" else said)


_FIXED = {"metres": "m", "catties": "斤", "taels_only": "两", "degrees": "°C"}


def _degree(match: re.Match[str]) -> str:
    text = match.string
    if _LENSES.search(text):
        return "度"
    return "kWh" if text.startswith("电", match.end()) or _POWER.search(text) else "°C"


def _letter(match: re.Match[str], said: str, own: str) -> str:
    text, number = match.string, match.groupdict().get("value") or match.groupdict().get("high") or ""
    memory = _MEMORY.search(text) is not None
    match said:
        case "g" if number in ("2", "3", "4", "5", "6") and _NETWORK.match(text, match.end()):
            return ""
        case "g":
            round_number = number.isdigit() and int(number) % 50 == 0
            return "GB" if memory or number in _MEMORY_SIZES or (own == "G" and not round_number) else "g"
        case "m" if text.startswith("口罩", match.end()):
            return ""
        case "m":
            return "MB" if memory or own == "M" else "m"
        case "w":
            return "W" if own == "W" and re.search("功率|灯|充|瓦|电器|空调|吹风|快充", text) else ""
        case "t":
            return "TB" if memory or own == "T" else "t"
        case "l":
            return "L"
        case _:
            return ""


# --- the number -----------------------------------------------------------------------------------------------


def _bounds(low: Decimal | None, high: Decimal | None) -> Json:
    if low is None or high is None or low >= high:
        return None
    return {"from": plain_number(low), "to": plain_number(high)}


def _range(match: re.Match[str]) -> Json:
    return _bounds(read(match["low"]), read(match["high"]))


def _pair(match: re.Match[str]) -> Json:
    low, high = sorted(read(char + match["tens"]) or Decimal(0) for char in match["pair"])
    return _bounds(low, high)


def _more(match: re.Match[str]) -> Json:
    low = read(match["round"] or match["over"])
    if low is None:
        return None
    step = next_round(low) if match["round"] else Decimal(1)
    return _bounds(low, low + step)


_SPELLED = re.compile("[零〇一二两三四五六七八九]{3,}")
"""Figures that are told one by one are a code: 一零零八六打不进."""
_SHORT_FORM = re.compile("[百千万][一二两三四五六七八九]$")
"""五百一次 are five hundred for each, and no 510 times."""


def _plain(match: re.Match[str]) -> Json:
    if match["half_of"]:
        return 0.5
    spoken = _SPELLED.fullmatch(match["value"]) or (match["unit"] not in METRIC and _SHORT_FORM.search(match["value"]))
    value = None if spoken else read(match["value"])
    if value is None:
        return None
    value += Decimal("0.5") if match["half"] else Decimal(0)
    return plain_number(-value if match["minus"] else value)


def _big(match: re.Match[str]) -> Json:
    """两大箱 are two boxes."""
    value = read(match["big"])
    return None if value is None else plain_number(value)


def _height(match: re.Match[str]) -> Json:
    """一米八 is 1.80, 1米75 is 1.75."""
    metres, behind = read(match["metres"]), read(match["behind"])
    if metres is None or behind is None:
        return None
    return plain_number(metres + behind / (10 if behind < 10 and len(match["behind"]) == 1 else 100))


def _catties(match: re.Match[str]) -> Json:
    catties, taels = read(match["catties"]), read(match["taels"])
    return None if catties is None or taels is None else plain_number(catties + taels / 10)


def _taels(match: re.Match[str]) -> Json:
    value = read(match["taels_only"])
    return None if value is None else plain_number(value)


def _degrees(match: re.Match[str]) -> Json:
    value = read(match["degrees"])
    tenth = Decimal(5) if match["tenth"] == "半" else read(match["tenth"])
    return None if value is None or tenth is None else plain_number(value + tenth / 10)


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Json]], ...] = (
    (_RANGE, _range), (_PAIR, _pair), (_MORE, _more), (_BIG, _big), (_HEIGHT, _height), (_CATTIES, _catties),
    (_TAELS, _taels), (_DEGREES, _degrees),
    (_PLAIN, _plain),
)  # fmt: skip
