"""The measurements of `benchmarks.nlu`, one after the other."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from benchmarks.child import ONE_THREAD, run
from benchmarks.floors import floor
from benchmarks.published import known
from benchmarks.sets import MODELS, as_read, config, read_examples, write_data
from benchmarks.table import bots_table, set_table
from config.source import BadProject
from nlu.data import Example, NluData, read_data
from nlu.encoder import SentenceEncoder, SentenceEncoderOptions
from nlu.evaluation.cross import cross_judge, judge_without, silent
from nlu.evaluation.judged import Judged, judge
from nlu.evaluation.parting import FIFTH, few_of, parts
from nlu.evaluation.recipes import intents_only
from nlu.evaluation.report import Report, summarise
from nlu.evaluation.statistics import Spread, auroc
from nlu.evaluation.strangers import scores, tells_familiarity
from nlu.model import load, read_manifest
from nlu.pipeline import Pipeline
from nlu.recipe import Recipe, Step, read_recipe

SIZES = (10, 5)
DRAWS = 3
HELD_OUT = 0.25


def main(words: str) -> None:
    parser = argparse.ArgumentParser(description=words, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="the same as --data")
    parser.add_argument("--data", type=Path, help="a folder of train.jsonl and test.jsonl")
    parser.add_argument("--project", type=Path, help="a bot: cross-validated with each encoder, or with --model")
    parser.add_argument("--model", choices=list(MODELS), help="the sentence encoder (default: use-m3)")
    parser.add_argument("--per-intent", type=int, default=0, help="train on this many examples of each intent only")
    parser.add_argument("--few-shot", action="store_true", help="also: accuracy from 10 and 5 examples of each intent")
    parser.add_argument("--far", type=Path, help="also: are the sentences of this other set seen as strange?")
    parser.add_argument("--no-floors", action="store_true", help="without TF-IDF + LinearSVC and the character CRF")
    parser.add_argument("--no-near", action="store_true", help="without the draws of held-out intents")
    given = parser.parse_args()
    folder = given.data or given.folder
    if given.project is None and folder is None:
        parser.error("say --data FOLDER or --project BOT")
    result = of_bot(given.project, given.model) if given.project else of_set(folder, given)
    sys.stdout.write(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    sys.stdout.flush()
    sys.stderr.write((bots_table(result) if given.project else set_table(result)) + "\n")


def of_set(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    training, test = halves(folder)
    size = len(training), len(test)
    if given.per_intent:
        training = few_of(training, given.per_intent)
    seen = {one.intent for one in training}
    test = [one for one in test if one.intent in seen]
    public = known(folder.resolve().name, *size)
    with tempfile.TemporaryDirectory() as name:
        return {
            "set": folder.resolve().name,
            "train": len(training),
            "test": len(test),
            "intents": len(seen),
            "floor": {} if given.no_floors else floor(training, test),
            "yingda": Measuring.of(Path(name), training, test, given).all(),
            "published": {} if public is None else {
                "title": public.title, "best": public.best, "floor": public.floor, "rasa": public.rasa,
            },
        }  # fmt: skip


def halves(folder: Path) -> tuple[list[Example], list[Example]]:
    training = list(as_read(read_examples(folder / "train.jsonl")))
    if (folder / "test.jsonl").is_file():
        return training, list(as_read(read_examples(folder / "test.jsonl")))
    return parts(folder, training, FIFTH)[0]


@dataclass(frozen=True, slots=True)
class Measuring:
    """One set written as a bot's project, trained in a process of its own, and judged."""

    project: Path
    training: Sequence[Example]
    test: Sequence[Example]
    given: argparse.Namespace
    model: str
    recipe: Recipe

    @classmethod
    def of(cls, project: Path, training: Sequence[Example], test: Sequence[Example], given: argparse.Namespace) -> Self:
        model = given.model or "use-m3"
        settings = config(model)
        for step in settings["pipeline"]:
            if step["name"] == "FaqRetriever":
                # the ranking is measured, not what is left unanswered
                step["threshold"] = 0
        (project / "config.yml").write_text(json.dumps(settings), "utf-8")
        write_data(project, NluData(tuple(training)))
        return cls(project, training, test, given, model, read_recipe(project))

    def all(self) -> dict[str, Any]:
        first = run("train", self.project)
        pipeline = load(Path(first["folder"]))
        found = {"model": self.model, **self.scores(pipeline)}
        found |= {"train_s": first["seconds"], "peak_rss_mb": first["peak_rss_mb"], "model_mb": first["model_mb"]}
        found |= {"second_train_s": self.again(), **self.speed(Path(first["folder"]))}
        labels = {one.label for one in self.training}
        if self.given.far:
            found["far_auroc"] = self.far(pipeline)
        if not self.given.no_near and len(labels) >= 4:
            found["near_auroc"] = self.near()
        if self.given.few_shot and len(labels) > 1:
            found["few_shot"] = {str(size): self.few(size) for size in SIZES}
        return {**found, "report": read_manifest(Path(first["folder"])).report}

    def scores(self, pipeline: Pipeline) -> dict[str, Any]:
        types = frozenset(entity.type for one in (*self.training, *self.test) for entity in one.entities)
        report = summarise(judge(pipeline, self.test), types)
        return told(report)

    def again(self) -> float:
        """Seconds of a training after one sentence was added."""
        more = replace(self.training[0], text=f"{self.training[0].text}呢", entities=())
        write_data(self.project, NluData((*self.training, more)))
        seconds: float = run("train", self.project)["seconds"]
        write_data(self.project, NluData(tuple(self.training)))
        return seconds

    def speed(self, folder: Path) -> dict[str, Any]:
        texts = self.project / "texts.json"
        texts.write_text(json.dumps([one.text for one in self.test]), "utf-8")
        return run("serve", folder, texts, env=ONE_THREAD)

    def far(self, pipeline: Pipeline) -> float:
        """AUROC of this set's sentences against another's."""
        name = "test.jsonl" if (self.given.far / "test.jsonl").is_file() else "train.jsonl"
        return told_apart(judge(pipeline, self.test), judge(pipeline, read_examples(self.given.far / name)))

    def near(self) -> dict[str, float]:
        """AUROC of test sentences of known intents against those of intents that training did not see."""
        labels = sorted({one.label for one in self.training})
        found = []
        for draw in range(DRAWS):
            dice = np.random.default_rng(draw)
            apart = frozenset(dice.permutation(labels)[: max(1, round(HELD_OUT * len(labels)))].tolist())
            kept = [one for one in self.training if one.label not in apart]
            judged = self.judged_after(kept)
            known = [one for one in judged if one.example.label not in apart]
            found.append(told_apart(known, [one for one in judged if one.example.label in apart]))
        return spread(found)

    def few(self, size: int) -> dict[str, float]:
        """Accuracy from so many examples of each intent, over three draws."""
        shares = []
        for draw in range(DRAWS):
            judged = self.judged_after(few_of(self.training, size, draw))
            shares.append(sum(one.right for one in judged) / len(judged))
        return spread(shares)

    def judged_after(self, kept: Sequence[Example]) -> list[Judged]:
        data = NluData(tuple(kept))
        return judge_without(self.project, intents_only(self.recipe), data, kept, self.test, silent)


