"""Slots: what a value must be to fill one, and which values a message offers for which slot."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from adapters.message import Json
from flows.slot import Mapped, Slot, SlotType
from nlu.meaning import Entity, Meaning

TYPED_ENTITIES = frozenset((
    "time", "duration", "recurrence", "amount", "percent", "quantity", "number", "phone", "id_card", "bank_card",
    "email", "url", "plate", "express_no", "order_id",
))  # fmt: skip
"""What the rules of nlu/ find in any text, without training, and what a slot of that name is filled from unasked. Not
`address` and `person`: slots of these names hold what an action looked up, and a customer's words are no such thing."""
NUMERIC_ENTITIES = ("amount", "number", "percent")
_TRUE = frozenset(("true", "yes", "1", "是", "对", "好", "好的", "是的", "对的", "确认", "要", "同意"))
_FALSE = frozenset(("false", "no", "0", "否", "不", "不是", "不要", "不用", "不对", "取消", "不同意"))


class Invalid(ValueError):
    """The value cannot fill the slot; the text says why, for the trace."""


def coerce(slot: Slot, value: Json) -> Json:
    """`value` as the slot's type wants it; None empties any slot. Raises `Invalid`."""
    if value is None:
        return None
    return _COERCE[slot.type](slot, value)


def _text(_: Slot, value: Json) -> Json:
    if isinstance(value, bool | list | dict):
        return value
    text = f"{value:g}" if isinstance(value, float) else str(value).strip()
    if not text:
        raise Invalid("an empty text")
    return text


def _bool(_: Slot, value: Json) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise Invalid(f"{value!r} is neither yes nor no")


def _categorical(slot: Slot, value: Json) -> Json:
    wanted = str(value).strip().lower()
    for known in slot.values:
        if str(known).lower() == wanted:
            return known
    if wanted in slot.synonyms:
        return slot.synonyms[wanted]
    raise Invalid(f"{value!r} is none of {', '.join(map(str, slot.values))}")


def _float(slot: Slot, value: Json) -> float:
    try:
        number = float(value if not isinstance(value, str) else value.strip().replace(",", ""))
    except (TypeError, ValueError, OverflowError):
        raise Invalid(f"{value!r} is not a number") from None
    if number != number or abs(number) == float("inf"):
        raise Invalid(f"{value!r} is not a number")
    if slot.least is not None and number < slot.least:
        raise Invalid(f"{number:g} is below {slot.least}")
    if slot.most is not None and number > slot.most:
        raise Invalid(f"{number:g} is above {slot.most}")
    return number


def _list(_: Slot, value: Json) -> Json:
    return value if isinstance(value, list) else [value]


_COERCE: Mapping[SlotType, Callable[[Slot, Json], Json]] = {
    "text": _text,
    "bool": _bool,
    "categorical": _categorical,
    "float": _float,
    "list": _list,
    "any": lambda _, value: value,
}


def mappings(slot: Slot, known_entities: frozenset[str] = frozenset()) -> Sequence[Mapped]:
    """The slot's mappings as written, or those that its name and type suggest where there are none (`from_llm`)."""
    written = [mapped for mapped in slot.mappings if mapped.type not in ("from_llm", "custom", "controlled")]
    if written or any(mapped.type in ("custom", "controlled") for mapped in slot.mappings):
        return written
    if slot.name in TYPED_ENTITIES or slot.name in known_entities:
        return (Mapped("from_entity", slot.name),)
    if slot.type == "float":
        return tuple(Mapped("from_entity", each, asked=frozenset((slot.name,))) for each in NUMERIC_ENTITIES)
    return (Mapped("from_text"),) if slot.type in ("text", "any", "list") else ()


def takes_text(slot: Slot, known_entities: frozenset[str] = frozenset()) -> bool:
    return any(mapped.type == "from_text" for mapped in mappings(slot, known_entities))


def entity_types(slot: Slot, known_entities: frozenset[str] = frozenset()) -> list[str]:
    return [mapped.entity for mapped in mappings(slot, known_entities) if mapped.type == "from_entity"]


def from_entities(
    slot: Slot, meaning: Meaning, asked: str = "", known_entities: frozenset[str] = frozenset()
) -> tuple[Json, tuple[Entity, ...]]:
    """The value that the message's entities offer for `slot` and the entities it came from; (None, ()) where none.
    `asked` is the slot that the dialogue waits for."""
    for mapped in mappings(slot, known_entities):
        if mapped.type != "from_entity" or not _applies(mapped, meaning.intent, asked):
            continue
        found = tuple(entity for entity in meaning.entities if _is(entity, mapped))
        if not found and mapped.entity == "number":
            found = tuple(_numbers(meaning, waiting=asked == slot.name))
        found = meant(found, meaning.text)
        if found:
            values = [entity.value for entity in found]
            return (values if slot.type == "list" else values[0]), found
    return None, ()


