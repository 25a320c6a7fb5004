"""How alike two sets of embeddings are."""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Distance = Literal["squared_euclidean", "cosine"]


def likeness(distance: Distance, query: Tensor, others: Tensor) -> Tensor:
    """(T, Q, dim) and (T, n, dim) → (T, Q, n): cosines, or squared distances with a minus."""
    if distance == "cosine":
        return F.normalize(query, dim=-1) @ F.normalize(others, dim=-1).mT
    squares = _squared_length(query).unsqueeze(2) + _squared_length(others).unsqueeze(1)
    return torch.baddbmm(squares, query, others.mT, beta=-1, alpha=2)


def _squared_length(embedded: Tensor) -> Tensor:
    """(…, dim) → (…), without the squares of all numbers in memory."""
    return torch.linalg.vector_norm(embedded, dim=-1).square()


def log_scale(distance: Distance, scale: float | None) -> float:
    """Logarithm of the factor that a likeness starts with: 10 for cosine, else 1, unless given.

    Raises:
        ValueError: the scale is not positive.
    """
    start = scale if scale is not None else 10.0 if distance == "cosine" else 1.0
    if not (start > 0 and math.isfinite(start)):
        raise ValueError(f"scale must be positive, got {start}")
    return math.log(start)
