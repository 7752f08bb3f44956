"""A bot's files: what is read from them, and what is said where they are wrong."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path

import pytest

from adapters.message import Button, Card, Custom, Image, Text
from config.source import BadProject
from flows.domain import load_domain, read_domain
from flows.engine import load_engine
from flows.responses import NoResponse, Speaker
from flows.review import review, warnings
from flows.slots import Invalid, coerce
from flows.yaml_flows import read_flows
from tests.flows.making import source
from tests.flows.talk import BOT


def project(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_yml", ".yml").replace("_py", ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), "utf-8")
    return folder


def said(problems: list[object] | tuple[object, ...]) -> str:
    return "\n".join(map(str, problems))


# --- the domain


def test_a_domain_may_be_split_over_a_folder_and_data_files(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        domain__a_yml="intents: [greet, {faq: {use_entities: []}}]\nslots: {a: {type: text}}",
        domain__b_yml="entities: [x]\nsession_config: {session_expiration_time: 5}\n",
        data__faq_yml="responses:\n  utter_faq/fee: [{text: free}]\nnlu: []\n",
    )
    domain = load_domain(folder)
    assert domain.intents == {"greet", "faq"}
    assert set(domain.slots) == {"a"}
    assert "utter_faq/fee" in domain.responses
    assert domain.expiry_s == 300


def test_what_is_wrong_in_a_domain_is_told_all_at_once() -> None:
    text = """
    intens: [greet]
    slots:
      a: {type: txt}
      b: {type: text, inital_value: 1}
      c: {type: categorical}
    responses:
      greet: [{text: hi}]
      utter_x: []
      utter_y: [{txt: hi}]
      utter_z: [{text: hi, condition: "slots.a >"}]
    """
    with pytest.raises(BadProject) as bad:
        read_domain([source(text, "domain.yml")])
    told = said(bad.value.problems)
    for piece in (
        "domain.yml:2: unknown key 'intens' — did you mean 'intents'?",
        "domain.yml:4: unknown slot type 'txt' — did you mean 'text'?",
        "unknown key 'inital_value' — did you mean 'initial_value'?",
        "the categorical slot 'c' has no `values`",
        "must begin with utter_",
        "'utter_x' has no variations",
        "unknown key 'txt'",
        "a value is missing",
    ):
        assert piece in told


def test_a_response_defined_twice_is_told(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        domain_yml="responses: {utter_a: [{text: one}]}",
        data__more_yml="responses: {utter_a: [{text: two}]}",
    )
    with pytest.raises(BadProject, match="already defined"):
        load_domain(folder)


def test_what_a_form_requires_must_be_a_slot(tmp_path: Path) -> None:
    folder = project(tmp_path, domain_yml="slots: {b: {type: text}}\nforms: {f: {required_slots: [a]}}")
    (problem,) = review(folder)
    assert problem.what == "the form 'f' requires the slot 'a', which is not in `slots`"


def test_the_policies_of_an_older_rasa_are_served_with_a_warning(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        domain_yml="responses: {utter_hi: [{text: hi}]}",
        data__rules_yml="rules:\n- rule: greet\n  steps:\n  - intent: greet\n  - action: utter_hi\n",
        config_yml="policies:\n- name: MappingPolicy\n",
    )
    (warning,) = warnings(folder)
    assert warning.what == "the policy 'MappingPolicy' of an older Rasa is served by RulePolicy"


# --- slots


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        ("text", " a ", "a"), ("text", 12, "12"), ("text", 12.0, "12"), ("bool", "是", True), ("bool", "不用", False),
        ("float", "1,200.5", 1200.5), ("float", 3, 3.0), ("list", "a", ["a"]), ("list", ["a"], ["a"]),
        ("any", {"a": 1}, {"a": 1}), ("categorical", "RED", "red"), ("text", None, None),
    ],
)  # fmt: skip
def test_a_value_is_made_to_fit_its_slot(kind: str, given: object, value: object) -> None:
    domain = read_domain([source(f"slots: {{s: {{type: {kind}, values: [red, blue]}}}}")])
    assert coerce(domain.slots["s"], given) == value


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("float", "x"),
        ("float", 0),
        ("float", 11),
        ("float", {}),
        ("bool", "maybe"),
        ("categorical", "green"),
        ("text", " "),
    ],
)
def test_a_value_that_does_not_fit_is_refused(kind: str, given: object) -> None:
    text = f"slots: {{s: {{type: {kind}, values: [red], min_value: 1, max_value: 10}}}}"
    with pytest.raises(Invalid):
        coerce(read_domain([source(text)]).slots["s"], given)


# --- responses

SPOKEN = """
slots: {vip: {type: bool}}
responses:
  utter_one: [{text: "hi {name}, {n}"}]
  utter_many: [{text: a}, {text: b}, {text: c}]
  utter_channel: [{text: any}, {text: wechat, channel: wechat}]
  utter_vip:
    - text: dear
      condition: [{type: slot, name: vip, value: true}]
    - text: you
  utter_rich:
    - text: "{n}"
      buttons: [{title: "buy {n}", payload: '/buy{"n": "{n}"}'}]
      image: http://x/{n}.png
      custom: {deep: ["{n}", 1]}
  utter_only: [{text: x, channel: wechat}]
