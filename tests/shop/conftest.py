"""The sample bots, copied and trained once, so that no test finds or leaves anything in the repository."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nlu.training import train

CONFIG = Path(__file__).parents[2] / "config"


def trained_copy(name: str, folder: Path) -> Path:
    project = folder / name
    shutil.copytree(CONFIG / name, project, ignore=shutil.ignore_patterns(".yingda", "__pycache__"))
    train(project, lambda phase, fraction: None)
    return project


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_copy("shop", tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_copy("template", tmp_path_factory.mktemp("template"))
