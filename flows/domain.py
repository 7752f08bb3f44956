"""The domain: what a bot knows of intents, slots and responses, in the format of Rasa 3.

Read from `domain.yml`, or from every YAML file in the folder `domain/`, joined with the `responses:` of any file
under `data/`. Forms and what else rules and stories need is read by `flows/rasa/domain.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from adapters.message import Button, Json
from config.source import BadProject, Loc, Problem, Source, Strict, check, did_you_mean, read_yaml
from flows.conditions import Condition, ConditionError, parse
from flows.slot import Slot, read_slot
from flows.upgrade import remarks, upgraded
from nlu.faq import FAQ, FaqData, read_faq

EXPIRY_MINUTES = 60.0

KNOWN_KEYS = (
    "version", "intents", "entities", "slots", "responses", "actions", "session_config", "forms", "e2e_actions",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Element:
    """One card of several (Rasa's `elements`); `url` is where a tap on it leads."""

    title: str = ""
    subtitle: str = ""
    image: str = ""
    url: str = ""
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Variation:
    """One way of saying a response."""

    text: str = ""
    buttons: tuple[Button, ...] = ()
    image: str = ""
    attachment: Json = None
    elements: tuple[Element, ...] = ()
    custom: Json = None
    channel: str = ""
    condition: Condition | None = None


@dataclass(frozen=True)
class Domain:
    intents: frozenset[str] = frozenset()
    entities: frozenset[str] = frozenset()
    slots: Mapping[str, Slot] = field(default_factory=dict)
    responses: Mapping[str, tuple[Variation, ...]] = field(default_factory=dict)
    actions: frozenset[str] = frozenset()
    expiry_s: float = EXPIRY_MINUTES * 60
    """A session that was silent for so long ends; 0: never."""
    carry_over: bool = True
    silence_s: float = 0.0
    """After so many seconds without an answer to a question `pattern_user_silence` runs; 0: never."""
    warnings: tuple[Problem, ...] = ()
    lines: Mapping[str, tuple[str, int]] = field(default_factory=dict, repr=False)
    """(file, line) of `slots/x`, `responses/x`, for problems found later."""

    @cached_property
    def of_user(self) -> frozenset[str]:
        """Slots that are remembered of a person, beyond sessions and conversations (`scope: user`)."""
        return frozenset(name for name, slot in self.slots.items() if slot.scope == "user")

    @property
    def initial(self) -> dict[str, Json]:
        return {name: slot.initial for name, slot in self.slots.items() if slot.initial is not None}


class _Condition(Strict):
    type: Literal["slot"] = "slot"
    name: str
    value: Any = None


class _Button(Strict):
    title: str
    payload: str = ""
    url: str = ""
    type: str = ""


class _Element(Strict):
    title: str = ""
    subtitle: str = ""
    image_url: str = ""
    default_action: Mapping[str, Any] = Field(default_factory=dict)
    buttons: Sequence[_Button] = ()


class _Variation(Strict):
    text: str = ""
    buttons: Sequence[_Button] = ()
    quick_replies: Sequence[_Button] = ()
    image: str = ""
    attachment: Any = None
    elements: Sequence[_Element] = ()
    custom: Any = None
    channel: str = ""
    condition: str | Sequence[_Condition] = ()
    id: str = ""
    metadata: Mapping[str, Any] = Field(default_factory=dict)
    button_type: str = ""
    template: str = ""
    allow_interruptions: bool = True


class _Session(Strict):
    session_expiration_time: float = Field(default=EXPIRY_MINUTES, ge=0)
    carry_over_slots_to_new_session: bool = True
    start_session_after_expiry: bool = True
    user_silence_time: float = Field(default=0.0, ge=0)


def load_domain(project: Path) -> Domain:
    """Raises `BadProject` with every problem found."""
    files = written(project)
    domain = read_domain(upgraded(files), data_sources(project, "responses"))
    return with_faq(replace(domain, warnings=(*remarks(files), *domain.warnings)), read_faq(project))


def domain_sources(project: Path) -> list[Source]:
    """`domain.yml`, or every YAML file in `domain/`, in Rasa 3's format. Raises `BadProject` where there is neither."""
    return upgraded(written(project))


def written(project: Path) -> list[Source]:
    """The domain's files as their author wrote them, which may be in the format of Rasa 2. Raises `BadProject`."""
    return [read_yaml(path) for path in yaml_files(project / "domain") or [project / "domain.yml"]]


def with_faq(domain: Domain, faq: FaqData) -> Domain:
    """Each entry's answer is the response to its question, without being written as one. Raises `BadProject`."""
    if not faq.entries:
        return domain
    problems: list[Problem] = []
    answers = Domain(
        # a domain without intents leaves them to the training data
        intents=frozenset([FAQ]) if domain.intents else frozenset(),
        responses={f"utter_{each.key}": tuple(Variation(text) for text in each.answers) for each in faq.entries},
        lines={f"responses/utter_{each.key}": (each.file, each.line) for each in faq.entries},
    )
    joined = _join(domain, answers, problems)
    if problems:
        raise BadProject(problems)
    return joined


def yaml_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in (".yml", ".yaml"))


