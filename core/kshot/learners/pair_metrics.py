"""The distances that siamese networks learn, each with its loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PairMetric(nn.Module, ABC):
    """A distance of two embeddings, and the loss that trains it."""

    @abstractmethod
    def of_pairs(self, first: Tensor, second: Tensor) -> Tensor:
        """(T, P, dim) and (T, P, dim) → (T, P) distance of each to its counterpart."""

    @abstractmethod
    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """(T, n, dim) and (T, m, dim) → (T, n, m) distance of each to all, in memory for these alone."""

    @abstractmethod
    def losses(self, distances: Tensor, same: Tensor) -> Tensor:
        """(T, P) distances, (T, P) whether of one class → (T, P)."""


@final
class WeightedL1(PairMetric):
    """Koch's distance, the negative of the logit w · |a - b| + b₀, and binary cross-entropy.

    At the start w = -8/dim and b₀ = 4, whatever the width: the more alike score higher from the
    first step, and a mean difference of one half, as between embeddings that end in a batch
    norm, is the toss-up. A flatter start (-1/dim) is sooner met by the encoder's own growth, and
    ends less well.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((dim,), -8.0 / dim))
        self.bias = nn.Parameter(torch.tensor(4.0))

    def of_pairs(self, first: Tensor, second: Tensor) -> Tensor:
        """Written out."""
        return -(self.weight * (first - second).abs()).sum(-1) - self.bias

    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """Two L1 distances of scaled embeddings: dimensions of negative weight less the others."""
        negative, positive = F.relu(-self.weight), F.relu(self.weight)
        apart = torch.cdist(first * negative, second * negative, p=1.0)
        return apart - torch.cdist(first * positive, second * positive, p=1.0) - self.bias

    def losses(self, distances: Tensor, same: Tensor) -> Tensor:
        """-log σ of the logit of the right answer."""
        return F.softplus(torch.where(same, distances, -distances))


@final
class Euclidean(PairMetric):
    """Hadsell's distance and contrastive loss; both sides of its kink at zero have a finite gradient."""

    def __init__(self, margin: float, exponent: int) -> None:
        super().__init__()
        self.margin = margin
        self.exponent = exponent

    def of_pairs(self, first: Tensor, second: Tensor) -> Tensor:
        """torch's norm, whose gradient at zero is zero."""
        return torch.linalg.vector_norm(first - second, dim=-1)

    def between(self, first: Tensor, second: Tensor) -> Tensor:
        """From differences: from products it would lose its digits near zero."""
        return torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist")

    def losses(self, distances: Tensor, same: Tensor) -> Tensor:
        """Distance, or what the margin leaves of it, to the power of the exponent."""
        return torch.where(same, distances, F.relu(self.margin - distances)).pow(self.exponent)
