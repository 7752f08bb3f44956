"""What a question may offer: 「请问是刚才说的 DD1 吗？」"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.message import Json
from flows.domain import Domain
from flows.journal import touched
from flows.slots import Invalid, coerce, entity_types, takes_text
from flows.state import Frame, Served
from flows.steps import Ask


def offerable(
    ask: Ask,
    frame: Frame,
    domain: Domain,
    spoken: Mapping[str, Json],
    slots: Mapping[str, Json],
    served: Served | None,
) -> Json:
    """The value of `spoken` (by slot or entity) that may answer `ask`: one that its flow was not done for already and
    would not refuse, where nothing was said of the slot in the flow yet. None where there is none."""
    slot = domain.slots.get(ask.slot)
    if slot is None or touched(frame, ask.slot) or takes_text(slot, domain.entities):
        return None
    names = (ask.slot, *entity_types(slot, domain.entities))
    value = next((spoken[name] for name in names if spoken.get(name) is not None), None)
    if value is None or (served is not None and served.told.get(ask.slot) == value):
        return None
    try:
        value = coerce(slot, value)
    except Invalid:
        return None
    refused = (*slot.rejections, *ask.rejections)
    return None if any(each.when({**slots, ask.slot: value}, frame.context) for each in refused) else value
