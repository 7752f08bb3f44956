"""Talks with a sample bot: the situations that customers bring about, and what must come of each."""

from __future__ import annotations

import pytest

from adapters.message import Custom, Event, File, Image, Link, Location, Video, Voice
from tests.flows.making import engine
from tests.flows.talk import NOON, Talk

ASK_ORDER = "请问您的订单号是多少？"
ASK_REASON = "请问退款原因是什么？"
HANDOFF = "→人工 好的，已为您登记转人工。请您留言说明问题，客服看到后会尽快回复您。"


async def said(talk: Talk, *lines: str) -> list[str]:
    """Say several things; what the last one was answered."""
    answers: list[str] = []
    for line in lines:
        answers = await talk.says(line)
    return answers


# --- the happy path


async def test_an_entity_in_the_opening_message_fills_its_slot() -> None:
    talk = Talk()
    assert await talk.says("订单DD1我要退款") == [ASK_REASON]
    assert await talk.says("质量不好") == ["确认退DD1，原因：质量不好？"]
    assert await talk.says("确认") == ["订单DD1退款已提交。"]
    assert talk.actions.called[-1] == (
        "action_refund",
        {"order_id": "DD1", "reason": "质量不好", "confirmed": True},
    )
    assert "completed" in talk.flags
    assert talk.dialogue.stack == ()


async def test_an_answer_may_hold_the_next_answer_too() -> None:
    talk = Talk()
    assert await said(talk, "我要退款", "DD1，质量不好") == ["确认退DD1，原因：质量不好？"]


async def test_a_second_refund_starts_clean() -> None:
    talk = Talk()
    await said(talk, "订单DD1我要退款", "质量不好", "好的")
    assert await talk.says("我要退款") == [ASK_ORDER]
    assert await said(talk, "DD2", "不想要了") == ["确认退DD2，原因：不想要了？"]
    await talk.says("是")
    assert [args["order_id"] for name, args in talk.actions.called if name == "action_refund"] == ["DD1", "DD2"]


async def test_an_amount_that_is_not_understood_is_asked_for_and_not_taken_from_before() -> None:
    talk = Talk()
    await said(talk, "我要充100元", "1", "对")
    assert await talk.says("我要充值三千块整") == ["充多少？"]


# --- references


async def test_a_reference_takes_the_order_that_was_last_spoken_of() -> None:
    talk = Talk()
    await talk.says("查一下DD1的物流")
    assert await talk.says("那我要把它退了") == [ASK_REASON]
    assert await talk.says("坏了") == ["确认退DD1，原因：坏了？"]


async def test_without_a_reference_nothing_is_taken_from_before() -> None:
    talk = Talk()
    await talk.says("查一下DD1的物流")
    assert await talk.says("我要退款") == ["请问是刚才说的 DD1 吗？不是的话，请告诉我订单号。 [是的] [不是]"]
    assert "order_id" not in talk.slots
    assert await talk.says("刚才那个") == [ASK_REASON]


# --- digressions


async def test_a_question_in_between_is_answered_and_the_slot_asked_again() -> None:
    talk = Talk()
    await talk.says("我要退款")
    assert await talk.says("你们几点上班") == ["我们9点上班。", ASK_ORDER]
    assert await talk.says("DD1") == [ASK_REASON]


async def test_a_question_is_no_answer_to_a_question_for_free_words() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1")
    assert await talk.says("运费谁出") == ["质量问题运费我们出。", ASK_REASON]
    assert await talk.says("谢谢") == ["不客气。", ASK_REASON]
    assert (await talk.says("好的"))[-1] == ASK_REASON
    assert await talk.says("没什么原因") == ["确认退DD1，原因：没什么原因？"]


async def test_a_question_that_nobody_can_answer_is_no_answer_either() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1")
    for question in ("为什么还没到", "能便宜点吗？", "谢谢", "什么时候处理"):
        assert (await talk.says(question))[-1] == ASK_REASON
    assert await talk.says("怎么用都不响") == ["确认退DD1，原因：怎么用都不响？"]


async def test_another_task_in_between_is_done_and_the_first_goes_on() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1")
    assert await talk.says("先帮我充100元") == ["用什么付？ [微信支付] [支付宝]"]
    assert talk.flows == ["refund", "recharge"]
    assert await said(talk, "微信", "对") == ["正在充值。", "已充100元。", "我们继续办理退款。", ASK_REASON]
    assert await said(talk, "质量差", "可以") == ["订单DD1退款已提交。"]


