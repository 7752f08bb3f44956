"""The table of repairs: what each command does to the stack."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from adapters.message import Card, Json, Text
from flows.journal import KEPT, correct, told, written
from flows.responses import shown
from flows.slots import Invalid, coerce
from flows.stage import Stage
from flows.state import (
    ActionFailed,
    CancelFlow,
    CannotHandle,
    ChitChat,
    Clarify,
    Command,
    CorrectSlot,
    ExplainQuestion,
    Frame,
    HumanHandoff,
    KnowledgeAnswer,
    RepeatBotMessages,
    Restart,
    SessionStart,
    SetSlot,
    SkipQuestion,
    StartFlow,
    Why,
)  # fmt: skip
from flows.steps import Ask


async def obey(stage: Stage, commands: tuple[Command, ...]) -> None:
    """Carry out the commands of one turn, in order, and run what they brought onto the stack."""
    corrected: dict[str, Json] = {}
    for command in commands:
        if isinstance(command, CorrectSlot):
            await correct_slot(stage, command, corrected)
            continue
        await _TABLE[type(command)](stage, command)
    if corrected:
        given = {name: value for name, value in corrected.items() if value is not None}
        text = "、".join(shown(value) for value in given.values())
        stage.pattern(
            "pattern_correction",
            corrected=text,
            names=list(corrected),
            values=list(given.values()),
            corrected_slots=dict(corrected),
            is_reset_only=not given,
        )
    await stage.run()


async def start_flow(stage: Stage, command: StartFlow) -> None:
    below = [i for i, frame in enumerate(stage.stack) if frame.flow == command.flow]
    if command.flow not in stage.setting.flows:
        stage.trace.append(Why(f"start {command.flow}", "there is no such flow"))
        await cannot_handle(stage, CannotHandle("unknown_flow"))
    elif below and below[-1] == stage.business:
        stage.trace.append(Why(f"start {command.flow}", "it is under way already"))
    elif below:
        stage.stack.append(stage.stack.pop(below[-1]))
        stage.trace.append(Why(f"start {command.flow}", "it was interrupted: goes on"))
    else:
        stage.push(command.flow)
        stage.trace.append(Why(f"start {command.flow}", "started"))


async def set_slot(stage: Stage, command: SetSlot) -> None:
    if command.name == stage.asked and stage.stack and stage.stack[-1].waiting:
        if command.value is None:
            # what was offered is not meant: the question is asked as if nothing had been spoken of
            stage.write({command.name: None})
        stage.answer = command.value
        return
    slot = stage.setting.domain.slots.get(command.name)
    try:
        stage.write({command.name: coerce(slot, command.value) if slot else command.value})
    except Invalid as invalid:
        stage.trace.append(Why(f"set {command.name}", f"not set: {invalid}"))


async def correct_slot(stage: Stage, command: CorrectSlot, corrected: dict[str, Json]) -> None:
    at = stage.business
    if at is None:
        served = stage.served.get(stage.before_last)
        if served is not None and served.done:
            return _refuse(stage, stage.before_last, command.name, served.told)
        return await set_slot(stage, SetSlot(command.name, command.value))
    frame = stage.stack[at]
    if _is_done(stage, frame, command.name):
        return _refuse(stage, frame.flow, command.name, told(frame))
    slot = stage.setting.domain.slots.get(command.name)
    asks = stage.setting.asks(frame.flow)
    try:
        value = coerce(slot, command.value) if slot else command.value
    except Invalid as invalid:
        stage.trace.append(Why(f"correct {command.name}", f"not a value for it: {invalid}"))
        value = None
    rejections = (*(slot.rejections if slot else ()), *(asks[command.name].rejections if command.name in asks else ()))
    if value is not None and rejections:
        values = {**stage.slots, command.name: value}
        refused = next((each for each in rejections if each.when(values, frame.context)), None)
        if refused is not None:
            stage.replies += stage.render(refused.utter, values)
            stage.trace.append(Why(f"rejected {frame.flow}/{command.name}", refused.when.text))
            value = None
    if value is not None and (action := stage.setting.validating_action(command.name)):
        value = await _validated(stage, action, f"{frame.flow}/{action}", command.name, value)
    anew = frozenset(name for name, ask in asks.items() if ask.ask_before_filling)
    stage.stack[at] = correct(frame, command.name, value, anew)
    stage.answer = None
    stage.trace.append(Why(f"correct {command.name}", "its answer is rewritten, what followed is gone through again"))
    if value is not None or command.value is None:
        corrected[command.name] = value
    return None


def _refuse(stage: Stage, flow: str, name: str, known: Mapping[str, Json]) -> None:
    """Say that it was carried out, and offer the flow that takes it back, where there is one, told what it is about."""
    stage.trace.append(Why(f"correct {name}", "what was done with it cannot be undone"))
    if any(frame.flow == "pattern_correction_refused" for frame in stage.stack):
        return
    done = stage.setting.flows.get(flow)
    undo = stage.setting.flows.get(done.undo) if done is not None and done.undo else None
    if undo is not None and undo.guard is not None and not undo.guard(stage.slots):
        undo = None
    asks = stage.setting.asks(undo.id) if undo is not None else {}
    stage.pattern(
        "pattern_correction_refused",
        names=[name],
        flow_name=stage.title(flow),
        undo=undo.id if undo is not None else "",
        undo_name=undo.title if undo is not None else "",
        options=[undo.id] if undo is not None else [],
        filled={each: value for each, value in known.items() if each in asks and stage.names_a_thing(each)},
    )


async def _validated(stage: Stage, action: str, key: str, name: str, value: Json) -> Json:
    """What the slot's `validate_` action makes of the value; None where it is refused, or the action fails."""
    try:
        result = await stage.perform(action, {name: value}, key, {**stage.slots, name: value})
        slot = stage.setting.domain.slots.get(name)
        made = result.slots.get(name, value)
        value = coerce(slot, made) if slot else made
    except (ActionFailed, Invalid) as error:
        stage.trace.append(Why(f"correct {name}", str(error)))
        return None
    stage.replies += result.replies
    return value


