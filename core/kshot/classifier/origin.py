"""Where a classifier's encoder and learner come from: their registered names, or what a benchmark trained."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kshot.classifier.benchmarked import find_cell, read_recipe
from kshot.classifier.recipe import Named, Recipe
from kshot.errors import KshotError, nearest
from kshot.options.given import given_options
from kshot.registry import Registry
from kshot.training import Lasting, read_learner

ENCODER = "minilm"
"""The encoder where none is named."""

_FAIR: Mapping[str, Mapping[str, Any]] = {
    "prototypical": {"shrinkage": True},
    "simpleshot": {"shrinkage": True},
    "linear_probe": {"balanced": True},
}
"""Options of learners where they are not given. A benchmark has a method as its paper has it, whose classes are of one
size; people's own classes seldom are."""


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a classifier begins.

    Attributes:
        recipe: what it is built from.
        cell: the folder of the benchmark's cell that trained it; none: nothing did.
    """

    recipe: Recipe
    cell: Path | None = None

    def trained(self) -> Lasting | None:
        """The weights of encoder and learner; none: the learner trains its own.

        Raises:
            KshotError: they are missing or damaged.
        """
        return read_learner(self.cell) if self.cell else None


def origin_of(
    registry: Registry,
    encoder: str | None,
    encoder_options: Mapping[str, Any] | None,
    learner: str | Path,
    learner_options: Mapping[str, Any] | None,
) -> Origin:
    """The origin that a classifier's parameters name.

    Args:
        registry: knows the names.
        encoder: a registered name; beside a benchmark's learner it must be that one's, or be left out.
        encoder_options: likewise.
        learner: a registered name, or the folder of a benchmark's cell or run.
        learner_options: of a registered learner; beside a benchmark's they must be that one's.

    Raises:
        KshotError: there is no such benchmark, it left nothing to take up, or it says otherwise.
    """
    if not _is_path(registry, learner):
        named = Named(encoder or ENCODER, dict(encoder_options or {}))
        options = {**_FAIR.get(str(learner), {}), **(learner_options or {})}
        return Origin(Recipe(named, Named(str(learner), options)))
    cell = find_cell(Path(learner).expanduser())
    recipe = read_recipe(cell)
    _agree(registry, "encoders", recipe, recipe.encoder, encoder, encoder_options)
    _agree(registry, "learners", recipe, recipe.learner, None, learner_options)
    return Origin(recipe, cell)


def _is_path(registry: Registry, learner: str | Path) -> bool:
    """No registered name holds a point or a separator, and a folder of such a name does not hide it."""
    text = os.fspath(learner)
    if any(sign in text for sign in ("/", os.sep, ".")):
        return True
    registered = {entry.name for entry in registry.entries("learners")}
    return text not in registered and Path(text).is_dir()


def _agree(
    registry: Registry,
    kind: str,
    recipe: Recipe,
    own: Named,
    use: str | None,
    options: Mapping[str, Any] | None,
) -> None:
    """Whatever is named beside a benchmark's cell must be what the cell has."""
    what, given = kind.removesuffix("s"), dict(options or {})
    if use is not None:
        name, colon, after = use.partition(":")
        if name == own.use and colon:
            given = given_options(registry.find(kind, name).spec, given, after)
        elif name != own.use:
            raise KshotError(
                f"{what} '{use}': {recipe.cell} was trained with '{own.use}', and its learner serves no other; "
                f"leave {what} out"
            )
    for name, value in given.items():
        if name not in own.options:
            known = nearest(name, own.options)
            raise KshotError(f"{what}_options.{name}: {recipe.cell} has no such option{known}; leave it out")
        if own.options[name] != value:
            raise KshotError(
                f"{what}_options.{name}: {recipe.cell} was trained with {own.options[name]!r}, not {value!r}; "
                "leave it out"
            )
