"""Which wishes wait for their turn."""

from __future__ import annotations

from flows.wishes import waiting
from nlu.meaning import Answer, Meaning


def asked(text: str, key: str) -> Meaning:
    return Meaning(text, key.partition("/")[0], 0.9, answers=(Answer(key, 0.9),))


def test_a_question_that_waits_is_not_dropped_for_another_question() -> None:
    fee, hours, again = asked("运费谁出", "faq/fee"), asked("几点关门", "faq/hours"), asked("邮费呢", "faq/fee")
    assert waiting([hours], [fee]) == [fee]
    assert waiting([again], [fee]) == []
    assert waiting([hours, again], [fee]) == [again]


def test_a_wish_that_is_said_again_waits_once() -> None:
    order, invoice = Meaning("查订单", "check_order", 0.9), Meaning("开发票", "invoice", 0.9)
    assert waiting([Meaning("查一下订单", "check_order", 0.9)], [order, invoice]) == [invoice]
