"""What a message means in context: (what was heard, the situation) -> commands. Pure, and decided here alone.

The rules are tried in the order of `_RULES`; the first that has an opinion decides. Everything after this knows no
text. Each decision carries its why, for operators and `--debug`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from adapters.message import Content, Event, Image, Json, Location, Text, plain
from flows import slots as slot_rules
from flows import words
from flows.answers import YES_NO, answer, correction, offered
from flows.late import amended
from flows.requests import repair, request, the_same
from flows.situation import SET_SLOTS, Decision, Said, Situation, hear
from flows.state import (
    CancelFlow,
    CannotHandle,
    ChitChat,
    Command,
    ExplainQuestion,
    Heard,
    HumanHandoff,
    RepeatBotMessages,
    Restart,
    SessionStart,
    SetSlot,
    SkipQuestion,
    StartFlow,
)
from nlu.meaning import Meaning

SILENT_EVENTS = frozenset(
    (
        "unsubscribe",
        "view",
        "scan",
        "location",
        "template_result",
        "session_open",
        "session_close",
        "enter",
        "servicer_message",
    )
)
"""`session_open`: a human servicer has begun to talk with the customer, so we do not."""
MAY_BE_ANSWERED: Mapping[str, str] = {
    "enter": "the chat was opened",
    "session_close": "a human servicer has ended the talk",
}
"""Events to which a bot says `utter_<name>`, where its domain has that response."""
SHORT_CHARACTERS = 12
"""An intent for a human counts against a question for free words only in so short a message."""


def understand(heard: Heard, situation: Situation) -> Decision:
    """The commands of one message; none where nothing is to be said (an unsubscribe event)."""
    said = hear(heard, situation)
    for rule in _RULES:
        decision = rule(said, situation)
        if decision is not None:
            return replace(decision, commands=(*_free_slots(said, situation), *decision.commands))
    intent = f"intent {said.meaning.intent or 'none'} {said.meaning.confidence:.2f}"
    return Decision((*_free_slots(said, situation), CannotHandle("not_understood")), f"nothing fits {intent}")


def _free_slots(said: Said, situation: Situation) -> tuple[Command, ...]:
    if not (said.meaning.entities or said.meaning.signals):
        return ()
    offered = ((name, _offered(name, said.meaning, situation)) for name in sorted(situation.knows.free_slots))
    return tuple(SetSlot(name, value) for name, value in offered if value is not None)


def _offered(name: str, meaning: Meaning, situation: Situation) -> Json:
    value = situation.value(name, meaning)[0]
    return slot_rules.from_signals(situation.knows.slot(name), meaning) if value is None else value


# --- what is no text


def _event(said: Said, situation: Situation) -> Decision | None:
    match said.content:
        case Event(name="subscribe" | "welcome" as name, key=key):
            scene = _named(key, situation)  # the greeting, which comes last, is on top
            return Decision((*(scene.commands if scene else ()), SessionStart()), f"the event {name}")
        case Event(name="click", key=key):
            return _named(key, situation)
        case Event(name="scan", key=key):
            return _named(key, situation) or Decision((), "no flow and no response is named as the QR code's scene")
        case Event(name=name) if name in MAY_BE_ANSWERED and f"utter_{name}" in situation.knows.domain.responses:
            return Decision((ChitChat(f"utter_{name}"),), f"{MAY_BE_ANSWERED[name]}, and there is a response to that")
        case Event(name=name):
            known = name in SILENT_EVENTS
            return Decision((), f"the event {name} needs no answer" if known else f"nobody serves the event {name}")
    return None


def _named(key: str, situation: Situation) -> Decision | None:
    """A menu's key or a QR code's scene names a flow or a response; `/intent` and words are understood as any text."""
    flow = key if key in situation.knows.flows else situation.knows.titles.get(key, "")
    if flow and not flow.startswith("pattern_"):
        return Decision((StartFlow(flow),), f"the key {key} names a flow")
    if f"utter_{key}" in situation.knows.domain.responses:
        return Decision((ChitChat(f"utter_{key}"),), f"the key {key} names a response")
    return None


def _content(said: Said, situation: Situation) -> Decision | None:
    """Images, files and the like: for a question that takes them, else politely put aside."""
    if isinstance(said.content, Event) or (said.text and not isinstance(said.content, Image)):
        return None
    if isinstance(said.content, Text):
        return Decision((), "nothing was said")
    kind = type(said.content).__name__.lower()
    if situation.asked:
        for mapped in situation.knows.slot(situation.asked).mappings:
            if mapped.type == "from_content" and mapped.entity in ("", kind):
                value = plain(said.content, Content)
                return Decision((SetSlot(situation.asked, value),), f"{kind} for the slot {situation.asked}")
    if said.text:
        return None  # what was recognized in a picture that nobody asked for
    if isinstance(said.content, Location) and said.content.label and situation.waits_for_text:
        return Decision((SetSlot(situation.asked, said.content.label),), "a place answers the question by its name")
    return Decision((ChitChat(f"utter_default_{kind}"),), f"a {kind} that nobody asked for")


# --- repairs that hold anywhere


def _set_slots(said: Said, situation: Situation) -> Decision | None:
    """CALM's payload `/SetSlots(name=value, …)`, for the slots that the flow asks for: anybody can type it."""
    match = SET_SLOTS.fullmatch(said.text)
    if match is None:
        return None
    pairs = [pair.partition("=") for pair in match["pairs"].split(",") if "=" in pair]
    given = {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}
    commands = tuple(SetSlot(name, value) for name, value in given.items() if name in situation.asks)
    return Decision(commands or (CannotHandle("not_understood"),), "a button sets slots")


