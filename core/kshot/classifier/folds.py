"""Examples held out in turn."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor


def folds_of(numbers: Tensor, most: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Positions that are left and positions that are held out, for each fold; none where no class has two.

    Every class keeps one example at least, so that all classes stay; of a class with several each example is
    held out once.

    Args:
        numbers: (N,) classes.
        most: number of folds; fewer where the largest class has fewer examples.
    """
    ranks = _ranks(numbers)
    sizes = torch.bincount(numbers)[numbers]
    folds = min(most, int(sizes.max()))
    if folds < 2:
        return
    for fold in range(folds):
        held = (ranks % folds == fold) & (sizes > 1)
        if held.any():
            yield (~held).nonzero().flatten(), held.nonzero().flatten()


def _ranks(numbers: Tensor) -> Tensor:
    """(N,) classes → (N,) how many earlier examples are of the same class."""
    order = numbers.argsort(stable=True)
    sizes = torch.bincount(numbers)
    starts = (sizes.cumsum(0) - sizes)[numbers[order]]
    ranks = torch.empty_like(numbers)
    ranks[order] = torch.arange(len(numbers)) - starts
    return ranks
