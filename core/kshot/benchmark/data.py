"""The data of a plan: sources opened once, and checked against the shapes before anything runs."""

from __future__ import annotations

import textwrap
from contextlib import suppress
from typing import Final, Literal, final, overload

import numpy as np
import torch

from kshot.benchmark.drawing import Drawing
from kshot.benchmark.learner import unserved
from kshot.benchmark.plan import Part, Plan, PlannedCell
from kshot.config import Configuration, Evaluate, settings_of
from kshot.errors import DataError, KshotError, listing, nearest
from kshot.interfaces import Encoder, Source, Split
from kshot.loading import (
    Loader,
    PartedLoader,
    SensedSource,
    StreamingLoader,
    example_keys,
    make_loader,
)
from kshot.making import make_source
from kshot.rejection import Rejection
from kshot.resolving import Resolved
from kshot.results import Sample
from kshot.sampling import AnySampler, Catalogue, FixedSampler, Sampler
from kshot.shapes import SPLITS, Fixed, Shape
from kshot.splits import ColumnSplit

NOTE = 400
"""Characters of a source's note in a plan; `kshot sources show --json` has all of it."""

SAMPLE_QUERIES = 2
"""Queries per class that a sample episode shows."""

MENDS = {
    "train": "where nothing is to train, set train.episodes to 0, for one source or learner too",
    "validation": "train.patience needs validation episodes; null turns it off, for one source too",
}
"""What else is said where a source cannot serve a split's episodes."""


OUTSIDE: Final = "outside"
Pool = Split | Literal["outside"]
"""What examples are loaded from: a split, or those of no class at all."""


def catalogue_of(source: Source, pool: Pool) -> Catalogue:
    """The examples of a pool.

    Raises:
        DataError: the source has none.
    """
    if pool != OUTSIDE:
        return source.catalogue(pool)
    found = source.out_of_scope()
    if found is None:
        raise DataError("the source has no examples of no class")
    return found


