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
SEED = 20240229
"""Every random choice in training starts here, so that equal data gives equal models."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What a component learns from: `docs[i]` is `data.examples[i]` as the components before it have read it.

    `answers` are the texts of `data.answers`, read likewise. `project` is where relative paths in options start;
    `report` is told how much is done, 0..1.
    """

    project: Path
    data: NluData
    docs: tuple[Doc, ...]
    answers: Mapping[str, Doc] = field(default_factory=dict)
    report: Callable[[float], None] = field(default=lambda fraction: None)


class NoOptions(Strict):
    """A component without settings."""


class Component(Protocol):
    name: ClassVar[str]
    requires: ClassVar[frozenset[Field]]
    assigns: ClassVar[frozenset[Field]]
    options: ClassVar[type[Strict]]

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


@runtime_checkable
class Rereading(Protocol):
    """A component that has parts of a text read again by those before it."""

    def after(self, components: tuple[Component, ...]) -> Component:
        """Itself, where it stands behind `components`."""
        ...


def measures(component: Component) -> Mapping[str, Any]:
    """What training found out about itself, for the model's report; empty for components that do not measure."""
    found: Mapping[str, Any] = getattr(component, "measured", {})
    return found
