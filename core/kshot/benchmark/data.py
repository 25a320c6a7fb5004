"""The data of a plan: sources opened once, and checked against the shapes before anything runs."""

from __future__ import annotations

from typing import final, overload

import numpy as np
import torch

from kshot.benchmark.drawing import Drawing
from kshot.benchmark.plan import Part, Plan, PlannedCell
from kshot.config import Configuration, Evaluate, settings_of
from kshot.errors import DataError, KshotError, listing, nearest
from kshot.interfaces import Encoder, Source, Split
from kshot.loading import Loader, example_keys, make_loader
from kshot.rejection import Rejection
from kshot.results import Sample
from kshot.sampling import AnySampler, FixedSampler, Sampler
from kshot.shapes import SPLITS, Fixed, Shape

SAMPLE_QUERIES = 2
"""Queries per class that a sample episode shows."""

PATIENCE = "train.patience needs validation episodes; null turns it off, for one source too"
"""What is said where a source cannot serve them."""


@final
class Data:
    """Sources by id, opened when first asked for, and the loaders of the pairing at work.

    Loaders hold whole splits in memory; only those of the latest source and encoder are kept,
    and cells run in that order.
    """

    def __init__(self, configuration: Configuration, device: torch.device) -> None:
        self._configuration = configuration
        self._device = device
        self._sources: dict[str, Source] = {}
        self._pairing: tuple[str, str] | None = None
        self._loaders: dict[Split, Loader] = {}
        self._keys: dict[tuple[str, Split], np.ndarray] = {}

    def source(self, part: Part) -> Source:
        """The opened source.

        Raises:
            KshotError: it cannot be opened.
        """
        if part.id not in self._sources:
            try:
                self._sources[part.id] = part.factory(**part.options)
            except KshotError as error:
                raise KshotError(f"sources.{part.id}: {error}") from error
        return self._sources[part.id]

    def loader(self, cell: PlannedCell, encoder: Encoder, split: Split) -> Loader:
        """The loader of one split, prepared by ``encoder``."""
        pairing = (cell.source.id, cell.encoder.id)
        if pairing != self._pairing:
            self._loaders.clear()
            self._pairing = pairing
        if split not in self._loaders:
            source = self.source(cell.source)
            catalogue = source.catalogue(split)
            self._loaders[split] = make_loader(
                source, catalogue, encoder, self._device, self._configuration.loading
            )
        return self._loaders[split]

    @overload
    def sampler(self, part: Part, split: Split, shape: Shape, seed: int, together: int = 1) -> Sampler: ...
    @overload
    def sampler(
        self, part: Part, split: Split, shape: Shape | Fixed, seed: int, together: int = 1
    ) -> AnySampler: ...
    def sampler(
        self, part: Part, split: Split, shape: Shape | Fixed, seed: int, together: int = 1
    ) -> AnySampler:
        """Episodes of one shape, drawn under a seed, or a list that the source has.

        Of drawn episodes ``together`` in a row are of one size.

        Raises:
            DataError: the split cannot serve the shape, or has no such list; names the source.
        """
        source = self.source(part)
        try:
            if isinstance(shape, Fixed):
                return _fixed(source, split, shape.name)
            return Sampler(source.catalogue(split), split, shape, seed, together)
        except DataError as error:
            raise DataError(f"sources.{part.id}: {error}") from error

    def keys(self, part: Part, split: Split) -> np.ndarray:
        """(N,) content hashes of a split's examples, computed once."""
        if (part.id, split) not in self._keys:
            source = self.source(part)
            origin = part.entry.identity if part.entry.made else ""
            self._keys[part.id, split] = example_keys(source, source.catalogue(split), origin)
        return self._keys[part.id, split]

    def fingerprints(self, part: Part) -> list[str]:
        """Hashes of the classes of every split, and of all fixed lists of test episodes."""
        source = self.source(part)
        lists = [_fixed(source, "test", name) for name in sorted(source.fixed_episodes("test"))]
        classes = [_fingerprint(source, split) for split in SPLITS]
        return classes + [one.manifest(len(one)) for one in lists]

    def sample(self, part: Part) -> Sample:
        """The first test episode, drawn for people."""
        settings, _ = settings_of(self._configuration, (part.id, part.own))
        evaluate = settings.evaluate
        sampler = self.sampler(part, "test", evaluate.all_shapes()[0], evaluate.seed)
        return Drawing(part, self.source(part), sampler, sampler.shape.shots.high, SAMPLE_QUERIES).episode(0)


