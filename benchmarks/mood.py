"""How well the mood of a message is told, from the sentences that come with the package: cross-validated on them, and
on sentences written in another manner that were never trained on. Prints JSON.

    python -m benchmarks.mood [--model use-m3 | e5-small-zh | FOLDER ...] [--held-out FILE]

`complaint` and `urgency` are areas under the ROC curve, `sentiment` the share of sentences whose sign is right.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from nlu.component import SEED
from nlu.encoders import open_encoder, resolve
from nlu.mood import MoodAnalyzer
from nlu.mood.examples import Example, read_examples
from nlu.normalize import normalize

HELD_OUT = Path(__file__).parent.parent / "tests" / "nlu" / "mood" / "held_out.txt"
Rows = NDArray[np.float32]


def encoded(models: Sequence[str], texts: Sequence[str], centre: Rows, scale: float) -> Rows:
    """As `SentenceEncoder` would: centred and scaled, here by the package's own sentences."""
    rows = raw(models, texts)
    return ((rows - centre) / scale).astype(np.float32)


def raw(models: Sequence[str], texts: Sequence[str]) -> Rows:
    if not models:
        return np.empty((len(texts), 0), np.float32)
    encoders = [open_encoder(resolve(model, Path.cwd())) for model in models]
    return np.stack([np.hstack([encoder.encode([text])[0] for encoder in encoders]) for text in texts])


def judged(analyzer: MoodAnalyzer, texts: Sequence[str], vectors: Rows) -> NDArray[np.float64]:
    return np.array([analyzer.scores(text, vector) for text, vector in zip(texts, vectors, strict=True)])


def figures(scores: NDArray[np.float64], examples: Sequence[Example]) -> dict[str, float]:
    sentiment = np.array([example.sentiment for example in examples])
    return {
        "complaint_auroc": round(roc_auc_score([example.complaint for example in examples], scores[:, 1]), 3),
        "urgency_auroc": round(roc_auc_score([example.urgency for example in examples], scores[:, 0]), 3),
        "sentiment_accuracy": round(float((scores[:, 2:].argmax(1) - 1 == sentiment).mean()), 3),
    }


def crossed(examples: Sequence[Example], texts: Sequence[str], vectors: Rows) -> NDArray[np.float64]:
    """What five models say, each of the fifth that it was not trained on."""
    scores = np.zeros((len(texts), 5))
    groups = [str(example[1:]) for example in examples]
    for known, asked in StratifiedKFold(5, shuffle=True, random_state=SEED).split(groups, groups):
        made = MoodAnalyzer.learn([examples[i] for i in known], [texts[i] for i in known], vectors[known])
        scores[asked] = judged(made, [texts[i] for i in asked], vectors[asked])
    return scores


def measure(models: Sequence[str], held_out: Path) -> dict[str, object]:
    examples, strangers = read_examples(), read_examples(held_out)
    texts = [normalize(example.text).text for example in examples]
    others = [normalize(example.text).text for example in strangers]
    plain = raw(models, texts)
    centre = plain.mean(0)
    scale = float(np.linalg.norm(plain - centre, axis=1).mean()) or 1.0
    vectors = ((plain - centre) / scale).astype(np.float32)
    began = time.process_time()
    analyzer = MoodAnalyzer.learn(examples, texts, vectors)
    learned = time.process_time()
    judged(analyzer, texts, vectors)
    used = time.process_time()
    apart = judged(analyzer, others, encoded(models, others, centre, scale))
    return {
        "model": list(models),
        "examples": len(examples),
        "cross_validated": figures(crossed(examples, texts, vectors), examples),
        "held_out_examples": len(strangers),
        "held_out": figures(apart, strangers),
        "train_cpu_s": round(learned - began, 2),
        "judge_cpu_ms": round((used - learned) / len(texts) * 1000, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", nargs="*", default=[])
    parser.add_argument("--held-out", type=Path, default=HELD_OUT)
    options = parser.parse_args()
    print(json.dumps(measure(options.model, options.held_out), indent=2))


if __name__ == "__main__":
    main()
