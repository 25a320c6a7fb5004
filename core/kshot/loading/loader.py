"""The interface of all loaders."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from kshot.episode import Episodes, Examples
from kshot.sampling import AnySampler, Catalogue, Drawn


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
        """(B,) positions → inputs with leaves (B, …) on the device."""

    @abstractmethod
    def episodes(self, sampler: AnySampler, start: int, stop: int, size: int) -> Iterator[Episodes]:
        """Episodes ``start`` … ``stop`` - 1, batched as ``sampler.batches`` says; up to ``size`` each."""


def assemble(drawn: Drawn, inputs: dict[str, Tensor], catalogue: Catalogue) -> Episodes:
    """Inputs of support and query together, leaves (T, S + Q, …), and what was drawn → episodes."""
    count = drawn.support.shape[1]
    support = {name: leaf[:, :count] for name, leaf in inputs.items()}
    query = {name: leaf[:, count:] for name, leaf in inputs.items()}
    device = next(iter(inputs.values())).device
    names = catalogue.classes
    way = drawn.classes.shape[1]
    return Episodes(
        support=(Examples(support, torch.from_numpy(drawn.support_labels).to(device), way),),
        query=(Examples(query, torch.from_numpy(drawn.query_labels).to(device), way),),
        classes=tuple(tuple(names[c] for c in row) for row in drawn.classes.tolist()),
    )
