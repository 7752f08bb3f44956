"""Training data in two: one part to learn from, one to test with. Each intent has its share in both."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Section = Mapping[str, Any]


def split(
    sections: Iterable[Section], responses: Mapping[str, Any], fraction: float, seed: int | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """`sections` as they stand under `nlu:`; `fraction` (0..1) of each intent's examples is to learn from. An intent
    with one example is only learned. Synonyms, patterns and word lists are in both, and the `responses` of the
    retrieval intents that occur."""
    dice = random.Random(seed)
    examples: dict[str, list[Any]] = {}
    others: list[Section] = []
    for section in sections:
        if "intent" in section:
            examples.setdefault(str(section["intent"]), []).extend(lines(section.get("examples")))
        else:
            others.append(section)
    training: dict[str, list[Any]] = {}
    test: dict[str, list[Any]] = {}
    for intent, said in examples.items():
        dice.shuffle(said)
        count = round(len(said) * fraction)
        if len(said) > 1:
            count = min(max(count, 1), len(said) - 1)
        training[intent], test[intent] = said[: max(1, count)], said[max(1, count) :]
    return _data(training, others, responses), _data(test, others, responses)


def lines(examples: Any) -> list[Any]:
    """Single examples: the lines of a block, or the items of a list (`{text, metadata}` or text)."""
    if isinstance(examples, str):
        return [line.strip()[1:].strip() for line in examples.splitlines() if line.strip().startswith("-")]
    return list(examples or ())


def _data(examples: Mapping[str, Sequence[Any]], others: list[Section], responses: Mapping[str, Any]) -> dict[str, Any]:
    sections = [{"intent": intent, "examples": _block(said)} for intent, said in examples.items() if said]
    found = {
        name: given for name, given in responses.items() if "/" in name and examples.get(name.removeprefix("utter_"))
    }
    return {"version": "3.1", "nlu": [*sections, *map(dict, others)], **({"responses": found} if found else {})}


def _block(said: Sequence[Any]) -> Any:
    if all(isinstance(each, str) for each in said):
        return "".join(f"- {each}\n" for each in said)
    return [each if isinstance(each, Mapping) else {"text": each} for each in said]
