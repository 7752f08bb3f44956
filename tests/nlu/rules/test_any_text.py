"""Whatever is written: no error, no value that JSON or a slot cannot hold, and the customer's own words in place."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.message import Json
from flows.domain import Slot
from flows.slots import Invalid, coerce
from nlu.normalize import normalize
from nlu.rules import extract
from tests.nlu.rules.expressions import NOW, read, read_table

ENDLESS = [
    *("9" * 400 + unit for unit in ("", "个", "块", "天", "%", "天后", "小时后", "号", "点", "元")),
    "公元" + "9" * 50 + "年", "九" * 500 + "个", "第" + "9" * 500 + "个", "1" + "亿" * 999, "1" + "万" * 500 + "天",
    "每" + "9" * 300 + "天", "最近" + "9" * 12 + "年", "1" * 5000, "一" * 5000, "￥" + "9" * 900, "1," * 500,
    "一二三" * 333, "（" * 1000, "[]" * 500, "\\" * 1000, "a1" * 500, "0571-" * 200, "我叫" * 400, "哈" * 1000,
]  # fmt: skip
FRAGMENTS = (
    "😀", "👨‍👩‍👧", "１２", "㎏", "½", "②", "ﬁ", "３点", "兩萬", "臺北市", "帳號", "滑鼠", "（╯°□°）╯", "木有", "8错",
    " ", "\u3000", "\t", "\n", "\u200b", "\ufeff", "e\u0301", "２０２６年", "鐘", "週一", "￥", "。。。", "好好好好好",
    "\ud83d", "٣", "०", "²", "㋀", "㍘", "İ", "ⅷ", "⒈", "1️⃣", "电 话", "1 3 8",
)  # fmt: skip
_TEXTS = st.lists(
    st.sampled_from([*(one.text for one in read_table()), *FRAGMENTS]) | st.text(max_size=4), max_size=6
).map("".join)


def numbers_in(value: Json) -> list[float | int]:
    if isinstance(value, dict):
        return [one for each in value.values() for one in numbers_in(each)]
    return [value] if isinstance(value, int | float) else []


@pytest.mark.parametrize("text", ENDLESS, ids=[text[:12] for text in ENDLESS])
def test_an_endless_text_is_read_soon_and_gives_no_number_that_nobody_can_hold(text: str) -> None:
    began = time.process_time()
    found = read(text)
    assert time.process_time() - began < 2
    json.dumps(found)
    for _, _, value in found:
        assert all(abs(float(one)) < 1e15 for one in numbers_in(value))


@settings(deadline=None, max_examples=300)
@given(_TEXTS)
def test_an_entity_quotes_the_customer_and_none_overlaps_another(text: str) -> None:
    at = 0
    for one in extract(normalize(text), NOW):
        assert one.text == text[one.start : one.end] == one.text.strip()
        assert at <= one.start < one.end
        at = one.end


def test_a_slot_for_a_number_takes_none_that_is_endless() -> None:
    for endless in (10**400, float("inf"), float("nan"), "1e999"):
        with pytest.raises(Invalid):
            coerce(Slot("n", "float"), endless)
