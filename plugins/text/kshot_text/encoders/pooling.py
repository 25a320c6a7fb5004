"""From token vectors to one vector per text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor


def weighted_mean(vectors: Tensor, weights: Tensor) -> Tensor:
    """(B, L, D) vectors, (B, L) weights >= 0 → (B, D); zero where all weights are."""
    total = weights.sum(dim=1, keepdim=True).clamp_min(1e-9)
    return torch.einsum("bl,bld->bd", weights / total, vectors)


def unit(vectors: Tensor) -> Tensor:
    """(…, D) → the same at length 1; zero stays zero, and is smooth there, unlike a norm."""
    return vectors * torch.rsqrt(vectors.square().sum(dim=-1, keepdim=True) + 1e-12)


def _first(vectors: Tensor, mask: Tensor) -> Tensor:
    return weighted_mean(vectors, mask * (mask.cumsum(1) == 1))


def _last(vectors: Tensor, mask: Tensor) -> Tensor:
    return weighted_mean(vectors, mask * (mask.cumsum(1) == mask.sum(1, keepdim=True)))


def _largest(vectors: Tensor, mask: Tensor) -> Tensor:
    return vectors.masked_fill(mask[:, :, None] == 0, -torch.inf).amax(1)


def _mean_by_root(vectors: Tensor, mask: Tensor) -> Tensor:
    return weighted_mean(vectors, mask) * mask.sum(1, keepdim=True).sqrt()


def _mean_by_place(vectors: Tensor, mask: Tensor) -> Tensor:
    return weighted_mean(vectors, mask * torch.arange(1, mask.shape[1] + 1, device=mask.device))


POOLINGS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = MappingProxyType(
    {
        "cls": _first,
        "max": _largest,
        "mean": weighted_mean,
        "mean_sqrt_len_tokens": _mean_by_root,
        "weightedmean": _mean_by_place,
        "lasttoken": _last,
    }
)
"""Name in sentence-transformers → (B, L, D) token vectors, (B, L) 1 or 0 → (B, D).

The order is that in which a folder that asks for several has them side by side.
"""
