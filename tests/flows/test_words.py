"""Words that mean the same to every bot, and the false friends of each."""

from __future__ import annotations

import pytest

from adapters.message import Button
from flows import words


@pytest.mark.parametrize(
    "text",
    [
        "是",
        "是的",
        "对",
        "对的！",
        "好",
        "好的，确认",
        "嗯嗯",
        "嗯，没问题",
        "可以",
        "ok",
        "OK。",
        "确认",
        "確認",
        "行吧",
        "没错",
        "是啊",
        "对，就这样",
        "提交吧",
        "ＯＫ",
    ],
)
def test_yes(text: str) -> None:
    assert words.affirms(text)
    assert not words.denies(text)


@pytest.mark.parametrize(
    "text",
    [
        "不",
        "不是",
        "不对",
        "不用了",
        "不要",
        "先不退了",
        "没有",
        "否",
        "不了，谢谢",
        "暂时不用",
        "再想想",
        "还是不要了",
        "我再考虑一下",
    ],
)
def test_no(text: str) -> None:
    assert words.denies(text)
    assert not words.affirms(text)


@pytest.mark.parametrize(
    "text", ["好的鞋子", "是不是坏了", "对不起", "不对，是DD2", "行李箱", "可以退吗", "要红色的", ""]
)
def test_neither_yes_nor_no(text: str) -> None:
    assert not words.affirms(text)
    assert not words.denies(text)


@pytest.mark.parametrize(
    "text",
    [
        "算了",
        "算了不查了",
        "不退了",
        "取消吧",
        "那算了",
        "我不退了，谢谢",
        "还是算了吧",
        "不办了",
        "退出",
        "当我没说",
        "算了，不想退了",
    ],
)
def test_giving_up(text: str) -> None:
    assert words.cancels(text)
    assert words.cancels(text, strict=True)


@pytest.mark.parametrize(
    "text", ["取消订单", "怎么取消", "不能退了吗", "能取消吗", "算了一下是三百", "停电了", "DD1", "好的"]
)
def test_what_is_not_giving_up(text: str) -> None:
    assert not words.cancels(text)


def test_not_wanting_it_is_a_reason_where_a_reason_is_asked() -> None:
    assert words.cancels("不想要了")
    assert not words.cancels("不想要了", strict=True)
    assert not words.cancels("不要了", strict=True)


@pytest.mark.parametrize(
    "text", ["再说一遍", "请再说一次", "没听清", "没看懂", "你刚才说什么", "什么？", "重复一下", "啊？", "麻烦再发一遍"]
)
def test_asking_to_repeat(text: str) -> None:
    assert words.repeats(text)


@pytest.mark.parametrize(
    "text",
    [
        "什么",
        "说一下原因",
        "再买一次",
        "什么时候发货？",
        "没看到货",
    ],
)
def test_what_is_not_asking_to_repeat(text: str) -> None:
    assert not words.repeats(text)


@pytest.mark.parametrize(
    "text",
    [
        "转人工",
        "人工",
        "人工客服",
        "我要人工",
        "给我转人工客服",
        "找个真人",
        "轉人工",
        "转接客服",
        "能不能叫个活人来",
        "人工服务！",
        "别用机器人",
        "转人工谢谢",
    ],
)
def test_asking_for_a_human(text: str) -> None:
    assert words.wants_human(text)


@pytest.mark.parametrize(
    "text",
    [
        "人工智能是什么",
        "不用转人工",
        "人工几点上班",
        "这是人工做的吗",
        "手工的",
    ],
)
def test_what_is_not_asking_for_a_human(text: str) -> None:
    assert not words.wants_human(text)


@pytest.mark.parametrize(
    "text", ["那个订单", "把它退了", "刚才那个", "这单", "上一个", "上一单到哪了", "它到哪了", "这个订单"]
)
def test_references(text: str) -> None:
    assert words.refers(text)


@pytest.mark.parametrize(
    "text",
    [
        "我要退款",
        "查物流",
        "那个人态度差",
        "其他问题",
        "吉他多少钱",
    ],
)
def test_what_refers_to_nothing(text: str) -> None:
    assert not words.refers(text)


@pytest.mark.parametrize(
    "text",
    ["不对，是DD2", "我说错了", "订单号改成DD2", "应该是DD2", "不是这个", "错了错了", "不是DD1，是DD2", "不，是明天"],
)
def test_corrections(text: str) -> None:
    assert words.is_correction(text)


@pytest.mark.parametrize(
    "text",
    [
        "DD2",
        "质量不好",
        "是的",
        "不用了",
        "运费谁出",
    ],
)
def test_what_corrects_nothing(text: str) -> None:
    assert not words.is_correction(text)


@pytest.mark.parametrize(
    "text",
    [
        "？？？",
        "😂",
        "...",
        "qwrtpsdf",
        "asdfghjkl",
        "",
    ],
)
def test_noise(text: str) -> None:
    assert words.is_noise(text)


@pytest.mark.parametrize(
    "text",
    [
        "坏了",
        "hello",
        "iPhone",
        "DD1",
        "5",
        "nike",
    ],
)
def test_what_is_not_noise(text: str) -> None:
    assert not words.is_noise(text)


OPTIONS = (Button("微信支付", "微信"), Button("支付宝", "/pay"), Button("银行卡支付", "card"))


@pytest.mark.parametrize(
    ("text", "title"),
    [("1", "微信支付"),
        ("２。", "支付宝"),
        ("第三个", "银行卡支付"),
        ("选二", "支付宝"),
        ("微信", "微信支付"),
        ("支付宝", "支付宝"),
        ("银行卡", "银行卡支付"),
        ("我选第1个", "微信支付"),
        ("（3）", "银行卡支付"),
        ("③", "银行卡支付"),
        ("【2】", "支付宝"),
        ("我就要第二种吧", "支付宝"),
        ("最后一个", "银行卡支付"),
        ("最后那个吧", "银行卡支付"),
        ("最后", None),
        ("十一", None),
        ("4", None),
        ("0", None),
        ("支付", None),
        ("", None),
        ("现金", None)],
)  # fmt: skip
def test_picking_an_option(text: str, title: str | None) -> None:
    found = words.pick(text, OPTIONS)
    assert (found.title if found else None) == title


def test_the_words_of_an_option_go_before_its_number() -> None:
    amounts = (Button("1", "/one"), Button("5", "/five"), Button("2", "/two"))
    assert [words.pick(said, amounts) for said in ("2", "第二个", "5")] == [amounts[2], amounts[1], amounts[1]]


def test_the_twelfth_of_many() -> None:
    many = tuple(Button(f"方案{letter}") for letter in "甲乙丙丁戊己庚辛壬癸子丑寅")
    assert [words.pick(said, many) for said in ("十二", "第十个", "12")] == [many[11], many[9], many[11]]


def test_clauses() -> None:
    assert words.clauses("查一下余额，然后转人工！") == ["查一下余额", "转人工"]
