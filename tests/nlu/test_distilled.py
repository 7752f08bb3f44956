"""A transformer teaches a light classifier, and is not there when that serves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from bot.cli import cli
from nlu.joint.student import COST, fit, held_out
from nlu.model import is_stale, load, read_manifest
from nlu.training import train
from tests.nlu.small_shop import NOW, silent, write_project
from tests.nlu.test_joint import NLU
from tests.nlu.tiny_bert import write_tiny

STEPS = [{"name": name} for name in ("Normalizer", "JiebaTokenizer", "TfidfFeaturizer")]
DISTILLED = {"name": "DistilledIntentClassifier", "model": "tiny", "learning_rate": 0.001, "epochs": 3, "refit": False}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distilled")
    write_tiny(folder / "tiny")
    write_project(folder, NLU, json.dumps({"pipeline": [*STEPS, DISTILLED]}))
    more = ["帮我查订单", "帮我查订单", "退钱给我", "您好", "快递到了吗", "", "我要退款", "asdfghjkl"]
    (folder / "data" / "unlabelled.txt").write_text("\n".join(more), "utf-8")
    return folder


def test_the_light_classifier_learns_from_texts_without_a_label_and_is_all_that_is_kept(project: Path) -> None:
    model = train(project, silent)
    report = read_manifest(model).report["DistilledIntentClassifier"]
    # one is written twice, one is an example, one has nothing that is known
    assert report["unlabelled"] == 4
    assert report["held_out_accuracy"] > 0.5
    assert report["teacher"]["int8_agreement"] >= 0.99
    assert {path.name for path in (model / "03-DistilledIntentClassifier").iterdir()} == {
        "distilled.json",
        "weights.npy",
    }
    pipeline = load(model)
    assert pipeline.parse("查我的订单", NOW).intent == "check_order"
    assert pipeline.parse("哈喽！", NOW).confidence == 1.0
    assert pipeline.parse("？！", NOW).familiarity == 0.0
    for text in ("\ud800", "😀", "", "退" * 2000):
        assert sum(one.confidence for one in pipeline.parse(text, NOW).ranking) <= 1 + 1e-6
    assert not is_stale(project, model)
    (project / "data" / "unlabelled.txt").write_text("查快递\n", "utf-8")
    assert is_stale(project, model)


def test_certain_chances_are_learned_as_labels_are() -> None:
    dice = np.random.default_rng(3)
    labels = dice.integers(0, 3, 60)
    rows = csr_matrix(dice.normal(0, 0.5, (60, 8)) + np.eye(8)[labels])
    plane = fit(rows, np.eye(3)[labels], np.ones(60))
    theirs = LogisticRegression(C=COST, max_iter=2000, tol=1e-8).fit(rows, labels)
    ours = rows @ plane.matrix + plane.bias
    assert np.allclose(softmax(ours), theirs.predict_proba(rows), atol=0.01)


def test_doubtful_chances_stay_doubtful() -> None:
    rows = csr_matrix(np.eye(2).repeat(5, 0))
    chances = np.array([[0.7, 0.3]] * 5 + [[0.2, 0.8]] * 5)
    plane = fit(rows, chances, np.ones(10))
    told = softmax(rows @ plane.matrix + plane.bias)
    assert np.allclose(told[[0, -1]], chances[[0, -1]], atol=0.02)


def test_what_is_held_out_is_judged_by_planes_that_have_not_seen_it() -> None:
    # each text has a column of its own, so a plane that has not seen it knows nothing of it
    labels = np.array([0, 1] * 10)
    told = held_out(csr_matrix(np.eye(20)), np.eye(2)[labels], np.ones(20), labels)
    assert np.abs(told[:, 0] - told[:, 1]).max() < 0.5


def softmax(scores: np.ndarray) -> np.ndarray:
    raised = np.exp(scores - scores.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


# --- the whole way by the command line


def yingda(*words: str | Path) -> Result:
    return CliRunner().invoke(cli, list(map(str, words)))


def test_an_author_fine_tunes_and_asks_by_the_command_line(project: Path, tmp_path: Path) -> None:
    bot = tmp_path / "bot"
    assert yingda("init", bot).exit_code == 0
    joint = {"name": "JointTransformer", "model": str(project / "tiny"), "epochs": 2, "learning_rate": 0.001}
    (bot / "config.yml").write_text(json.dumps({"language": "zh", "pipeline": [{"name": "Normalizer"}, joint]}))
    trained = yingda("train", "--project", bot)
    assert trained.exit_code == 0, trained.output
    meaning = json.loads(yingda("parse", "--project", bot, "你好").stdout)
    assert meaning["text"] == "你好"
    assert len(meaning["ranking"]) > 2
    (folder,) = (bot / ".yingda" / "models").glob("2*")
    assert (folder / "01-JointTransformer" / "model.onnx").is_file()
