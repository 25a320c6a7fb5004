"""The relation module g: a class and a query, side by side, to one number."""

from __future__ import annotations

import math
from typing import final

from torch import Tensor, nn

POOLED_FROM = 2
"""Maps of this many pixels on a side, or more, are pooled."""


@final
class OfVectors(nn.Module):
    """Two fully connected layers, as the paper compares vectors.

    Args:
        width: of one embedding.
        hidden: units of the layer between.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2 * width, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, pairs: Tensor) -> Tensor:
        """(B, 2, width) → (B, 1) log-odds."""
        return self.layers(pairs.flatten(1))


@final
class OfMaps(nn.Module):
    """Two blocks of convolution, batch norm, ReLU and pooling, then two fully connected layers.

    Args:
        width: of one embedding, which holds the maps one after the other.
        channels: of the maps.
        hidden: units of the first fully connected layer.

    Raises:
        ValueError: the width is not that of square maps.
    """

    def __init__(self, width: int, channels: int, hidden: int) -> None:
        super().__init__()
        self.channels, self.side = channels, math.isqrt(width // channels)
        if channels * self.side**2 != width:
            raise ValueError(
                f"an embedding of {width} numbers is not {channels} square maps; give the encoder's own "
                "number of channels, or leave channels out"
            )
        first, side = _block(2 * channels, channels, self.side)
        second, side = _block(channels, channels, side)
        self.blocks = nn.Sequential(first, second)
        self.layers = nn.Sequential(nn.Linear(channels * side**2, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, pairs: Tensor) -> Tensor:
        """(B, 2, width) → (B, 1) log-odds."""
        maps = pairs.reshape(-1, 2 * self.channels, self.side, self.side)
        return self.layers(self.blocks(maps).flatten(1))


def _block(old: int, new: int, side: int) -> tuple[nn.Module, int]:
    layers: list[nn.Module] = [nn.Conv2d(old, new, 3, padding=1), nn.BatchNorm2d(new), nn.ReLU()]
    if side < POOLED_FROM:
        return nn.Sequential(*layers), side
    return nn.Sequential(*layers, nn.MaxPool2d(2)), side // 2
