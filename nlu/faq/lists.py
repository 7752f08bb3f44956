"""FAQ lists in YAML: `- q: [包邮吗, 运费多少] a: 满 99 元包邮`, in Chinese keys (问, 答) or English ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from config.source import Loc, Problem, Source, did_you_mean
from nlu.faq.columns import CALLED, Part, part_of
from nlu.faq.entries import FAQ, Entry, Question, entry_of, labels

KEYS = ("q", "a", "问", "答", "similar", "name", "category", "tags")


def read_list(source: Source, problems: list[Problem]) -> list[Entry]:
    """The entries of a file that is a list, or has one under `faq:`."""
    loc: Loc = ()
    items = source.data
    if isinstance(items, dict):
        loc, items = (FAQ,), items.get(FAQ)
    if items is None:
        return []
    if not isinstance(items, list):
        problems.append(source.problem(loc, "a list of questions and answers is expected here", "write '- q: …'"))
        return []
    found = (_entry(source, (*loc, i), item, problems) for i, item in enumerate(items))
    return [entry for entry in found if entry is not None]


def _entry(source: Source, loc: Loc, item: Any, problems: list[Problem]) -> Entry | None:
    if not isinstance(item, dict):
        problems.append(source.problem(loc, "a question and its answer are expected here", "write '- q: …' and 'a: …'"))
        return None
    parts: dict[Part, list[Question]] = {part: [] for part in CALLED}
    before = len(problems)
    for key, value in item.items():
        part = part_of(str(key))
        if part is None:
            problems.append(source.problem((*loc, key), f"unknown key '{key}'", did_you_mean(str(key), KEYS)))
        else:
            parts[part] += _texts(source, (*loc, key), value, problems)
    if len(problems) > before:
        return None
    return entry_of(
        (*parts["question"], *parts["similar"]),
        [text for text, _ in parts["answer"]],
        source.path,
        source.line(loc),
        name="".join(text for text, _ in parts["name"]),
        category="".join(text for text, _ in parts["category"]),
        tags=[label for text, _ in parts["tags"] for label in labels(text)],
        problems=problems,
    )


def _texts(source: Source, loc: Loc, value: Any, problems: list[Problem]) -> Iterator[Question]:
    """A text, or several; where a block has one text in each of many lines, they stay one (answers have lines)."""
    for i, each in enumerate(value) if isinstance(value, list) else ((-1, value),):
        where = loc if i < 0 else (*loc, i)
        if isinstance(each, dict | list):
            problems.append(source.problem(where, "a text is expected here", "put it in quotes"))
        elif each is not None:
            yield Question(str(each), source.line(where))