@final
class Data:
    """Sources by id, opened when first asked for, and the loaders of the pairing at work.

    Loaders hold whole splits in memory; only those of the latest source and encoder are kept,
    and cells run in that order. What several sources are made of is opened and prepared once.
    """

    def __init__(self, configuration: Configuration, device: torch.device) -> None:
        self._configuration = configuration
        self._device = device
        self._sources: dict[str, Source] = {}
        self._made: dict[str, Source] = {}
        self._pairing: tuple[str, str, str] | None = None
        self._loaders: dict[Pool, Loader] = {}
        self._parts: dict[tuple[int, Pool], Loader] = {}
        self._keys: dict[tuple[int, Pool], np.ndarray] = {}
        self._origins: dict[int, str] = {}

    def source(self, part: Part) -> Source:
        """The opened source.

        Raises:
            KshotError: it cannot be opened.
        """
        if part.id not in self._sources:
            try:
                self._sources[part.id] = make_source(part.what, self._made)
                self._note(part.what)
            except KshotError as error:
                raise KshotError(f"sources.{part.id}: {error}") from error
        return self._sources[part.id]

    def _note(self, what: Resolved) -> None:
        """Keep what stands for the content of a source whose code has no version."""
        entry = what.entry
        self._origins[id(self._made[what.identity])] = entry.identity if entry.code else ""
        for part in what.parts.values():
            self._note(part)

    def loader(self, cell: PlannedCell, encoder: Encoder, pool: Pool) -> Loader:
        """The loader of one split, or of the examples of no class, prepared by ``encoder``."""
        source = self.source(cell.source)
        self._begin(cell, source)
        if pool not in self._loaders:
            self._loaders[pool] = self._loader(source, encoder, pool)
        return self._loaders[pool]

    def part_loader(self, cell: PlannedCell, part: Source, encoder: Encoder, pool: Pool) -> Loader:
        """The loader of one split, or of the examples of no class, of what a cell's source is made of."""
        self._begin(cell, self.source(cell.source))
        return self._part_loader(part, encoder, pool)

    def _loader(self, source: Source, encoder: Encoder, pool: Pool) -> Loader:
        catalogue, options = catalogue_of(source, pool), self._configuration.loading
        if catalogue.blocks is None:
            return make_loader(source, catalogue, encoder, self._device, options)
        parts = [self._part_loader(part, encoder, pool) for part in source.parts.values()]
        if options.workers and any(isinstance(one, StreamingLoader) for one in parts):
            return StreamingLoader(source, catalogue, encoder, self._device, options.workers)
        return PartedLoader(catalogue, parts)

    def _part_loader(self, part: Source, encoder: Encoder, pool: Pool) -> Loader:
        key = id(part), pool
        if key not in self._parts:
            options = self._configuration.loading
            sensed = SensedSource(part)
            self._parts[key] = make_loader(sensed, catalogue_of(part, pool), encoder, self._device, options)
        return self._parts[key]

    def _begin(self, cell: PlannedCell, source: Source) -> None:
        """Let go of what the pairing does not use."""
        # An encoder may have been fitted to the training classes: other classes, other inputs.
        pairing = (cell.source.id, cell.encoder.id, _fingerprint(source, "train"))
        if pairing == self._pairing:
            return
        same = self._pairing is not None and self._pairing[1:] == pairing[1:]
        kept = {id(part) for part in source.parts.values()} if same else set[int]()
        self._parts = {key: one for key, one in self._parts.items() if key[0] in kept}
        self._loaders.clear()
        self._pairing = pairing

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

    def keys(self, source: Source, pool: Pool) -> np.ndarray:
        """(N,) content hashes of a split's examples, or of those of no class, computed once."""
        if (id(source), pool) not in self._keys:
            origin = self._origins[id(source)]
            self._keys[id(source), pool] = example_keys(source, catalogue_of(source, pool), origin)
        return self._keys[id(source), pool]

    def fingerprints(self, part: Part) -> list[str]:
        """Hashes of the classes of every split, of all fixed lists of test episodes, and of examples of no class."""
        source = self.source(part)
        lists = [_fixed(source, "test", name) for name in sorted(source.fixed_episodes("test"))]
        classes = [_fingerprint(source, split) for split in SPLITS]
        outside = source.out_of_scope()
        strangers = [outside.fingerprint] if outside else []
        return classes + [one.manifest(len(one)) for one in lists] + strangers

    def training_fingerprint(self, part: Part) -> str:
        """Hash of the training classes; empty where there are none."""
        return _fingerprint(self.source(part), "train")

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
        problems += _towerless(plan, data, part)
        for split, shape in _wanted(plan, part):
            try:
                data.sampler(part, split, shape, 0)
            except KshotError as error:
                mend = f" ({MENDS[split]})" if split in MENDS else ""
                problems.append(f"{error}{mend}")
        problems += _way_problems(plan, data, part)
        problems += _unseen(plan, data, part)
        problems += _rejection_problems(plan, data, part)
    return list(dict.fromkeys(problems))


def _unseen(plan: Plan, data: Data, part: Part) -> list[str]:
    """Where a source has no training classes, and something looks at them though it draws no episodes of them."""
    seen_by = [cell.sees_training_classes for cell in _cells(plan, part) if not cell.draws_training]
    if not any(seen_by):
        return []
    try:
        data.source(part).catalogue("train")
    except DataError as error:
        return [f"sources.{part.id}: {error} ({who} looks at all of them)" for who in seen_by if who]
    return []


def _way_problems(plan: Plan, data: Data, part: Part) -> list[str]:
    """Learners of one number of classes that are to be tested on another."""
    told: dict[str, list[str]] = {}
    for cell in _cells(plan, part):
        shapes: list[Shape] = []
        for shape in cell.settings.evaluate.all_shapes():
            with suppress(KshotError):  # told of the shape itself
                shapes.append(data.sampler(part, "test", shape, 0).shape)
        for problem in unserved(cell, shapes):
            told.setdefault(problem, []).append(cell.id)
    return [f"{listing(cells, 3)}: {problem}" for problem, cells in told.items()]


