"""How a cell's examples reach its learner: prepared inputs, or what is embedded once and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import torch

from kshot.benchmark.data import Data
from kshot.benchmark.plan import PlannedCell
from kshot.encoders import Embedded, Joint, Tuned, marked
from kshot.encoders.embedded import EMBEDDING
from kshot.interfaces import Encoder, Learner, Source, Split
from kshot.loading import EmbeddingCache, Loader, PartedLoader, ResidentLoader, SensedSource
from kshot.resolving import Resolved


@final
class Roads:
    """The loaders of one cell.

    What training cannot change is embedded once: the whole of an encoder in which nothing trains, what
    lies below its ``head``, or the frozen towers of a joint one. A learner that adapts the encoder within
    an episode, or batch statistics of the episode's own, leave only the towers.

    Args:
        cell: whose.
        data: opened sources, and loaders of prepared inputs.
        tuned: the cell's encoder, on ``device``.
        learner: around it.
        device: where the tensors arrive.
        stage: told that examples are being embedded.

    Attributes:
        encoder: what is left to compute.
        truncated: examples of each split that the encoder cut.
    """

    encoder: Encoder

    def __init__(
        self,
        cell: PlannedCell,
        data: Data,
        tuned: Tuned,
        learner: Learner,
        device: torch.device,
        stage: Callable[[str], None],
    ) -> None:
        self.truncated: dict[Split, int] = {}
        self._cell, self._data, self._device, self._stage = cell, data, device, stage
        self._prepares = tuned.encoder
        self._whole: Encoder | None = None
        self._towers: dict[str, Encoder] = {}
        self._caches: dict[str, EmbeddingCache] = {}
        self.encoder = tuned.encoder
        fixed = tuned.fixed
        if fixed is not None and not learner.adapts_encoder and learner.batch_statistics == "frozen":
            self._whole = fixed
            self.encoder = tuned.over(Embedded(cell.modality, fixed.dim)).to(device)
        elif isinstance(tuned.encoder, Joint):
            joint = tuned.encoder
            self._towers = {name: joint.tower(name) for name in joint.modalities if joint.stays(name)}
            self.encoder = joint.over(list(self._towers)) if self._towers else joint

    def loader(self, split: Split) -> Loader:
        """The loader of one split.

        Raises:
            KshotError: an example cannot be prepared.
        """
        source = self._data.source(self._cell.source)
        catalogue = source.catalogue(split)
        if not self._whole and not self._towers:
            loader = self._data.loader(self._cell, self._prepares, split)
            self.truncated[split] = loader.truncated or 0
            return loader
        parts = [source] if catalogue.blocks is None else list(source.parts.values())
        found = [self._part(source, part, split) for part in parts]
        self.truncated[split] = sum(count for _, count in found)
        loaders = [loader for loader, _ in found]
        return loaders[0] if catalogue.blocks is None else PartedLoader(catalogue, loaders)

    def _part(self, source: Source, part: Source, split: Split) -> tuple[Loader, int]:
        """The loader of one part, and how many of its examples were cut."""
        encoder = self._whole or self._towers.get(part.modality)
        if encoder is None:
            loader = self._data.part_loader(self._cell, part, self._prepares, split)
            return loader, loader.truncated or 0
        self._stage("embed")
        catalogue, keys = part.catalogue(split), self._data.keys(part, split)
        raw = SensedSource(part) if part is not source and self._whole else part
        found = self._cache(part.modality, encoder).split(raw, catalogue, keys)
        inputs = {EMBEDDING: found.embeddings}
        told = inputs if self._whole else marked(inputs, part.modality)
        return ResidentLoader(catalogue, told, self._device), found.truncated

    def _cache(self, modality: str, encoder: Encoder) -> EmbeddingCache:
        """Of a tower alone, or of a whole encoder; examples of two modalities may have one key."""
        if modality not in self._caches:
            what = self._cell.encoder.what
            built = _identity(what if self._whole else what.parts[modality])
            if self._whole and what.parts:
                built["modality"] = modality
            self._caches[modality] = EmbeddingCache(encoder.eval(), built, self._device)
        return self._caches[modality]


def _identity(what: Resolved) -> dict[str, object]:
    return {"factory": what.entry.spec.factory, "provider": what.entry.provider, "options": what.record}
