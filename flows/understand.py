"""What a message means in context: (what was heard, the situation) -> commands. Pure, and in this one place.

The rules are tried in the order of `_RULES`; the first that has an opinion decides. Everything after this knows no
text. Each decision carries its why, for operators and `--debug`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from adapters.message import Button, Content, Event, Json, Location, Text, Voice
from adapters.message import plain as plain_data
from flows import slots as slot_rules
from flows import words
from flows.domain import Domain, Slot
from flows.state import (
    CancelFlow,
    CannotHandle,
    ChitChat,
    Clarify,
    Command,
    CorrectSlot,
    Heard,
    HumanHandoff,
    KnowledgeAnswer,
    RepeatBotMessages,
    Restart,
    SessionStart,
    SetSlot,
    SkipQuestion,
    StartFlow,
)  # fmt: skip
from flows.steps import Ask, Flow
from nlu.meaning import FALLBACK_INTENT, Entity, Intent, Meaning

AMBIGUOUS_FROM = 0.2
"""Two intents are offered for choice where both are at least so likely…"""
AMBIGUOUS_RATIO = 0.5
"""…and the second at least so likely as a part of the first."""
ANSWER_FROM = 0.5
"""A retrieved answer is given without an intent from this confidence on."""
SMALL_TALK_CHARACTERS = 6

INTENTS: Mapping[str, Command] = {
    "cancel": CancelFlow(), "stop": CancelFlow(), "repeat": RepeatBotMessages(),
    "handoff": HumanHandoff("asked"), "human_handoff": HumanHandoff("asked"), "transfer_human": HumanHandoff("asked"),
    "human": HumanHandoff("asked"), "restart": Restart(), "session_start": SessionStart(), "skip": SkipQuestion(),
    "transfer_to_human": HumanHandoff("asked"), "human_agent": HumanHandoff("asked"),
}  # fmt: skip
"""Intents that mean a repair wherever a bot has them and triggers no flow by them; `affirm` and `deny` fill a
yes-or-no question."""
_YES_NO: Mapping[str, bool] = {"affirm": True, "deny": False}
_SILENT_EVENTS = frozenset(("unsubscribe", "view", "scan", "location", "template_result", "session_close", "enter"))


@dataclass(frozen=True, slots=True)
class Situation:
    """What the dialogue stands at. `flow` is the active business flow and `asked` the slot it waits for (empty where
    none does); `answered` are the slots it has got already, `done` those no longer to be corrected."""

    domain: Domain
    flows: Mapping[str, Flow]
    flow: str = ""
    asked: str = ""
    answered: Mapping[str, Json] = field(default_factory=dict)
    slots: Mapping[str, Json] = field(default_factory=dict)
    mentions: Mapping[str, Json] = field(default_factory=dict)
    options: tuple[Button, ...] = ()
    free_slots: frozenset[str] = frozenset()
    """Slots with an entity mapping that no flow asks for: filled by any message."""

    def slot(self, name: str) -> Slot:
        return self.domain.slots.get(name) or Slot(name)

    def asks(self, flow: str) -> dict[str, Ask]:
        """The questions of a flow and of those it calls; of a Python flow that names none, every slot."""
        found: dict[str, Ask] = {}
        waiting, seen = [flow], set[str]()
        while waiting:
            each = self.flows.get(waiting.pop())
            if each is not None and each.id not in seen:
                seen.add(each.id)
                found = {**each.asks, **found} if not found else {**found, **each.asks}
                waiting.extend(each.calls)
        return found or {name: Ask(name) for name in self.domain.slots if name not in self.free_slots}


@dataclass(frozen=True, slots=True)
class Decision:
    commands: tuple[Command, ...]
    why: str


@dataclass(frozen=True, slots=True)
class _Said:
    text: str
    meaning: Meaning
    content: Content
    chosen: bool = False
    """It is a button's payload, so it answers a question without doubt."""


_Rule = Callable[[_Said, Situation], Decision | None]


def understand(heard: Heard, situation: Situation) -> Decision:
    """The commands of one message; none where nothing is to be said (an unsubscribe event)."""
    said = _choose(_Said(heard.meaning.text or _words_of(heard.content), heard.meaning, heard.content), situation)
    for rule in _RULES:
        decision = rule(said, situation)
        if decision is not None:
            return replace(decision, commands=_with_free_slots(decision.commands, said, situation))
    return Decision((CannotHandle("not_understood"),), f"nothing fits {_intent_of(said.meaning)}")


