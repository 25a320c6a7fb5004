"""The toy's encoder with dropout and augmentation, whose passes are events."""

import numpy as np
import torch
from kshot.interfaces import Encoder
from kshot_fixture_moments import forward
from torch import nn


class Watched(Encoder):
    """A perceptron, (B, 16) → (B, 16)."""

    def __init__(self, *, dropout: float = 0.0, noise: float = 0.0) -> None:
        super().__init__()
        self.modality = "toy"
        self.dim = 16
        self._noise = noise
        drop = nn.Dropout(dropout) if dropout else nn.Identity()
        self.first = nn.Sequential(nn.Linear(16, 32), nn.BatchNorm1d(32), nn.ReLU(), drop)
        self.last = nn.Linear(32, 16)

    def prepare(self, raw):
        return {"values": torch.from_numpy(np.stack(list(raw)))}

    def forward(self, inputs):
        forward(self.training)
        return self.last(self.first(inputs["values"]))

    @property
    def augments(self) -> bool:
        return self._noise > 0

    def augment(self, inputs, generator):
        if not self.augments:
            return inputs
        values = inputs["values"]
        return {"values": values + self._noise * torch.randn(values.shape, generator=generator)}

    def parameter_groups(self):
        names = [name for name, _ in self.named_parameters()]
        return {"last": [name for name in names if name.startswith("last.")], "all": names}
