"""Training: a project's data and config.yml become one versioned model folder.

`python -m nlu.training PROJECT` trains in a process of its own and prints its progress as JSON lines, so that
a service need not keep scikit-learn in memory; `train_apart` runs that and reports like `train`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.source import BadProject, Problem
from nlu.component import COMPONENTS, Component, Remembering, measures
from nlu.data import NluData, read_data
from nlu.fingerprints import Plan, plan
from nlu.model import Manifest, data_hash, files_hash, models, models_folder, step_folder
from nlu.pipeline import Pipeline
from nlu.recipe import Recipe, read_recipe
from nlu.spans import priorities
from nlu.workbench import Last, Unreadable, Work

Report = Callable[[str, float], None]
KEEP_MODELS = 5
"""Older models are deleted after a training."""
DRAFT_HOURS = 24
_TIMED_SENTENCES = 50
VERSION_TIME = "%Y%m%d-%H%M%S"
READING, SAVING = 0.03, 0.97
LITTLE = 0.05
USUAL_SECONDS = {
    "TfidfFeaturizer": 0.5,
    "SentenceEncoder": 3.0,
    "LinearIntentClassifier": 8.0,
    "CrfEntityExtractor": 5.0,
    "FaqRetriever": 0.5,
    "JointTransformer": 300.0,
}
"""What a step takes for about a thousand examples: the first progress bar goes by it."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def train(project: Path, report: Report, clock: Callable[[], datetime] = utc_now, *, anew: bool = False) -> Path:
    """Train and return the new model's folder. `report(phase, fraction)` is told the progress, 0..1.

    Steps that would learn the same as in the last model are taken from there, unless all is to be learned `anew`.
    Raises `BadProject` where the data or config.yml is wrong; nothing is left behind then. The folder appears
    complete or not at all.
    """
    started = time.perf_counter()
    report("reading", 0.0)
    recipe, data = read_recipe(project), read_data(project)
    digest = data_hash(project, recipe, data)
    last = None if anew else Last.of(project)
    try:
        made = _fit(project, recipe, data, report, last)
    except Unreadable:
        made = _fit(project, recipe, data, report, None)
    report("saving", SAVING)
    now = clock()
    newest = models(project)[-1:]
    manifest = Manifest(
        version=_version(now, digest, newest[0].name if newest else ""),
        data_hash=digest,
        files_hash=files_hash(project, recipe),
        language=recipe.language,
        trained_at=now.isoformat(),
        train_seconds=round(time.perf_counter() - started, 3),
        parse_ms=_parse_ms(made.pipeline, data, now),
        examples=len(data.examples),
        intents=tuple(sorted({example.label for example in data.examples})),
        steps=tuple((step.name, step.options.model_dump(mode="json")) for step in recipe.steps),
        report={one.name: dict(measures(one)) for one in made.pipeline.components if measures(one)},
        fingerprints=made.plan.fingerprints,
        seconds=made.seconds,
        sample=made.plan.sample,
    )
    folder = _save(models_folder(project), made, manifest)
    _clear_away(project)
    report("done", 1.0)
    return folder


def _clear_away(project: Path) -> None:
    """Old models, and what trainings that were killed have left: a draft of today may be another process's."""
    long_ago = time.time() - DRAFT_HOURS * 3600
    drafts = (path for path in models_folder(project).glob(".draft-*") if path.stat().st_mtime < long_ago)
    for old in (*models(project)[:-KEEP_MODELS], *drafts):
        shutil.rmtree(old, ignore_errors=True)


def _version(now: datetime, digest: str, newest: str) -> str:
    """Sorts after every other model: two trainings within a second, or a clock that was set back, must not leave an
    older model the latest."""
    second = now.astimezone(UTC)
    try:
        before = datetime.strptime(newest[: len("20260101-000000")], VERSION_TIME).replace(tzinfo=UTC)
    except ValueError:
        before = second - timedelta(seconds=1)
    same = newest.split("-")[2:3] == [digest[:8]]
    least = before if same else before + timedelta(seconds=1)
    return f"{max(second, least):{VERSION_TIME}}-{digest[:8]}"


def fit(project: Path, recipe: Recipe, data: NluData, report: Report) -> Pipeline:
    """The trained pipeline, in memory: each component learns from what those before it made of the examples."""
    return _fit(project, recipe, data, report, None).pipeline


