"""Corrections that come after the flow has ended: 「查一下DD1」 is answered, then 「不对，是DD2」."""

from __future__ import annotations

from flows import words
from flows.requests import request
from flows.situation import Decision, Said, Situation
from flows.state import Command, CorrectSlot, Served, SetSlot, StartFlow


def amended(said: Said, situation: Situation) -> Decision | None:
    """Another value for what the flow that ended last was told: it is gone through once more, or where it has carried
    out what cannot be undone, that is said."""
    served = situation.served.get(situation.last)
    if situation.flow or served is None or said.chosen or not words.is_correction(said.text):
        return None
    if situation.last not in situation.knows.flows or _asks_for_another(said, situation):
        return None
    given = _given(said, situation, served)
    if not given:
        return None
    if served.done:
        return Decision(tuple(given), f"another value for {situation.last}, which was carried out")
    new = {command.name for command in given}
    asks = situation.knows.asks[situation.last]
    told = [
        SetSlot(name, value)
        for name, value in served.told.items()
        if name not in new and name in asks and not asks[name].ask_before_filling
    ]
    again: tuple[Command, ...] = (StartFlow(situation.last), *told, *(SetSlot(each.name, each.value) for each in given))
    return Decision(again, f"another value for {situation.last}, which has ended")


def _asks_for_another(said: Said, situation: Situation) -> bool:
    if not words.is_question(said.text) and not any(map(words.is_request, words.clauses(said.text))):
        return False
    asked_for = request(said.meaning, situation)
    return asked_for is not None and any(
        isinstance(each, StartFlow) and each.flow != situation.last for each in asked_for.commands
    )


def _given(said: Said, situation: Situation, served: Served) -> list[CorrectSlot]:
    """The slots for which the message holds another value: by its entities, else in so many words."""
    given: list[CorrectSlot] = []
    for name, old in served.told.items():
        value = situation.value(name, said.meaning, name)[0]
        if value not in (None, old):
            given.append(CorrectSlot(name, value))
    if given:
        return given
    named = [name for name in served.told if situation.knows.takes_text(situation.knows.slot(name))]
    for name in named:
        label = words.called(said.text, situation.knows.slot(name).label)
        new = words.renamed(said.text, label) if label or name == named[-1] else ""
        if new and new != served.told[name]:
            return [CorrectSlot(name, new)]
    back = words.takes_back(said.text) or words.changes(said.text)
    labels = [name for name in served.told if words.called(said.text, situation.knows.slot(name).label)]
    return [CorrectSlot(labels[0], None)] if back and labels else []