def _words_of(content: Content) -> str:
    match content:
        case Text(text) | Voice(recognition=text):
            return text
        case Event(name="click", key=key):
            return key
        case _:
            return ""


def _intent_of(meaning: Meaning) -> str:
    return f"intent {meaning.intent or 'none'} {meaning.confidence:.2f}"


def _with_free_slots(commands: tuple[Command, ...], said: _Said, situation: Situation) -> tuple[Command, ...]:
    found = [
        SetSlot(name, value)
        for name in sorted(situation.free_slots)
        if (value := _from_entities(situation, name, said.meaning)[0]) is not None
    ]
    return (*found, *commands) if found else commands


def _from_entities(
    situation: Situation, name: str, meaning: Meaning, asked: str = ""
) -> tuple[Json, tuple[Entity, ...]]:
    return slot_rules.from_entities(situation.slot(name), meaning, asked, situation.domain.entities)


# --- buttons


_PAYLOAD = re.compile(r"/(?P<intent>[^\s{(]+)\s*(?P<entities>\{.*\})?\s*", re.DOTALL)
_SET_SLOTS = re.compile(r"/SetSlots\((?P<pairs>.*)\)\s*", re.DOTALL)


def _choose(said: _Said, situation: Situation) -> _Said:
    """A number, or a button's words, stand for the button's payload; a payload stands for its intent."""
    button = words.pick(said.text, situation.options)
    if button is None and not said.text.startswith("/"):
        return said
    payload = (button.payload or button.title) if button else said.text
    parsed = _PAYLOAD.fullmatch(payload)
    if parsed is None or payload.startswith("/SetSlots("):
        return _Said(payload, Meaning(payload), said.content, chosen=True)
    try:
        entities = json.loads(parsed["entities"] or "{}")
    except ValueError:
        entities = {}
    found = tuple(Entity(name, str(value), value, 0, 0, extractor="button") for name, value in entities.items())
    name = parsed["intent"]
    meaning = Meaning(payload, name, 1.0, (Intent(name, 1.0),), found, model=said.meaning.model)
    return _Said(payload, meaning, said.content, chosen=True)


def _set_slots(said: _Said, _: Situation) -> Decision | None:
    """CALM's `/SetSlots(name=value, …)`."""
    match = _SET_SLOTS.fullmatch(said.text)
    if match is None:
        return None
    pairs = [pair.partition("=") for pair in match["pairs"].split(",") if "=" in pair]
    commands = tuple(SetSlot(name.strip(), value.strip().strip("\"'")) for name, _, value in pairs)
    return Decision(commands, "a button sets slots")


# --- what is no text


def _event(said: _Said, situation: Situation) -> Decision | None:
    match said.content:
        case Event(name="subscribe" | "session_open"):
            return Decision((SessionStart(),), f"the event {said.content.name}")
        case Event(name="click", key=key):
            return _click(key, said, situation)
        case Event(name=name):
            known = name in _SILENT_EVENTS
            return Decision((), f"the event {name} needs no answer" if known else f"nobody serves the event {name}")
    return None


def _click(key: str, said: _Said, situation: Situation) -> Decision | None:
    by_title = {flow.title: flow.id for flow in situation.flows.values() if not flow.is_pattern}
    flow = key if key in situation.flows else by_title.get(key)
    if flow is not None:
        return Decision((StartFlow(flow),), f"the menu key {key} names a flow")
    if f"utter_{key}" in situation.domain.responses:
        return Decision((ChitChat(f"utter_{key}"),), f"the menu key {key} names a response")
    return None


def _content(said: _Said, situation: Situation) -> Decision | None:
    """Images, files and the like: for a question that takes them, else politely put aside."""
    if said.text or isinstance(said.content, Text | Event):
        return None
    kind = type(said.content).__name__.lower()
    for mapped in situation.slot(situation.asked).mappings if situation.asked else ():
        if mapped.type == "from_content" and mapped.entity in ("", kind):
            value = plain_data(said.content, Content)
            return Decision((SetSlot(situation.asked, value),), f"{kind} for the slot {situation.asked}")
    if isinstance(said.content, Location) and said.content.label and situation.asked:
        slot = situation.slot(situation.asked)
        if slot_rules.takes_text(slot, situation.domain.entities):
            return Decision((SetSlot(situation.asked, said.content.label),), "a location's words answer the question")
    return Decision((ChitChat(f"utter_default_{kind}"),), f"a {kind} that nobody asked for")


# --- repairs that hold anywhere


