"""What a pipeline component is, and the registry that finds one by its name in config.yml.

A component is a callable `Doc -> Doc`. It declares which fields of the `Doc` it `requires` and which it
`assigns`, so that a pipeline is checked before anything is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, TypeVar, runtime_checkable

from config.source import Strict
from nlu.data import NluData
from nlu.doc import Doc

Field = Literal[
    "normalized", "tokens", "features", "sentence", "states", "intent", "entities", "answers", "also", "signals"
]
Material = Literal["texts", "intents", "entities", "patterns", "synonyms", "lookups", "answers", "files", "questions"]
"""What of the training data a component learns from. `texts`, `intents`, `entities` and `answers` are the examples'
that the intents are learned from, `questions` are all of the FAQ's with their answers, `files` the dictionaries that
options name."""
EVERYTHING: frozenset[Material] = frozenset(
    {"texts", "intents", "entities", "patterns", "synonyms", "lookups", "answers", "files"}
)
SEED = 20240229
"""Every random choice in training starts here, so that equal data gives equal models."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What a component learns from: `docs[i]` is `data.examples[i]` as the components before it have read it.

    `answers` are the texts of `data.answers`, read likewise; `before` are those components. Of a long FAQ they hold
    only a part: all its questions are `questions`, as (key, doc), and what answers them `question_answers`, which
    nothing but what the retriever needs has read. `project` is where relative paths in options start; `report` is told
    how much is done, 0..1. `wanted` are the fields that later components need or can use.
    """

    project: Path
    data: NluData
    docs: tuple[Doc, ...]
    answers: Mapping[str, Doc] = field(default_factory=dict)
    questions: tuple[tuple[str, Doc], ...] = ()
    question_answers: Mapping[str, Doc] = field(default_factory=dict)
    report: Callable[[float], None] = field(default=lambda fraction: None)
    wanted: frozenset[Field] = frozenset()
    before: tuple[Component, ...] = ()


class NoOptions(Strict):
    """A component without settings."""


class Component(Protocol):
    name: ClassVar[str]
    requires: ClassVar[frozenset[Field]]
    assigns: ClassVar[frozenset[Field]]
    wants: ClassVar[frozenset[Field]] = frozenset()
    """What it can do without, but does better with."""
    options: ClassVar[type[Strict]]
    reads: ClassVar[frozenset[Material]] = EVERYTHING
    """Where nothing of this has changed, nor a component above it that gives what examples are learned by, the
    component is taken from the last model instead of being trained."""

    @classmethod
    def train(cls, options: Any, corpus: Corpus) -> Self:
        """Learn from the corpus; `options` is an instance of `cls.options`. Deterministic."""
        ...

    @classmethod
    def load(cls, options: Any, folder: Path) -> Self:
        """The component as `save` left it in `folder`."""
        ...

    def save(self, folder: Path) -> None:
        """Write what was learned into `folder`, which exists and is this component's own. No pickle."""
        ...

    def __call__(self, doc: Doc) -> Doc: ...


COMPONENTS: dict[str, type[Component]] = {}
ComponentT = TypeVar("ComponentT", bound=type[Component])


def register(component: ComponentT) -> ComponentT:
    """Class decorator: config.yml may name this component."""
    COMPONENTS[component.name] = component
    return component


@runtime_checkable
class Remembering(Protocol):
    """A component that keeps something for the time of training alone."""

    def served(self) -> Component:
        """Itself without that, as it is saved and loaded."""
        ...

    def reminded(self, corpus: Corpus) -> Component:
        """Itself with that, where it was loaded rather than trained."""
        ...


@runtime_checkable
class Placed(Protocol):
    """A component that makes use of those before it: has a part of a text read again, or takes what they measured."""

    def after(self, components: tuple[Component, ...]) -> Component:
        """Itself, where it stands behind `components`."""
        ...


def measures(component: Component) -> Mapping[str, Any]:
    """What training found out about itself, for the model's report; empty for components that do not measure."""
    found: Mapping[str, Any] = getattr(component, "measured", {})
    return found
