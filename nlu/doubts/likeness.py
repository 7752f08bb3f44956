"""How alike examples are: by shared words and characters, and by what a sentence encoder makes of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlu.component import COMPONENTS, Corpus
from nlu.data import Example, NluData
from nlu.doc import Doc
from nlu.evaluation.judged import NOW
from nlu.evaluation.recipes import reading
from nlu.features import TfidfFeaturizer, width_of
from nlu.linear import table_of
from nlu.pipeline import blank
from nlu.recipe import Recipe, Step
from nlu.training import Report as Progress

Floats = NDArray[np.float64]
BLOCK = 500
"""Rows compared at a time, which bounds the memory."""


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Examples as the pipeline reads them. `grams`: rows of length 1 (scipy CSR); `sentences`: (n, dimensions) of mean
    length 1, dimensions 0 where nothing encodes."""

    examples: tuple[Example, ...]
    docs: tuple[Doc, ...]
    grams: Any
    sentences: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.examples)

    def kernel(self, rows: NDArray[np.intp]) -> Floats:
        """Inner products of these rows with each other, n-grams and sentence vectors alike."""
        grams, vectors = self.grams[rows], self.sentences[rows].astype(np.float64)
        found: Floats = (grams @ grams.T).toarray() + vectors @ vectors.T
        return found

    def likenesses(self) -> Iterator[tuple[int, Floats]]:
        """(first row, block against all rows): 1 for the same, 0 for nothing in common; the mean of both views."""
        length = np.maximum(np.linalg.norm(self.sentences, axis=1, keepdims=True), 1e-9)
        unit = self.sentences / length
        for start in range(0, len(self), BLOCK):
            shared: Floats = (self.grams[start : start + BLOCK] @ self.grams.T).toarray()
            if unit.shape[1]:
                yield start, (shared + np.clip(unit[start : start + BLOCK] @ unit.T, 0, 1)) / 2
            else:
                # a changed word costs many n-grams; the root brings them to the scale of both views
                yield start, np.sqrt(np.clip(shared, 0, 1))


def read(project: Path, recipe: Recipe, data: NluData, report: Progress) -> Read:
    """Raises `BadProject` as training does. The encoders' cache is used and filled."""
    docs = [blank(example.text, NOW) for example in data.examples]
    for step in _steps(recipe):
        report(step.name, 0.0)
        corpus = Corpus(project, data, tuple(docs))
        component = COMPONENTS[step.name].train(step.options, corpus)
        docs = [component(doc) for doc in docs]
    table = table_of(docs, width_of(docs))
    return Read(data.examples, tuple(docs), table.grams, table.sentences)


def _steps(recipe: Recipe) -> Sequence[Step]:
    """What reads a text in this pipeline; n-grams are counted even where its intents come from elsewhere."""
    steps = list(reading(recipe).steps)
    if not any(step.name == TfidfFeaturizer.name for step in steps):
        steps.append(Step(TfidfFeaturizer.name, TfidfFeaturizer.options()))
    return steps