def _restart(said: _Said, _: Situation) -> Decision | None:
    if words.restarts(said.text) or said.meaning.intent == "restart":
        return Decision((Restart(),), "words of starting over")
    return None


def _handoff(said: _Said, situation: Situation) -> Decision | None:
    parts = words.clauses(said.text)
    by_words = words.wants_human(said.text) or any(words.wants_human(part) for part in parts)
    by_intent = isinstance(_repair_of(said.meaning, situation), HumanHandoff) and not words.denies(said.text)
    if not (by_words or by_intent):
        return None
    other = [part for part in parts if not words.wants_human(part)]
    request = _request(said.meaning, situation) if other and by_words else None
    if request is not None and any(isinstance(each, StartFlow) for each in request.commands):
        return Decision((*request.commands, HumanHandoff("asked")), f"{request.why}, then words of asking for a human")
    return Decision((HumanHandoff("asked"),), "words of asking for a human")


def _repeat(said: _Said, situation: Situation) -> Decision | None:
    if words.repeats(said.text) or isinstance(_repair_of(said.meaning, situation), RepeatBotMessages):
        return Decision((RepeatBotMessages(),), "words of asking to repeat")
    return None


def _cancel(said: _Said, situation: Situation) -> Decision | None:
    slot = situation.slot(situation.asked)
    free = bool(situation.asked) and slot_rules.takes_text(slot, situation.domain.entities)
    yes_or_no = situation.asked and slot.type == "bool"
    if yes_or_no and words.denies(said.text):
        return None
    by_intent = isinstance(_repair_of(said.meaning, situation), CancelFlow) and not (free or yes_or_no)
    if words.cancels(said.text, strict=free) or by_intent:
        return Decision((CancelFlow(),), "words of giving up")
    return None


def _skip(said: _Said, situation: Situation) -> Decision | None:
    if situation.asked and words.skips(said.text):
        return Decision((SkipQuestion(),), "words of passing over the question")
    return None


def _repair_of(meaning: Meaning, situation: Situation) -> Command | None:
    """The repair that an intent stands for by its name, unless a flow of the bot is triggered by it."""
    command = INTENTS.get(meaning.intent)
    return command if command is not None and not _triggered(meaning.intent, situation) else None


# --- corrections and answers within a flow


def _correction(said: _Said, situation: Situation) -> Decision | None:
    if not situation.flow or said.chosen:
        return None
    marked = words.is_correction(said.text)
    asks = situation.asks(situation.flow)
    taken: set[Entity] = set()
    commands: list[Command] = []
    if situation.asked and not marked:
        taken.update(_from_entities(situation, situation.asked, said.meaning, situation.asked)[1])
    for name, old in situation.answered.items():
        value, found = _from_entities(situation, name, said.meaning)
        if value is None or taken.intersection(found):
            continue
        # 「不是DD1，是DD2」: the last one said is the one meant
        value = next((each.value for each in reversed(said.meaning.entities) if each.type == found[0].type), value)
        if value != old:
            taken.update(found)
            commands.append(CorrectSlot(name, value))
    if not marked and commands and _starts_another(said, situation):
        return None
    if commands:
        return Decision((*commands, *_others(said, situation, asks, taken)), "other values for what was answered")
    return _reworded(said, situation, asks) if marked else None


def _reworded(said: _Said, situation: Situation, asks: Mapping[str, Ask]) -> Decision | None:
    """「原因改成发错货了」, 「订单号错了」: a slot by its name, with a new value or none."""
    for name in situation.answered:
        label = situation.slot(name).label or (asks[name].label if name in asks else "")
        if not label or label not in said.text:
            continue
        slot = situation.slot(name)
        new = words.renamed(said.text)
        if new and slot_rules.takes_text(slot, situation.domain.entities):
            return Decision((CorrectSlot(name, new),), f"new words for {label}")
        return Decision((CorrectSlot(name, None),), f"{label} is taken back")
    if situation.asked and situation.slot(situation.asked).type == "bool" and words.denies(said.text):
        return None
    last = list(situation.answered)[-1] if situation.answered else ""
    if last and re.search(r"错了|不是(?:这|那)", said.text) and not _starts_another(said, situation):
        return Decision((CorrectSlot(last, None),), "what was answered last is taken back")
    return None


def _starts_another(said: _Said, situation: Situation) -> bool:
    request = _request(said.meaning, situation)
    if request is None:
        return False
    starts = any(isinstance(each, StartFlow) and each.flow != situation.flow for each in request.commands)
    return starts and (words.is_question(said.text) or words.is_request(said.text))


