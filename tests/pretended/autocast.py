"""The device's rules of autocast, which are CUDA's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from .tensors import NAME, is_there

aten = torch.ops.aten

HALVED = "mm addmm bmm baddbmm addbmm mv addmv matmul linear conv1d conv2d conv3d prelu"
SINGLE = (
    "exp log log1p log2 pow rsqrt reciprocal sum prod cumsum norm linalg_vector_norm softmax log_softmax softplus "
    "layer_norm group_norm cosine_similarity cdist cross_entropy_loss nll_loss mse_loss kl_div "
    "binary_cross_entropy_with_logits"
)
WIDEST = "cat stack index_put dot addcmul addcdiv scatter_add"
"""What CUDA computes in which precision under autocast, as torch's notes on it tell."""


def autocast_rules() -> list[torch.library.Library]:
    """Held by whoever wants them to hold."""
    others = torch.library.Library("_", "IMPL")
    others.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    library = torch.library.Library("aten", "IMPL", "AutocastPrivateUse1")
    key = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)

    def cast(one: Any, dtype: torch.dtype) -> Any:
        eligible = isinstance(one, Tensor) and one.is_floating_point() and one.dtype != torch.float64
        return one.to(dtype) if eligible and one.device.type == NAME else one

    def rule(operator: Any, choose: Callable[[list[torch.dtype]], torch.dtype]) -> Callable[..., Any]:
        def kernel(*args: Any, **kwargs: Any) -> Any:
            with torch._C._ExcludeDispatchKeyGuard(key):
                met = [one.dtype for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
                dtype = choose(met)
                return operator(*tree_map(lambda one: cast(one, dtype), args), **kwargs)

        return kernel

    rules = {
        HALVED: lambda met: torch.get_autocast_dtype(NAME),
        SINGLE: lambda met: torch.float32,
        WIDEST: lambda met: torch.float32 if torch.float32 in met else torch.get_autocast_dtype(NAME),
    }
    for names, choose in rules.items():
        for name in names.split():
            packet = getattr(aten, name)
            for overload in packet.overloads():
                if "out" not in overload:
                    operator = getattr(packet, overload)
                    library.impl(operator, rule(operator, choose))
    return [library, others]


class Autocast(torch.autocast):
    def __init__(self, device_type: str, *rest: Any, **named: Any) -> None:
        super().__init__(NAME if is_there(device_type) else device_type, *rest, **named)
