"""The interface of all loaders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from operator import itemgetter

import numpy as np
import torch
from torch import Tensor

from kshot.devices import sent
from kshot.episode import Episodes, Examples
from kshot.sampling import AnySampler, Catalogue, Drawn

Gather = Callable[[np.ndarray], dict[str, Tensor]]
"""(…,) positions → inputs with leaves (…, features)."""


class Loader(ABC):
    """Turns positions of one split into tensors on one device.

    Attributes:
        catalogue: the split's classes and examples.
        device: where the tensors arrive.
        truncated: examples of the split that the encoder cut at its maximum length; none: not
            known, since examples are prepared as they are asked for.
    """

    catalogue: Catalogue
    device: torch.device
    truncated: int | None = None

    @abstractmethod
    def gather(self, positions: np.ndarray) -> dict[str, Tensor]:
        """(B,) positions → inputs with leaves (B, …) on the device.

        Where the catalogue's examples come from several parts, all positions must be of one.
        """

    @abstractmethod
    def episodes(self, sampler: AnySampler, start: int, stop: int, size: int) -> Iterator[Episodes]:
        """Episodes ``start`` … ``stop`` - 1, batched as ``sampler.batches`` says; up to ``size`` each."""


def assemble(drawn: Drawn, catalogue: Catalogue, gather: Gather) -> Episodes:
    """What was drawn, and the inputs of its examples → episodes, one block for each part of the catalogue.

    Args:
        drawn: T episodes.
        catalogue: whose positions they are.
        gather: (T, n) positions, all of one part → leaves (T, n, …).
    """
    way, names = drawn.classes.shape[1], catalogue.classes
    if catalogue.blocks is None:
        # One call, so that support and query are padded alike; each then lies by itself in memory.
        sides = ((drawn.support, drawn.support_labels), (drawn.query, drawn.query_labels))
        both, count = gather(np.concatenate([at.reshape(-1) for at, _ in sides])), drawn.support.size
        halves = ({n: x[:count] for n, x in both.items()}, {n: x[count:] for n, x in both.items()})
        first, second = (
            [({n: leaf.unflatten(0, at.shape) for n, leaf in half.items()}, labels)]
            for half, (at, labels) in zip(halves, sides, strict=True)
        )
    else:
        first, second = (
            [(gather(at[:, run]), labels[:, run]) for _, run in catalogue.blocks.runs(at)]
            for at, labels in ((drawn.support, drawn.support_labels), (drawn.query, drawn.query_labels))
        )
    return Episodes(
        support=tuple(_examples(*one, way) for one in first),
        query=tuple(_examples(*one, way) for one in second),
        classes=tuple(itemgetter(*row)(names) for row in drawn.classes.tolist()),
    )


def _examples(inputs: dict[str, Tensor], labels: np.ndarray, way: int) -> Examples:
    device = next(iter(inputs.values())).device
    return Examples(inputs, sent(labels, device), way)
