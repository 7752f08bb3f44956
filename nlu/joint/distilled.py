"""`DistilledIntentClassifier`: a transformer is fine-tuned, and what it says is taught to a light classifier, which
alone is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from config.source import BadProject, Problem, Strict
from nlu.calibration import Calibration
from nlu.component import Component, Corpus, Field, Material, register
from nlu.doc import Doc
from nlu.features import essence, width_of
from nlu.joint.component import calibration_of, taught
from nlu.joint.options import FineTuning
from nlu.joint.student import Plane, fit, held_out, rows_of
from nlu.meaning import FALLBACK_INTENT
from nlu.pipeline import LONG_AGO, Pipeline
from nlu.ranking import SPEECH, by_heart, ranked, share_of_any

MOST_UNLABELLED = 20_000
UNLABELLED_WEIGHT = 0.5
"""What a text that no one has labelled counts beside an example: the teacher errs too."""


class DistilledOptions(FineTuning):
    unlabelled: str = "data/unlabelled.txt"
    """What customers have written, a text a line, in no intent: the teacher says which. Without the file the training
    texts alone are learned, which gives little."""


@register
@dataclass(frozen=True, slots=True, eq=False)
class DistilledIntentClassifier(Component):
    """As fast as `LinearIntentClassifier`: numpy over n-grams and, where there is one, the sentence vector."""

    name: ClassVar[str] = "DistilledIntentClassifier"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized", "features"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"intent"})
    options: ClassVar[type[Strict]] = DistilledOptions
    reads: ClassVar[frozenset[Material]] = frozenset({"texts", "intents", "entities", "answers", "files"})

    intents: tuple[str, ...]
    plane: Plane
    calibration: Calibration
    by_heart: Mapping[str, str] = field(repr=False)
    measured: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def train(cls, options: DistilledOptions, corpus: Corpus) -> Self:
        intents = tuple(sorted({example.label for example in corpus.data.examples}))
        more = _unlabelled(options, corpus)
        taking = replace(corpus, report=lambda done: corpus.report(0.9 * done))
        teacher = taught(options, taking, intents)
        numbers = np.array([intents.index(example.label) for example in corpus.data.examples], np.intp)
        calibration = calibration_of(teacher.known, teacher.intents)
        said = [calibration.probabilities(told.scores, told.known) for told in _told(teacher, more)]
        chances = np.vstack([np.eye(len(intents))[numbers], *(row[None] / row.sum() for row in said)])
        # what the teacher takes for none of the intents teaches little about them
        weights = np.concatenate([_even(numbers), UNLABELLED_WEIGHT * np.array([row.sum() for row in said])])
        rows = rows_of((*corpus.docs, *more), width_of((*corpus.docs, *corpus.answers.values(), *more)))
        plane = fit(rows, chances, weights)
        own = held_out(rows, chances, weights, numbers)
        right = float((own.argmax(1) == numbers).mean())
        measured = {"teacher": teacher.measured, "unlabelled": len(more), "held_out_accuracy": round(right, 4)}
        return cls(intents, plane, calibration_of(own, numbers), by_heart(corpus), measured)

    @classmethod
    def load(cls, options: DistilledOptions, folder: Path) -> Self:
        kept = json.loads((folder / "distilled.json").read_text("utf-8"))
        matrix = np.load(folder / "weights.npy", allow_pickle=False)
        calibration = Calibration.from_dict(kept["calibration"])
        plane = Plane(matrix[:-1], matrix[-1])
        return cls(tuple(kept["intents"]), plane, calibration, kept["by_heart"], kept["measured"])

    def save(self, folder: Path) -> None:
        kept = {
            "intents": self.intents,
            "calibration": self.calibration.to_dict(),
            "by_heart": self.by_heart,
            "measured": self.measured,
        }
        (folder / "distilled.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        np.save(folder / "weights.npy", np.vstack([self.plane.matrix, self.plane.bias]), allow_pickle=False)

    def __call__(self, doc: Doc) -> Doc:
        text = doc.normalized.text
        if not text:
            return doc
        known = self.by_heart.get(essence(text))
        if known is None and not (len(doc.features.columns) and SPEECH.search(text)):
            return replace(doc, intent=FALLBACK_INTENT, confidence=1.0, familiarity=0.0)
        scores = self.plane.scores(doc.features, doc.sentence)
        chances = self.calibration.probabilities(scores, doc.features.coverage)
        return ranked(doc, self.intents, chances, known, share_of_any(chances))


def _unlabelled(options: DistilledOptions, corpus: Corpus) -> list[Doc]:
    """The texts of the file as the components above have read them, each once, without those of the examples."""
    path = corpus.project / options.unlabelled
    if not corpus.before or not path.is_file():
        return []
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise BadProject(Problem(str(path), 1, f"cannot be read: {error}", "save it as UTF-8")) from None
    reader = Pipeline(corpus.before)
    taught_already = {doc.normalized.text for doc in corpus.docs}
    found: dict[str, Doc] = {}
    for line in lines[:MOST_UNLABELLED]:
        doc = reader.read(line.strip(), LONG_AGO)
        if doc.normalized.text not in taught_already and len(doc.features.columns):
            found.setdefault(doc.normalized.text, doc)
    return list(found.values())


def _told(teacher: Any, docs: list[Doc]) -> list[Any]:
    return [teacher.reader.read(doc.normalized.text) for doc in docs]


def _even(numbers: NDArray[np.intp]) -> NDArray[np.float64]:
    """So that each intent counts the same."""
    counts = np.bincount(numbers)
    found: NDArray[np.float64] = len(numbers) / (counts > 0).sum() / counts[numbers]
    return found
