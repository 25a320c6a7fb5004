"""easyfsl at the work, as its notebooks run it."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
import torch.utils.data
from torch import Tensor, nn
from torch.utils.data import DataLoader
from work import (
    EACH,
    FIVE_FIVE,
    FIVE_ONE,
    LEARNING_RATE,
    TEST_CLASSES,
    TWENTY_FIVE,
    Shape,
    conv4,
    embeddings,
    pictures,
)

# easyfsl 1.5 hands its data source to torch's Sampler, which takes none from torch 2.11 on.
torch.utils.data.Sampler.__init__ = lambda self, data_source=None: None

from easyfsl.datasets import FewShotDataset  # noqa: E402
from easyfsl.methods import PrototypicalNetworks  # noqa: E402
from easyfsl.samplers import TaskSampler  # noqa: E402
from easyfsl.utils import evaluate  # noqa: E402

Run = Callable[[int], None]


class Held(FewShotDataset):
    """Examples in memory."""

    def __init__(self, table: Tensor) -> None:
        self._rows = table.flatten(0, 1)
        self._labels = [number for number in range(len(table)) for _ in range(table.shape[1])]

    def __getitem__(self, item: int) -> tuple[Tensor, int]:
        return self._rows[item], self._labels[item]

    def __len__(self) -> int:
        return len(self._rows)

    def get_labels(self) -> list[int]:
        return self._labels


def episodes(data: Held, shape: Shape, count: int) -> DataLoader:
    sampler = TaskSampler(data, shape.way, shape.shot, shape.queries, count)
    return DataLoader(data, batch_sampler=sampler, collate_fn=sampler.episodic_collate_fn)


def training(shape: Shape) -> Run:
    data, model = Held(pictures()), PrototypicalNetworks(conv4()).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)

    def run(count: int) -> None:
        for support, support_labels, query, query_labels, _ in episodes(data, shape, count):
            optimiser.zero_grad()
            model.process_support_set(support, support_labels)
            F.cross_entropy(model(query), query_labels).backward()
            optimiser.step()

    return run


def evaluation(data: Held, backbone: nn.Module, shape: Shape) -> Run:
    model = PrototypicalNetworks(backbone).eval()
    return lambda count: (evaluate(model, episodes(data, shape, count), "cpu", use_tqdm=False), None)[1]


def sampling(shape: Shape) -> Run:
    data = Held(torch.zeros(TEST_CLASSES, EACH, 1))

    def run(count: int) -> None:
        for _ in TaskSampler(data, shape.way, shape.shot, shape.queries, count):
            pass

    return run


def sampling_with_pictures(shape: Shape) -> Run:
    data = Held(pictures(TEST_CLASSES))

    def run(count: int) -> None:
        for _ in episodes(data, shape, count):
            pass

    return run


ROWS: dict[str, Callable[[], Run]] = {
    "prototypical training, 5w1s": lambda: training(FIVE_ONE),
    "prototypical training, 20w5s": lambda: training(TWENTY_FIVE),
    "evaluation by episode, 5w1s": lambda: evaluation(Held(pictures(TEST_CLASSES)), conv4(), FIVE_ONE),
    "evaluation by episode, 20w5s": lambda: evaluation(Held(pictures(TEST_CLASSES)), conv4(), TWENTY_FIVE),
    "sampling, 5w1s": lambda: sampling(FIVE_ONE),
    "sampling, 20w5s": lambda: sampling(TWENTY_FIVE),
    "sampling with pictures, 5w1s": lambda: sampling_with_pictures(FIVE_ONE),
    "sampling with pictures, 20w5s": lambda: sampling_with_pictures(TWENTY_FIVE),
    "cached embeddings, 5w5s": lambda: evaluation(Held(embeddings()), nn.Identity(), FIVE_FIVE),
}
