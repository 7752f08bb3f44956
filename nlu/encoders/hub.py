"""A model of Hugging Face by its id `org/name`: out of the cache of this machine, else from the hub.

`HF_ENDPOINT` (a mirror), `HF_HOME` (the cache), `HF_TOKEN` and `HF_HUB_OFFLINE` are heeded, as by every program that
uses the hub: https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

INSTALL = "pip install -r requirements-transformers.txt"
ANSWER_WITHIN_S = 5.0
NOT_FOUND = 404
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""The first that a model has is taken."""
_SMALL = re.compile(
    r"(?:.*_)?(?:config|tokenizer|tokens_map|added_tokens|vocab|modules)(?:_\w+)?\.json|merges\.txt|vocab\.txt|.*\.model"
    r"|1_Pooling/config\.json"
)
_ID = re.compile(r"\w[\w.\-]*/\w[\w.\-]*")


class CannotFetch(Exception):
    """The model cannot be had; the text says why and what to do."""


def is_id(model: str) -> bool:
    """Whether `model` is written as the hub's models are."""
    return _ID.fullmatch(model) is not None


def fetch(model: str) -> Path:
    """The folder with the model's configuration, tokenizer and weights, in the cache. Raises `CannotFetch`."""
    try:
        import huggingface_hub as hub  # noqa: PLC0415 - heavy
    except ImportError:
        raise CannotFetch(f"{model} is of Hugging Face's hub, which needs: {INSTALL}") from None
    if folder := _cached(hub, model):
        return folder
    try:
        return _downloaded(hub, model)
    except hub.errors.GatedRepoError:
        raise CannotFetch(f"{model} is given only to who asks for it on its page; then set HF_TOKEN") from None
    except (OSError, hub.errors.HTTPError) as error:
        if _status(error) == NOT_FOUND or isinstance(error, hub.errors.RepositoryNotFoundError):
            what = f"there is no model {model} at {_host()}, or it is not public"
            raise CannotFetch(f"{what}: look for the spelling of its name, {_OTHER_WAYS}") from None
        raise CannotFetch(f"{_host()} does not give {model} ({_why(error)}): {_WAYS}") from None


_OTHER_WAYS = (
    "or download the model elsewhere and give its folder, or use what needs no hub: yingda models add e5-small-zh"
)
_WAYS = f"set HF_ENDPOINT to a mirror that can be reached (in China usually https://hf-mirror.com), {_OTHER_WAYS}"


def _host() -> str:
    """Without the rest of the address, which may hold a password."""
    parts = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def _why(error: Exception) -> str:
    status = _status(error)
    return f"it answers {status}" if status else type(error).__name__


def _status(error: Exception) -> int:
    return int(getattr(getattr(error, "response", None), "status_code", 0))


def _cached(hub: Any, model: str) -> Path | None:
    found = hub.try_to_load_from_cache(model, "config.json")
    folder = Path(found).parent if isinstance(found, str) else None
    return folder if folder and any((folder / name).is_file() for name in WEIGHTS) else None


def _downloaded(hub: Any, model: str) -> Path:
    endpoint = os.environ.get("HF_ENDPOINT") or None
    about = hub.HfApi(endpoint=endpoint).model_info(model, timeout=ANSWER_WITHIN_S)
    wanted = _wanted(one.rfilename for one in about.siblings or ())
    if "config.json" not in wanted or not wanted & {*WEIGHTS}:
        raise CannotFetch(f"{model} has no config.json with {' or '.join(WEIGHTS)}: it is no model for transformers")
    # the configuration last: it is what tells that the rest is there
    for name in sorted(wanted, key=lambda name: name == "config.json"):
        found = hub.hf_hub_download(model, name, endpoint=endpoint, etag_timeout=ANSWER_WITHIN_S)
    return Path(found).parent


def _wanted(names: Iterable[str]) -> set[str]:
    there = set(names)
    weights = next((name for name in WEIGHTS if name in there), None)
    return {name for name in there if _SMALL.fullmatch(name)} | ({weights} if weights else set())
