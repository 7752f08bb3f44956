"""Everything doubtful in a project's training data, the worst first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from config.source import Problem
from nlu.data import NluData, read_data
from nlu.doubts.coverage import coverage, unmarked
from nlu.doubts.doubt import TITLES, Doubt, Kind
from nlu.doubts.likeness import read
from nlu.doubts.near import near_duplicates
from nlu.doubts.pairs import confusing_pairs
from nlu.doubts.suspects import crosswise, suspects
from nlu.evaluation.cross import silent
from nlu.faq import read_faq
from nlu.recipe import read_recipe
from nlu.review import review
from nlu.training import Report as Progress


def doubts(project: Path, report: Progress = silent) -> list[Doubt]:
    """In the order of `TITLES`, within a kind by weight. Raises `BadProject` where data or config.yml is wrong."""
    recipe, data = read_recipe(project), read_data(project)
    known = review(data)
    if not data.examples:
        return [*_said("conflict", known.conflicts), *_said("remark", known.remarks)]
    examples = read(project, recipe, data, lambda phase, fraction: report(phase, 0.1))
    report("judging each example by the others", 0.6)
    judged = crosswise(examples)
    report("comparing", 0.8)
    found = [
        *_said("conflict", known.conflicts),
        *suspects(examples, judged),
        *near_duplicates(examples),
        *confusing_pairs(examples, judged),
        *unmarked(_markable(project, data)),
        *coverage(data, examples.docs),
        *_said("remark", known.remarks),
    ]
    report("done", 1.0)
    order = list(TITLES)
    return sorted(found, key=lambda doubt: (order.index(doubt.kind), -doubt.weight))


def _markable(project: Path, data: NluData) -> NluData:
    """Without the questions of tables and documents, where brackets would be text."""
    asked = {(entry.file, question.line) for entry in read_faq(project).entries for question in entry.questions}
    return replace(data, examples=tuple(one for one in data.examples if (one.file, one.line) not in asked))


def table(found: Iterable[Doubt], most: int) -> str:
    """For a terminal: a part for each kind, `most` of each (0: all)."""
    by_kind: dict[Kind, list[Doubt]] = {}
    for doubt in found:
        by_kind.setdefault(doubt.kind, []).append(doubt)
    lines: list[str] = []
    for kind, mine in by_kind.items():
        shown = mine[:most] if most else mine
        lines += [f"{TITLES[kind]} ({len(mine)})", *map(str, shown)]
        if len(shown) < len(mine):
            lines.append(f"    and {len(mine) - len(shown)} more: --limit 0 shows all")
        lines.append("")
    return "\n".join(lines)


def _said(kind: Kind, problems: Iterable[Problem]) -> list[Doubt]:
    return [Doubt(kind, 0.0, one.file, one.line, one.what, one.mend) for one in problems]
