"""What a message asks for apart from the question that waits: a flow, an answer from retrieval, a fixed response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from adapters.message import Json
from flows import slots as slot_rules
from flows import words
from flows.situation import Decision, Said, Situation
from flows.state import (
    CancelFlow,
    ChitChat,
    Clarify,
    Command,
    HumanHandoff,
    KnowledgeAnswer,
    RepeatBotMessages,
    Restart,
    SessionStart,
    SetSlot,
    SkipQuestion,
    StartFlow,
)
from nlu.meaning import FALLBACK_INTENT, Entity, Meaning

SURER_FROM = 0.85
"""A question is answered rather than taken for a request where its answer is so sure, and surer than the intent."""
CLOSE = 0.5
"""An answer at least so likely as the best one, times this, is offered beside it."""
ANSWER_FROM = 0.5
"""A retrieved answer is given without an intent from this confidence on."""
LIKELY_FROM = 0.3
"""An answer that is not the best of all is given from here on, where the intent says that it is of the right kind."""

REPAIRS: Mapping[str, Command] = {
    "cancel": CancelFlow(),
    "stop": CancelFlow(),
    "repeat": RepeatBotMessages(),
    "restart": Restart(),
    "session_start": SessionStart(),
    "skip": SkipQuestion(),
    **dict.fromkeys(
        ("handoff", "human_handoff", "human", "human_agent", "transfer_human", "transfer_to_human"),
        HumanHandoff("asked"),
    ),
}
"""Intents that mean a repair by their name, unless the bot has a flow for them."""


def repair(meaning: Meaning, situation: Situation) -> Command | None:
    command = REPAIRS.get(meaning.intent)
    return command if command is not None and not triggered(meaning.intent, situation) else None


def request(meaning: Meaning, situation: Situation) -> Decision | None:
    intent = meaning.intent
    if words.is_noise(meaning.text) and not meaning.entities:
        return None  # whatever it was taken for
    if not intent or intent == FALLBACK_INTENT:
        return _answer(meaning, situation) or _ambiguous(meaning, situation) or _several(meaning, situation)
    sure = f"intent {intent} {meaning.confidence:.2f}"
    flow = triggered(intent, situation, meaning.confidence)
    if flow and words.is_question(meaning.text) and not _names_something(flow, meaning, situation):
        answered = _answer(meaning, situation, max(SURER_FROM, meaning.confidence))
        if answered is not None:
            return replace(answered, why=f"a question, and {sure} is less sure than its answer")
    if flow:
        return Decision((StartFlow(flow), *_opening(flow, meaning, situation)), f"{sure} starts {flow}")
    if intent.partition("/")[0] in situation.knows.retrieval:
        label = intent.partition("/")[0]
        fit = [each for each in meaning.answers if each.key.startswith(f"{label}/")]
        if intent == label and (choice := _several(replace(meaning, answers=tuple(fit)), situation)):
            return choice
        sure_enough = (each.key for each in fit if each is meaning.answers[0] or each.confidence >= LIKELY_FROM)
        key = next(sure_enough, "")
        key = intent if f"utter_{intent}" in situation.knows.domain.responses else key
        return Decision((KnowledgeAnswer(key),), f"{sure}, answered by {key}") if key else None
    if f"utter_{intent}" in situation.knows.domain.responses:
        return Decision((ChitChat(f"utter_{intent}"),), f"{sure} has the response utter_{intent}")
    command = repair(meaning, situation)
    return Decision((command,), f"{sure} means a repair") if command is not None else None


def the_same(said: Said, situation: Situation) -> Decision | None:
    """「那羽绒服呢？」 after a flow has ended: the same flow, for what is named now."""
    if situation.asked or situation.last not in situation.knows.flows or not words.asks_the_same(said.text):
        return None
    if not (said.meaning.entities or situation.described or words.refers(said.text)):
        return None
    asked_for = request(said.meaning, situation)
    other = asked_for is not None and any(isinstance(each, StartFlow) for each in asked_for.commands)
    if other and not words.asks_nothing_else(said.text, (each.text for each in said.meaning.entities)):
        return None
    given = _opening(situation.last, said.meaning, situation)
    return Decision((StartFlow(situation.last), *given), f"{situation.last} once more") if given else None


def describable(said: Said, situation: Situation) -> list[str]:
    """The slots whose value the message may describe rather than give: those that the active flow and a flow asked for
    collect. What was answered is described anew only by words of correction or reference."""
    if said.chosen or not said.text or words.affirms(said.text) or words.denies(said.text):
        return []
    again = words.is_correction(said.text) or words.refers(said.text)
    names = [name for name in situation.asks if again or name not in situation.answered]
    asked_for = request(said.meaning, situation)
    for command in asked_for.commands if asked_for else ():
        if isinstance(command, StartFlow):
            names += situation.knows.asks[command.flow]
    if words.asks_the_same(said.text):
        names += situation.knows.asks.get(situation.last, ())
    if not (said.meaning.entities or words.refers(said.text) or words.describes(said.text)):
        names = [name for name in names if name == situation.asked]
    return [
        name
        for name in dict.fromkeys(names)
        if situation.knows.slot(name).resolve and situation.value(name, said.meaning, name)[0] is None
    ]


def triggered(intent: str, situation: Situation, confidence: float = 1.0) -> str:
    """The flow that the intent starts ('' for none): one whose guard holds before one without a guard."""
    for threshold, flow in situation.knows.triggers.get(intent, ()):
        if confidence >= threshold and situation.lets(flow):
            return flow.id
    named = situation.knows.flows.get(intent)
    startable = named is not None and not named.is_pattern and situation.lets(named)
    return intent if startable else ""


def _names_something(flow: str, meaning: Meaning, situation: Situation) -> bool:
    """Whether the message names or describes what the flow is to deal with: then it is no general question."""
    return any(
        name in situation.described or situation.value(name, meaning)[0] is not None
        for name in situation.knows.asks[flow]
        if not situation.knows.takes_text(situation.knows.slot(name))
    )


def _answer(meaning: Meaning, situation: Situation, least: float = ANSWER_FROM) -> Decision | None:
    best = meaning.answers[0] if meaning.answers else None
    if best is None or best.confidence < least or f"utter_{best.key}" not in situation.knows.domain.responses:
        return None
    return Decision((KnowledgeAnswer(best.key),), f"no intent, but the answer {best.key} {best.confidence:.2f}")


def _ambiguous(meaning: Meaning, situation: Situation) -> Decision | None:
    likely = meaning.near_misses()
    flows = list(dict.fromkeys(flow for each in likely if (flow := triggered(each.name, situation))))
    if len(flows) < 2:
        return None
    shown = ", ".join(f"{each.name} {each.confidence:.2f}" for each in likely)
    return Decision((Clarify(tuple(flows)),), f"close together: {shown}")


def _several(meaning: Meaning, situation: Situation) -> Decision | None:
    """Questions close to each other, none of them sure: the customer says which one was meant."""
    responses = situation.knows.domain.responses
    known = [each for each in meaning.answers if each.question and f"utter_{each.key}" in responses]
    close = [each for each in known if each.confidence >= CLOSE * known[0].confidence]
    if len(close) < 2 or known[0].confidence >= ANSWER_FROM:
        return None
    shown = ", ".join(f"{each.key} {each.confidence:.2f}" for each in close)
    choice = Clarify(tuple(each.key for each in close), tuple(each.question for each in close))
    return Decision((choice,), f"questions close together: {shown}")


def _in_words(name: str, meaning: Meaning, situation: Situation) -> Json:
    """What the message says of a slot for free words by its label: 「把地址改成北京路1号」, 「原因是坏了」."""
    slot = situation.knows.slot(name)
    label = words.called(meaning.text, slot.label) if situation.knows.takes_text(slot) else ""
    return (words.renamed(meaning.text, label) or None) if label and not words.is_question(meaning.text) else None


def _opening(flow: str, meaning: Meaning, situation: Situation) -> list[Command]:
    """The slots that the message which starts a flow fills already: by its entities, its intent, or by reference."""
    commands: list[Command] = []
    taken: list[Entity] = []
    for name, ask in situation.knows.asks[flow].items():
        if ask.ask_before_filling:
            continue
        value, found = situation.value(name, meaning)
        if any(each in taken for each in found):
            continue
        if value is None:
            # a button may name the slot itself
            found = tuple(each for each in meaning.entities if each.extractor == "button" and each.type == name)
            value = found[0].value if found else None
        if value is None:
            value = slot_rules.from_trigger(situation.knows.slot(name), meaning.intent)
        if value is None:
            value = situation.mentioned(name, meaning.text)
        if value is None:
            value = _in_words(name, meaning, situation)
        if value is not None:
            taken.extend(found)
            commands.append(SetSlot(name, value))
    return commands
