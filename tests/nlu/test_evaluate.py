"""The report on a bot's understanding."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from config.source import BadProject
from nlu.confusion_png import draw_confusion, labels
from nlu.data import Example
from nlu.evaluate import Judged, cross_validate, evaluate_file, save, summarise
from nlu.meaning import FALLBACK_INTENT, Answer, Entity, Intent, Meaning
from nlu.pipeline import Pipeline
from tests.nlu.small_shop import NLU, write_project
from tests.nlu.test_models import LIGHT


def judged(expected: str, guess: str, sure: float = 0.9, **more: object) -> Judged:
    settled = guess if sure >= 0.4 else FALLBACK_INTENT
    meaning = Meaning("退款", settled, sure, (Intent(guess, sure),), **more)  # type: ignore[arg-type]
    return Judged(Example("退款", expected, file="data/nlu.yml", line=7), meaning)


def test_scores_are_counted_by_hand() -> None:
    report = summarise([judged("a", "a"), judged("a", "b"), judged("b", "b"), judged("b", "b", 0.2)])
    assert report.accuracy == 0.75
    assert (report.believed_right, report.believed_wrong, report.asked) == (0.5, 0.25, 0.25)
    assert (report.intents["a"].precision, report.intents["a"].recall, report.intents["a"].support) == (1.0, 0.5, 2)
    assert report.intents["b"].precision == pytest.approx(2 / 3)
    assert report.macro_f1 == pytest.approx((2 / 3 + 0.8) / 2)
    [confusion] = report.confusions
    assert (confusion.expected, confusion.predicted, confusion.count) == ("a", "b", 1)
    assert confusion.sentences == ("退款 (nlu.yml:7)",)


def test_an_answer_counts_at_its_place() -> None:
    answers = (Answer("faq/a", 0.6), Answer("faq/b", 0.3))
    report = summarise([judged("faq/b", "faq", answers=answers), judged("faq/a", "faq", answers=answers)])
    assert (report.accuracy, report.answers_top1, report.answers_top3) == (1.0, 0.5, 1.0)


def test_entities_count_by_exact_span_and_type() -> None:
    truth = Example("去北京和上海", "go", (Entity("city", "北京", "北京", 1, 3), Entity("city", "上海", "上海", 4, 6)))
    found = (Entity("city", "北京", "北京", 1, 3), Entity("city", "海", "海", 5, 6), Entity("time", "和", "", 3, 4))
    score = summarise([Judged(truth, Meaning(truth.text, "go", 1.0, (Intent("go", 1.0),), found))]).entities
    assert set(score) == {"city"}
    assert (score["city"].precision, score["city"].recall, score["city"].f1) == (0.5, 0.5, 0.5)


def test_cross_validation_judges_each_sentence_once_by_a_model_that_never_saw_it(tmp_path: Path) -> None:
    told: list[float] = []
    project = write_project(tmp_path, config=LIGHT)
    report = cross_validate(project, 3, lambda phase, fraction: told.append(fraction))
    assert report.examples == 40 == sum(score.support for score in report.intents.values())
    assert 0.4 < report.accuracy < 1
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert report == cross_validate(project, 3)
    assert "check_order" in report.table()


def test_too_few_examples_are_told(tmp_path: Path) -> None:
    project = write_project(tmp_path, "nlu:\n  - intent: a\n    examples: |\n      - 你好\n", LIGHT)
    with pytest.raises(BadProject, match="too few"):
        cross_validate(project, 5)


def test_a_file_of_held_out_sentences_is_judged(pipeline: Pipeline, tmp_path: Path) -> None:
    path = tmp_path / "test.yml"
    path.write_text(NLU, "utf-8")
    assert evaluate_file(pipeline, path).accuracy == 1.0
    path.write_text("nlu: []\n", "utf-8")
    with pytest.raises(BadProject, match="nothing to judge by"):
        evaluate_file(pipeline, path)


def test_a_report_is_saved_as_json_and_as_a_picture(tmp_path: Path) -> None:
    report = summarise([judged("a", "a"), judged("a", "b"), judged("查订单", "a")])
    text, picture = save(report, tmp_path / "reports")
    assert json.loads(text.read_text("utf-8")) == json.loads(json.dumps(report.to_dict()))
    with Image.open(picture) as image:
        assert image.format == "PNG"
        assert min(image.size) > 3 * 26


def test_the_diagonal_is_blue_and_a_mistake_red(tmp_path: Path) -> None:
    draw_confusion({"a": {"a": 9, "b": 1}, "b": {"b": 1}}, tmp_path / "m.png")
    with Image.open(tmp_path / "m.png") as image:
        colors = {color for _, color in image.getcolors(100_000) or ()}
    assert any(b > r + 100 for r, _, b in colors)  # type: ignore[misc]
    assert any(r > b + 40 for r, _, b in colors)  # type: ignore[misc]


def test_names_that_the_font_lacks_become_numbers() -> None:
    assert labels(["greet", "查订单"], chinese=False) == ["greet", "#2"]
    assert labels(["greet", "查订单"], chinese=True) == ["greet", "查订单"]
