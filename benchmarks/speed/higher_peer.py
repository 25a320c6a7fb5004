"""higher at the work, as its MAML example runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import higher
import torch
import torch.nn.functional as F
from maml_peers import OWN, TARGET, Run, meta_training, network, optimiser
from torch import Tensor
from work import INNER_RATE, LEARNING_RATE, META_BATCH


def maml(steps: int, order: int) -> Run:
    model = network()
    outer = optimiser(model, LEARNING_RATE)
    inner = torch.optim.SGD(model.parameters(), lr=INNER_RATE)

    def step(tasks: Iterable[tuple[Tensor, Tensor]]) -> None:
        outer.zero_grad()
        for support, query in tasks:
            with higher.innerloop_ctx(
                model, inner, copy_initial_weights=False, track_higher_grads=order == 2
            ) as (functional, descent):
                for _ in range(steps):
                    descent.step(F.cross_entropy(functional(support), OWN))
                (F.cross_entropy(functional(query), TARGET) / META_BATCH).backward()
        outer.step()

    return meta_training(step)


ROWS: dict[str, Callable[[], Run]] = {
    "maml, second order, 1 step": lambda: maml(1, 2),
    "maml, second order, 5 steps": lambda: maml(5, 2),
}
