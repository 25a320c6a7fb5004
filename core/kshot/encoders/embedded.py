"""The encoder for examples that are embedded already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from kshot.episode import Inputs
from kshot.interfaces import Encoder

EMBEDDING = "embedding"
"""Name of the input that holds an embedding computed beforehand."""


@final
class Embedded(Encoder):
    """Passes embeddings through: learners on the cached road are built around it.

    Args:
        modality: modality of the examples that were embedded.
        dim: width of the embeddings.
    """

    def __init__(self, modality: str, dim: int) -> None:
        super().__init__()
        self.modality = modality
        self.dim = dim

    def prepare(self, raw: Sequence[Tensor]) -> Inputs:
        """B vectors (dim,) → (B, dim)."""
        return {EMBEDDING: torch.stack(list(raw))}

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, dim) → (B, dim)."""
        return inputs[EMBEDDING]
