"""`JointTransformer`: intent and entities by one fine-tuned transformer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from config.source import BadProject, Problem, Strict
from nlu.calibration import Calibration, Floats, calibrate
from nlu.component import Component, Corpus, Field, Material, register
from nlu.doc import Doc
from nlu.encoders.torch_model import NoTorch, need_torch
from nlu.features import essence
from nlu.joint.checkpoint import checkpoint
from nlu.joint.learning import Learned, Lessons, learn
from nlu.joint.options import FineTuning, JointOptions
from nlu.joint.reading import Found, Reader
from nlu.meaning import FALLBACK_INTENT, Entity
from nlu.ranking import SPEECH, STRANGERS, by_heart, ranked, share_of_any
from nlu.sequence import labels
from nlu.spans import add


@register
@dataclass(frozen=True, slots=True, eq=False)
class JointTransformer(Component):
    """Ranks all intents with calibrated confidence and marks entities; a sentence of the training data is known by
    heart. Training wants torch; serving does not."""

    name: ClassVar[str] = "JointTransformer"
    requires: ClassVar[frozenset[Field]] = frozenset({"normalized"})
    assigns: ClassVar[frozenset[Field]] = frozenset({"intent", "entities"})
    options: ClassVar[type[Strict]] = JointOptions
    reads: ClassVar[frozenset[Material]] = frozenset({"texts", "intents", "entities"})

    intents: tuple[str, ...]
    reader: Reader
    calibration: Calibration
    by_heart: Mapping[str, str] = field(repr=False)
    """The essence of a training sentence -> its intent, where all data agrees on it."""
    measured: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def train(cls, options: JointOptions, corpus: Corpus) -> Self:
        intents = tuple(sorted({example.label for example in corpus.data.examples}))
        learned = taught(options, corpus, intents)
        return cls(
            intents, learned.reader, calibration_of(learned.known, learned.intents), by_heart(corpus), learned.measured
        )

    @classmethod
    def load(cls, options: JointOptions, folder: Path) -> Self:
        kept = json.loads((folder / "joint.json").read_text("utf-8"))
        try:
            reader = Reader.open(folder)
        except ImportError as missing:
            raise BadProject(Problem(str(folder), 1, f"JointTransformer: {missing}")) from None
        calibration = Calibration.from_dict(kept["calibration"])
        return cls(tuple(kept["intents"]), reader, calibration, kept["by_heart"], kept["measured"])

    def save(self, folder: Path) -> None:
        kept = {
            "intents": self.intents,
            "calibration": self.calibration.to_dict(),
            "by_heart": self.by_heart,
            "measured": self.measured,
        }
        (folder / "joint.json").write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
        self.reader.save(folder)

    def __call__(self, doc: Doc) -> Doc:
        text = doc.normalized.text
        if not text:
            return doc
        known = self.by_heart.get(essence(text))
        if known is None and not SPEECH.search(text):
            return replace(doc, intent=FALLBACK_INTENT, confidence=1.0, familiarity=0.0)
        told = self.reader.read(text)
        chances = self.calibration.probabilities(told.scores, told.known)
        read = ranked(doc, self.intents, chances, known, share_of_any(chances))
        return add(read, (_entity(doc, one) for one in told.entities))


def _entity(doc: Doc, found: Found) -> Entity:
    (start, end, kind), sure = found
    first, last = doc.normalized.span(start, end)
    quote = doc.normalized.quote(start, end)
    return Entity(kind.type, quote, quote, first, last, kind.role, kind.group, JointTransformer.name, sure)


def taught(options: FineTuning, corpus: Corpus, intents: tuple[str, ...]) -> Learned:
    """The network that has learned the corpus. Raises `BadProject`, which says in words what is missing."""
    try:
        need_torch("training it")
        folder = checkpoint(options.model, corpus.project)
        return learn(_lessons(corpus, intents), folder, corpus.project / ".yingda" / "cache", options, corpus.report)
    except NoTorch as error:
        what, mend = str(error), ""
    except LookupError as error:
        what, mend = str(error.args[0]), ""
    except (OSError, ValueError) as error:
        what, mend = f"'{options.model}' cannot be fine-tuned: {' '.join(str(error).split())}", ""
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(word in str(error) for word in ("alloc", "new thread")):
            raise
        what = f"memory ended while '{options.model}' was fine-tuned"
        mend = f"a smaller batch (batch: {max(2, options.batch // 4)}) or a smaller model needs less"
    raise BadProject(Problem(str(corpus.project / "config.yml"), 1, f"JointTransformer: {what}", mend))


def _lessons(corpus: Corpus, intents: tuple[str, ...]) -> Lessons:
    pairs = [
        (doc.normalized, example)
        for doc, example in zip(corpus.docs, corpus.data.examples, strict=True)
        if doc.normalized.text
    ]
    numbers = np.array([intents.index(example.label) for _, example in pairs], np.intp)
    marked = [labels(normalized, example.entities) for normalized, example in pairs]
    return Lessons([normalized.text for normalized, _ in pairs], numbers, marked, len(intents))


def calibration_of(known: Floats, intents: NDArray[np.intp]) -> Calibration:
    """Fitted on scores of held-out texts, each of which is also taken for a stranger: as it would be scored, had its
    own intent not been among those of the bot. (To leave whole intents out would take as many trainings.)"""
    if not len(known) or known.shape[1] < 2:
        return Calibration()
    strangers = known.copy()
    strangers[np.arange(len(known)), intents] = known.min(1)
    weight = STRANGERS / (1 - STRANGERS)
    count = len(known)
    return calibrate(
        np.concatenate([known, strangers]),
        np.concatenate([intents, np.full(count, -1)]),
        np.ones(2 * count),
        np.concatenate([np.ones(count), np.full(count, weight)]),
    )
