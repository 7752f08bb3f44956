"""A fine-tuned transformer beside the same one frozen, and the light classifier that it teaches.

    python -m benchmarks.joint FOLDER [--kind light|frozen|joint|distilled] [--model e5-small-zh] [--labelled 0.5]
                               [--options '{"epochs": 16}']

FOLDER holds {train,test}.jsonl; a line is `{"text", "intent", "entities": [{"start", "end", "value", "entity"}]}`.
`--labelled` takes only so large a share of the examples with their labels; `distilled` gets the rest as texts. Prints
one JSON object: shares in 0..1, seconds of CPU, milliseconds of CPU a sentence on one thread.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nlu.data import Example
from nlu.meaning import Entity
from nlu.model import load, read_manifest
from nlu.pipeline import Pipeline
from nlu.training import train

NOW = datetime(2026, 11, 18, 10, tzinfo=UTC)
TIMED = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=["light", "frozen", "joint", "distilled"], default="joint")
    parser.add_argument("--model", default="e5-small-zh")
    parser.add_argument("--labelled", type=float, default=1.0)
    parser.add_argument("--options", type=json.loads, default={}, help="of the component that is fine-tuned, as JSON")
    given = parser.parse_args()
    examples = read(given.folder / "train.jsonl")
    shuffled = random.Random(0).sample(examples, len(examples))
    count = round(given.labelled * len(examples))
    labelled, rest = (examples, []) if count == len(examples) else (shuffled[:count], shuffled[count:])
    known = {one.intent for one in labelled}
    test = [one for one in read(given.folder / "test.jsonl") if one.intent in known]
    with tempfile.TemporaryDirectory() as name:
        project = Path(name)
        pipeline = steps(given.kind, given.model, given.options)
        write_project(project, pipeline, labelled, rest if given.kind == "distilled" else [])
        begun = time.process_time()
        folder = train(project, progress)
        seconds = time.process_time() - begun
        result = {"kind": given.kind, "train": len(labelled), "test": len(test), "train_cpu_s": round(seconds, 1)}
        result |= score(load(folder), test) | {"report": read_manifest(folder).report}
    result["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")


def progress(phase: str, fraction: float) -> None:
    sys.stderr.write(f"\r{fraction:6.1%} {phase:<30}")


def steps(kind: str, model: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    light = [{"name": name} for name in ("Normalizer", "JiebaTokenizer", "TfidfFeaturizer")]
    linear = {"name": "LinearIntentClassifier"}
    return {
        "light": [*light, linear],
        "frozen": [*light, {"name": "SentenceEncoder", "model": model}, linear, {"name": "CrfEntityExtractor"}],
        "joint": [{"name": "Normalizer"}, {"name": "JointTransformer", "model": model, **options}],
        "distilled": [*light, {"name": "DistilledIntentClassifier", "model": model, **options}],
    }[kind]


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


def write_project(project: Path, pipeline: list[dict[str, Any]], labelled: list[Example], rest: list[Example]) -> None:
    (project / "data").mkdir()
    # JSON is YAML
    (project / "config.yml").write_text(json.dumps({"language": "zh", "pipeline": pipeline}), "utf-8")
    by_intent: dict[str, list[dict[str, str]]] = {}
    for example in labelled:
        by_intent.setdefault(example.intent, []).append({"text": marked(example)})
    sections = [{"intent": intent, "examples": examples} for intent, examples in by_intent.items()]
    (project / "data" / "nlu.yml").write_text(json.dumps({"nlu": sections}, ensure_ascii=False), "utf-8")
    (project / "data" / "unlabelled.txt").write_text("\n".join(one.text for one in rest), "utf-8")


def marked(example: Example) -> str:
    text, at = "", 0
    for entity in sorted(example.entities, key=lambda one: one.start):
        if entity.start >= at and entity.start < entity.end:
            quote = example.text[entity.start : entity.end]
            text += f"{example.text[at : entity.start]}[{quote}]" + json.dumps({"entity": entity.type})
            at = entity.end
    return text + example.text[at:]


def score(pipeline: Pipeline, test: list[Example]) -> dict[str, float]:
    """Intent before thresholds, entities by exact place and type, and sentences of which all is right."""
    intents = sentences = right = found = there = 0
    for example in test:
        said = pipeline.parse(example.text, NOW)
        best = said.ranking[0].name if said.ranking else said.intent
        truth = {(one.start, one.end, one.type) for one in example.entities}
        told = {(one.start, one.end, one.type) for one in said.entities}
        intents += best == example.intent
        sentences += best == example.intent and truth == told
        right, found, there = right + len(truth & told), found + len(told), there + len(truth)
    return {
        "accuracy": round(intents / len(test), 4),
        "slot_f1": round(2 * right / max(1, found + there), 4),
        "sentence": round(sentences / len(test), 4),
        "parse_p50_ms": speed(pipeline, [one.text for one in test]),
    }


def speed(pipeline: Pipeline, texts: list[str]) -> float:
    taken = []
    for i in range(TIMED):
        begun = time.process_time()
        pipeline.parse(texts[i % len(texts)], NOW)
        taken.append(1000 * (time.process_time() - begun))
    return round(sorted(taken)[TIMED // 2], 2)


if __name__ == "__main__":
    main()
