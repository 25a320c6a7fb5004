"""Self-attention that can be mapped, and that adapters can be put into."""

from __future__ import annotations

from typing import final

import torch.nn.functional as F
from torch import Tensor, nn


@final
class SelfAttention(nn.Module):
    """What ``nn.MultiheadAttention`` computes of one sequence, in layers.

    torch's own takes a fused way in evaluation that ``torch.func.vmap`` has no rule for, and
    reads its weights without calling a layer, so that an adapter would go unheard.

    Args:
        own: the layer whose parameters this one takes over.
    """

    def __init__(self, own: nn.MultiheadAttention) -> None:
        super().__init__()
        self.heads = own.num_heads
        self.qkv = _linear(own.in_proj_weight, own.in_proj_bias)
        self.out = _linear(own.out_proj.weight, own.out_proj.bias)

    def forward(
        self, states: Tensor, key: Tensor, value: Tensor, need_weights: bool = False
    ) -> tuple[Tensor, None]:
        """(B, L, D) states, which are keys and values too → (B, L, D), and no weights."""
        del key, value, need_weights
        parts = self.qkv(states).unflatten(-1, (3, self.heads, -1))
        mixed = F.scaled_dot_product_attention(*parts.permute(2, 0, 3, 1, 4))
        return self.out(mixed.transpose(1, 2).flatten(2)), None


def with_own_attention(network: nn.Module) -> nn.Module:
    """The network itself, its self-attention (batch first) replaced."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.MultiheadAttention):
                setattr(module, name, SelfAttention(child))
    return network


def _linear(weight: nn.Parameter, bias: nn.Parameter) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], device="meta")  # nothing is drawn
    layer.weight, layer.bias = weight, bias
    return layer
