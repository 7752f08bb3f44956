"""Test stories: what passes, and what is taken for the same value."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.message import Json
from flows.rasa.testing import read_tests, run_tests
from nlu.meaning import Entity, Intent, Meaning
from tests.rasa.shop import load


def _passes(folder: Path, wanted: str, found: Json) -> bool:
    engine = load(folder)
    (folder / "tests").mkdir()
    story = f"""
stories:
- story: one
  steps:
  - intent: refund
    user: |-
      退 [那个]{{"entity": "order_id", "value": {wanted}}}
  - action: refund_form
  - active_loop: refund_form
"""
    (folder / "tests" / "test_stories.yml").write_text(story, "utf-8")

    def parse(text: str) -> Meaning:
        return Meaning(text, "refund", 0.9, (Intent("refund", 0.9),), (Entity("order_id", "那个", found, 2, 4),))

    return run_tests(engine, read_tests(folder), parse).passed == 1


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ('"2019-01-01T00:00:00.000-08:00"', "2019-01-01"),
        ('"2019-01-01T15:30:00.000+08:00"', "2019-01-01T15:30"),
        ('"150.0"', 150),
        ('"lisa"', "Lisa"),
        ('"DD1"', "DD1"),
    ],
)
def test_values_that_say_the_same_pass(tmp_path: Path, wanted: str, found: Json) -> None:
    assert _passes(tmp_path, wanted, found)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ('"2019-01-01T00:00:00.000-08:00"', "2019-01-02"),
        ('"2019-01-01T15:30:00.000-08:00"', "2019-01-01"),
        ('"150"', 151),
        ('"DD1"', "DD2"),
    ],
)
def test_other_values_fail(tmp_path: Path, wanted: str, found: Json) -> None:
    assert not _passes(tmp_path, wanted, found)