"""


def speaker(channel: str = "web", seed: str = "t1") -> Speaker:
    return Speaker(read_domain([source(SPOKEN)]), channel, seed)


def test_slots_are_shown_as_people_write_them() -> None:
    shown = [speaker().say("utter_one", {"name": "王", "n": n})[0] for n in (3.0, 2.5, True, None, ["a", "b"], 1e7)]
    assert shown == [Text(f"hi 王, {n}") for n in ("3", "2.5", "是", "", "a、b", "10000000")]


def test_a_turn_says_the_same_words_whenever_it_is_run_and_turns_vary() -> None:
    words = [[speaker(seed=f"t{i}").say("utter_many", {}) for i in range(30)] for _ in range(2)]
    assert words[0] == words[1]
    assert len(set(words[0])) == 3


def test_a_channel_has_its_own_words() -> None:
    assert speaker("wechat").say("utter_channel", {}) == (Text("wechat"),)
    assert speaker("web").say("utter_channel", {}) == (Text("any"),)
    with pytest.raises(NoResponse):
        speaker("web").say("utter_only", {})


def test_a_condition_that_holds_comes_before_words_without_one() -> None:
    assert speaker().say("utter_vip", {"vip": True}) == (Text("dear"),)
    assert speaker().say("utter_vip", {}) == (Text("you"),)


def test_a_rich_response_is_several_replies() -> None:
    card = Card(text="7", buttons=(Button("buy 7", '/buy{"n": "7"}'),))
    replies = speaker().say("utter_rich", {"n": 7})
    assert replies == (card, Custom({"deep": ["7", 1]}), Image("http://x/7.png"))


# --- flows


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ("[{colect: a}]", "unknown key 'colect' — did you mean 'collect'?"),
        ("[{collect: a, action: b}]", "a step does one thing, this one has collect and action"),
        ("[{}]", "a step does one thing"),
        ("[{collect: a, next: nowhere}]", "there is no step 'nowhere' in the flow 'f'"),
        ("[{collect: a, next: [{when: x}]}]", "a branch is `if:` with `then:`, or `else:`"),
        ("[{collect: a, next: [{if: 'slots.a >', then: END}]}]", "a value is missing"),
        ("[{id: x, collect: a}, {id: x, collect: b}]", "two steps have the id 'x'"),
        ("[]", "has no steps"),
    ],
)
def test_what_is_wrong_in_a_flow_is_told_with_its_line(steps: str, told: str) -> None:
    with pytest.raises(BadProject) as bad:
        read_flows(source(f"flows:\n  f:\n    description: f\n    steps: {steps}\n"))
    assert told in str(bad.value)
    assert str(bad.value).startswith(("flows.yml:4:", "flows.yml:2:"))


def test_nested_steps_go_on_after_the_step_they_hang_under() -> None:
    text = """
    flows:
      f:
        description: f
        steps:
          - noop: true
            next:
              - if: slots.a
                then:
                  - action: utter_a
              - else:
                  - action: utter_b
                    next: END
          - action: utter_c
    """
    nodes = read_flows(source(text))[0].nodes
    by_id = {node.id: node for node in nodes}
    after_a = by_id["utter_a"].branches[0].target
    assert after_a is not None
    assert nodes[after_a].id == "utter_c"
    assert by_id["utter_b"].branches[0].target is None
    assert by_id["utter_c"].branches[0].target is None


# --- the project as a whole


def test_a_sound_project_has_nothing_to_mend() -> None:
    assert review(BOT) == []


def test_review_names_every_loose_end(tmp_path: Path) -> None:
    folder = project(
        tmp_path,
        domain_yml="""
            intents: [refund]
            slots: {order_id: {type: text, resolve: refnd}, state: {type: text}}
            responses:
              utter_done: [{text: "done {ordr_id}"}]
            """,
        data__flows_yml="""
            flows:
              refund:
                description: refund
                nlu_trigger: [{intent: refnd}]
                steps:
                  - collect: ordr_id
                  - action: action_refnd
                  - action: utter_don
                    next:
                      - if: slots.stat
                        then: END
                  - action: utter_done
                    next: END
                  - link: nowhere
              circle:
                description: circle
                steps:
                  - id: one
                    action: utter_done
                  - action: utter_done
                    next: one
            """,
        actions_py="""
            from flows import action

            @action
            async def refund(call):
                return None
            """,
    )
    told = said(tuple(review(folder)))
    for piece in (
        "the slot 'order_id' is resolved by the unknown action 'refnd' — did you mean 'refund'?",
        "collects the unknown slot 'ordr_id' — did you mean 'order_id'?",
        "has no question for 'ordr_id'",
        "runs the unknown action 'action_refnd' — did you mean 'refund'?",
        "says the unknown response 'utter_don' — did you mean 'utter_done'?",
        "branches on the unknown slot 'stat' — did you mean 'state'?",
        "has no way on from 'utter_don'",
        "never comes to the step 'utter_done'",
        "goes on with the unknown flow 'nowhere'",
        "runs in circles from 'one'",
        "unknown intent 'refnd' — did you mean 'refund'?",
        "shows the unknown slot 'ordr_id'",
    ):
        assert piece in told
    assert "flows.yml:7:" in told


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import nothing_of_this_name\n", "actions.py:1: fails when loaded: ModuleNotFoundError"),
        ("x = 1\n\ndef broken(:\n", "actions.py:3: not valid Python"),
        ("from flows import action\n\n@action\ndef f(call):\n    pass\n", "the action 'f' is not async"),
        ("from flows import flow\n\n@flow\ndef f(slots):\n    pass\n", "the flow 'f' yields no step"),
    ],
)
def test_what_is_wrong_in_actions_is_told_with_its_line(tmp_path: Path, code: str, told: str) -> None:
    folder = project(tmp_path, domain_yml="version: '3.1'\n", actions_py=code)
    with pytest.raises(BadProject) as bad:
        load_engine(folder, "Asia/Shanghai")
    assert told in str(bad.value)


def test_a_project_may_have_folders_named_like_ours(tmp_path: Path) -> None:
    code = "from flows import action\n\n@action\nasync def answer(call):\n    return {'a': 1}\n"
    project(tmp_path, domain_yml="version: '3.1'\n", actions__bot_py=code)
    (tmp_path / "actions" / "__init__.py").write_text("from .bot import answer\n", "utf-8")
    assert load_engine(tmp_path, "Asia/Shanghai").registry.find("action_answer") is not None


def test_the_code_of_an_action_server_is_not_loaded(tmp_path: Path) -> None:
    project(
        tmp_path,
        domain_yml="version: '3.1'\n",
        endpoints_yml="action_endpoint: {url: 'http://localhost:5055/webhook'}\n",
        actions_py="import nothing_of_this_name\n",
    )
    assert load_engine(tmp_path, "Asia/Shanghai").registry.actions == {}


SHARED = Path(__file__).parents[2] / ".." / "shared" / "rasa" / "projects"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the collection of Rasa projects is not there")
def test_domains_of_rasa_projects_are_read() -> None:
    for folder in sorted(each for each in SHARED.iterdir() if (each / "domain.yml").exists()):
        domain = load_domain(folder)
        assert domain.responses
        assert review(folder) == []


def test_a_flow_of_the_bot_replaces_the_pattern_of_its_name(tmp_path: Path) -> None:
    shutil.copytree(BOT, tmp_path / "bot")
    (tmp_path / "bot" / "data" / "own.yml").write_text(
        "flows:\n  pattern_cancel_flow:\n    description: own\n    steps:\n      - action: utter_thanks\n", "utf-8"
    )
    engine = load_engine(tmp_path / "bot", "Asia/Shanghai")
    assert engine.flows["pattern_cancel_flow"].description == "own"


def test_the_session_can_be_set_from_outside() -> None:
    assert load_engine(BOT, "Asia/Shanghai", session_minutes=2).domain.expiry_s == 120
