"""The deliberate differences from Rasa, each in both ways: better by default, as in Rasa under `rasa_exact`.

The numbers are those of the table in docs/from-rasa.md.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.message import Json
from flows.mixed import load_dialogues
from nlu.meaning import COMMAND_EXTRACTOR, Entity, Intent, Meaning
from tests.rasa.shop import DOMAIN, RULES, Desk, Talk, write

SHOP = (
    DOMAIN.replace("  - stop\n", "  - stop\n  - recharge\n  - human\n  - fees\n  - ship\n")
    .replace("entities: [order_id, reason]", "entities: [order_id, reason, money, ship_date]")
    .replace("not_intent: [refund, hours, stop]", "not_intent: []")
    .replace(
        "forms:\n",
        """  amount: {type: float, mappings: [{type: from_entity, entity: money}]}
  card: {type: text, mappings: [{type: from_entity, entity: money}]}
  ship_date: {type: text, mappings: [{type: from_entity, entity: ship_date}]}
forms:
  recharge_form: {required_slots: [amount]}
  date_form: {required_slots: [ship_date]}
""",
    )
    .replace(
        "responses:\n",
        """responses:
  utter_ask_amount: [{text: 充多少？}]
  utter_ask_ship_date: [{text: 哪天发？}]
  utter_recharged: [{text: "充了{amount}"}]
  utter_shipped: [{text: "{ship_date}发"}]
  utter_fees: [{text: 运费我们出}]
  utter_human: [{text: 正在转接}]
""",
    )
)
MORE = (
    RULES
    + """
  - rule: 运费
    steps: [{intent: fees}, {action: utter_fees}]
  - rule: 充值
    steps: [{intent: recharge}, {action: recharge_form}, {active_loop: recharge_form}]
  - rule: 充值结束
    condition: [{active_loop: recharge_form}]
    steps: [{action: recharge_form}, {active_loop: null}, {action: utter_recharged}]
  - rule: 发货
    steps: [{intent: ship}, {action: date_form}, {active_loop: date_form}]
  - rule: 发货结束
    condition: [{active_loop: date_form}]
    steps: [{action: date_form}, {active_loop: null}, {action: utter_shipped}]
"""
)
HUMAN = """
rules:
  - rule: 转人工
    steps: [{intent: human}, {action: utter_human}]
