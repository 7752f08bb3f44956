"""`encoder.json`: how a transformer's folder is used as a sentence encoder, and where that is learned from."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

MAX_TOKENS = 128
"""Longer texts are cut: what a customer wants stands in the first lines."""
_E5 = re.compile(r"(?:^|[-_/])e5(?:[-_]|$)", re.I)
E5_PREFIX = "query: "


@dataclass(frozen=True, slots=True)
class Settings:
    """`prefix` is put before each text; `pooling` makes one vector of the tokens' states."""

    prefix: str = ""
    max_tokens: int = MAX_TOKENS
    pooling: Literal["mean", "cls"] = "mean"

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises OSError or ValueError."""
        kept = json.loads((folder / "encoder.json").read_text("utf-8"))
        return cls(str(kept.get("prefix", "")), int(kept.get("max_tokens", MAX_TOKENS)), kept.get("pooling", "mean"))

    def write(self, folder: Path) -> None:
        (folder / "encoder.json").write_text(json.dumps(asdict(self)), "utf-8")

    def pooled(self, states: NDArray[np.float32]) -> NDArray[np.float32]:
        """(tokens, dimensions) -> (dimensions,)."""
        row: NDArray[np.float32] = states[0] if self.pooling == "cls" else states.mean(0)
        return row

    @classmethod
    def of(cls, folder: Path, name: str) -> Self:
        """For the model in `folder`, which is called `name`: what sentence-transformers has noted beside the weights;
        without that the mean, as for a plain BERT. https://sbert.net/docs/sentence_transformer/usage/custom_models.html
        """
        length = _json(folder / "sentence_bert_config.json").get("max_seq_length") or MAX_TOKENS
        positions = _json(folder / "config.json").get("max_position_embeddings", MAX_TOKENS + 2)
        # RoBERTa counts positions from 2
        return cls(_prefix(folder, name), min(MAX_TOKENS, int(length), int(positions) - 2), _pooling(folder))


def _prefix(folder: Path, name: str) -> str:
    prompts = _json(folder / "config_sentence_transformers.json")
    default = prompts.get("default_prompt_name")
    if default and isinstance(prompts.get("prompts"), dict):
        return str(prompts["prompts"].get(default, ""))
    return E5_PREFIX if _E5.search(name) else ""


def _pooling(folder: Path) -> Literal["mean", "cls"]:
    modules = _json(folder / "modules.json", [])
    steps = modules if isinstance(modules, list) else []
    places = [one.get("path", "") for one in steps if str(one.get("type", "")).endswith("Pooling")]
    told = _json(folder / (places[0] if places else "1_Pooling") / "config.json")
    return "cls" if told.get("pooling_mode_cls_token") or told.get("pooling_mode") == "cls" else "mean"


def _json(path: Path, otherwise: Any = None) -> Any:
    """What the file holds; `{}`, or `otherwise`, where there is none."""
    nothing: Mapping[str, Any] = {}
    if not path.is_file():
        return nothing if otherwise is None else otherwise
    return json.loads(path.read_text("utf-8"))
