"""Stories and rules: `stories:` and `rules:` of every file under `data/`, in the format of Rasa 2 and 3.

https://rasa.com/docs/rasa/stories, https://rasa.com/docs/rasa/rules. A story is read into steps; `unroll` makes event
sequences of them: each `or` once for every choice, checkpoints joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from adapters.message import Json
from config.marks import read_marks
from config.source import BadProject, Loc, Problem, Source, did_you_mean
from flows.domain import data_sources
from flows.rasa import events
from flows.rasa.events import LISTEN, SNIPPET, Event

STEP_KEYS = ("intent", "user", "action", "bot", "slot_was_set", "active_loop", "or", "checkpoint")
MOST_AT_A_CHECKPOINT = 100
"""So many ways of getting to a checkpoint are followed on; the first ones, in the order of the files."""
MOST_CHOICES = 200
"""So many combinations of a story's `or` steps are told."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a customer says: an intent with entities, or (end to end) a text; in test stories both."""

    intent: str = ""
    text: str = ""
    entities: tuple[Mapping[str, Any], ...] = ()
    """Rasa's: `entity`, `value`, and where a text is given `start` and `end`; `role` and `group` where told."""


@dataclass(frozen=True, slots=True)
class Done:
    """What the bot does: an action by its name, or (end to end) a text that it says."""

    action: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class SlotWasSet:
    name: str
    value: Json


@dataclass(frozen=True, slots=True)
class Loop:
    name: str | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    name: str
    slots: tuple[SlotWasSet, ...] = ()


@dataclass(frozen=True, slots=True)
class Either:
    """One of these: what is said, or slots that were set together."""

    choices: tuple[tuple[Said | SlotWasSet, ...], ...]


Step = Said | Done | SlotWasSet | Loop | Checkpoint | Either


@dataclass(frozen=True, slots=True)
class Story:
    """`lines[i]` is where `steps[i]` is written. The rest is of rules alone."""

    name: str
    steps: tuple[Step, ...]
    file: str = ""
    line: int = 1
    lines: tuple[int, ...] = ()
    is_rule: bool = False
    conditions: tuple[SlotWasSet | Loop, ...] = ()
    conversation_start: bool = False
    waits: bool = True
    """`wait_for_user_input`."""


@dataclass(frozen=True, slots=True)
class Told:
    """A story as a sequence of events."""

    story: str
    events: tuple[Event, ...]
    is_rule: bool = False
    file: str = ""
    line: int = 1


def read_stories(project: Path) -> list[Story]:
    """Every story and rule under `data/`. Raises `BadProject` with every problem found."""
    found: list[Story] = []
    problems: list[Problem] = []
    sources = {source.path: source for key in ("stories", "rules") for source in data_sources(project, key)}
    for source in sources.values():
        try:
            found += stories_of(source)
        except BadProject as bad:
            problems += bad.problems
    if problems:
        raise BadProject(problems)
    return found


def stories_of(source: Source) -> list[Story]:
    """The stories and rules of one file. Raises `BadProject`."""
    reading = _Reading(source)
    found = [story for key in ("stories", "rules") for story in reading.section(key)]
    if reading.problems:
        raise BadProject(reading.problems)
    return found


