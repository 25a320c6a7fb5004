"""Which episodes of a configuration are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch

from kshot.benchmark.data import Data
from kshot.benchmark.plan import Part, Plan
from kshot.config import Configuration, Settings, settings_of
from kshot.errors import KshotError, listing, nearest
from kshot.interfaces import Source
from kshot.sampling import AnySampler, Drawn
from kshot.shapes import Fixed, Shape, Split


@dataclass(frozen=True, eq=False)
class Asked:
    """The episodes of one source, split and shape.

    Attributes:
        part: the source's entry in the plan.
        source: the source.
        sampler: the episodes.
        seed: under which they are drawn; none: they came with the source.
        count: how many of them the configuration scores, or trains on.
    """

    part: Part
    source: Source
    sampler: AnySampler
    seed: int | None
    count: int

    @cached_property
    def manifest(self) -> str:
        """Content hash of all of them."""
        return self.sampler.manifest(self.count)

    def sides(self, number: int) -> Iterator[tuple[str, list[int], list[int]]]:
        """Of one episode, class by class: its name, rows of its support and of its query examples."""
        drawn = self.sampler.draw(number, number + 1)
        for label, one in enumerate(drawn.classes[0].tolist()):
            yield self.sampler.catalogue.classes[one], *self._rows(drawn, label)

    def _rows(self, drawn: Drawn, label: int) -> tuple[list[int], list[int]]:
        rows = self.sampler.catalogue.rows
        support = drawn.support[0][drawn.support_labels[0] == label]
        query = drawn.query[0][drawn.query_labels[0] == label]
        return rows[support].tolist(), rows[query].tolist()


def find(plan: Plan, source: str | None, shape: str | None, split: Split) -> list[Asked]:
    """The episodes that a configuration draws.

    Args:
        plan: the checked configuration.
        source: the id of one; none: of all.
        shape: such as ``"5w1s"``; none: all.
        split: ``test``, or those that validate or train under the first of the seeds.

    Raises:
        KshotError: no such source or shape, or data that cannot serve it.
    """
    parts = {cell.source.id: cell.source for cell in plan.cells}
    if source is not None and source not in parts:
        raise KshotError(f"no source '{source}' (there are: {listing(parts)}){nearest(source, parts)}")
    data = Data(plan.configuration, torch.device("cpu"))
    chosen = [part for name, part in parts.items() if source in (None, name)]
    wanted = [(part, one) for part in chosen for one in _shapes(plan.configuration, part, split)]
    names = list(dict.fromkeys(str(one) for _, one in wanted))
    if shape is not None and shape not in names:
        there = listing(f"'{name}'" for name in names)
        raise KshotError(
            f"no {split} episodes of shape '{shape}' (there are: {there}){nearest(shape, names)}"
        )
    return [
        _asked(plan.configuration, data, part, one, split)
        for part, one in wanted
        if shape in (None, str(one))
    ]


def _shapes(configuration: Configuration, part: Part, split: Split) -> list[Shape | Fixed]:
    settings = _settings(configuration, part)
    if split == "train":
        return [settings.train.shape]
    if split == "validation":
        return [settings.validation_shape]
    return settings.evaluate.all_shapes()


def _asked(configuration: Configuration, data: Data, part: Part, shape: Shape | Fixed, split: Split) -> Asked:
    train, evaluate = (settings := _settings(configuration, part)).train, settings.evaluate
    training = split == "train"
    seed = configuration.seeds[0] if training else evaluate.seed
    wanted = {"train": train.episodes, "validation": train.validation_episodes, "test": evaluate.episodes}
    sampler = data.sampler(part, split, shape, seed, train.meta_batch if training else 1)
    drawn_under = None if isinstance(shape, Fixed) else seed
    return Asked(part, data.source(part), sampler, drawn_under, sampler.count(wanted[split]))


def _settings(configuration: Configuration, part: Part) -> Settings:
    """What holds for the source whatever the learner."""
    settings, _ = settings_of(configuration, (part.id, part.own))
    return settings
