"""`data validate`, `data split nlu` and `data convert`: projects of Rasa 1 and 2 come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from bot.cli import cli
from flows.domain import load_domain
from flows.rasa.domain import load_rasa_domain
from nlu.data import read_data
from tests.rasa.shop import DOMAIN, Desk, Talk, load, write

SHARED = Path(__file__).parents[3] / "shared" / "rasa" / "projects"
OLD = """
version: "2.0"
intents:
  - refund
  - inform
  - hours
  - help: {triggers: utter_help}
entities: [order_id, city]
slots:
  order_id: {type: text, auto_fill: false}
  reason: {type: text}
  city: {type: text}
  vip: {type: unfeaturized}
forms:
  refund_form:
    order_id:
      - {type: from_entity, entity: order_id}
    reason:
      - {type: from_text, not_intent: hours}
responses:
  utter_ask_order_id: [{text: 订单号是多少？}]
  utter_ask_reason: [{text: 为什么退？}]
  utter_refunded: [{text: "{order_id}退好了，原因：{reason}"}]
  utter_hours: [{text: 九点到六点}]
  utter_help: [{text: 我能帮您退款}]
"""
RULES = """
version: "2.0"
rules:
  - rule: 退款
    steps: [{intent: refund}, {action: refund_form}, {active_loop: refund_form}]
  - rule: 退好了
    condition: [{active_loop: refund_form}]
    steps: [{action: refund_form}, {active_loop: null}, {action: utter_refunded}]
  - rule: 几点
    steps: [{intent: hours}, {action: utter_hours}]
"""
NLU = """<!-- 一个注释
- 不是例句 -->
## intent:refund
- 我要退款
- 退[北京](city)的单
- 退[帝都](city:北京)的单

## intent:faq/ship
* 什么时候发货

## synonym:北京
- 帝都

## regex:order_id
- DD\\d+

## lookup:city
- 上海
- 广州
"""
STORIES = """## 退款 <!-- 顺利 -->
* refund{"order_id": "DD1"} OR inform
  - refund_form
  - form{"name": "refund_form"}
  - slot{"reason": "坏了"}
  - form{"name": null}
> 退完了

## 再问
> 退完了
* faq/ship: 什么时候发[帝都](city:北京)
  - utter_ship
