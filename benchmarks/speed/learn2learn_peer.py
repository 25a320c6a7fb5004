"""learn2learn at the work, as its examples run it."""

from __future__ import annotations

from collections.abc import Callable

import learn2learn
import torch
import torch.nn.functional as F
from learn2learn.data import MetaDataset, TaskDataset
from learn2learn.data.transforms import FusedNWaysKShots, LoadData, RemapLabels
from learn2learn.nn import PrototypicalClassifier
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from work import (
    EACH,
    FIVE_ONE,
    INNER_RATE,
    LEARNING_RATE,
    META_BATCH,
    TEST_CLASSES,
    TWENTY_FIVE,
    WIDTH,
    Shape,
    conv4,
    pictures,
)

Run = Callable[[int], None]


def tasks(table: Tensor, shape: Shape, load: bool = True) -> TaskDataset:
    """Tasks drawn anew at every call."""
    labels = torch.arange(len(table)).repeat_interleave(table.shape[1])
    data = MetaDataset(TensorDataset(table.flatten(0, 1), labels))
    transforms = [FusedNWaysKShots(data, n=shape.way, k=shape.shot + shape.queries)]
    transforms += [LoadData(data), RemapLabels(data)] if load else []
    # Other than -1, every task would be drawn once and kept.
    return TaskDataset(data, task_transforms=transforms, num_tasks=-1)


def halves(task: tuple[Tensor, Tensor], shape: Shape) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Support and query, as its examples tell them apart."""
    data, labels = task
    order = labels.argsort(stable=True)
    data, labels = data[order], labels[order]
    chosen = (torch.arange(len(labels)) % (shape.shot + shape.queries)) < shape.shot
    return (data[chosen], labels[chosen]), (data[~chosen], labels[~chosen])


def nearest(network: nn.Module, task: tuple[Tensor, Tensor], shape: Shape) -> tuple[Tensor, Tensor]:
    """Logits and labels of the queries; the support and they pass together."""
    (support, own), (query, target) = halves((network(task[0]), task[1]), shape)
    return PrototypicalClassifier(support, own)(query), target


def training(shape: Shape) -> Run:
    network, drawn = conv4().train(), tasks(pictures(), shape)
    optimiser = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)

    def run(count: int) -> None:
        for _ in range(count):
            loss = F.cross_entropy(*nearest(network, drawn.sample(), shape))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()

    return run


def evaluation(shape: Shape) -> Run:
    network, drawn = conv4().eval(), tasks(pictures(TEST_CLASSES), shape)

    @torch.no_grad()
    def run(count: int) -> None:
        for _ in range(count):
            logits, target = nearest(network, drawn.sample(), shape)
            (logits.argmax(1) == target).float().mean().item()

    return run


def sampling(shape: Shape) -> Run:
    drawn = tasks(torch.zeros(TEST_CLASSES, EACH, 1), shape, load=False)

    def run(count: int) -> None:
        for _ in range(count):
            drawn.sample_task_description()

    return run


def sampling_with_pictures(shape: Shape) -> Run:
    drawn = tasks(pictures(TEST_CLASSES), shape)

    def run(count: int) -> None:
        for _ in range(count):
            drawn.sample()

    return run


def maml(steps: int, order: int) -> Run:
    shape, table = FIVE_ONE, pictures()
    network = nn.Sequential(*conv4().children(), nn.Linear(WIDTH, shape.way)).train()
    meta = learn2learn.algorithms.MAML(network, lr=INNER_RATE, first_order=order == 1)
    optimiser = torch.optim.Adam(meta.parameters(), lr=LEARNING_RATE)
    drawn = tasks(table, shape)

    def run(count: int) -> None:
        for _ in range(count):
            optimiser.zero_grad()
            for _ in range(META_BATCH):
                learner = meta.clone()
                (support, own), (query, target) = halves(drawn.sample(), shape)
                for _ in range(steps):
                    learner.adapt(F.cross_entropy(learner(support), own))
                F.cross_entropy(learner(query), target).backward()
            for parameter in meta.parameters():
                parameter.grad.mul_(1 / META_BATCH)
            optimiser.step()

    return run


ROWS: dict[str, Callable[[], Run]] = {
    "prototypical training, 5w1s": lambda: training(FIVE_ONE),
    "prototypical training, 20w5s": lambda: training(TWENTY_FIVE),
    "evaluation by episode, 5w1s": lambda: evaluation(FIVE_ONE),
    "evaluation by episode, 20w5s": lambda: evaluation(TWENTY_FIVE),
    "sampling, 5w1s": lambda: sampling(FIVE_ONE),
    "sampling, 20w5s": lambda: sampling(TWENTY_FIVE),
    "sampling with pictures, 5w1s": lambda: sampling_with_pictures(FIVE_ONE),
    "sampling with pictures, 20w5s": lambda: sampling_with_pictures(TWENTY_FIVE),
    "maml, second order, 1 step": lambda: maml(1, 2),
    "maml, second order, 5 steps": lambda: maml(5, 2),
    "maml, first order, 1 step": lambda: maml(1, 1),
    "maml, first order, 5 steps": lambda: maml(5, 1),
}
