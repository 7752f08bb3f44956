"""Training data in the format of Rasa 3's `nlu.yml`, from every YAML file under `data/`; and long word lists as plain
text: a line of `data/lookups/city.txt` is a value of `city`.

https://rasa.com/docs/rasa/nlu-training-data — `intent`, `synonym`, `regex` and `lookup` sections; entity marks
`[值](entity)` and `[值]{"entity": "city", "value": "北京", "role": "from", "group": "1"}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from config.marks import MARK_MEND, read_marks
from config.source import BadProject, Loc, Problem, Source, did_you_mean, read_yaml
from nlu.faq import FaqData, faq_files, read_faq
from nlu.meaning import Entity

SECTIONS = ("intent", "synonym", "regex", "lookup")


@dataclass(frozen=True, slots=True)
class Example:
    """One training sentence. `intent` is the full name: `faq/shipping_fee` for a retrieval intent."""

    text: str
    intent: str
    entities: tuple[Entity, ...] = ()
    file: str = ""
    line: int = 0
    original: str = ""
    """The author's own text, where this is a wording that `nlu.augment` made of it; such are no data to judge by."""

    @property
    def label(self) -> str:
        """What the classifier tells apart: the intent without its retrieval key."""
        return self.intent.partition("/")[0]

    @property
    def retrieval(self) -> bool:
        return "/" in self.intent


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression of the bot's author; its name is the entity type."""

    name: str
    pattern: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class NluData:
    """All training data of a project.

    `synonyms` maps a wording to its value, `lookups` an entity to its values, `answers` the key of a retrieval
    intent (`faq/shipping_fee`) to the text of its response, which says much about what it answers.
    """

    examples: tuple[Example, ...] = ()
    synonyms: Mapping[str, str] = field(default_factory=dict)
    patterns: tuple[Pattern, ...] = ()
    lookups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)

    @property
    def words(self) -> tuple[str, ...]:
        """Wordings the tokenizer should keep whole: lookup values, marked entity values and their synonyms."""
        marked = (entity.text for example in self.examples for entity in example.entities)
        listed = (value for values in self.lookups.values() for value in values)
        return tuple(sorted({*marked, *listed, *self.synonyms}))


def nlu_files(project: Path) -> list[Path]:
    """Every YAML file that may hold training data, in a stable order."""
    files = {*(project / "data").rglob("*.yml"), *(project / "data").rglob("*.yaml")}
    return sorted(path for path in {*files, project / "nlu.yml"} if path.is_file())


def lookup_files(project: Path) -> list[Path]:
    """Word lists as plain text, named as the entity; in a stable order."""
    return sorted(path for path in (project / "data" / "lookups").glob("*.txt") if path.is_file())


def domain_files(project: Path) -> list[Path]:
    """Where responses may stand besides the training data: `domain.yml`, or the files of `domain/`."""
    files = {*(project / "domain").rglob("*.yml"), *(project / "domain").rglob("*.yaml"), project / "domain.yml"}
    return sorted(path for path in files if path.is_file())


def read_data(project: Path) -> NluData:
    """The project's training data, its FAQ included; raises `BadProject` with one problem per malformed line."""
    sources: list[Source] = []
    problems: list[Problem] = []
    faq = FaqData()
    try:
        faq = read_faq(project)
    except BadProject as bad:
        problems.extend(bad.problems)
    words: dict[str, tuple[str, ...]] = {}
    for path in lookup_files(project):
        try:
            words[path.stem] = _read_list(path)
        except BadProject as bad:
            problems.extend(bad.problems)
    # a list of ten thousand answers takes a second to be read
    lists = {path for path in faq_files(project) if not _has_sections(path)}
    for path in (*nlu_files(project), *domain_files(project)):
        if path in lists:
            continue
        try:
            sources.append(read_yaml(path))
        except BadProject as bad:
            # what is no YAML at all was said of a FAQ file already
            problems.extend(problem for problem in bad.problems if problem not in problems)
    if problems:
        raise BadProject(problems)
    data = collect(sources)
    joined = {name: (*data.lookups.get(name, ()), *words.get(name, ())) for name in (*data.lookups, *words)}
    found = {name: tuple(dict.fromkeys(values)) for name, values in joined.items()}
    return with_faq(replace(data, lookups=found), faq)


def _has_sections(path: Path) -> bool:
    content = path.read_bytes()
    return b"nlu:" in content or b"responses:" in content


def with_faq(data: NluData, faq: FaqData) -> NluData:
    """Each entry is a retrieval intent: its wordings are examples, its answer says much about what it answers."""
    asked = [Example(text, entry.key, (), entry.file, line) for entry in faq.entries for text, line in entry.questions]
    answers = {entry.key: "\n".join(entry.answers) for entry in faq.entries}
    return replace(data, examples=(*data.examples, *asked), answers={**data.answers, **answers})


