"""Test stories: what a customer says, and what the bot must do, step by step.

https://rasa.com/docs/rasa/testing-your-assistant. As in Rasa, actions are not run: each is predicted, compared, and the
story goes on as it is written, with the slots and loops that it names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from config.source import BadProject, Problem, read_yaml
from flows.domain import yaml_files
from flows.rasa import events
from flows.rasa.engine import RasaEngine
from flows.rasa.events import LISTEN, Event, is_action
from flows.rasa.parsing import parse_data
from flows.rasa.policies.ensemble import predict
from flows.rasa.policies.unlikely import UNLIKELY
from flows.rasa.stories import Story, stories_of, unroll
from flows.rasa.tracker import Tracker
from nlu.meaning import Meaning

Parse = Callable[[str], Meaning]


@dataclass(frozen=True, slots=True)
class Miss:
    """A step that went otherwise. `kind`: `intent`, `entities` or `action`."""

    kind: str
    expected: str
    found: str
    policy: str = ""
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """One event of a test story, and where it went wrong."""

    event: Event
    miss: Miss | None = None


@dataclass(frozen=True, slots=True)
class Tested:
    """A test story; `actions` were compared, `right` of them as expected."""

    story: str
    file: str
    line: int
    lines: tuple[Line, ...]
    actions: int
    right: int

    @property
    def passed(self) -> bool:
        return not any(line.miss for line in self.lines)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of all test stories."""

    tested: tuple[Tested, ...]

    @property
    def passed(self) -> int:
        return sum(each.passed for each in self.tested)

    @property
    def actions(self) -> int:
        return sum(each.actions for each in self.tested)

    @property
    def right(self) -> int:
        return sum(each.right for each in self.tested)

    def to_dict(self) -> dict[str, Any]:
        """Shares in 0..1; `failed` has the stories with their first miss."""
        return {
            "conversations": len(self.tested),
            "passed": self.passed,
            "conversation_accuracy": round(self.passed / len(self.tested), 4) if self.tested else 1.0,
            "actions": self.actions,
            "action_accuracy": round(self.right / self.actions, 4) if self.actions else 1.0,
            "failed": [
                {"story": each.story, "file": each.file, "line": each.line, **_first(each)}
                for each in self.tested
                if not each.passed
            ],
        }


def _first(tested: Tested) -> dict[str, str]:
    miss = next(line.miss for line in tested.lines if line.miss)
    return {"kind": miss.kind, "expected": miss.expected, "found": miss.found}


def read_tests(path: Path) -> list[Story]:
    """The test stories of a file, or of every file of a folder whose name begins with `test_`; of a project: of its
    `tests/`. Raises `BadProject` where there are none."""
    folder = path / "tests" if (path / "tests").is_dir() else path
    files = [path] if path.is_file() else yaml_files(folder)
    found: list[Story] = []
    problems: list[Problem] = []
    for file in files:
        source = read_yaml(file)
        if isinstance(source.data, dict) and "stories" in source.data:
            try:
                found += stories_of(source)
            except BadProject as bad:
                problems += bad.problems
    if not found and not problems:
        problems.append(Problem(str(folder), 1, "there are no test stories", "write tests/test_stories.yml"))
    if problems:
        raise BadProject(problems)
    return found


def run_tests(engine: RasaEngine, stories: Iterable[Story], parse: Parse | None) -> Report:
    """Without `parse`, what is said is taken to mean what the story says."""
    return Report(
        tuple(_tested(engine, told.events, told.story, told.file, told.line, parse) for told in unroll(stories))
    )


def _tested(engine: RasaEngine, told: Sequence[Event], name: str, file: str, line: int, parse: Parse | None) -> Tested:
    start = [events.action(events.SESSION_START, 0.0), events.plain("session_started", 0.0)]
    tracker = Tracker(name, engine.domain.initial, [*start, events.action(LISTEN, 0.0)])
    lines: list[Line] = []
    compared = right = 0
    for event in told[1:] if told and is_action(told[0], LISTEN) else told:
        if event["event"] == "user":
            heard, miss = _heard(event, parse, engine)
            lines.append(Line(event, miss))
            tracker.update(heard)
        elif is_action(event):
            miss = _predicted(engine, tracker, event)
            compared += 1
            right += miss is None
            lines.append(Line(event, miss))
            tracker.update(event)
        else:
            lines.append(Line(event))
            tracker.update(event)
    return Tested(name, file, line, tuple(lines), compared, right)


def _heard(event: Event, parse: Parse | None, engine: RasaEngine) -> tuple[Event, Miss | None]:
    text, gold = event.get("text"), event["parse_data"]
    if parse is None or not text:
        return event, None
    found = parse_data(parse(text), engine.domain.base)
    wanted = gold["intent"]["name"]
    heard = {**event, "parse_data": found}
    if wanted and not _same_intent(wanted, found):
        return heard, Miss("intent", wanted, str(found["intent"]["name"]), confidence=found["intent"]["confidence"])
    expected, present = _marks(gold["entities"], engine), _marks(found["entities"], engine)
    if gold["entities"] and not expected <= present:
        return heard, Miss("entities", ", ".join(sorted(expected)), ", ".join(sorted(present)))
    return {**event, "parse_data": {**found, "intent": {**gold["intent"]}, "entities": found["entities"]}}, None