async def test_a_task_in_between_knows_the_order_of_the_first() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1")
    assert await talk.says("物流到哪了") == ["订单DD1在路上。", "我们继续办理退款。", ASK_REASON]


async def test_asking_for_what_was_interrupted_goes_back_to_it() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1", "先帮我充100元")
    assert await talk.says("我要退款") == [ASK_REASON]
    assert talk.flows == ["recharge", "refund"]


async def test_asking_for_what_is_under_way_asks_again() -> None:
    talk = Talk()
    await talk.says("我要退款")
    assert await talk.says("我要退款") == [ASK_ORDER]
    assert talk.flows == ["refund"]


# --- corrections


async def test_a_correction_at_the_confirmation_goes_through_the_flow_again() -> None:
    talk = Talk()
    await said(talk, "订单DD1我要退款", "质量不好")
    assert await talk.says("不对，是DD2") == ["好的，已为您改为DD2。", "确认退DD2，原因：质量不好？"]
    assert talk.called == ["action_lookup_order", "action_lookup_order"]
    assert talk.slots["order_id"] == "DD2"
    assert await talk.says("是的") == ["订单DD2退款已提交。"]


async def test_a_correction_while_free_words_are_asked_is_no_answer() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1")
    assert await talk.says("不对，订单号应该是DD2") == ["好的，已为您改为DD2。", ASK_REASON]
    assert "reason" not in talk.slots
    assert await talk.says("质量不好") == ["确认退DD2，原因：质量不好？"]


async def test_another_order_number_alone_is_a_correction() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1", "质量不好")
    assert await talk.says("DD2") == ["好的，已为您改为DD2。", "确认退DD2，原因：质量不好？"]


async def test_of_two_orders_in_a_correction_the_last_is_meant() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1", "质量不好")
    assert await talk.says("不是DD1，是DD2") == ["好的，已为您改为DD2。", "确认退DD2，原因：质量不好？"]


@pytest.mark.parametrize("words", ["是DD2，不是DD1", "改成DD2，不是订单DD1", "不是DD1是DD2"])
async def test_an_order_that_is_said_not_to_be_it_is_not_taken(words: str) -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD3", "质量不好")
    assert (await talk.says(words))[0] == "好的，已为您改为DD2。"


@pytest.mark.parametrize("words", ["我要退款，不是DD1，是DD2", "DD2要退款，不要DD1", "我要退款，是不是DD2"])
async def test_a_wish_begins_with_the_order_that_is_meant(words: str) -> None:
    talk = Talk()
    await talk.says(words)
    assert talk.slots["order_id"] == "DD2"


async def test_an_answer_taken_back_is_asked_for_again() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1")
    assert await talk.says("订单号说错了") == ["好的，我们重新来。", ASK_ORDER]
    assert await talk.says("DD2") == [ASK_REASON]


async def test_free_words_are_corrected_by_the_name_of_the_slot() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1", "质量不好")
    assert await talk.says("原因改成发错货了") == ["好的，已为您改为发错货了。", "确认退DD1，原因：发错货了？"]


async def test_a_correction_that_would_be_refused_as_an_answer_is_refused() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1", "质量不好")
    assert await talk.says("不对，是XX9") == ["订单号XX9的格式不对。", ASK_ORDER]


async def test_a_correction_leads_along_the_branch_of_the_new_answer() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1", "质量不好")
    assert await talk.says("错了，是DD8") == ["好的，已为您改为DD8。", "没有找到订单DD8。", ASK_ORDER]
    assert await talk.says("DD2") == ["确认退DD2，原因：质量不好？"]


# --- cancel, handoff, repeat, restart


async def test_cancelling_drops_the_flow_and_its_slots() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1")
    assert await talk.says("算了不退了") == ["好的，已为您取消退款。"]
    assert talk.dialogue.stack == ()
    assert "order_id" not in talk.slots
    assert "cancelled" in talk.flags
    assert (await talk.says("我要退款"))[0].startswith("请问是刚才说的 DD1 吗")


async def test_cancelling_in_between_goes_back_to_what_was_interrupted() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1", "先帮我充100元")
    assert await talk.says("不充了") == ["好的，已为您取消充值。", "我们继续办理退款。", ASK_REASON]


async def test_cancelling_nothing_is_answered_kindly() -> None:
    assert await Talk().says("算了") == ["好的，没关系。还有其他需要随时告诉我。"]


