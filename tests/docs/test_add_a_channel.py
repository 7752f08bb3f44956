"""The recipe for a new channel names nothing that is not there, and its example follows it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from adapters.channel import Carrying, Pushing, Recalling
from bot.channels import CHANNELS
from config.credentials import ACCOUNTS, FeishuAccount
from tests.contracts.channels import CHANNELS as ENTRIES

ROOT = Path(__file__).parents[2]
RECIPE = (ROOT / "docs" / "add-a-channel.md").read_text("utf-8")
WORDS = sorted(set(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", RECIPE, flags=re.DOTALL))))
FILES = [word for word in WORDS if re.fullmatch(r"[\w/]+(?:\.\w+|/)", word) and "/" in word and word[0] != "/"]
NAMES = [word for word in WORDS if re.fullmatch(r"[A-Z]\w+|_[a-z_]+|[a-z]+(?:_[a-z]+)+|\w+\.parse", word)]
CODE = "\n".join(
    path.read_text("utf-8")
    for folder in ("adapters", "bot", "config", "tests/contracts")
    for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("name", FILES)
def test_every_file_that_the_recipe_mentions_is_there(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("name", NAMES)
def test_every_name_that_the_recipe_mentions_is_in_the_code(name: str) -> None:
    assert re.search(rf"\b{name.rpartition('.')[2]}\b", CODE)


def test_the_recipe_mentions_every_step() -> None:
    assert {"adapters/feishu.py", "config/credentials.py", "bot/channels.py", "tests/contracts/channels/feishu.py",
            "tests/contracts/vectors/feishu.json", "bot/simulate/feishu.py"} <= set(FILES)  # fmt: skip
    assert len(NAMES) > 20


def test_the_example_is_registered_and_can_do_what_the_recipe_says() -> None:
    assert ACCOUNTS["feishu"] is FeishuAccount
    assert "feishu" in CHANNELS
    (channel, *_) = (entry.make() for entry in ENTRIES if entry.name == "feishu")
    assert isinstance(channel, Pushing)
    assert isinstance(channel, Carrying)
    assert isinstance(channel, Recalling)


def test_the_keys_that_the_recipe_shows_are_an_account() -> None:
    shown = re.search(r"```yaml\n(.*?)```", RECIPE, re.DOTALL)
    assert shown is not None
    assert FeishuAccount.model_validate(yaml.safe_load(shown[1])["feishu"]["main"]).name == "小应"
