"""DropBlock whose randomness comes with the examples, so that a network stays a pure function."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_MULTIPLIER = 0x45D9F3B
"""An odd number that mixes well twice over, and so small that products stay within int64."""
_ROUNDS = 2
_MASK = 0xFFFFFFFF


def drop_blocks(maps: Tensor, seeds: Tensor, layer: int, rate: float, size: int) -> Tensor:
    """Wipe squares out of feature maps, and scale what stays.

    Ghiasi, Lin, Le, "DropBlock: a regularization method for convolutional networks", NeurIPS 2018.
    Where a square begins is a hash of the example's seed, the layer, the channel and the place: the
    same on every device and under vmap, and nothing is drawn from a global random state. Deviation:
    what stays is scaled example by example, not over the batch, since examples must not see each other.

    Args:
        maps: (B, C, H, W).
        seeds: (B,) integers; 0 leaves an example as it is.
        layer: number of the layer, so that layers drop differently.
        rate: share of a map that is wiped out, about.
        size: side of a square, no more than the map's.
    """
    _, channels, height, width = maps.shape
    size = min(size, height, width)
    starts = (height - size + 1) * (width - size + 1)
    chance = min(1.0, rate * height * width / (size**2 * starts))
    places = torch.arange(channels * height * width, device=maps.device).view(1, channels, height, width)
    mixed = _hashed(_hashed(seeds.view(-1, 1, 1, 1) + 0x9E3779B9 * (layer + 1)) + places)
    inside = (torch.arange(height, device=maps.device) <= height - size)[:, None] & (
        torch.arange(width, device=maps.device) <= width - size
    )
    begins = ((mixed < round(chance * 2**32)) & inside).to(maps.dtype)
    dropped = F.max_pool2d(F.pad(begins, (size - 1, 0, size - 1, 0)), size, stride=1)
    kept = 1 - dropped
    # A mean, since half precision cannot hold the sum.
    share = kept.mean((1, 2, 3), keepdim=True).clamp_min(1 / kept[0].numel())
    return torch.where((seeds == 0).view(-1, 1, 1, 1), maps, maps * kept / share)


def _hashed(numbers: Tensor) -> Tensor:
    """int64 tensor → well mixed numbers below 2**32."""
    mixed = numbers & _MASK
    for _ in range(_ROUNDS):
        mixed = (((mixed >> 16) ^ mixed) * _MULTIPLIER) & _MASK
    return (mixed >> 16) ^ mixed