def _same_intent(wanted: str, found: Mapping[str, Any]) -> bool:
    name = str(found["intent"]["name"])
    if "/" not in wanted:
        return name == wanted
    answer = ((found.get("response_selector") or {}).get(name) or {}).get("response") or {}
    return answer.get("intent_response_key") == wanted


def _marks(entities: Iterable[Mapping[str, Any]], engine: RasaEngine) -> set[str]:
    """Type and value of each; only types that the domain knows, since rules find others, which no story marks."""
    known = set(engine.domain.entities)
    return {f"{one['entity']}={_same(one.get('value'))}" for one in entities if one["entity"] in known}


_GRAIN = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)(?:T(?P<time>\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?")


def _same(value: Any) -> str:
    """A value as it is compared: numbers by what they are worth, times without the second and the zone that Duckling
    adds (and midnight is the day), words whatever their case: a list of names may write them otherwise."""
    if isinstance(value, Mapping):
        return str({str(key): _same(each) for key, each in sorted(value.items())})
    text = str(value).strip()
    when = _GRAIN.fullmatch(text)
    if when is not None:
        return when["day"] if when["time"] in (None, "00:00") else f"{when['day']}T{when['time']}"
    try:
        return f"{float(text):g}"
    except ValueError:
        return text.casefold()


def _predicted(engine: RasaEngine, tracker: Tracker, event: Event) -> Miss | None:
    gold = str(event.get("name") or event.get("action_text"))
    said = predict(engine.policies, tracker, engine.domain)
    if said.action == tracker.loop != gold and tracker.loop in engine.domain.forms:
        # the story says that the form has refused
        tracker.update(events.rejected(str(tracker.loop), 0.0))
        said = predict(engine.policies, tracker, engine.domain)
    if said.action == UNLIKELY != gold:
        tracker.update(events.action(UNLIKELY, 0.0))
        said = predict(engine.policies, tracker, engine.domain)
    if said.action == gold:
        return None
    return Miss("action", gold, said.action, said.policy, said.confidence)


# --- what failed, as a file to look at and to mend ----------------------------------------------------------------


def failed_yaml(report: Report) -> str:
    """The stories that failed, in Rasa's format, each wrong step with what came instead behind it."""
    failed = [each for each in report.tested if not each.passed]
    if not failed:
        return "# None of the test stories failed - all good!\n"
    lines = ['version: "3.1"', "stories:"]
    for each in failed:
        lines += [f"- story: {_scalar(f'{each.story} ({each.file})')}", "  steps:"]
        for line in each.lines:
            lines += _step_lines(line)
    return "\n".join(lines) + "\n"


def story_yaml(name: str, told: Iterable[Event]) -> str:
    """A conversation as a test story."""
    lines = ['version: "3.1"', "stories:", f"- story: {_scalar(name)}", "  steps:"]
    for event in told:
        lines += _step_lines(Line(event))
    return "\n".join(lines) + "\n"


def _step_lines(line: Line) -> Iterator[str]:
    event, note = line.event, _note(line.miss)
    match event["event"]:
        case "user":
            intent = event["parse_data"]["intent"]["name"]
            if intent:
                yield f"  - intent: {_scalar(intent)}{note}"
            if event.get("text"):
                yield f"  {' ' if intent else '-'} user: |-{'' if intent else note}"
                yield from (f"      {each}" for each in _marked(event).split("\n"))
        case "action" if not is_action(event, LISTEN) or note:
            named = event.get("name")
            yield f"  - {'action' if named else 'bot'}: {_scalar(named or event.get('action_text'))}{note}"
        case "slot":
            yield "  - slot_was_set:"
            yield f"    - {_scalar(event['name'])}: {_scalar(event.get('value'))}"
        case "active_loop":
            yield f"  - active_loop: {_scalar(event.get('name'))}"


def _marked(event: Event) -> str:
    """What was said, its entities marked as in training data."""
    text, end = str(event["text"]), len(str(event["text"]))
    found = [each for each in event["parse_data"].get("entities") or () if each.get("end")]
    for each in sorted(found, key=lambda one: -int(one["start"])):
        start, stop = int(each["start"]), int(each["end"])
        if not 0 <= start < stop <= end or text.startswith("/"):
            continue
        shown, more = text[start:stop], {key: each[key] for key in ("role", "group") if each.get(key)}
        if each.get("value") not in (None, shown):
            more["value"] = each["value"]
        marks = json.dumps({"entity": each["entity"], **more}, ensure_ascii=False) if more else f"({each['entity']})"
        text, end = f"{text[:start]}[{shown}]{marks}{text[stop:]}", start
    return text


def _note(miss: Miss | None) -> str:
    return f"  # {miss.kind}: predicted {miss.found or 'nothing'}" if miss else ""


def _scalar(value: Any) -> str:
    text: str = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, width=10_000)
    return text.removesuffix("\n...\n").rstrip("\n")
