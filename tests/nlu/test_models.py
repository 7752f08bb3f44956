"""Training writes whole, versioned, reproducible models; loading and freshness."""

from __future__ import annotations

import gc
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from config.source import BadProject
from nlu.model import is_stale, latest, load, models, models_folder, read_manifest
from nlu.training import KEEP_MODELS, train, train_apart
from tests.nlu.small_shop import NLU, NOW, silent, write_project

LIGHT = """\
language: zh
pipeline:
  - name: Normalizer
  - name: WhitespaceTokenizer
  - name: TfidfFeaturizer
  - name: LinearIntentClassifier
  - name: RegexEntityExtractor
  - name: LookupEntityExtractor
  - name: EntitySynonymMapper
  - name: FaqRetriever
  - name: FallbackClassifier
"""


@pytest.fixture
def light(tmp_path: Path) -> Path:
    return write_project(tmp_path, config=LIGHT)


@pytest.fixture(scope="module")
def light_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(write_project(tmp_path_factory.mktemp("light"), config=LIGHT), silent)


def content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_equal_data_gives_equal_models(light: Path) -> None:
    first, second = train(light, silent), train(light, silent)
    assert first != second
    assert content(first) == content(second)


def test_a_model_means_the_same_after_loading_again(model: Path) -> None:
    texts = ["查订单", "運費誰出", "iPhone坏了要退", "asdf"]
    one, other = load(model), load(model)
    assert [one.parse(text, NOW) for text in texts] == [other.parse(text, NOW) for text in texts]
    assert one.parse("查订单", NOW).model == model.name


def test_the_manifest_says_what_the_model_is(light: Path) -> None:
    folder = train(light, silent, clock=lambda: datetime(2026, 11, 22, 18, 45, 12, tzinfo=UTC))
    manifest = read_manifest(folder)
    assert folder.name == f"20261122-184512-{manifest.data_hash[:8]}" == manifest.version
    assert manifest.intents == ("check_order", "faq", "greet", "handoff", "refund")
    assert manifest.parse_ms > 0
    assert 0 < manifest.report["LinearIntentClassifier"]["held_out_accuracy"] <= 1


def test_progress_runs_from_nothing_to_all(light: Path) -> None:
    told: list[tuple[str, float]] = []
    train(light, lambda phase, fraction: told.append((phase, fraction)))
    fractions = [fraction for _, fraction in told]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert "LinearIntentClassifier" in {phase for phase, _ in told}


def test_a_model_is_stale_when_what_it_learned_from_has_changed(light: Path) -> None:
    folder = train(light, silent)
    data = light / "data" / "nlu.yml"
    assert not is_stale(light, folder)
    data.write_text("# a comment\n" + NLU, "utf-8")
    assert not is_stale(light, folder)
    (light / "data" / "stories.yml").write_text("stories: []\n", "utf-8")
    assert not is_stale(light, folder)
    lists = light / "data" / "lookups"
    lists.mkdir()
    (lists / "street.txt").write_text("长安街\n", "utf-8")
    assert is_stale(light, folder)
    (lists / "street.txt").unlink()
    assert not is_stale(light, folder)
    data.write_text(NLU.replace("- 嗨", "- 嗨嗨"), "utf-8")
    assert is_stale(light, folder)
    data.write_text(NLU, "utf-8")
    (light / "config.yml").write_text(LIGHT + "    threshold: 0.5\n", "utf-8")
    assert is_stale(light, folder)


def test_an_answers_new_words_are_learned(light: Path) -> None:
    folder = train(light, silent)
    domain = light / "domain.yml"
    domain.write_text("responses:\n  utter_greet:\n  - text: 您好\n", "utf-8")
    assert not is_stale(light, folder)
    domain.write_text("responses:\n  utter_faq/invoice:\n  - text: 下单时可以填写抬头和税号\n", "utf-8")
    assert is_stale(light, folder)
    answers = load(train(light, silent)).parse("抬头和税号在哪填", NOW).answers
    assert [answer.key for answer in answers][:1] == ["faq/invoice"]


def test_only_the_newest_models_are_kept_and_the_last_is_found(light: Path) -> None:
    folders = [
        train(light, silent, clock=lambda day=day: datetime(2026, 1, day, tzinfo=UTC))  # type: ignore[misc]
        for day in range(1, KEEP_MODELS + 3)
    ]
    assert models(light) == folders[-KEEP_MODELS:]
    assert latest(light) == folders[-1]


