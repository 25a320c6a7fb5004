"""The plan of a benchmark: every name found, every option checked, every cell listed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from kshot.benchmark.variants import Expanded, expand, is_id
from kshot.config import Configuration, LearnerVariant, Overrides, Settings, Tuning, check, settings_of
from kshot.errors import ConfigurationError, KshotError, listing
from kshot.options import OptionsOf
from kshot.options.given import given_options
from kshot.registry import Entry, Registry

RESERVED = ("encoder", "way")
"""Arguments of a learner's factory that the benchmark fills in itself."""


@dataclass(frozen=True, eq=False)
class Part:
    """A learner, encoder or source of the plan, ready to be built.

    Attributes:
        id: the variant's id, or the source's.
        entry: what the registry found.
        factory: builds it from ``options``.
        options: every option with its value, defaults included.
        record: the same as JSON values, for the results.
        tuning: how the outer loop trains it (encoders).
        own: settings of its own (learners and sources).
    """

    id: str
    entry: Entry
    factory: Callable[..., Any]
    options: Mapping[str, Any]
    record: Mapping[str, Any]
    tuning: Tuning = field(default_factory=Tuning)
    own: Overrides = field(default_factory=Overrides)


@dataclass(frozen=True, eq=False)
class PlannedCell:
    """One training: learner × encoder × source × seed.

    Attributes:
        settings: how it is pretrained, trained and evaluated.
    """

    learner: Part
    encoder: Part
    source: Part
    seed: int
    settings: Settings

    @property
    def id(self) -> str:
        """Unique in its benchmark."""
        return f"{self.learner.id}.{self.encoder.id}.{self.source.id}.{self.seed}"

    @property
    def modality(self) -> str:
        """The source's modality."""
        return self.source.entry.modality


@dataclass(frozen=True, eq=False)
class Plan:
    """A checked configuration and its cells, in the order in which they run.

    Attributes:
        configuration: as checked.
        cells: all cells; results tell of each that is finished.
        selected: ids of those that are to run.
        metrics: further metrics by name.
        registry: what found the names.
    """

    configuration: Configuration
    cells: Sequence[PlannedCell]
    selected: frozenset[str]
    metrics: Mapping[str, Callable[..., Any]]
    registry: Registry

    def only(self, pattern: str) -> Plan:
        """The same plan, of which only the cells whose id matches a shell pattern are to run.

        Raises:
            ConfigurationError: none does.
        """
        chosen = frozenset(cell.id for cell in self.cells if fnmatchcase(cell.id, pattern))
        if not chosen:
            there = listing(cell.id for cell in self.cells)
            raise ConfigurationError("--only", [f"no cell matches '{pattern}'; the cells are {there}"])
        return replace(self, selected=chosen)

    def to_run(self) -> list[PlannedCell]:
        """The selected cells, in order."""
        return [cell for cell in self.cells if cell.id in self.selected]


def make_plan(raw: Mapping[str, Any], where: str, registry: Registry) -> Plan:
    """Check a raw configuration and list its cells.

    Args:
        raw: the YAML file's content.
        where: its name, for messages.
        registry: finds the names.

    Raises:
        ConfigurationError: all that is wrong with it, gathered.
    """
    configuration, problems = check(raw)
    if configuration is None:
        raise ConfigurationError(where, problems)
    planner = _Planner(registry, problems)
    sources = planner.sources(configuration)
    encoders = planner.encoders(configuration)
    learners = planner.learners(configuration)
    metrics = planner.metrics(configuration)
    if not problems:
        planner.match(sources, encoders, configuration)
    settings = planner.settings(configuration, sources, learners)
    cells = [
        cell
        for source in sources
        for encoder in encoders.get(source.entry.modality, [])
        for learner in learners
        for seed in configuration.seeds
        if not _left_out(
            cell := PlannedCell(learner, encoder, source, seed, settings[source.id, learner.id]),
            configuration,
        )
    ]
    if not problems and not cells:
        problems.append("leave_out: leaves no cell to run")
    if problems:
        raise ConfigurationError(where, list(dict.fromkeys(problems)))
    return Plan(configuration, cells, frozenset(cell.id for cell in cells), metrics, registry)


def _left_out(cell: PlannedCell, configuration: Configuration) -> bool:
    return any(fnmatchcase(cell.id, pattern) for pattern in configuration.leave_out)


