"""What the MAML loops of torchopt and higher share: tasks of pictures, a network with a head."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
from reference import draw, split
from torch import Tensor, nn
from work import EACH, FIVE_ONE, META_BATCH, WIDTH, conv4, labels, pictures

Run = Callable[[int], None]
Step = Callable[[Iterable[tuple[Tensor, Tensor]]], None]
"""One meta-step over (support, query) pictures of tasks."""

OWN, TARGET = labels(FIVE_ONE)


def network() -> nn.Sequential:
    """Conv-4 with a linear head, in training mode: batch norms see the batch at hand."""
    return nn.Sequential(*conv4().children(), nn.Linear(WIDTH, FIVE_ONE.way)).train()


def meta_training(step: Step) -> Run:
    """Neither library draws tasks: they get the reference's."""
    table, random = pictures().flatten(0, 1), np.random.default_rng(0)

    def run(count: int) -> None:
        for _ in range(count):
            rows = split(draw(random, len(table) // EACH, EACH, FIVE_ONE, META_BATCH), FIVE_ONE)
            step((table[support], table[query]) for support, query in zip(*rows, strict=True))

    return run


def optimiser(model: nn.Module, rate: float) -> torch.optim.Optimizer:
    """Of the outer loop."""
    return torch.optim.Adam(model.parameters(), lr=rate)