def told(report: Report) -> dict[str, Any]:
    found = {
        "accuracy": report.accuracy,
        "macro_f1": report.macro_f1,
        "calibration_error": report.calibration_error,
        "believed_right": report.believed_right,
        "believed_wrong": report.believed_wrong,
    }
    if report.entities:
        found |= {
            "slot_f1": report.entity_total.f1,
            "slot_f1_relaxed": report.entity_total_relaxed.f1,
            "sentence": report.sentence_accuracy,
        }
    if report.answers_top3:
        found |= {"top1": report.answers_top1, "top3": report.answers_top3}
    return {name: round(value, 4) for name, value in found.items()}


def told_apart(known: Sequence[Judged], strange: Sequence[Judged]) -> float:
    by = "familiarity" if tells_familiarity([*known, *strange]) else "confidence"
    return round(auroc(scores(known, by), scores(strange, by)), 4)


def spread(values: Sequence[float]) -> dict[str, float]:
    found = Spread.of(values)
    return {"mean": round(found.mean, 4), "deviation": round(found.deviation, 4)}


def of_bot(project: Path, model: str | None) -> dict[str, Any]:
    """A bot's own data, cross-validated with each encoder in place of its own, without touching its files."""
    recipe, data = read_recipe(project), read_data(project)
    types = frozenset(entity.type for one in data.examples for entity in one.entities)
    rows: dict[str, Any] = {}
    for name in [model] if model else MODELS:
        try:
            judged = cross_judge(project, with_encoder(recipe, MODELS[name]), data)
        except BadProject as bad:
            if model:
                raise
            sys.stderr.write(f"without {name}: {bad}\n")
            continue
        rows[name] = told(summarise(judged, types)) | {
            "parse_p50_ms": round(1000 * statistics.median(one.seconds for one in judged), 2)
        }
    labels = {one.label for one in data.examples}
    return {"bot": project.resolve().name, "train": len(data.examples), "intents": len(labels), "models": rows}


def with_encoder(recipe: Recipe, models: Sequence[str]) -> Recipe:
    """The pipeline with these encoders instead of its own; at the place of its own, or after what counts n-grams."""
    rest = [step for step in recipe.steps if step.name != SentenceEncoder.name]
    if not models:
        return replace(recipe, steps=tuple(rest))
    names = [step.name for step in recipe.steps]
    before = SentenceEncoder.name if SentenceEncoder.name in names else "LinearIntentClassifier"
    at = names.index(before) if before in names else len(rest)
    step = Step(SentenceEncoder.name, SentenceEncoderOptions(model=tuple(models)))
    return replace(recipe, steps=(*rest[:at], step, *rest[at:]))
