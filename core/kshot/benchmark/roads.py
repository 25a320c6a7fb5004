"""Which way a cell's examples take: through the encoder again and again, or embedded once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import final

import torch

from kshot.benchmark.data import Data, Pool, catalogue_of
from kshot.benchmark.plan import PlannedCell
from kshot.encoders import Embedded, Joint, Tuned
from kshot.encoders.embedded import EMBEDDING
from kshot.encoders.joint import marked
from kshot.interfaces import Encoder, Learner, Source
from kshot.loading import EmbeddingCache, Loader, PartedLoader, ResidentLoader, SensedSource
from kshot.resolving import Resolved

Stage = Callable[[str], None]
"""Tells what is done now."""


class Road(ABC):
    """Where a cell's tensors come from.

    Args:
        cell: whose.
        data: its source.
        encoder: what its learner is built around.
    """

    def __init__(self, cell: PlannedCell, data: Data, encoder: Encoder) -> None:
        self.encoder = encoder
        self._cell, self._data = cell, data

    @abstractmethod
    def loader(self, pool: Pool) -> Loader:
        """The loader of one split, or of the examples of no class."""


@final
class Plain(Road):
    """Examples prepared for the encoder; it embeds them whenever it meets them."""

    def loader(self, pool: Pool) -> Loader:
        """The data's own."""
        return self._data.loader(self._cell, self.encoder, pool)


class _Cached(Road):
    """Examples, or some of them, embedded once."""

    def __init__(
        self, cell: PlannedCell, data: Data, encoder: Encoder, device: torch.device, stage: Stage
    ) -> None:
        super().__init__(cell, data, encoder)
        self._device, self._stage = device, stage

    def loader(self, pool: Pool) -> Loader:
        """Over the whole split; part by part, where its examples come from several."""
        self._stage("embed")
        source = self._data.source(self._cell.source)
        catalogue = catalogue_of(source, pool)
        if catalogue.blocks is None:
            return self._of(source, pool)
        return PartedLoader(catalogue, [self._of(part, pool) for part in source.parts.values()])

    @abstractmethod
    def _of(self, source: Source, pool: Pool) -> Loader: ...

    def _embedded(
        self, cache: EmbeddingCache, source: Source, told: Source, pool: Pool, modality: str = ""
    ) -> Loader:
        catalogue = catalogue_of(source, pool)
        found = cache.split(told, catalogue, self._data.keys(source, pool))
        inputs = {EMBEDDING: found.embeddings}
        loader = ResidentLoader(catalogue, marked(inputs, modality) if modality else inputs, self._device)
        loader.truncated = found.truncated
        return loader


@final
class Whole(_Cached):
    """All of the encoder stays as it is, or all but a linear map on top of it."""

    def __init__(
        self, cell: PlannedCell, data: Data, tuned: Tuned, fixed: Encoder, device: torch.device, stage: Stage
    ) -> None:
        super().__init__(cell, data, tuned.over(Embedded(cell.modality, fixed.dim)), device, stage)
        self._joint = isinstance(fixed, Joint)
        self._cache = EmbeddingCache(fixed.eval(), _identity(cell.encoder.what), device)

    def _of(self, source: Source, pool: Pool) -> Loader:
        return self._embedded(self._cache, source, SensedSource(source) if self._joint else source, pool)


@final
class Towers(_Cached):
    """Towers of a joint encoder stay as they are: their examples are embedded once, those of the
    others, and what joins them, as often as they are met."""

    def __init__(
        self, cell: PlannedCell, data: Data, joint: Joint, device: torch.device, stage: Stage
    ) -> None:
        what: Mapping[str, Resolved] = cell.encoder.what.parts
        staying = [modality for modality in joint.modalities if joint.stays(modality)]
        super().__init__(cell, data, joint.over(staying), device, stage)
        self._caches = {
            one: EmbeddingCache(joint.tower(one).eval(), _identity(what[one]), device) for one in staying
        }

    def _of(self, source: Source, pool: Pool) -> Loader:
        cache = self._caches.get(source.modality)
        if cache is None:
            return self._data.part_loader(self._cell, source, self.encoder, pool)
        return self._embedded(cache, source, source, pool, source.modality)


def road_of(
    cell: PlannedCell, data: Data, tuned: Tuned, learner: Learner, device: torch.device, stage: Stage
) -> Road:
    """The shortest road on which figures stay as they are.

    Args:
        cell: what is run.
        data: its source.
        tuned: its encoder, on the device.
        learner: around that encoder.
        device: where everything is computed.
        stage: is told when embedding begins.
    """
    joint = _joint_of_staying(tuned.encoder)
    if joint:
        return Towers(cell, data, joint, device, stage)
    fixed = tuned.fixed
    if fixed is not None and embeds_beforehand(tuned, learner):
        return Whole(cell, data, tuned, fixed, device, stage)
    return Plain(cell, data, tuned.encoder)


def embeds_beforehand(tuned: Tuned, learner: Learner) -> bool:
    """True where examples, or those of some modalities, are embedded once, before training."""
    if _joint_of_staying(tuned.encoder):
        return True
    return tuned.fixed is not None and not learner.adapts_encoder and learner.batch_statistics == "frozen"


def _joint_of_staying(encoder: Encoder) -> Joint | None:
    """The encoder, where it is a joint one of whose towers some stay as they are."""
    stays = isinstance(encoder, Joint) and any(encoder.stays(one) for one in encoder.modalities)
    return encoder if isinstance(encoder, Joint) and stays else None


def _identity(what: Resolved) -> dict[str, object]:
    """What an encoder's embeddings depend on beside its state."""
    codes = [entry.code for entry in what.entries]
    return {
        "factory": what.entry.spec.factory,
        "provider": what.entry.provider,
        "options": what.record,
        # Installed packages have none: their embeddings that are there already stay known.
        **({"code": codes} if any(codes) else {}),
    }