"""
NO_STORIES = "stories: []"

Start = Callable[..., Talk]


@pytest.fixture
def talks(tmp_path: Path) -> Start:
    def start(mode: str, **files: str) -> Talk:
        given = {"domain_yml": SHOP, "data__rules_yml": MORE, "data__stories_yml": NO_STORIES, **files}
        config = f"language: zh\nrasa_exact: {str(mode == 'exact').lower()}\n"
        project = write(tmp_path / mode, config_yml=config, **given)
        engine = load_dialogues(project, "Asia/Shanghai").engine
        return Talk(engine, Desk({"validate_refund_form": {"events": [], "responses": []}}))  # type: ignore[arg-type]

    return start


def sure(text: str, intent: str, confidence: float = 0.9, *entities: Entity) -> Meaning:
    return Meaning(text, intent, confidence, (Intent(intent, confidence),), entities)


async def _at_reason(talk: Talk) -> None:
    await talk.says("refund", "我要退款")
    assert await talk.says("inform", "DD1", order_id="DD1") == ["为什么退？"]


async def test_1_asking_for_a_human_ends_the_form(talks: Start) -> None:
    ours, rasas = talks("ours", data__human_yml=HUMAN), talks("exact", data__human_yml=HUMAN)
    for talk in (ours, rasas):
        await talk.says("refund", "我要退款")
    assert await rasas.says("human", "转人工") == ["正在转接", "订单号是多少？"]
    assert await ours.says("human", "转人工") == ["正在转接"]
    assert "requested_slot" not in ours.dialogue.slots


async def test_1_without_a_rule_for_it_the_human_comes_all_the_same(talks: Start) -> None:
    talk = talks("ours")
    await _at_reason(talk)
    (said,) = await talk.says("inform", "转人工")
    assert "转人工" in said
    assert "handoff" in talk.outcome.flags
    assert "order_id" not in talk.dialogue.slots
    assert await talk.says("hours", "几点上班") == ["九点到六点"]


async def test_2_giving_up_ends_the_form_and_forgets_its_slots(talks: Start) -> None:
    ours, rasas = talks("ours"), talks("exact")
    for talk in (ours, rasas):
        await _at_reason(talk)
    assert await rasas.says("stop", "算了不退了") == ["DD1退好了，原因：算了不退了"]
    assert await ours.says("stop", "算了不退了") == ["好的，已为您取消。"]
    assert ours.dialogue.slots.keys() == {"vip"}
    assert "cancelled" in ours.outcome.flags
    assert await ours.says("refund", "我要退款") == ["订单号是多少？"]


async def test_2_what_was_known_before_the_form_is_still_known(talks: Start) -> None:
    talk = talks("ours")
    await talk.says("greet", "你好，订单DD7", order_id="DD7")
    assert await talk.says("refund", "那我要把它退了") == ["为什么退？"]
    await talk.says("stop", "算了不退了")
    assert talk.dialogue.slots["order_id"] == "DD7"


async def test_3_a_correction_fills_what_it_corrects_and_nothing_else(talks: Start) -> None:
    ours, rasas = talks("ours"), talks("exact")
    for talk in (ours, rasas):
        await _at_reason(talk)
    said = "不对，订单号应该是DD2"
    assert await rasas.says("inform", said, order_id="DD2") == [f"DD2退好了，原因：{said}"]
    assert await ours.says("inform", said, order_id="DD2") == ["好的，已为您改为DD2。", "为什么退？"]
    assert await ours.says("inform", "坏了") == ["DD2退好了，原因：坏了"]


async def test_3_an_answer_that_is_taken_back_is_asked_for_again(talks: Start) -> None:
    talk = talks("ours")
    await _at_reason(talk)
    assert await talk.says("inform", "我说错了") == ["好的，我们重新来。", "订单号是多少？"]
    await talk.says("inform", "DD3", order_id="DD3")
    assert await talk.says("inform", "坏了") == ["DD3退好了，原因：坏了"]


async def test_3_a_corrected_value_is_validated_like_any(talks: Start) -> None:
    def judge(args: object) -> object:
        last = args["tracker"]["events"][-1]  # type: ignore[index]
        bad = last.get("name") == "order_id" and last.get("value") == "DD9"
        refused = [{"event": "slot", "name": "order_id", "value": None}]
        return {"events": refused if bad else [], "responses": [{"text": "没有DD9"}] if bad else []}

    talk = talks("ours")
    talk.desk = Desk({"validate_refund_form": judge})
    await _at_reason(talk)
    assert await talk.says("inform", "不对，是DD9", order_id="DD9") == ["没有DD9", "订单号是多少？"]


async def test_4_a_question_is_answered_and_is_no_answer(talks: Start) -> None:
    ours, rasas = talks("ours"), talks("exact")
    for talk in (ours, rasas):
        await _at_reason(talk)
    assert await rasas.says("fees", "运费谁出？") == ["DD1退好了，原因：运费谁出？"]
    assert await ours.says("fees", "运费谁出？") == ["运费我们出", "为什么退？"]
    assert await ours.says("inform", "坏了") == ["DD1退好了，原因：坏了"]


async def test_4_an_answer_that_sounds_like_another_intent_is_an_answer(talks: Start) -> None:
    talk = talks("ours")
    await _at_reason(talk)
    said = "因为你们运费太贵我不想要了"
    assert await talk.says("fees", said) == [f"DD1退好了，原因：{said}"]


async def test_4_a_question_that_nobody_can_answer_is_no_answer_either(talks: Start) -> None:
    talk = talks("ours")
    await _at_reason(talk)
    assert await talk.says("nlu_fallback", "你们老板姓什么来着？") == ["没听懂", "为什么退？"]


async def test_5_a_form_that_another_one_interrupts_goes_on_afterwards(talks: Start) -> None:
    ours, rasas = talks("ours"), talks("exact")
    for talk in (ours, rasas):
        await _at_reason(talk)
    assert await rasas.says("recharge", "先帮我充100元", money=100) == ["DD1退好了，原因：先帮我充100元"]
    assert await ours.says("recharge", "先帮我充100元", money=100) == ["充了100", "我们继续办理。", "为什么退？"]
    assert await ours.says("inform", "坏了") == ["DD1退好了，原因：坏了"]


async def test_5_giving_up_the_second_form_brings_back_the_first(talks: Start) -> None:
    talk = talks("ours")
    await _at_reason(talk)
    assert await talk.says("recharge", "先帮我充值") == ["充多少？"]
    assert await talk.says("stop", "算了") == ["好的，已为您取消。", "我们继续办理。", "为什么退？"]


async def test_6_a_second_start_does_not_submit_the_old_values(talks: Start) -> None:
    ours, rasas = talks("ours"), talks("exact")
    for talk in (ours, rasas):
        await _at_reason(talk)
        assert await talk.says("inform", "坏了") == ["DD1退好了，原因：坏了"]
    assert await rasas.says("refund", "我还要退款") == ["DD1退好了，原因：坏了"]
    assert await ours.says("refund", "我还要退款") == ["订单号是多少？"]
    assert await ours.says("inform", "DD2", order_id="DD2") == ["为什么退？"]


async def test_6_what_the_second_start_gives_is_taken(talks: Start) -> None:
    talk = talks("ours")
    await _at_reason(talk)
    await talk.says("inform", "坏了")
    assert await talk.says("refund", "DD2也要退款", order_id="DD2") == ["为什么退？"]
    assert talk.dialogue.slots["order_id"] == "DD2"


async def test_6_what_was_told_outside_of_the_form_holds(talks: Start) -> None:
    talk = talks("ours")
    await _at_reason(talk)
    await talk.says("inform", "坏了")
    await talk.says("greet", "你好，我还有DD5", order_id="DD5")
    assert await talk.says("refund", "那也退了吧") == ["为什么退？"]


async def test_6_the_slots_of_an_old_session_do_not_answer_either(talks: Start) -> None:
    talk = talks("ours")
    await _at_reason(talk)
    await talk.says("inform", "坏了")
    later = talk.later(2 * 3600)
    assert await later.says("refund", "我要退款") == ["订单号是多少？"]


def amount(text: str, value: Json, start: int) -> Entity:
    own = Entity("amount", text, value, start, start + len(text), extractor="RuleEntityExtractor")
    return Entity("money", text, text, start, start + len(text), extractor="CrfEntityExtractor", also=(own,))


async def test_7_a_sum_in_words_is_a_number_for_a_number_and_words_for_a_text(talks: Start) -> None:
    ours, rasas = talks("ours"), talks("exact")
    said = sure("充值一百五十块", "recharge", 0.9, amount("一百五十块", 150, 2))
    assert await rasas.means(said) == ["充了一百五十块"]
    assert await ours.means(said) == ["充了150"]
    assert ours.dialogue.slots["card"] == "一百五十块"


async def test_7_a_sum_that_no_example_taught_is_found_by_its_kind(talks: Start) -> None:
    ours, rasas = talks("ours"), talks("exact")
    found = Entity("amount", "三千元整", 3000, 4, 8, extractor="RuleEntityExtractor")
    said = sure("帮我充值三千元整", "recharge", 0.9, found)
    assert await rasas.means(said) == ["充多少？"]
    assert await ours.means(said) == ["充了3000"]


async def test_7_words_are_no_number(talks: Start) -> None:
    talk = talks("ours")
    await talk.says("recharge", "充值")
    said = sure("很多", "inform", 0.9, Entity("money", "很多", "很多", 0, 2))
    assert "充了很多" not in await talk.means(said)
    assert "amount" not in talk.dialogue.slots


async def test_8_a_day_that_there_is_not_is_refused(talks: Start) -> None:
    ours, rasas = talks("ours"), talks("exact")
    wrong = Entity("invalid", "2024年2月30号", {"type": "time", "why": "no_such_date"}, 0, 10)
    learned = Entity("ship_date", "2024年2月30号", "2024年2月30号", 0, 10)
    for talk in (ours, rasas):
        assert await talk.says("ship", "发货") == ["哪天发？"]
    await rasas.means(sure("2024年2月30号", "deny", 0.9, learned))
    assert rasas.dialogue.slots["ship_date"] == "2024年2月30号"
    said = await ours.means(sure("2024年2月30号", "deny", 0.9, Entity(**_with(learned, also=(wrong,)))))
    assert said == ["抱歉，这个日期不太对，请再确认一下。", "哪天发？"]
    time = Entity("time", "3月1号", "2024-03-01", 0, 4, extractor="RuleEntityExtractor")
    await ours.means(sure("3月1号", "deny", 0.9, time))
    assert ours.dialogue.slots["ship_date"] == "2024-03-01"


def _with(entity: Entity, **changes: object) -> dict[str, object]:
    return {name: getattr(entity, name) for name in entity.__slots__} | changes


async def test_9_three_times_nothing_to_be_understood_brings_a_human(talks: Start) -> None:
    ours, rasas = talks("ours"), talks("exact")
    for _ in range(3):
        assert await rasas.says("nlu_fallback", "阿巴阿巴") == ["没听懂"]
    for _ in range(2):
        assert await ours.says("nlu_fallback", "阿巴阿巴") == ["没听懂"]
    await ours.says("nlu_fallback", "阿巴阿巴")
    assert "handoff" in ours.outcome.flags


async def test_9_noise_is_no_answer_for_a_form(talks: Start) -> None:
    ours, rasas = talks("ours"), talks("exact")
    for talk in (ours, rasas):
        await _at_reason(talk)
    assert await rasas.says("nlu_fallback", "sdfghjkl") == ["DD1退好了，原因：sdfghjkl"]
    for _ in range(2):
        assert await ours.says("nlu_fallback", "sdfghjkl") == ["没听懂", "为什么退？"]
    await ours.says("nlu_fallback", "sdfghjkl")
    assert "handoff" in ours.outcome.flags


async def test_9_something_understood_in_between_counts_from_the_start(talks: Start) -> None:
    talk = talks("ours")
    for _ in range(2):
        await talk.says("nlu_fallback", "阿巴阿巴")
    await talk.says("hours", "几点上班")
    assert await talk.says("nlu_fallback", "阿巴阿巴") == ["没听懂"]


async def test_10_the_last_words_are_said_again_without_an_answer_being_taken(talks: Start) -> None:
    ours, rasas = talks("ours"), talks("exact")
    for talk in (ours, rasas):
        await _at_reason(talk)
    assert await rasas.says("inform", "再说一遍") == ["DD1退好了，原因：再说一遍"]
    assert await ours.says("inform", "再说一遍") == ["为什么退？"]
    assert await ours.says("inform", "等一下") == ["好的，不着急，您想好了告诉我。"]
    assert await ours.says("inform", "坏了") == ["DD1退好了，原因：坏了"]


async def test_11_starting_over_is_understood_in_words(talks: Start) -> None:
    talk = talks("ours")
    await _at_reason(talk)
    assert await talk.says("inform", "重新开始") == ["好的，我们重新开始。请问有什么可以帮您？"]
    assert await talk.says("refund", "我要退款") == ["订单号是多少？"]


async def test_12_asking_for_the_form_again_asks_its_question_again(talks: Start) -> None:
    ours, rasas = talks("ours"), talks("exact")
    for talk in (ours, rasas):
        await _at_reason(talk)
    assert await rasas.says("refund", "我要退款") == ["DD1退好了，原因：我要退款"]
    assert await ours.says("refund", "我要退款") == ["为什么退？"]


async def test_13_a_buttons_words_or_number_mean_the_button(talks: Start) -> None:
    buttons = """
