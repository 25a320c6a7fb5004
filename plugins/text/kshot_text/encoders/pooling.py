"""From token vectors to one vector per text."""

from __future__ import annotations

import torch
from torch import Tensor


def weighted_mean(vectors: Tensor, weights: Tensor) -> Tensor:
    """(B, L, D) vectors, (B, L) weights >= 0 → (B, D); zero where all weights are."""
    total = weights.sum(dim=1, keepdim=True).clamp_min(1e-9)
    return torch.einsum("bl,bld->bd", weights / total, vectors)


def unit(vectors: Tensor) -> Tensor:
    """(…, D) → the same at length 1; zero stays zero, and is smooth there, unlike a norm."""
    return vectors * torch.rsqrt(vectors.square().sum(dim=-1, keepdim=True) + 1e-12)
