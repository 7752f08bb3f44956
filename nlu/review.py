"""A second look at the training data, for `validate`: what is written twice, contradictory or too little."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from config.source import Problem, did_you_mean
from nlu.data import Example, NluData
from nlu.features import essence
from nlu.normalize import normalize
from nlu.recipe import Recipe

FEW = 5
"""An intent with fewer examples than this is hard to learn."""


@dataclass(frozen=True, slots=True)
class Review:
    """`conflicts` make training guess and should fail a check; `remarks` are worth mending."""

    conflicts: tuple[Problem, ...] = ()
    remarks: tuple[Problem, ...] = ()


def review(data: NluData) -> Review:
    """Everything doubtful in the data, each with the line where it stands and the line that it clashes with."""
    conflicts, remarks = _repeated(data)
    marks = _marked_twice(data)
    return Review(tuple(conflicts + marks), tuple(remarks + list(_few(data)) + list(_synonyms(data))))


def unlisted(data: NluData, intents: Collection[str]) -> list[Problem]:
    """Intents that have examples but are not among the domain's `intents`: said once each, at the first example."""
    first: dict[str, Example] = {}
    for example in data.examples:
        first.setdefault(example.label, example)
    return [
        Problem(one.file, one.line, f"the intent '{name}' is not listed in the domain", did_you_mean(name, intents))
        for name, one in first.items()
        if name not in intents
    ]


def unlisted_entities(data: NluData, entities: Collection[str]) -> list[Problem]:
    """Entities that examples mark but the domain does not list: said once each. Nothing for a domain without any."""
    first: dict[str, Example] = {}
    for example in data.examples:
        for entity in example.entities:
            first.setdefault(entity.type, example)
    return [
        Problem(one.file, one.line, f"the entity '{name}' is not listed in the domain", did_you_mean(name, entities))
        for name, one in first.items()
        if entities and name not in entities
    ]


def unread(data: NluData, recipe: Recipe, config: Path) -> list[Problem]:
    """Data that no component of the pipeline reads: a retrieval intent without its answers is the costly one."""
    there = {step.name for step in recipe.steps}
    own = not any(step.rasa for step in recipe.steps)
    found = (
        (any(example.retrieval for example in data.examples), "questions and answers", "FaqRetriever"),
        (own and data.lookups, "word lists (lookup)", "LookupEntityExtractor"),
        (own and data.patterns, "patterns (regex)", "RegexEntityExtractor"),
        (own and data.synonyms, "synonyms", "EntitySynonymMapper"),
    )
    return [
        Problem(str(config), 1, f"nothing in the pipeline reads the {what} under data/", f"add '- name: {name}'")
        for is_there, what, name in found
        if is_there and name not in there
    ]


def _repeated(data: NluData) -> tuple[list[Problem], list[Problem]]:
    first: dict[str, Example] = {}
    conflicts: list[Problem] = []
    remarks: list[Problem] = []
    for example in data.examples:
        key = essence(normalize(example.text).text) or example.text
        before = first.setdefault(key, example)
        if before is example:
            continue
        there = f"{Path(before.file).name}:{before.line}"
        if before.intent != example.intent:
            what = f"'{example.text}' is an example of {example.intent} here and of {before.intent} at {there}"
            conflicts.append(Problem(example.file, example.line, what, "keep it where it belongs"))
        else:
            what = f"'{example.text}' is already at {there}"
            remarks.append(Problem(example.file, example.line, what, "remove one"))
    return conflicts, remarks


def _marked_twice(data: NluData) -> list[Problem]:
    """One wording marked as two entities; with roles or groups that may be meant."""
    first: dict[str, tuple[str, Example]] = {}
    found: list[Problem] = []
    for example in data.examples:
        for entity in example.entities:
            if entity.role or entity.group:
                continue
            kind, before = first.setdefault(normalize(entity.text).text, (entity.type, example))
            if kind != entity.type:
                what = f"'{entity.text}' is marked as {entity.type} here"
                what += f" and as {kind} at {Path(before.file).name}:{before.line}"
                found.append(Problem(example.file, example.line, what, "mark it the same everywhere, or give roles"))
    return found


def _few(data: NluData) -> Iterator[Problem]:
    examples: dict[str, list[Example]] = defaultdict(list)
    for example in data.examples:
        examples[example.label].append(example)
    for name, mine in examples.items():
        if len(mine) < FEW:
            what = f"intent '{name}' has only {len(mine)} example{'s' if len(mine) > 1 else ''}"
            yield Problem(mine[0].file, mine[0].line, what, f"write at least {FEW}, better 30")


def _synonyms(data: NluData) -> Iterator[Problem]:
    """A mark says that a wording stands for one value, a `synonym` section says another."""
    for example in data.examples:
        for entity in example.entities:
            says = data.synonyms.get(entity.text)
            if entity.value != entity.text and says is not None and says != str(entity.value):
                what = f"'{entity.text}' stands for '{entity.value}' here, and elsewhere for '{says}'"
                yield Problem(example.file, example.line, what, "say the same in both places")
