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
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from config.source import BadProject, Problem
from nlu.augment import augment
from nlu.component import COMPONENTS, Component, Corpus, Field, Remembering, measures
from nlu.data import NluData, read_data
from nlu.model import Manifest, data_hash, files_hash, models, models_folder, step_folder
from nlu.pipeline import Pipeline, blank
from nlu.recipe import Recipe, read_recipe

Report = Callable[[str, float], None]
KEEP_MODELS = 5
"""Older models are deleted after a training."""
_TIMED_SENTENCES = 50
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""When an example was said makes no difference to what is learned from it."""
_LEARNED_FROM: frozenset[Field] = frozenset({"normalized", "tokens", "features", "sentence", "states"})
"""What later components learn from; the rest is only for serving."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def train(project: Path, report: Report, clock: Callable[[], datetime] = utc_now) -> Path:
    """Train and return the new model's folder. `report(phase, fraction)` is told the progress, 0..1.

    Raises `BadProject` where the data or config.yml is wrong; nothing is left behind then. The folder appears
    complete or not at all.
    """
    started = time.perf_counter()
    report("reading", 0.0)
    recipe, data = read_recipe(project), read_data(project)
    digest = data_hash(project, recipe, data)
    pipeline = fit(project, recipe, data, report)
    report("saving", 0.95)
    now = clock()
    manifest = Manifest(
        version=f"{now.astimezone(UTC):%Y%m%d-%H%M%S}-{digest[:8]}",
        data_hash=digest,
        files_hash=files_hash(project, recipe),
        language=recipe.language,
        trained_at=now.isoformat(),
        train_seconds=round(time.perf_counter() - started, 3),
        parse_ms=_parse_ms(pipeline, data, now),
        examples=len(data.examples),
        intents=tuple(sorted({example.label for example in data.examples})),
        steps=tuple((step.name, step.options.model_dump(mode="json")) for step in recipe.steps),
        report={one.name: dict(measures(one)) for one in pipeline.components if measures(one)},
    )
    folder = _save(models_folder(project), pipeline, manifest)
    for old in models(project)[:-KEEP_MODELS]:
        shutil.rmtree(old, ignore_errors=True)
    report("done", 1.0)
    return folder


def fit(project: Path, recipe: Recipe, data: NluData, report: Report) -> Pipeline:
    """The trained pipeline, in memory: each component learns from what those before it made of the examples."""
    if not data.examples:
        what, mend = "there is nothing to learn from", "add '- intent:' sections with examples to data/nlu.yml"
        raise BadProject(Problem(str(project / "data"), 1, what, mend))
    made = tuple(augment(data.examples, recipe.augmentation, data.synonyms))
    data = replace(data, examples=(*data.examples, *made))
    docs = [blank(example.text, _LONG_AGO) for example in data.examples]
    answers = {key: blank(text, _LONG_AGO) for key, text in sorted(data.answers.items())}
    components: list[Component] = []
    for i, step in enumerate(recipe.steps):

        def tell(fraction: float, name: str = step.name, i: int = i) -> None:
            report(name, 0.05 + 0.9 * (i + fraction) / len(recipe.steps))

        tell(0.0)
        corpus = Corpus(project, data, tuple(docs), answers, tell)
        component = COMPONENTS[step.name].train(step.options, corpus)
        components.append(component)
        if component.assigns & _LEARNED_FROM:
            docs = [component(doc) for doc in docs]
            answers = {key: component(doc) for key, doc in answers.items()}
    return Pipeline(tuple(one.served() if isinstance(one, Remembering) else one for one in components))


def _parse_ms(pipeline: Pipeline, data: NluData, now: datetime) -> float:
    texts = [example.text for example in data.examples[:: max(1, len(data.examples) // _TIMED_SENTENCES)]]
    taken = []
    for text in texts:
        begun = time.perf_counter()
        pipeline.read(text, now)
        taken.append(time.perf_counter() - begun)
    return round(1000 * sorted(taken)[len(taken) // 2], 3)


def _save(folder: Path, pipeline: Pipeline, manifest: Manifest) -> Path:
    """Write beside the models, then rename: readers never see half of a model."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder))
    try:
        for place, component in enumerate(pipeline.components):
            own = step_folder(draft, place, component.name)
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