def rejection_of(evaluate: Evaluate, source: Source) -> Rejection | None:
    """The unknown queries that are asked for; None where there are none.

    Raises:
        DataError: examples of no class are asked about, and the source has none.
    """
    asked = evaluate.unknown
    if not asked:
        return None
    if asked.out_of_scope is None:
        return Rejection(asked.classes, asked.queries, evaluate.seed, asked.score)
    return Rejection(0, asked.out_of_scope, evaluate.seed, asked.score, catalogue_of(source, OUTSIDE))


def _rejection_problems(plan: Plan, data: Data, part: Part) -> list[str]:
    """Where a source has too little for unknown queries beside its test episodes."""
    problems: list[str] = []
    mend = f"set sources.{part.id}.evaluate.unknown, false: none"
    for cell in _cells(plan, part):
        asked = cell.settings.evaluate.unknown
        if asked and asked.out_of_scope and data.source(part).out_of_scope() is None:
            problems.append(f"sources.{part.id}: {_no_strangers(part)} ({mend})")
            continue
        for shape in cell.settings.evaluate.all_shapes():
            try:
                sampler = data.sampler(part, "test", shape, 0)
            except KshotError:  # told of the shape itself
                continue
            try:
                if rejection := rejection_of(cell.settings.evaluate, data.source(part)):
                    rejection.sampler(sampler)
            except DataError as error:
                problems.append(f"sources.{part.id}: {error} ({mend})")
    return problems


def _no_strangers(part: Part) -> str:
    """Why a source has no examples of no class: it names no label, or none of its rows serves."""
    label, split = (part.options.get(name) for name in ("out_of_scope", "split"))
    others = "ask for {classes: 5, queries: 5}"
    if label is None:
        return (
            "the source has no examples of no class; name their label by its option `out_of_scope`, if its kind has "
            f"one, or {others}"
        )
    if isinstance(split, ColumnSplit):
        return (
            f"none of the rows labelled '{label}' is in the test split, which alone is asked about where a column "
            f"splits rows; add their '{split.column}' to split.test, or {others}"
        )
    return f"no row that can be used has the label '{label}'; name that of the rows out of scope, or {others}"


def left_out(plan: Plan, data: Data) -> list[str]:
    """What is to be known of each source, how many examples it skips, and which classes are too small
    for which shape.

    One line each, of data without problems.
    """
    lines: list[str] = []
    for part in _sources(plan):
        notes = data.source(part).notes
        lines += [f"sources.{part.id}: {textwrap.shorten(note, NOTE, placeholder=' …')}" for note in notes]
        if skipped := data.source(part).skipped:
            lines.append(f"sources.{part.id}: unusable examples, which are skipped: {len(skipped)}")
        for split, shape in _wanted(plan, part):
            sampler = data.sampler(part, split, shape, 0)
            names, shape = sampler.left_out, sampler.shape
            if names:
                where = f"sources.{part.id}: {shape.asked} of the {split} split"
                lines.append(f"{where} leaves out {len(names)} classes too small for it: {listing(names)}")
    return lines


def _towerless(plan: Plan, data: Data, source: Part) -> list[str]:
    """Modalities of a source that an encoder made of others has no tower for."""
    wanted = {name: part.modality for name, part in data.source(source).parts.items()}
    encoders = {cell.encoder.id: cell.encoder for cell in _cells(plan, source)}
    return [
        f"sources.{source.id}: '{name}' is {modality}, and encoder '{encoder.id}' has no tower for it (it has: "
        f"{listing(encoder.what.parts)}); add `{modality}: ENCODER` to it"
        for encoder in encoders.values()
        if encoder.what.parts
        for name, modality in wanted.items()
        if modality not in encoder.what.parts
    ]


def _sources(plan: Plan) -> list[Part]:
    return list({cell.source.id: cell.source for cell in plan.to_run()}.values())


def _cells(plan: Plan, source: Part) -> list[PlannedCell]:
    return [cell for cell in plan.to_run() if cell.source.id == source.id]


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
    for cell in _cells(plan, source):
        if cell.draws_training:
            wanted.append(("train", cell.settings.train.shape))
        if cell.draws_training and cell.settings.train.patience is not None:
            wanted.append(("validation", cell.settings.validation_shape))
        for shape in cell.settings.evaluate.all_shapes():
            wanted.append(("test", shape))
    return list(dict.fromkeys(wanted))
