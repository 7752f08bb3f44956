"""What a message says to the flow that is under way: answers to its question, and corrections of earlier answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from adapters.message import Json
from flows import slots as slot_rules
from flows import words
from flows.requests import request
from flows.situation import Decision, Said, Situation
from flows.state import ChitChat, Command, CorrectSlot, SetSlot, StartFlow
from nlu.meaning import COMMAND_EXTRACTOR, Entity

SMALL_TALK_CHARACTERS = 6
"""A free answer is taken for a greeting or thanks only if it is so short."""
SMALL_TALK_FROM = 0.6
"""And only where it is so sure to be that."""
YES_NO: Mapping[str, bool] = {"affirm": True, "deny": False}
"""Intents that answer a yes-or-no question."""


# --- corrections


def correction(said: Said, situation: Situation) -> Decision | None:
    """「不对，是DD2」「订单号改成DD2」「我说错了」, or just another order number than the one given before."""
    if not situation.flow or said.chosen:
        return None
    rather = situation.waits_for_yes_or_no and words.rather(said.text) != ""
    marked = rather or words.is_correction(said.text)
    commands, taken = _corrected(said, situation, marked)
    if commands and not marked and (starts_another(said, situation) or _merely_mentioned(said, situation)):
        return None
    if commands:
        return Decision((*commands, *_others(said, situation, taken)), "another value for what was answered")
    return _reworded(said, situation) if marked else None


def _corrected(said: Said, situation: Situation, marked: bool) -> tuple[list[Command], list[Entity]]:
    """Answered slots for which the message's entities hold another value. Without a word of correction, an entity
    that answers the waiting question is just that."""
    taken: list[Entity] = []
    commands: list[Command] = []
    if situation.asked and not marked:
        taken.extend(situation.value(situation.asked, said.meaning, situation.asked)[1])
    for name, old in situation.answered.items():
        if name in situation.described and (marked or situation.described[name] not in (None, old)):
            # 「不对，是昨天那个订单」: where it is not clear which that is, it is asked for anew
            commands.append(CorrectSlot(name, situation.described[name]))
            continue
        # what only counts while it is asked for (a bare number) counts for a correction in so many words, too
        value, found = situation.value(name, said.meaning, name if marked else "")
        if value is None and marked:
            value = slot_rules.from_words(situation.knows.slot(name), said.text)
        if value is None or any(each in taken for each in found):
            continue
        if value != old:
            taken.extend(found)
            commands.append(CorrectSlot(name, value))
    return commands, taken


def _merely_mentioned(said: Said, situation: Situation) -> bool:
    """A free answer may name another order without meaning to correct the first."""
    alone = any(words.plain(said.text) == words.plain(each.text) for each in said.meaning.entities)
    return situation.waits_for_text and not alone


def _reworded(said: Said, situation: Situation) -> Decision | None:
    """A correction without an entity: 「原因改成发错货了」 gives new words, 「订单号错了」 takes an answer back."""
    for name in situation.answered:
        slot = situation.knows.slot(name)
        ask = situation.asks.get(name)
        labels = (slot.label, ask.label if ask else "")
        label = next((found for each in labels if (found := words.called(said.text, each))), "")
        if not label:
            continue
        new = words.renamed(said.text, label)
        if new and situation.knows.takes_text(slot):
            return Decision((CorrectSlot(name, new),), f"new words for {label}")
        return Decision((CorrectSlot(name, None),), f"{label} is taken back")
    if situation.waits_for_yes_or_no and words.denies(said.text):
        return None
    last = list(situation.answered)[-1] if situation.answered else ""
    if not last or starts_another(said, situation):
        return None
    new = words.rather(said.text) or words.renamed(said.text)
    if new and situation.knows.takes_text(situation.knows.slot(last)):
        return Decision((CorrectSlot(last, new),), "other words for what was answered last")
    taken_back = words.takes_back(said.text, strict=situation.waits_for_text)
    if taken_back or words.begins_with_a_correction(said.text):
        return Decision((CorrectSlot(last, None),), "what was answered last is taken back")
    return None


# --- answers


def offered(said: Said, situation: Situation) -> Decision | None:
    """What is said to 「请问是刚才说的 DD1 吗？」: yes, no, or which other one."""
    if situation.offered is None:
        return None
    name = situation.asked
    value, found = situation.value(name, said.meaning, name)
    if value not in (None, situation.offered):
        return None  # another one than was offered: an answer like any
    yes = words.affirms(said.text) or words.agrees_to(said.text, situation.prompt)
    parts = words.clauses(said.text)
    if found or yes or (len(parts) > 1 and words.affirms(parts[0])):
        # 「是的，质量不好」
        others = [] if yes else _others(said, situation, found)
        rest = [] if yes or words.refers(said.text) else _rest(said, situation, others)
        return Decision((SetSlot(name, situation.offered), *others, *rest), "the one that was offered")
    if words.denies(said.text) or words.takes_back(said.text) or words.other(said.text):
        return Decision((SetSlot(name, None),), "not the one that was offered")
    return None


def answer(said: Said, situation: Situation) -> Decision | None:
    """An answer to the waiting question, or whatever the message is instead: another request, other answers."""
    if not situation.asked:
        return None
    value, taken, sure = _value(said, situation)
    if value is not None and _is_meant(said, situation, sure):
        others = _others(said, situation, taken)
        rest = _rest(said, situation, others) if taken else []
        return Decision((SetSlot(situation.asked, value), *others, *rest), f"an answer for {situation.asked}")
    if _answers_another(said, situation):
        return Decision(tuple(_others(said, situation, ())), "the value of another question, and nothing else")
    asked_for = request(said.meaning, situation)
    under_way = asked_for is not None and StartFlow(situation.flow) in asked_for.commands
    if asked_for is not None and not under_way:
        return asked_for
    others = _others(said, situation, ())
    if others:
        return Decision(tuple(others), "answers, but not for what was asked")
    return asked_for


def _is_meant(said: Said, situation: Situation, sure: bool) -> bool:
    if said.chosen:
        return True
    return not starts_another(said, situation) if sure else not _is_something_else(said, situation)


def starts_another(said: Said, situation: Situation) -> bool:
    """Whether the message asks, in so many words, for another flow than the active one."""
    asked_for = request(said.meaning, situation)
    if asked_for is None or not (words.is_question(said.text) or words.is_request(said.text)):
        return False
    return any(isinstance(each, StartFlow) and each.flow != situation.flow for each in asked_for.commands)


def _is_something_else(said: Said, situation: Situation) -> bool:
    """Whether free words are a question, another request or small talk rather than the answer."""
    if words.affirms(said.text):
        return True
    asked_for = request(said.meaning, situation)
    if asked_for is None:
        return words.is_plain_question(said.text)
    if StartFlow(situation.flow) in asked_for.commands:
        return _merely_asks(said, situation)
    if any(isinstance(each, ChitChat) for each in asked_for.commands):
        short = len(words.plain(said.text)) <= SMALL_TALK_CHARACTERS and not words.finds_fault(said.text)
        sure = said.meaning.confidence >= SMALL_TALK_FROM
        return (short and sure) or words.is_question(said.text)
    asks = words.is_question(said.text) or words.is_request(said.text) or words.renamed(said.text) != ""
    return asks and not words.gives_reason(said.text)


def _merely_asks(said: Said, situation: Situation) -> bool:
    """Whether the message asks for the flow that is under way and says nothing more: 「退款！」, 「我要退货」, but not
    「能换成大一号的吗」."""
    if words.wishes(said.text) or words.gives_reason(said.text) or words.renamed(said.text):
        return False
    named = words.plain(said.text) in situation.knows.flows[situation.flow].title
    return named or words.is_question(said.text) or words.is_request(said.text)


def _value(said: Said, situation: Situation) -> tuple[Json, Sequence[Entity], bool]:
    """(what the message offers for the question, the entities it is made of, whether it can be nothing else)."""
    slot = situation.knows.slot(situation.asked)
    value, found = situation.value(slot.name, said.meaning, slot.name)
    if value is None and said.chosen:
        # a button may name the slot itself
        found = tuple(each for each in said.meaning.entities if each.type == slot.name)
        value = found[0].value if found else None
    if value is not None:
        return value, found, True
    if slot.type == "bool":
        return _yes_or_no(said, situation), (), True
    value = slot_rules.from_intent(slot, said.meaning, slot.name)
    if value is None:
        value = slot_rules.from_words(slot, said.text)
    if value is None and words.refers(said.text) and not situation.waits_for_text:
        value = situation.mentioned(slot.name, said.text)
    if value is None and said.chosen and not said.text.startswith("/"):
        value = said.text
    if value is None and _answers_another(said, situation):
        return None, (), False
    if value is None and slot.type == "float" and re.fullmatch(r"\d[\d.,]*", words.plain(said.text)):
        value = words.plain(said.text)
    if value is None and _tries(said, situation):
        value = words.compact(said.text)
    if value is not None:
        return value, (), True
    if situation.waits_for_text and not said.chosen and not words.is_noise(said.text):
        return said.text.strip(), (), False
    return None, (), False


def _tries(said: Said, situation: Situation) -> bool:
    """「DD123」 where an order number is waited for: what is wrong with it is said, rather than that it is not
    understood. Only where there is something by which it is refused or accepted."""
    slot = situation.knows.slot(situation.asked)
    judged = (
        *slot.rejections,
        *(situation.asks[situation.asked].rejections if situation.asked in situation.asks else ()),
    )
    return slot.type == "text" and bool(judged) and words.is_code(said.text) and not situation.waits_for_text


def _answers_another(said: Said, situation: Situation) -> bool:
    """Whether the message is nothing but the value of another question of the flow: a telephone number is no
    complaint."""
    alone = any(words.plain(said.text) == words.plain(each.text) for each in said.meaning.entities if each.text)
    return alone and bool(_others(said, situation, ()))


def _yes_or_no(said: Said, situation: Situation) -> Json:
    if words.affirms(said.text):
        return True
    if words.denies(said.text):
        return False
    agreed = words.agrees_to(said.text, situation.prompt)
    if agreed is not None:
        return agreed
    by_intent = slot_rules.from_intent(situation.knows.slot(situation.asked), said.meaning, situation.asked)
    return YES_NO.get(said.meaning.intent) if by_intent is None else by_intent


def _others(said: Said, situation: Situation, taken: Sequence[Entity]) -> list[Command]:
    """Slots of the flow, besides the one asked for, that the message's entities fill."""
    commands: list[Command] = []
    used = list(taken)
    for name, ask in situation.asks.items():
        if name == situation.asked or name in situation.answered or ask.ask_before_filling:
            continue
        value, found = situation.value(name, said.meaning)
        if value is not None and not any(each in used for each in found):
            used.extend(found)
            commands.append(SetSlot(name, value))
    return commands


def _rest(said: Said, situation: Situation, others: Sequence[Command]) -> list[Command]:
    """「DD1，质量不好」: what is left beside the entity answers the next question, if that takes free words."""
    if any(each.extractor in (COMMAND_EXTRACTOR, "button") for each in said.meaning.entities):
        return []  # 「/inform{"order_id": "DD1"}」 says what it says, and no more
    filled = {*situation.answered, situation.asked, *(each.name for each in others if isinstance(each, SetSlot))}
    following = next((name for name in situation.asks if name not in filled), "")
    slot = situation.knows.slot(following)
    if not following or situation.asks[following].ask_before_filling or slot.type != "text":
        return []
    if not situation.knows.takes_text(slot):
        return []
    entities = [words.plain(each.text) for each in said.meaning.entities if each.text]
    parts = [part for part in words.clauses(said.text) if not any(each in words.plain(part) for each in entities)]
    left = "，".join(part for part in parts if not (words.affirms(part) or words.denies(part)))
    fits = len(left) > 1 and not (words.is_question(left) or words.is_request(left))
    return [SetSlot(following, left)] if fits else []
