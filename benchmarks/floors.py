"""What one would write in an afternoon, for comparison: TF-IDF under a LinearSVC, a CRF over characters, cosine."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence

import jieba
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from nlu.data import Example

try:
    import pycrfsuite
except ImportError:
    # then there is no floor for slots
    pycrfsuite = None

Span = tuple[int, int, str]


def floor(training: Sequence[Example], test: Sequence[Example]) -> dict[str, float]:
    """Accuracy of the intents (words and characters by TF-IDF, LinearSVC), F1 of the slots (character CRF), both right,
    and for questions how often the nearest one (cosine of TF-IDF) has the right answer."""
    found: dict[str, float] = {}
    if all(one.retrieval for one in training):
        return _nearest(training, test)
    begun = time.perf_counter()
    machine = make_pipeline(_features(), LinearSVC(random_state=0))
    machine.fit([one.text for one in training], [one.intent for one in training])
    guesses = machine.predict([one.text for one in test])
    right = np.array([guess == one.intent for guess, one in zip(guesses, test, strict=True)])
    found["accuracy"] = round(float(right.mean()), 4)
    if pycrfsuite is not None and any(one.entities for one in training):
        spans = _tagged(training, test)
        truth = [{(e.start, e.end, e.type) for e in one.entities} for one in test]
        same = sum(len(a & b) for a, b in zip(spans, truth, strict=True))
        total = sum(map(len, spans)) + sum(map(len, truth))
        whole = right & np.array([a == b for a, b in zip(spans, truth, strict=True)])
        found |= {"slot_f1": round(2 * same / max(1, total), 4), "sentence": round(float(whole.mean()), 4)}
    return {**found, "train_s": round(time.perf_counter() - begun, 2)}


def _features() -> object:
    words = TfidfVectorizer(tokenizer=jieba.lcut, token_pattern=None, ngram_range=(1, 2), sublinear_tf=True)
    chars = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True)
    return make_union(words, chars)


def _nearest(training: Sequence[Example], test: Sequence[Example]) -> dict[str, float]:
    features = _features()
    known = features.fit_transform([one.text for one in training])  # type: ignore[attr-defined]
    asked = features.transform([one.text for one in test])  # type: ignore[attr-defined]
    first = third = 0
    for row, one in zip(asked, test, strict=True):
        order = np.argsort(-(known @ row.T).toarray()[:, 0], kind="stable")[:50]
        answers = list(dict.fromkeys(training[i].intent for i in order))
        first += one.intent in answers[:1]
        third += one.intent in answers[:3]
    return {"top1": round(first / len(test), 4), "top3": round(third / len(test), 4)}


def _tagged(training: Sequence[Example], test: Sequence[Example]) -> list[set[Span]]:
    trainer = pycrfsuite.Trainer(verbose=False)
    for one in training:
        if one.text:
            trainer.append(_rows(one.text), _labels(one))
    trainer.set_params({"c1": 0.1, "c2": 0.01, "max_iterations": 100, "feature.possible_transitions": True})
    with tempfile.NamedTemporaryFile(suffix=".crf") as file:
        trainer.train(file.name)
        tagger = pycrfsuite.Tagger()
        tagger.open(file.name)
        return [set(_spans(tagger.tag(_rows(one.text)))) if one.text else set() for one in test]


def _rows(text: str) -> list[list[str]]:
    edged = f"^^{text}$$"
    rows = []
    for at in range(2, len(edged) - 2):
        around = edged[at - 2 : at + 3]
        rows.append(
            ["b", *(f"{place}={sign}" for place, sign in enumerate(around))]
            + [f"{place}-{around[place : place + 2]}" for place in range(4)]
            + [f"t={'d' if around[2].isdigit() else 'a' if around[2].isascii() else 'z'}"]
        )
    return rows


def _labels(one: Example) -> list[str]:
    labels = ["O"] * len(one.text)
    for entity in one.entities:
        for at in range(entity.start, entity.end):
            labels[at] = f"{'B' if at == entity.start else 'I'}-{entity.type}"
    return labels


def _spans(labels: Sequence[str]) -> Iterator[Span]:
    start = 0
    for at, label in enumerate([*labels, "O"]):
        before = labels[at - 1] if at else "O"
        if before != "O" and label != f"I-{before[2:]}":
            yield start, at, before[2:]
        if label.startswith("B") or (label.startswith("I") and before[2:] != label[2:]):
            start = at