def _read_list(path: Path) -> tuple[str, ...]:
    """Lines that are empty or begin with # are passed over."""
    try:
        lines = [line.strip() for line in path.read_text("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        mend = "save it as UTF-8 text, one value a line"
        raise BadProject(Problem(str(path), 1, f"the word list cannot be read: {error}", mend)) from None
    return tuple(line for line in lines if line and not line.startswith("#"))


def collect(sources: Iterable[Source]) -> NluData:
    """The `nlu` sections of these files, merged; equally named sections are joined."""
    reading = _Reading()
    for source in sources:
        reading.file(source)
    if reading.problems:
        raise BadProject(reading.problems)
    marked = {
        entity.text: str(entity.value)
        for example in reading.examples
        for entity in example.entities
        if entity.value != entity.text
    }
    asked = {example.intent for example in reading.examples if example.retrieval}
    return NluData(
        tuple(reading.examples),
        {**marked, **reading.synonyms},
        tuple(reading.patterns),
        {name: tuple(dict.fromkeys(values)) for name, values in reading.lookups.items()},
        {key: text for key, text in reading.answers.items() if key in asked},
    )


class _Reading:
    """What has been read so far, and everything that was wrong with it."""

    def __init__(self) -> None:
        self.examples: list[Example] = []
        self.synonyms: dict[str, str] = {}
        self.patterns: list[Pattern] = []
        self.lookups: dict[str, list[str]] = {}
        self.answers: dict[str, str] = {}
        self.problems: list[Problem] = []

    def file(self, source: Source) -> None:
        if not isinstance(source.data, dict):
            return
        self._answers(source.data.get("responses"))
        if source.data.get("nlu") is None:
            return
        sections = source.data["nlu"]
        if not isinstance(sections, list):
            self.problems.append(
                source.problem(("nlu",), "'nlu' must be a list", "begin each section with '- intent:'")
            )
            return
        for i, section in enumerate(sections):
            self._section(source, ("nlu", i), section)

    def _answers(self, responses: Any) -> None:
        """`utter_faq/shipping_fee` answers `faq/shipping_fee`; the dialogue checks the rest of this section."""
        for name, variations in responses.items() if isinstance(responses, dict) else ():
            key = str(name).removeprefix("utter_")
            said = [one.get("text") for one in variations or () if isinstance(one, dict)]
            if "/" in key:
                self.answers[key] = "\n".join(text for text in said if isinstance(text, str))

    def _section(self, source: Source, loc: Loc, section: Any) -> None:
        if not isinstance(section, dict):
            self.problems.append(source.problem(loc, "a section is expected here", "e.g. '- intent: greet'"))
            return
        kind = next((kind for kind in SECTIONS if kind in section), "")
        if not kind:
            given = str(next(iter(section), ""))
            self.problems.append(source.problem(loc, f"unknown section '{given}'", did_you_mean(given, SECTIONS)))
            return
        for key in section:
            if key not in (kind, "examples", "metadata"):
                mend = did_you_mean(str(key), (kind, "examples", "metadata"))
                self.problems.append(source.problem((*loc, key), f"unknown key '{key}'", mend))
        name = section[kind]
        if not isinstance(name, str) or not name.strip():
            self.problems.append(source.problem((*loc, kind), f"this {kind} has no name", "write it after the colon"))
            return
        self._fill(source, loc, kind, name.strip(), section.get("examples"))

    def _fill(self, source: Source, loc: Loc, kind: str, name: str, examples: Any) -> None:
        before = len(self.problems)
        lines = list(self._lines(source, (*loc, "examples"), examples))
        if not lines and len(self.problems) == before:
            self.problems.append(source.problem(loc, f"{kind} '{name}' has no examples", "add lines '- …' under it"))
        for text, line in lines:
            if kind == "intent":
                self._example(source, name, text, line)
            elif kind == "synonym":
                self.synonyms[text] = name
            elif kind == "lookup":
                self.lookups.setdefault(name, []).append(text)
            else:
                self._pattern(source, name, text, line)

    def _lines(self, source: Source, loc: Loc, examples: Any) -> Iterator[tuple[str, int]]:
        """Each example and its line, from the block form (`examples: |`) or the list form."""
        if examples is None:
            return
        if isinstance(examples, str):
            yield from self._block(source, examples, source.line(loc) + 1)
        elif isinstance(examples, list):
            for i, item in enumerate(examples):
                text = item.get("text") if isinstance(item, dict) else item
                if isinstance(text, str) and text.strip():
                    yield text.strip().removeprefix("- "), source.line((*loc, i))
                else:
                    self.problems.append(source.problem((*loc, i), "an example is a text", "write '- text: …'"))
        else:
            self.problems.append(source.problem(loc, "examples are missing their '|'", "write 'examples: |'"))

    def _block(self, source: Source, block: str, first: int) -> Iterator[tuple[str, int]]:
        for number, raw in enumerate(block.split("\n"), first):
            text = raw.strip()
            if not text:
                continue
            if not text.startswith("-") or not text[1:].strip():
                what = f"not an example: {text[:40]!r}"
                self.problems.append(Problem(str(source.path), number, what, "begin the line with '- '"))
                continue
            yield text[1:].strip(), number

    def _example(self, source: Source, intent: str, marked: str, line: int) -> None:
        try:
            text, entities = read_marks(marked)
        except ValueError as error:
            self.problems.append(Problem(str(source.path), line, str(error), MARK_MEND))
            return
        self.examples.append(Example(text, intent, entities, str(source.path), line))

    def _pattern(self, source: Source, name: str, pattern: str, line: int) -> None:
        try:
            re.compile(pattern)
        except re.error as error:
            what = f"regex '{name}' is not valid: {error}"
            self.problems.append(Problem(str(source.path), line, what, f"look at {pattern[:60]!r}"))
            return
        self.patterns.append(Pattern(name, pattern, str(source.path), line))
