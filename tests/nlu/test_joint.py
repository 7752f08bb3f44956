"""`JointTransformer`: trained with torch on a tiny random BERT, served without it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.source import BadProject
from nlu.component import SEED
from nlu.joint.course import Course
from nlu.joint.learning import Lessons, _Learning
from nlu.joint.options import JointOptions
from nlu.model import load, read_manifest
from nlu.pipeline import Pipeline
from nlu.training import train
from tests.nlu.small_shop import NOW, silent, write_project
from tests.nlu.tiny_bert import write_tiny

ROOT = Path(__file__).parents[2]
NLU = """\
nlu:
  - intent: check_order
    examples: |
      - 我的订单到哪了
      - 查[邮政](carrier)的订单
      - 查一下[邮政](carrier)订单
      - 帮我查[邮政](carrier)快递
      - 包裹是[邮政](carrier)的吗
      - 查一下[邮政](carrier)物流
      - 看我的快递
      - 订单查询
  - intent: refund
    examples: |
      - 我要退款
      - 退钱
      - 怎么申请退款
      - 把钱退我
      - 退货退款
      - [苹果手机]{"entity": "product", "role": "broken"}坏了我要退
      - [苹果手机]{"entity": "product", "role": "broken"}退款
      - 退一下款
  - intent: greet
    examples: |
      - 你好
      - 在吗
      - 您好呀
      - 早上好
      - 哈喽
      - 有人吗
      - 嗨
      - 晚上好
