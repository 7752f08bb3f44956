"""What lies on the table while a pipeline is trained: the examples as far as they are read, and the last model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from config.source import BadProject
from nlu import sample
from nlu.component import COMPONENTS, Component, Corpus, Field, Remembering
from nlu.data import NluData
from nlu.doc import NO_STATES, Doc
from nlu.fingerprints import LEARNED_FROM
from nlu.model import Manifest, content_of, latest, load_step, read_manifest, step_folder
from nlu.normalize import Normalized
from nlu.pipeline import LONG_AGO, blank
from nlu.recipe import Recipe


class Unreadable(Exception):
    """A step of the last model is damaged."""


@dataclass(frozen=True, slots=True)
class Last:
    """The last model, from which steps are taken."""

    folder: Path
    manifest: Manifest

    @classmethod
    def of(cls, project: Path) -> Last | None:
        """None where there is none of this release."""
        folder = latest(project)
        try:
            return None if folder is None else cls(folder, read_manifest(folder))
        except BadProject:
            return None

    def place(self, name: str) -> int:
        return next((i for i, (step, _) in enumerate(self.manifest.steps) if step == name), -1)

    def folder_of(self, name: str) -> Path:
        return step_folder(self.folder, self.place(name), name)

    def check(self, name: str) -> None:
        """Raises `Unreadable` where its files are not those that were written."""
        try:
            whole = content_of(self.folder_of(name)) == self.manifest.contents[self.place(name)]
        except OSError:
            whole = False
        if not whole:
            raise Unreadable

    def step(self, name: str) -> Component:
        """Raises `Unreadable`."""
        place = self.place(name)
        try:
            return load_step(self.folder, place, name, self.manifest.steps[place][1])
        except BadProject as bad:
            raise Unreadable from bad

    def seconds(self, name: str) -> float:
        """What its training took; 0 where it has no such step."""
        place = self.place(name)
        return self.manifest.seconds[place] if place >= 0 else 0.0


class Work:
    """The examples, each read by the components so far, but only as far as somebody learns from it."""

    def __init__(self, project: Path, recipe: Recipe, data: NluData, kept: frozenset[str]) -> None:
        self.project, self.steps = project, recipe.steps
        self.before: list[Component] = []
        self.data = sample.core(data)
        self.learning = [None if step.name in kept else COMPONENTS[step.name] for step in recipe.steps]
        encodes = any("sentence" in COMPONENTS[step.name].assigns for step in recipe.steps)
        # what a long FAQ need not be read by costs minutes otherwise
        self.retrieved: frozenset[Field] = frozenset({"normalized", "sentence" if encodes else "tokens"})
        self.docs = [blank(example.text, LONG_AGO) for example in self.data.examples]
        self.answers = _blank(self.data.answers)
        self.questions: list[tuple[str, Doc]] = []
        self.question_answers: dict[str, Doc] = {}
        if any(one is not None and "questions" in one.reads for one in self.learning):
            asked = (example for example in data.examples if example.retrieval)
            self.questions = [(example.intent, blank(example.text, LONG_AGO)) for example in asked]
            self.question_answers = _blank(data.answers)

    def corpus(self, report: Callable[[float], None], place: int) -> Corpus:
        """For the step at `place`."""
        docs, questions = tuple(self.docs), tuple(self.questions)
        later = [COMPONENTS[step.name] for step in self.steps[place + 1 :]]
        wanted = frozenset(one for kind in later for one in (*kind.requires, *kind.wants))
        given = (self.project, self.data, docs, self.answers, questions, self.question_answers)
        return Corpus(*given, report, wanted, tuple(self.before))

    def wanted(self, place: int) -> frozenset[Field]:
        """What steps behind `place` learn from, of the examples."""
        fields: frozenset[Field] = frozenset()
        for one in self.learning[place + 1 :]:
            if one is not None:
                fields |= self.retrieved if "questions" in one.reads else LEARNED_FROM
        return fields

    def size(self, name: str) -> int:
        """How many texts such a step works on."""
        assigned = COMPONENTS[name].assigns
        many = len(self.questions) if assigned & {"sentence", "answers"} else 0
        return len(self.docs) + len(self.answers) + many + (len(self.question_answers) if many else 0)

    def read(self, place: int, component: Component) -> None:
        """Let `component`, the step at `place`, read what is learned from."""
        self.before.append(component.served() if isinstance(component, Remembering) else component)
        if component.assigns & self.wanted(place):
            self.docs = [component(doc) for doc in self.docs]
            self.answers = {key: component(doc) for key, doc in self.answers.items()}
        if component.assigns & self.retrieved and self.questions:
            self.questions = [(key, _lean(component(doc))) for key, doc in self.questions]
            self.question_answers = {key: _lean(component(doc)) for key, doc in self.question_answers.items()}


def _blank(texts: Mapping[str, str]) -> dict[str, Doc]:
    return {key: blank(text, LONG_AGO) for key, text in sorted(texts.items())}


def _lean(doc: Doc) -> Doc:
    """Without what fills the memory where there are ten thousand of them, and no retriever needs."""
    return replace(doc, normalized=Normalized(doc.normalized.text, doc.normalized.text, (), ()), states=NO_STATES)
