"""Pixels as pretrained networks expect them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn


@final
class Standardise(nn.Module):
    """uint8 pixels → numbers with the training data's mean 0 and deviation 1, channel by channel.

    Pixels stay bytes until they are looked at: a split in memory then takes a quarter of the room.

    Args:
        mean: of each channel, of pixels between 0 and 1.
        std: likewise.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("scale", 1 / (255 * torch.tensor(std).view(-1, 1, 1)), persistent=False)
        self.register_buffer("shift", torch.tensor(mean).view(-1, 1, 1) * 255, persistent=False)

    scale: Tensor
    shift: Tensor

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) → the same shape, floating point."""
        return (pixels.to(self.scale.dtype) - self.shift) * self.scale


@final
class Brightness:
    """The way from standardised pixels to numbers between 0 and 1, and back.

    Args:
        mean: of each channel, of pixels between 0 and 1; one number stands for all channels.
        std: likewise.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self._mean = torch.tensor(mean).view(-1, 1, 1)
        self._std = torch.tensor(std).view(-1, 1, 1)

    def of(self, standardised: Tensor) -> Tensor:
        """(B, C, H, W) → the same shape, between 0 and 1."""
        return (standardised * self._std.to(standardised) + self._mean.to(standardised)).clamp(0, 1)

    def standardised(self, pixels: Tensor) -> Tensor:
        """(B, C, H, W) between 0 and 1 → the same shape, standardised."""
        return (pixels - self._mean.to(pixels)) / self._std.to(pixels)
