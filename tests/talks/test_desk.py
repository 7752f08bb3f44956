"""A bot that is written with flows.yml alone: what customers do is the engine's work, not the author's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bot.talk.run import TalkResult, find_talks, run_talks
from nlu.training import train

DESK = Path(__file__).parent / "desk"
TALKS = [path.name for path in find_talks(DESK)]


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TalkResult]:
    project = tmp_path_factory.mktemp("desk") / "desk"
    shutil.copytree(DESK, project)
    train(project, lambda phase, fraction: None)
    return {result.path.name: result for result in run_talks(project).results}


def test_the_desk_has_no_code() -> None:
    assert not list(DESK.rglob("*.py"))
    assert len(TALKS) >= 16


@pytest.mark.parametrize("name", TALKS)
def test_the_desk_talks_as_written(name: str, results: dict[str, TalkResult]) -> None:
    failure = results[name].failure
    assert failure is None, str(failure)