"""


def yingda(*words: str | Path) -> Result:
    done = CliRunner().invoke(cli, list(map(str, words)))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def convert(kind: str, data: Path, out: Path) -> Any:
    done = yingda("data", "convert", kind, "--data", data, "--out", out)
    assert done.exit_code == 0, done.output
    return read(out)


# --- a domain of Rasa 2 ------------------------------------------------------------------------------------


async def test_a_project_of_rasa_2_runs_as_it_is(tmp_path: Path) -> None:
    engine = load(tmp_path, domain_yml=OLD, data__rules_yml=RULES, data__stories_yml="stories: []")
    assert any("Rasa 1 or 2" in warning.what for warning in engine.warnings)
    talk = Talk(engine, Desk())
    assert await talk.says("refund") == ["订单号是多少？"]
    assert await talk.says("inform", order_id="DD1", city="北京") == ["为什么退？"]
    assert await talk.says("hours") == ["九点到六点", "为什么退？"]
    assert await talk.says("inform", "坏了") == ["DD1退好了，原因：坏了"]
    assert talk.dialogue.slots["city"] == "北京"


def test_an_old_domain_is_written_with_its_mappings_at_the_slots(tmp_path: Path) -> None:
    (tmp_path / "old.yml").write_text(OLD, "utf-8")
    made = convert("domain", tmp_path / "old.yml", tmp_path / "domain.yml")
    assert made["version"] == "3.1"
    assert made["forms"] == {"refund_form": {"required_slots": ["order_id", "reason"]}}
    only_there = {"active_loop": "refund_form", "requested_slot": "reason"}
    assert made["slots"]["reason"]["mappings"] == [
        {"type": "from_text", "not_intent": "hours", "conditions": [only_there]}
    ]
    assert made["slots"]["order_id"] == {
        "type": "text",
        "mappings": [{"type": "from_entity", "entity": "order_id", "conditions": [{"active_loop": "refund_form"}]}],
    }
    assert made["slots"]["city"]["mappings"] == [{"type": "from_entity", "entity": "city"}]
    assert made["slots"]["vip"] == {"type": "any", "mappings": [{"type": "custom"}]}
    assert made["intents"] == ["refund", "inform", "hours", "help"]
    (rule,) = read(tmp_path / "domain_rules.yml")["rules"]
    assert rule["steps"] == [{"intent": "help"}, {"action": "utter_help"}]


def test_what_is_converted_says_the_same_as_what_is_read_directly(tmp_path: Path) -> None:
    old = write(tmp_path / "old", domain_yml=OLD)
    new = write(tmp_path / "new", domain_yml=OLD)
    convert("domain", old / "domain.yml", new / "domain.yml")
    assert load_rasa_domain(old).slots == load_rasa_domain(new).slots
    assert load_rasa_domain(old).forms == load_rasa_domain(new).forms


def test_a_new_domain_stays_as_it_is(tmp_path: Path) -> None:
    project = write(tmp_path, domain_yml=DOMAIN)
    before = load_rasa_domain(project)
    convert("domain", project / "domain.yml", project / "domain.yml")
    assert load_rasa_domain(project).slots == before.slots


@pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/rasa/projects")
@pytest.mark.parametrize("path", sorted(SHARED.glob("*/domain_original_2x.yml.txt")), ids=lambda path: path.parent.name)
def test_public_domains_of_rasa_2_load(tmp_path: Path, path: Path) -> None:
    (tmp_path / "domain.yml").write_text(path.read_text("utf-8"), "utf-8")
    assert load_domain(tmp_path).responses
    found = load_rasa_domain(tmp_path)
    assert all(slot.mappings for slot in found.slots.values() if slot.name in found.base.slots)
    made = convert("domain", tmp_path / "domain.yml", tmp_path / "domain.yml")
    assert made["version"] == "3.1"
    again = load_rasa_domain(tmp_path)
    assert (again.forms, again.slots) == (found.forms, found.slots)


# --- Markdown ----------------------------------------------------------------------------------------------


def test_training_data_in_markdown_is_read_as_before(tmp_path: Path) -> None:
    project = write(tmp_path)
    (project / "nlu.md").write_text(NLU, "utf-8")
    convert("nlu", project / "nlu.md", project / "data" / "nlu.yml")
    data = read_data(project)
    assert [(each.intent, each.text) for each in data.examples] == [
        ("refund", "我要退款"),
        ("refund", "退北京的单"),
        ("refund", "退帝都的单"),
        ("faq/ship", "什么时候发货"),
    ]
    assert [entity.value for each in data.examples for entity in each.entities] == ["北京", "北京"]
    assert data.synonyms["帝都"] == "北京"
    assert data.lookups["city"] == ("上海", "广州")
    assert data.patterns[0].pattern == r"DD\d+"


def test_a_word_list_in_a_file_of_its_own_is_taken_in(tmp_path: Path) -> None:
    (tmp_path / "cities.txt").write_text("上海\n广州\n", "utf-8")
    (tmp_path / "nlu.md").write_text("## lookup:city\ncities.txt\n", "utf-8")
    made = convert("nlu", tmp_path / "nlu.md", tmp_path / "nlu.yml")
    assert made["nlu"] == [{"lookup": "city", "examples": "- 上海\n- 广州\n"}]


def test_answers_in_markdown_become_responses(tmp_path: Path) -> None:
    (tmp_path / "responses.md").write_text("## 发货\n* faq/ship\n  - 两天内\n  - 很快\n", "utf-8")
    made = convert("nlu", tmp_path / "responses.md", tmp_path / "responses.yml")
    assert made["responses"] == {"utter_faq/ship": [{"text": "两天内"}, {"text": "很快"}]}


def test_stories_in_markdown_are_stories(tmp_path: Path) -> None:
    (tmp_path / "stories.md").write_text(STORIES, "utf-8")
    made = convert("core", tmp_path / "stories.md", tmp_path / "stories.yml")
    first, second = made["stories"]
    assert first["story"] == "退款"
    assert first["steps"] == [
        {"or": [{"intent": "refund", "entities": [{"order_id": "DD1"}]}, {"intent": "inform"}]},
        {"action": "refund_form"},
        {"active_loop": "refund_form"},
        {"slot_was_set": [{"reason": "坏了"}]},
        {"active_loop": None},
        {"checkpoint": "退完了"},
    ]
    assert second["steps"][1] == {
        "user": '什么时候发[帝都]{"entity": "city", "value": "北京"}',
        "intent": "faq/ship",
    }


def test_what_is_no_story_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "stories.md").write_text("## 退款\n\n说点什么\n", "utf-8")
    done = CliRunner().invoke(
        cli, ["data", "convert", "core", "--data", str(tmp_path / "stories.md"), "--out", str(tmp_path / "s.yml")]
    )
    assert done.exit_code != 0
    assert "stories.md:3: no step of a story" in str(done.exception) + done.output


# --- config ------------------------------------------------------------------------------------------------


def test_policies_that_are_no_more_become_rules(tmp_path: Path) -> None:
    config = """
