"""torchopt at the work, as its MAML example runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
import torchopt
from maml_peers import OWN, TARGET, Run, meta_training, network, optimiser
from torch import Tensor
from work import INNER_RATE, LEARNING_RATE, META_BATCH


def maml(steps: int) -> Run:
    model = network()
    outer = optimiser(model, LEARNING_RATE)
    inner = torchopt.MetaSGD(model, lr=INNER_RATE)

    def step(tasks: Iterable[tuple[Tensor, Tensor]]) -> None:
        outer.zero_grad()
        weights = torchopt.extract_state_dict(model, by="reference", detach_buffers=True)
        state = torchopt.extract_state_dict(inner, by="reference")
        losses: list[Tensor] = []
        for support, query in tasks:
            for _ in range(steps):
                inner.step(F.cross_entropy(model(support), OWN))
            losses.append(F.cross_entropy(model(query), TARGET))
            torchopt.recover_state_dict(model, weights)
            torchopt.recover_state_dict(inner, state)
        (torch.stack(losses).sum() / META_BATCH).backward()
        outer.step()

    return meta_training(step)


ROWS: dict[str, Callable[[], Run]] = {
    "maml, second order, 1 step": lambda: maml(1),
    "maml, second order, 5 steps": lambda: maml(5),
}
