"""A linear map on top of an encoder that stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Self, final

import torch
from torch import Tensor, nn

from kshot.episode import Inputs
from kshot.interfaces import Encoder

HEAD = "project."


@final
class Projected(Encoder):
    """An encoder's embeddings through a square linear map, which starts as the identity.

    The cheapest way to fit a pretrained encoder to a task (``train: head``): all that trains is the
    metric between embeddings, so each example is embedded once and an episode costs tensor
    arithmetic only. Before training nothing has changed.

    Args:
        encoder: gives the embeddings.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.modality, self.dim = encoder.modality, encoder.dim
        self.pretrained, self.weights_licence = encoder.pretrained, encoder.weights_licence
        self.vmap = encoder.vmap
        self.project = nn.Linear(encoder.dim, encoder.dim)
        with torch.no_grad():
            nn.init.eye_(self.project.weight)
            nn.init.zeros_(self.project.bias)

    def prepare(self, raw: Sequence[Any]) -> Inputs:
        """As the encoder does."""
        return self.encoder.prepare(raw)

    def forward(self, inputs: Inputs) -> Tensor:
        """(B, …) inputs → (B, dim)."""
        return self.project(self.encoder(inputs))

    def fit(self, raw: Sequence[Any]) -> None:
        """As the encoder does."""
        self.encoder.fit(raw)

    def augment(self, inputs: Inputs, generator: torch.Generator) -> Inputs:
        """As the encoder does."""
        return self.encoder.augment(inputs, generator)

    @property
    def augments(self) -> bool:
        """As the encoder says."""
        return self.encoder.augments

    def ordered_blocks(self) -> Sequence[nn.Module]:
        """The encoder's; the map comes after the last."""
        return self.encoder.ordered_blocks()

    def parameter_groups(self) -> Mapping[str, Sequence[str]]:
        """``head``: the map; the encoder's own groups, each with the map."""
        head = [name for name, _ in self.named_parameters() if name.startswith(HEAD)]
        inner = {
            group: [*(f"encoder.{name}" for name in names), *head]
            for group, names in self.encoder.parameter_groups().items()
        }
        return {"head": head, **inner}

    def over(self, encoder: Encoder) -> Self:
        """The same map, shared, on top of another encoder of the same width."""
        other = copy.copy(self)
        other._modules = {**self._modules, "encoder": encoder}
        return other