def test_a_failed_training_leaves_nothing_behind(light: Path) -> None:
    (light / "data" / "nlu.yml").write_text("nlu: []\n", "utf-8")
    with pytest.raises(BadProject, match="nothing to learn from"):
        train(light, silent)
    assert latest(light) is None
    assert not models_folder(light).exists() or not list(models_folder(light).iterdir())


def test_one_intent_is_enough(tmp_path: Path) -> None:
    project = write_project(tmp_path, "nlu:\n  - intent: hi\n    examples: |\n      - 你好\n", LIGHT)
    pipeline = load(train(project, silent))
    assert pipeline.parse("你好！", NOW).intent == "hi"
    assert pipeline.parse("查订单", NOW).intent == "nlu_fallback"


def test_two_intents_are_told_apart(tmp_path: Path) -> None:
    nlu = "nlu:\n  - intent: a\n    examples: |\n      - 我要退款\n  - intent: b\n    examples: |\n      - 查询物流\n"
    pipeline = load(train(write_project(tmp_path, nlu, LIGHT), silent))
    assert pipeline.parse("退款", NOW).ranking[0].name == "a"
    assert pipeline.parse("物流", NOW).ranking[0].name == "b"


@pytest.mark.parametrize("left", [b"{", b"", b"[]"])
@pytest.mark.parametrize(
    "damage",
    [
        "manifest.json",
        "02-TfidfFeaturizer/idf.npy",
        "03-LinearIntentClassifier/classifier.json",
        "03-LinearIntentClassifier/weights.npy",
        "05-LookupEntityExtractor/values.json",
        "07-FaqRetriever/index.npz",
    ],
)
def test_a_damaged_model_is_told_in_one_line(light_model: Path, tmp_path: Path, damage: str, left: bytes) -> None:
    folder = shutil.copytree(light_model, tmp_path / "damaged")
    (folder / damage).write_bytes(left)
    with pytest.raises(BadProject, match="yingda train") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # numpy leaves such a file open
def test_a_table_that_was_cut_off_is_told_in_one_line(light_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(light_model, tmp_path / "damaged")
    table = folder / "07-FaqRetriever" / "index.npz"
    table.write_bytes(table.read_bytes()[:200])
    with pytest.raises(BadProject, match=r"'FaqRetriever' cannot be loaded.*yingda train"):
        load(folder)
    gc.collect()


def test_a_model_with_a_setting_of_another_release_is_told_in_one_line(light_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(light_model, tmp_path / "other")
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["steps"][-1][1]["treshold"] = 0.5
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(BadProject, match="yingda train") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_a_model_of_another_schema_is_stale(light: Path) -> None:
    folder = train(light, silent)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    (folder / "manifest.json").write_text(json.dumps(manifest | {"schema": 0}), "utf-8")
    assert is_stale(light, folder)
    with pytest.raises(BadProject, match="schema"):
        load(folder)


def test_training_apart_gives_the_same_model_and_reports(light: Path) -> None:
    here = train(light, silent)
    phases: list[str] = []
    apart = train_apart(light, lambda phase, fraction: phases.append(phase))
    assert content(apart) == content(here)
    assert phases[-1] == "done"


def test_training_apart_tells_what_is_wrong(light: Path) -> None:
    (light / "data" / "nlu.yml").write_text("nlu:\n  - intnet: x\n", "utf-8")
    with pytest.raises(BadProject, match="did you mean 'intent'"):
        train_apart(light, silent)


def test_the_dictionary_of_the_bot_is_used(tmp_path: Path) -> None:
    config = "language: zh\npipeline:\n  - name: JiebaTokenizer\n    dictionary_path: words.txt\n"
    project = write_project(tmp_path, config=config)
    (project / "words.txt").write_text("优惠大礼包 100 n\n", "utf-8")
    folder = train(project, silent)
    text = "领优惠大礼包去乌鲁木齐"
    tokens = [text[start:end] for start, end in load(folder).parse(text, NOW).tokens]
    assert tokens == ["领", "优惠大礼包", "去", "乌鲁木齐"]
    (project / "words.txt").write_text("大礼包 100 n\n", "utf-8")
    assert is_stale(project, folder)
    shutil.rmtree(folder)
    (project / "words.txt").unlink()
    with pytest.raises(BadProject, match=r"words\.txt"):
        train(project, silent)
