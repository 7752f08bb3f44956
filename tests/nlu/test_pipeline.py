"""What a trained pipeline understands."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlu.meaning import FALLBACK_INTENT, Meaning
from nlu.normalize import normalize
from nlu.pipeline import Pipeline, command
from tests.nlu.small_shop import NOW


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("我的订单走到哪了", "check_order"),
        ("帮我退款吧", "refund"),
        ("给我转人工客服", "handoff"),
        ("你好呀", "greet"),
        ("運費多少錢", "faq"),
        ("轉人工", "handoff"),
        ("　退　款　！！！", "refund"),
    ],
)
def test_a_sentence_that_was_not_trained_gets_its_intent(pipeline: Pipeline, text: str, intent: str) -> None:
    meaning = pipeline.parse(text, NOW)
    assert meaning.intent == intent
    assert meaning.ranking[0].name == intent


@pytest.mark.parametrize(
    "text", ["asdfghjkl", "。。。？", "？？", "！？！", "…", "🙃🙃", "qwe rty uio", "量子色动力学重整化群"]
)
def test_what_training_never_saw_is_not_guessed(pipeline: Pipeline, text: str) -> None:
    assert pipeline.parse(text, NOW).intent == FALLBACK_INTENT


@pytest.mark.parametrize("text", ["", "   ", "\u3000\n", "\u200b"])
def test_where_nothing_was_said_there_is_no_intent(pipeline: Pipeline, text: str) -> None:
    assert pipeline.parse(text, NOW) == Meaning(text, model=pipeline.version)


def test_a_training_sentence_is_known_by_heart(pipeline: Pipeline) -> None:
    meaning = pipeline.parse("有没有活人？", NOW)
    assert (meaning.intent, meaning.confidence) == ("handoff", 1.0)


def test_the_ranking_holds_every_intent_and_no_more_than_certainty(pipeline: Pipeline) -> None:
    ranking = pipeline.parse("查订单退款", NOW).ranking
    assert {one.name for one in ranking} == {"check_order", "refund", "handoff", "greet", "faq"}
    assert sum(one.confidence for one in ranking) <= 1 + 1e-9
    assert [one.confidence for one in ranking] == sorted((one.confidence for one in ranking), reverse=True)


def test_a_question_is_answered_by_the_most_similar_known_one(pipeline: Pipeline) -> None:
    answers = pipeline.parse("发票能不能开电子发票", NOW).answers
    assert answers[0].key == "faq/invoice"
    assert len(answers) <= 3


@pytest.mark.parametrize(
    ("text", "kind", "quote", "value"),
    [
        ("我的iphone坏了", "product", "iphone", "苹果手机"),
        ("发到烏魯木齊要几天", "city", "烏魯木齊", "乌鲁木齐"),
        ("我有ＶＩＰ１２３这张券", "coupon", "ＶＩＰ１２３", "VIP123"),
        ("用vip123付款", "coupon", "vip123", "vip123"),
        ("明天能到吗", "time", "明天", "2026-11-19"),
    ],
)
def test_entities_quote_the_original_and_carry_a_clean_value(
    pipeline: Pipeline, text: str, kind: str, quote: str, value: str
) -> None:
    [entity] = [one for one in pipeline.parse(text, NOW).entities if one.type == kind]
    assert (entity.text, entity.value) == (quote, value)


def test_a_latin_word_is_never_cut_in_two(pipeline: Pipeline) -> None:
    assert not [one for one in pipeline.parse("vip1234和xvip123", NOW).entities if one.type == "coupon"]


@settings(max_examples=150, deadline=None)
@given(
    st.text(
        st.sampled_from("我的订單退款ＶＩＰ１23vip iPhone北京乌鲁木齐烏魯木齊明天，。！ 😂👨‍👩‍👧\u3000é\u0301\n"),
        max_size=30,
    )
)
def test_offsets_always_index_what_the_user_typed(pipeline: Pipeline, text: str) -> None:
    meaning = pipeline.parse(text, NOW)
    assert meaning.text == text
    for entity in meaning.entities:
        assert entity.text == text[entity.start : entity.end] != ""
    ends = [0]
    for start, end in meaning.tokens:
        assert 0 <= start <= end <= len(text)
        assert text[start:end].strip()
        ends.append(end)
    for before, after in zip(meaning.entities, meaning.entities[1:], strict=False):
        assert before.end <= after.start
    assert Meaning.from_dict(meaning.to_dict()) == meaning


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_any_text_at_all_is_parsed(pipeline: Pipeline, text: str) -> None:
    assert bool(pipeline.parse(text, NOW).intent) == bool(normalize(text).text)


@pytest.mark.parametrize(
    "pattern", ["訂單號碼帳單", "滑鼠軟體", "1 2 3 ", "abcdefghij", "明天下午三点到后天", "a@b.c.", "-", "1.2.3"]
)
def test_a_page_that_somebody_pastes_takes_no_time_from_others(pipeline: Pipeline, pattern: str) -> None:
    text = pattern * (20_000 // len(pattern))
    begun = time.process_time()
    meaning = pipeline.parse(text, NOW)
    assert time.process_time() - begun < 0.5
    assert meaning.text == text
    assert all(one.text == text[one.start : one.end] for one in meaning.entities)


def test_the_same_text_always_means_the_same(pipeline: Pipeline) -> None:
    assert pipeline.parse("查一下DD20260009", NOW) == pipeline.parse("查一下DD20260009", NOW)


def test_a_command_is_taken_at_its_word(pipeline: Pipeline) -> None:
    text = '/refund{"order_id": "DD1", "product": ["杯子", "碗"]}'
    meaning = pipeline.parse(text, NOW)
    assert (meaning.intent, meaning.confidence) == ("refund", 1.0)
    assert [(one.type, one.value) for one in meaning.entities] == [
        ("order_id", "DD1"),
        ("product", "杯子"),
        ("product", "碗"),
    ]
    assert all(one.text == text[one.start : one.end] for one in meaning.entities)


@pytest.mark.parametrize("text", ["/", "/ 退款", "/refund{order}", "/refund{", "1/2", "/查 订单", "//refund", "[]"])
def test_what_only_resembles_a_command_is_text(text: str) -> None:
    assert command(text) is None


def test_a_command_may_say_how_sure_it_is() -> None:
    assert command("/查订单@0.75") == command(" /查订单@0.75 ") or command("/查订单@0.75") is not None
    said = command("/查订单@0.75")
    assert said is not None
    assert (said.intent, said.confidence) == ("查订单", 0.75)
