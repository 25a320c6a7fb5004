"""The plan of a benchmark: every name found, every option checked, every cell listed."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any

from kshot.benchmark.patterns import Parts, matches, no_match
from kshot.benchmark.variants import Expanded, expand, is_id
from kshot.config import (
    Configuration,
    Overrides,
    Settings,
    StrategyEntry,
    Tuning,
    Variant,
    check,
    settings_of,
)
from kshot.errors import ConfigurationError, KshotError
from kshot.registry import Entry, Registry
from kshot.resolving import Resolved, Resolver
from kshot.specs import MetricSpec

RESERVED = ("encoder", "way")
"""Arguments of a learner's factory that the benchmark fills in itself."""


@dataclass(frozen=True, eq=False)
class Part:
    """A learner, encoder or source of the plan, ready to be built.

    Attributes:
        id: the variant's id, or the source's.
        what: the registered thing with its options, and what it is made of.
        own: settings of its own.
    """

    id: str
    what: Resolved
    own: Overrides = field(default_factory=Overrides)

    @property
    def entry(self) -> Entry:
        """What the registry found."""
        return self.what.entry

    @property
    def factory(self) -> Callable[..., Any]:
        """Makes it of its options, and of its parts where it has some."""
        return self.what.factory

    @property
    def options(self) -> Mapping[str, Any]:
        """Every option with its value, defaults included; parts aside."""
        return self.what.options

    @property
    def record(self) -> Mapping[str, Any]:
        """Every option with its value, defaults included, as JSON values."""
        return self.what.record

    @property
    def tuning(self) -> Tuning:
        """How the outer loop trains it (encoders)."""
        return self.what.tuning


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
        return ".".join(self.parts)

    @property
    def parts(self) -> Parts:
        """What its id is put together from."""
        return self.learner.id, self.encoder.id, self.source.id, str(self.seed)

    @property
    def modality(self) -> str:
        """The source's modality."""
        return self.source.entry.modality

    @property
    def draws_training(self) -> bool:
        """False where training episodes are certain not to be drawn, before anything is built: there are none,
        or the method has none of its own."""
        return self.settings.train.episodes > 0 and bool(getattr(self.learner.factory, "trains", True))

    @property
    def sees_training_classes(self) -> str:
        """What looks at the training classes as a whole, as far as is known before anything is built; may be empty."""
        if getattr(self.learner.factory, "wants_base", False):
            return f"learner '{self.learner.id}'"
        return "pretrain" if self.settings.pretrain and self.encoder.tuning.train != "none" else ""


@dataclass(frozen=True, eq=False)
class Plan:
    """A checked configuration and its cells, in the order in which they run.

    Attributes:
        configuration: as checked.
        cells: all cells; results tell of each that is finished.
        selected: ids of those that are to run.
        metrics: further metrics by name, for each modality: those asked for and those customary there.
        registry: what found the names.
    """

    configuration: Configuration
    cells: Sequence[PlannedCell]
    selected: frozenset[str]
    metrics: Mapping[str, Mapping[str, Callable[..., Any]]]
    registry: Registry

    def only(self, pattern: str) -> Plan:
        """The same plan, of which only the cells whose id matches a shell pattern are to run.

        Raises:
            ConfigurationError: none does.
        """
        chosen = frozenset(cell.id for cell in self.cells if matches(cell.parts, [pattern]))
        if not chosen:
            raise ConfigurationError("--only", [no_match(pattern, [cell.parts for cell in self.cells])])
        return replace(self, selected=chosen)

    def to_run(self) -> list[PlannedCell]:
        """The selected cells, in order."""
        return [cell for cell in self.cells if cell.id in self.selected]

    def strategy(self, cell: PlannedCell, device: str) -> StrategyEntry:
        """What the configuration says of a cell on a type of device; a later pattern before an earlier one."""
        found = StrategyEntry()
        for pattern, entry in self.configuration.strategy.of(device).items():
            if matches(cell.parts, [pattern]):
                found = found.model_copy(update=entry.model_dump(exclude_none=True))
        return found


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
    planner = _Planner(registry, problems, configuration)
    sources = planner.sources(configuration)
    encoders = planner.encoders(configuration)
    learners = planner.learners(configuration)
    metrics = planner.metrics(configuration, {source.entry.modality for source in sources})
    if not problems:
        planner.match(sources, encoders, configuration)
        planner.pretraining(configuration)
    settings = planner.settings(configuration, sources, encoders, learners)
    every = [
        PlannedCell(learner, encoder, source, seed, settings[source.id, encoder.id, learner.id])
        for source in sources
        for encoder in encoders.get(source.entry.modality, [])
        for learner in learners
        for seed in configuration.seeds
    ]
    ids = [cell.parts for cell in every]
    cells = [cell for cell in every if not matches(cell.parts, configuration.leave_out)]
    if not problems:
        patterns = [("leave_out", configuration.leave_out)]
        patterns += [(f"strategy.{one}", [*configuration.strategy.of(one)]) for one in ("cpu", "cuda")]
        problems += [
            f"{where}: {no_match(pattern, ids)}"
            for where, some in patterns
            for pattern in some
            if not any(matches(parts, [pattern]) for parts in ids)
        ]
    if not problems and not cells:
        problems.append("leave_out: leaves no cell to run")
    if problems:
        raise ConfigurationError(where, list(dict.fromkeys(problems)))
    return Plan(configuration, cells, frozenset(cell.id for cell in cells), metrics, registry)


