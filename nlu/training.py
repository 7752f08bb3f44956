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
from nlu.augment import augment
from nlu.component import COMPONENTS, Component, Remembering, measures
from nlu.data import NluData, read_data
from nlu.fingerprints import Plan, plan
from nlu.model import Manifest, content_of, data_hash, files_hash, models, models_folder, pretrained, step_folder
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
        parse_ms=_parse_ms(made, data, now),
        examples=len(data.examples),
        intents=tuple(sorted({example.label for example in data.examples})),
        steps=tuple((step.name, step.options.model_dump(mode="json")) for step in recipe.steps),
        report=_report(made, recipe),
        fingerprints=made.plan.fingerprints,
        contents=(),
        seconds=made.seconds,
        sample=made.plan.sample,
        pretrained=pretrained(project, recipe),
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
    made = _fit(project, recipe, data, report, None)
    own = priorities((step.name, step.options) for step in recipe.steps)
    return Pipeline(tuple(one for one in made.components if one is not None), priorities=own)


def _fit(project: Path, recipe: Recipe, data: NluData, report: Report, last: Last | None) -> Made:
    """Raises `Unreadable` where a step of the last model that could be kept is damaged."""
    if not data.examples:
        what, mend = "there is nothing to learn from", "add '- intent:' sections with examples to data/nlu.yml"
        raise BadProject(Problem(str(project / "data"), 1, what, mend))
    made = tuple(augment(data.examples, recipe.augmentation, data.synonyms))
    data = replace(data, examples=(*data.examples, *made))
    chosen = plan(project, recipe, data, last.manifest if last else None)
    work = Work(project, recipe, data, chosen.kept)
    shares = _shares(recipe, chosen, last, work)
    components: list[Component | None] = []
    seconds: list[float] = []
    done = READING
    for i, step in enumerate(recipe.steps):

        def tell(fraction: float, name: str = step.name, done: float = done, share: float = shares[i]) -> None:
            report(name, done + share * min(1.0, fraction))

        tell(0.0)
        begun = time.perf_counter()
        kept = last if step.name in chosen.kept else None
        component = _kept(kept, i, step.name, work, tell) if kept else None
        if kept is None:
            component = COMPONENTS[step.name].train(step.options, work.corpus(tell, i))
        if component is not None:
            work.read(i, component)
            # what was kept for this reading alone would lie beside all that is learned from it
            component = served(component)
        components.append(component)
        seconds.append(kept.seconds(step.name) if kept else round(time.perf_counter() - begun, 3))
        done += shares[i]
    return Made(tuple(components), chosen, tuple(seconds), last)


def served(component: Component) -> Component:
    return component.served() if isinstance(component, Remembering) else component


def _kept(last: Last, place: int, name: str, work: Work, report: Callable[[float], None]) -> Component | None:
    """A step of the last model, loaded only where what it makes of the examples is to be learned from."""
    last.check(name)
    if not COMPONENTS[name].assigns & work.wanted(place):
        return None
    component = last.step(name)
    return component.reminded(work.corpus(report, place)) if isinstance(component, Remembering) else component


def _shares(recipe: Recipe, chosen: Plan, last: Last | None, work: Work) -> list[float]:
    """How much of the progress each step is: by what it took the last time, else by what such a step takes."""

    def takes(name: str) -> float:
        if name in chosen.kept:
            return LITTLE
        return (last.seconds(name) if last else 0.0) or USUAL_SECONDS.get(name, 0.0) * work.size(name) / 1000

    expected = [max(LITTLE, takes(step.name)) for step in recipe.steps]
    return [(SAVING - READING) * each / sum(expected) for each in expected]


@dataclass(frozen=True, slots=True)
class Made:
    """A pipeline, and how it came about. `components` are the recipe's steps; None where the last model's is kept and
    was not needed to train others."""

    components: tuple[Component | None, ...]
    plan: Plan
    seconds: tuple[float, ...]
    last: Last | None


def _report(made: Made, recipe: Recipe) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for step, component in zip(recipe.steps, made.components, strict=True):
        if component is not None and step.name not in made.plan.kept:
            found[step.name] = dict(measures(component))
        elif made.last is not None:
            found[step.name] = made.last.manifest.report.get(step.name, {})
    return {name: said for name, said in found.items() if said}


def _parse_ms(made: Made, data: NluData, now: datetime) -> float:
    """How long a sentence takes; as it took before where what takes longest is kept."""
    whole = [one for one in made.components if one is not None]
    if made.last is not None and len(whole) < len(made.components):
        return made.last.manifest.parse_ms
    pipeline = Pipeline(tuple(whole))
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
        contents: list[str] = []
        for place, ((name, _), component) in enumerate(zip(manifest.steps, made.components, strict=True)):
            own = step_folder(draft, place, name)
            if made.last is not None and name in made.plan.kept:
                shutil.copytree(made.last.folder_of(name), own)
            elif component is not None:
                own.mkdir()
                component.save(own)
            contents.append(content_of(own))
        version, again = manifest.version, 1
        while (folder / version).exists():
            again += 1
            version = f"{manifest.version}-{again}"
        kept = replace(manifest, version=version, contents=tuple(contents)).to_dict()
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
