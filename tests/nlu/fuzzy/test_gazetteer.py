"""Values of word lists in the spellings that customers give them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu.fuzzy.gazetteer import Gazetteer
from nlu.normalize import normalize

VALUES = (
    "顺丰快递", "中通快递", "圆通速递", "农业银行", "建设银行", "平安银行", "中国移动", "北京", "杭州", "北京大学",
    "蜀大侠(望京店)", "海底捞(西单店)", "海底捞(中关村店)", "圆明园", "机械键盘", "王府井大街", "东门小区", "十三号楼",
    "iphone", "starbucks",
)  # fmt: skip


@pytest.fixture(scope="module")
def lists() -> Gazetteer:
    return Gazetteer.of(VALUES)


def found(lists: Gazetteer, text: str) -> list[tuple[str, str]]:
    return [(text[one.start : one.end], one.meant) for one in lists.near(text)]


@pytest.mark.parametrize(
    ("text", "said", "meant"),
    [
        ("我用顺风快递寄的", "顺风快递", "顺丰快递"),
        ("寄顺封快第可以吗", "顺封快第", "顺丰快递"),
        ("肿通快递到了没", "肿通快递", "中通快递"),
        ("中国以动的卡", "中国以动", "中国移动"),
        ("我要去北经玩", "北经", "北京"),
        ("园明园怎么走", "园明园", "圆明园"),
        ("怎么去王付井大街", "王付井大街", "王府井大街"),
        # n/l, h/f, ng/n, zh/z
        ("去王胡井大街", "王胡井大街", "王府井大街"),
        ("冻门小区", "冻门小区", "东门小区"),
        ("买个机械建盘", "机械建盘", "机械键盘"),
        # shape, one too many, too few, swapped
        ("买个机诫键盘", "机诫键盘", "机械键盘"),
        ("机械键键盘坏了", "机械键键盘", "机械键盘"),
        ("王府大街在哪", "王府大街", "王府井大街"),
        ("机键械盘", "机键械盘", "机械键盘"),
        # Latin
        ("我的iphnoe坏了", "iphnoe", "iphone"),
        ("iphne坏了", "iphne", "iphone"),
        ("starbuks咖啡", "starbuks", "starbucks"),
        # blanks and marks inside belong to it
        ("用顺丰 快第吧", "顺丰 快第", "顺丰快递"),
        ("属大侠(望京店)远吗", "属大侠(望京店)", "蜀大侠(望京店)"),
        # short forms
        ("农行的卡丢了", "农行", "农业银行"),
        ("北大在哪", "北大", "北京大学"),
        ("发顺丰吗", "顺丰", "顺丰快递"),
        ("蜀大侠怎么走", "蜀大侠", "蜀大侠(望京店)"),
    ],
)
def test_a_value_is_known_in_another_spelling(lists: Gazetteer, text: str, said: str, meant: str) -> None:
    assert found(lists, text) == [(said, meant)]
    assert all(SURE <= one.confidence < 1 for one in lists.near(text))


SURE = 0.6


@pytest.mark.parametrize(
    "text",
    [
        "我要换个背景",  # a word of its own
        "祝你平安",  # an everyday word is no short form
        "两条线平行吗",
        "移动一下位置",
        "西门小区",  # what tells two values apart
        "十四号楼",
        "海底捞怎么走",  # which of two
        "我们背靠背",
        "iphones15",
        "农行业前景",
        "我想查一下昨天的订单到哪了",
        "建设",
        "东门",
        "",
        "。",
        "顺",
    ],
)
def test_what_says_something_else_is_no_value(lists: Gazetteer, text: str) -> None:
    assert found(lists, text) == []


def test_a_value_that_is_written_right_is_no_find_of_this_kind(lists: Gazetteer) -> None:
    for value in VALUES:
        assert not lists.near(value, [(0, len(value))])


def test_two_values_that_sound_the_same_are_told_apart_by_tone_or_not_at_all() -> None:
    lists = Gazetteer.of(["李维工作室", "李伟工作室"])
    assert found(lists, "找李围工作室") == [("李围工作室", "李维工作室")]
    assert found(lists, "找李尾工作室") == [("李尾工作室", "李伟工作室")]
    assert found(lists, "找李胃工作室") == []


def test_a_longer_list_asks_for_more_evidence() -> None:
    streets = [f"{chr(0x4E00 + i)}{chr(0x5000 + i)}大街" for i in range(5000)]
    assert found(Gazetteer.of(["农业银行"]), "农行的卡丢了")
    assert not found(Gazetteer.of(["农业银行", *streets]), "农行的卡丢了")
    assert found(Gazetteer.of(["农业银行", *streets]), "农叶银行的卡丢了")


@pytest.mark.parametrize("size", [10, 4000])
def test_it_is_saved_and_loaded(size: int, tmp_path: Path) -> None:
    values = [*VALUES, *(f"第{chr(0x4E00 + i)}{chr(0x5000 + i)}小区" for i in range(size)), "单", "12345"]
    lists = Gazetteer.of(values)
    lists.save(tmp_path)
    again = Gazetteer.load(tmp_path, values, lists.forms)
    for text in ("我用顺风快递寄的", "园明园怎么走", "starbuks咖啡"):
        assert again.near(text) == lists.near(text) != []


_HARD = "顺丰风快递第农业银行北京经大学iphone 12()，。王府井付街机械键盘\ud83d😀\u3000"


@settings(deadline=None, max_examples=200)
@given(
    st.text(
        st.sampled_from("顺丰风快递第农业银行北京经大学iphone 12()，。王府井付街机械键盘\ud83d😀\u3000"), max_size=40
    )
    | st.text(max_size=30)
)
def test_finds_never_overlap_and_stay_inside_whatever_the_text(lists: Gazetteer, text: str) -> None:
    folded = normalize(text).text
    for raw in (folded, text):
        near = lists.near(raw)
        assert all(0 <= one.start < one.end <= len(raw) and 0 < one.confidence < 1 for one in near)
        assert all(a.end <= b.start for a, b in pairwise(sorted(near)))


def test_a_page_without_any_mark_takes_a_moment(lists: Gazetteer) -> None:
    assert lists.near("我们去王付井大街" * 1000)


def test_an_empty_list_has_nothing() -> None:
    assert Gazetteer.of([]).near("顺风快递") == []
    assert Gazetteer.of(["单", "12"]).near("顺风快递") == []


@pytest.mark.parametrize("text", ["质量没问题", "质量无问题", "质量不问题"])
def test_a_no_in_between_makes_no_slip_of_it(text: str) -> None:
    assert not found(Gazetteer.of(["质量问题", "尺码不合适"]), text)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("卖家态度很差", "卖家态度很好"),
        ("收货地址写错", "收货地址写对"),
        ("物流速度太慢", "物流速度太快"),
        ("取消自动续费", "取消手动续费"),
        ("取消自动续费", "取消自动扣费"),
        ("活期储蓄存款", "定期储蓄存款"),
        ("升级套餐流量", "降级套餐流量"),
        ("纸质发票寄送", "电子发票寄送"),
        ("免费上门取件", "收费上门取件"),
        ("解冻银行账户", "冻结银行账户"),
    ],
)
def test_another_word_in_a_long_value_is_no_slip(value: str, said: str) -> None:
    lists = Gazetteer.of([value, "修改登录密码", "普通会员折扣"])
    for text in (said, f"我说{said}了", f"{said}吗"):
        assert not found(lists, text)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("卖家态度很差", "卖家态库很差"),
        ("收货地址写错", "收货土址写错"),
        ("取消自动续费", "取消自切续费"),
        ("升级套餐流量", "升级套参流量"),
    ],
)
def test_a_broken_word_in_a_long_value_is_a_slip(value: str, said: str) -> None:
    assert found(Gazetteer.of([value, "修改登录密码"]), f"我说{said}了") == [(said, value)]
