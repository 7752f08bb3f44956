"""The report on a bot's understanding."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

from config.source import BadProject
from nlu.data import Example, read_data
from nlu.evaluation.compare import compare
from nlu.evaluation.confusion_png import draw_confusion, labels
from nlu.evaluation.curves import few_shot_curve, learning_curve
from nlu.evaluation.judged import Judged
from nlu.evaluation.measure import cross_validate, measure_file
from nlu.evaluation.page import About, out_of_hundred, render
from nlu.evaluation.parting import few_of, parts, share_of
from nlu.evaluation.recipes import encoding, intents_only, reading
from nlu.evaluation.report import summarise
from nlu.evaluation.saving import save, to_dict
from nlu.evaluation.strangers import Draw, measured, out_of_scope
from nlu.meaning import FALLBACK_INTENT, Answer, Entity, Intent, Meaning
from nlu.pipeline import Pipeline
from nlu.recipe import read_recipe
from tests.nlu.small_shop import NLU, write_project
from tests.nlu.test_models import LIGHT

ABOUT = About("shop", "folds", "5", datetime(2026, 11, 25, 9, 30), "1.2.3")


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


CITIES = Example("去北京和上海", "go", (Entity("city", "北京", "北京", 1, 3), Entity("city", "上海", "上海", 4, 6)))


def heard(*found: Entity, intent: str = "go", truth: Example = CITIES, **more: float) -> Judged:
    return Judged(truth, Meaning(truth.text, intent, 1.0, (Intent(intent, 1.0),), found, **more))  # type: ignore[arg-type]


def test_relaxed_scores_want_the_type_and_an_overlap_alone() -> None:
    found = (Entity("city", "北京和", "", 1, 4), Entity("city", "海", "海", 5, 6), Entity("city", "去", "去", 0, 1))
    report = summarise([heard(*found)])
    assert report.entities["city"].f1 == 0
    relaxed = report.entities_relaxed["city"]
    assert (relaxed.precision, relaxed.recall) == (pytest.approx(2 / 3), 1.0)
    assert report.entity_total_relaxed == relaxed


def test_an_entity_in_another_role_is_not_exactly_right() -> None:
    truth = Example("从北京走", "go", (Entity("city", "北京", "北京", 1, 3, role="from"),))
    report = summarise([heard(Entity("city", "北京", "北京", 1, 3, role="to"), truth=truth)])
    assert (report.entities["city"].f1, report.entities_relaxed["city"].f1) == (0.0, 1.0)


def test_a_sentence_is_right_with_its_intent_all_entities_and_none_too_many() -> None:
    both = CITIES.entities
    more = Entity("city", "去", "去", 0, 1)
    unmarked = Entity("time", "去", "去", 0, 1)
    ones = [heard(*both), heard(*both, unmarked), heard(*both, more), heard(both[0]), heard(*both, intent="stay")]
    assert summarise(ones).sentence_accuracy == pytest.approx(2 / 5)


def test_confidence_is_shown_in_bins_beside_how_often_it_was_right() -> None:
    report = summarise([judged("a", "a", 0.95), judged("a", "b", 0.97), judged("a", "a", 1.0), judged("a", "a", 0.41)])
    low, high = report.reliability
    assert (low.low, low.count, low.accuracy) == (0.4, 1, 1.0)
    assert (high.high, high.count, high.accuracy) == (1.0, 3, pytest.approx(2 / 3))
    assert high.confidence == pytest.approx((0.95 + 0.97 + 1) / 3)


def test_mistakes_are_listed_with_their_place_the_surest_first() -> None:
    report = summarise([judged("a", "b", 0.5), judged("a", "a"), judged("a", "c", 0.9)])
    assert [(one.predicted, one.file, one.line) for one in report.mistakes] == [
        ("c", "nlu.yml", 7),
        ("b", "nlu.yml", 7),
    ]


def test_two_pipelines_are_compared_on_the_same_sentences() -> None:
    first = [judged("a", "a")] * 20 + [judged("a", "b")] * 12 + [judged("a", "a")]
    second = [judged("a", "a")] * 32 + [judged("a", "b")]
    found = compare(("old", "new"), first, second)
    assert (found.intents.better, found.intents.worse, found.verdict) == (12, 1, "better")
    assert (found.intents.first, found.intents.second) == (21 / 33, 32 / 33)
    assert found.intents.chance.exact == pytest.approx(2 * 14 / 2**13)
    assert found.macro_f1.certain
    assert (len(found.better), [one.second for one in found.worse]) == (12, ["b"])
    assert compare(("new", "old"), second, first).verdict == "worse"
    assert compare(("a", "b"), first, first).verdict == "level"
    assert "new beside old" in str(found)


def test_only_the_same_sentences_can_be_compared() -> None:
    with pytest.raises(ValueError, match="the same sentences"):
        compare(("a", "b"), [judged("a", "a")], [judged("b", "a")])


def test_a_larger_share_holds_the_smaller_one_and_every_intent(project: Path) -> None:
    examples = read_data(project).examples
    before: list[Example] = []
    for share in (0.1, 0.5, 1.0):
        taken = share_of(examples, share)
        assert {one.text for one in before} <= {one.text for one in taken}
        assert {one.intent for one in taken} == {one.intent for one in examples}
        before = taken
    assert before == list(examples)
    few = few_of(examples, 3, seed=1)
    assert {sum(one.intent == name for one in few) for name in {one.intent for one in few}} == {3}
    assert few != few_of(examples, 3, seed=2)


def test_parts_leave_every_example_out_once(project: Path) -> None:
    examples = read_data(project).examples
    pairs = parts(project, examples, 4)
    assert sorted(one.text for _, out in pairs for one in out) == sorted(one.text for one in examples)
    assert all(len(kept) + len(out) == len(examples) and not set(kept) & set(out) for kept, out in pairs)


def test_curves_measure_each_size_as_often_as_asked(tmp_path: Path) -> None:
    project = write_project(tmp_path, config=LIGHT)
    recipe, data, told = read_recipe(project), read_data(project), []
    curve = learning_curve(project, recipe, data, lambda _, done: told.append(done), shares=(0.3, 1.0), draws=2)
    assert [(one.size, len(one.accuracy.values)) for one in curve] == [(0.3, 2), (1.0, 2)]
    assert curve[0].examples < curve[1].examples <= 40
    assert curve[0].accuracy.mean < curve[1].accuracy.mean
    assert told == sorted(told)
    [few] = few_shot_curve(project, recipe, data, sizes=(2,), draws=3)
    assert (few.examples, len(few.macro_f1.values)) == (12, 3)
    assert 0 < few.accuracy.mean < 1


def test_strangers_are_whole_intents_that_training_did_not_see(tmp_path: Path) -> None:
    project = write_project(tmp_path, config=LIGHT)
    found = out_of_scope(project, read_recipe(project), read_data(project), draws=2)
    assert 0.5 < found.auroc.mean <= 1.0
    assert [len(names) for names in found.held_out] == [1, 1]
    assert found.asked.mean > found.asked_known.mean


def test_too_few_intents_for_strangers_are_told(tmp_path: Path) -> None:
    one = "nlu:\n  - intent: a\n    examples: |\n" + "".join(f"      - 你好{i}\n" for i in range(20))
    project = write_project(tmp_path, one, LIGHT)
    with pytest.raises(BadProject, match="too few to leave a quarter"):
        out_of_scope(project, read_recipe(project), read_data(project))


def test_familiarity_is_believed_where_the_pipeline_tells_it() -> None:
    def known(sure: float, familiar: float) -> Judged:
        one = judged("a", "a", sure)
        return replace(one, meaning=replace(one.meaning, familiarity=familiar))

    sure = measured([Draw((known(0.9, 1.0), known(0.5, 1.0)), (known(0.7, 1.0),), ("x",))])
    assert (sure.by, sure.auroc.mean) == ("confidence", 0.5)
    familiar = measured([Draw((known(0.9, 0.8), known(0.5, 0.9)), (known(0.7, 0.1),), ("x",))])
    assert (familiar.by, familiar.auroc.mean, familiar.caught.mean) == ("familiarity", 1.0, 1.0)


def test_parts_of_a_pipeline_leave_out_what_they_do_not_need(project: Path) -> None:
    recipe = read_recipe(project)
    named = [step.name for step in intents_only(recipe).steps]
    assert "LinearIntentClassifier" in named
    assert "FallbackClassifier" in named
    assert not {"LookupEntityExtractor", "EntitySynonymMapper", "RuleEntityExtractor"} & set(named)
    assert [step.name for step in encoding(recipe).steps] == ["Normalizer", "JiebaTokenizer", "SentenceEncoder"]
    assert "TfidfFeaturizer" in [step.name for step in reading(recipe).steps]


def test_percents_of_the_headline_add_up_to_a_hundred() -> None:
    assert out_of_hundred((1 / 3, 1 / 3, 1 / 3)) == [34, 33, 33]
    assert sum(out_of_hundred((0.666, 0.3335, 0.0005))) == 100
    assert out_of_hundred((1.0, 0.0, 0.0)) == [100, 0, 0]


def test_the_page_says_it_in_chinese_or_english_and_never_takes_a_sentence_for_markup() -> None:
    hostile = Example("<script>alert(1)</script>", "查<b>", file="data/nlu.yml", line=3)
    meaning = Meaning(hostile.text, "a", 0.9, (Intent("a", 0.9),))
    report = summarise([Judged(hostile, meaning), judged("a", "a")])
    page = render(report, ABOUT)
    assert "客户每说 100 句话，机器人听懂 50 句，反问确认 0 句，理解错 50 句。" in page
    assert "<script" not in page
    assert "查<b>" not in page
    assert 'lang="zh-CN"' in page
    english = render(report, ABOUT, "en")
    assert "Of 100 sentences" in english
    assert 'lang="en"' in english
    assert not any("\u4e00" <= sign <= "\u9fff" and sign not in "查退款" for sign in english)


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
    assert measure_file(pipeline, path).accuracy == 1.0
    path.write_text("nlu: []\n", "utf-8")
    with pytest.raises(BadProject, match="nothing to judge by"):
        measure_file(pipeline, path)


def test_a_report_is_saved_as_a_page_as_json_and_as_a_picture(tmp_path: Path) -> None:
    report = summarise([judged("a", "a"), judged("a", "b"), judged("查订单", "a")])
    page, text, picture = save(report, tmp_path / "reports", ABOUT)
    kept = json.loads(text.read_text("utf-8"))
    assert kept.pop("about")["bot"] == "shop"
    assert kept == json.loads(json.dumps(report.to_dict()))
    assert "查订单" in page.read_text("utf-8")
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


def test_every_key_of_the_report_is_explained() -> None:
    explained = (Path(__file__).parents[2] / "docs" / "nlu.md").read_text("utf-8")
    both = compare(("a", "b"), [judged("a", "a")], [judged("a", "a")])
    strangers = measured([Draw((judged("a", "a"),), (judged("b", "a"),), ("b",))])
    report = replace(summarise([judged("a", "b"), judged("a", "a")]), comparison=both, strangers=strangers)
    parts = [to_dict(report, ABOUT), asdict(both), asdict(strangers), asdict(report.mistakes[0]), asdict(ABOUT)]
    keys = {key for part in parts for key in part} - {"a", "b"}
    assert sorted(key for key in keys if f"`{key}`" not in explained) == []
