"""The README's ten minutes, done as it says: its YAML is put where it says, and the bot then talks as it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from bot.cli import cli

ROOT = Path(__file__).parents[2]


def blocks(readme: str) -> list[str]:
    """The YAML blocks of the story: examples, flow, response, talk."""
    return re.findall(r"```yaml\n(.*?)```", (ROOT / readme).read_text("utf-8"), re.DOTALL)[:4]


def put(file: Path, addition: dict[str, Any]) -> None:
    """Lay `addition` over the file as an author would: new intents, flows and responses beside those that are there."""
    data = yaml.safe_load(file.read_text("utf-8"))
    for section, new in addition.items():
        old = data.get(section)
        if isinstance(old, dict):
            data[section] = {**old, **new}
        else:
            data[section] = [*(each for each in old if each not in new), *new]
    file.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), "utf-8")


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_ten_minute_story_works(readme: str, tmp_path: Path) -> None:
    examples, flow, response, talk = blocks(readme)
    bot, run = tmp_path / "my-bot", CliRunner()
    assert run.invoke(cli, ["init", str(bot)]).exit_code == 0
    with (bot / "data" / "nlu.yml").open("a", encoding="utf-8") as data:
        data.write("\n" + examples)  # at the end, as it stands
    put(bot / "data" / "flows.yml", yaml.safe_load(flow))
    put(bot / "domain.yml", yaml.safe_load(response))
    (bot / "tests" / "parking.talk").write_text(talk, "utf-8")
    for command in ("train", "validate"):
        done = run.invoke(cli, [command, "--project", str(bot)])
        assert done.exit_code == 0, done.output
    talks = run.invoke(cli, ["test", "stories", "--project", str(bot)])
    assert talks.exit_code == 0, talks.output
    assert "parking.talk" in talks.output
