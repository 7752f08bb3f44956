"""What people call a thing for short: 农行 for 农业银行, 顺丰 for 顺丰快递, 蜀大侠 for 蜀大侠(望京店)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

_KINDS = """
股份有限公司 有限责任公司 有限公司 集团公司 集团 公司 银行 快递 快运 速运 速递 物流 保险 证券 基金 大酒店 酒店
宾馆 饭店 旅馆 旅店 客栈 招待所 公寓 餐厅 餐馆 酒楼 酒家 菜馆 烤鸭店 火锅店 火锅 咖啡厅 咖啡 大学 学院 中学 小学
医院 诊所 药店 药房 超市 商场 商城 购物中心 百货 广场 大厦 公园 博物馆 博物院 纪念馆 美术馆 图书馆 体育馆 体育场
风景区 景区 旅游区 度假村 自治区 自治州 特别行政区 地区 地铁站 火车站 机场 手机 旗舰店 专卖店 会员 套餐
"""
"""What kind of thing a name is of: left out where the name says enough."""
_AREAS = """
中国 北京市 北京 上海市 上海 天津市 天津 重庆市 重庆 广州 深圳 杭州 南京 武汉 成都 西安 苏州 长沙 郑州 青岛 沈阳
大连 厦门 福州 济南 合肥 昆明 宁波 无锡 哈尔滨 长春 石家庄 太原 南昌 贵阳 南宁 海口 兰州 银川 西宁 拉萨 乌鲁木齐
呼和浩特 香港 澳门 台湾
"""
_ENDS, _STARTS = tuple(_KINDS.split()), tuple(_AREAS.split())
_BRANCH = re.compile(r"[(（][^()（）]*[)）]$")
_HAN = re.compile(r"[\u4e00-\u9fff]+")


def short_forms(wordings: Iterable[str], cost: Callable[[str], float]) -> Mapping[str, str]:
    """Short form -> the one wording that it stands for. `cost(word)` is the word's surprise, 0 for what is no word.

    A form of two wordings, or that is a wording itself, stands for nothing; nor does an everyday word (移动, 平安).
    """
    listed = list(dict.fromkeys(wordings))
    owners: dict[str, set[str]] = {}
    for wording in listed:
        for form in _forms(wording, cost):
            owners.setdefault(form, set()).add(wording)
    known = {*listed, *_ENDS, *_STARTS}
    return {form: min(owner) for form, owner in owners.items() if len(owner) == 1 and form not in known}


_BANKS = "工农中建交招"
"""农业银行 is 农行; 平安银行 is never 平行."""
_COMMON_WORD, _RARE_WORD = 9.5, 12.5
"""Surprises, in nats: up to the one a word means too much else, above the other hardly anything else."""


def _forms(wording: str, cost: Callable[[str], float]) -> Iterator[str]:
    bare = _BRANCH.sub("", wording)
    for name in sorted({wording, bare, _without_area(bare)}):
        if not _HAN.fullmatch(name):
            continue
        kind = _kind(name)
        heads = {name.removesuffix(kind)} if kind else set()
        heads |= {name} if name != wording else set()
        yield from (
            head for head in sorted(heads) if len(head) > 4 or (len(head) >= 2 and not 0 < cost(head) < _RARE_WORD)
        )
        if len(name) == 4 and (kind == "大学" or (kind == "银行" and name[0] in _BANKS)):
            form = name[0] + ("大" if kind == "大学" else "行")
            yield from [form] if cost(form) > _COMMON_WORD else []


def _kind(name: str) -> str:
    if not name.endswith(_ENDS):
        return ""
    return next((kind for kind in _ENDS if name.endswith(kind) and len(name) > len(kind) + 1), "")


def _without_area(name: str) -> str:
    if not name.startswith(_STARTS):
        return name
    area = next((area for area in _STARTS if name.startswith(area) and len(name) > len(area) + 2), "")
    return name.removeprefix(area)
