"""What Rasa's domain says beyond responses: which entities an intent uses, forms, slot mappings, featurized slots."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from adapters.message import Json, plain
from config.source import BadProject, Problem, Source, did_you_mean
from flows.domain import Domain, data_sources, domain_sources, read_domain, with_faq
from nlu.faq import read_faq

REQUESTED = "requested_slot"
STARTED_METADATA = "session_started_metadata"
DEFAULT_INTENTS = ("restart", "back", "out_of_scope", "session_start", "nlu_fallback")
DEFAULT_ACTIONS = (
    "action_listen",
    "action_restart",
    "action_session_start",
    "action_default_fallback",
    "action_deactivate_loop",
    "action_revert_fallback_events",
    "action_default_ask_affirmation",
    "action_default_ask_rephrase",
    "action_two_stage_fallback",
    "action_unlikely_intent",
    "action_back",
    "...",
    "action_extract_slots",
)
"""In Rasa's order; a custom action of such a name takes its place."""
MAPPING_TYPES = ("from_entity", "from_intent", "from_trigger_intent", "from_text", "custom", "from_llm", "controlled")


@dataclass(frozen=True, slots=True)
class FormMapping:
    """One way of filling a slot. `loops`: pairs of (active loop or '' for none, requested slot or ''), of which one
    must hold."""

    type: str
    entity: str = ""
    role: str = ""
    group: str = ""
    intents: frozenset[str] = frozenset()
    not_intents: frozenset[str] = frozenset()
    value: Json = None
    action: str = ""
    loops: tuple[tuple[str, str], ...] = ()

    def wants(self, intent: str) -> bool:
        return (not self.intents or intent in self.intents) and intent not in self.not_intents


@dataclass(frozen=True, slots=True)
class FormSlot:
    """A slot as policies see it. `influences`: whether they do."""

    name: str
    type: str
    initial: Json = None
    influences: bool = True
    values: tuple[Json, ...] = ()
    least: float = 0.0
    most: float = 1.0
    mappings: tuple[FormMapping, ...] = ()

    def features(self, value: Json) -> tuple[float, ...]:
        """The numbers that policies see, as many for every value; all 0 where there is nothing to be seen."""
        match self.type:
            case "bool":
                return (0.0, 0.0) if value is None else (1.0, float(_truth(value)))
            case "categorical":
                return self._one_of(value)
            case "float":
                return self._scaled(value)
            case "list":
                return (1.0,) if value else (0.0,)
            case "text":
                return (0.0,) if value is None else (1.0,)
        return ()

    def _one_of(self, value: Json) -> tuple[float, ...]:
        known = [str(each).lower() for each in self.values]
        if value is None:
            return (0.0,) * (len(known) + 1)
        hit = str(value).lower()
        found = [float(hit == each) for each in known]
        return (*found, float(not any(found)))

    def _scaled(self, value: Json) -> tuple[float, ...]:
        try:
            number = float(value)
        except (TypeError, ValueError):
            return (0.0, 0.0)
        bounded = min(max(number, self.least), self.most)
        reach = self.most - self.least
        return (1.0, (bounded - self.least) / abs(reach) if reach else 0.0)


@dataclass(frozen=True, slots=True)
class Form:
    name: str
    required: tuple[str, ...]
    ignored: frozenset[str] = frozenset()
    """Intents that never fill a slot of this form."""