async def test_a_human_is_called_from_anywhere_and_nothing_is_asked_again() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1")
    assert await talk.says("转人工") == [HANDOFF]
    assert talk.flags == {"handoff"}
    assert talk.dialogue.stack == ()
    assert "asked" not in talk.dialogue.memory


async def test_two_wishes_in_one_message_are_both_served() -> None:
    talk = Talk()
    assert await talk.says("查一下余额，然后转人工") == ["余额88.5元。", HANDOFF]
    assert await talk.says("我要退款，转人工") == [HANDOFF]


async def test_repeating_says_the_same_once() -> None:
    talk = Talk()
    await talk.says("我要退款")
    assert await talk.says("再说一遍") == [ASK_ORDER]
    assert await talk.says("没听清") == [ASK_ORDER]
    assert await talk.says("DD1") == [ASK_REASON]


async def test_buttons_still_count_after_a_repeat() -> None:
    talk = Talk()
    await said(talk, "我要充100元", "再说一遍")
    assert await talk.says("1") == ["用微信充100元，对吗？"]


async def test_restarting_forgets_everything() -> None:
    talk = Talk()
    await said(talk, "查一下DD1的物流", "我要退款", "DD2")
    assert await talk.says("/restart") == ["好的，我们重新开始。请问有什么可以帮您？"]
    assert (talk.dialogue.stack, talk.slots) == ((), {})
    assert await talk.says("把它退了") == [ASK_ORDER]


async def test_a_question_that_is_passed_over_is_asked_again() -> None:
    talk = Talk()
    await talk.says("我要退款")
    answer = await talk.says("跳过")
    assert answer[0].startswith("抱歉，这一项需要您提供")
    assert answer[1:] == [ASK_ORDER]


# --- not understood


async def test_what_is_not_understood_twice_is_offered_to_a_human() -> None:
    talk = Talk()
    first = await talk.says("asdfghjkl")
    assert first[0].startswith(("抱歉", "不好意思"))
    assert talk.flags == {"fallback"}
    second = await talk.says("qwrtp")
    assert second[0].endswith("[转人工]")
    assert await talk.says("1") == [HANDOFF]


async def test_being_understood_once_ends_the_count() -> None:
    talk = Talk()
    await said(talk, "asdfghjkl", "你好")
    assert (await talk.says("asdfghjkl"))[0].endswith(("吗？", "说法。"))


async def test_noise_answers_no_question_for_free_words() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1")
    for noise in ("？？？", "😂😂"):
        assert (await talk.says(noise))[-1] == ASK_REASON
    assert await talk.says("sdfghjkl") == ["→人工 好的，已为您登记转人工。请您留言说明问题，客服看到后会尽快回复您。"]


async def test_thanks_after_all_is_done_are_answered() -> None:
    assert await Talk().says("好的") == ["好的，有需要随时找我。"]


# --- buttons


async def test_a_button_is_chosen_by_number_words_or_payload() -> None:
    for choice, method in (("2", "支付宝"), ("第一个", "微信"), ("微信支付", "微信"), ("２", "支付宝")):
        talk = Talk()
        await talk.says("我要充100元")
        assert await talk.says(choice) == [f"用{method}充100元，对吗？"]


async def test_a_number_that_is_no_option_is_no_answer() -> None:
    talk = Talk()
    await talk.says("我要充100元")
    assert (await talk.says("7"))[-1].startswith("用什么付？")


async def test_a_payload_typed_by_hand_sets_only_what_the_flow_asks_for() -> None:
    talk = Talk()
    await talk.says("我要退款")
    await talk.says("/SetSlots(order_state=paid)")
    assert "order_state" not in talk.slots
    assert await talk.says("/SetSlots(order_id=DD1)") == [ASK_REASON]


# --- content that is no text


async def test_content_that_is_no_text_is_answered_and_the_slot_asked_again() -> None:
    talk = Talk()
    await talk.says("我要退款")
    for content in (
        Image("u"), Voice("m"), Video("m"), File("m"), Location(1.0, 2.0), Link("u"), Custom({"a": 1}),
    ):  # fmt: skip
        answer = await talk.says(content)
        assert len(answer) == 2
        assert answer[0]
        assert answer[1] == ASK_ORDER


