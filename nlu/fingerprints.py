"""Which steps of a pipeline must be trained again: each has a fingerprint of all that it learns from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from adapters.message import plain
from nlu import sample
from nlu.component import COMPONENTS, Field, Material
from nlu.data import NluData
from nlu.model import SCHEMA, Manifest, dictionaries, pretrained
from nlu.recipe import Recipe, Step

LEARNED_FROM: frozenset[Field] = frozenset({"normalized", "tokens", "features", "sentence", "states"})
"""What later components learn from; the rest is only for serving."""
_OF_THE_SAMPLE: frozenset[Material] = frozenset({"texts", "intents", "entities", "answers"})


@dataclass(frozen=True, slots=True)
class Plan:
    """`fingerprints` are of the recipe's steps, in order; those in `kept` are taken from the last model. `sample` are
    the marks of the FAQ's part that the intents are, or were, learned from."""

    fingerprints: tuple[str, ...]
    sample: tuple[str, ...]
    kept: frozenset[str]


def plan(project: Path, recipe: Recipe, data: NluData, last: Manifest | None) -> Plan:
    """A FAQ that is much the same is not learned anew by what tells intents: its new questions are found by heart and
    by the retriever all the same."""
    core = sample.core(data)
    now = sample.marks(core)
    if last is not None and now != last.sample and sample.much_the_same(now, last.sample):
        old = _plan(project, recipe, core, data, last.sample, last)
        if all(step.name in old.kept for step in recipe.steps if _needs_sample(step)):
            return old
    return _plan(project, recipe, core, data, now, last)


def _needs_sample(step: Step) -> bool:
    reads = COMPONENTS[step.name].reads
    return bool(reads & _OF_THE_SAMPLE) and "questions" not in reads


def _plan(
    project: Path, recipe: Recipe, core: NluData, data: NluData, marks: tuple[str, ...], last: Manifest | None
) -> Plan:
    materials = _materials(project, recipe, core, data, marks)
    before = dict(zip((name for name, _ in last.steps), last.fingerprints, strict=True)) if last else {}
    models = pretrained(project, recipe)
    found: list[str] = []
    above: list[str] = []
    for step in recipe.steps:
        component = COMPONENTS[step.name]
        reads = {name: materials[name] for name in sorted(component.reads)}
        named = {name: own for name, own in models.items() if name.split()[0] == step.name}
        options = step.options.model_dump(mode="json")
        own = _digest([_code(), SCHEMA, recipe.language, step.name, options, named, reads, above])
        found.append(own)
        if component.assigns & LEARNED_FROM:
            above.append(own)
    names = (step.name for step in recipe.steps)
    kept = frozenset(name for name, own in zip(names, found, strict=True) if before.get(name) == own)
    return Plan(tuple(found), marks, kept)


def _materials(
    project: Path, recipe: Recipe, core: NluData, data: NluData, marks: tuple[str, ...]
) -> Mapping[Material, str]:
    """A digest of each part of the data. The FAQ's part of the examples is in `marks` alone."""
    own = [one for one in core.examples if not one.retrieval]
    marked = [one for one in core.examples if one.entities]
    asked = [(one.text, one.intent) for one in data.examples if one.retrieval]
    contents: dict[Material, Any] = {
        "texts": [[one.text for one in own], marks],
        "intents": [[one.intent for one in own], sorted({one.label for one in core.examples}), marks],
        "entities": [(one.text, [plain(entity) for entity in one.entities]) for one in marked],
        "patterns": [(one.name, one.pattern) for one in data.patterns],
        "synonyms": data.synonyms,
        "lookups": data.lookups,
        "answers": marks,
        "files": [hashlib.sha256(path.read_bytes()).hexdigest() for path in dictionaries(project, recipe)],
        "questions": [asked, data.answers],
    }
    return {name: _digest(content) for name, content in contents.items()}


@cache
def _code() -> str:
    """A digest of what trains: another release may learn something else of the same data."""
    folder = Path(__file__).parent
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".txt"))
    return _digest([hashlib.sha256(path.read_bytes()).hexdigest() for path in files])


def _digest(content: Any) -> str:
    return hashlib.sha256(
        json.dumps(content, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")
    ).hexdigest()