@dataclass(frozen=True)
class RasaDomain:
    """`raw` is the joined domain as the author wrote it, which action servers are sent."""

    base: Domain
    raw: Mapping[str, Any]
    slots: Mapping[str, FormSlot]
    forms: Mapping[str, Form]
    intents: tuple[str, ...]
    entities: tuple[str, ...]
    used: Mapping[str, frozenset[str]] = field(repr=False)
    """Intent -> the entities that policies see with it: `city`, `city#from` (role), `city#2` (group)."""
    actions: tuple[str, ...] = ()
    """All that can be predicted, without forms' own names twice: the default ones, the author's, responses, forms."""
    listed: frozenset[str] = frozenset()
    """The names under `actions:`."""
    """Actions marked `send_domain: true`; empty: all of them are sent it."""

    @cached_property
    def initial(self) -> dict[str, Json]:
        return {name: slot.initial for name, slot in self.slots.items()}

    @cached_property
    def sent(self) -> Mapping[str, Any]:
        """The domain as action servers are sent it: as plain data."""
        return dict(plain(self.raw))

    def knows(self, action: str) -> bool:
        return action in self._actions

    @cached_property
    def _actions(self) -> frozenset[str]:
        return frozenset(self.actions)

    def is_custom(self, action: str) -> bool:
        """Whether an action server or `actions.py` runs it."""
        return action in self.listed and not action.startswith("utter_")


def load_rasa_domain(project: Path) -> RasaDomain:
    """Raises `BadProject` with every problem found."""
    sources = domain_sources(project)
    responses = data_sources(project, "responses")
    domain = with_faq(read_domain(sources, responses), read_faq(project))
    return make_domain(domain, join(sources, responses))


def join(sources: Iterable[Source], responses: Iterable[Source] = ()) -> dict[str, Any]:
    """Several domain files as one: lists are appended, mappings united, single values taken from the last."""
    joined: dict[str, Any] = {}
    for source in sources:
        for key, value in (source.data or {}).items():
            before = joined.get(key)
            if isinstance(value, list) and isinstance(before, list):
                joined[key] = before + [each for each in value if each not in before]
            elif isinstance(value, dict) and isinstance(before, dict):
                joined[key] = {**before, **value}
            elif value is not None or key not in joined:
                joined[key] = value
    for source in responses:
        joined["responses"] = {**(joined.get("responses") or {}), **(source.data.get("responses") or {})}
    return joined


def make_domain(base: Domain, raw: Mapping[str, Any]) -> RasaDomain:
    """Raises `BadProject` for a form or mapping that cannot be understood."""
    reading = _Reading(base, raw)
    slots = {name: reading.slot(name, given or {}) for name, given in (raw.get("slots") or {}).items()}
    for name in (REQUESTED, STARTED_METADATA):
        # Rasa's own: kept by the engine, never seen by policies
        slots.setdefault(name, FormSlot(name, "any" if name == STARTED_METADATA else "text", influences=False))
    forms = {name: reading.form(name, given) for name, given in (raw.get("forms") or {}).items()}
    for form in forms.values():
        for slot in form.required:
            if slot not in slots:
                what = f"the form '{form.name}' requires the slot '{slot}', which is not in `slots`"
                reading.wrong(f"forms/{form.name}", what, did_you_mean(slot, slots))
    if reading.problems:
        raise BadProject(reading.problems)
    listed = tuple(_named(raw.get("actions")))
    intents = tuple(dict.fromkeys((*_named(raw.get("intents")), *DEFAULT_INTENTS)))
    entities = tuple(_named(raw.get("entities")))
    retrieving = (name.partition("/")[0] for name in base.responses if "/" in name)
    actions = (
        *DEFAULT_ACTIONS, *listed, *base.responses, *retrieving, *forms, *map(str, raw.get("e2e_actions") or ()),
    )  # fmt: skip
    return RasaDomain(
        base, raw, slots, forms, intents, entities,
        used=_used(raw, intents),
        actions=tuple(dict.fromkeys(actions)),
        listed=frozenset(listed),
    )  # fmt: skip