def data_problems(plan: Plan, data: Data) -> list[str]:
    """Open every source that is to run and try every shape on it: all that is wrong, one line each."""
    problems: list[str] = []
    for part in _sources(plan):
        try:
            data.source(part)
        except KshotError as error:
            problems.append(str(error))
            continue
        for split, shape in _wanted(plan, part):
            try:
                data.sampler(part, split, shape, 0)
            except KshotError as error:
                mend = f" ({PATIENCE})" if split == "validation" else ""
                problems.append(f"{error}{mend}")
        problems += _rejection_problems(plan, data, part)
    return list(dict.fromkeys(problems))


def rejection_of(evaluate: Evaluate) -> Rejection | None:
    """The unknown queries that are asked for; None where there are none."""
    asked = evaluate.unknown
    return Rejection(asked.classes, asked.queries, evaluate.seed, asked.score) if asked else None


def _rejection_problems(plan: Plan, data: Data, part: Part) -> list[str]:
    """Where a source has too few classes for unknown queries beside its test episodes."""
    problems: list[str] = []
    for cell in plan.to_run():
        rejection = rejection_of(cell.settings.evaluate)
        if cell.source.id != part.id or rejection is None:
            continue
        for shape in cell.settings.evaluate.all_shapes():
            try:
                sampler = data.sampler(part, "test", shape, 0)
            except KshotError:  # told of the shape itself
                continue
            try:
                rejection.sampler(sampler)
            except DataError as error:
                mend = f"set sources.{part.id}.evaluate.unknown, false: none"
                problems.append(f"sources.{part.id}: {error} ({mend})")
    return problems


def left_out(plan: Plan, data: Data) -> list[str]:
    """How many examples each source skips, and which classes are too small for which shape.

    One line each, of data without problems.
    """
    lines: list[str] = []
    for part in _sources(plan):
        if skipped := data.source(part).skipped:
            lines.append(f"sources.{part.id}: unusable examples, which are skipped: {len(skipped)}")
        for split, shape in _wanted(plan, part):
            sampler = data.sampler(part, split, shape, 0)
            names, shape = sampler.left_out, sampler.shape
            if names:
                where = f"sources.{part.id}: {shape.asked} of the {split} split"
                lines.append(f"{where} leaves out {len(names)} classes too small for it: {listing(names)}")
    return lines


def _sources(plan: Plan) -> list[Part]:
    return list({cell.source.id: cell.source for cell in plan.to_run()}.values())


def _fixed(source: Source, split: Split, name: str) -> FixedSampler:
    lists = source.fixed_episodes(split)
    if name not in lists:
        there = listing(lists)
        raise DataError(
            f"the source has no list of {split} episodes '{name}' (it has: {there}){nearest(name, lists)}"
        )
    return FixedSampler(source.catalogue(split), split, name, lists[name])


def _fingerprint(source: Source, split: Split) -> str:
    try:
        return source.catalogue(split).fingerprint
    except DataError:  # what trains nothing needs no training classes, nor validation classes
        return ""


def _wanted(plan: Plan, source: Part) -> list[tuple[Split, Shape | Fixed]]:
    """The splits and shapes that the cells of a source draw from."""
    wanted: list[tuple[Split, Shape | Fixed]] = []
    for cell in plan.to_run():
        if cell.source.id != source.id:
            continue
        if cell.settings.train.episodes:
            wanted.append(("train", cell.settings.train.shape))
        if cell.settings.train.episodes and cell.settings.train.patience is not None:
            wanted.append(("validation", cell.settings.validation_shape))
        for shape in cell.settings.evaluate.all_shapes():
            wanted.append(("test", shape))
    return list(dict.fromkeys(wanted))
