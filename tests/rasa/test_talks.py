"""Rules, forms, stories and fallbacks, as Rasa 3.6 plays them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flows.rasa.engine import RasaEngine
from nlu.meaning import Intent, Meaning
from tests.rasa.shop import DOMAIN, Desk, Talk, load


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RasaEngine:
    return load(tmp_path_factory.mktemp("rasa"))


@pytest.fixture
def talk(engine: RasaEngine) -> Talk:
    return Talk(engine, Desk({"validate_refund_form": {"events": [], "responses": []}}))


async def test_a_rule_answers_and_listens(talk: Talk) -> None:
    assert await talk.says("greet") == ["您好"]
    assert talk.actions == ["action_session_start", "action_listen", "utter_greet", "action_listen"]


async def test_a_form_asks_until_all_is_known_and_then_the_rule_goes_on(talk: Talk) -> None:
    assert await talk.says("refund") == ["订单号是多少？"]
    assert await talk.says("inform", order_id="DD1") == ["为什么退？"]
    assert await talk.says("inform", "坏了") == ["DD1退好了，原因：坏了"]
    assert talk.dialogue.slots["reason"] == "坏了"


async def test_what_is_known_at_the_start_is_not_asked_again(talk: Talk) -> None:
    assert await talk.says("refund", order_id="DD1") == ["为什么退？"]


async def test_a_question_in_between_is_answered_and_the_form_goes_on(talk: Talk) -> None:
    await talk.says("refund")
    assert await talk.says("hours") == ["九点到六点", "订单号是多少？"]
    assert talk.actions == ["utter_hours", "refund_form", "action_listen"]
    assert "action_execution_rejected" in talk.events


async def test_a_story_inside_a_form_is_known_by_heart(talk: Talk) -> None:
    await talk.says("refund")
    assert await talk.says("stop") == ["还要退吗？"]
    assert await talk.says("affirm") == ["订单号是多少？"]
    # back from the unhappy path nothing of what was said has been taken for an answer
    assert "loop_interrupted" in talk.events


async def test_a_story_may_end_the_form(talk: Talk) -> None:
    await talk.says("refund")
    await talk.says("stop")
    assert await talk.says("deny") == ["那就不退了"]
    assert await talk.says("hours") == ["九点到六点"]


async def test_a_condition_decides_between_two_rules(tmp_path: Path) -> None:
    desk = Desk({"action_vip": {"events": [{"event": "slot", "name": "vip", "value": True}], "responses": []}})
    rule = "rules:\n- rule: vip\n  steps:\n  - intent: affirm\n  - action: action_vip\n"
    engine = load(tmp_path, data__more_yml=rule, data__domain_yml="", domain_yml=_with_action("action_vip"))
    talk = Talk(engine, desk)
    assert await talk.says("greet") == ["您好"]
    await talk.says("affirm")
    assert await talk.says("greet") == ["尊贵的会员您好"]


def _with_action(name: str) -> str:
    return DOMAIN.replace("actions: [", f"actions: [{name}, ")


async def test_what_nobody_expects_falls_back_and_is_forgotten(talk: Talk) -> None:
    await talk.says("greet")
    assert await talk.says("nlu_fallback", "阿巴阿巴") == ["没听懂"]
    assert talk.outcome.flags == {"fallback"}
    assert "rewind" in talk.events


async def test_a_validation_that_refuses_a_value_asks_again(engine: RasaEngine) -> None:
    def judge(args: object) -> object:
        candidates = args["tracker"]["events"][-1]  # type: ignore[index]
        refused = [{"event": "slot", "name": "order_id", "value": None}]
        said = [{"text": "没有这个订单"}]
        bad = candidates.get("name") == "order_id" and candidates.get("value") == "DD9"
        return {"events": refused if bad else [], "responses": said if bad else []}

    talk = Talk(engine, Desk({"validate_refund_form": judge}))
    await talk.says("refund")
    assert await talk.says("inform", order_id="DD9") == ["没有这个订单", "订单号是多少？"]
    assert await talk.says("inform", order_id="DD1") == ["为什么退？"]


async def test_a_validation_may_end_the_form_early(engine: RasaEngine) -> None:
    done = {"events": [{"event": "slot", "name": "requested_slot", "value": None}], "responses": []}
    talk = Talk(engine, Desk({"validate_refund_form": done}))
    assert await talk.says("refund") == ["退好了，原因："]


async def test_an_action_that_fails_is_told_to_operators_and_the_talk_goes_on(engine: RasaEngine) -> None:
    talk = Talk(engine, Desk())
    assert await talk.says("refund") == ["订单号是多少？"]
    assert "error" in talk.outcome.flags


async def test_an_expired_session_begins_anew_with_its_slots(talk: Talk) -> None:
    await talk.says("refund", order_id="DD1")
    later = talk.later(2 * 3600)
    assert await later.says("greet") == ["您好"]
    assert later.actions[0] == "action_session_start"
    assert later.dialogue.slots["order_id"] == "DD1"


async def test_restart_forgets_everything(talk: Talk) -> None:
    await talk.says("refund", order_id="DD1")
    await talk.says("restart")
    assert "order_id" not in talk.dialogue.slots
    assert await talk.says("greet") == ["您好"]


async def test_two_stage_fallback_asks_what_was_meant(tmp_path: Path) -> None:
    rule = """
    rules:
      - rule: unsure
        steps: [{intent: nlu_fallback}, {action: action_two_stage_fallback}, {active_loop: action_two_stage_fallback}]
    """
    talk = Talk(load(tmp_path, data__fallback_yml=rule))
    ranking = (Intent("nlu_fallback", 0.6), Intent("greet", 0.3))
    (asked,) = await talk.means(Meaning("呃", "nlu_fallback", 0.6, ranking))
    assert "greet" in asked
    assert await talk.says("greet") == ["您好"]
    assert talk.dialogue.memory["events"][-1]["name"] == "action_listen"


async def test_an_action_of_a_server_may_ask_for_the_next_one(tmp_path: Path) -> None:
    follow = {"events": [{"event": "followup", "name": "utter_hours"}], "responses": []}
    rule = "rules:\n- rule: go\n  steps:\n  - intent: affirm\n  - action: action_go\n"
    engine = load(tmp_path, data__more_yml=rule, domain_yml=_with_action("action_go"))
    talk = Talk(engine, Desk({"action_go": follow}))
    assert await talk.says("affirm") == ["九点到六点"]


async def test_the_same_turn_again_does_the_same(talk: Talk) -> None:
    await talk.says("refund")
    before = talk.dialogue, talk.at, talk.turns
    first = await talk.says("inform", order_id="DD1"), talk.outcome.events
    talk.dialogue, talk.at, talk.turns = before
    assert (await talk.says("inform", order_id="DD1"), talk.outcome.events) == first


async def test_what_was_known_before_the_first_event_is_kept(talk: Talk) -> None:
    """A flow may have asked, or the person is known."""
    talk.dialogue = replace(talk.dialogue, slots={"order_id": "DD1"})
    assert await talk.says("refund") == ["为什么退？"]
    assert talk.dialogue.slots["order_id"] == "DD1"
