"""What the understanding looks at: what a bot knows (`Knowledge`), where the dialogue stands (`Situation`), and what
was said (`Said`), with buttons and payloads already turned into what they stand for."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from adapters.message import Button, Content, Event, Json, Text, Voice
from flows import slots as slot_rules
from flows import words
from flows.conditions import SIGNALS
from flows.domain import Domain
from flows.slot import Slot
from flows.state import Command, Heard, Served
from flows.steps import Ask, Flow
from nlu.meaning import Entity, Intent, Meaning

_PAYLOAD = re.compile(r"/(?P<intent>[^\s{(]+)\s*(?P<entities>\{.*\})?\s*", re.DOTALL)
SET_SLOTS = re.compile(r"/SetSlots\((?P<pairs>.*)\)\s*", re.DOTALL)


@dataclass(frozen=True)
class Knowledge:
    """A bot's domain and flows, indexed once: `triggers` by intent, those with a guard first; `retrieval` the intents
    that are answered by `utter_<intent>/<name>`; `asks` every flow's questions with those of the flows it calls;
    `free_slots` those with an entity mapping that no flow asks for, which any message fills."""

    domain: Domain
    flows: Mapping[str, Flow]
    triggers: Mapping[str, Sequence[tuple[float, Flow]]]
    titles: Mapping[str, str]
    retrieval: frozenset[str]
    asks: Mapping[str, Mapping[str, Ask]]
    free_slots: frozenset[str]

    @classmethod
    def of(cls, domain: Domain, flows: Mapping[str, Flow]) -> Knowledge:
        triggers: dict[str, list[tuple[float, Flow]]] = defaultdict(list)
        for flow in sorted(flows.values(), key=lambda each: each.guard is None):
            for trigger in flow.triggers:
                triggers[trigger.intent].append((trigger.threshold, flow))
        asks = {name: _asks(flows, name) for name in flows}
        # a flow that does not say beforehand what it asks for may ask for anything
        unsaid = any(not flow.collects_known for flow in flows.values())
        asked = {slot for each in asks.values() for slot in each}
        free = {name for name, slot in domain.slots.items() if slot_rules.entity_types(slot) and name not in asked}
        return cls(
            domain,
            flows,
            dict(triggers),
            titles={flow.title: flow.id for flow in flows.values() if not flow.is_pattern},
            retrieval=frozenset(
                name.removeprefix("utter_").partition("/")[0] for name in domain.responses if "/" in name
            ),
            asks={
                name: each if flows[name].collects_known else {slot: Ask(slot) for slot in domain.slots}
                for name, each in asks.items()
            },
            free_slots=frozenset() if unsaid else frozenset(free),
        )

    def slot(self, name: str) -> Slot:
        return self.domain.slots.get(name) or Slot(name)

    def takes_text(self, slot: Slot) -> bool:
        return slot_rules.takes_text(slot, self.domain.entities)


def _asks(flows: Mapping[str, Flow], flow: str) -> dict[str, Ask]:
    found: dict[str, Ask] = {}
    waiting, seen = [flow], set[str]()
    while waiting:
        each = flows.get(waiting.pop())
        if each is not None and each.id not in seen:
            seen.add(each.id)
            found = {**each.asks, **found}
            waiting.extend(each.calls)
    return found


@dataclass(frozen=True, slots=True)
class Situation:
    """What the dialogue stands at. `flow` is the active flow and `asked` the slot it waits for (both empty where none
    does); `answered` are the slots it has got already, in order. `described` are the slots for which the message
    describes a thing, with the value found, or None where it was not clear which; `mentions` are the last values
    spoken of, `earlier` those before them, and `spoken` the names of what was spoken of in this session. `prompt` is
    what was said last, `last` the flow that ended last, and `signals` the mood of the message. `offered` is the value
    that the question offers (「是刚才的 DD1 吗」), and `served` are the flows that have ended in this session."""

    knows: Knowledge
    flow: str = ""
    asked: str = ""
    answered: Mapping[str, Json] = field(default_factory=dict)
    slots: Mapping[str, Json] = field(default_factory=dict)
    mentions: Mapping[str, Json] = field(default_factory=dict)
    options: tuple[Button, ...] = ()
    described: Mapping[str, Json] = field(default_factory=dict)
    earlier: Mapping[str, Json] = field(default_factory=dict)
    spoken: frozenset[str] = frozenset()
    prompt: str = ""
    last: str = ""
    signals: Mapping[str, float] = field(default_factory=dict)
    offered: Json = None
    served: Mapping[str, Served] = field(default_factory=dict)

    @property
    def asks(self) -> Mapping[str, Ask]:
        """The active flow's questions by slot."""
        return self.knows.asks.get(self.flow, {})

    def label(self, slot: str) -> str:
        """What people call it."""
        ask = self.asks.get(slot)
        return self.knows.slot(slot).label or (ask.label if ask else "")

    @property
    def forced(self) -> bool:
        """Whatever is said is the answer (`force_slot_filling`)."""
        ask = self.asks.get(self.asked)
        return ask is not None and ask.force_slot_filling

    @property
    def waits_for_text(self) -> bool:
        """The question takes whatever is said."""
        return bool(self.asked) and self.knows.takes_text(self.knows.slot(self.asked))

    @property
    def waits_for_yes_or_no(self) -> bool:
        return bool(self.asked) and self.knows.slot(self.asked).type == "bool"

    def value(self, slot: str, meaning: Meaning, asked: str = "") -> tuple[Json, tuple[Entity, ...]]:
        """What the message's entities offer for a slot, and the entities it is made of; else what it describes."""
        value, found = slot_rules.from_entities(self.knows.slot(slot), meaning, asked, self.knows.domain.entities)
        if value is None:
            return self.described.get(slot), ()
        if len(found) > 1 and not isinstance(value, list):
            value = found[words.meant(meaning.text, [(each.start, each.end) for each in found])].value
        return value, found

    def lets(self, flow: Flow) -> bool:
        """Whether the flow's guard, if it has one, holds."""
        return flow.guard is None or flow.guard(self.slots, {SIGNALS: dict(self.signals)})

    def mentioned(self, name: str, text: str) -> Json:
        """What the words of `text` refer to: the last value of a slot, or of an entity that fills it, or for 上一个 the
        one before. Only of what names a thing, not of amounts."""
        slot = self.knows.slot(name)
        types = slot_rules.entity_types(slot, self.knows.domain.entities)
        if not types or slot.type in ("bool", "float") or name in self.described:
            return None
        names = (name, *types)
        if not words.refers(text) and not (words.follows_on(text) and self.spoken.intersection(names)):
            return None
        told = {**self.mentions, **self.earlier} if words.refers_back(text) else self.mentions
        return next((told[each] for each in names if told.get(each) is not None), None)