language: zh
pipeline: [{name: JiebaTokenizer}]
policies:
  - name: MemoizationPolicy
  - name: FormPolicy
  - {name: TwoStageFallbackPolicy, nlu_threshold: 0.4, core_threshold: 0.2}
"""
    (tmp_path / "old.yml").write_text(config, "utf-8")
    made = convert("config", tmp_path / "old.yml", tmp_path / "config.yml")
    assert made["pipeline"][-1] == {"name": "FallbackClassifier", "threshold": 0.4, "ambiguity_threshold": 0.1}
    assert made["policies"] == [
        {"name": "MemoizationPolicy"},
        {
            "name": "RulePolicy",
            "core_fallback_threshold": 0.2,
            "core_fallback_action_name": "action_default_fallback",
        },
    ]
    (rule,) = read(tmp_path / "config_rules.yml")["rules"]
    assert {"active_loop": "action_two_stage_fallback"} in rule["steps"]


# --- split and validate ------------------------------------------------------------------------------------


def test_each_intent_has_its_share_in_both_parts(tmp_path: Path) -> None:
    lines = "".join(f"    - 退[DD{i}](order_id)\n" for i in range(10))
    nlu = f"""nlu:
- intent: refund
  examples: |
{lines}
- intent: faq/ship
  examples: |
    - 什么时候发货
    - 多久发货
- intent: greet
  examples: |
    - 你好
- synonym: 北京
  examples: |
    - 帝都
responses:
  utter_faq/ship: [{{text: 两天内}}]
"""
    project = write(tmp_path / "bot")
    (project / "data" / "nlu.yml").write_text(nlu, "utf-8")
    parts = []
    for out in (tmp_path / "one", tmp_path / "two"):
        done = yingda("data", "split", "nlu", "--project", project, "--random-seed", "7", "--out", out)
        assert done.exit_code == 0, done.output
        parts.append([read(out / name) for name in ("training_data.yml", "test_data.yml")])
    assert parts[0] == parts[1]
    training, test = parts[0]
    count = [
        {each["intent"]: each["examples"].count("- ") for each in part["nlu"] if "intent" in each}
        for part in (training, test)
    ]
    assert count == [{"refund": 8, "faq/ship": 1, "greet": 1}, {"refund": 2, "faq/ship": 1}]
    parted = [each for part in (training, test) for each in part["nlu"]]
    both = "".join(each["examples"] for each in parted if each.get("intent") == "refund")
    assert sorted(both.splitlines()) == sorted(line.strip() for line in lines.splitlines())
    assert [part["responses"] for part in (training, test)] == [{"utter_faq/ship": [{"text": "两天内"}]}] * 2


def test_data_validate_is_validate_and_may_fail_on_remarks(tmp_path: Path) -> None:
    project = write(tmp_path, domain_yml=OLD, data__rules_yml=RULES, data__stories_yml="stories: []")
    (project / "data" / "nlu.yml").write_text(
        "nlu:\n- intent: refund\n  examples: |\n    - 我要退款\n    - 退款\n", "utf-8"
    )
    done = yingda("data", "validate", "--project", project)
    assert done.output == yingda("validate", "--project", project).output
    assert "Rasa 1 or 2" in done.output
    assert yingda("data", "validate", "--project", project, "--fail-on-warnings").exit_code == 1
