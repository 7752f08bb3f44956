"""What the trained network says of a text, by onnxruntime and numpy alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from nlu.encoders.onnx_encoder import OnnxEncoder
from nlu.joint.pieces import best_path, character_labels, pieces
from nlu.sequence import Span, spans

ENCODER_FILES = ("model.onnx", "tokenizer.json", "encoder.json")


class Found(NamedTuple):
    """An entity of the normalised text, and how sure the network is of its least sure piece."""

    span: Span
    confidence: float


class Told(NamedTuple):
    """`scores` of each intent; `known` is the share of the pieces that the vocabulary has."""

    scores: NDArray[np.float64]
    entities: tuple[Found, ...]
    known: float


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """Each (dimensions + 1, classes), the last row added; `labels` has no columns where there are no `names`."""

    intents: NDArray[np.float32] = field(repr=False)
    labels: NDArray[np.float32] = field(repr=False)
    names: tuple[str, ...]

    def save(self, folder: Path) -> None:
        np.savez(folder / "heads.npz", intents=self.intents, labels=self.labels)
        (folder / "labels.json").write_text(json.dumps(self.names, ensure_ascii=False), "utf-8")

    @classmethod
    def load(cls, folder: Path) -> Self:
        names = tuple(json.loads((folder / "labels.json").read_text("utf-8")))
        with np.load(folder / "heads.npz", allow_pickle=False) as kept:
            return cls(kept["intents"], kept["labels"], names)


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """The network in `folder`, opened."""

    folder: Path
    heads: Heads
    encoder: OnnxEncoder = field(repr=False)

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Raises ImportError, which says what to install, and OSError or ValueError for a folder that is not whole."""
        return cls(folder, Heads.load(folder), OnnxEncoder(folder))

    def save(self, folder: Path) -> None:
        for name in ENCODER_FILES:
            shutil.copyfile(self.folder / name, folder / name)
        self.heads.save(folder)

    def read(self, text: str) -> Told:
        """`text` is normalised and not empty."""
        settings = self.encoder.settings
        states, tokens = self.encoder.states(text)
        found = pieces(tokens, text, len(settings.prefix))
        scores = settings.pooled(states) @ self.heads.intents[:-1] + self.heads.intents[-1]
        known = sum(tokens.tokens[one.row] not in _UNKNOWN for one in found) / max(1, len(found))
        rows = states[[one.row for one in found]] if found else states[:0]
        entities = self._entities(rows, [(one.start, one.end) for one in found], text) if self.heads.names else ()
        return Told(scores.astype(np.float64), entities, known)

    def _entities(self, rows: NDArray[np.float32], places: Sequence[tuple[int, int]], text: str) -> tuple[Found, ...]:
        scores = rows @ self.heads.labels[:-1] + self.heads.labels[-1]
        path = best_path(scores, self.heads.names)
        labels = [self.heads.names[at] for at in path]
        sure = np.exp(scores - scores.max(1, keepdims=True)) if len(scores) else scores
        chances = [float(row[at] / row.sum()) for row, at in zip(sure, path, strict=True)]
        told = spans(character_labels(places, labels, len(text)))
        return tuple(Found(one, _least(chances, places, one)) for one in told)


_UNKNOWN = ("[UNK]", "<unk>")


def _least(chances: Sequence[float], places: Sequence[tuple[int, int]], span: Span) -> float:
    inside = zip(chances, places, strict=True)
    return min((chance for chance, (start, end) in inside if start < span.end and span.start < end), default=0.0)
