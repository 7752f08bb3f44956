"""Where the model lies that is to be fine-tuned."""

from __future__ import annotations

from pathlib import Path

from nlu.encoders.hub import CannotFetch, fetch, is_id
from nlu.encoders.opening import BUILDABLE, encoders_folder

WEIGHTS = ("model.safetensors", "pytorch_model.bin")


def checkpoint(model: str, project: Path) -> Path:
    """The folder with configuration, tokenizer and weights of `model`: a path, `e5-small-zh`, or an id of Hugging
    Face's hub, which is fetched where this machine has it not. Raises LookupError, which says how to mend it."""
    for folder in (project / model, encoders_folder() / model):
        if (folder / "config.json").is_file() and any((folder / name).is_file() for name in WEIGHTS):
            return folder
    if model in BUILDABLE:
        raise LookupError(f"'{model}' is not built yet; run: yingda models add {model}")
    if (project / model).is_dir():
        raise LookupError(f"the folder '{model}' has no config.json with {' or '.join(WEIGHTS)}")
    if not is_id(model):
        known = ", ".join((*BUILDABLE, "the path of a model's folder", "org/name of Hugging Face's hub"))
        raise LookupError(f"there is no model '{model}'; choose one of {known}")
    try:
        return fetch(model)
    except CannotFetch as error:
        raise LookupError(str(error)) from None
