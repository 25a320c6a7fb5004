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
from kshot.loading.prepare import TRUNCATED, trimmed
from kshot.sampling import AnySampler, Catalogue


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
        self.truncated = int(inputs[TRUNCATED].sum()) if TRUNCATED in inputs else 0
        self._inputs = {name: leaf.to(device) for name, leaf in inputs.items()}

    def gather(self, positions: np.ndarray) -> dict[str, Tensor]:
        """(…,) positions → leaves (…, features)."""
        index = sent(positions, self.device)
        flat = index.reshape(-1)
        # Embeddings are gathered on all cores: on these nothing else of weight is computed.
        with nullcontext() if EMBEDDING in self._inputs else alone():
            rows = {name: leaf.index_select(0, flat) for name, leaf in self._inputs.items()}
        return {name: leaf.unflatten(0, index.shape) for name, leaf in rows.items()}

    def episodes(self, sampler: AnySampler, start: int, stop: int, size: int) -> Iterator[Episodes]:
        """Draw and gather, batch by batch."""
        yield from gathered(self, sampler, start, stop, size)


def gathered(loader: Loader, sampler: AnySampler, start: int, stop: int, size: int) -> Iterator[Episodes]:
    """Episodes whose examples lie ready in a loader, batch by batch."""

    def gather(positions: np.ndarray) -> dict[str, Tensor]:
        inputs = loader.gather(positions)
        # Elsewhere than on a CPU the length would have to be waited for.
        return trimmed(inputs) if loader.device.type == "cpu" else inputs

    for drawn in sampler.drawn(start, stop, size):
        yield assemble(drawn, loader.catalogue, gather)