responses:
  utter_greet:
    - text: 您好
      buttons: [{title: 上班时间, payload: /hours}, {title: 退款, payload: "/refund{\\"order_id\\": \\"DD8\\"}"}]
"""
    domain = SHOP.replace("  utter_greet: [{text: 您好}]\n", "")
    ours, rasas = (talks(mode, domain_yml=domain, data__greet_yml=buttons) for mode in ("ours", "exact"))
    for talk in (ours, rasas):
        await talk.says("greet", "你好")
    assert await rasas.says("nlu_fallback", "2") == ["没听懂"]
    assert await ours.says("nlu_fallback", "2") == ["为什么退？"]
    assert ours.dialogue.slots["order_id"] == "DD8"


async def test_what_the_author_has_written_for_the_form_comes_first(talks: Start) -> None:
    own = """
rules:
  - rule: 不退了
    condition: [{active_loop: refund_form}]
    steps: [{intent: stop}, {action: action_deactivate_loop}, {active_loop: null}, {action: utter_stopped}]
"""
    talk = talks("ours", data__stop_yml=own)
    await _at_reason(talk)
    assert await talk.says("stop", "算了不退了") == ["那就不退了"]


async def test_14_the_second_wish_of_a_message_is_served_too(talks: Start) -> None:
    also = (sure("转人工", "human"),)
    said = Meaning("运费谁出，然后转人工", "fees", 0.9, (Intent("fees", 0.9),), also=also)
    ours, rasas = (talks(mode, data__human_yml=HUMAN) for mode in ("ours", "exact"))
    assert await rasas.means(said) == ["运费我们出"]
    assert await ours.means(said) == ["运费我们出", "正在转接"]


async def test_14_a_second_wish_waits_until_the_form_is_through(talks: Start) -> None:
    talk = talks("ours")
    said = Meaning("我要退款，还有运费谁出", "refund", 0.9, (Intent("refund", 0.9),), also=(sure("运费谁出", "fees"),))
    assert await talk.means(said) == ["订单号是多少？"]
    await talk.says("inform", "DD1", order_id="DD1")
    assert await talk.says("inform", "坏了") == ["DD1退好了，原因：坏了", "运费我们出"]


async def test_a_command_fills_what_it_names_and_nothing_with_the_rest_of_its_letters(tmp_path: Path) -> None:
    engine: Any = load_dialogues(write(tmp_path), "Asia/Shanghai").engine
    talk = Talk(engine, Desk({"validate_refund_form": {"events": [], "responses": []}}))
    await talk.says("refund", "我要退款")
    text = '/inform{"order_id": "DD1"}'
    entity = Entity("order_id", text[7:], "DD1", 7, len(text), extractor=COMMAND_EXTRACTOR)
    assert await talk.means(Meaning(text, "inform", 1.0, (Intent("inform", 1.0),), (entity,))) == ["为什么退？"]