def data_sources(project: Path, key: str) -> list[Source]:
    """Every YAML file under `data/` that has `key` at its top."""
    found: list[Source] = []
    for path in yaml_files(project / "data"):
        # most data files are long lists of examples: a look at the text spares parsing them here
        if f"{key}:" in path.read_text("utf-8", errors="replace"):
            source = read_yaml(path)
            if isinstance(source.data, dict) and key in source.data:
                found.append(source)
    return found


def read_domain(sources: Iterable[Source], extra: Iterable[Source] = ()) -> Domain:
    """One domain of `sources` (whole domain files) and the responses of `extra`."""
    domain, problems = Domain(), list[Problem]()
    for source, strict in [*((source, True) for source in sources), *((source, False) for source in extra)]:
        try:
            domain = _join(domain, _read(source, strict), problems)
        except BadProject as bad:
            problems.extend(bad.problems)
    if problems:
        raise BadProject(problems)
    return domain


def _join(one: Domain, other: Domain, problems: list[Problem]) -> Domain:
    for place, where in other.lines.items():
        if place in one.lines:
            file, line = one.lines[place]
            problems.append(Problem(*where, f"'{place}' is already defined at {file}:{line}", "keep one"))
    return replace(
        one if other.expiry_s == EXPIRY_MINUTES * 60 and other.carry_over and not other.silence_s else other,
        intents=one.intents | other.intents,
        entities=one.entities | other.entities,
        slots={**one.slots, **other.slots},
        responses={**one.responses, **other.responses},
        actions=one.actions | other.actions,
        warnings=one.warnings + other.warnings,
        lines={**one.lines, **other.lines},
    )


def _read(source: Source, strict: bool) -> Domain:
    data = source.data if source.data is not None else {}
    if not isinstance(data, dict):
        raise BadProject(source.problem((), "a domain is a mapping", "begin with `intents:`, `slots:`, `responses:`"))
    if not strict:
        data = {"responses": data["responses"]}
    problems: list[Problem] = [
        source.problem((key,), f"unknown key '{key}'", did_you_mean(str(key), KNOWN_KEYS))
        for key in data
        if key not in KNOWN_KEYS
    ]
    slots = {name: read_slot(source, name, problems) for name in _section(source, data, "slots", problems)}
    responses = {name: _response(source, name, problems) for name in _section(source, data, "responses", problems)}
    session = _Session()
    try:
        if "session_config" in data:
            session = check(source, _Session, ("session_config",))
    except BadProject as bad:
        problems.extend(bad.problems)
    if problems:
        raise BadProject(problems)
    return Domain(
        intents=frozenset(_names(data.get("intents"))),
        entities=frozenset(_names(data.get("entities"))),
        slots=slots,
        responses=responses,
        actions=frozenset(_names(data.get("actions"))),
        expiry_s=session.session_expiration_time * 60,
        carry_over=session.carry_over_slots_to_new_session,
        silence_s=session.user_silence_time * 60,
        lines={
            f"{section}/{name}": (str(source.path), source.line((section, name)))
            for section, names in (("slots", slots), ("responses", responses))
            for name in names
        },
    )


