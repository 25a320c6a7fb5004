"""The streaming road: examples are decoded on the fly, by worker processes if asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast, final

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from kshot.episode import Episodes
from kshot.interfaces import Encoder, Source
from kshot.loading.loader import Loader, assemble
from kshot.loading.prepare import prepare
from kshot.sampling import AnySampler, Catalogue


@final
class StreamingLoader(Loader):
    """For splits that do not fit in memory. Episode i does not depend on the workers' number.

    Args:
        source: fetches raw examples.
        catalogue: the split's classes and examples.
        encoder: prepares them.
        device: where the tensors arrive.
        workers: processes that fetch and prepare; 0 does it in this process.
    """

    def __init__(
        self, source: Source, catalogue: Catalogue, encoder: Encoder, device: torch.device, workers: int
    ) -> None:
        self.catalogue = catalogue
        self.device = device
        self._source = source
        self._encoder = encoder
        self._workers = workers

    def gather(self, positions: np.ndarray) -> dict[str, Tensor]:
        """(…,) positions → leaves (…, features)."""
        return {name: leaf.to(self.device) for name, leaf in self._prepare(positions).items()}

    def episodes(self, sampler: AnySampler, start: int, stop: int, size: int) -> Iterator[Episodes]:
        """Fetch, prepare and move, batch by batch, ahead of the consumer where there are workers."""
        dataset = _Batches(self, sampler, list(sampler.batches(start, stop, size)))
        loader = DataLoader(
            dataset,
            batch_size=None,
            num_workers=self._workers,
            pin_memory=self.device.type == "cuda",
            # Fork would copy locks that other threads hold.
            multiprocessing_context="spawn" if self._workers else None,
        )
        for episodes in loader:
            yield cast(Episodes, episodes).to(self.device)

    def batch(self, sampler: AnySampler, numbers: np.ndarray) -> Episodes:
        """The episodes of (T,) numbers, of one size, on the CPU."""
        return assemble(sampler.take(numbers), self.catalogue, self._prepare)

    def _prepare(self, positions: np.ndarray) -> dict[str, Tensor]:
        unique, inverse = np.unique(positions.reshape(-1), return_inverse=True)
        inputs = prepare(self._encoder, self._source, self.catalogue.rows[unique])
        index = torch.from_numpy(inverse.reshape(positions.shape))
        return {name: leaf[index] for name, leaf in inputs.items()}


class _Batches(Dataset[Episodes]):
    def __init__(self, loader: StreamingLoader, sampler: AnySampler, batches: list[np.ndarray]) -> None:
        self._loader = loader
        self._sampler = sampler
        self._batches = batches

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> Episodes:
        if index >= len(self._batches):
            raise IndexError(index)
        return self._loader.batch(self._sampler, self._batches[index])
