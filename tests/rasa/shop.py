"""A small Rasa 3 project in Chinese, and talks with it in which every message's meaning is given."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from adapters.message import Address, Json, Text
from bot.words import spoken
from flows.rasa.engine import RasaEngine, load_rasa_engine
from flows.state import ActionFailed, Dialogue, Heard, Outcome, Result
from nlu.meaning import Entity, Intent, Meaning

DOMAIN = """
version: "3.1"
intents:
  - greet
  - refund
  - inform
  - hours
  - affirm
  - deny
  - stop
  - nlu_fallback
entities: [order_id, reason]
slots:
  order_id:
    type: text
    mappings: [{type: from_entity, entity: order_id}]
  reason:
    type: text
    mappings:
      - type: from_entity
        entity: reason
      - type: from_text
        not_intent: [refund, hours, stop]
        conditions: [{active_loop: refund_form, requested_slot: reason}]
  vip: {type: bool, initial_value: false, mappings: [{type: custom}]}
forms:
  refund_form: {required_slots: [order_id, reason]}
responses:
  utter_greet: [{text: 您好}]
  utter_hours: [{text: 九点到六点}]
  utter_ask_order_id: [{text: 订单号是多少？}]
  utter_ask_refund_form_reason: [{text: 为什么退？}]
  utter_refunded: [{text: "{order_id}退好了，原因：{reason}"}]
  utter_ask_continue: [{text: 还要退吗？}]
  utter_stopped: [{text: 那就不退了}]
  utter_default: [{text: 没听懂}]
  utter_vip: [{text: 尊贵的会员您好}]
actions: [validate_refund_form]
session_config: {session_expiration_time: 60, carry_over_slots_to_new_session: true}
"""
RULES = """
version: "3.1"
rules:
  - rule: 问候
    steps: [{intent: greet}, {action: utter_greet}]
  - rule: 会员问候
    condition: [{slot_was_set: [{vip: true}]}]
    steps: [{intent: greet}, {action: utter_vip}]
  - rule: 营业时间
    steps: [{intent: hours}, {action: utter_hours}]
  - rule: 开始退款
    steps: [{intent: refund}, {action: refund_form}, {active_loop: refund_form}]
  - rule: 退款结束
    condition: [{active_loop: refund_form}]
    steps: [{action: refund_form}, {active_loop: null}, {action: utter_refunded}]
"""
STORIES = """
version: "3.1"
stories:
  - story: 中途不退了
    steps:
      - intent: refund
      - action: refund_form
      - active_loop: refund_form
      - intent: stop
      - action: utter_ask_continue
      - or: [{intent: affirm}, {intent: inform}]
      - action: refund_form
      - active_loop: null
      - action: utter_refunded
  - story: 真的不退了
    steps:
      - intent: refund
      - action: refund_form
      - active_loop: refund_form
      - intent: stop
      - action: utter_ask_continue
      - intent: deny
      - action: action_deactivate_loop
      - active_loop: null
      - action: utter_stopped
"""


def write(folder: Path, **files: str) -> Path:
    """The project in `folder`; `files` (`data__rules_yml`) take the place of its own."""
    kept = {"domain_yml": DOMAIN, "data__rules_yml": RULES, "data__stories_yml": STORIES, **files}
    for name, text in kept.items():
        path = folder / (name.replace("__", "/").removesuffix("_yml") + ".yml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), "utf-8")
    return folder


def load(folder: Path, **files: str) -> RasaEngine:
    return load_rasa_engine(write(folder, **files))


@dataclass
class Desk:
    """Runs actions: by name, what each gives; one that is not there fails."""

    gives: Mapping[str, Any] = field(default_factory=dict)
    asked: list[Mapping[str, Json]] = field(default_factory=list)

    async def perform(
        self, name: str, args: Mapping[str, Json], key: str, heard: Heard, slots: Mapping[str, Json]
    ) -> Result:
        self.asked.append({"name": name, "key": key, **args})
        if name not in self.gives:
            raise ActionFailed(f"there is no action '{name}'")
        given = self.gives[name]
        return Result(given(args) if callable(given) else given)


@dataclass
class Talk:
    """One conversation; `at` moves by a minute at each message."""

    engine: RasaEngine
    desk: Desk = field(default_factory=Desk)
    dialogue: Dialogue = field(default_factory=Dialogue)
    at: float = 1_700_000_000.0
    turns: int = 0
    outcome: Outcome = field(default_factory=lambda: Outcome(Dialogue()))

    async def says(self, intent: str, text: str = "", **entities: Json) -> list[str]:
        text = text or f"/{intent}"
        found = tuple(Entity(name, str(value), value, 0, 0) for name, value in entities.items())
        return await self.means(Meaning(text, intent, 0.9, (Intent(intent, 0.9),), found))

    async def means(self, meaning: Meaning) -> list[str]:
        self.turns += 1
        self.at += 60
        heard = Heard(f"t{self.turns}", Address("rest", "main", "u", "u"), Text(meaning.text), meaning, self.at)
        self.outcome = await self.engine.step(self.dialogue, heard, self.desk)
        # as it is stored and read again
        self.dialogue = Dialogue.from_dict(self.outcome.dialogue.to_dict())
        return [spoken(reply) for reply in self.outcome.replies]

    @property
    def actions(self) -> list[str]:
        """The actions of the last turn, in order."""
        return [str(event["name"]) for event in self.outcome.events if event["event"] == "action"]

    @property
    def events(self) -> list[str]:
        return [str(event["event"]) for event in self.outcome.events]

    def later(self, seconds: float) -> Talk:
        return replace(self, at=self.at + seconds)
