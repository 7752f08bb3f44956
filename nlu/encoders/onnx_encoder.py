"""Serves a BERT-like encoder from a folder: `model.onnx`, `tokenizer.json`, and `encoder.json` (prefix, length)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.doc import States, Vector
from nlu.encoders.settings import Settings

INSTALL = "it needs: pip install -r requirements-encoders.txt"


class OnnxEncoder:
    """Mean of the token states, of length 1, as e5 and most sentence encoders are trained (Wang et al. 2024,
    Multilingual E5 Text Embeddings, https://arxiv.org/abs/2402.05672), or the first token's, as bge is. One
    thread for each call: on shared cores more are slower.

    Raises ImportError, saying what to install, and OSError or ValueError for a folder that is not whole.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import onnxruntime  # noqa: PLC0415 - heavy
            import tokenizers  # noqa: PLC0415 - heavy
        except ImportError as missing:
            raise ImportError(f"the encoder {folder.name} cannot be opened ({missing}); {INSTALL}") from None
        self.settings = Settings.read(folder)
        self._tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(self.settings.max_tokens)
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # its arena only grows, by the longest text ever seen
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return np.stack([_unit(self.settings.pooled(self.states(text)[0])) for text in texts])

    def read(self, text: str) -> tuple[Vector, States]:
        """The text's vector, and the states of its pieces, of one pass."""
        rows, tokens = self.states(text)
        before = len(self.settings.prefix)
        # a piece may begin with the prefix's blank; those of the prefix and the separators end before they begin
        spans = [(max(start - before, 0), end - before) for start, end in tokens.offsets]
        own = [at for at, (start, end) in enumerate(spans) if start < end]
        return _unit(self.settings.pooled(rows)), States(rows[own].astype(np.float16), tuple(spans[at] for at in own))

    def states(self, text: str) -> tuple[NDArray[np.float32], Any]:
        """The states of a text's tokens (tokens, dimensions), and the tokens as `tokenizers` cut them."""
        tokens = self._tokenizer.encode(self.settings.prefix + text)
        ids = np.array([tokens.ids], np.int64)
        (found,) = self._session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids)})
        return found[0], tokens


def _unit(row: NDArray[np.float32]) -> NDArray[np.float32]:
    return (row / max(float(np.linalg.norm(row)), 1e-12)).astype(np.float32)
