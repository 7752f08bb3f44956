"""Sums, percentages and numbers as customers write them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.message import Json
from nlu.normalize import normalize
from nlu.rules import extract
from nlu.rules.numerals import read

NOW = datetime(2026, 11, 18, 10, 0)


def values(kind: str, text: str) -> list[tuple[str, Json]]:
    return [(one.text, one.value) for one in extract(normalize(text), NOW) if one.type == kind]


def _usd(amount: float, currency: str = "USD") -> Json:
    return {"amount": amount, "currency": currency}


def _between(low: float, high: float) -> Json:
    return {"from": low, "to": high}


AMOUNTS: list[tuple[str, Json]] = [
    ("199块5", 199.5),
    ("￥1,299.00", 1299),
    ("¥99", 99),
    ("￥99.9元", 99.9),
    ("一百二", 120),
    ("一百五十块", 150),
    ("三千元整", 3000),
    ("1万2", 12000),
    ("3.5k", 3500),
    ("两毛五", 0.25),
    ("50元", 50),
    ("100块钱", 100),
    ("人民币500元", 500),
    ("RMB 500", 500),
    ("500rmb", 500),
    ("九块九", 9.9),
    ("9块9", 9.9),
    ("3块8毛5", 3.85),
    ("3块8毛5分", 3.85),
    ("五块五毛", 5.5),
    ("十二元五角", 12.5),
    ("12元5角", 12.5),
    ("两块半", 2.5),
    ("三毛钱", 0.3),
    ("5毛", 0.5),
    ("五角", 0.5),
    ("5分钱", 0.05),
    ("三块零五分", 3.05),
    ("一千二百元", 1200),
    ("一千零五十元", 1050),
    ("一万二千块", 12000),
    ("两万块", 20000),
    ("1.5万元", 15000),
    ("3万元", 30000),
    ("12.50元", 12.5),
    ("１２元", 12),
    ("两百", None),
    ("一千五", 1500),
    ("三万五", 35000),
    ("十二万八", 128000),
    ("0.01元", 0.01),
    ("一块钱", 1),
    ("20美元", _usd(20)),
    ("$19.99", _usd(19.99)),
    ("US$20", _usd(20)),
    ("300港币", _usd(300, "HKD")),
    ("HK$300", _usd(300, "HKD")),
    ("五百日元", _usd(500, "JPY")),
    ("€15", _usd(15, "EUR")),
    ("2000新台币", _usd(2000, "TWD")),
    ("一百多块", _between(100, 200)),
    ("100多元", _between(100, 200)),
    ("150多块", _between(150, 160)),
    ("两三百块", _between(200, 300)),
    ("几十块", _between(20, 90)),
    ("几百块钱", _between(200, 900)),
    ("十几块", _between(10, 20)),
    ("二十来块", _between(20, 30)),
    ("100到200元", _between(100, 200)),
    ("50-100块", _between(50, 100)),
    ("三千圆", 3000),
    ("兩百塊", 200),
]


@pytest.mark.parametrize(("text", "value"), AMOUNTS)
def test_an_expression_is_one_sum(text: str, value: Json) -> None:
    assert values("amount", text) == ([] if value is None else [(text, value)])


@pytest.mark.parametrize(
    ("sentence", "words", "value"),
    [
        ("退我一百二就行", "一百二", 120),
        ("我要充值100", "100", 100),
        ("你们扣了我50", "50", 50),
        ("退款金额：25.5，什么时候到账", "25.5", 25.5),
        ("我付了199块5，怎么只退了150元", "199块5", 199.5),
        ("运费12块能报吗", "12块", 12),
        ("花了1,299.00元买的", "1,299.00元", 1299),
        ("充一千二", "一千二", 1200),
        ("差价30块5退给我", "30块5", 30.5),
        ("这个9块9包邮吗", "9块9", 9.9),
        ("满300元减50", "300元", 300),
        ("余额还剩12.5", "12.5", 12.5),
        ("人均50 - 100元", "50 - 100元", {"from": 50, "to": 100}),
        ("两块五一斤", "两块五", 2.5),
        ("花了￥88买的", "￥88", 88),
        ("50块一斤", "50块", 50),
        ("比昨天贵了一百多", "一百多", {"from": 100, "to": 200}),
        ("工资3k5", "3k5", 3500),
        ("话费欠了五十多", "五十多", {"from": 50, "to": 60}),
        ("每月还1500", "1500", 1500),
        ("额度提到五万", "五万", 50000),
    ],
)
def test_a_sentence_holds_a_sum(sentence: str, words: str, value: Json) -> None:
    assert (words, value) in values("amount", sentence)


NO_AMOUNTS = """
一块儿发货吧 两块手表 一块巧克力
三块电池 一块屏幕 元旦放假吗 20元旦 三毛衣 五角星 三角形 5分钟 五分好评 评5分 两分钟 单元
10元件 毛巾 退3件 退两单 扣3分 充3次 付款后3天 收2个快递 100个 第3块 一万 100
便宜点 百元店 3号线 转2楼 百度 8折
充电宝2个 卖家 借2天 减肥 花3小时 退3月5号的货 几块钱 多少钱 刀具 3刀片
"""


@pytest.mark.parametrize("text", NO_AMOUNTS.split())
def test_false_friends_are_no_sums(text: str) -> None:
    assert values("amount", text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("25%", 25),
        ("3.5%", 3.5),
        ("百分之二十五", 25),
        ("百分之25", 25),
        ("百分之百", 100),
        ("百分百", 100),
        ("百分之三点五", 3.5),
        ("千分之五", 0.5),
        ("八折", 80),
        ("8折", 80),
        ("85折", 85),
        ("八五折", 85),
        ("9.5折", 95),
        ("九成", 90),
        ("２５％", 25),
    ],
)
def test_an_expression_is_one_percentage(text: str, value: Json) -> None:
    assert values("percent", text) == [(text, value)]
    assert values("number", text) == []


@pytest.mark.parametrize("text", ["打折吗", "3折叠手机", "成功", "三成功了", "百分点", "折扣", "一成不变"])
def test_false_friends_are_no_percentages(text: str) -> None:
    assert values("percent", text) == []


@pytest.mark.parametrize(
    ("sentence", "words", "value"),
    [
        ("3", "3", 3),
        ("三", "三", 3),
        ("一百二十", "一百二十", 120),
        ("100", "100", 100),
        ("负五", "负五", -5),
        ("-3", "-3", -3),
        ("第十二", "第十二", 12),
        ("我们俩", "俩", 2),
        ("仨", "仨", 3),
        ("3到5", "3到5", _between(3, 5)),
        ("1,299", "1,299", 1299),
        ("3.14", "3.14", 3.14),
        ("一千零一", "一千零一", 1001),
        ("五千左右", "五千", 5000),
        ("三千多的手机", "三千多", _between(3000, 4000)),
    ],
)
def test_a_sentence_holds_a_number(sentence: str, words: str, value: Json) -> None:
    found = values("number", sentence)
    assert [v for _, v in found] == [value]
    assert found[0][0].startswith(words)


NO_NUMBERS = """
查一下 一点都不 一起发 一样的 一直没发 一定要快 一般几天 一些问题 等一会儿
万一丢了 千万别发 十分感谢 三星手机 百度 iphone15
mate60pro 10号楼 3号线 a4纸 1.2.3 138****1234 8:30 3-1-502 小米13pro
第一时间 一次性退 一块儿 四件套 三番五次 七十年代 三年级 四周 四川 九牛 双十一 唯一 统一 2月30号
"""


@pytest.mark.parametrize("text", NO_NUMBERS.split())
def test_false_friends_are_no_numbers(text: str) -> None:
    assert values("number", text) == []


# --- numerals -----------------------------------------------------------------------------------------------

_DIGITS = "零一二三四五六七八九"


def _below_10k(value: int) -> str:
    words, gap = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, value = divmod(value, unit)
        if digit:
            words += ("零" if gap and words else "") + _DIGITS[digit] + name
        gap = not digit
    return words


def spelled(value: int) -> str:
    """A number in Chinese as schools teach it."""
    if value == 0:
        return "零"
    high, low = divmod(value, 10_000)
    words = (_below_10k(high) + "万" if high else "") + ("零" if high and 0 < low < 1000 else "") + _below_10k(low)
    return words.removeprefix("一") if words.startswith("一十") else words


@settings(deadline=None)
@given(st.integers(0, 99_999_999))
def test_a_spelled_number_is_read_back(value: int) -> None:
    assert read(spelled(value)) == value


@settings(deadline=None)
@given(st.integers(0, 10**12))
def test_a_number_in_figures_is_read_back(value: int) -> None:
    assert read(str(value)) == value
    assert read(f"{value:,}") == value


@settings(deadline=None)
@given(st.text("零〇一二两三四五六七八九十百千万亿点半0123456789.,kw", max_size=12))
def test_what_is_no_numeral_is_none_and_no_error(text: str) -> None:
    value = read(text)
    assert value is None or value >= 0


@settings(deadline=None)
@given(
    st.integers(1, 9_999_999), st.sampled_from(["{}元", "￥{}", "{}块钱", "¥ {}", "人民币{}元", "花了{}元", "退我{}块"])
)
def test_a_sum_is_found_in_every_form(cents: int, form: str) -> None:
    value = Decimal(cents) / 100
    for written in (f"{value:.2f}", f"{value:,.2f}"):
        assert [v for _, v in values("amount", form.format(written))] == [float(value)]


@settings(deadline=None)
@given(st.integers(1, 999_999))
def test_a_spelled_sum_is_found(value: int) -> None:
    assert values("amount", f"{spelled(value)}元") == [(f"{spelled(value)}元", value)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("余额-20元", [("-20元", -20)]),
        ("账户显示-3.5元", [("-3.5元", -3.5)]),
        ("负二十元", [("负二十元", -20)]),
        ("运费-20元", [("20元", 20)]),  # a dash
        ("￥1,29", []),  # neither 1 nor 129 is what was meant for certain
        ("预算1000-2000", [("1000-2000", _between(1000, 2000))]),
        ("额度从1万调到2万", [("1万", 10000), ("2万", 20000)]),
        ("从三万提到五万", []),
        ("退200分", []),
        ("支持假一赔十", []),
        ("余额快没了，给我续上200", [("200", 200)]),
        ("叁佰零伍元", [("叁佰零伍元", 305)]),
        ("伍元整", [("伍元整", 5)]),
    ],
)
def test_what_a_sum_is_told_by(text: str, found: list[tuple[str, Json]]) -> None:
    assert values("amount", text) == found


def test_sizes_of_pictures_and_watts_are_no_money() -> None:
    assert values("number", "4K电视") == []
    assert values("amount", "3000w") == []
    assert values("amount", "30w") == [("30w", 300_000)]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("还剩十八万六", [("number", "十八万六", 186_000)]),
        ("退我十二万五千", [("amount", "十二万五千", 125_000)]),
        ("退1万2千", [("amount", "1万2千", 12_000)]),
        ("退我1万二", []),  # better asked again than ten thousand
        ("存五万一年", [("amount", "五万", 50_000), ("duration", "一年", "P1Y")]),
        ("工资一万二一个月", [("amount", "一万二", 12_000)]),
        ("五百一次", []),
        ("三百零一次", [("quantity", "三百零一次", {"number": 301, "unit": "次"})]),
        ("一千二毫升", [("quantity", "一千二毫升", {"number": 1200, "unit": "ml"})]),
        ("一零零八六打不进", [("phone", "一零零八六", "10086")]),
        ("一二三四五", [("number", "一二三四五", 12345)]),
    ],
)
def test_a_figure_is_read_to_its_end_and_no_further(text: str, right: list[tuple[str, str, Json]]) -> None:
    found = [(one.type, one.text, one.value) for one in extract(normalize(text), NOW)]
    kinds = {kind for kind, _, _ in right}
    assert [one for one in found if not right or one[0] in kinds] == right
