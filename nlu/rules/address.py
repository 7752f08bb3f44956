"""Where: 广东深圳南山区科技园路1号, 朝阳区望京街10号, 北京; divisions by their official names and the detail behind.

Divisions are read from left to right, each within the one before; a part that the told ones imply (the province of
深圳) is filled in, one that could be several (朝阳区) is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.message import Json
from nlu.rules.divisions import Named, Place, names, starts
from nlu.rules.found import HIDDEN, HIDDEN_PHONE, Found


@dataclass(frozen=True, slots=True)
class _Word:
    """A division's name in the text."""

    start: int
    end: int
    named: Named


# Short names that are everyday words or other names: they count only beside another division
_EVERYDAY = """
山南 海东 海西 海北 黄南 日照
开封 来宾 白银 大同 日照 安康 平安 东方 和平 长安 新华 朝阳 城关 东城 西城 河东 河西 桥东 桥西
新城 永安 长寿 大足 大方 仁和 同心 文明 安定 安宁 建设 高明 高新 江北 江南 江东 海南 南海 龙门
金山 宝山 青山 黄山 东山 西山 阳光 友好 前进 向阳 站前 铁东 铁西 新兴 和田 普洱 天水 大理 资源
灵活 乐业 安福 安吉 平和 仙游 长乐 福清 中山 大庆 三明 吉安 和顺 长治 长春 保定 固定 永和 永济
永定 永福 永新 永兴 永丰 信丰 大余 会同 通道 新安 新田 双牌 清水 合作 玉门 华池 中方 方正 正定
平定 定远 明光 当阳 公安 云梦 应城 东西湖 公主岭 交口 交城 文水 文山 红河 怒江 石林 梁河 陇川 临沧
沧源 巧家 镇雄 威信 大关 盐津 东川 呈贡 马龙 富民 嘉善 德清 常山 开化 江山 龙泉 象山 天台 仙居
温岭 玉环 青田 庆元 云和 文成 泰顺 平阳 苍南 永嘉 洞头 乐清 黄石 铁山 一切 双流 大英 大邑 金堂
彭州 什邡 中江 罗江 旌阳 台江 万年 万载 万安 乐安 黎川 南城 南丰 广昌 崇义 全南 定南 龙南 宁都
于都 兴国 会昌 石城 都昌 德安 修水 武宁 永修 共青城 濂溪 浔阳 柴桑 金昌 金川 凉州 民乐 临泽 高台
山丹 肃州 瓜州 敦煌 广安 广元 内江 遂宁 资阳 眉山 乐山 雅安 巴中 达川 通川 通江 南江 平昌
"""
_WORDS = frozenset(_EVERYDAY.split())
_CITIES_ALL_THE_SAME = """
大理 大庆 长春 长治 保定 中山 三明 吉安 普洱 天水 黄石 黄山 敦煌 广安 广元 内江 遂宁 资阳 眉山
乐山 雅安 巴中 大同 临沧 安康 福清 金昌 文山 红河 和田 海南
"""
_NEVER_ALONE = _WORDS - frozenset(_CITIES_ALL_THE_SAME.split())
_TOWNS = frozenset(
    [
        "浦东",
        "雄安",
        "义乌",
        "昆山",
        "江阴",
        "张家港",
        "常熟",
        "太仓",
        "宜兴",
        "晋江",
        "石狮",
        "慈溪",
        "余姚",
        "诸暨",
        "瑞安",
        "乐清",
        "东阳",
        "海宁",
        "桐乡",
        "邹城",
        "龙口",
        "胶州",
        "即墨",
        "寿光",
        "荣成",
        "溧阳",
        "丹阳",
        "句容",
        "泰兴",
        "靖江",
        "启东",
        "如皋",
        "敦煌",
        "满洲里",
        "景洪",
        "都江堰",
        "仁怀",
        "凯里",
        "西昌",
        "延吉",
        "二连浩特",
        "曲阜",
        "库尔勒",
        "喀什",
    ]
)
"""Districts that everybody knows by their short names."""
# What behind a short name makes another thing of it: 北京大学, 上海路, 南京东路, 北京烤鸭, 四川菜
_OTHER_THING = re.compile(
    r"(?:[东西南北中]?[路街道巷弄桥站港]|大学|学院|[中小]学|师范|理工|医科|国际|体育|医院|银行|烤鸭|炒|美食|小吃|料理|风味|[菜话装治味]|人(?!民)|时间|欢乐谷|海洋馆|野生"
    r"|世界公园|奥林匹克|地铁|卫视|电视台|[日晚]报|啤酒|火锅|[面串]|小面|拉面|牛肉|特产|板鸭|小笼|凉皮|臭豆腐|米线|豆腐|[黄白]酒|老窖|牌|移动|联通|电信"
    r"|银联|[坊阁湖茶玉府宫寺石]|扒鸡|火腿|扑克|瓜片|山庄|古玩|工业|航空|国安|首都|现代|故宫|音乐|杂技|剧院|山(?!东|西)|河(?!北|南|东|西)|江(?!苏|西)|大厦|大道|广场|家园"
    r"|花园|科技|会馆"
    r"|[^\s,.;:!?。、()的在到去来有是和跟与了吗呢我你]{0,12}(?:酒店|饭店|宾馆|旅馆|客栈|公寓|餐厅|[物图][馆书]|博物馆|图书馆|展览馆|体验馆|天文馆|蜡像馆|科技馆"
    r"|动物园|植物园|公园|饭庄|菜馆|食堂|公司|大学|学院|民宿|店(?![铺员主家])))"
)
_NAMED_ROAD = re.compile(r"[东西南北中]?(?:一|二)?[路街道巷弄](?!口)")
"""南京东路 is a road, in whichever town."""
_GLUE = re.compile(r"[ ,.·\-—/、]?")

