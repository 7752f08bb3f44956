"""Values as machines want them, by what an entity or slot is called: 一百五十块 is 150 for a number, 下周三 a date.

Rasa needs a Duckling server and a validation action for it. `rasa_exact: true` leaves what was said as it was said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from adapters.message import Json
from flows.rasa.domain import FormMapping, FormSlot, RasaDomain
from flows.rasa.tracker import Tracker
from nlu.meaning import Entity, Meaning

KINDS: Mapping[str, tuple[str, ...]] = {
    "time": ("time", "date", "datetime", "日期", "时间"),
    "amount": ("amount", "money", "price", "金额", "价格", "价钱", "amount-of-money", "amount_of_money"),
    "phone": (
        "phone",
        "mobile",
        "tel",
        "telephone",
        "cellphone",
        "手机",
        "手机号",
        "电话",
        "phone-number",
        "phone_number",
    ),
    "number": ("number", "numeral", "num", "count", "数量", "人数"),
}
"""The built-in entities, and what they are called elsewhere."""
TOLD: Mapping[str, str] = {"time": "日期", "amount": "金额", "phone": "电话号码", "number": "数字"}
NUMBERS = ("amount", "number", "percent")
INVALID = "invalid"


def kind_of(name: str) -> str:
    """The built-in entity that an entity or slot of this name stands for: `booking_date` -> `time`; empty where none
    does."""
    called = name.lower()
    for kind, names in KINDS.items():
        if called in names:
            return kind
    last = re.split(r"[\W_]+", called)[-1]
    # an order_number is no number, but an arrival_date is a date, and a contact_phone a phone number
    return next((kind for kind, names in KINDS.items() if kind != "number" and last in names), "")


def tuned(meaning: Meaning, domain: RasaDomain) -> Meaning:
    """With the built-in entities under the names that the domain has for them, and its own with their values."""
    named = [(name, kind) for name in domain.entities if (kind := kind_of(name))]
    kept = [_valued(each, meaning.entities) for each in meaning.entities]
    for name, kind in named:
        if name != kind and not any(each.type == name for each in kept):
            kept += [replace(each, type=name) for each in kept if each.type == kind and kind not in domain.entities]
    return replace(meaning, entities=tuple(kept))


def _valued(entity: Entity, others: Iterable[Entity]) -> Entity:
    """The entity with the value of the built-in one in the same stretch; a date that there is not is no date."""
    kind = kind_of(entity.type)
    if not kind or entity.value != entity.text:
        return entity
    near = [each for each in (*entity.also, *others) if each.start < entity.end and entity.start < each.end]
    wrong = next((each for each in near if each.type == INVALID and _type_of(each.value) == kind), None)
    if wrong is not None:
        return wrong
    same = next((each for each in near if each.type == kind and each is not entity), None)
    return replace(entity, value=same.value) if same is not None else entity


def _type_of(value: Json) -> str:
    return str(value.get("type") or "") if isinstance(value, Mapping) else ""


def refused(meaning: Meaning, slot: FormSlot) -> str:
    """What it is that the message gives and that there is not (2月30号), as people call it; empty where all is well."""
    kinds = {kind_of(slot.name), *(kind_of(each.entity) for each in slot.mappings if each.entity)} - {""}
    every = (one for each in meaning.entities for one in (each, *each.also))
    found = next((_type_of(each.value) for each in every if each.type == INVALID and _type_of(each.value) in kinds), "")
    return TOLD.get(found, "")


def fit(slot: FormSlot, value: Json, mapping: FormMapping, tracker: Tracker) -> Json:
    """A value as the slot wants it: numbers for numbers, the words themselves for texts; None where it does not fit."""
    if mapping.type == "from_text":
        value = _in_words(slot, value, tracker)
    if slot.type == "float":
        return _number(value)
    if slot.type == "text" and mapping.type == "from_entity" and isinstance(value, int | float | dict):
        return next(_words(value, mapping, tracker), value)
    return value


def _in_words(slot: FormSlot, text: Json, tracker: Tracker) -> Json:
    """What free words hold for a slot of such a name or type."""
    kind = kind_of(slot.name)
    kinds = NUMBERS if slot.type == "float" else (kind,) if kind == "time" or (kind and slot.type == "any") else ()
    found = [value for each in kinds for value in tracker.entity_values(each)]
    return found[0] if len(found) == 1 or (found and slot.type == "float") else text


def _number(value: Json) -> Json:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        return float(str(value).strip().replace(",", ""))
    except ValueError:
        return None


def _words(value: Json, mapping: FormMapping, tracker: Tracker) -> Iterator[Json]:
    text = str(tracker.latest_message.get("text") or "")
    entities: Iterable[Mapping[str, Any]] = tracker.latest_message.get("entities") or ()
    for entity in entities:
        if entity.get("entity") == mapping.entity and entity.get("value") == value:
            words = text[int(entity.get("start") or 0) : int(entity.get("end") or 0)]
            if words:
                yield words