async def test_opening_the_chat_says_what_there_is_to_say_to_that() -> None:
    assert await Talk().says(Event("enter")) == []
    greeting = "responses: {utter_enter: [{text: 欢迎回来}]}"
    assert await Talk(engine(domain=greeting)).says(Event("enter")) == ["欢迎回来"]


async def test_the_end_of_a_servicers_talk_says_what_there_is_to_say_to_that() -> None:
    assert await Talk().says(Event("session_close")) == []
    farewell = "responses: {utter_session_close: [{text: 人工服务已结束}], utter_session_open: [{text: 不该说}]}"
    talk = Talk(engine(domain=farewell))
    assert await talk.says(Event("session_open")) == []
    assert await talk.says(Event("session_close")) == ["人工服务已结束"]


async def test_a_menu_says_its_words_and_a_qr_code_names_a_flow() -> None:
    assert await Talk().says(Event("click", "订单DD1我要退款")) == [ASK_REASON]
    assert await Talk().says(Event("scan", "refund")) == [ASK_ORDER]
    assert await Talk().says(Event("scan", "shop-door")) == []
    greeting, question = await Talk().says(Event("subscribe", "refund"))
    assert greeting.startswith("您好，欢迎关注")
    assert question == ASK_ORDER


async def test_events_greet_or_are_silent() -> None:
    talk = Talk()
    assert await talk.says(Event("subscribe")) == ["您好，欢迎关注！我是智能客服，请直接告诉我您的问题。"]
    assert await talk.says(Event("unsubscribe")) == []
    assert await talk.says(Event("session_open")) == []  # a human has begun to talk
    assert await talk.says(Event("click", "refund")) == [ASK_ORDER]
    assert await talk.says(Event("click", "/recharge")) == ["充多少？"]
    assert await talk.says(Event("click", "转人工")) == [HANDOFF]
    assert await talk.says(Event("click", "改地址")) == ["手机号？"]


# --- sessions


async def test_a_session_ends_after_an_hour_of_silence() -> None:
    talk = Talk()
    await said(talk, "我要退款", "DD1")
    talk.at += 3700
    assert (await talk.says("你好")) == ["您好，请问有什么可以帮您？"]
    assert talk.dialogue.stack == ()
    assert "order_id" not in talk.slots
    assert talk.outcome.trace[0].what == "session_start"


async def test_a_bot_may_greet_at_each_new_session() -> None:
    greeting = """
    flows:
      pattern_session_start:
        description: own
        steps:
          - noop: true
            next:
              - if: context.reason is "expired"
                then:
                  - action: utter_hello
                    next: END
              - else: END
      look: {description: look, steps: [{collect: a}]}
    """
    talk = Talk(engine(greeting))
    assert await talk.says("/look") == ["a?"]
    talk.at += 3700
    assert await talk.says("/look") == ["hello", "a?"]


async def test_a_session_goes_on_within_the_hour() -> None:
    talk = Talk()
    await talk.says("我要退款")
    talk.at += 3500
    assert await talk.says("DD1") == [ASK_REASON]


async def test_what_was_spoken_of_is_known_in_the_next_session() -> None:
    talk = Talk()
    await talk.says("查一下DD1的物流")
    talk.at += 86_400
    assert await talk.says("那个订单我要退款") == [ASK_REASON]


async def test_turns_that_arrive_late_do_not_turn_the_clock_back() -> None:
    talk = Talk()
    await talk.says("我要退款")
    talk.at = NOON - 7200
    await talk.says("DD1")
    assert talk.dialogue.last_at == NOON + 10


# --- flows in Python, and failures


async def test_a_python_flow_calls_another_inside_itself() -> None:
    talk = Talk()
    assert await said(talk, "改地址", "13800138000") == ["新地址？"]
    assert await talk.says("北京路1号") == ["已改为北京路1号，电话13800138000。"]
    assert talk.slots == {}


async def test_an_action_that_fails_ends_the_flow_and_tells_no_secret() -> None:
    talk = Talk()
    answer = await said(talk, "评价", "2")
    assert answer[0].startswith("抱歉，系统出了点问题")
    assert "error" in talk.flags
    assert talk.dialogue.stack == ()
    assert "RuntimeError" in str(talk.outcome.trace)
    assert "13800138000" not in str(talk.outcome.trace)


async def test_every_turn_says_why() -> None:
    talk = Talk()
    await talk.says("我要退款")
    whats = [why.what for why in talk.outcome.trace]
    assert whats == ["session_start", "start_flow", "start refund", "refund/order_id"]