class _Reading:
    def __init__(self, base: Domain, raw: Mapping[str, Any]) -> None:
        self.base, self.raw = base, raw
        self.problems: list[Problem] = []

    def wrong(self, place: str, what: str, mend: str = "") -> None:
        self.problems.append(Problem(*self.base.lines.get(place, ("domain.yml", 1)), what, mend))

    def slot(self, name: str, given: Mapping[str, Any]) -> FormSlot:
        kind = str(given.get("type") or "any")
        return FormSlot(
            name,
            kind if "." not in kind else "any",
            given.get("initial_value"),
            bool(given.get("influence_conversation", True)) and kind != "any",
            tuple(given.get("values") or ()),
            _number(given.get("min_value"), 0.0),
            _number(given.get("max_value"), 1.0),
            tuple(self.mapping(name, each) for each in given.get("mappings") or ()),
        )

    def mapping(self, slot: str, given: Any) -> FormMapping:
        kind = str(given.get("type") or "") if isinstance(given, Mapping) else ""
        if kind not in MAPPING_TYPES:
            what = f"the slot '{slot}' has a mapping of the unknown type '{kind}'"
            self.wrong(f"slots/{slot}", what, did_you_mean(kind, MAPPING_TYPES))
            return FormMapping("custom")
        if kind == "from_entity" and not given.get("entity"):
            self.wrong(f"slots/{slot}", f"the slot '{slot}' is mapped from_entity without `entity`", "name the entity")
        loops = tuple(
            (str(each.get("active_loop") or ""), str(each.get("requested_slot") or ""))
            for each in given.get("conditions") or ()
            if "active_loop" in each
        )
        return FormMapping(
            kind,
            str(given.get("entity") or ""),
            str(given.get("role") or ""),
            str(given.get("group") or ""),
            _many(given.get("intent")),
            _many(given.get("not_intent")),
            given.get("value"),
            str(given.get("action") or ""),
            loops,
        )

    def form(self, name: str, given: Any) -> Form:
        """`{required_slots: [...], ignored_intents: ...}`; of 2.0 also a mapping of slots."""
        given = given or {}
        required = given.get("required_slots", given) if isinstance(given, Mapping) else ()
        named = [str(each) for each in required if each not in ("ignored_intents", "required_slots")]
        return Form(name, tuple(named), _many(given.get("ignored_intents") if isinstance(given, Mapping) else None))


def _truth(value: Json) -> bool:
    if isinstance(value, str):
        return value.strip().lower() in ("true", "yes", "1", "1.0")
    try:
        return float(value) == 1.0
    except (TypeError, ValueError):
        return False


def _number(value: Any, otherwise: float) -> float:
    return otherwise if value is None else float(value)


def _many(value: Any) -> frozenset[str]:
    if value is None or value == "":
        return frozenset()
    return frozenset(map(str, (value,) if isinstance(value, str) else value))


def _named(items: Any) -> Iterable[str]:
    for item in items or ():
        yield from (map(str, item) if isinstance(item, Mapping) else (str(item),))


def _used(raw: Mapping[str, Any], intents: Sequence[str]) -> dict[str, frozenset[str]]:
    """What each intent uses: `use_entities` less `ignore_entities`; all entities by default, with roles and groups of
    those that say so, and without those whose `influence_conversation` is false."""
    entities: list[str] = []
    silent: set[str] = set()
    for item in raw.get("entities") or ():
        for name, given in item.items() if isinstance(item, Mapping) else ((item, None),):
            given = given or {}
            entities.append(str(name))
            entities += [f"{name}#{each}" for key in ("roles", "groups") for each in given.get(key) or ()]
            if given.get("influence_conversation") is False:
                silent.add(str(name))
    usual = frozenset(entities) - silent
    found = dict.fromkeys(intents, usual)
    for item in raw.get("intents") or ():
        for name, given in item.items() if isinstance(item, Mapping) else ():
            given = given or {}
            use = given.get("use_entities", True)
            chosen = (
                usual if use is True or use is None else frozenset() if use is False else _with_parts(use, entities)
            )
            found[str(name)] = chosen - _with_parts(given.get("ignore_entities") or (), entities)
    return found


def _with_parts(names: Iterable[Any], entities: Sequence[str]) -> frozenset[str]:
    wanted = set(map(str, names))
    return frozenset(each for each in entities if each in wanted or each.partition("#")[0] in wanted)