class _Reading:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def wrong(self, loc: Loc, what: str, mend: str = "") -> None:
        self.problems.append(self.source.problem(loc, what, mend))

    def section(self, key: str) -> Iterator[Story]:
        items = self.source.data.get(key) if isinstance(self.source.data, dict) else None
        if items is None:
            return
        if not isinstance(items, list):
            self.wrong((key,), f"'{key}' must be a list", f"begin each one with '- {_name_key(key)}: …'")
            return
        for i, item in enumerate(items):
            story = self.story((key, i), item, is_rule=key == "rules")
            if story is not None:
                yield story

    def story(self, loc: Loc, item: Any, *, is_rule: bool) -> Story | None:
        kind = "rule" if is_rule else "story"
        if not isinstance(item, dict) or not isinstance(item.get(kind), str | int):
            self.wrong(loc, f"a {kind} is expected here", f"begin with '- {kind}: its name'")
            return None
        known = (kind, "steps", "metadata", *(("condition", "conversation_start", "wait_for_user_input") * is_rule))
        for key in item:
            if key not in known:
                self.wrong((*loc, key), f"unknown key '{key}' in a {kind}", did_you_mean(str(key), known))
        steps: list[Step] = []
        lines: list[int] = []
        given = item.get("steps")
        if not isinstance(given, list) or not given:
            self.wrong(loc, f"the {kind} '{item[kind]}' has no steps", "write `steps:` and a list below it")
            given = []
        for i, step in enumerate(given):
            place = (*loc, "steps", i)
            for read in self.step(place, step):
                steps.append(read)
                lines.append(self.source.line(place))
        conditions = [
            step
            for i, each in enumerate(item.get("condition") or ())
            for step in self.step((*loc, "condition", i), each)
            if isinstance(step, SlotWasSet | Loop)
        ]
        return Story(
            str(item[kind]),
            tuple(steps),
            str(self.source.path),
            self.source.line(loc),
            tuple(lines),
            is_rule,
            tuple(conditions),
            bool(item.get("conversation_start", False)),
            bool(item.get("wait_for_user_input", True)),
        )

    def step(self, loc: Loc, step: Any) -> Iterator[Step]:
        if step == SNIPPET:
            yield Done(SNIPPET)
            return
        if not isinstance(step, dict) or not any(key in step for key in STEP_KEYS):
            given = next(iter(step), "") if isinstance(step, dict) else step
            self.wrong(loc, f"not a step: {str(given)[:40]!r}", did_you_mean(str(given), STEP_KEYS))
            return
        match step:
            case {"checkpoint": name}:
                yield Checkpoint(str(name), tuple(self.slots((*loc, "slot_was_set"), step.get("slot_was_set"))))
            case {"intent": _} | {"user": _}:
                yield self.said(loc, step)
                yield from self.slots((*loc, "slot_was_set"), step.get("slot_was_set"))
            case {"or": choices}:
                yield from self.either((*loc, "or"), choices)
            case {"action": name}:
                yield Done(str(name))
            case {"bot": text}:
                yield Done(text=str(text).strip())
            case {"slot_was_set": slots}:
                yield from self.slots((*loc, "slot_was_set"), slots)
            case {"active_loop": name}:
                yield Loop(None if name in (None, "null") else str(name))

    def said(self, loc: Loc, step: Mapping[str, Any]) -> Said:
        text, entities = "", []
        if isinstance(step.get("user"), str):
            try:
                text, marked = read_marks(step["user"].strip())
            except ValueError as error:
                self.wrong((*loc, "user"), str(error))
                marked = ()
            entities = [
                {
                    "entity": one.type, "value": one.value, "start": one.start, "end": one.end,
                    **({"role": one.role} if one.role else {}), **({"group": one.group} if one.group else {}),
                }
                for one in marked
            ]  # fmt: skip
        intent = step.get("intent") or ""
        if isinstance(intent, str) and intent.startswith("/"):
            intent = intent[1:]
        told = self.entities((*loc, "entities"), step.get("entities"))
        return Said(str(intent), text, tuple(entities or told))

    def entities(self, loc: Loc, items: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for i, item in enumerate(items or ()):
            if isinstance(item, str):
                found.append({"entity": item, "value": None})
            elif isinstance(item, dict) and item:
                names = [key for key in item if key not in ("role", "group", "value", "start", "end")]
                parts = {key: item[key] for key in ("role", "group") if item.get(key)}
                found += [{"entity": str(name), "value": item[name], **parts} for name in names]
            else:
                self.wrong((*loc, i), "an entity is expected here", "write '- city: 北京'")
        return found

    def slots(self, loc: Loc, items: Any) -> Iterator[SlotWasSet]:
        items = [items] if isinstance(items, dict | str) else items
        for i, item in enumerate(items or ()):
            if isinstance(item, dict):
                yield from (SlotWasSet(str(name), value) for name, value in item.items())
            elif isinstance(item, str):
                yield SlotWasSet(item, None)
            else:
                self.wrong((*loc, i), "a slot is expected here", "write '- city: 北京'")

    def either(self, loc: Loc, choices: Any) -> Iterator[Either]:
        found: list[tuple[Said | SlotWasSet, ...]] = []
        for i, choice in enumerate(choices or ()):
            steps = tuple(step for step in self.step((*loc, i), choice) if isinstance(step, Said | SlotWasSet))
            if steps:
                found.append(steps)
            else:
                self.wrong((*loc, i), "'or' chooses between what is said or which slots are set", "write '- intent: …'")
        if found:
            yield Either(tuple(found))


def _name_key(section: str) -> str:
    return {"stories": "story", "rules": "rule"}[section]


# --- unrolling ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Block:
    """A stretch of a story between checkpoints. `after`: where it may begin; `before`: where it leads to."""

    story: Story
    events: tuple[Event, ...]
    after: tuple[Checkpoint, ...] = ()
    before: tuple[Checkpoint, ...] = ()


@dataclass(frozen=True, slots=True)
class _Way:
    """A way through blocks; `told` are their stories' names."""

    told: tuple[str, ...]
    events: tuple[Event, ...]
    slots: Mapping[str, Json] = field(default_factory=dict)
    blocks: frozenset[int] = frozenset()


def unroll(stories: Iterable[Story]) -> list[Told]:
    """Every story and rule as events, from its beginning to its end. Rules have no checkpoints."""
    found: list[Told] = []
    blocks: list[_Block] = []
    for story in stories:
        for steps in _chosen(story.steps):
            if story.is_rule:
                found.append(Told(story.name, tuple(_rule_events(story, steps)), True, story.file, story.line))
            else:
                blocks += _blocks(story, steps)
    return found + list(_join(blocks))


def _chosen(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """The steps once for every combination of choices."""
    parts = [step.choices if isinstance(step, Either) else ((step,),) for step in steps]
    for number, way in enumerate(product(*parts)):
        if number == MOST_CHOICES:
            return
        yield [step for part in way for step in part]


def _rule_events(story: Story, steps: Sequence[Step]) -> Iterator[Event]:
    yield from _events(story.conditions)
    if not story.conversation_start:
        yield events.action(SNIPPET, 0.0)
    yield from _with_listens(_events(steps))
    yield events.action(LISTEN if story.waits else SNIPPET, 0.0)


def _blocks(story: Story, steps: Sequence[Step]) -> Iterator[_Block]:
    after: list[Checkpoint] = []
    stretch: list[Step] = []
    for step in steps:
        if not isinstance(step, Checkpoint):
            stretch.append(step)
        elif not stretch:
            after.append(step)
        else:
            yield _Block(story, tuple(_events(stretch)), tuple(after), (step,))
            after, stretch = [replace(step, slots=())], []
    if stretch:
        yield _Block(story, tuple(_events(stretch)), tuple(after))


def _join(blocks: Sequence[_Block]) -> Iterator[Told]:
    """Ways from blocks that begin a conversation to blocks that lead nowhere, no block twice in one."""
    waiting: dict[str, list[_Way]] = {}
    fresh = [(_Way((), ()), number) for number, block in enumerate(blocks) if not block.after]
    while fresh:
        following: list[tuple[_Way, int]] = []
        for way, number in fresh:
            block = blocks[number]
            name = (block.story.name,) if block.story.name not in way.told else ()
            gone = _Way(
                way.told + name,
                way.events + block.events,
                {**way.slots, **events.slots_in(block.events)},
                way.blocks | {number},
            )
            if not block.before:
                told = tuple(_with_listens(gone.events))
                yield Told(
                    " > ".join(gone.told),
                    (*told, events.action(LISTEN, 0.0)),
                    False,
                    block.story.file,
                    block.story.line,
                )
            for checkpoint in block.before:
                arrived = waiting.setdefault(checkpoint.name, [])
                if len(arrived) < MOST_AT_A_CHECKPOINT:
                    arrived.append(gone)
                    following += [(gone, i) for i, other in enumerate(blocks) if _leads(gone, checkpoint, i, other)]
        fresh = following


def _leads(way: _Way, checkpoint: Checkpoint, number: int, block: _Block) -> bool:
    return number not in way.blocks and any(
        start.name == checkpoint.name and all(way.slots.get(slot.name) == slot.value for slot in start.slots)
        for start in block.after
    )


def _events(steps: Iterable[Step]) -> Iterator[Event]:
    for step in steps:
        match step:
            case Said():
                yield said_event(step)
            case Done(action, text):
                yield events.action(action or None, 0.0, text=text)
            case SlotWasSet(name, value):
                yield events.slot(name, value, 0.0)
            case Loop(name):
                yield events.active_loop(name, 0.0)


def said_event(said: Said, at: float = 0.0) -> dict[str, Any]:
    """The `user` event of a step."""
    parse = {
        "intent": {"name": said.intent or None, "confidence": 1.0},
        "entities": [dict(entity) for entity in said.entities],
        "intent_ranking": [],
    }
    return events.user(said.text or None, parse, at)


def _with_listens(told: Iterable[Event]) -> Iterator[Event]:
    """Before everything that is said the bot has listened."""
    before: Event | None = None
    for event in told:
        if event["event"] == "user" and not (before is not None and events.is_action(before, LISTEN)):
            yield events.action(LISTEN, 0.0)
        yield event
        before = event
