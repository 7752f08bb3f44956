"""Parts of a pipeline, for measurements that need not train the rest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from nlu.component import COMPONENTS, Component, Field
from nlu.recipe import Recipe, Step

_ENCODES: frozenset[Field] = frozenset({"normalized", "tokens", "sentence", "states"})
_READS: frozenset[Field] = _ENCODES | {"features"}


def encoding(recipe: Recipe) -> Recipe:
    """What reads and encodes a text, without what learns from examples; no step where nothing encodes."""
    steps = _that_assign(recipe, _ENCODES)
    encodes = any(COMPONENTS[step.name].assigns & {"sentence", "states"} for step in steps)
    return replace(recipe, steps=steps if encodes else ())


def reading(recipe: Recipe) -> Recipe:
    """What makes features and vectors of a text, which is what examples can be compared by."""
    return replace(recipe, steps=_that_assign(recipe, _READS))


def intents_only(recipe: Recipe) -> Recipe:
    """Without what finds or mends entities alone, unless another step needs them."""
    rest = [step for step in recipe.steps if not _about_entities(COMPONENTS[step.name])]
    return replace(recipe, steps=recipe.steps if _needs(rest, "entities") else tuple(rest))


def _about_entities(component: type[Component]) -> bool:
    return component.assigns <= {"entities"} and "entities" in component.assigns | component.requires


def _that_assign(recipe: Recipe, fields: frozenset[Field]) -> tuple[Step, ...]:
    return tuple(step for step in recipe.steps if (given := COMPONENTS[step.name].assigns) and given <= fields)


def _needs(steps: Iterable[Step], field: Field) -> bool:
    return any(field in COMPONENTS[step.name].requires for step in steps)