@dataclass(frozen=True, slots=True)
class Decision:
    commands: tuple[Command, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Said:
    """What was said. `chosen`: by a button, so that it answers a question without doubt."""

    text: str
    meaning: Meaning
    content: Content
    chosen: bool = False


def hear(heard: Heard, situation: Situation) -> Said:
    """A number, or a button's words, stand for the button's payload; a payload `/intent{…}` for its intent."""
    said = Said(heard.meaning.text or _words_of(heard.content), heard.meaning, heard.content)
    button = words.pick(said.text, situation.options) or _only_one(said.text, situation)
    if button is None and not said.text.startswith("/"):
        return said
    payload = (button.payload or button.title) if button else said.text
    parsed = _PAYLOAD.fullmatch(payload)
    if parsed is None or SET_SLOTS.fullmatch(payload):
        return Said(payload, Meaning(payload, model=said.meaning.model), said.content, chosen=True)
    try:
        entities = json.loads(parsed["entities"] or "{}")
    except ValueError:
        entities = {}
    found = tuple(Entity(name, str(value), value, 0, 0, extractor="button") for name, value in entities.items())
    name = parsed["intent"]
    meaning = Meaning(payload, name, 1.0, (Intent(name, 1.0),), found, model=said.meaning.model)
    return Said(payload, meaning, said.content, chosen=True)


def _only_one(text: str, situation: Situation) -> Button | None:
    """A yes to the only thing that was offered, where no question waits; 「好的」 to what was told is none."""
    if situation.asked or len(situation.options) != 1 or not words.offers(situation.prompt):
        return None
    only = situation.options[0]
    return only if not only.url and words.affirms(text) else None


def _words_of(content: Content) -> str:
    match content:
        case Text(text) | Voice(recognition=text) | Event(name="click", key=text):
            return text
        case _:
            return ""