def _answer(said: _Said, situation: Situation) -> Decision | None:
    """An answer to the waiting question, if the message is one and not something else."""
    if not situation.asked:
        return None
    asks = situation.asks(situation.flow)
    value, taken, sure = _value_for_asked(said, situation)
    if (
        value is not None
        and not (not sure and _is_something_else(said, situation))
        and not (sure and not said.chosen and _starts_another(said, situation))
    ):
        others = _others(said, situation, asks, set(taken))
        rest = _rest(said, situation, asks, taken, others)
        return Decision((SetSlot(situation.asked, value), *others, *rest), f"an answer for {situation.asked}")
    request = _request(said.meaning, situation)
    if request is not None and not _restarts_itself(request, situation):
        return request
    others = _others(said, situation, asks, set())
    if others:
        return Decision(tuple(others), "answers, but not for what was asked")
    if request is not None:
        return Decision(request.commands, "asks for what is under way already")
    return None


def _restarts_itself(request: Decision, situation: Situation) -> bool:
    return any(isinstance(each, StartFlow) and each.flow == situation.flow for each in request.commands)


def _value_for_asked(said: _Said, situation: Situation) -> tuple[Json, tuple[Entity, ...], bool]:
    """(value, the entities it is made of, whether it cannot be but an answer)."""
    slot = situation.slot(situation.asked)
    value, found = _from_entities(situation, slot.name, said.meaning, slot.name)
    if value is not None:
        return value, found, True
    value = slot_rules.from_intent(slot, said.meaning, slot.name)
    if value is not None:
        return value, (), True
    if slot.type == "bool":
        return _yes_or_no(said), (), True
    value = slot_rules.from_words(slot, said.text)
    if value is not None:
        return value, (), True
    if words.refers(said.text) and (value := _mentioned(situation, slot.name)) is not None:
        return value, (), True
    if said.chosen and not said.text.startswith("/"):
        return said.text, (), True
    if slot.type == "float" and re.fullmatch(r"[\d.,]+", words.plain(said.text)):
        return words.plain(said.text), (), True
    if slot_rules.takes_text(slot, situation.domain.entities) and not words.is_noise(said.text):
        return said.text.strip(), (), False
    return None, (), False


def _yes_or_no(said: _Said) -> bool | None:
    if words.affirms(said.text):
        return True
    if words.denies(said.text):
        return False
    return _YES_NO.get(said.meaning.intent)


def _is_something_else(said: _Said, situation: Situation) -> bool:
    """Whether free words are a question, another request or small talk rather than the answer."""
    if words.affirms(said.text) and not re.search(r"没|無|无", said.text):
        return True
    request = _request(said.meaning, situation)
    if request is None:
        return False
    if any(isinstance(each, ChitChat) for each in request.commands):
        return len(words.plain(said.text)) <= SMALL_TALK_CHARACTERS or words.is_question(said.text)
    asks_for_it = words.is_question(said.text) or words.is_request(said.text)
    return asks_for_it and not re.search(r"因为|由于", said.text)


def _others(said: _Said, situation: Situation, asks: Mapping[str, Ask], taken: set[Entity]) -> list[Command]:
    """Slots of the flow, besides the one asked for, that the message's entities fill."""
    commands: list[Command] = []
    for name, ask in asks.items():
        if name == situation.asked or name in situation.answered or ask.ask_before_filling:
            continue
        value, found = _from_entities(situation, name, said.meaning)
        if value is not None and not taken.intersection(found):
            taken.update(found)
            commands.append(SetSlot(name, value))
    return commands


def _rest(
    said: _Said, situation: Situation, asks: Mapping[str, Ask], taken: tuple[Entity, ...], others: list[Command]
) -> list[Command]:
    """「DD1，质量不好」: what is left beside the entity answers the next question, if that takes free words."""
    if not taken or any(words.plain(said.text) == words.plain(each.text) for each in taken):
        return []
    filled = {*situation.answered, situation.asked, *(each.name for each in others if isinstance(each, SetSlot))}
    following = next((name for name in asks if name not in filled), "")
    slot = situation.slot(following)
    if not following or asks[following].ask_before_filling or slot.type != "text":
        return []
    if not slot_rules.takes_text(slot, situation.domain.entities):
        return []
    entities = [words.plain(each.text) for each in said.meaning.entities if each.text]
    parts = [part for part in words.clauses(said.text) if not any(each in words.plain(part) for each in entities)]
    left = "，".join(parts)
    fits = len(left) > 1 and not (words.is_question(left) or words.is_request(left) or words.affirms(left))
    return [SetSlot(following, left)] if fits else []