_UNIT = (
    r"(?:科技园区|工业园区|产业园区|路|街道|大街|街|大道|道|巷|胡同|弄|里|号楼|号院|号线|号|栋|幢|座|单元|室|楼|层|户|村|镇|乡|组|队|屯|庄|小区|社区|花园|家园|公寓|大厦|广场|中心|写字楼|苑|园区|园|新村|城|府|邸|湾|门|库|店|厂|"
    r"学校|大学|学院|中学|小学|医院|开发区|工业园?区|科技园区?|产业园区?|校区|宿舍|驿站|菜鸟驿站|丰巢|柜|桥|口|旁|对面|附近|商场|机场|车站|火车站|地铁站|快递点|超市|银行|大院|公司|酒店|物业|收发室|门卫|前台)"
)
_PLACE = re.compile(
    "(?:镇|乡|村|街道|路|街|大道|巷|胡同|小区|社区|[花家校园]园|公寓|大厦|广场|区|苑|里|科技园|工业园|大学城)$"
)
"""What a detail without a house number ends with, if it is one and no shop's name."""
_CHAR = rf"[^\s,.;:!?。、()·…~'\"{HIDDEN}{HIDDEN_PHONE}]"
_NUMBER = r"(?:[a-z]?\d+(?:-\d+)*[a-z]?|[零一二三四五六七八九十百]+|[a-z])"
_DETAIL = re.compile(
    rf" ?(?:{_CHAR}{{1,14}}?{_UNIT}|{_NUMBER}(?:号楼|号院|号|栋|幢|座|单元|室|楼|层|弄))"
    rf"(?:[ ,]?(?:{_CHAR}{{0,12}}?{_UNIT}|{_NUMBER}(?:号楼|号院|号|栋|幢|座|单元|室|楼|层|弄)?"
    rf"(?![\da-z]|[块元个天件])))*"
)
# a verb or pronoun tells that the sentence goes on, and that no detail stands here
_TALK = re.compile(
    r"[我你您他她它吗呢吧呀请怎啥的了是没想买卖给查帮问很这那把让被还就哪谁]|什么|多少|几[天点号个时]|[有要]|[在到去寄送](?!水|龙)"
)
_HOUSE = rf"{_NUMBER}(?:号楼|号院|栋|幢|座|单元|室|楼|层|号)"
_BARE = re.compile(
    rf"(?:^|[ ,.;:!?。]|(?<=[住在到至送寄往是为去放]))(?P<detail>(?:(?!{_TALK.pattern})[\u4e00-\u9fff]){{2,8}}?"
    rf"(?:(?:路|街道|大街|街|大道|胡同|弄)(?:[东西南北中]段)?[甲乙]?\d+(?:-\d+)?(?:号院?|弄)"
    rf"|(?:小区|花园|家园|公寓|新村|社区|苑|里|广场|大厦|城|园) ?{_HOUSE})"
    rf"(?:[ ,]?{_CHAR}{{0,10}}?{_HOUSE}|\d{{3,4}}(?!\d))*)"
)


