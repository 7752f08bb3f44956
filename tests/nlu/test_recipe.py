"""config.yml becomes a checked pipeline, Rasa's names included."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.source import BadProject, parse_yaml
from nlu import model  # noqa: F401 - registers the components
from nlu.component import COMPONENTS
from nlu.fallback import as_sure_as_diet
from nlu.recipe import DEFAULT, STANDS_FOR, Recipe, plan, read_recipe

RASA = """\
language: zh
pipeline:
  - name: WhitespaceTokenizer
  - name: RegexFeaturizer
  - name: LexicalSyntacticFeaturizer
  - name: CountVectorsFeaturizer
  - name: CountVectorsFeaturizer
    analyzer: char_wb
    min_ngram: 1
    max_ngram: 4
  - name: DIETClassifier
    epochs: 100
  - name: EntitySynonymMapper
  - name: ResponseSelector
    epochs: 100
  - name: DucklingEntityExtractor
    url: http://localhost:8000
    dimensions: [time, amount-of-money]
  - name: FallbackClassifier
    threshold: 0.6
"""


def of(text: str) -> Recipe:
    return plan(parse_yaml(text, Path("config.yml")))


def names(recipe: Recipe) -> list[str]:
    return [step.name for step in recipe.steps]


def problem(text: str) -> str:
    with pytest.raises(BadProject) as caught:
        of(text)
    return str(caught.value)


def test_a_project_without_a_pipeline_gets_the_chinese_one(tmp_path: Path) -> None:
    assert tuple(names(read_recipe(tmp_path))) == DEFAULT
    assert tuple(names(of("language: zh\n"))) == DEFAULT


def test_the_default_is_complete() -> None:
    recipe = of("pipeline:\n" + "".join(f"  - name: {name}\n" for name in DEFAULT))
    assert tuple(names(recipe)) == DEFAULT


def test_a_rasa_pipeline_runs_unchanged() -> None:
    recipe = of(RASA)
    assert names(recipe) == [
        "Normalizer",
        "JiebaTokenizer",
        "TfidfFeaturizer",
        "LinearIntentClassifier",
        "LookupEntityExtractor",
        "CrfEntityExtractor",
        "RuleEntityExtractor",
        "EntitySynonymMapper",
        "FaqRetriever",
        "FallbackClassifier",
        "ClauseSplitter",
    ]
    steps = {step.name: step for step in recipe.steps}
    fallback = steps["FallbackClassifier"].options.model_dump()
    assert (fallback["threshold"], fallback["diet_threshold"]) == ("auto", 0.6)
    assert any("the scale of DIET" in warning.what for warning in recipe.warnings)
    assert steps["RuleEntityExtractor"].options.model_dump()["dimensions"] == ("time", "amount", "invalid")


def test_a_threshold_for_our_own_components_is_taken_as_it_stands() -> None:
    own = "".join(f"  - name: {name}\n" for name in DEFAULT[: DEFAULT.index("FallbackClassifier")])
    recipe = of(f"pipeline:\n{own}  - name: FallbackClassifier\n    threshold: 0.7\n")
    assert recipe.steps[-1].options.model_dump()["threshold"] == 0.7


def test_rasas_own_way_gets_no_more_than_it_names() -> None:
    assert "ClauseSplitter" not in names(of(f"rasa_exact: true\n{RASA}"))


def test_a_pipeline_of_custom_components_gets_a_classifier() -> None:
    recipe = of("pipeline:\n  - name: my.own.Classifier\n")
    assert "LinearIntentClassifier" in names(recipe)
    assert any("no component tells intents" in warning.what for warning in recipe.warnings)


def test_as_many_of_the_rightly_understood_are_believed_as_diet_believes() -> None:
    right = [(0.0, 0.1), (0.02, 0.3), (0.5, 0.9)]
    assert as_sure_as_diet(0.7, right) == pytest.approx(0.3)
    assert as_sure_as_diet(0.3, right) < as_sure_as_diet(0.7, right) < as_sure_as_diet(0.9, right)
    assert as_sure_as_diet(0.25, [(0.0, 0.6), (0.5, 0.9)]) == 0.25  # never stricter than it was written
    assert as_sure_as_diet(0.7, []) == 0.4


def test_what_stands_for_what_is_told() -> None:
    table = of(RASA).table()
    assert "DIETClassifier" in table
    assert "LinearIntentClassifier" in table


def test_english_keeps_its_blanks() -> None:
    assert "WhitespaceTokenizer" in names(of("language: en\npipeline:\n  - name: WhitespaceTokenizer\n"))


@pytest.mark.parametrize("rasa", sorted(STANDS_FOR))
def test_every_component_of_rasa_alone_makes_a_pipeline(rasa: str) -> None:
    recipe = of(f"language: zh\npipeline:\n  - name: {rasa}\n")
    assert set(STANDS_FOR[rasa]) <= set(names(recipe)) <= set(COMPONENTS)


def test_rasas_regex_extractor_finds_lookup_tables_too() -> None:
    head = "pipeline:\n  - name: JiebaTokenizer\n  - name: RegexEntityExtractor\n"
    assert "LookupEntityExtractor" in names(of(head))
    assert "LookupEntityExtractor" not in names(of(head + "    use_lookup_tables: false\n"))


def test_a_custom_component_is_left_out_with_a_warning() -> None:
    recipe = of("pipeline:\n  - name: my.bert.Tokenizer\n  - name: DIETClassifier\n")
    [warning] = recipe.warnings
    assert str(warning).startswith("config.yml:2: ")
    assert "my.bert.Tokenizer" in str(warning)
    assert "LinearIntentClassifier" in names(recipe)


def test_a_pipeline_that_tells_no_intents_is_warned_of() -> None:
    assert "no component tells intents" in str(of("pipeline:\n  - name: JiebaTokenizer\n").warnings[0])
    assert not of("language: zh\n").warnings


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("pipeline:\n  - name: JeibaTokenizer\n", 2, "did you mean 'JiebaTokenizer'"),
        ("pipeline:\n  - name: LinearIntentClassifier\n", 2, "needs features"),
        ("pipeline:\n  - name: JiebaTokenizer\n  - name: FallbackClassifier\n", 3, "needs intent"),
        ("pipeline:\n  - name: TfidfFeaturizer\n  - name: JiebaTokenizer\n", 2, "needs tokens"),
        ("pipeline:\n  - name: JiebaTokenizer\n  - name: JiebaTokenizer\n", 3, "written twice"),
        ("pipeline:\n  - threshold: 1\n", 2, "write '- name: …'"),
        ("pipeline: JiebaTokenizer\n", 1, "must be a list"),
        ("pipeline:\n  - name: RuleEntityExtractor\n    dimensions: [tiem]\n", 3, "did you mean 'time'"),
        ("pipeline:\n  - name: RuleEntityExtractor\n    dimension: [time]\n", 3, "did you mean 'dimensions'"),
    ],
)
def test_a_wrong_pipeline_is_told_before_training(text: str, line: int, said: str) -> None:
    message = problem(text)
    assert message.startswith(f"config.yml:{line}: ")
    assert said in message


def test_a_threshold_beyond_one_is_told() -> None:
    tail = "  - name: FallbackClassifier\n    threshold: 3\n"
    before = DEFAULT[: DEFAULT.index("FallbackClassifier")]
    message = problem("pipeline:\n" + "".join(f"  - name: {name}\n" for name in before) + tail)
    assert message.startswith(f"config.yml:{len(before) + 3}: ")
    assert "threshold" in message


@pytest.mark.parametrize(
    "project", sorted(Path("../shared/rasa/projects").glob("*/config.yml")), ids=lambda p: p.parent.name
)
def test_pipelines_of_public_rasa_projects_are_understood(project: Path) -> None:
    assert names(read_recipe(project.parent))[:1] == ["Normalizer"]