def _mentioned(situation: Situation, name: str) -> Json:
    """The last value of a slot or of an entity that fills it; only of what names a thing, not of amounts or yes/no."""
    slot = situation.slot(name)
    types = slot_rules.entity_types(slot, situation.domain.entities)
    if not types or slot.type in ("bool", "float"):
        return None
    return next((situation.mentions[each] for each in (name, *types) if situation.mentions.get(each) is not None), None)


# --- requests


def _command(said: _Said, situation: Situation) -> Decision | None:
    return _request(said.meaning, situation, said.text)


def _request(meaning: Meaning, situation: Situation, text: str = "") -> Decision | None:
    """What the intent asks for: a flow, an answer from retrieval, or a fixed response."""
    intent = meaning.intent
    if intent and intent != FALLBACK_INTENT:
        flow = _triggered(intent, situation, meaning.confidence)
        if flow:
            commands = (StartFlow(flow), *_opening(flow, meaning, situation, text or meaning.text))
            return Decision(commands, f"{_intent_of(meaning)} starts {flow}")
        response = f"utter_{intent}"
        if f"{response}/" in _retrieval(situation.domain):
            key = next((each.key for each in meaning.answers if each.key.startswith(f"{intent}/")), "")
            return Decision((KnowledgeAnswer(key),), f"{_intent_of(meaning)}, answered by {key}") if key else None
        if response in situation.domain.responses:
            return Decision((ChitChat(response),), f"{_intent_of(meaning)} has the response {response}")
        repair = _repair_of(meaning, situation)
        if repair is not None:
            return Decision((repair,), f"{_intent_of(meaning)} means a repair")
        return None
    best = meaning.answers[0] if meaning.answers else None
    if best is not None and best.confidence >= ANSWER_FROM and f"utter_{best.key}" in situation.domain.responses:
        return Decision((KnowledgeAnswer(best.key),), f"no intent, but the answer {best.key} {best.confidence:.2f}")
    return _ambiguous(meaning, situation)


def _ambiguous(meaning: Meaning, situation: Situation) -> Decision | None:
    likely = [each for each in meaning.ranking[:3] if each.confidence >= AMBIGUOUS_FROM]
    likely = [each for each in likely if each.confidence >= AMBIGUOUS_RATIO * likely[0].confidence]
    flows = list(dict.fromkeys(flow for each in likely if (flow := _triggered(each.name, situation))))
    if len(flows) < 2:
        return None
    shown = ", ".join(f"{each.name} {each.confidence:.2f}" for each in likely)
    return Decision((Clarify(tuple(flows)),), f"close together: {shown}")


def _retrieval(domain: Domain) -> frozenset[str]:
    """`utter_faq/` for each retrieval intent that has answers."""
    return frozenset(name[: name.index("/") + 1] for name in domain.responses if "/" in name)


def _triggered(intent: str, situation: Situation, confidence: float = 1.0) -> str:
    """The flow that the intent starts: one with a guard that holds before one without."""
    fits: list[Flow] = []
    for flow in situation.flows.values():
        triggered = any(each.intent == intent and confidence >= each.threshold for each in flow.triggers)
        if triggered and (flow.guard is None or flow.guard(situation.slots)):
            fits.append(flow)
    fits.sort(key=lambda flow: flow.guard is None)
    if fits:
        return fits[0].id
    named = situation.flows.get(intent)
    return intent if named is not None and not named.is_pattern else ""


def _opening(flow: str, meaning: Meaning, situation: Situation, text: str) -> list[Command]:
    """The slots that the message which starts a flow fills already: by its entities, its intent, or by reference."""
    commands: list[Command] = []
    taken: set[Entity] = set()
    for name, ask in situation.asks(flow).items():
        if ask.ask_before_filling:
            continue
        value, found = _from_entities(situation, name, meaning)
        if value is None:
            value = slot_rules.from_trigger(situation.slot(name), meaning.intent)
        if value is None and words.refers(text):
            value = _mentioned(situation, name)
        if value is not None and not taken.intersection(found):
            taken.update(found)
            commands.append(SetSlot(name, value))
    return commands


_RULES: tuple[_Rule, ...] = (
    _set_slots, _event, _content, _restart, _handoff, _repeat, _cancel, _skip, _correction, _answer, _command,
)  # fmt: skip
