"""docs/nlu.md names every component, every setting and every stand-in, and none that is not there."""

from __future__ import annotations

import re
from pathlib import Path

from config.source import parse_yaml
from nlu import model  # noqa: F401 - registers the components
from nlu.component import COMPONENTS
from nlu.recipe import DEFAULT, STANDS_FOR, plan

PAGE = (Path(__file__).parents[2] / "docs" / "nlu.md").read_text("utf-8")
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
