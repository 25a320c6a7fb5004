"""The work that everybody is timed on: data in memory, a network, numbers. Torch alone."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

CLASSES, EACH, SIDE = 1200, 20, 28
TEST_CLASSES = 423
WIDTH = 64
META_BATCH = 4
INNER_RATE = 0.4
LEARNING_RATE = 1e-3
TEXT_CLASSES, TEXTS_EACH, TEXT_DIM = 150, 150, 384


@dataclass(frozen=True)
class Shape:
    """An episode's way, shot and queries of a class."""

    way: int
    shot: int
    queries: int

    @property
    def examples(self) -> int:
        """Support and query examples of an episode."""
        return self.way * (self.shot + self.queries)


FIVE_ONE, TWENTY_FIVE, FIVE_FIVE = Shape(5, 1, 15), Shape(20, 5, 15), Shape(5, 5, 15)


def pictures(classes: int = CLASSES) -> Tensor:
    """(classes, EACH, 1, SIDE, SIDE) pictures of noise; how fast they pass does not depend on content."""
    return torch.rand(classes, EACH, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


def embeddings() -> Tensor:
    """(TEXT_CLASSES, TEXTS_EACH, TEXT_DIM) as a frozen sentence encoder would give."""
    return torch.randn(TEXT_CLASSES, TEXTS_EACH, TEXT_DIM, generator=torch.Generator().manual_seed(0))


def conv4(pool_first: bool = False) -> nn.Sequential:
    """Conv-4 as every peer's examples write it; ``pool_first`` is equal and cheaper."""
    layers: list[nn.Module] = []
    incoming = 1
    for _ in range(4):
        layers += [nn.Conv2d(incoming, WIDTH, 3, padding=1), nn.BatchNorm2d(WIDTH)]
        layers += [nn.MaxPool2d(2), nn.ReLU()] if pool_first else [nn.ReLU(), nn.MaxPool2d(2)]
        incoming = WIDTH
    return nn.Sequential(*layers, nn.Flatten())


def labels(shape: Shape) -> tuple[Tensor, Tensor]:
    """Support and query labels of an episode whose examples come class by class."""
    one = torch.arange(shape.way)
    return one.repeat_interleave(shape.shot), one.repeat_interleave(shape.queries)
