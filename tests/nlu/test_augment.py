"""More wordings of the training examples, made by rule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.source import BadProject, parse_yaml
from nlu.augment import Augmentation, Kind, augment
from nlu.data import Example, read_data, read_marks
from nlu.evaluation.measure import cross_validate
from nlu.features import essence
from nlu.fuzzy.shapes import look_alikes
from nlu.fuzzy.sounds import homophones
from nlu.meaning import Entity
from nlu.model import data_hash, load, read_manifest
from nlu.normalize import normalize
from nlu.recipe import plan, read_recipe
from nlu.training import fit, train
from tests.nlu.small_shop import CONFIG, NLU, NOW, silent, write_project

MARKED = (
    "我想查一下[iPhone](product)的订单，什么时候发货",
    '从[北京]{"entity": "city", "role": "from"}寄到[魔都]{"entity": "city", "value": "上海"}要多少钱',
    "怎么退款",
    "[顺丰](carrier)",
)
EXAMPLES = tuple(Example(text, "ask", marks, "nlu.yml", 7) for text, marks in map(read_marks, MARKED))
SYNONYMS = {"上海滩": "上海", "魔都": "上海"}


def made(*kinds: Kind, copies: int = 6, seed: int = 1) -> list[Example]:
    return list(augment(EXAMPLES, Augmentation(copies=copies, kinds=kinds, seed=seed), SYNONYMS))


def test_nothing_is_made_unless_it_is_asked_for() -> None:
    assert list(augment(EXAMPLES, Augmentation(copies=0), SYNONYMS)) == []
    assert plan(parse_yaml("language: zh\n", Path("config.yml"))).augmentation.copies == 0


@pytest.mark.parametrize("kind", get_args(Kind))
def test_entities_keep_their_spans_values_and_roles(kind: Kind) -> None:
    found = made(kind)
    assert found
    for one in found:
        original = next(example for example in EXAMPLES if example.text == one.original)
        assert (one.intent, one.file, one.line) == (original.intent, original.file, original.line)
        assert one.text != original.text
        for entity in one.entities:
            assert one.text[entity.start : entity.end] == entity.text
        told = sorted((entity.type, entity.role, str(entity.value)) for entity in one.entities)
        assert told == sorted((entity.type, entity.role, str(entity.value)) for entity in original.entities)


def test_only_the_bots_own_synonym_takes_the_place_of_a_marked_value() -> None:
    words = {
        entity.text for one in made("synonyms", "homophones", "shapes", "fillers", "order") for entity in one.entities
    }
    assert words <= {"iPhone", "北京", "魔都", "上海滩", "顺丰"}
    assert "上海滩" in words


def test_other_words_say_the_same() -> None:
    texts = {one.text for one in made("synonyms")}
    assert texts & {"如何退款", "怎样退款", "怎么退钱"}


@pytest.mark.parametrize(("kind", "others"), [("homophones", homophones), ("shapes", look_alikes)])
def test_a_slip_changes_one_character(kind: Kind, others: object) -> None:
    assert callable(others)
    for one in made(kind):
        [(wrong, right)] = [(a, b) for a, b in zip(one.text, one.original, strict=True) if a != b]
        assert wrong in others(right)


def test_another_order_has_the_same_characters() -> None:
    for one in made("order"):
        assert sorted(one.text) == sorted(one.original)


def test_a_seed_makes_the_same_and_another_seed_others() -> None:
    kinds = get_args(Kind)
    assert made(*kinds) == made(*kinds)
    assert made(*kinds) != made(*kinds, seed=2)


def test_what_is_made_of_an_example_does_not_hang_on_the_others() -> None:
    options = Augmentation(copies=2)
    alone = [one for example in EXAMPLES for one in augment([example], options, SYNONYMS)]
    assert alone == list(augment(EXAMPLES, options, SYNONYMS))


def test_none_says_what_an_example_says_already() -> None:
    examples = (*EXAMPLES, Example("如何退款", "other"), Example("怎样退款", "other"), Example("怎么退钱", "other"))
    found = list(augment(examples, Augmentation(copies=20, kinds=("synonyms", "fillers")), {}))
    said = [essence(normalize(one.text).text) for one in (*examples, *found)]
    assert len(said) == len(set(said))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.text("我想查订单，退款怎么a1 😀\ud83d", max_size=8), min_size=1, max_size=4),
    st.integers(0, 3),
    st.sets(st.sampled_from(get_args(Kind))),
)
def test_any_example_is_stood(parts: list[str], marked: int, kinds: set[Kind]) -> None:
    text = "".join(parts)
    entities: tuple[Entity, ...] = ()
    if marked < len(parts) and parts[marked]:
        start = len("".join(parts[:marked]))
        one = Entity("thing", parts[marked], parts[marked], start, start + len(parts[marked]))
        entities = (one, replace(one, type="other"))
    options = Augmentation(copies=3, kinds=tuple(sorted(kinds)))
    for one in augment([Example(text, "x", entities)], options, {}):
        assert all(one.text[entity.start : entity.end] == entity.text for entity in one.entities)
        assert len(one.entities) == len(entities)


# --- through config.yml and training ---------------------------------------------------------------------------

AUGMENTED = CONFIG + "augmentation:\n  copies: 1\n"
LIGHT = "pipeline:\n" + "".join(
    f"  - name: {name}\n"
    for name in ("JiebaTokenizer", "TfidfFeaturizer", "LinearIntentClassifier", "LookupEntityExtractor")
)


def test_a_model_learns_from_what_is_made_and_counts_what_was_written(tmp_path: Path) -> None:
    plain = write_project(tmp_path / "plain", config=CONFIG + LIGHT)
    more = write_project(tmp_path / "more", config=AUGMENTED + LIGHT)
    written = len(read_data(more).examples)
    folder = train(more, silent)
    assert read_manifest(folder).examples == read_manifest(train(plain, silent)).examples == written
    heart = load(folder).components[3].by_heart  # type: ignore[attr-defined]
    assert len(heart) > written
    assert load(folder).parse("我要退款", NOW).intent == "refund"
    assert data_hash(plain, read_recipe(plain), read_data(plain)) != data_hash(more, read_recipe(more), read_data(more))


def test_evaluation_judges_written_sentences_alone(tmp_path: Path) -> None:
    project = write_project(tmp_path, NLU, AUGMENTED + LIGHT)
    report = cross_validate(project, folds=2)
    assert report.examples == len(read_data(project).examples)
    assert sum(sum(row.values()) for row in report.matrix.values()) == report.examples


def test_nothing_is_made_of_sentences_that_are_held_out(tmp_path: Path) -> None:
    project = write_project(tmp_path, NLU, AUGMENTED + LIGHT)
    data = read_data(project)
    kept = replace(data, examples=tuple(one for one in data.examples if "退" not in one.text))
    pipeline = fit(project, read_recipe(project), kept, silent)
    known = pipeline.components[3].by_heart  # type: ignore[attr-defined]
    assert len(known) > len(kept.examples)
    assert not any(char in text for text in known for char in "退褪蜕推")


@pytest.mark.parametrize(
    ("block", "line", "said"),
    [
        ("augmentation:\n  copys: 2\n", 2, "did you mean 'copies'"),
        ("augmentation:\n  copies: 99\n", 2, "copies"),
        ("augmentation:\n  kinds: [typos]\n", 2, "typos"),
    ],
)
def test_a_wrong_block_is_told_before_training(block: str, line: int, said: str) -> None:
    with pytest.raises(BadProject) as caught:
        plan(parse_yaml(block, Path("config.yml")))
    assert str(caught.value).startswith(f"config.yml:{line}: ")
    assert said in str(caught.value)


def test_an_empty_block_switches_it_on() -> None:
    assert plan(parse_yaml("augmentation:\n", Path("config.yml"))).augmentation == Augmentation()
