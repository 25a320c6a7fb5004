"""The memory-resident road: a whole split lies prepared on the device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import final

import numpy as np
import torch
from torch import Tensor

from kshot.devices import sent
from kshot.encoders.embedded import EMBEDDING
from kshot.episode import Episodes, Inputs
from kshot.functional.concurrent import alone
from kshot.loading.loader import Loader, assemble
from kshot.loading.prepare import trimmed, truncated_in
from kshot.sampling import AnySampler, Catalogue
from kshot.shapes import Shape

_AHEAD = 2**22
"""Bytes of inputs gathered at a time, where batches are small: they stay in the cache until they are used."""


@final
class ResidentLoader(Loader):
    """A batch of episodes is one index gather from tensors on the device.

    Args:
        catalogue: the split's classes and examples.
        inputs: leaves (N, …) in the order of the catalogue's positions.
        device: where they are put.
    """

    def __init__(self, catalogue: Catalogue, inputs: Inputs, device: torch.device) -> None:
        for name, leaf in inputs.items():
            if len(leaf) != len(catalogue):
                raise ValueError(f"input '{name}' holds {len(leaf)} examples, the catalogue {len(catalogue)}")
        self.catalogue = catalogue
        self.device = device
        self.truncated = truncated_in(inputs)
        self._inputs = {name: leaf.to(device) for name, leaf in inputs.items()}
        self._bytes = sum(leaf[:1].nbytes for leaf in inputs.values())

    def gather(self, positions: np.ndarray) -> dict[str, Tensor]:
        """(…,) positions → leaves (…, features)."""
        index = sent(positions, self.device)
        flat = index.reshape(-1)
        # Embeddings are gathered on all cores: on these nothing else of weight is computed.
        with nullcontext() if EMBEDDING in self._inputs else alone():
            rows = {name: leaf.index_select(0, flat) for name, leaf in self._inputs.items()}
        return {name: leaf.unflatten(0, index.shape) for name, leaf in rows.items()}

    def episodes(self, sampler: AnySampler, start: int, stop: int, size: int) -> Iterator[Episodes]:
        """Draw and gather; of small batches several at once, each of which is then a view of its own part."""
        for episodes in gathered(self, sampler, start, stop, size * self._together(sampler.shape, size)):
            yield from (episodes.slice(at, at + size) for at in range(0, len(episodes), size))

    def _together(self, shape: Shape, size: int) -> int:
        """Batches of ``size`` episodes that are gathered at once."""
        # What is padded is cut for each batch to the longest of it; what differs in size or direction cannot
        # lie together.
        if "attention_mask" in self._inputs or not shape.one_size or self.catalogue.blocks is not None:
            return 1
        return max(1, _AHEAD // max(1, size * shape.most_examples * self._bytes))


def gathered(loader: Loader, sampler: AnySampler, start: int, stop: int, size: int) -> Iterator[Episodes]:
    """Episodes whose examples lie ready in a loader, batch by batch."""

    def gather(positions: np.ndarray) -> dict[str, Tensor]:
        inputs = loader.gather(positions)
        # Elsewhere than on a CPU the length would have to be waited for.
        return trimmed(inputs) if loader.device.type == "cpu" else inputs

    for drawn in sampler.drawn(start, stop, size):
        yield assemble(drawn, loader.catalogue, gather)
