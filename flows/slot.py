"""One slot, as the domain describes it: its type, how it is filled, and which values it takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field

from adapters.message import Json
from config.source import BadProject, Loc, Problem, Source, Strict, check, did_you_mean
from flows.conditions import ConditionError, parse
from flows.steps import Rejection

SlotType = Literal["text", "bool", "categorical", "float", "list", "any"]


@dataclass(frozen=True, slots=True)
class Mapped:
    """How a slot is filled: Rasa's `from_entity from_text from_intent from_trigger_intent`, CALM's `from_llm`
    (here: by the slot's name and type), and `from_content` (an image or file, by `entity: image`)."""

    type: str
    entity: str = ""
    role: str = ""
    group: str = ""
    intents: frozenset[str] = frozenset()
    not_intents: frozenset[str] = frozenset()
    value: Json = None
    asked: frozenset[str] = frozenset()
    """Only while one of these slots is asked for (`conditions: requested_slot`)."""


@dataclass(frozen=True, slots=True)
class Slot:
    name: str
    type: SlotType = "any"
    initial: Json = None
    values: tuple[Json, ...] = ()
    least: float | None = None
    most: float | None = None
    mappings: tuple[Mapped, ...] = ()
    label: str = ""
    """What people call it (订单号), for 「订单号改成…」."""
    synonyms: Mapping[str, Json] = field(default_factory=dict)
    """Other words for the values of a categorical slot, in lower case: `wx` for 微信."""
    rejections: tuple[Rejection, ...] = ()
    """Which values no flow accepts (`validation: rejections`)."""
    scope: Literal["conversation", "user"] = "conversation"
    """Of `user`: kept for the person, whatever becomes of the session, in every conversation with this account."""
    resolve: str = ""
    """The action that finds the value of what is described (昨天那个订单, 买的那件羽绒服)."""


class _Mapping(Strict):
    type: str
    entity: str = ""
    role: str = ""
    group: str = ""
    intent: str | Sequence[str] = ()
    not_intent: str | Sequence[str] = ()
    value: Any = None
    action: str = ""
    conditions: Sequence[Mapping[str, Any]] = ()
    allow_nlu_correction: bool = True
    run_action_every_turn: str = ""


class _Rejection(Strict):
    when: str = Field(alias="if")
    utter: str


class _Validation(Strict):
    rejections: Sequence[_Rejection] = ()
    refill_utter: str = ""


class _Slot(Strict):
    type: str = "any"
    initial_value: Any = None
    values: Sequence[Any] = ()
    min_value: float | None = None
    max_value: float | None = None
    influence_conversation: bool = True
    mappings: Sequence[_Mapping] = ()
    label: str = ""
    resolve: str = ""
    validation: _Validation = Field(default_factory=_Validation)
    scope: Literal["conversation", "user"] = "conversation"
    shared_for_coexistence: bool = False


def read_slot(source: Source, name: str, problems: list[Problem]) -> Slot:
    """What is wrong with it is added to `problems`."""
    loc: Loc = ("slots", name)
    try:
        given = check(source, _Slot, loc)
    except BadProject as bad:
        problems.extend(bad.problems)
        return Slot(name)
    known = ("text", "bool", "categorical", "float", "list", "any")
    kind = given.type if given.type in known or "." not in given.type else "any"
    if kind not in known:
        problems.append(source.problem((*loc, "type"), f"unknown slot type '{kind}'", did_you_mean(kind, known)))
        return Slot(name)
    if kind == "categorical" and not given.values:
        problems.append(source.problem(loc, f"the categorical slot '{name}' has no `values`", "list them"))
    values, synonyms = _values(given.values)
    return Slot(
        name,
        type=kind,  # type: ignore[arg-type]
        initial=given.initial_value,
        values=values,
        least=given.min_value,
        most=given.max_value,
        mappings=tuple(_mapped(mapping) for mapping in given.mappings),
        label=given.label,
        synonyms=synonyms,
        rejections=tuple(_rejections(source, given.validation, (*loc, "validation"), problems)),
        scope=given.scope,
        resolve=given.resolve,
    )


def _values(given: Sequence[Json]) -> tuple[tuple[Json, ...], dict[str, Json]]:
    """Values, and the other words for them: `- 微信`, `- {value: 微信, synonyms: [wx]}` or `- 微信: [wx]`."""
    values: list[Json] = []
    synonyms: dict[str, Json] = {}
    for item in given:
        value, others = item, None
        if isinstance(item, dict) and "value" in item:
            value, others = item["value"], item.get("synonyms")
        elif isinstance(item, dict):
            value, others = next(iter(item.items()))
        values.append(value)
        words = [others] if isinstance(others, str) else list(others or ())
        synonyms |= {str(word).strip().lower(): value for word in words}
    return tuple(values), synonyms


def _rejections(source: Source, given: _Validation, loc: Loc, problems: list[Problem]) -> Iterator[Rejection]:
    for i, each in enumerate(given.rejections):
        try:
            yield Rejection(parse(each.when), each.utter)
        except ConditionError as error:
            problems.append(source.problem((*loc, "rejections", i, "if"), str(error)))


def _mapped(given: _Mapping) -> Mapped:
    return Mapped(
        given.type,
        given.entity,
        given.role,
        given.group,
        intents=_many(given.intent),
        not_intents=_many(given.not_intent),
        value=given.value,
        asked=frozenset(str(each["requested_slot"]) for each in given.conditions if each.get("requested_slot")),
    )


def _many(value: str | Sequence[str]) -> frozenset[str]:
    return frozenset((value,) if isinstance(value, str) else value)
