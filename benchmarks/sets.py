"""Sets of sentences for measuring, `{train,test}.jsonl`: read, drawn from, and written as a bot's project.

A line is `{"text", "intent", "entities": [{"start", "end", "value", "entity"}]}`, or `{"query", "answer_id"}` in a
questions and answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from nlu.data import Example, NluData, read_marks
from nlu.meaning import Entity
from nlu.recipe import DEFAULT

MODELS = {"use-m3": ["use-m3"], "e5-small-zh": ["e5-small-zh"], "both": ["use-m3", "e5-small-zh"], "none": []}
FAQ = "faq"


def read_examples(path: Path) -> list[Example]:
    """The lines of a file; blank ones are passed over. Raises ValueError naming the line that is malformed."""
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(_example(json.loads(line), str(path), number))
        except (ValueError, LookupError, TypeError) as error:
            raise ValueError(f"{path}:{number}: not a sentence with its intent: {error!r}") from None
    return found


def _example(row: dict[str, Any], path: str, number: int) -> Example:
    if "query" in row:
        return Example(row["query"], f"{FAQ}/{_named(row['answer_id'])}", (), path, number)
    entities = tuple(
        Entity(one["entity"], row["text"][one["start"] : one["end"]], one["value"], one["start"], one["end"])
        for one in row.get("entities", ())
    )
    # a slash would make a retrieval intent of it
    return Example(row["text"], _named(row["intent"]), _apart(entities), path, number)


def _named(name: object) -> str:
    return str(name).strip().replace("/", ".")


def _apart(entities: Sequence[Entity]) -> tuple[Entity, ...]:
    """Of entities that overlap the first; blank ones are dropped: marks can be written for no other."""
    kept: list[Entity] = []
    for entity in sorted(entities, key=lambda one: (one.start, -one.end)):
        if _plain(entity.text).strip() and (not kept or entity.start >= kept[-1].end):
            kept.append(entity)
    return tuple(kept)


def write_project(project: Path, data: NluData, model: str) -> None:
    """The examples as `data/nlu.yml`, and the default pipeline with the sentence encoders that `model` names."""
    project.mkdir(parents=True, exist_ok=True)
    (project / "config.yml").write_text(json.dumps(config(model)), "utf-8")
    write_data(project, data)


def write_data(project: Path, data: NluData) -> None:
    """As a bot's author would write it: one example a line."""
    by_intent: dict[str, list[str]] = {}
    for example in data.examples:
        by_intent.setdefault(example.intent, []).append(marked(example))
    lines = ["nlu:"]
    for intent, examples in by_intent.items():
        lines += [f"- intent: {json.dumps(intent, ensure_ascii=False)}", "  examples: |"]
        lines += [f"    - {text}" for text in examples if text.strip()]
    (project / "data").mkdir(exist_ok=True)
    (project / "data" / "nlu.yml").write_text("\n".join(lines) + "\n", "utf-8")


def config(model: str) -> dict[str, Any]:
    """A `config.yml` of the default pipeline with these encoders."""
    steps = [{"name": name} for name in DEFAULT if MODELS[model] or name != "SentenceEncoder"]
    named = [{**step, "model": MODELS[model]} if step["name"] == "SentenceEncoder" else step for step in steps]
    return {"language": "zh", "pipeline": named}


def marked(example: Example) -> str:
    """The sentence with its entities marked. Where its own brackets would be taken for marks they are widened."""
    text, at = "", 0
    for entity in _apart(example.entities):
        quote = example.text[entity.start : entity.end]
        text += f"{_plain(example.text[at : entity.start])}[{_plain(quote)}]" + json.dumps({"entity": entity.type})
        at = entity.end
    return text + _plain(example.text[at:])


_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def _plain(text: str) -> str:
    return _BREAKS.sub(" ", text.replace("[", "［").replace("]", "］"))


def as_read(examples: Iterable[Example]) -> tuple[Example, ...]:
    """The examples as a project would give them back: what cannot be marked is gone."""
    found = []
    for example in examples:
        text, entities = read_marks(marked(example))
        found.append(replace(example, text=text, entities=entities))
    return tuple(found)
