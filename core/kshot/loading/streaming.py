"""The streaming road: examples are decoded on the fly, by worker processes if asked for."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from functools import cache
from multiprocessing import get_context
from typing import cast, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from kshot.episode import Episodes
from kshot.errors import KshotError
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
        """Fetch, prepare and move, batch by batch, ahead of the consumer where there are workers.

        Raises:
            KshotError: workers could not be started.
        """
        if self._workers:
            _check_program()
        numbers = list(sampler.batches(start, stop, size))
        dataset = _Batches(self._as_workers_need_it() if self._workers else self, sampler, numbers)
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

    def _as_workers_need_it(self) -> StreamingLoader:
        """For processes that prepare only: without weights, which would be sent to each, and from a GPU
        make each hold a part of it."""
        encoder = self._encoder
        instead: dict[int, Tensor] = {
            id(one): nn.Parameter(one.detach().to("meta"), requires_grad=False)
            for one in encoder.parameters()
        }
        instead |= {id(one): one.cpu() for one in encoder.buffers()}
        return StreamingLoader(
            self._source, self.catalogue, copy.deepcopy(encoder, instead), torch.device("cpu"), 0
        )

    def _prepare(self, positions: np.ndarray) -> dict[str, Tensor]:
        unique, inverse = np.unique(positions.reshape(-1), return_inverse=True)
        inputs = prepare(self._encoder, self._source, self.catalogue.rows[unique])
        index = torch.from_numpy(inverse.reshape(positions.shape))
        return {name: leaf[index] for name, leaf in inputs.items()}


@cache
def _check_program() -> None:
    """Start a process that does nothing, once, before those that are sent much.

    It begins by running the program's file, as they do. Where it dies of that, what is sent to it is never
    read, and whoever sends more than a pipe holds waits for ever.

    Raises:
        KshotError: it died.
    """
    first = get_context("spawn").Process(target=os.getpid)
    first.start()
    first.join()
    if first.exitcode:
        raise KshotError(
            "loading.workers: each worker begins by running the program's file, and the first one died of it (its own "
            'words stand above); put what the program does below `if __name__ == "__main__":`, write it to a file if '
            "it came from the standard input, or leave workers at 0"
        )


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
