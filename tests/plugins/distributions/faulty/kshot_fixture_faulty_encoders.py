"""The toy's encoder, and what goes wrong in it."""

import os
import signal
from pathlib import Path

import numpy as np
import torch
from kshot.interfaces import Encoder
from torch import nn


class Plain(Encoder):
    """A perceptron with a batch norm, (B, 16) → (B, 16)."""

    modality, dim = "toy", 16

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU())
        self.last = nn.Linear(32, 16)
        self._passes = 0

    def prepare(self, raw):
        return {"values": torch.from_numpy(np.stack(list(raw)))}

    def forward(self, inputs):
        values = self.first(inputs["values"])
        if self.training:
            self._passes += 1
        return self.last(self.spoilt(values))

    def spoilt(self, values):
        """What goes wrong between the layers, (B, 32) → (B, 32)."""
        return values


class Hungry(Plain):
    """Has memory for ``most`` examples."""

    def __init__(self, *, most: int = 1000) -> None:
        super().__init__()
        self._most = most

    def spoilt(self, values):
        if len(values) > self._most:
            raise torch.OutOfMemoryError(
                "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB of which "
                "1.12 GiB is free."
            )
        return values


class Raising(Plain):
    """Raises in its fifth pass in training."""

    def spoilt(self, values):
        if self._passes == 5:
            raise RuntimeError("the ink ran dry")
        return values


class Diverging(Plain):
    """From its fifth pass in training on gives NaN."""

    def spoilt(self, values):
        return values * torch.nan if self._passes >= 5 else values


class Deadly(Plain):
    """Is killed in its fifth pass in training, in the process that RANK names, until ``marker`` is there."""

    def __init__(self, *, marker: str) -> None:
        super().__init__()
        self._marker = Path(marker)

    def spoilt(self, values):
        if self._passes == 5 and os.environ.get("RANK") == "1" and not self._marker.exists():
            self._marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return values
