"""An encoder's blocks: rates that fall with depth, and activations that are computed again."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm as AnyBatchNorm  # pyright: ignore[reportPrivateUsage]
from torch.utils.checkpoint import checkpoint

from kshot.functional.attention import differentiable
from kshot.functional.norms import EpisodicBatchNorm
from kshot.interfaces import Encoder


def layerwise_rates(encoder: Encoder, decay: float) -> dict[str, float]:
    """Factor of the learning rate for each parameter, smaller towards the input.

    Howard and Ruder, "Universal language model fine-tuning for text classification", ACL 2018;
    with the geometric decay of Clark et al., "ELECTRA", ICLR 2020: the last block, and what
    follows it, has 1, the block before it ``decay``, and so on; what precedes the first block
    stands one step below it. Blocks without parameters do not count.

    Raises:
        ValueError: the encoder names no blocks.
    """
    blocks = [block for block in encoder.ordered_blocks() if any(True for _ in block.parameters())]
    if not blocks:
        raise ValueError(
            f"{type(encoder).__name__} names no blocks, so its layers have no order; leave it out"
        )
    depth_of = {id(p): depth for depth, block in enumerate(blocks, 1) for p in block.parameters()}
    rates: dict[str, float] = {}
    reached = 0
    for name, parameter in encoder.named_parameters():
        reached = max(reached, depth_of.get(id(parameter), 0))
        depth = depth_of.get(id(parameter), len(blocks) if reached == len(blocks) else 0)
        rates[name] = decay ** (len(blocks) - depth)
    return rates


def checkpoint_activations(encoder: Encoder) -> None:
    """Keep only what enters each block, and compute the rest again on the way back.

    Chen et al., "Training deep nets with sublinear memory cost", 2016. Gradients stay the same,
    memory falls to about one block's, and a step takes a third longer.

    Args:
        encoder: changed in place.

    Raises:
        ValueError: the encoder names no blocks, or has batch norms in them, which would count
            every batch twice.
    """
    who, blocks = type(encoder).__name__, encoder.ordered_blocks()
    if not blocks:
        raise ValueError(f"{who} names no blocks whose activations could be computed again; leave it out")
    norms = AnyBatchNorm, EpisodicBatchNorm
    if any(isinstance(module, norms) for block in blocks for module in block.modules()):
        raise ValueError(
            f"{who} has batch norms in its blocks, which would count every batch twice; leave it out"
        )
    for block in blocks:
        # An instance's own forward: hooks and names of the module stay as they are.
        object.__setattr__(block, "forward", partial(_recomputed, block.forward))


def _recomputed(forward: Callable[..., Any], *inputs: Any, **options: Any) -> Any:
    """A block's output, its activations to be computed again."""
    if not torch.is_grad_enabled():
        return forward(*inputs, **options)
    block = _Bare(forward)
    # What functional_call lends is gone on the way back, as is the choice of attention's kernel.
    weights = {**dict(block.named_parameters()), **dict(block.named_buffers())}

    def run(*inputs: Any, **options: Any) -> Any:
        with differentiable():
            return functional_call(block, weights, inputs, options)

    try:
        return checkpoint(run, *inputs, use_reentrant=False, **options)
    except RuntimeError as error:
        if "saved tensor hooks" not in str(error):
            raise
        raise RuntimeError(
            "activations cannot be computed again inside torch.func: leave gradient checkpointing out where "
            "an inner loop adapts the encoder"
        ) from error


class _Bare(nn.Module):
    """A block without the forward that was put on it."""

    def __init__(self, forward: Any) -> None:
        super().__init__()
        self.block: nn.Module = forward.__self__
        self._forward = forward

    def forward(self, *inputs: Any, **options: Any) -> Any:
        return self._forward(*inputs, **options)


def largest_list(module: nn.Module) -> list[nn.Module]:
    """The blocks of a network in which they stand in one ``nn.ModuleList``: that with most parameters."""
    lists = [one for one in module.modules() if isinstance(one, nn.ModuleList) and len(one)]
    if not lists:
        return []
    return list(max(lists, key=lambda one: sum(p.numel() for p in one.parameters())))