"""


def config(**options: Any) -> str:
    joint = {"name": "JointTransformer", "model": "tiny", "learning_rate": 0.001, "epochs": 6, "patience": 6} | options
    return json.dumps({"language": "zh", "pipeline": [{"name": "Normalizer"}, joint]})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("joint")
    write_tiny(folder / "tiny")
    return write_project(folder, NLU, config())


@pytest.fixture(scope="module")
def model(project: Path) -> Path:
    return train(project, silent)


@pytest.fixture(scope="module")
def pipeline(model: Path) -> Pipeline:
    return load(model)


def test_it_tells_intents_and_entities_with_their_roles_in_the_users_own_words(pipeline: Pipeline) -> None:
    assert pipeline.parse("帮我查订单", NOW).intent == "check_order"
    assert pipeline.parse("申请退钱", NOW).intent == "refund"
    said = pipeline.parse("查下　邮政 的订单", NOW)
    (found,) = said.entities
    assert (found.type, found.text, found.extractor) == ("carrier", "邮政", "JointTransformer")
    assert said.text[found.start : found.end] == found.text
    assert 0 < found.confidence <= 1
    (broken,) = pipeline.parse("苹果手机坏了退款", NOW).entities
    assert (broken.type, broken.role, broken.text) == ("product", "broken", "苹果手机")


def test_confidences_are_those_of_all_intents_and_never_more_than_one(pipeline: Pipeline) -> None:
    for text in ("我要退款", "随便说点别的", "asdfgh", "邮政" * 300, "?!?", "\ud800", "😀", " "):
        said = pipeline.parse(text, NOW)
        assert {one.name for one in said.ranking} in ({"check_order", "refund", "greet"}, set())
        assert 0 <= sum(one.confidence for one in said.ranking) <= 1 + 1e-6


def test_a_sentence_of_the_data_is_known_by_heart(pipeline: Pipeline) -> None:
    assert pipeline.parse("哈喽！", NOW).confidence == 1.0
    assert pipeline.parse("？！？", NOW).intent == "nlu_fallback"


def test_the_model_says_how_good_it_was_and_whether_eight_bits_agreed(model: Path) -> None:
    report = read_manifest(model).report["JointTransformer"]
    assert report["int8"]
    assert report["int8_agreement"] >= 0.99
    assert report["held_out_accuracy"] > 0.5
    assert {path.name for path in (model / "01-JointTransformer").iterdir()} == {
        "model.onnx", "tokenizer.json", "encoder.json", "heads.npz", "labels.json", "joint.json",
    }  # fmt: skip


def test_training_again_gives_the_same_model_bit_by_bit(project: Path, model: Path) -> None:
    for path in (project / ".yingda" / "cache").glob("joint-*"):
        path.rename(project / ".yingda" / "cache" / "away")
    again = train(project, silent, anew=True)
    assert again != model
    for name in ("model.onnx", "joint.json", "labels.json"):
        one, other = ((folder / "01-JointTransformer" / name).read_bytes() for folder in (model, again))
        assert one == other, name


def test_what_it_does_not_learn_from_does_not_train_it_again(
    project: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlu.joint.component.learn", None)
    (project / "data" / "words.yml").write_text("nlu:\n  - lookup: city\n    examples: |\n      - 北京\n", "utf-8")
    again = train(project, silent)
    (project / "data" / "words.yml").unlink()
    assert read_manifest(again).report == read_manifest(model).report


def test_serving_imports_no_torch(model: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC; from nlu.model import load\n"
        f"pipeline = load(Path({str(model)!r}))\n"
        "print(pipeline.parse('帮我查订单', datetime.now(UTC)).intent)\n"
        "print(sorted({'torch', 'transformers', 'onnx', 'sklearn', 'huggingface_hub'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.splitlines() == ["check_order", "[]"], done.stderr


# --- a training that is killed


@pytest.fixture
def long(tmp_path: Path, project: Path) -> Path:
    """A project whose training takes long enough to be killed in it."""
    (tmp_path / "tiny").symlink_to(project / "tiny")
    return write_project(tmp_path, NLU, config(epochs=15, patience=15, refit=False, contrastive=False))


def checkpoints(project: Path) -> list[Path]:
    return list((project / ".yingda" / "cache").glob("joint-*/*.safetensors"))


def test_a_killed_training_goes_on_where_it_was_and_ends_the_same(long: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "nlu.training", str(long)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 90
    while not checkpoints(long) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    (left,) = checkpoints(long)
    assert not list((long / ".yingda" / "models").glob("2*"))
    done = told(left)
    assert 1 <= done < 16
    epochs = []
    with pytest.MonkeyPatch.context() as patch:
        epoch = Course._epoch
        patch.setattr(Course, "_epoch", lambda self, *rest: (epochs.append(rest[2]), epoch(self, *rest))[1])
        resumed = train(long, silent)
        assert epochs == list(range(done, 16))
        assert not checkpoints(long)
        for path in (long / ".yingda" / "cache").glob("joint-*"):
            path.rename(long / ".yingda" / "cache" / "away")
        whole = train(long, silent, anew=True)
    one, other = ((folder / "01-JointTransformer" / "model.onnx").read_bytes() for folder in (resumed, whole))
    assert one == other


def told(checkpoint: Path) -> int:
    from safetensors import safe_open

    with safe_open(str(checkpoint), "pt") as kept:
        done: int = json.loads(kept.metadata()["told"])["done"]
        return done


def test_a_checkpoint_that_cannot_be_read_is_begun_anew(long: Path) -> None:
    (long / "config.yml").write_text(config(epochs=1, refit=False, contrastive=False))
    train(long, silent)
    (work,) = (long / ".yingda" / "cache").glob("joint-*")
    (work / "search.safetensors").write_bytes(b"half")
    train(long, silent, anew=True)
    assert not checkpoints(long)


# --- what can be set, and what goes wrong


def corpus_material() -> Lessons:
    texts = ["查订单", "查快递", "我要退款", "退钱", "你好", "您好"]
    labels = [["O"] * len(text) for text in texts]
    return Lessons(texts, np.array([0, 0, 1, 1, 2, 2]), labels, 3)


def learning(project: Path, tmp_path: Path, **options: Any) -> _Learning:
    return _Learning(corpus_material(), project / "tiny", tmp_path, JointOptions(model="tiny", **options))


def test_earlier_layers_and_the_word_table_move_less(project: Path, tmp_path: Path) -> None:
    from nlu.joint.network import optimiser

    made = learning(project, tmp_path, learning_rate=0.01, layer_decay=0.5)
    net = made._network()
    pace = {name: group["lr"] for (name, _), group in zip(net.learning(), optimiser(net, made.options).param_groups,
                                                         strict=True)}  # fmt: skip
    assert pace["intent.weight"] == pytest.approx(0.1)
    assert pace["encoder.encoder.layer.1.output.dense.weight"] == pytest.approx(0.01)
    assert pace["encoder.encoder.layer.0.output.dense.weight"] == pytest.approx(0.005)
    assert pace["encoder.embeddings.position_embeddings.weight"] == pytest.approx(0.0025)
    assert "encoder.embeddings.word_embeddings.weight" not in pace
    usual = optimiser(net, JointOptions(model="tiny")).param_groups[-1]["lr"]
    assert usual == pytest.approx(0.01), "a model as small as this bears the most that any does: ten times 0.001"
    assert "encoder.embeddings.word_embeddings.weight" in dict(
        learning(project, tmp_path, train_embeddings=True)._network().learning()
    )


def test_pairs_of_one_intent_come_together_by_contrast(project: Path, tmp_path: Path) -> None:
    import torch

    from nlu.joint.network import contrast

    made = learning(project, tmp_path, learning_rate=0.003, contrastive=True)
    net = made._network()
    course = made._course("search", made.lessons, [])
    assert course.warm == 2
    with torch.no_grad():
        before = float(contrast(net, made.lessons))
    course.run(net, lambda done: None)
    net.train(False)
    with torch.no_grad():
        assert float(contrast(net, made.lessons)) < before / 2


def test_a_rare_intent_weighs_as_much_as_a_common_one_within_reason() -> None:
    from nlu.joint.network import Lesson, class_weights

    lessons = [Lesson((1,), 0, ())] * 9 + [Lesson((1,), 1, ())] * 3 + [Lesson((1,), 2, ())]
    assert class_weights([*lessons, *lessons[:1] * 9], 3).tolist()[2] == 5.0
    assert class_weights(lessons, 4).tolist() == pytest.approx([13 / 27, 13 / 9, 13 / 3, 13 / 3])


def test_eight_bits_that_say_something_else_are_not_served(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from safetensors.torch import load_file, save_file

    write_tiny(tmp_path / "tiny")
    weights = load_file(tmp_path / "tiny" / "model.safetensors")
    # one number a word that is a thousand times the others: eight bits hold nothing beside it
    weights["embeddings.word_embeddings.weight"][:, 0] = 40
    save_file(weights, tmp_path / "tiny" / "model.safetensors", {"format": "pt"})
    write_project(tmp_path, NLU, config(epochs=1, refit=False, contrastive=False))
    model = train(tmp_path, silent)
    report = read_manifest(model).report["JointTransformer"]
    assert report["int8_agreement"] < 0.99
    assert report["int8"] is False
    assert "so it is kept in full precision" in caplog.text
    assert load(model).parse("帮我查订单", NOW).ranking[0].name == "check_order"
    (work,) = (tmp_path / ".yingda" / "cache").glob("joint-*")
    assert {path.name for path in work.iterdir()} == {"model"}


@pytest.mark.parametrize("kind", ["distilbert", "roberta"])
def test_other_architectures_are_fine_tuned_too(tmp_path: Path, kind: str) -> None:
    write_tiny(tmp_path / "tiny", kind)
    write_project(tmp_path, NLU, config(epochs=1, refit=False, contrastive=False))
    model = train(tmp_path, silent)
    assert read_manifest(model).report["JointTransformer"]["int8_agreement"] >= 0.9
    assert load(model).parse("帮我查订单", NOW).ranking[0].name == "check_order"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("nowhere", "there is no model 'nowhere'; choose one of e5-small-zh, the path"),
        ("data", r"the folder 'data' has no config\.json with model\.safetensors"),
        ("someone/model", r"127\.0\.0\.1:9 does not give someone/model"),
    ],
)
def test_a_model_that_is_not_there_is_said_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, words: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    write_project(tmp_path, NLU, config(model=model))
    with pytest.raises(BadProject, match=words):
        train(tmp_path, silent)


def test_without_torch_it_says_what_to_install(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlu.encoders.torch_model.find_spec", lambda name: None)
    with pytest.raises(
        BadProject, match="needs torch, transformers, onnx, onnxruntime, tokenizers: pip install -r requirements-tr"
    ):
        train(project, silent, anew=True)


def test_a_want_of_memory_is_said_in_words(tmp_path: Path, project: Path) -> None:
    """By the system itself: the process may not have as much as the batch takes."""
    (tmp_path / "tiny").symlink_to(project / "tiny")
    examples = "".join(f"      - {'我要退款查订单快递' * 12}{n}\n" for n in range(300))
    nlu = f"nlu:\n  - intent: a\n    examples: |\n{examples}  - intent: b\n    examples: |\n{examples[::-1]}"
    write_project(tmp_path, nlu.split("  - intent: b")[0] + "  - intent: b\n    examples: |\n      - 你好\n")
    (tmp_path / "config.yml").write_text(config(batch=1024, contrastive=False))
    code = (
        "import resource, sys, torch, transformers, onnxruntime, sklearn.linear_model; from nlu.training import main\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "before = resource.getrlimit(resource.RLIMIT_AS)\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 400_000_000, before[1]))\n"
        f"code = main([{str(tmp_path)!r}])\n"
        "resource.setrlimit(resource.RLIMIT_AS, before)\n"
        "sys.exit(code)"
    )
    if not Path("/proc/self/statm").is_file():
        pytest.skip("how much memory is used is read from /proc, which is Linux's")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=110)
    assert done.returncode == 2, done.stderr[-500:]
    (problem,) = json.loads(done.stdout.splitlines()[-1])["problems"]
    assert "memory ended while 'tiny' was fine-tuned" in problem["what"]
    assert "batch: 256" in problem["mend"]


def test_the_same_options_give_the_same_fingerprint_and_others_another(project: Path) -> None:
    material, tiny = corpus_material(), project / "tiny"
    first = material.fingerprint(tiny, JointOptions(model="tiny"))
    assert first == corpus_material().fingerprint(tiny, JointOptions(model="tiny"))
    assert first != material.fingerprint(tiny, JointOptions(model="tiny", seed=SEED + 1))
