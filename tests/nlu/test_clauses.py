"""Messages of several wishes, and those that only look like it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu.clauses import is_courtesy
from nlu.meaning import Entity, Meaning
from nlu.pipeline import Pipeline
from tests.nlu.small_shop import NOW


def wishes(pipeline: Pipeline, text: str) -> list[tuple[str, str]]:
    return [(one.text, one.intent) for one in pipeline.parse(text, NOW).wishes()]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("帮我查订单，顺便转人工", [("帮我查订单，顺便", "check_order"), ("转人工", "handoff")]),
        ("帮我查訂單，順便轉人工", [("帮我查訂單，順便", "check_order"), ("轉人工", "handoff")]),
        ("我要退款然后转人工", [("我要退款然后", "refund"), ("转人工", "handoff")]),
        ("运费多少钱？另外我要查一下订单", [("运费多少钱？另外", "faq"), ("我要查一下订单", "check_order")]),
        ("运费多少钱？怎么申请退款？", [("运费多少钱？", "faq"), ("怎么申请退款", "refund")]),
        ("包邮吗，还有发票怎么开", [("包邮吗，还有", "faq"), ("发票怎么开", "faq")]),
        ("查一下订单 转人工", [("查一下订单 ", "check_order"), ("转人工", "handoff")]),
        (
            "查一下订单，还想问发票怎么开，最后转人工",
            [("查一下订单，", "check_order"), ("还想问发票怎么开", "faq"), ("转人工", "handoff")],
        ),
    ],
)
def test_each_wish_is_found_with_its_own_words(pipeline: Pipeline, text: str, found: list[tuple[str, str]]) -> None:
    assert wishes(pipeline, text) == found


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("你好，我要查订单", "check_order"),
        ("您好呀，在吗，我想问一下，我的订单到哪了", "check_order"),
        ("我要退款，因为质量太差了", "refund"),
        ("我要退款，质量太差了", "refund"),
        ("苹果手机坏了，我要退，把钱退给我", "refund"),
        ("如果不退款，我就找人工客服", "refund"),
        ("这个不想要了，退钱", "refund"),
        ("好的，那帮我查一下订单", "check_order"),
        ("早上好，谢谢", "greet"),
    ],
)
def test_one_wish_stays_one(pipeline: Pipeline, text: str, intent: str) -> None:
    meaning = pipeline.parse(text, NOW)
    assert meaning.also == ()
    assert meaning.intent == intent


@pytest.mark.parametrize("text", ["不对，是DD20260001", "不是退款，是查订单", "说错了，转人工"])
def test_a_correction_is_never_cut(pipeline: Pipeline, text: str) -> None:
    assert pipeline.parse(text, NOW).also == ()


def test_a_sentence_of_the_data_is_never_cut(pipeline: Pipeline) -> None:
    meaning = pipeline.parse("这个不想要了，退钱！", NOW)
    assert (meaning.also, meaning.confidence) == ((), 1.0)


def test_entities_belong_to_the_clause_that_they_stand_in(pipeline: Pipeline) -> None:
    text = "帮我查订单DD20260001，另外苹果手机坏了我要退款DD20260002"
    first, second = pipeline.parse(text, NOW).wishes()
    told = lambda one: [(each.type, each.value) for each in one.entities if each.type != "number"]  # noqa: E731
    assert told(first) == [("order_id", "DD20260001")]
    assert told(second) == [("product", "苹果手机"), ("order_id", "DD20260002")]
    assert all(text[each.start : each.end] == each.text for one in (first, second) for each in one.entities)


def test_two_questions_of_one_retrieval_intent_are_two(pipeline: Pipeline) -> None:
    first, second = pipeline.parse("运费多少钱？另外能开发票吗？", NOW).wishes()
    assert (first.answers[0].key, second.answers[0].key) == ("faq/shipping_fee", "faq/invoice")


def test_the_meaning_of_several_wishes_survives_storage(pipeline: Pipeline) -> None:
    meaning = pipeline.parse("帮我查订单，顺便转人工", NOW)
    assert meaning.also
    assert {one.model for one in meaning.also} == {pipeline.version}
    assert Meaning.from_dict(meaning.to_dict()) == meaning


@pytest.mark.parametrize("text", ["你好，谢谢！", "嗯嗯", "好的好的", "请问一下", "您好，在吗"])
def test_greetings_and_thanks_are_courtesies(text: str) -> None:
    assert is_courtesy(text)


@pytest.mark.parametrize("text", ["退款", "好评返现", "不能退", "早点发货", "是谁"])
def test_words_that_begin_like_one_are_none(text: str) -> None:
    assert not is_courtesy(text)


def test_a_repeated_courtesy_takes_no_time() -> None:
    begun = time.perf_counter()
    for text in ("嗯" * 2000, "好的" * 1000, "是的的" * 600, "不了" * 900):
        is_courtesy(text + "x")
    assert time.perf_counter() - begun < 1


def test_each_wish_has_the_text_up_to_the_next_even_where_the_words_recur() -> None:
    later = (Meaning("退款", "refund"), Meaning("退款进度", "status"))
    first, *others = Meaning("查退款，退款，另外退款进度", "check", also=later).wishes()
    assert first.text == "查退款，"
    assert tuple(others) == later


PIECES = "查订单 转人工 我要退款 你好 ， ？ 。 顺便 另外 然后 还有 再 DD20260001 苹果手机 运费多少钱 不对 因为 轉 😂"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([*PIECES.split(), " "]), max_size=9).map("".join))
def test_clauses_lie_in_order_and_share_out_what_was_found(pipeline: Pipeline, text: str) -> None:
    meaning = pipeline.parse(text, NOW)
    at = 0
    for one in meaning.wishes():
        assert one.text or not text
        at = text.index(one.text, at) + len(one.text)
        assert all(text[start:end].strip() for start, end in one.tokens)
    everything: list[Entity] = [each for one in meaning.wishes() for each in one.entities]
    assert all(text[each.start : each.end] == each.text for each in everything)
    assert sorted(each.start for each in everything) == [each.start for each in everything]