def _fit(project: Path, recipe: Recipe, data: NluData, report: Report, last: Last | None) -> Made:
    """Raises `Unreadable` where a step of the last model that could be kept is damaged."""
    if not data.examples:
        what, mend = "there is nothing to learn from", "add '- intent:' sections with examples to data/nlu.yml"
        raise BadProject(Problem(str(project / "data"), 1, what, mend))
    chosen = plan(project, recipe, data, last.manifest if last else None)
    work = Work(project, recipe, data, chosen.kept)
    shares = _shares(recipe, chosen, last)
    components: list[Component] = []
    seconds: list[float] = []
    done = READING
    for i, step in enumerate(recipe.steps):

        def tell(fraction: float, name: str = step.name, done: float = done, share: float = shares[i]) -> None:
            report(name, done + share * min(1.0, fraction))

        tell(0.0)
        begun = time.perf_counter()
        if last is not None and step.name in chosen.kept:
            component, took = last.step(step.name), last.seconds(step.name)
            if isinstance(component, Remembering) and work.is_read_by(i):
                component = component.reminded(work.corpus(tell, tuple(components)))
        else:
            component, took = COMPONENTS[step.name].train(step.options, work.corpus(tell, tuple(components))), 0.0
        work.read(i, component)
        if isinstance(component, Remembering):
            # what was kept for this reading alone would lie beside all that is learned from it
            component = component.served()
        components.append(component)
        seconds.append(round(took or time.perf_counter() - begun, 3))
        done += shares[i]
    own = priorities((step.name, step.options) for step in recipe.steps)
    return Made(Pipeline(tuple(components), priorities=own), chosen, tuple(seconds), last)


def _shares(recipe: Recipe, chosen: Plan, last: Last | None) -> list[float]:
    """How much of the progress each step is: by what it took the last time, else by what such a step takes."""

    def takes(name: str) -> float:
        if name in chosen.kept:
            return LITTLE
        return (last.seconds(name) if last else 0.0) or USUAL_SECONDS.get(name, LITTLE)

    expected = [max(LITTLE, takes(step.name)) for step in recipe.steps]
    return [(SAVING - READING) * each / sum(expected) for each in expected]


@dataclass(frozen=True, slots=True)
class Made:
    """A pipeline, and how it came about."""

    pipeline: Pipeline
    plan: Plan
    seconds: tuple[float, ...]
    last: Last | None


def _parse_ms(pipeline: Pipeline, data: NluData, now: datetime) -> float:
    texts = [example.text for example in data.examples[:: max(1, len(data.examples) // _TIMED_SENTENCES)]]
    taken = []
    for text in texts:
        begun = time.perf_counter()
        pipeline.read(text, now)
        taken.append(time.perf_counter() - begun)
    return round(1000 * sorted(taken)[len(taken) // 2], 3)


def _save(folder: Path, made: Made, manifest: Manifest) -> Path:
    """Write beside the models, then rename: readers never see half of a model."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder))
    try:
        for place, component in enumerate(made.pipeline.components):
            own = step_folder(draft, place, component.name)
            if made.last is not None and component.name in made.plan.kept:
                shutil.copytree(made.last.folder_of(component.name), own)
            else:
                own.mkdir()
                component.save(own)
        version, again = manifest.version, 1
        while (folder / version).exists():
            again += 1
            version = f"{manifest.version}-{again}"
        kept = replace(manifest, version=version).to_dict()
        (draft / "manifest.json").write_text(json.dumps(kept, ensure_ascii=False, indent=1), "utf-8")
        draft.chmod(0o755)
        return draft.rename(folder / version)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


def train_apart(project: Path, report: Report) -> Path:
    """As `train`, in a child process, so that this one stays small."""
    command = [sys.executable, "-m", "nlu.training", str(project)]
    root = str(Path(__file__).parent.parent)
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    last: dict[str, Any] = {}
    env = {**os.environ, "PYTHONPATH": path}
    # in a session of its own: a terminal's Ctrl-C is for this process, which ends the other without a stack trace
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env, start_new_session=True) as child:  # noqa: S603
        try:
            for line in child.stdout or ():
                last = json.loads(line)
                if "phase" in last:
                    report(last["phase"], last["fraction"])
        except BaseException:
            child.terminate()
            raise
    if "problems" in last:
        raise BadProject(Problem(**problem) for problem in last["problems"])
    if "folder" not in last:
        what = f"the training process ended with code {child.returncode}"
        raise BadProject(Problem(str(project), 1, what, "its own words are above"))
    return Path(last["folder"])


def main(arguments: Sequence[str]) -> int:
    """Exit code 0, or 2 where the project is bad; each line of output is one JSON object."""

    def say(**said: Any) -> None:
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()

    try:
        folder = train(Path(arguments[0]), lambda phase, fraction: say(phase=phase, fraction=fraction))
    except BadProject as bad:
        say(problems=[{"file": p.file, "line": p.line, "what": p.what, "mend": p.mend} for p in bad.problems])
        return 2
    say(folder=str(folder))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
