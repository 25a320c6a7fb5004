"""Factories that fail, or bring what is hard to use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from kshot.episode import Inputs
from kshot.interfaces import Encoder, Presentation, Source, Split
from kshot.sampling import Catalogue
from kshot.testing import Toy
from torch import Tensor, nn


def encoder() -> object:
    """Never returns."""
    raise RuntimeError("out of ink")


class _Uneven(Source):
    """The toy, all but three examples of its first test class taken away."""

    modality = "toy"

    def __init__(self) -> None:
        self._whole = Toy()

    def catalogue(self, split: Split) -> Catalogue:
        whole = self._whole.catalogue(split)
        names = [whole.classes[number] for number in whole.labels]
        keep = [i for i, name in enumerate(names) if name != "test-024" or i % 24 < 3]
        keys = [f"{i:05d}" for i in keep]
        return Catalogue.build([names[i] for i in keep], keys, version="1", rows=whole.rows[keep])

    def fetch(self, row: int) -> object:
        return self._whole.fetch(row)

    def present(self, raw: object) -> Presentation:
        return Presentation("text/plain", b"a toy")


def uneven() -> Source:
    """A source with one small class."""
    return _Uneven()


def skipping() -> Source:
    """The toy, as if two of its examples had been skipped."""
    source = Toy()
    source.skipped = ("toy row 3: out of ink", "toy row 5: out of paper")
    return source


class _Noisy(Encoder):
    """A perceptron with dropout, (B, 16) → (B, 8)."""

    modality = "toy"
    dim = 8

    def __init__(self, vmap: bool) -> None:
        super().__init__()
        self.vmap = vmap
        self.layers = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.Dropout(0.3), nn.Linear(16, 8))

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        return {"values": torch.from_numpy(np.stack(list(raw)))}

    def forward(self, inputs: Inputs) -> Tensor:
        return self.layers(inputs["values"])


class _Hungry(_Noisy):
    """Takes four megabytes an example on its way."""

    def forward(self, inputs: Inputs) -> Tensor:
        taken = inputs["values"].new_empty(len(inputs["values"]), 2**20)
        return super().forward(inputs) + 0 * taken[:, :1].nan_to_num()


def hungry() -> Encoder:
    """An encoder that takes much memory."""
    return _Hungry(True)


def noisy(*, vmap: bool = True) -> Encoder:
    """An encoder that draws random numbers in training."""
    return _Noisy(vmap)
