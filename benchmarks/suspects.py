"""How well `yingda data review` finds labels that are wrong: a share of the examples is put into a random other intent.

    python -m benchmarks.suspects [--project DIR | --data DIR] [--share 0.05] [--draws 3]

Prints one JSON object. `precision` and `recall` are of what is listed; `precision_at_20` of its first 20 lines.
What was doubtful before counts against it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.sets import read_examples, write_project
from config.settings import DEFAULT_PROJECT
from nlu.data import NluData, read_data
from nlu.doubts.likeness import read
from nlu.doubts.suspects import crosswise, suspects
from nlu.evaluation.cross import silent
from nlu.recipe import read_recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--project", type=Path, default=DEFAULT_PROJECT)
    parser.add_argument("--data", type=Path, help="a folder with train.jsonl instead of a bot")
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--draws", type=int, default=3)
    given = parser.parse_args()
    if given.data is None:
        found = [measure(given.project, given.share, seed) for seed in range(given.draws)]
    else:
        with tempfile.TemporaryDirectory() as name:
            write_project(Path(name), NluData(tuple(read_examples(given.data / "train.jsonl"))), "use-m3")
            found = [measure(Path(name), given.share, seed) for seed in range(given.draws)]
    mean = {key: round(statistics.mean(one[key] for one in found), 3) for key in found[0]}
    sys.stdout.write(json.dumps({"set": (given.data or given.project).name, **mean}, indent=1) + "\n")


def measure(project: Path, share: float, seed: int) -> dict[str, float]:
    data, wrong = mislabelled(read_data(project), share, seed)
    begun = time.perf_counter()
    examples = read(project, read_recipe(project), data, silent)
    found = suspects(examples, crosswise(examples))
    taken = time.perf_counter() - begun
    places = {(one.file, one.line): place for place, one in enumerate(data.examples)}
    listed = [places[one.file, one.line] for one in found]
    return {
        "examples": len(data.examples),
        "wrong": len(wrong),
        "listed": len(listed),
        "precision": len(wrong & set(listed)) / max(1, len(listed)),
        "recall": len(wrong & set(listed)) / len(wrong),
        "precision_at_20": len(wrong & set(listed[:20])) / max(1, len(listed[:20])),
        "seconds": taken,
    }


def mislabelled(data: NluData, share: float, seed: int) -> tuple[NluData, set[int]]:
    """The data with a share of its examples in another intent, and the places of those."""
    dice = np.random.default_rng(seed)
    names = sorted({one.intent for one in data.examples})
    wrong = set(dice.choice(len(data.examples), round(share * len(data.examples)), replace=False).tolist())
    examples = [
        replace(one, intent=str(dice.choice([name for name in names if name != one.intent]))) if place in wrong else one
        for place, one in enumerate(data.examples)
    ]
    return replace(data, examples=tuple(examples)), wrong


if __name__ == "__main__":
    main()
