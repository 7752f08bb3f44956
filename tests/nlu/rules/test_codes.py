"""Phone numbers, identity cards, e-mail addresses, express and order numbers; and what only looks like them."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu.normalize import normalize
from nlu.rules import Rules, extract
from nlu.rules.codes import carriers, is_id_card

NOW = datetime(2026, 11, 18, 10, 0)


def found(text: str, rules: Rules | None = None) -> list[tuple[str, str, object]]:
    return [(one.type, one.text, one.value) for one in extract(normalize(text), NOW, rules or Rules())]


CODES = [
    # mobile
    ("13800138000", "phone", "13800138000", "13800138000"),
    ("我的电话是13912345678，请回电", "phone", "13912345678", "13912345678"),
    ("138 0013 8000", "phone", "138 0013 8000", "13800138000"),
    ("138-0013-8000", "phone", "138-0013-8000", "13800138000"),
    ("+86 13800138000", "phone", "+86 13800138000", "13800138000"),
    ("+86-138-0013-8000", "phone", "+86-138-0013-8000", "13800138000"),
    ("8613800138000", "phone", "8613800138000", "13800138000"),
    ("0086 13800138000", "phone", "0086 13800138000", "13800138000"),
    ("手机１３８００１３８０００", "phone", "１３８００１３８０００", "13800138000"),
    ("幺三八零零幺三八零零零", "phone", "幺三八零零幺三八零零零", "13800138000"),
    ("打19912345678吧", "phone", "19912345678", "19912345678"),
    # landline, service, hotline
    ("010-12345678", "phone", None, None),
    ("010-62345678", "phone", "010-62345678", "010-62345678"),
    ("0755-8234567", "phone", "0755-8234567", "0755-8234567"),
    ("(021)62345678", "phone", "(021)62345678", "021-62345678"),
    ("021 6234 5678", "phone", "021 6234 5678", "021-62345678"),
    ("02162345678", "phone", "02162345678", "021-62345678"),
    ("0571-88886666-8001", "phone", "0571-88886666-8001", "0571-88886666-8001"),
    ("0571-88886666转801", "phone", "0571-88886666转801", "0571-88886666-801"),
    ("+86-10-62345678", "phone", "+86-10-62345678", "010-62345678"),
    ("400-123-4567", "phone", "400-123-4567", "4001234567"),
    ("4008123123", "phone", "4008123123", "4008123123"),
    ("400 8123 123", "phone", "400 8123 123", "4008123123"),
    ("800-810-8888", "phone", "800-810-8888", "8008108888"),
    ("打95588问问", "phone", "95588", "95588"),
    ("10086", "phone", "10086", "10086"),
    ("我要打12315投诉", "phone", "12315", "12315"),
    # identity card
    ("11010519491231002X", "id_card", "11010519491231002X", "11010519491231002X"),
    ("身份证11010519491231002x谢谢", "id_card", "11010519491231002x", "11010519491231002X"),
    ("440524188001010014", "id_card", None, None),
    ("110105 19491231 002X", "id_card", "110105 19491231 002X", "11010519491231002X"),
    # e-mail
    ("abc@qq.com", "email", "abc@qq.com", "abc@qq.com"),
    ("邮箱是Zhang.San+vip@Mail.Example.com.cn，谢谢", "email", "Zhang.San+vip@Mail.Example.com.cn",
     "zhang.san+vip@mail.example.com.cn"),
    ("发到12345678@163.com吧", "email", "12345678@163.com", "12345678@163.com"),
    ("ａｂｃ＠ｑｑ．ｃｏｍ", "email", "ａｂｃ＠ｑｑ．ｃｏｍ", "abc@qq.com"),
    ("a_b-c@x.io.", "email", "a_b-c@x.io", "a_b-c@x.io"),
    # express
    ("SF1234567890123", "express_no", "SF1234567890123", "SF1234567890123"),
    ("单号yt1234567890123到哪了", "express_no", "yt1234567890123", "YT1234567890123"),
    ("JDVB12345678901", "express_no", "JDVB12345678901", "JDVB12345678901"),
    ("JD0123456789012-1-1-", "express_no", "JD0123456789012-1-1", "JD0123456789012-1-1"),
    ("EA123456789CN", "express_no", "EA123456789CN", "EA123456789CN"),
    ("快递单号773012345678901", "express_no", "773012345678901", "773012345678901"),
    ("查物流4312345678901", "express_no", "4312345678901", "4312345678901"),
    ("圆通 812345678901 怎么不动了", "express_no", "812345678901", "812345678901"),
    # order
    ("DD20240101001", "order_id", "DD20240101001", "DD20240101001"),
    ("我的订单dd20240101001呢", "order_id", "dd20240101001", "DD20240101001"),
    ("订单号是2024010112345", "order_id", "2024010112345", "2024010112345"),
    ("订单12345678", "order_id", "12345678", "12345678"),
    ("订单号：DD1", "order_id", "DD1", "DD1"),
    ("单号A-10086", "order_id", "A-10086", "A-10086"),
    ("不对，订单号改成DD2", "order_id", "DD2", "DD2"),
    ("20240101000123456789", "order_id", "20240101000123456789", "20240101000123456789"),
    ("20261118-0001", "order_id", "20261118-0001", "20261118-0001"),
    ("订单号#12345", "order_id", "12345", "12345"),
    ("快递单号 YT 1234567890123", "express_no", "YT 1234567890123", "YT1234567890123"),
    ("订单 2024010112345 到哪了", "order_id", "2024010112345", "2024010112345"),
    ("ＤＤ２０２４０１０１００１", "order_id", "ＤＤ２０２４０１０１００１", "DD20240101001"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "words", "value"), CODES)
def test_a_code_is_found_whole_and_as_nothing_else(text: str, kind: str, words: str | None, value: str | None) -> None:
    got = found(text)
    if words is None:
        assert kind not in [type_ for type_, _, _ in got]
    else:
        assert got == [(kind, words, value)]


NO_CODES = [
    ("phone", "1380013800"), ("phone", "138001380001"), ("phone", "x13800138000"), ("phone", "13800138000abc"),
    ("phone", "12800138000"), ("phone", "2024010113800138000"), ("phone", "95588元"), ("phone", "10086元"),
    ("phone", "95折"), ("phone", "订单号02162345678"), ("phone", "62345678"), ("phone", "138****1234"),
    ("phone", "100.10086"), ("phone", "SF13800138000123"), ("phone", "400"), ("phone", "40012345678"),
    ("id_card", "110105194912310021"), ("id_card", "110105194913310021"), ("id_card", "11010519491231002"),
    ("id_card", "911010519491231002X"), ("id_card", "11010519491231002XY"), ("id_card", "110105194902300028"),
    ("email", "abc@qq"), ("email", "@qq.com"), ("email", "abc@"), ("email", "abc@.com"), ("email", "微信@张三"),
    ("email", "a@b@c"), ("email", "abc.@qq.com"),
    ("express_no", "SF123"), ("express_no", "XSF1234567890123"), ("express_no", "订单1234567890123"),
    ("express_no", "1234567890123"), ("express_no", "EA12345678CN"), ("express_no", "SF1234567890123X"),
    ("order_id", "12345678"), ("order_id", "iphone15"), ("order_id", "mate60pro"),
    ("order_id", "卡号6222021234567890123"),
    ("order_id", "QQ 1234567890"),
    ("order_id", "QQ123456789"), ("order_id", "订单3天没发货"), ("order_id", "订单5月3号下的"),
    ("order_id", "订单2件"),
    ("order_id", "13800138000"),
    ("order_id", "我有3个订单"), ("order_id", "2026-11-22"), ("order_id", "订单100元"),
    ("order_id", "银行卡号是6222021234567890"), ("order_id", "税号91110108MA01ABCD12"), ("order_id", "订单11.22的"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text"), NO_CODES)
def test_what_only_looks_like_a_code_is_none(kind: str, text: str) -> None:
    assert kind not in [type_ for type_, _, _ in found(text)]


def test_several_values_in_one_message_stay_apart() -> None:
    text = "订单DD20240101001，手机13800138000，邮箱a@b.cn，退款199块5，明天下午三点取件，运单SF1234567890123"
    assert [(type_, value) for type_, _, value in found(text)] == [
        ("order_id", "DD20240101001"),
        ("phone", "13800138000"),
        ("email", "a@b.cn"),
        ("amount", 199.5),
        ("time", "2026-11-19T15:00"),
        ("express_no", "SF1234567890123"),
    ]


def test_a_bots_own_order_numbers_come_first() -> None:
    rules = Rules(order_id=re.compile(r"(?<![a-z0-9])sf\d{13}(?!\d)|(?<!\d)1\d{10}(?!\d)"))
    assert found("SF1234567890123", rules) == [("order_id", "SF1234567890123", "SF1234567890123")]
    assert found("13800138000", rules) == [("order_id", "13800138000", "13800138000")]
    assert [type_ for type_, _, _ in found("DD20240101001", rules)] == []


def test_a_bots_own_pattern_takes_no_half_of_a_longer_code() -> None:
    rules = Rules(order_id=re.compile(r"dd\d{4}"))
    assert found("DD2024，谢谢", rules) == [("order_id", "DD2024", "DD2024")]
    assert "order_id" not in [type_ for type_, _, _ in found("DD20240101 和 ADD2024", rules)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("卡号6222021234567890123", "6222021234567890123"),
        ("6222 0212 3456 7890 123", "6222 0212 3456 7890 123"),
        ("银行卡号是6222021234567890", "6222021234567890"),
    ],
)
def test_a_bank_card_whose_check_digit_is_wrong_is_flagged(text: str, words: str) -> None:
    assert found(text) == [("invalid", words, {"type": "bank_card", "why": "checksum"})]


def test_a_kind_that_is_off_still_keeps_its_digits_to_itself() -> None:
    rules = Rules(kinds=frozenset({"number", "order_id"}))
    assert found("13800138000", rules) == []
    assert found("11月20号", rules) == []


def test_offsets_index_the_original() -> None:
    text = "我的　手機 ：１３８ ００１３ ８０００！！！ 明 天 下午三點"
    entities = extract(normalize(text), NOW)
    assert [(one.type, one.text) for one in entities] == [
        ("phone", "１３８ ００１３ ８０００"),
        ("time", "明 天 下午三點"),
    ]
    assert all(text[one.start : one.end] == one.text and one.extractor == "rules" for one in entities)


def _id_card(area: int, birth: date, sequence: int) -> str:
    body = f"{area:06d}{birth:%Y%m%d}{sequence:03d}"
    return next(body + check for check in "0123456789x" if is_id_card(body + check))


@settings(deadline=None)
@given(st.integers(110000, 820000), st.dates(date(1900, 1, 1), date(2026, 1, 1)), st.integers(0, 999))
def test_a_right_identity_card_is_found_and_a_wrong_digit_is_noticed(area: int, birth: date, sequence: int) -> None:
    code = _id_card(area, birth, sequence)
    assert found(f"身份证号{code}") == [("id_card", code, code.upper())]
    wrong = code[:5] + str((int(code[5]) + 1) % 10) + code[6:]
    assert "id_card" not in [type_ for type_, _, _ in found(f"身份证号{wrong}")]


@settings(deadline=None)
@given(
    st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True), st.sampled_from(["{}", "电话{}。", "+86{}", "打 {} 给我", "({})"])
)
def test_every_mobile_number_is_found(number: str, form: str) -> None:
    assert [(type_, value) for type_, _, value in found(form.format(number))] == [("phone", number)]


def test_the_kinds_are_quick_on_long_and_hostile_texts() -> None:
    start = datetime.now()
    for text in (
        "1" * 3000,
        "一" * 3000,
        "a1-" * 1000,
        "@a." * 1000,
        "3月" * 1000,
        "前" * 3000,
        "0 " * 1500,
        "半个" * 1000,
        "北京市朝阳区望京街10号" * 200,
        "收件人:" * 700,
        "每周一" * 1000,
        "1万2千" * 700,
        "第一个" * 1000,
    ):
        extract(normalize(text), NOW)
    assert datetime.now() - start < timedelta(seconds=10)


# --- cards, pages, plates -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words", "value"),
    [
        ("6222021234567894", "6222021234567894", "6222021234567894"),
        ("卡号是6228 4804 0256 4890 018，工行的", "6228 4804 0256 4890 018", "6228480402564890018"),
        ("信用卡4111111111111111", "4111111111111111", "4111111111111111"),
        ("银行卡：6013821100012345676", "6013821100012345676", "6013821100012345676"),
    ],
)
def test_a_bank_card_is_known_by_its_check_digit(text: str, words: str, value: str) -> None:
    assert found(text) == [("bank_card", words, value)]


@settings(deadline=None)
@given(st.from_regex(r"62[0-9]{13}", fullmatch=True))
def test_of_ten_last_digits_one_makes_a_bank_card(body: str) -> None:
    kinds = [found(f"卡号{body}{digit}")[0][0] for digit in range(10)]
    assert sorted(kinds) == ["bank_card"] + ["invalid"] * 9


@pytest.mark.parametrize(
    ("text", "type_", "why"),
    [
        ("卡号62220212345678", "bank_card", "length"),
        ("110105194912310021", "id_card", "checksum"),
        ("身份证110105194913310021", "id_card", "no_such_date"),
        ("身份证号11010519491231002", "id_card", "length"),
        ("手机号1380013800", "phone", "length"),
        ("我的电话是138001380001", "phone", "length"),
    ],
)
def test_what_cannot_be_a_code_is_flagged_and_nothing_else(text: str, type_: str, why: str) -> None:
    assert [(kind, value) for kind, _, value in found(text)] == [("invalid", {"type": type_, "why": why})]


def test_an_order_number_is_not_blamed_for_being_no_card() -> None:
    assert [kind for kind, _, _ in found("订单号6222021234567890")] == ["order_id"]
    assert [kind for kind, _, _ in found("订单号110105194912310021")] == ["order_id"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("看这个https://Shop.example.com/a?b=1&c=2，链接", "https://Shop.example.com/a?b=1&c=2"),
        ("www.Example.cn。", "www.Example.cn"),
        ("(http://a.cn/x)", "http://a.cn/x"),
        ("https://a.cn/wiki/x_(y)", "https://a.cn/wiki/x_(y)"),
    ],
)
def test_a_web_address_is_told_as_it_was_written(text: str, words: str) -> None:
    assert found(text) == [("url", words, words)]


@pytest.mark.parametrize("text", ["a.b", "http://", "www.", "example"])
def test_what_only_looks_like_a_web_address_is_none(text: str) -> None:
    assert "url" not in [kind for kind, _, _ in found(text)]


@pytest.mark.parametrize(
    ("text", "words", "value"),
    [
        ("粤B·12345", "粤B·12345", "粤B12345"),
        ("沪AD12345", "沪AD12345", "沪AD12345"),
        ("车牌号京a88888", "京a88888", "京A88888"),
        ("川A 0H123", "川A 0H123", "川A0H123"),
        ("皖B12345学", "皖B12345学"[:-1], "皖B12345"),
        ("粤Z1234港", "粤Z1234港", "粤Z1234港"),
    ],
)
def test_a_number_plate_is_found(text: str, words: str, value: str) -> None:
    assert ("plate", words, value) in found(text)


@pytest.mark.parametrize("text", ["新iphone15", "粤BI2345", "京A1234", "粤B1234567", "云南12345"])
def test_what_only_looks_like_a_plate_is_none(text: str) -> None:
    assert "plate" not in [kind for kind, _, _ in found(text)]


@pytest.mark.parametrize(
    ("number", "names"),
    [
        ("SF1234567890123", ("顺丰速运",)),
        ("yt 1234567890123", ("圆通速递",)),
        ("JD0123456789012-1-1", ("京东快递",)),
        ("EA123456789CN", ("EMS",)),
        ("JT1234567890123", ("极兔速递",)),
        ("DD20240101001", ()),
        ("", ()),
    ],
)
def test_carriers_are_told_by_what_their_numbers_look_like(number: str, names: tuple[str, ...]) -> None:
    assert carriers(number) == names


def test_plain_digits_may_be_several_carriers() -> None:
    assert {"中通快递", "申通快递"} & set(carriers("773012345678901"))


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("电话是138 0013 80000", [("invalid", "138 0013 80000", {"type": "phone", "why": "length"})]),
        ("我的电话 138-0013-800", [("invalid", "138-0013-800", {"type": "phone", "why": "length"})]),
        ("单号DD2026 0001", [("order_id", "DD2026 0001", "DD20260001")]),
        ("订单号DD 2026 0001", [("order_id", "DD 2026 0001", "DD20260001")]),
        ("单号DD2026 0001 300元", [("order_id", "DD2026 0001", "DD20260001"), ("amount", "300元", 300)]),
        ("订单DD20260001 2026", [("order_id", "DD20260001", "DD20260001"), ("number", "2026", 2026)]),
        ("快递单号 SF 1390 2177 45862", [("express_no", "SF 1390 2177 45862", "SF1390217745862")]),
        ("卡号6222 0212 3456 789", [("invalid", "6222 0212 3456 789", {"type": "bank_card", "why": "length"})]),
    ],
)
def test_a_code_that_blanks_part_is_no_half_of_it_and_no_numbers(
    text: str, right: list[tuple[str, str, object]]
) -> None:
    assert found(text) == right