class _Planner:
    """Looks names up and checks options, gathering problems instead of raising them."""

    def __init__(self, registry: Registry, problems: list[str]) -> None:
        self._registry = registry
        self._problems = problems

    def sources(self, configuration: Configuration) -> list[Part]:
        parts: list[Part] = []
        for key, entry in configuration.sources.items():
            where = f"sources.{key}"
            if not is_id(key):
                self._problems.append(f"{where}: a source's name may hold letters, digits and '_.+=,-' only")
            part = self._part("sources", Expanded(key, entry.use, entry.options), where, None)
            if part:
                parts.append(replace(part, own=entry))
        return parts

    def encoders(self, configuration: Configuration) -> dict[str, list[Part]]:
        parts: dict[str, list[Part]] = {}
        for modality, variants in configuration.encoders.items():
            where = f"encoders.{modality}"
            try:
                self._registry.require_modality(modality)
            except KshotError as error:
                self._problems.append(f"{where}: {error}")
                continue
            parts[modality] = self.variants("encoders", variants, where, modality)
        ids = [part.id for some in parts.values() for part in some]
        for name in sorted({name for name in ids if ids.count(name) > 1}):
            self._problems.append(f"encoders: two modalities have an encoder with the id '{name}'")
        return parts

    def learners(self, configuration: Configuration) -> list[Part]:
        parts: list[Part] = []
        for one in self._expanded(configuration.learners, "learners"):
            where = f"learners.{one.id}"
            part = self._part("learners", one, where, None)
            assert isinstance(one.origin, LearnerVariant)
            if part:
                parts.append(replace(part, own=one.origin))
        return parts

    def settings(
        self, configuration: Configuration, sources: Sequence[Part], learners: Sequence[Part]
    ) -> dict[tuple[str, str], Settings]:
        """By the ids of source and learner."""
        found: dict[tuple[str, str], Settings] = {}
        for source in sources:
            for learner in learners:
                places = f"sources.{source.id}", f"learners.{learner.id}"
                settings, problems = settings_of(
                    configuration, (places[0], source.own), (places[1], learner.own)
                )
                self._problems += problems
                start = settings.train.start
                if start and not start.is_file():
                    self._problems.append(f"{places[1]}.train.start: no such file: {start}")
                found[source.id, learner.id] = settings
        return found

    def variants(
        self, kind: str, variants: Sequence[Any], where: str, modality: str | None = None
    ) -> list[Part]:
        found = self._expanded(variants, where)
        parts = [self._part(kind, one, f"{where}.{one.id}", modality) for one in found]
        return [part for part in parts if part]

    def _expanded(self, variants: Sequence[Any], where: str) -> list[Expanded]:
        expanded, problems = expand(variants, where)
        self._problems += problems
        return expanded

    def metrics(self, configuration: Configuration) -> dict[str, Callable[..., Any]]:
        found: dict[str, Callable[..., Any]] = {}
        for name in configuration.evaluate.metrics:
            try:
                found[name] = self._registry.find("metrics", name).resolve()
            except KshotError as error:
                self._problems.append(f"evaluate.metrics: {error}")
        return found

    def match(
        self, sources: Sequence[Part], encoders: Mapping[str, Sequence[Part]], configuration: Configuration
    ) -> None:
        """Every source needs an encoder of its modality, and every encoder a source."""
        for source in sources:
            modality = source.entry.modality
            if not encoders.get(modality):
                self._problems.append(
                    f"sources.{source.id}: its modality is {modality}, but 'encoders' has no key '{modality}'"
                )
        served = {source.entry.modality for source in sources}
        self._problems += [
            f"encoders.{modality}: no source is of this modality"
            for modality in configuration.encoders
            if modality not in served
        ]

    def _part(self, kind: str, variant: Expanded, where: str, modality: str | None) -> Part | None:
        name, colon, after = variant.use.partition(":")
        try:
            entry = self._registry.find(kind, name, modality)
            given = given_options(entry.spec, variant.options, after if colon else None)
            factory = entry.resolve()
            options = OptionsOf(factory, reserved=RESERVED if kind == "learners" else ())
        except KshotError as error:
            self._problems.append(f"{where}: {error}")
            return None
        problems = options.problems(given, where)
        if problems:
            self._problems += problems
            return None
        if variant.tuning.lora and importlib.util.find_spec("peft") is None:
            self._problems.append(f'{where}.lora: needs peft; pip install "kshot[lora]"')
            return None
        resolved = options.resolve(given)
        return Part(variant.id, entry, factory, resolved.arguments, resolved.record, variant.tuning)