_MAY_BE_BARE = re.compile("[路街道弄号栋幢座室]|胡同|单元")


def addresses(text: str) -> Iterator[Found]:
    """Value: {"province", "city", "district", "detail"}, those of them that are told or implied."""
    words = _words(text)
    at = 0
    while at < len(words):
        group = _group(text, words[at:])
        at += len(group)
        found = _address(text, group)
        if found is not None:
            yield found
            while at < len(words) and words[at].start < found.end:
                at += 1
    if _MAY_BE_BARE.search(text):
        for match in _BARE.finditer(text):
            if not _TALK.search(match["detail"]):
                yield Found("address", *match.span("detail"), {"detail": match["detail"]})


def _words(text: str) -> list[_Word]:
    """The longest division names from left to right."""
    known, firsts = names(), starts()
    found: list[_Word] = []
    at = 0
    while at < len(text) - 1:
        for size in firsts.get(text[at : at + 2], ()):
            named = known.get(text[at : at + size])
            if named is not None and at + size <= len(text):
                found.append(_Word(at, at + size, named))
                at += size - 1
                break
        at += 1
    return found


def _group(text: str, words: Sequence[_Word]) -> list[_Word]:
    """The first of the words and those that go on right behind it, each a part of the one before."""
    group = [words[0]]
    places = words[0].named.places
    for word in words[1:]:
        last = group[-1]
        glued = _GLUE.fullmatch(text, last.end, word.start) is not None
        inner = [one for one in word.named.places if any(one.within(place) and one != place for place in places)]
        if not glued or not inner:
            break
        group.append(word)
        places = tuple(inner)
    return group


def _address(text: str, group: Sequence[_Word]) -> Found | None:
    detail = _detail(text, group[-1], certain=len(group) > 1)
    if len(group) == 1 and (_NAMED_ROAD.match(text, group[0].end) or not _stands_alone(text, group[0], detail)):
        return None
    if len(group) > 1 and detail is None and not group[-1].named.full and _OTHER_THING.match(text, group[-1].end):
        group = group[:-1]
        if len(group) == 1 and not group[0].named.full and _OTHER_THING.match(text, group[0].end):
            return None
    value: dict[str, Json] = _common(_narrowed(group))
    if detail is None:
        return Found("address", group[0].start, group[-1].end, value)
    value["detail"] = detail[0]
    return Found("address", group[0].start, detail[1], value)


def _narrowed(group: Sequence[_Word]) -> tuple[Place, ...]:
    places = group[0].named.places
    for word in group[1:]:
        places = tuple(one for one in word.named.places if any(one.within(place) and one != place for place in places))
    # a short name of several levels means the highest: 吉林 the province
    top = min(one.level for one in places)
    return places if group[-1].named.full else tuple(one for one in places if one.level == top)


def _common(places: Sequence[Place]) -> dict[str, Json]:
    """What is the same in all places that are meant."""
    parts = zip(("province", "city", "district"), zip(*(one.names for one in places), strict=True), strict=True)
    return {key: values[0] for key, values in parts if values[0] and len(set(values)) == 1}


def _stands_alone(text: str, word: _Word, detail: tuple[str, int] | None) -> bool:
    """Whether one name, with no other division beside it, is a place: 深圳 and 海淀区 are, 开封 and 和平 are not."""
    name = text[word.start : word.end]
    if word.named.full:
        return len(name) > 2 or name[-1] in "市县"
    if min(one.level for one in word.named.places) == 2 and name not in _TOWNS:
        return False
    if name in _NEVER_ALONE:
        return False
    return detail is not None or not _OTHER_THING.match(text, word.end)


def _detail(text: str, last: _Word, certain: bool) -> tuple[str, int] | None:
    """The street, house and room behind the divisions, and where they end."""
    match = _DETAIL.match(text, last.end)
    if match is None:
        return None
    words = match[0].strip()
    talk = _TALK.search(words)
    while talk is not None:  # cut at the last unit before the talk
        cut = words[: talk.start()]
        shorter = _DETAIL.fullmatch(cut) or _longest_detail(cut)
        if shorter is None:
            return None
        words = shorter[0].strip()
        talk = _TALK.search(words)
    numbered = re.search(r"\d|[零一二三四五六七八九十]号", words)
    if not last.named.full and not numbered and not (certain and _PLACE.search(words)):
        return None
    start = text.index(words, last.end)
    return words, start + len(words)


def _longest_detail(text: str) -> re.Match[str] | None:
    return _DETAIL.match(text)