class _Planner:
    """Looks names up and checks options, gathering problems instead of raising them."""

    def __init__(self, registry: Registry, problems: list[str], configuration: Configuration) -> None:
        self._registry = registry
        self._resolver = Resolver(registry, configuration.sources)
        self._problems = self._resolver.problems = problems

    def sources(self, configuration: Configuration) -> list[Part]:
        """Those that are to run; one that others are made of needs no encoder, and is then a part only."""
        parts: list[Part] = []
        for key, entry in configuration.sources.items():
            where = f"sources.{key}"
            if not is_id(key):
                self._problems.append(f"{where}: a source's name may hold letters, digits and '_.+=,-' only")
            written = Expanded(key, entry.use, entry.options, entry)
            part = self._part("sources", written, where, None, (key,))
            parts += [part] if part else []
        named = set[str]().union(*(part.what.everything_named for part in parts))
        return [
            part for part in parts if part.id not in named or part.entry.modality in configuration.encoders
        ]

    def encoders(self, configuration: Configuration) -> dict[str, list[Part]]:
        parts: dict[str, list[Part]] = {}
        for modality, variants in configuration.encoders.items():
            where = f"encoders.{modality}"
            try:
                self._registry.require_modality(modality)
            except KshotError as error:
                self._problems.append(f"{where}: {error}")
                continue
            parts[modality] = self._variants("encoders", variants, where, modality)
        ids = [part.id for some in parts.values() for part in some]
        for name in sorted({name for name in ids if ids.count(name) > 1}):
            self._problems.append(f"encoders: two modalities have an encoder with the id '{name}'")
        return parts

    def learners(self, configuration: Configuration) -> list[Part]:
        return self._variants("learners", configuration.learners, "learners", None)

    def settings(
        self,
        configuration: Configuration,
        sources: Sequence[Part],
        encoders: Mapping[str, Sequence[Part]],
        learners: Sequence[Part],
    ) -> dict[tuple[str, str, str], Settings]:
        """By the ids of source, encoder and learner."""
        found: dict[tuple[str, str, str], Settings] = {}
        for source, learner in itertools.product(sources, learners):
            modality = source.entry.modality
            for encoder in encoders.get(modality, []):
                layers = (
                    (f"sources.{source.id}", source.own),
                    (f"encoders.{modality}.{encoder.id}.settings", encoder.own),
                    (f"learners.{learner.id}", learner.own),
                )
                settings, problems = settings_of(configuration, *layers)
                self._problems += problems
                start = settings.train.start
                if start and not start.is_file():
                    named = [f"{where}.train" for where, own in layers if "start" in own.train]
                    self._problems.append(f"{['train', *named][-1]}.start: no such file: {start}")
                found[source.id, encoder.id, learner.id] = settings
        return found

    def _variants(
        self, kind: str, variants: Sequence[Variant], where: str, modality: str | None
    ) -> list[Part]:
        expanded, problems = expand(variants, where)
        self._problems += problems
        parts = [self._part(kind, one, f"{where}.{one.id}", modality) for one in expanded]
        return [part for part in parts if part]

    def metrics(
        self, configuration: Configuration, modalities: Set[str]
    ) -> dict[str, dict[str, Callable[..., Any]]]:
        """By modality: what the configuration names, and what is customary for sources of the modality."""
        asked = {name: self._metric(name) for name in configuration.evaluate.metrics}
        found = dict[str, dict[str, Callable[..., Any]]]()
        for modality in sorted(modalities):
            customary = [
                entry.name
                for entry in self._registry.entries("metrics")
                if isinstance(entry.spec, MetricSpec) and modality in entry.spec.customary
            ]
            named = asked | {name: self._metric(name) for name in customary if name not in asked}
            found[modality] = {name: metric for name, metric in named.items() if metric}
        return found

    def _metric(self, name: str) -> Callable[..., Any] | None:
        try:
            return self._registry.find("metrics", name).resolve()
        except KshotError as error:
            self._problems.append(f"evaluate.metrics: {error}")
            return None

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

    def pretraining(self, configuration: Configuration) -> None:
        """What says how to pretrain needs somebody who asks for it."""
        if configuration.pretrain or any(learner.pretrain for learner in configuration.learners):
            return
        own: dict[str, Overrides] = {f"sources.{key}": one for key, one in configuration.sources.items()}
        for modality, entries in configuration.encoders.items():
            own |= {f"encoders.{modality}.{one.id or one.use}.settings": one.settings for one in entries}
        self._problems += [
            f"{where}.pretrain: changes a pretraining that neither the configuration nor a learner asks for"
            for where, one in own.items()
            if one.pretrain
        ]

    def _part(
        self, kind: str, variant: Expanded, where: str, modality: str | None, above: Sequence[str] = ()
    ) -> Part | None:
        what = self._resolver.resolve(
            kind,
            (variant.use, variant.options),
            where,
            modality=modality,
            reserved=RESERVED if kind == "learners" else (),
            beside=type(variant.origin).model_fields,
            tuning=variant.tuning,
            above=above,
        )
        if what is None:
            return None
        tuned = {where: variant.tuning} | {f"{where}.{name}": one.tuning for name, one in what.parts.items()}
        lacking = [
            place for place, one in tuned.items() if one.lora and importlib.util.find_spec("peft") is None
        ]
        self._problems += [f'{place}.lora: needs peft; pip install "kshot[lora]"' for place in lacking]
        return None if lacking else Part(variant.id, what, variant.own)
