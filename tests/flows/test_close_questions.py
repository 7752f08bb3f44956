"""Several questions that a message may mean: the customer is asked which."""

from __future__ import annotations

from nlu.meaning import FALLBACK_INTENT, Answer, Intent, Meaning
from tests.flows.talk import Talk

FEE, HOURS = "faq/shipping_fee", "faq/hours"


def asks(fee: float, hours: float, intent: str = "faq") -> Meaning:
    found = (Answer(FEE, fee, "运费多少钱"), Answer(HOURS, hours, "几点上班"), Answer("faq/gone", 0.4, "没有答案"))
    return Meaning("多少", intent, 0.6, (Intent("faq", 0.3),), answers=found)


async def test_close_questions_are_offered_as_buttons() -> None:
    talk = Talk()
    assert await talk.says(asks(0.4, 0.3)) == ["您是想问： [运费多少钱] [几点上班]"]
    assert any(why.why.startswith("questions close together: faq/shipping_fee 0.40") for why in talk.outcome.trace)


async def test_a_choice_by_number_or_words_is_answered() -> None:
    for chosen in ("2", "第二个", "几点上班"):
        talk = Talk()
        await talk.says(asks(0.4, 0.3))
        assert await talk.says(chosen) == await Talk().says("上班")


async def test_they_are_offered_without_an_intent_too() -> None:
    assert await Talk().says(asks(0.4, 0.3, FALLBACK_INTENT)) == ["您是想问： [运费多少钱] [几点上班]"]


async def test_a_sure_question_or_one_far_before_the_next_is_answered() -> None:
    answer = await Talk().says("运费")
    assert await Talk().says(asks(0.55, 0.4)) == answer
    assert await Talk().says(asks(0.45, 0.1)) == answer


async def test_an_unlikely_answer_of_another_kind_is_not_given() -> None:
    meaning = Meaning(
        "讲", "faq", 0.6, answers=(Answer("chitchat/joke", 0.4, "讲个笑话"), Answer(HOURS, 0.1, "几点上班"))
    )
    talk = Talk()
    await talk.says(meaning)
    assert "fallback" in talk.flags
