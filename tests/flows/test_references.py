"""What customers call a thing without its number: what they describe, what was just spoken of, the one before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.flows.making import SLOTS, engine
from tests.flows.talk import Talk, parse

ASK_ORDER = "请问您的订单号是多少？"
ASK_REASON = "请问退款原因是什么？"
CORRECTED = "好的，已为您改为DD2。"


async def said(talk: Talk, *lines: str) -> list[str]:
    answers: list[str] = []
    for line in lines:
        answers = await talk.says(line)
    return answers


# --- described


@pytest.mark.parametrize("words", ["昨天那个订单我要退款", "我要退款，是买的那件羽绒服", "昨天买的羽绒服我想退了"])
async def test_a_thing_described_in_the_opening_message_is_found(words: str) -> None:
    talk = Talk()
    assert await talk.says(words) == [ASK_REASON]
    assert talk.slots["order_id"] == "DD2"


@pytest.mark.parametrize("words", ["昨天那个", "羽绒服", "就是昨天买的"])
async def test_a_thing_described_answers_the_question_for_it(words: str) -> None:
    talk = Talk()
    await talk.says("我要退款")
    assert await talk.says(words) == [ASK_REASON]
    assert talk.slots["order_id"] == "DD2"


async def test_a_thing_described_corrects_while_free_words_are_asked() -> None:
    talk = Talk()
    await said(talk, "订单DD1我要退款")
    assert await talk.says("不对，是昨天那个订单") == [CORRECTED, ASK_REASON]
    assert "reason" not in talk.slots


async def test_a_thing_described_corrects_at_the_confirmation() -> None:
    talk = Talk()
    await said(talk, "订单DD1我要退款", "质量不好")
    assert await talk.says("不对，是昨天那个订单") == [CORRECTED, "确认退DD2，原因：质量不好？"]


@pytest.mark.parametrize("words", ["不对，是上周那个订单", "不对，是买的那个耳机"])
async def test_a_description_that_fits_several_or_none_is_asked_for(words: str) -> None:
    talk = Talk()
    await said(talk, "订单DD2我要退款", "质量不好")
    assert await talk.says(words) == ["好的，我们重新来。", ASK_ORDER]


async def test_an_unclear_description_is_not_taken_for_what_was_spoken_of() -> None:
    talk = Talk()
    await talk.says("查一下DD2的物流")
    assert await talk.says("上周那个订单我要退款") == [ASK_ORDER]


async def test_a_reason_that_speaks_of_a_day_stays_a_reason() -> None:
    talk = Talk()
    await said(talk, "订单DD1我要退款")
    assert await talk.says("昨天收到就是坏的") == ["确认退DD1，原因：昨天收到就是坏的？"]


@pytest.mark.parametrize("line", ["昨天的DD1我要退款", "我要退款"])
async def test_nothing_is_looked_for_where_a_number_is_given_or_nothing_is_described(line: str) -> None:
    talk = Talk()
    await talk.says(line)
    assert "find_order" not in talk.called


async def test_an_action_that_cannot_find_does_not_stop_the_talk() -> None:
    flows = "flows: {look: {description: look, steps: [{collect: a}]}}"
    domain = SLOTS.replace("label: 甲", "label: 甲, resolve: find_a, mappings: [{type: from_entity, entity: order_id}]")

    async def find_a(_: object) -> None:
        raise RuntimeError

    talk = Talk(engine(flows, domain=domain, find_a=find_a))
    await talk.says("/look")
    assert (await talk.says("昨天那个"))[-1] == "a?"
    assert "error" not in talk.flags
    assert "RuntimeError" in str(talk.outcome.trace)


# --- spoken of before


async def test_the_one_before_is_the_one_before_the_last() -> None:
    talk = Talk()
    await said(talk, "查一下DD1的物流", "查一下DD3的物流")
    assert await talk.says("上一个订单我要退款") == [ASK_REASON]
    assert talk.slots["order_id"] == "DD1"


async def test_where_only_one_was_spoken_of_the_one_before_is_that_one() -> None:
    talk = Talk()
    await talk.says("查一下DD3的物流")
    await talk.says("上一个订单我要退款")
    assert talk.slots["order_id"] == "DD3"


async def test_a_question_right_after_is_about_the_same_thing() -> None:
    talk = Talk()
    await said(talk, "查一下DD3的物流", "谢谢")
    assert await talk.says("物流什么时候能到啊") == ["订单DD3在路上。"]


WHETHER_DD3 = "请问是刚才说的 DD3 吗？不是的话，请告诉我订单号。 [是的] [不是]"


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        ("是的", ASK_REASON), ("对，就是它", ASK_REASON), ("DD3", ASK_REASON), ("1", ASK_REASON), ("DD1", ASK_REASON),
        ("不是", ASK_ORDER), ("不是这个", ASK_ORDER), ("换一个", ASK_ORDER), ("2", ASK_ORDER), ("不对", ASK_ORDER),
        ("不是DD3，是DD1", ASK_REASON), ("不是，是DD1", ASK_REASON),
    ],
)  # fmt: skip
async def test_what_was_just_spoken_of_is_offered_and_never_taken(answer: str, after: str) -> None:
    talk = Talk()
    await talk.says("查一下DD3的物流")
    assert await talk.says("我要退款") == [WHETHER_DD3]
    assert await talk.says(answer) == [after]
    assert talk.slots.get("order_id") == (None if after == ASK_ORDER else "DD1" if "DD1" in answer else "DD3")
    assert "reason" not in talk.slots


@pytest.mark.parametrize(
    ("answer", "after"),
    [
        ("是的，质量不好", ["确认退DD3，原因：质量不好？"]),
        ("对，DD3，坏了", ["确认退DD3，原因：坏了？"]),
        ("是的，顺便查余额", [ASK_REASON]),
    ],
)
async def test_a_yes_to_an_offer_may_come_with_more(answer: str, after: list[str]) -> None:
    talk = Talk()
    await said(talk, "查一下DD3的物流", "我要退款")
    assert (await talk.says(answer))[-1:] == after
    assert talk.slots["order_id"] == "DD3"


async def test_an_offer_that_was_turned_down_is_not_made_again() -> None:
    talk = Talk()
    await said(talk, "查一下DD3的物流", "我要退款", "不是")
    assert await talk.says("你们几点上班") == ["我们9点上班。", ASK_ORDER]


async def test_an_offer_stands_while_something_else_is_asked() -> None:
    talk = Talk()
    await said(talk, "查一下DD3的物流", "我要退款")
    assert await talk.says("你们几点上班") == ["我们9点上班。", WHETHER_DD3]
    assert await talk.says("再说一遍") == ["我们9点上班。", WHETHER_DD3]
    assert await talk.says("嗯") == [ASK_REASON]


async def test_what_a_flow_was_done_for_is_not_offered_to_it_again() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1", "坏了", "确认", "查余额")
    assert await talk.says("我要退款") == [ASK_ORDER]


async def test_nothing_is_offered_from_an_earlier_session() -> None:
    talk = Talk()
    await talk.says("查一下DD3的物流")
    talk.at += 7200
    assert await talk.says("我要退款") == [ASK_ORDER]


async def test_what_the_flow_would_refuse_is_not_offered() -> None:
    talk = Talk()
    await talk.says("查一下XX3的物流")
    assert await talk.says("我要退款") == [ASK_ORDER]


@pytest.mark.parametrize("words", ["物流", "能再退一个吗？我要退款", "我还要退一个款"])
async def test_what_is_no_question_or_is_about_another_thing_is_asked_for(words: str) -> None:
    talk = Talk()
    await talk.says("查一下DD3的物流")
    assert await talk.says(words) == [ASK_ORDER]


@pytest.mark.parametrize(
    ("line", "order"), [("DD1呢？", "DD1"), ("那羽绒服呢", "DD2"), ("上一个呢", "DD1"), ("那个呢？", "DD3")]
)
async def test_the_same_is_asked_of_another_thing(line: str, order: str) -> None:
    talk = Talk()
    await said(talk, "查一下DD1的物流", "查一下DD3的物流", "谢谢")
    assert await talk.says(line) == [f"订单{order}在路上。"]


async def test_a_guessed_intent_counts_for_less_than_what_was_asked_last() -> None:
    talk = Talk()
    await talk.says("查一下DD1的物流")
    assert await talk.says(replace(parse("那羽绒服呢"), intent="refund", confidence=0.56)) == ["订单DD2在路上。"]


async def test_free_words_are_taken_from_the_opening_by_the_name_of_their_slot() -> None:
    talk = Talk()
    assert await talk.says("我要退款，DD1，原因是颜色不喜欢") == ["确认退DD1，原因：颜色不喜欢？"]


@pytest.mark.parametrize("line", ["在干嘛呢", "DD1呢"])
async def test_the_same_needs_a_thing_and_something_before(line: str) -> None:
    talk = Talk()
    if line != "DD1呢":
        await talk.says("查一下DD3的物流")
    await talk.says(line)
    assert talk.flags == {"fallback"}


async def test_a_new_session_does_not_follow_on_from_the_last() -> None:
    talk = Talk()
    await talk.says("查一下DD3的物流")
    talk.at += 86_400
    assert await talk.says("物流什么时候能到啊") == [ASK_ORDER]


async def test_starting_over_forgets_the_one_before_too() -> None:
    talk = Talk()
    await said(talk, "查一下DD1的物流", "查一下DD3的物流", "重新开始")
    assert await talk.says("上一个订单我要退款") == [ASK_ORDER]
    assert "earlier" not in talk.dialogue.memory


# --- questions that only sound like requests


async def test_a_general_question_is_answered_rather_than_taken_for_a_request() -> None:
    talk = Talk()
    parsed = parse("退款的运费怎么算")
    surely = replace(parsed, confidence=0.7)
    assert await talk.says(surely) == ["质量问题运费我们出。"]
    assert talk.flows == []


async def test_a_question_about_a_certain_thing_is_a_request() -> None:
    talk = Talk()
    parsed = parse("DD1退款的运费怎么算")
    surely = replace(parsed, confidence=0.7)
    await talk.says(surely)
    assert talk.flows == ["refund"]


async def test_what_a_flow_was_told_and_never_asked_for_is_not_left_behind() -> None:
    flows = """
    flows:
      look:
        description: look
        nlu_trigger: [{intent: refund}]
        steps:
          - noop: true
            next:
              - if: slots.ok
                then: a
              - else:
                  - action: utter_hello
                    next: END
          - collect: a
    """
    domain = SLOTS.replace("label: 甲", "label: 甲, mappings: [{type: from_entity, entity: order_id}]")
    talk = Talk(engine(flows, domain=domain))
    assert await talk.says("DD1我要退款") == ["hello"]
    assert talk.slots == {}
