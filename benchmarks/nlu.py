"""Intent accuracy, calibration and speed on any folder of {train,test}.jsonl, beside a plain floor in the same run.

    python -m benchmarks.nlu FOLDER [--per-intent N] [--model use-m3|e5-small-zh|both|none]

Each line of the files is `{"text", "intent", "entities": [{"start", "end", "value", "entity"}]}`. The floor is
scikit-learn's TF-IDF (jieba 1-2-grams and character 1-4-grams) under a LinearSVC, as one would write it in an
afternoon. Prints one JSON object: times in milliseconds or seconds, shares in 0..1.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jieba
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline, make_union
from sklearn.svm import LinearSVC

from nlu.data import Example, NluData
from nlu.evaluation.judged import judge
from nlu.evaluation.report import summarise
from nlu.meaning import Entity
from nlu.model import load, read_manifest
from nlu.pipeline import Pipeline
from nlu.recipe import DEFAULT
from nlu.training import train

NOW = datetime(2026, 11, 18, 10, tzinfo=UTC)
PARSES = 2000
MODELS = {"use-m3": ["use-m3"], "e5-small-zh": ["e5-small-zh"], "both": ["use-m3", "e5-small-zh"], "none": []}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-intent", type=int, default=0, help="train on this many examples of each intent only")
    parser.add_argument("--model", choices=list(MODELS), default="use-m3", help="the sentence encoder")
    given = parser.parse_args()
    training = few(read(given.folder / "train.jsonl"), given.per_intent)
    test = [one for one in read(given.folder / "test.jsonl") if one.intent in {known.intent for known in training}]
    result = {
        "set": given.folder.name,
        "train": len(training),
        "test": len(test),
        "intents": len({one.intent for one in training}),
        "floor": floor(training, test),
        "yingda": ours(training, test, given.model),
    }
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def read(path: Path) -> list[Example]:
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        row = json.loads(line)
        entities = tuple(
            Entity(one["entity"], one["value"], one["value"], one["start"], one["end"]) for one in row["entities"]
        )
        # a slash would make a retrieval intent of it
        found.append(Example(row["text"], row["intent"].replace("/", "."), entities, str(path), number))
    return found


def few(examples: list[Example], per_intent: int) -> list[Example]:
    """The first `per_intent` of each intent after a seeded shuffle; all of them for 0."""
    if not per_intent:
        return examples
    shuffled = random.Random(0).sample(examples, len(examples))
    taken: Counter[str] = Counter()
    kept = []
    for example in shuffled:
        if taken[example.intent] < per_intent:
            taken[example.intent] += 1
            kept.append(example)
    return kept


def floor(training: list[Example], test: list[Example]) -> dict[str, float]:
    words = TfidfVectorizer(tokenizer=jieba.lcut, token_pattern=None, ngram_range=(1, 2), sublinear_tf=True)
    chars = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), sublinear_tf=True)
    machine = make_pipeline(make_union(words, chars), LinearSVC(random_state=0))
    begun = time.perf_counter()
    machine.fit([one.text for one in training], [one.intent for one in training])
    taken = time.perf_counter() - begun
    guesses = machine.predict([one.text for one in test])
    right = sum(guess == one.intent for guess, one in zip(guesses, test, strict=True))
    return {"accuracy": round(right / len(test), 4), "train_s": round(taken, 2)}


def ours(training: list[Example], test: list[Example], model: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        write_project(project, NluData(tuple(training)), MODELS[model])
        begun = time.perf_counter()
        folder = train(project, lambda phase, fraction: None)
        trained = time.perf_counter() - begun
        begun = time.perf_counter()
        pipeline = load(folder)
        loaded = time.perf_counter() - begun
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        report = summarise(judge(pipeline, test))
        return {
            "model": model,
            "accuracy": round(report.accuracy, 4),
            "macro_f1": round(report.macro_f1, 4),
            "calibration_error": round(report.calibration_error, 4),
            "believed_right": round(report.believed_right, 4),
            "believed_wrong": round(report.believed_wrong, 4),
            "train_s": round(trained, 2),
            "load_s": round(loaded, 3),
            "model_mb": round(size / 1e6, 2),
            "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            **speed(pipeline, [one.text for one in test]),
            "report": read_manifest(folder).report,
        }


def write_project(project: Path, data: NluData, models: list[str]) -> None:
    """The examples as `data/nlu.yml`, and the default pipeline with these sentence encoders."""
    steps = [{"name": name} for name in DEFAULT if models or name != "SentenceEncoder"]
    pipeline = [{**step, "model": models} if step["name"] == "SentenceEncoder" else step for step in steps]
    (project / "config.yml").write_text(json.dumps({"language": "zh", "pipeline": pipeline}))
    by_intent: dict[str, list[dict[str, str]]] = {}
    for example in data.examples:
        by_intent.setdefault(example.intent, []).append({"text": marked(example)})
    sections = [{"intent": intent, "examples": examples} for intent, examples in by_intent.items()]
    (project / "data").mkdir()
    # JSON is YAML
    (project / "data" / "nlu.yml").write_text(json.dumps({"nlu": sections}, ensure_ascii=False), "utf-8")


def marked(example: Example) -> str:
    text, at = "", 0
    for entity in sorted(example.entities, key=lambda one: one.start):
        if entity.start >= at and entity.start < entity.end:
            quote = example.text[entity.start : entity.end]
            text += f"{example.text[at : entity.start]}[{quote}]" + json.dumps({"entity": entity.type})
            at = entity.end
    return text + example.text[at:]


def speed(pipeline: Pipeline, texts: list[str]) -> dict[str, float]:
    taken = []
    for i in range(PARSES):
        text = texts[i % len(texts)]
        begun = time.perf_counter()
        pipeline.parse(text, NOW)
        taken.append(1000 * (time.perf_counter() - begun))
    taken.sort()
    return {"parse_p50_ms": round(taken[PARSES // 2], 3), "parse_p99_ms": round(taken[PARSES * 99 // 100], 3)}


if __name__ == "__main__":
    main()