def _section(source: Source, data: Mapping[str, Json], key: str, problems: list[Problem]) -> Mapping[str, Json]:
    section = data.get(key)
    if section is None:
        return {}
    if not isinstance(section, dict):
        problems.append(source.problem((key,), f"'{key}' must be a mapping of names", "write `name:` and indent below"))
        return {}
    return section


def _names(items: Json) -> Iterable[str]:
    """`- greet` or `- greet: {use_entities: []}`."""
    for item in items or ():
        yield from item if isinstance(item, dict) else (str(item),)


def _response(source: Source, name: str, problems: list[Problem]) -> tuple[Variation, ...]:
    loc: Loc = ("responses", name)
    items = source.data["responses"][name]
    if not isinstance(items, list) or not items:
        problems.append(source.problem(loc, f"the response '{name}' has no variations", "write `- text: …` below it"))
        return ()
    if not name.startswith("utter_"):
        problems.append(source.problem(loc, f"the response '{name}' must begin with utter_", f"call it utter_{name}"))
    return tuple(_variation(source, (*loc, i), problems) for i in range(len(items)))


def read_variations(source: Source) -> tuple[Variation, ...]:
    """What a file says by itself: one variation, or several that are said one after the other. Raises `BadProject`."""
    problems: list[Problem] = []
    items = source.data if isinstance(source.data, list) else [source.data]
    if not items or not all(isinstance(item, dict) for item in items):
        raise BadProject(source.problem((), "replies are expected here", "write `text: …`, or a list of `- text: …`"))
    places: list[Loc] = [(i,) for i in range(len(items))] if isinstance(source.data, list) else [()]
    found = tuple(_variation(source, place, problems) for place in places)
    problems += [
        source.problem(place, "this reply says nothing", "give it a text, an image or a custom payload")
        for place, item in zip(places, items, strict=True)
        if not item
    ]
    if problems:
        raise BadProject(problems)
    return found


def _variation(source: Source, loc: Loc, problems: list[Problem]) -> Variation:
    try:
        given = check(source, _Variation, loc)
        return Variation(
            text=given.text,
            buttons=tuple(Button(b.title, b.payload, b.url) for b in (*given.buttons, *given.quick_replies)),
            image=given.image,
            attachment=given.attachment,
            elements=tuple(map(_element, given.elements)),
            custom=given.custom,
            channel=given.channel,
            condition=_condition(given.condition),
        )
    except BadProject as bad:
        problems.extend(bad.problems)
    except ConditionError as error:
        problems.append(source.problem((*loc, "condition"), str(error)))
    return Variation()


def _element(given: _Element) -> Element:
    url = str(given.default_action.get("url") or "")
    buttons = tuple(Button(each.title, each.payload, each.url) for each in given.buttons)
    return Element(given.title, given.subtitle, given.image_url, url, buttons)


def _condition(given: str | Sequence[_Condition]) -> Condition | None:
    """CALM's expression, or Rasa's list of slot values that must all hold."""
    if isinstance(given, str):
        return parse(given) if given else None
    wanted = [(each.name, each.value) for each in given]
    if not wanted:
        return None
    text = " and ".join(f"slots.{name} = {value!r}" for name, value in wanted)
    names = frozenset(name for name, _ in wanted)
    return Condition(text, names, lambda spaces: all(spaces["slots"].get(name) == value for name, value in wanted))
