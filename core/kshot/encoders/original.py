"""An encoder that trains, and beside its embeddings those that it gave before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Self, final

import torch
from torch import Tensor, nn

from kshot.episode import Inputs
from kshot.functional import fix_untrained_norms
from kshot.functional.embedding import widened
from kshot.interfaces import Encoder

TRAINED = "encoder."


@final
class WithOriginal(Encoder):
    """The embeddings of an encoder that trains beside those of the encoder as it was.

    What tells new classes apart and is of no use on the training classes is lost in training. Here it is
    kept: an embedding of x is::

        (f(x), g(x)) / √2        f as it trains, g as it was

    so that squared distances and dot products are the means of both, and embeddings of length 1 stay so.
    Zhang and Bottou, "Learning useful representations for shifting tasks and distributions", ICML 2023,
    put embeddings of independent trainings side by side in the same manner.

    Args:
        encoder: f.
        original: g, a copy of f from before anything was put into it; never trains, and its batch norms keep
            to their running statistics.
    """

    def __init__(self, encoder: Encoder, original: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.original = original.requires_grad_(False)
        fix_untrained_norms(self.original)
        self.modality, self.dim = encoder.modality, encoder.dim + original.dim
        self.pretrained, self.weights_licence = encoder.pretrained, encoder.weights_licence
        self.vmap = encoder.vmap
        self.train(encoder.training)

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """As the encoder does."""
        return self.encoder.prepare(raw)

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, …) inputs → (B, dim)."""
        both = [widened(self.encoder(inputs)), widened(self.original(inputs))]
        return torch.cat(both, dim=-1) / math.sqrt(2)

    def fit(self, raw: Sequence[Any]) -> None:
        """Both of them."""
        self.encoder.fit(raw)
        self.original.fit(raw)

    def augment(self, inputs: Inputs, generator: torch.Generator) -> Inputs:
        """As the encoder does."""
        return self.encoder.augment(inputs, generator)

    @property
    def augments(self) -> bool:
        """As the encoder says."""
        return self.encoder.augments

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """Those of the encoder that trains."""
        return self.encoder.ordered_blocks()

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """Those of the encoder that trains."""
        groups = self.encoder.parameter_groups()
        return {group: [TRAINED + name for name in names] for group, names in groups.items()}

    def train(self, mode: bool = True) -> Self:
        """The original is always in evaluation mode."""
        super().train(mode)
        self.original.eval()
        return self
