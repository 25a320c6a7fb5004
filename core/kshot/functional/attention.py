"""Attention that learners can differentiate as they need to."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from kshot.functional.switches import Switch


def _kernels_of_formulas() -> AbstractContextManager[object]:
    return sdpa_kernel(SDPBackend.MATH)  # pyright: ignore[reportUnknownVariableType]


by_formula = Switch(_kernels_of_formulas)
"""Attention by formula inside a block, whatever kernels there are."""


def attention_over(mask: Tensor) -> Tensor:
    """Which token may look at which.

    A mask of four dimensions keeps transformers from inspecting its values, which
    ``torch.func.vmap`` forbids.

    Args:
        mask: (B, L), zero where padded.

    Returns:
        (B, 1, L, L) bool, True where the key is a token. In a text without tokens all are
        True: softmax over nothing is not a number.
    """
    tokens = mask.bool()
    keys = tokens | ~tokens.any(dim=1, keepdim=True)
    return keys[:, None, None, :].expand(-1, 1, mask.shape[1], -1)


@contextmanager
def differentiable() -> Generator[None]:
    """Where gradients are wanted, compute attention by formula.

    The fused kernels have no second derivative on the CPU, which MAML needs; without
    gradients they are used, since they are faster.
    """
    if not torch.is_grad_enabled():
        yield
        return
    with by_formula():
        yield
