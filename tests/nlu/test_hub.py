"""Models of Hugging Face's hub: fetched once, converted, served; and what is said where the hub is not to be had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from config.source import BadProject
from nlu.encoders.adding import CannotAdd, add, obtain
from nlu.encoders.hub import CannotFetch, fetch, is_id
from nlu.encoders.opening import open_encoder, resolve
from nlu.encoders.settings import Settings
from nlu.training import train
from tests.nlu.small_hub import deaf_hub, hub_of
from tests.nlu.small_shop import silent, write_project
from tests.nlu.tiny_bert import write_tiny

MODEL = "someone/tiny-bert"


def yingda(home: Path, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line with a home of its own and this hub."""
    return python(home, endpoint, "-m", "bot", *arguments)


def python(home: Path, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {
        "HF_ENDPOINT": endpoint, "HF_HOME": str(home / "hf"), "XDG_DATA_HOME": str(home / "data"),
        "HF_HUB_DISABLE_TELEMETRY": "1", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=110,
        env={**os.environ, **own},
        cwd=Path(__file__).parents[2],
    )


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny(tmp_path_factory.mktemp("models") / "tiny")


def by_torch(folder: Path, text: str, pooling: str) -> np.ndarray:
    """The text's vector as transformers computes it."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    ids = torch.tensor([tokenizer.encode(text).ids])
    with torch.no_grad():
        states = AutoModel.from_pretrained(folder).eval()(input_ids=ids).last_hidden_state[0].numpy()
    row = states[0] if pooling == "cls" else states.mean(0)
    return row / np.linalg.norm(row)


def test_a_model_of_the_hub_is_added_by_its_name_and_then_needs_the_hub_no_more(tmp_path: Path, tiny: Path) -> None:
    (tiny / "modules.json").write_text(
        json.dumps([{"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
                    {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])
    )  # fmt: skip
    (tiny / "1_Pooling").mkdir()
    (tiny / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    with hub_of(tiny, MODEL) as hub:
        done = yingda(tmp_path, hub.address, "models", "add", MODEL)
        assert done.returncode == 0, done.stderr
        assert f"model: {MODEL}" in done.stdout
        assert any(path.endswith("/model.safetensors") for path in hub.asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        place = resolve(MODEL, tmp_path)
        (found,) = open_encoder(place).encode(["我的订单到哪了"])
    assert Settings.read(Path(place)).pooling == "cls"
    assert found @ by_torch(tiny, "我的订单到哪了", "cls") > 0.98
    # with the hub gone, what its cache holds is enough
    code = f"from nlu.encoders.hub import fetch; print(fetch({MODEL!r}))"
    again = python(tmp_path, "http://127.0.0.1:9", "-c", code)
    assert (Path(again.stdout.strip()) / "model.safetensors").is_file(), again.stderr


def test_a_hub_that_does_not_answer_is_one_line_within_seconds(tmp_path: Path) -> None:
    with deaf_hub(None) as hub:
        secret = hub.address.replace("http://", "http://user:verysecret@")
        begun = time.monotonic()
        done = yingda(tmp_path, secret, "models", "add", MODEL)
    assert time.monotonic() - begun < 40
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "does not give someone/tiny-bert (ReadTimeout): set HF_ENDPOINT to a mirror" in line
    assert "verysecret" not in line
    assert "yingda models add e5-small-zh" in line


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (404, "there is no model someone/tiny-bert at 127.0.0.1"),
        (503, r"does not give someone/tiny-bert \(it answers 503\): set HF_ENDPOINT to a mirror"),
    ],
)
def test_a_hub_that_does_not_give_it_is_told_apart(monkeypatch: pytest.MonkeyPatch, status: int, words: str) -> None:
    with deaf_hub(status) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        with pytest.raises(CannotFetch, match=words):
            fetch(MODEL)


def test_a_hub_that_refuses_stops_the_training_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    pipeline = [{"name": "SentenceEncoder", "model": MODEL}]
    project = write_project(tmp_path / "bot", config=json.dumps({"pipeline": pipeline}))
    with pytest.raises(
        BadProject, match=r"config\.yml:1: SentenceEncoder: 127\.0\.0\.1:9 does not give .*ConnectError"
    ):
        train(project, silent)


def test_a_folder_comes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny: Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    folder = tmp_path / "someone" / "tiny-bert"
    write_tiny(folder)
    with pytest.raises(LookupError, match=r"has no model\.onnx yet; run: yingda models add someone/tiny-bert"):
        obtain(MODEL, tmp_path)
    add(str(folder))
    assert obtain(MODEL, tmp_path) == str(folder)


@pytest.mark.parametrize("kind", ["roberta", "distilbert", "electra", "ernie"])
def test_other_architectures_are_converted_with_torch(tmp_path: Path, kind: str) -> None:
    folder = add(str(write_tiny(tmp_path / kind, kind)))
    text = "帮我查订单dd2026"
    (found,) = open_encoder(str(folder)).encode([text])
    assert found @ by_torch(folder, text, "mean") > 0.97


def test_the_first_berts_are_read_too(tmp_path: Path) -> None:
    """TensorFlow's names for LayerNorm, a prefix, a pickle for weights, a list of words for a tokenizer."""
    import torch
    from safetensors.torch import load_file, save_file

    folder = write_tiny(tmp_path / "old")
    given = load_file(folder / "model.safetensors")
    first = {"LayerNorm.weight": "LayerNorm.gamma", "LayerNorm.bias": "LayerNorm.beta"}
    renamed = {f"bert.{name}": one for name, one in given.items()}
    for new, old in first.items():
        renamed = {name.replace(new, old): one for name, one in renamed.items()}
    save_file(renamed, folder / "model.safetensors", {"format": "pt"})
    (plain,) = open_encoder(str(add(str(folder)))).encode(["我要退款"])
    torch.save(given, folder / "pytorch_model.bin")
    other = tmp_path / "older"
    other.mkdir()
    for name in ("config.json", "pytorch_model.bin"):
        (folder / name).rename(other / name)
    words = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (other / "vocab.txt").write_text("\n".join(words))
    (same,) = open_encoder(str(add(str(other)))).encode(["我要退款"])
    assert np.allclose(plain, same, atol=1e-5)


def test_what_is_not_a_model_is_refused_in_words(tmp_path: Path) -> None:
    folder = write_tiny(tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(CannotAdd, match="broken cannot be converted"):
        add(str(folder))
    assert not (folder / "model.onnx").exists()


def test_settings_are_those_that_sentence_transformers_noted(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"max_position_embeddings": 514}))
    assert Settings.of(tmp_path, "intfloat/multilingual-e5-base") == Settings("query: ", 128, "mean")
    assert Settings.of(tmp_path, "BAAI/bge-small-zh-v1.5") == Settings("", 128, "mean")
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 64}))
    prompts = {"prompts": {"query": "找：", "passage": "文："}, "default_prompt_name": "query"}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    assert Settings.of(tmp_path, "intfloat/multilingual-e5-base") == Settings("找：", 64, "mean")


def test_an_id_is_told_from_other_names() -> None:
    assert is_id("BAAI/bge-small-zh-v1.5")
    assert not any(map(is_id, ("e5-small-zh", "/srv/model", "./model", "a/b/c", "org/", "../model")))