def _restart(said: Said, situation: Situation) -> Decision | None:
    if words.restarts(said.text) or isinstance(repair(said.meaning, situation), Restart):
        return Decision((Restart(),), "words of starting over")
    return None


def _handoff(said: Said, situation: Situation) -> Decision | None:
    by_words = any(map(words.wants_human, (said.text, *words.clauses(said.text))))
    if not by_words and not _handoff_by_intent(said, situation):
        return None
    return Decision((HumanHandoff("asked"),), "words of asking for a human")


def _handoff_by_intent(said: Said, situation: Situation) -> bool:
    if words.denies(said.text) or not isinstance(repair(said.meaning, situation), HumanHandoff):
        return False
    if situation.asked and situation.value(situation.asked, said.meaning, situation.asked)[0] is not None:
        return False
    return not situation.waits_for_text or (len(said.text) <= SHORT_CHARACTERS and words.names_human(said.text))


def _repeat(said: Said, situation: Situation) -> Decision | None:
    if words.repeats(said.text) or isinstance(repair(said.meaning, situation), RepeatBotMessages):
        return Decision((RepeatBotMessages(),), "words of asking to repeat")
    return None


def _wait(said: Said, situation: Situation) -> Decision | None:
    if situation.asked and words.waits(said.text):
        return Decision((ChitChat("utter_take_your_time"),), "words of asking for time")
    return None


def _cancel(said: Said, situation: Situation) -> Decision | None:
    if situation.waits_for_yes_or_no:
        if words.denies(said.text):
            return None
        if words.plain(said.text).startswith("取消") and "取消" in situation.prompt and words.cancels(said.text):
            # 「确认取消订单吗？」 「取消」: the order, or the whole thing?
            return Decision((ChitChat("utter_yes_or_no"),), "giving up, or agreeing to what is to be given up")
    open_question = situation.waits_for_text or situation.waits_for_yes_or_no
    by_intent = isinstance(repair(said.meaning, situation), CancelFlow) and not open_question
    if words.cancels(said.text, strict=situation.waits_for_text) or by_intent:
        return Decision((CancelFlow(),), "words of giving up")
    return None


def _skip(said: Said, situation: Situation) -> Decision | None:
    if not situation.asked:
        return None
    label = situation.label(situation.asked)
    if words.skips(said.text) or (words.lacks(said.text, label) and not situation.waits_for_text):
        return Decision((SkipQuestion(),), "words of passing over the question")
    return None


def _explain(said: Said, situation: Situation) -> Decision | None:
    if situation.asked and words.asks_why(said.text, situation.label(situation.asked)):
        return Decision((ExplainQuestion(),), "words of asking what the question is for")
    return None


def _forced(said: Said, situation: Situation) -> Decision | None:
    """CALM's `force_slot_filling`: whatever is said is the answer."""
    if not (situation.forced and said.text):
        return None
    value = situation.value(situation.asked, said.meaning, situation.asked)[0]
    return Decision((SetSlot(situation.asked, said.text.strip() if value is None else value),), "taken as it is said")


def _command(said: Said, situation: Situation) -> Decision | None:
    return request(said.meaning, situation)


def _courtesy(said: Said, situation: Situation) -> Decision | None:
    """「好的」 after all is done."""
    if situation.asked or not (words.affirms(said.text) or words.denies(said.text) or said.meaning.intent in YES_NO):
        return None
    return Decision((ChitChat("utter_acknowledged"),), "a yes or no, and nothing was asked")


_RULES: tuple[Callable[[Said, Situation], Decision | None], ...] = (
    _event,
    _content,
    _set_slots,
    _restart,
    _handoff,
    _forced,
    _wait,
    _repeat,
    _explain,
    offered,
    _cancel,
    _skip,
    correction,
    answer,
    amended,
    the_same,
    _command,
    _courtesy,
)
