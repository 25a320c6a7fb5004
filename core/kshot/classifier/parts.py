"""Encoder, learner and reader by their registered names."""

from __future__ import annotations

from pathlib import Path

import torch

from kshot.classifier.mixed import MixedReader
from kshot.classifier.recipe import Named, Recipe
from kshot.encoders import tune
from kshot.errors import ConfigurationError, KshotError
from kshot.interfaces import Encoder, Learner, Reader
from kshot.making import make_encoder, make_learner, make_reader
from kshot.options import OptionsOf
from kshot.registry import Registry
from kshot.resolving import Resolved, Resolver

_RESERVED = ("encoder", "way")
MIXED = "mixed"
"""The modality of what has several."""


def build_encoder(registry: Registry, recipe: Recipe) -> Encoder:
    """The encoder with whatever was to be trained in it, in evaluation mode, on the CPU.

    Raises:
        KshotError: unknown, or options that do not fit.
    """
    named = recipe.encoder
    what = _resolved(registry, "encoders", named, ())
    try:
        return tune(make_encoder(what), recipe.tuning).encoder.eval()
    except ValueError as error:
        raise KshotError(f"encoder '{named.use}': {error}") from error


def build_learner(registry: Registry, recipe: Recipe, encoder: torch.nn.Module, way: int) -> Learner:
    """The learner around an encoder.

    Args:
        registry: finds it.
        recipe: names it.
        encoder: changed in place, as learners do.
        way: number of classes, where the recipe does not say.

    Raises:
        KshotError: unknown, options that do not fit, or a method that cannot serve so.
    """
    named = recipe.learner
    what = _resolved(registry, "learners", named, _RESERVED)
    takes_way = "way" in OptionsOf(what.factory, reserved=("encoder",)).names
    learner = make_learner(what, encoder, (recipe.way or way) if takes_way else None)
    if recipe.batch_statistics:
        learner.batch_statistics = recipe.batch_statistics
    return learner


def build_reader(registry: Registry, modality: str) -> Reader:
    """What turns people's things into raw examples of a modality.

    Raises:
        KshotError: no installed plugin brings one.
    """
    if modality == MIXED:
        brought = registry.entries("readers")
        return MixedReader({entry.name: make_reader(entry) for entry in brought})
    return make_reader(registry.find("readers", modality))


def modality_of(registry: Registry, encoder: str) -> str:
    """The modality of a registered encoder."""
    return registry.find("encoders", encoder.partition(":")[0]).modality


def distributions_of(registry: Registry, recipe: Recipe) -> dict[str, str]:
    """Versions of the distributions that bring encoder and learner; of what this process registered there are none."""
    found = [
        *_resolved(registry, "encoders", recipe.encoder, ()).entries,
        *_resolved(registry, "learners", recipe.learner, _RESERVED).entries,
    ]
    return {entry.distribution: entry.version for entry in found if entry.made is None}


def refuse_folder(registry: Registry, encoder: Named) -> None:
    """Refuse an encoder that others could not load.

    Raises:
        KshotError: its model lies in a folder here.
    """
    name, _, after = encoder.use.partition(":")
    takes = getattr(registry.find("encoders", name).spec, "takes", "")
    model = after or encoder.options.get(takes, "")
    if model and Path(str(model)).expanduser().is_dir():
        raise KshotError(
            f"encoder '{encoder.use}': its model lies in a folder here ({model}), which others have not; put it on "
            "the hub, and make the classifier with its id there"
        )


def _resolved(registry: Registry, kind: str, named: Named, reserved: tuple[str, ...]) -> Resolved:
    registry.find(kind, named.use.partition(":")[0])  # whose own words say what is unknown
    resolver = Resolver(registry)
    where = f"{kind[:-1]}_options"
    what = resolver.resolve(kind, (named.use, named.options), where, reserved=reserved)
    if what is None:
        raise ConfigurationError(f"{kind[:-1]} '{named.use}'", resolver.problems)
    return what
