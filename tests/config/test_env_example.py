""".env.example names every variable there is, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import SecretStr

from config.settings import Settings, load_settings, variable
from tests.config.test_credentials_template import VARIABLES

EXAMPLE = Path(__file__).parents[2] / ".env.example"
GIVEN = dict(re.findall(r"^#([A-Z]\w*)=(.*)$", EXAMPLE.read_text("utf-8"), re.MULTILINE))
SHOWN = {"store", "daily_sends"}
"""Settings of which an example is shown: their default is nothing."""


def test_every_setting_is_in_the_example_and_no_other() -> None:
    assert sorted(name for name in GIVEN if name.startswith("YINGDA_")) == sorted(map(variable, Settings.model_fields))


def test_the_example_shows_the_defaults() -> None:
    settings, defaults = load_settings(GIVEN), Settings()
    changed = [name for name in Settings.model_fields if getattr(settings, name) != getattr(defaults, name)]
    assert set(changed) == SHOWN


def test_every_secret_of_the_credentials_template_is_in_the_example_and_none_is_given() -> None:
    assert set(VARIABLES) <= GIVEN.keys()
    assert [name for name in VARIABLES if GIVEN[name]] == []
    secrets = [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]
    assert [name for name in secrets if GIVEN[variable(name)]] == []
