"""The examples in what `yingda init` copies: whole, without secrets, and a slip in one is told with its line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from config.credentials import ACCOUNTS, load_credentials
from config.source import BadProject, Strict

TEMPLATE = Path(__file__).parents[2] / "config" / "template" / "credentials.yml"
VARIABLES = sorted(set(re.findall(r"\$\{([A-Z]\w*)\}", TEMPLATE.read_text("utf-8"))))


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with its examples switched on: a `#` before YAML goes, one before words stays."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "k" * 43 if name.endswith("AES_KEY") else f"value-of-{name}")
    text = re.sub(r"^#(?! \S)", "", TEMPLATE.read_text("utf-8"), flags=re.MULTILINE)
    path = tmp_path / "credentials.yml"
    path.write_text(text, "utf-8")
    return path


def test_the_file_as_it_is_copied_serves_pages_and_rest_alone() -> None:
    credentials = load_credentials(TEMPLATE.parent)
    assert list(credentials.accounts()) == []
    assert credentials.rest is not None


def test_every_channel_has_an_example_that_is_complete(examples: Path) -> None:
    credentials = load_credentials(examples.parent)
    assert [channel for channel, _, _ in credentials.accounts()] == list(ACCOUNTS)
    assert credentials.others == ()


def test_no_example_holds_a_secret(examples: Path) -> None:
    for channel, _, account in load_credentials(examples.parent).accounts():
        for key in type(account).model_fields:
            value = getattr(account, key)
            if isinstance(value, SecretStr) and (secret := value.get_secret_value()):
                assert secret.startswith(("value-of-", "kkk")), f"{channel}: {key} is written out"


def keys_of(model: type[Strict], lines: list[str]) -> list[int]:
    """The places of the lines that hold a key of the account."""
    known = tuple(f"    {key}:" for key in model.model_fields)
    return [place for place, line in enumerate(lines) if line.startswith(known)]


@pytest.mark.parametrize("channel", ACCOUNTS)
def test_a_slip_in_any_key_of_an_account_is_named_with_its_line_and_the_near_miss(examples: Path, channel: str) -> None:
    lines = examples.read_text("utf-8").split("\n")
    start = lines.index(f"{channel}:")
    end = next((place for place in range(start + 1, len(lines)) if not lines[place].startswith(" ")), len(lines))
    places = keys_of(ACCOUNTS[channel], lines[start:end])
    assert places
    for place in (start + each for each in places):
        key = lines[place].strip().partition(":")[0]
        slip = f"{key}x"
        examples.write_text(
            "\n".join([*lines[:place], lines[place].replace(key, slip, 1), *lines[place + 1 :]]), "utf-8"
        )
        with pytest.raises(BadProject) as caught:
            load_credentials(examples.parent)
        assert f"credentials.yml:{place + 1}: unknown key '{slip}' — did you mean '{key}'?" in str(caught.value)


def test_a_slip_in_the_settings_of_groups_is_named_too(examples: Path) -> None:
    text = examples.read_text("utf-8").replace("      answer:", "      anwser:")
    examples.write_text(text, "utf-8")
    line = text.split("\n").index("      anwser: addressed") + 1
    with pytest.raises(BadProject, match=rf"credentials\.yml:{line}: unknown key 'anwser' — did you mean 'answer'"):
        load_credentials(examples.parent)