_DENIED = re.compile(
    r"(?:(?<!是)不是|并非|而非|不要|别[用要])(?:订单号?|单号|号码?|手机号?|电话|那个|这个)?[是:：# ]{0,2}$"
)


_NEGATED = re.compile(r"(?:没有|[没不无])$")


def meant(found: tuple[Entity, ...], text: str) -> tuple[Entity, ...]:
    """Without what is said not to be (没有质量问题, 不漏水), and what is said not to be it, where something is:
    「查DD2，不是DD1」 and 「不是DD1，是DD2」 mean DD2."""
    found = tuple(one for one in found if not _is_negated(one, _before(one, text)))
    if len(found) < 2:
        return found
    kept = tuple(one for one in found if not _DENIED.search(_before(one, text)))
    return kept or found


def _is_negated(one: Entity, before: str) -> bool:
    """Right before, and no question: 有没有质量问题, 漏不漏水."""
    said = _NEGATED.search(before)
    return said is not None and not before[: said.start()].endswith((one.text[:1], "有"))


def _before(one: Entity, text: str) -> str:
    """What stands before it; a later wish has the text of its own clause, but places in the whole message."""
    told = text[one.start : one.end] == one.text
    return text[: one.start if told else max(0, text.find(one.text))]


def from_signals(slot: Slot, meaning: Meaning) -> Json:
    """The mood of the message, where the slot is mapped from it as from an entity: complaint, urgency, sentiment."""
    for mapped in slot.mappings:
        if mapped.type == "from_entity" and mapped.entity in meaning.signals and _applies(mapped, meaning.intent, ""):
            return meaning.signals[mapped.entity]
    return None


_SIMPLE_DURATION = re.compile(r"PT?(\d+(?:\.\d+)?)[YMWDHS]")


def _numbers(meaning: Meaning, waiting: bool) -> Iterator[Entity]:
    """The numbers in what was counted: 两个 answers 「要几个？」; and only where a number is waited for, 三天 answers
    「住几天？」 and 第二个 「选第几个？」."""
    for entity in meaning.entities:
        value = _number_of(entity, waiting)
        if value is not None:
            yield replace(entity, type="number", value=value)


def _number_of(entity: Entity, waiting: bool) -> Json:
    if entity.type == "quantity" and isinstance(entity.value, dict):
        return entity.value.get("number")
    if not waiting:
        return None
    if entity.type == "reference" and isinstance(entity.value, dict):
        index = entity.value.get("index")
        return index if isinstance(index, int) and index > 0 else None
    simple = _SIMPLE_DURATION.fullmatch(str(entity.value)) if entity.type == "duration" else None
    return float(simple[1]) if simple and "." in simple[1] else int(simple[1]) if simple else None


def from_intent(slot: Slot, meaning: Meaning, asked: str) -> Json:
    for mapped in slot.mappings:
        if mapped.type == "from_intent" and _applies(mapped, meaning.intent, asked) and meaning.intent:
            return mapped.value
    return None


def from_trigger(slot: Slot, intent: str) -> Json:
    found: Iterable[Json] = (
        mapped.value for mapped in slot.mappings if mapped.type == "from_trigger_intent" and intent in mapped.intents
    )
    return next(iter(found), None)


def from_words(slot: Slot, text: str) -> Json:
    """The one value of a categorical slot that the text contains, in its own words or in others for it."""
    if slot.type != "categorical":
        return None
    said = re.sub(r"\s", "", text).lower()
    names = {str(value).lower(): value for value in slot.values} | dict(slot.synonyms)
    found = [name for name in names if name and re.sub(r"\s", "", name) in said]
    longest = {names[name] for name in found if not any(name != other and name in other for other in found)}
    return longest.pop() if len(longest) == 1 else None


def _applies(mapped: Mapped, intent: str, asked: str) -> bool:
    return (
        (not mapped.intents or intent in mapped.intents)
        and intent not in mapped.not_intents
        and (not mapped.asked or asked in mapped.asked)
    )


def _is(entity: Entity, mapped: Mapped) -> bool:
    return (
        entity.type == mapped.entity
        and (not mapped.role or entity.role == mapped.role)
        and (not mapped.group or entity.group == mapped.group)
    )
