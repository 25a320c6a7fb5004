"""Which parameters of a network take part in an embedding, and which layers are called."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

_MARK = "bypassed"
_LAYERS = nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d


def take_part(network: nn.Module, embed: Callable[[], Tensor]) -> tuple[Tensor, frozenset[str]]:
    """Embed once, and see what was reached.

    A layer whose weight was read without a call of the layer, or that takes no part, is marked
    ``bypassed``: an adapter beside it would go unheard.

    Args:
        network: holds the parameters.
        embed: gives an embedding by it.

    Returns:
        the embedding, and the names of the parameters that it does not depend on.
    """
    called: set[nn.Module] = set()
    layers = [module for module in network.modules() if isinstance(module, _LAYERS)]
    hooks = [layer.register_forward_pre_hook(lambda layer, _: called.add(layer)) for layer in layers]
    named = dict(network.named_parameters())
    try:
        with torch.enable_grad():
            embedded = embed()
            ends = list(named.values())
            slopes = cast(
                "tuple[Tensor | None, ...]", torch.autograd.grad(embedded.sum(), ends, allow_unused=True)
            )
    finally:
        for hook in hooks:
            hook.remove()
    idle = frozenset(name for name, slope in zip(named, slopes, strict=True) if slope is None)
    apart = {id(named[name]) for name in idle}
    for layer in layers:
        setattr(layer, _MARK, layer not in called or id(layer.weight) in apart)
    return embedded.detach(), idle
