"""Every transcript of the sample bots goes just as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.talk.run import TalkResult, find_talks, run_talks
from tests.shop.conftest import CONFIG

SHOP_TALKS = [path.name for path in find_talks(CONFIG / "shop")]
TEMPLATE_TALKS = [path.name for path in find_talks(CONFIG / "template")]


@pytest.fixture(scope="session")
def shop_results(shop: Path) -> dict[str, TalkResult]:
    return {result.path.name: result for result in run_talks(shop).results}


@pytest.fixture(scope="session")
def template_results(template: Path) -> dict[str, TalkResult]:
    return {result.path.name: result for result in run_talks(template).results}


def test_the_shop_comes_with_many_talks_and_the_template_with_two() -> None:
    assert len(SHOP_TALKS) >= 25
    assert len(TEMPLATE_TALKS) == 2


@pytest.mark.parametrize("name", SHOP_TALKS)
def test_the_shop_talks_as_written(name: str, shop_results: dict[str, TalkResult]) -> None:
    failure = shop_results[name].failure
    assert failure is None, str(failure)


@pytest.mark.parametrize("name", TEMPLATE_TALKS)
def test_the_template_talks_as_written(name: str, template_results: dict[str, TalkResult]) -> None:
    failure = template_results[name].failure
    assert failure is None, str(failure)


def test_running_the_talks_leaves_nothing_behind_but_the_model(shop: Path, shop_results: dict[str, TalkResult]) -> None:
    assert shop_results
    assert sorted(path.name for path in (shop / ".yingda").iterdir()) == ["cache", "models"]
