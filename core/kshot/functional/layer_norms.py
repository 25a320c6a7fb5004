"""Layer norm whose second derivatives are right under ``torch.func.vmap``."""

from __future__ import annotations

from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@final
class LayerNorm(nn.Module):
    """Ba et al., "Layer normalization" (2016), of elementary operations where gradients are wanted.

    torch's own takes mean and deviation for constants when its gradient is differentiated under
    vmap (pytorch/functorch issue 534; still so in 2.14): the loss is right, second-order
    MAML's meta-gradient is not, and nothing says so.

    Args:
        norm: the layer whose parameters this one takes over, under the same names.
    """

    def __init__(self, norm: nn.LayerNorm) -> None:
        super().__init__()
        self.shape, self.eps = norm.normalized_shape, norm.eps
        self.weight: nn.Parameter | None = norm.weight
        self.bias: nn.Parameter | None = norm.bias

    def forward(self, states: Tensor) -> Tensor:
        """(…, D) → (…, D)."""
        if not torch.is_grad_enabled():
            return F.layer_norm(states, self.shape, self.weight, self.bias, self.eps)
        centred = states - states.mean(dim=-1, keepdim=True)
        variance = centred.square().mean(dim=-1, keepdim=True)
        scaled = centred * torch.rsqrt(variance + self.eps)
        if self.weight is not None:
            scaled = scaled * self.weight
        return scaled if self.bias is None else scaled + self.bias


def with_own_norms(model: nn.Module) -> nn.Module:
    """The model itself, each ``nn.LayerNorm`` in it (over one dimension) replaced; a class derived from
    it, which may norm over another dimension than the last, stays."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.LayerNorm:
                setattr(module, name, LayerNorm(child))
    return model