def _is_done(stage: Stage, frame: Frame, slot: str) -> bool:
    at = written(frame, slot)
    after = frame.journal[at + 1 :] if at is not None else ()
    return any(
        entry.kind == "call" and not entry.key.startswith(KEPT) and stage.setting.irreversible(entry.args["action"])
        for entry in after
    )


async def cancel_flow(stage: Stage, _: CancelFlow) -> None:
    at = stage.business
    if at is None:
        stage.pattern("pattern_cancel_flow", flow_name="", canceled_name="")
        return
    frame = stage.drop(at)
    stage.flags.add("cancelled")
    stage.trace.append(Why(f"cancel {frame.flow}", "dropped, its slots are reset"))
    stage.interrupted()
    title = stage.title(frame.flow)
    stage.pattern("pattern_cancel_flow", flow_name=title, canceled_name=title)


async def clarify(stage: Stage, command: Clarify) -> None:
    stage.pattern("pattern_clarification", options=list(command.options), titles=list(command.titles))


async def skip_question(stage: Stage, _: SkipQuestion) -> None:
    stage.pattern("pattern_skip_question")


async def explain_question(stage: Stage, _: ExplainQuestion) -> None:
    frame = stage.stack[-1]
    ask = stage.setting.asks(frame.flow).get(stage.asked, Ask(stage.asked))
    own = f"utter_explain_{stage.asked}"
    said = stage.render(own, {**stage.slots, **frame.context}) if stage.speaker.knows(own) else ()
    text = "\n".join(reply.text for reply in said if isinstance(reply, Text | Card))
    stage.pattern(
        "pattern_explain_question",
        explanation=text or ask.explain,
        label=stage.label(ask),
        flow_name=stage.title(frame.flow),
    )


async def repeat(stage: Stage, _: RepeatBotMessages) -> None:
    if stage.before.said:
        stage.pattern("pattern_repeat_bot_messages")
    else:
        await cannot_handle(stage, CannotHandle("nothing_to_repeat"))


async def chitchat(stage: Stage, command: ChitChat) -> None:
    stage.pattern("pattern_chitchat", response=command.response)


async def knowledge_answer(stage: Stage, command: KnowledgeAnswer) -> None:
    stage.pattern("pattern_search", response=f"utter_{command.key}", key=command.key)


async def human_handoff(stage: Stage, command: HumanHandoff) -> None:
    stage.pattern("pattern_human_handoff", reason=command.reason)


async def cannot_handle(stage: Stage, command: CannotHandle) -> None:
    stage.misses = stage.before.misses + 1
    stage.flags.add("fallback")
    stage.pattern("pattern_cannot_handle", misses=stage.misses, reason=command.reason)


async def session_start(stage: Stage, _: SessionStart) -> None:
    stage.pattern("pattern_session_start", reason="subscribe")


async def restart(stage: Stage, _: Restart) -> None:
    stage.stack = []
    stage.pattern("pattern_restart")


_TABLE: Mapping[type, Callable[[Stage, Any], Awaitable[None]]] = {
    StartFlow: start_flow,
    SetSlot: set_slot,
    CancelFlow: cancel_flow,
    Clarify: clarify,
    SkipQuestion: skip_question,
    ExplainQuestion: explain_question,
    RepeatBotMessages: repeat,
    ChitChat: chitchat,
    KnowledgeAnswer: knowledge_answer,
    HumanHandoff: human_handoff,
    CannotHandle: cannot_handle,
    SessionStart: session_start,
    Restart: restart,
}
