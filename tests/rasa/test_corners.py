"""Corners of Rasa 3.6 that its users lean on: fallback in two stages, loops, follow-ups, conditions, memories."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.rasa.engine import RasaEngine
from nlu.meaning import Intent, Meaning
from tests.rasa.shop import DOMAIN, RULES, Desk, Talk, load

TWO_STAGES = """
rules:
  - rule: unsure
    steps: [{intent: nlu_fallback}, {action: action_two_stage_fallback}, {active_loop: action_two_stage_fallback}]
"""
ASKING = DOMAIN.replace("responses:\n", "responses:\n  utter_ask_rephrase: [{text: 换个说法？}]\n")
NOBODY = {"validate_refund_form": {"events": [], "responses": []}}


def _with_action(name: str, domain: str = DOMAIN) -> str:
    return domain.replace("actions: [", f"actions: [{name}, ")


# --- fallback in two stages --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two_stages(tmp_path_factory: pytest.TempPathFactory) -> RasaEngine:
    return load(tmp_path_factory.mktemp("two"), domain_yml=ASKING, data__fallback_yml=TWO_STAGES)


@pytest.fixture
def unsure(two_stages: RasaEngine) -> Talk:
    return Talk(two_stages, Desk(NOBODY))


async def mumbles(talk: Talk) -> list[str]:
    return await talk.means(Meaning("呃", "nlu_fallback", 0.6, (Intent("nlu_fallback", 0.6), Intent("greet", 0.3))))


async def test_what_is_affirmed_counts_as_said_at_once(unsure: Talk) -> None:
    assert "greet" in (await mumbles(unsure))[0]
    assert await unsure.says("greet") == ["您好"]
    told = [event["name"] for event in unsure.dialogue.memory["events"] if event["event"] == "action"]
    assert told[-2:] == ["utter_greet", "action_listen"]
    assert await unsure.says("hours") == ["九点到六点"]
    assert unsure.dialogue.memory["events"][-1]["name"] == "action_listen"


async def test_who_denies_is_asked_to_rephrase_and_is_understood_then(unsure: Talk) -> None:
    await mumbles(unsure)
    assert await unsure.says("out_of_scope") == ["换个说法？"]
    assert await unsure.says("hours") == ["九点到六点"]


async def test_what_cannot_be_understood_twice_is_given_up(unsure: Talk) -> None:
    await mumbles(unsure)
    assert await mumbles(unsure) == ["没听懂"]
    assert await unsure.says("hours") == ["九点到六点"]
    # what was given up is forgotten: it begins anew
    assert "greet" in (await mumbles(unsure))[0]


async def test_who_denies_twice_is_given_up(unsure: Talk) -> None:
    await mumbles(unsure)
    await unsure.says("out_of_scope")
    assert "greet" in (await mumbles(unsure))[0]
    assert await unsure.says("out_of_scope") == ["没听懂"]


async def test_who_is_understood_in_the_second_stage_goes_on(unsure: Talk) -> None:
    await mumbles(unsure)
    await unsure.says("out_of_scope")
    await mumbles(unsure)
    assert await unsure.says("greet") == ["您好"]


async def test_a_form_survives_what_was_not_understood_in_it(tmp_path: Path) -> None:
    domain = ASKING.replace("not_intent: [refund, hours, stop]", "not_intent: [refund, hours, stop, nlu_fallback]")
    talk = Talk(load(tmp_path, domain_yml=domain, data__fallback_yml=TWO_STAGES), Desk(NOBODY))
    await talk.says("refund")
    assert "greet" in (await mumbles(talk))[0]
    assert await talk.says("inform", order_id="DD1") == ["为什么退？"]


# --- conditions, follow-ups, what actions may send ---------------------------------------------------------


async def test_a_mapping_may_hold_only_outside_of_loops(tmp_path: Path) -> None:
    outside = """
  note:
    type: text
    mappings: [{type: from_text, conditions: [{active_loop: null}]}]
  vip:"""
    talk = Talk(load(tmp_path, domain_yml=DOMAIN.replace("\n  vip:", outside)), Desk(NOBODY))
    await talk.says("greet", "你好")
    assert talk.dialogue.slots["note"] == "你好"
    await talk.says("refund", "退款")
    await talk.says("inform", "DD1", order_id="DD1")
    assert talk.dialogue.slots["note"] == "退款"


async def test_a_follow_up_that_refuses_is_not_asked_for_again(tmp_path: Path) -> None:
    follow = {"events": [{"event": "followup", "name": "action_no"}], "responses": []}
    refuses = {"rejected": True, "error": "no"}
    rule = "rules:\n- rule: go\n  steps:\n  - intent: affirm\n  - action: action_go\n  - action: utter_hours\n"
    domain = _with_action("action_no", _with_action("action_go"))
    talk = Talk(
        load(tmp_path, data__more_yml=rule, domain_yml=domain), Desk({"action_go": follow, "action_no": refuses})
    )
    assert await talk.says("affirm") == ["九点到六点"]
    assert "error" not in talk.outcome.flags


async def test_an_unknown_follow_up_is_passed_over(tmp_path: Path) -> None:
    follow = {"events": [{"event": "followup", "name": "action_nowhere"}], "responses": []}
    rule = "rules:\n- rule: go\n  steps:\n  - intent: affirm\n  - action: action_go\n  - action: utter_hours\n"
    engine = load(tmp_path, data__more_yml=rule, domain_yml=_with_action("action_go"))
    talk = Talk(engine, Desk({"action_go": follow}))
    assert await talk.says("affirm") == ["九点到六点"]


async def test_what_an_action_says_for_the_customer_fills_slots(tmp_path: Path) -> None:
    said = {
        "event": "user",
        "text": "DD7",
        "parse_data": {
            "intent": {"name": "hours", "confidence": 1.0},
            "entities": [{"entity": "order_id", "value": "DD7"}],
        },
    }
    rule = "rules:\n- rule: go\n  steps:\n  - intent: affirm\n  - action: action_go\n"
    engine = load(tmp_path, data__more_yml=rule, domain_yml=_with_action("action_go"))
    listens = {"event": "action", "name": "action_listen"}
    talk = Talk(engine, Desk({"action_go": {"events": [listens, said], "responses": []}}))
    assert await talk.says("affirm") == ["九点到六点"]
    assert talk.dialogue.slots["order_id"] == "DD7"


async def test_restart_begins_a_session_and_waits(tmp_path: Path) -> None:
    talk = Talk(load(tmp_path), Desk(NOBODY))
    await talk.says("refund", order_id="DD1")
    await talk.says("restart")
    assert talk.actions == ["action_restart", "action_session_start", "action_listen"]
    assert talk.dialogue.slots == {"vip": False}


# --- forms and loops ---------------------------------------------------------------------------------------


async def test_validation_may_ask_for_more_than_the_form_requires(tmp_path: Path) -> None:
    def judge(args: object) -> object:
        slots = args["tracker"]["slots"]  # type: ignore[index]
        order = (
            ["order_id", "city", "reason"]
            if str(slots.get("order_id") or "").startswith("海外")
            else ["order_id", "reason"]
        )
        asked = next((name for name in order if slots.get(name) is None), None)
        return {"events": [{"event": "slot", "name": "requested_slot", "value": asked}], "responses": []}

    domain = DOMAIN.replace("\n  vip:", "\n  city: {type: text, mappings: [{type: from_entity, entity: city}]}\n  vip:")
    domain = domain.replace("entities: [order_id, reason]", "entities: [order_id, reason, city]")
    domain = domain.replace("responses:\n", "responses:\n  utter_ask_city: [{text: 哪个城市？}]\n")
    talk = Talk(load(tmp_path, domain_yml=domain), Desk({"validate_refund_form": judge}))
    assert await talk.says("refund") == ["订单号是多少？"]
    assert await talk.says("inform", order_id="海外1") == ["哪个城市？"]
    assert await talk.says("inform", city="东京") == ["为什么退？"]
    assert await talk.says("inform", "坏了") == ["海外1退好了，原因：坏了"]


async def test_a_loop_that_replaces_another_ends_it(tmp_path: Path) -> None:
    domain = DOMAIN.replace("forms:\n", "forms:\n  vip_form: {required_slots: [reason]}\n")
    domain = domain.replace("not_intent: [refund, hours, stop]", "not_intent: [refund, hours, stop, affirm]")
    domain = domain.replace("{active_loop: refund_form, requested_slot: reason}", "{active_loop: vip_form}")
    more = """
  - rule: 会员
    steps: [{intent: affirm}, {action: vip_form}, {active_loop: vip_form}]
  - rule: 会员好了
    condition: [{active_loop: vip_form}]
    steps: [{action: vip_form}, {active_loop: null}, {action: utter_vip}]
