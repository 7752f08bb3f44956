"""docs/nlu.md names every component, setting, stand-in and file, and none that is not there; each once."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from config.source import parse_yaml
from nlu import model  # noqa: F401 - registers the components
from nlu.component import COMPONENTS
from nlu.recipe import DEFAULT, STANDS_FOR, plan

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "nlu.md").read_text("utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]
STAND_INS = PAGE.partition("### Pipelines of Rasa\n")[2].partition("\n## ")[0]
NO_EFFECT = {"use_word_boundaries"}


def test_every_component_is_described_with_its_settings() -> None:
    told = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[2])) for row in ROWS if len(row) == 3}
    there = {name: set(component.options.model_fields) - NO_EFFECT for name, component in COMPONENTS.items()}
    assert told == there


def test_every_stand_in_is_listed() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", STAND_INS, re.M)
    assert {name: tuple(re.findall(r"`(\w+)`", told)) for name, told in rows} == dict(STANDS_FOR)


def test_the_pipeline_shown_is_the_default() -> None:
    shown = re.search(r"```yaml\n(.*?)```", PAGE, re.S)
    assert shown
    steps = plan(parse_yaml(shown[1], Path("config.yml"))).steps
    assert [(step.name, step.options) for step in steps] == [(name, COMPONENTS[name].options()) for name in DEFAULT]


def test_every_file_named_is_there() -> None:
    named = set(re.findall(r"`((?:nlu|flows|bot|benchmarks)/[\w/.]+)`", PAGE))
    assert len(named) > 20
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_nothing_is_said_twice() -> None:
    said = [row[0] for row in ROWS] + [part for part in PAGE.split("\n\n") if len(part) > 40 and part[0] != "|"]
    said += [
        line.split("|")[1].strip() for line in PAGE.partition("## Where things live")[2].splitlines() if "|" in line
    ]
    assert [part for part, count in Counter(said).items() if count > 1] == []
