"""A small online shop, trained once."""

from __future__ import annotations

from pathlib import Path

import pytest

from nlu.model import load
from nlu.pipeline import Pipeline
from nlu.training import train
from tests.nlu.small_shop import silent, write_project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="session")
def model(project: Path) -> Path:
    return train(project, silent)


@pytest.fixture(scope="session")
def pipeline(model: Path) -> Pipeline:
    return load(model)