"""
    files = {"domain_yml": domain, "data__rules_yml": RULES + more, "data__stories_yml": "stories: []"}
    talk = Talk(load(tmp_path, **files), Desk(NOBODY))
    assert await talk.says("refund") == ["订单号是多少？"]
    assert await talk.says("affirm") == []  # vip_form has nothing to ask with
    assert await talk.says("inform", "坏了") == ["尊贵的会员您好"]
    assert await talk.says("hours") == ["九点到六点"]


async def test_a_rule_for_the_beginning_holds_only_there(tmp_path: Path) -> None:
    rule = "rules:\n- rule: first\n  conversation_start: true\n  steps:\n  - intent: affirm\n  - action: utter_vip\n"
    talk = Talk(load(tmp_path, data__more_yml=rule, data__stories_yml="stories: []"), Desk(NOBODY))
    assert await talk.says("affirm") == ["尊贵的会员您好"]
    assert await talk.says("affirm") == ["没听懂"]


async def test_stories_go_on_at_checkpoints_and_after_either_intent(tmp_path: Path) -> None:
    stories = """
stories:
  - story: 一
    steps: [{or: [{intent: affirm}, {intent: inform}]}, {action: utter_vip}, {checkpoint: 之后}]
  - story: 二
    steps: [{checkpoint: 之后}, {intent: deny}, {action: utter_stopped}]
"""
    for intent in ("affirm", "inform"):
        talk = Talk(load(tmp_path, data__stories_yml=stories), Desk(NOBODY))
        assert await talk.says(intent) == ["尊贵的会员您好"]
        assert await talk.says("deny") == ["那就不退了"]


async def test_an_augmented_memory_forgets_what_came_before(tmp_path: Path) -> None:
    config = "policies: [{name: AugmentedMemoizationPolicy, max_history: 3}, {name: RulePolicy}]\n"
    stories = """
stories:
  - story: 一
    steps: [{intent: affirm}, {action: utter_vip}, {intent: deny}, {action: utter_stopped}]
"""
    talk = Talk(load(tmp_path, config_yml=config, data__stories_yml=stories), Desk(NOBODY))
    for _ in range(4):
        await talk.says("hours")
    await talk.says("inform", order_id="DD1")
    assert await talk.says("affirm") == ["尊贵的会员您好"]
    assert await talk.says("deny") == ["那就不退了"]


async def test_back_takes_back_the_last_thing_said(tmp_path: Path) -> None:
    talk = Talk(load(tmp_path), Desk(NOBODY))
    await talk.says("refund")
    await talk.says("inform", order_id="DD1")
    await talk.says("back")
    assert "order_id" not in talk.dialogue.slots
