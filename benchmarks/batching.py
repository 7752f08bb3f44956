"""What reading several waiting messages in one pass of a transformer would gain, and what it would change. Prints JSON.

    python -m benchmarks.batching FOLDER [--model e5-small-zh] [--texts 400]

FOLDER holds `train.jsonl` and `test.jsonl` (`text`, `intent`). On one thread: milliseconds of CPU a text, one by one
and in batches as they would come in (whatever waits, padded to the longest); and how many texts of the test get another
intent from the same linear classifier because of who stood beside them in the batch. In eight-bit integers the range of
a layer's values is taken over the whole batch, so the neighbours decide how finely a text is read.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from nlu.component import SEED
from nlu.encoders import resolve
from nlu.encoders.onnx_encoder import OnnxEncoder
from nlu.normalize import normalize

SIZES = (2, 4, 8, 16)
ROUNDS = 3
Rows = NDArray[np.float32]


def together(encoder: OnnxEncoder, texts: Sequence[str]) -> Rows:
    """The vectors of `texts` in one pass."""
    cut = [encoder._tokenizer.encode(encoder._prefix + text).ids for text in texts]
    longest = max(map(len, cut))
    ids = np.array([one + [0] * (longest - len(one)) for one in cut], np.int64)
    mask = np.array([[1] * len(one) + [0] * (longest - len(one)) for one in cut], np.int64)
    (states,) = encoder._session.run(None, {"input_ids": ids, "attention_mask": mask})
    rows = (states * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def timed(work: Callable[[], Rows], texts: int) -> tuple[Rows, float]:
    """What `work` gives, and its least milliseconds of CPU a text."""
    found, taken = np.empty(0, np.float32), []
    for _ in range(ROUNDS):
        began = time.process_time()
        found = work()
        taken.append(time.process_time() - began)
    return found, round(1000 * min(taken) / texts, 3)


def read(file: Path, most: int) -> tuple[list[str], list[str]]:
    rows: list[dict[str, Any]] = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row.get("intent")]
    random.Random(SEED).shuffle(rows)
    return [normalize(row["text"]).text for row in rows[:most]], [row["intent"] for row in rows[:most]]


def measure(folder: Path, model: str, most: int) -> dict[str, Any]:
    encoder = OnnxEncoder(Path(resolve(model, Path.cwd())))
    known, intents = read(folder / "train.jsonl", most)
    texts, right = read(folder / "test.jsonl", most)
    classifier = LogisticRegression(C=60, max_iter=300).fit(
        np.vstack([encoder.encode([each]) for each in known]), intents
    )
    alone, alone_ms = timed(lambda: np.vstack([encoder.encode([each]) for each in texts]), len(texts))
    told = classifier.predict(alone)
    report: dict[str, Any] = {"model": model, "texts": len(texts), "alone_ms": alone_ms}
    report["alone_accuracy"] = round(float((told == right).mean()), 4)
    for size in SIZES:
        pieces = [texts[i : i + size] for i in range(0, len(texts), size)]
        rows, ms = timed(lambda pieces=pieces: np.vstack([together(encoder, each) for each in pieces]), len(texts))  # type: ignore[misc]
        other = classifier.predict(rows)
        report[f"batches_of_{size}"] = {
            "ms": ms,
            "gain": round(alone_ms / ms, 2),
            "least_cosine": round(float((rows * alone).sum(1).min()), 4),
            "other_decisions": int((other != told).sum()),
            "accuracy": round(float((other == right).mean()), 4),
        }
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="e5-small-zh")
    parser.add_argument("--texts", type=int, default=400)
    options = parser.parse_args()
    print(json.dumps(measure(options.folder, options.model, options.texts), indent=2))


if __name__ == "__main__":
    main()
