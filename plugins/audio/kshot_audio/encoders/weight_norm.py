"""Weight normalisation whose second derivatives are right."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn
from torch.nn.utils.parametrizations import _WeightNorm as TorchWeightNorm
from torch.nn.utils.parametrize import is_parametrized


@final
class WeightNorm(nn.Module):
    """Salimans and Kingma, "Weight normalization" (NeurIPS 2016), of elementary operations.

    torch's own kernel takes the norms for constants when its gradient is differentiated (still so
    in 2.14), so a meta-gradient through it is wrong, and nothing says so.

    Args:
        kept: the dimension over which the norms are not taken.
    """

    def __init__(self, kept: int) -> None:
        super().__init__()
        self._kept = kept

    def forward(self, lengths: Tensor, directions: Tensor) -> Tensor:
        """Lengths (1, …, K, …, 1) and directions (…, K, …) → the weight (…, K, …)."""
        others = [dim for dim in range(directions.ndim) if dim != self._kept]
        return directions * (lengths / directions.norm(dim=others, keepdim=True))


def with_own_weight_norms(model: nn.Module) -> nn.Module:
    """The model itself, each weight norm in it replaced; parameters keep their names."""
    for module in model.modules():
        if is_parametrized(module):
            for chain in module.parametrizations.values():
                for place, one in enumerate(chain):
                    if isinstance(one, TorchWeightNorm):
                        chain[place] = WeightNorm(one.dim % chain.original1.ndim)
    return model
