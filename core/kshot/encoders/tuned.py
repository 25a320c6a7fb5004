"""An encoder as an outer loop trains it: adapted, and told which of its parameters move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from kshot.config import Subset, Tuning
from kshot.encoders.projected import Projected
from kshot.functional import (
    add_lora,
    checkpoint_activations,
    fix_untrained_norms,
    layerwise_rates,
    parameter_subset,
)
from kshot.interfaces import Encoder


@dataclass(frozen=True, eq=False)
class Tuned:
    """An encoder and how it is trained.

    Attributes:
        encoder: with its adapters, or the linear map on top.
        subset: what trains in it.
        rates: factor of the learning rate of each parameter; none: 1 for all.
    """

    encoder: Encoder
    subset: Subset
    rates: Mapping[nn.Parameter, float] | None

    @property
    def fixed(self) -> Encoder | None:
        """The part whose embeddings training does not change; none where it changes them all."""
        inner = self.encoder.encoder if isinstance(self.encoder, Projected) else self.encoder
        moves = any(parameter.requires_grad for parameter in inner.parameters())
        return None if moves or inner.augments else inner

    def over(self, embedded: Encoder) -> Encoder:
        """What is left to compute where ``embedded`` takes the place of the fixed part."""
        return self.encoder.over(embedded) if isinstance(self.encoder, Projected) else embedded


def tune(encoder: Encoder, tuning: Tuning) -> Tuned:
    """Put into an encoder what is to train in it, and let nothing else train.

    Args:
        encoder: as its factory made it; changed in place.
        tuning: what trains; where it does not say, all, or of a pretrained encoder nothing.

    Raises:
        ValueError: the encoder has no such parameters.
    """
    subset: Subset = tuning.train or ("none" if encoder.pretrained else "all")
    if tuning.lora:
        add_lora(encoder, tuning.lora.rank, alpha=tuning.lora.alpha, targets=tuning.lora.targets)
    if tuning.gradient_checkpointing:
        checkpoint_activations(encoder)
    if subset == "head":
        encoder = Projected(encoder)
    select_trainable(encoder, subset)
    if subset in ("head", "last", "lora"):
        fix_untrained_norms(encoder)
    if tuning.layer_decay is None:
        return Tuned(encoder, subset, None)
    factors = layerwise_rates(encoder, tuning.layer_decay)
    rates = {parameter: factors[name] for name, parameter in encoder.named_parameters()}
    return Tuned(encoder, subset, rates)


def select_trainable(encoder: Encoder, subset: Subset) -> None:
    """Let only one of the encoder's parameter groups train.

    Raises:
        ValueError: the encoder has no such group.
    """
    try:
        chosen = set[str]() if subset == "none" else set(parameter_subset(encoder, subset, ["none", "head"]))
    except ValueError as error:
        raise ValueError(f"train: {error}") from error
    for name, parameter in encoder.named_parameters():
        if parameter.is_floating_point() or parameter.is_complex():  # nothing else can have a gradient
            parameter.requires_grad_(name in chosen)
