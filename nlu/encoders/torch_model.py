"""Any encoder that `transformers` knows, opened with torch: to fine-tune it, or to write it as ONNX."""

from __future__ import annotations

import json
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from nlu.encoders.bert_onnx import OPSET, Shape, Tensors, graph
from nlu.encoders.hub import INSTALL


class NoTorch(Exception):
    """torch, or what goes with it, is not installed; the text says how to mend that."""


def need_torch(what: str) -> None:
    """Raises `NoTorch`: `what` cannot be done. What comes out becomes ONNX: better to know before hours of training."""
    needed = ("torch", "transformers", "onnx", "onnxruntime", "tokenizers")
    missing = [name for name in needed if find_spec(name) is None]
    if missing:
        raise NoTorch(f"{what} needs {', '.join(missing)}: {INSTALL}")


def open_model(folder: Path) -> Any:
    """The `transformers` model in `folder`, in single precision, for evaluation. Raises ValueError where its weights
    are not whole, and OSError."""
    from transformers import AutoModel  # noqa: PLC0415 - heavy
    from transformers.utils import logging  # noqa: PLC0415 - heavy

    logging.set_verbosity_error()  # it tells of heads that are not used here; what is missing is told below
    logging.disable_progress_bar()
    model, told = AutoModel.from_pretrained(
        str(folder), output_loading_info=True, local_files_only=True, attn_implementation="eager", dtype="float32"
    )
    missing = sorted(name for name in told["missing_keys"] if "pooler" not in name)
    if missing:
        raise ValueError(f"its weights have no {missing[0]}" + (f" and {len(missing) - 1} more" * (len(missing) > 1)))
    return model.eval()


def tokenizer_of(folder: Path) -> Any:
    """The `tokenizers.Tokenizer` of the model in `folder`, made of its vocabulary where there is no tokenizer.json.
    Raises OSError or ValueError."""
    import tokenizers  # noqa: PLC0415 - heavy

    if (folder / "tokenizer.json").is_file():
        return tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    need_torch(f"reading the vocabulary of {folder.name}")
    from transformers import AutoTokenizer  # noqa: PLC0415 - heavy

    fast = getattr(AutoTokenizer.from_pretrained(str(folder), local_files_only=True), "backend_tokenizer", None)
    if fast is None:
        raise ValueError("its tokenizer has no fast form")
    return fast


def write_exact(model: Any, config: Path, path: Path) -> None:
    """`model` as ONNX in single precision: (input_ids, attention_mask) -> states. `config` is its config.json."""
    import onnx  # noqa: PLC0415 - heavy

    try:
        shape = Shape.of(json.loads(config.read_text("utf-8")))
    except ValueError:
        _traced(model, path)
        return
    onnx.save(graph(shape, tensors_of(model)), str(path))


def tensors_of(model: Any) -> Tensors:
    return {name: value.detach().numpy().astype(np.float32) for name, value in model.state_dict().items()}


def _traced(model: Any, path: Path) -> None:
    import torch  # noqa: PLC0415 - heavy

    class States(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, ids: Any, mask: Any) -> Any:
            return self.model(input_ids=ids, attention_mask=mask).last_hidden_state

    ids = torch.ones((2, 7), dtype=torch.long)
    sizes = {0: "batch", 1: "tokens"}
    with warnings.catch_warnings():
        # its successor needs one more package, and gives the same for models of this kind
        warnings.simplefilter("ignore")
        torch.onnx.export(
            States().eval(),
            (ids, torch.ones_like(ids)),
            str(path),
            input_names=["input_ids", "attention_mask"],
            output_names=["states"],
            dynamic_axes={"input_ids": sizes, "attention_mask": sizes, "states": sizes},
            opset_version=OPSET,
            dynamo=False,
        )
