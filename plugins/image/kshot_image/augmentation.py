"""Augmentation of a batch of pictures on its own device, each picture by numbers of its own.

torchvision's v2 transforms draw one set of numbers for a whole batch, and from the global random
state; here every picture has its own, from the generator that training gives. The operations are
torchvision's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, final

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

Name = Literal["flip", "crop", "jitter"]

MARGIN = 0.125
"""Share of the side by which ``crop`` shifts a picture at most: 4 of 32 pixels, the field's habit."""
STRENGTH = 0.4
"""How far brightness, contrast and saturation go from 1, as in few-shot training since Chen et al. 2019."""
GREY = (0.2989, 0.587, 0.114)
"""Share of red, green and blue in luminance, as torchvision has them."""


@final
class Augmentation:
    """Some of ``flip``, ``crop`` and ``jitter``, in this order.

    ``flip`` mirrors left and right in half of the cases. ``crop`` pads by an eighth of the side and
    cuts the picture's size out anywhere, as CIFAR's training does since He et al. (CVPR 2016); the
    padding is the edge reflected, since black would be ink to some encoders and white a frame to
    others. ``jitter`` draws factors of brightness, contrast and saturation from 0.6 to 1.4, and
    applies them in this order.

    Args:
        names: what to do.
    """

    def __init__(self, names: Sequence[Name]) -> None:
        self._steps = [step for name, step in _STEPS.items() if name in names]

    def __bool__(self) -> bool:
        """True where there is something to do."""
        return bool(self._steps)

    def __call__(self, pixels: Tensor, generator: Generator) -> Tensor:
        """(B, C, H, W) bytes, or numbers between 0 (black) and 1 (white) → the same shape and type."""
        varied = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels
        for step in self._steps:
            varied = step(varied, generator)
        if pixels.dtype == torch.uint8:
            return (varied * 255).round().clamp(0, 255).to(torch.uint8)
        return varied.to(pixels.dtype)


def _draw(pixels: Tensor, generator: Generator, low: float, high: float) -> Tensor:
    """(B, 1, 1, 1) numbers, one a picture."""
    shape = (len(pixels), 1, 1, 1)
    return low + (high - low) * torch.rand(shape, generator=generator, device=pixels.device)


def _flip(pixels: Tensor, generator: Generator) -> Tensor:
    return torch.where(_draw(pixels, generator, 0, 1) < 0.5, pixels.flip(3), pixels)


def _crop(pixels: Tensor, generator: Generator) -> Tensor:
    _, _, height, width = pixels.shape
    margins = [max(1, round(MARGIN * side)) if side > 1 else 0 for side in (height, width)]
    padded = F.pad(pixels, (margins[1], margins[1], margins[0], margins[0]), mode="reflect")
    tops, lefts = (
        (_draw(pixels, generator, 0, 1) * (2 * margin + 1)).long().clamp_max(2 * margin).view(-1)
        for margin in margins
    )
    rows = tops[:, None] + torch.arange(height, device=pixels.device)
    columns = lefts[:, None] + torch.arange(width, device=pixels.device)
    pictures = torch.arange(len(pixels), device=pixels.device)
    return padded[pictures[:, None, None], :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _jitter(pixels: Tensor, generator: Generator) -> Tensor:
    factors = [_draw(pixels, generator, 1 - STRENGTH, 1 + STRENGTH) for _ in range(3)]
    return saturated(contrasted(brightened(pixels, factors[0]), factors[1]), factors[2])


def brightened(pixels: Tensor, factor: Tensor) -> Tensor:
    """(B, C, H, W) between 0 and 1, each times its factor (B, 1, 1, 1)."""
    return (pixels * factor).clamp(0, 1)


def contrasted(pixels: Tensor, factor: Tensor) -> Tensor:
    """(B, C, H, W) drawn to or from their mean luminance by a factor (B, 1, 1, 1)."""
    return _blended(pixels, _grey(pixels).mean((1, 2, 3), keepdim=True), factor)


def saturated(pixels: Tensor, factor: Tensor) -> Tensor:
    """(B, C, H, W) drawn to or from grey by a factor (B, 1, 1, 1); grey stays grey."""
    return _blended(pixels, _grey(pixels), factor) if pixels.shape[1] == 3 else pixels


def _blended(pixels: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    return (factor * pixels + (1 - factor) * other).clamp(0, 1)


def _grey(pixels: Tensor) -> Tensor:
    if pixels.shape[1] != 3:
        return pixels
    # Not by a tensor of the shares: a GPU would be waited for while it is sent there.
    return sum(share * band for share, band in zip(GREY, pixels.split(1, dim=1), strict=True))


_STEPS: Mapping[Name, Callable[[Tensor, Generator], Tensor]] = {
    "flip": _flip,
    "crop": _crop,
    "jitter": _jitter,
}
