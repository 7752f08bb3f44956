"""Trained models on disk: `<project>/.yingda/models/<version>/`, each with a manifest; loading and freshness."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from adapters.message import plain
from config.source import BadProject, Problem

# imported for their registration: config.yml names them
from nlu import (  # noqa: F401
    classifier,
    clauses,
    encoder,
    fallback,
    features,
    gazetteer,
    mood,
    normalizer,
    retrieval,
    tagger,
    tokenizer,
)
from nlu.component import COMPONENTS, Component
from nlu.data import NluData, domain_files, lookup_files, nlu_files, read_data
from nlu.encoder import SentenceEncoderOptions
from nlu.encoders.identity import LEARNED, SERVED, identity
from nlu.faq import faq_files
from nlu.joint import component as joint  # noqa: F401
from nlu.joint import distilled  # noqa: F401
from nlu.joint.options import FineTuning
from nlu.pipeline import Pipeline
from nlu.recipe import Recipe, Step, read_recipe
from nlu.spans import priorities

SCHEMA = 5
"""Raised when a model of an older release can no longer be read: then it is trained anew."""

DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, BadZipFile)
"""What reading a file raises that was cut off, or written by another release."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """`manifest.json`. `steps` are (component, its options), `fingerprints` what each was learned from, `contents` a
    digest of its files, `seconds` how long that took (where it was taken from an older model: then). `sample` is the
    part of the FAQ that the intents are learned from; `files_hash` is of the bytes that were read; `pretrained` are the
    models that options name, as far as this machine had them."""

    version: str
    data_hash: str
    files_hash: str
    language: str
    trained_at: str
    train_seconds: float
    parse_ms: float
    examples: int
    intents: tuple[str, ...]
    steps: tuple[tuple[str, Mapping[str, Any]], ...]
    report: Mapping[str, Any]
    fingerprints: tuple[str, ...]
    contents: tuple[str, ...]
    seconds: tuple[float, ...]
    sample: tuple[str, ...]
    pretrained: Mapping[str, str]
    schema: int = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Manifest:
        steps = tuple((name, options) for name, options in data["steps"])
        lists = {name: tuple(data[name]) for name in ("intents", "fingerprints", "contents", "seconds", "sample")}
        return cls(**{**data, **lists, "steps": steps})


def models_folder(project: Path) -> Path:
    return project / ".yingda" / "models"


def models(project: Path) -> list[Path]:
    """Every complete model of the project, the oldest first."""
    folder = models_folder(project)
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path for path in found if not path.name.startswith(".") and (path / "manifest.json").is_file())


def latest(project: Path) -> Path | None:
    """The newest model's folder, or None where nothing was trained."""
    found = models(project)
    return found[-1] if found else None


def read_manifest(folder: Path) -> Manifest:
    """Raises `BadProject` where the folder is no model of this release."""
    path = folder / "manifest.json"
    try:
        data = json.loads(path.read_text("utf-8"))
        if data["schema"] == SCHEMA:
            return Manifest.from_dict(data)
        what = f"this model is of schema {data['schema']}, this release reads {SCHEMA}"
    except DAMAGED as error:
        what = f"not a readable model: {error}"
    raise BadProject(Problem(str(path), 1, what, "train again: yingda train"))


def load(folder: Path) -> Pipeline:
    """The pipeline in a model's folder. Raises `BadProject` where it cannot be read."""
    manifest = read_manifest(folder)
    components = []
    for place, (name, given) in enumerate(manifest.steps):
        if name not in COMPONENTS:
            what = f"the model has a component '{name}' that is not known here"
            raise BadProject(Problem(str(folder / "manifest.json"), 1, what, "train again: yingda train"))
        components.append(load_step(folder, place, name, given))
    options = [(name, COMPONENTS[name].options.model_validate(given)) for name, given in manifest.steps]
    return Pipeline(tuple(components), manifest.version, manifest.parse_ms, priorities(options))


def load_step(folder: Path, place: int, name: str, given: Mapping[str, Any]) -> Component:
    """One component of a model. Raises `BadProject` where it cannot be read."""
    try:
        options = COMPONENTS[name].options.model_validate(given)
        return COMPONENTS[name].load(options, step_folder(folder, place, name))
    except DAMAGED as error:
        what = f"'{name}' cannot be loaded: {' '.join(str(error).split()) or type(error).__name__}"
        raise BadProject(Problem(str(folder), 1, what, "train again: yingda train")) from None


def content_of(folder: Path) -> str:
    """A digest of all files in a folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def step_folder(folder: Path, place: int, name: str) -> Path:
    return folder / f"{place:02d}-{name}"


def is_stale(project: Path, folder: Path) -> bool:
    """Whether training again would give another model: config.yml's pipeline or the NLU data has changed."""
    try:
        manifest = read_manifest(folder)
    except BadProject:
        return True
    recipe = read_recipe(project)
    # where one is not at hand, nothing can be said of it: to serve what was fine-tuned it is not needed
    now = pretrained(project, recipe)
    if any(now.get(name, before) != before for name, before in manifest.pretrained.items()):
        return True
    # comments, stories and responses change too; only then is the training data worth reading
    return manifest.files_hash != files_hash(project, recipe) and manifest.data_hash != data_hash(
        project, recipe, read_data(project)
    )


def files_hash(project: Path, recipe: Recipe) -> str:
    """Of the bytes of everything that training may read."""
    digest = hashlib.sha256(f"{SCHEMA}".encode())
    files = (*nlu_files(project), *lookup_files(project), *domain_files(project), *faq_files(project))
    for path in (project / "config.yml", *dict.fromkeys(files), *dictionaries(project, recipe)):
        content = path.read_bytes() if path.is_file() else b""
        digest.update(f"{path.name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def data_hash(project: Path, recipe: Recipe, data: NluData) -> str:
    """Of what training makes of the files: language, pipeline and training data, wherever each line stands."""
    parts = [
        SCHEMA,
        recipe.language,
        recipe.augmentation.model_dump(mode="json"),
        [(step.name, step.options.model_dump(mode="json")) for step in recipe.steps],
        [(one.text, one.intent, [plain(entity) for entity in one.entities]) for one in data.examples],
        [(one.name, one.pattern) for one in data.patterns],
        data.synonyms,
        data.lookups,
        data.answers,
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in dictionaries(project, recipe)],
    ]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def pretrained(project: Path, recipe: Recipe) -> dict[str, str]:
    """Step and model -> which one that is, of those that this machine has."""
    found = {f"{step.name} {name}": own for step in recipe.steps for name, own in _models_of(project, step)}
    return {name: own for name, own in found.items() if own}


def _models_of(project: Path, step: Step) -> list[tuple[str, str]]:
    if isinstance(step.options, SentenceEncoderOptions):
        return [(name, identity(name, project, SERVED)) for name in step.options.models]
    if isinstance(step.options, FineTuning):
        return [(step.options.model, identity(step.options.model, project, LEARNED))]
    return []


def dictionaries(project: Path, recipe: Recipe) -> list[Path]:
    """The files that a pipeline's options name."""
    named = [getattr(step.options, name, "") for step in recipe.steps for name in ("dictionary_path", "unlabelled")]
    paths = [project / str(path) for path in named if path]
    return [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path]) if file.is_file()]
