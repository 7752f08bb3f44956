"""Lengths, what comes back, quantities, references, and what only looks like them: seen from Wednesday 2026-11-18."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.message import Json
from nlu.normalize import normalize
from nlu.rules import Rules, extract
from nlu.rules.duration import Length, read_length

NOW = datetime(2026, 11, 18, 10, 0)


def found(text: str, rules: Rules | None = None) -> list[tuple[str, str, Json]]:
    return [(one.type, one.text, one.value) for one in extract(normalize(text), NOW, rules or Rules())]


def values(kind: str, text: str) -> list[tuple[str, Json]]:
    return [(words, value) for type_, words, value in found(text) if type_ == kind]


def _between(low: Json, high: Json) -> Json:
    return {"from": low, "to": high}


def _of(number: Json, unit: str) -> Json:
    return {"number": number, "unit": unit}


# --- durations ------------------------------------------------------------------------------------------------

DURATIONS: list[tuple[str, Json]] = [
    ("三天", "P3D"), ("半小时", "PT30M"), ("一年半", "P1Y6M"), ("两个礼拜", "P2W"), ("一个半小时", "PT1H30M"),
    ("90分钟", "PT90M"), ("1小时30分钟", "PT1H30M"), ("两年零三个月", "P2Y3M"), ("半年", "P6M"), ("半个月", "P15D"),
    ("一个半月", "P1M15D"), ("1.5小时", "PT1H30M"), ("一天半", "P1DT12H"), ("三刻钟", "PT45M"), ("48小时", "PT48H"),
    ("10秒", "PT10S"), ("两个季度", "P6M"), ("2天3小时", "P2DT3H"), ("一周半", "P10DT12H"), ("两周三天", "P17D"),
    ("三到五天", _between("P3D", "P5D")), ("两三天", _between("P2D", "P3D")), ("十几天", _between("P10D", "P20D")),
    ("二十多天", _between("P20D", "P30D")), ("一年多", _between("P1Y", "P2Y")),
    ("两个多小时", _between("PT2H", "PT3H")), ("半小时到1小时", _between("PT30M", "PT1H")),
    ("12小时-6天", _between("PT12H", "P6D")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), DURATIONS)
def test_an_expression_is_one_duration(text: str, value: Json) -> None:
    assert found(text) == [("duration", text, value)]


@pytest.mark.parametrize(
    ("sentence", "words", "value"),
    [
        ("我等了三天了", "三天", "P3D"),
        ("7天无理由退货", "7天", "P7D"),
        ("保修一年吗", "一年", "P1Y"),
        ("排队排了两个多小时", "两个多小时", _between("PT2H", "PT3H")),
    ],
)
def test_a_sentence_holds_a_duration(sentence: str, words: str, value: Json) -> None:
    assert found(sentence) == [("duration", words, value)]


@pytest.mark.parametrize("text", ["三天前", "7天内发货", "最近三天", "两个半小时后", "前两天", "三个工作日内"])
def test_what_is_counted_from_now_is_a_time(text: str) -> None:
    assert [type_ for type_, _, _ in found(text)] == ["time"]


NO_DURATIONS = """
三年级 2024年 三周年 天天 半天没人理 等了半天 几天 好几年 同一天
24小时营业 一天三次 一天天的 2点30分 三月 星期三 第三天
"""


@pytest.mark.parametrize("text", NO_DURATIONS.split())
def test_false_friends_are_no_durations(text: str) -> None:
    assert values("duration", text) == []


@settings(deadline=None)
@given(st.integers(1, 99), st.integers(1, 59))
def test_hours_and_minutes_are_read_back(hours: int, minutes: int) -> None:
    assert values("duration", f"{hours}小时{minutes}分钟") == [(f"{hours}小时{minutes}分钟", f"PT{hours}H{minutes}M")]


@settings(deadline=None)
@given(st.text("一二三两半个年月周天小时分钟秒零0123456789.", max_size=16))
def test_no_mixture_of_lengths_is_an_error(text: str) -> None:
    length = read_length(text)
    assert length is None or length.iso.startswith("P")


def test_weeks_stand_alone_in_iso_8601() -> None:
    assert Length(weeks=Decimal(2)).iso == "P2W"
    assert Length(weeks=Decimal(1), days=Decimal(3)).iso == "P10D"
    assert Length().iso == "PT0S"


NO_RULES = "隔天发还是当天发 每人 每件 每次 每个人 每位 隔壁 一天天的 每一个 相隔三天 日常 逢年过节"
NO_REFERENCES = "第一次 第二天 第三季度 上个月 下个星期 上一个月 最后一天 晚上一个人 上一下 第二个月"

# --- recurrences ----------------------------------------------------------------------------------------------

RECURRENCES = """
每天早上8点 FREQ=DAILY;BYHOUR=8;BYMINUTE=0
每晚8点 FREQ=DAILY;BYHOUR=20;BYMINUTE=0
每天下午三点半 FREQ=DAILY;BYHOUR=15;BYMINUTE=30
每天 FREQ=DAILY
每周三 FREQ=WEEKLY;BYDAY=WE
每个星期一下午三点 FREQ=WEEKLY;BYDAY=MO;BYHOUR=15;BYMINUTE=0
每周一三五 FREQ=WEEKLY;BYDAY=MO,WE,FR
每周二和周四 FREQ=WEEKLY;BYDAY=TU,TH
每周一到周五 FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR
每周末 FREQ=WEEKLY;BYDAY=SA,SU
每逢周六 FREQ=WEEKLY;BYDAY=SA
每月15号 FREQ=MONTHLY;BYMONTHDAY=15
每个月1号和15号 FREQ=MONTHLY;BYMONTHDAY=1,15
每月最后一天 FREQ=MONTHLY;BYMONTHDAY=-1
每个月第一个周一 FREQ=MONTHLY;BYDAY=1MO
每个工作日 FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR
每隔两天 FREQ=DAILY;INTERVAL=3
每隔一天 FREQ=DAILY;INTERVAL=2
隔天 FREQ=DAILY;INTERVAL=2
每两周 FREQ=WEEKLY;INTERVAL=2
每半年 FREQ=MONTHLY;INTERVAL=6
每季度 FREQ=MONTHLY;INTERVAL=3
每半小时 FREQ=MINUTELY;INTERVAL=30
每15分钟 FREQ=MINUTELY;INTERVAL=15
每年 FREQ=YEARLY
两周一次 FREQ=WEEKLY;INTERVAL=2
周一到周五每天早上8点 FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=8;BYMINUTE=0
每年3月5号 FREQ=YEARLY;BYMONTH=3;BYMONTHDAY=5
"""


@pytest.mark.parametrize("line", RECURRENCES.strip().splitlines())
def test_an_expression_is_one_rule(line: str) -> None:
    text, _, rule = line.partition(" ")
    assert found(text) == [("recurrence", text, rule)]


@pytest.mark.parametrize("text", ["每天9:00～21:00", "每天9点到18点"])
def test_a_stretch_of_hours_is_told_by_no_rule(text: str) -> None:
    assert found(text) == [("recurrence", "每天", "FREQ=DAILY")]


@pytest.mark.parametrize("text", NO_RULES.split())
def test_what_does_not_come_back_is_no_recurrence(text: str) -> None:
    assert values("recurrence", text) == []


# --- quantities -----------------------------------------------------------------------------------------------

QUANTITIES: list[tuple[str, Json]] = [
    ("两公斤", _of(2, "kg")), ("三斤半", _of(3.5, "斤")), ("5箱", _of(5, "箱")), ("一双", _of(1, "双")),
    ("200兆", _of(200, "MB")), ("120平米", _of(120, "m²")), ("三五个", _of(_between(3, 5), "个")),
    ("3到5个", _of(_between(3, 5), "个")), ("十几个", _of(_between(10, 20), "个")), ("半斤", _of(0.5, "斤")),
    ("二十多件", _of(_between(20, 30), "件")), ("两个半", _of(2.5, "个")), ("10kg", _of(10, "kg")),
    ("500g", _of(500, "g")), ("1万个", _of(10000, "个")), ("三点五斤", _of(3.5, "斤")), ("一米八", _of(1.8, "m")),
    ("1米75", _of(1.75, "m")), ("两斤三两", _of(2.3, "斤")), ("零下5度", _of(-5, "°C")), ("38度5", _of(38.5, "°C")),
    ("５个", _of(5, "个")), ("两大箱", _of(2, "箱")),
    ("50ml", _of(50, "ml")), ("３００㎡", _of(300, "m²")), ("25℃", _of(25, "°C")),
    ("3个工作日", _of(3, "工作日")), ("18岁", _of(18, "岁")), ("1.5L", _of(1.5, "L")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), QUANTITIES)
def test_an_expression_is_one_quantity(text: str, value: Json) -> None:
    assert found(text) == [("quantity", text, value)]


@pytest.mark.parametrize(
    ("sentence", "words", "value"),
    [
        ("给我来三瓶可乐", "三瓶", _of(3, "瓶")),
        ("我要一个", "一个", _of(1, "个")),
        ("买了一件衣服", "一件", _of(1, "件")),
        ("用了200度电", "200度", _of(200, "kWh")),
        ("水温调到40度", "40度", _of(40, "°C")),
        ("128G内存的", "128G", _of(128, "GB")),
        ("还剩2G流量", "2G", _of(2, "GB")),
        ("100M宽带", "100M", _of(100, "MB")),
        ("近视300度", "300度", _of(300, "度")),
        ("65W快充", "65W", _of(65, "W")),
    ],
)
def test_a_sentence_holds_a_quantity(sentence: str, words: str, value: Json) -> None:
    assert found(sentence) == [("quantity", words, value)]


NO_QUANTITIES = """
有一个问题 一家人 推荐一家餐厅 这是一件好事 三件套 四川 5G手机 4g网 三里屯 再说一遍 二次销售 三番五次 九棵树
东四十条 上一步 换一个 二人转 两方面 一样的 一下 一起 三条款 10号楼 3楼
第3箱 五个性 一口气 一手 一本正经 二手 三星 一只要 两双十一
"""


@pytest.mark.parametrize("text", NO_QUANTITIES.split())
def test_false_friends_are_no_quantities(text: str) -> None:
    assert values("quantity", text) == []


# --- references -----------------------------------------------------------------------------------------------

REFERENCES: list[tuple[str, Json]] = [
    ("第二个", {"index": 2}), ("第3单", {"index": 3}), ("第十二条", {"index": 12}), ("最后一个", {"index": -1}),
    ("倒数第二个", {"index": -2}), ("上一个", {"step": -1}), ("下一个", {"step": 1}), ("刚才那个", {"same": True}),
    ("上面说的那个", {"same": True}), ("下一页", {"step": 1}), ("同一个", {"same": True}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), REFERENCES)
def test_an_expression_is_one_reference(text: str, value: Json) -> None:
    assert found(text) == [("reference", text, value)]


@pytest.mark.parametrize("text", NO_REFERENCES.split())
def test_false_friends_are_no_references(text: str) -> None:
    assert values("reference", text) == []


# --- together -------------------------------------------------------------------------------------------------


def test_quantities_are_numbers_where_a_bot_asks_for_numbers_alone() -> None:
    rules = Rules(kinds=frozenset({"number"}))
    assert found("买3件", rules) == [("number", "3件", 3)]
    assert found("三五个", rules) == [("number", "三五个", _between(3, 5))]


def test_a_message_may_hold_one_of_each() -> None:
    text = "我叫王小明，每天早上8点送两箱到广东深圳南山区科技园路1号，等了三天了，第二个也要，网址www.a.cn"
    assert [(type_, value) for type_, _, value in found(text)] == [
        ("person", "王小明"),
        ("recurrence", "FREQ=DAILY;BYHOUR=8;BYMINUTE=0"),
        ("quantity", _of(2, "箱")),
        ("address", {"province": "广东省", "city": "深圳市", "district": "南山区", "detail": "科技园路1号"}),
        ("duration", "P3D"),
        ("reference", {"index": 2}),
        ("url", "www.a.cn"),
    ]


def test_what_is_all_around_is_no_month() -> None:
    assert values("duration", "查查它四周还有什么景点") == []
    assert values("duration", "等了四周") == [("四周", "P4W")]


def test_each_third_day_is_a_rule_whatever_stands_behind() -> None:
    assert values("recurrence", "每隔三天就断网") == [("每隔三天", "FREQ=DAILY;INTERVAL=4")]
    assert values("recurrence", "隔三天就到") == []


def test_the_last_but_one_is_not_the_second() -> None:
    assert found("倒数第二") == [("reference", "倒数第二", {"index": -2})]
