"""Linear heads that an inner loop starts from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Literal, final

import torch
from torch import Tensor, nn

from kshot.functional.tasks import HEAD_BIAS, HEAD_WEIGHT, Weights
from kshot.learners.embedding import class_means

HeadName = Literal["linear", "shared", "prototype"]


class Head(nn.Module, ABC):
    """Where the weights of a linear head start.

    Attributes:
        way: the only number of classes it serves; none: any.
        sees_support: True where the start depends on the support's embeddings.
    """

    way: int | None = None
    sees_support: bool = False

    @abstractmethod
    def start(self, way: int, embedded: Tensor | None, labels: Tensor) -> Weights:
        """``head.weight`` (way, dim) and ``head.bias`` (way,), for all tasks or for each.

        Args:
            way: number of classes.
            embedded: (T, S, dim) support embeddings, where ``sees_support``.
            labels: (T, S).
        """


@final
class LinearHead(Head):
    """A learnt start for each of ``way`` outputs, as in MAML."""

    def __init__(self, dim: int, way: int) -> None:
        super().__init__()
        self.way = way
        self.linear = nn.Linear(dim, way)

    def start(self, way: int, embedded: Tensor | None, labels: Tensor) -> Weights:
        """The learnt start."""
        del embedded, labels
        if way != self.way:
            raise ValueError(
                f"this head was built for {self.way} classes and the episode has {way}; take head "
                "'prototype' or 'shared', which serve any number, or build it with that way"
            )
        return Weights({HEAD_WEIGHT: self.linear.weight, HEAD_BIAS: self.linear.bias}, {})


@final
class SharedHead(Head):
    """One learnt row that every output starts from, so that any way is served and labels are equal.

    Ye and Chao, "How to Train Your MAML to Excel in Few-Shot Classification", ICLR 2022.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.row = nn.Parameter(torch.empty(dim).uniform_(-1, 1) / math.sqrt(dim))
        self.bias = nn.Parameter(torch.zeros(()))

    def start(self, way: int, embedded: Tensor | None, labels: Tensor) -> Weights:
        """The learnt row, ``way`` times."""
        del embedded, labels
        return Weights({HEAD_WEIGHT: self.row.expand(way, -1), HEAD_BIAS: self.bias.expand(way)}, {})


@final
class PrototypeHead(Head):
    """The linear layer that classifies as nearest means do: W = 2c, b = -‖c‖².

    Triantafillou et al., "Meta-Dataset", ICLR 2020 (Proto-MAML). Serves any way.
    """

    sees_support = True

    def start(self, way: int, embedded: Tensor | None, labels: Tensor) -> Weights:
        """The start made of each task's class means, which gradients reach."""
        assert embedded is not None
        means = class_means(embedded, labels, way)
        return Weights({}, {HEAD_WEIGHT: 2 * means, HEAD_BIAS: -means.square().sum(-1)})


def make_head(name: HeadName, dim: int, way: int | None) -> Head:
    """A head by name.

    Raises:
        ValueError: ``linear`` without a way.
    """
    if name == "prototype":
        return PrototypeHead()
    if name == "shared":
        return SharedHead(dim)
    if way is None:
        raise ValueError(
            "head 'linear' has one output per class: give the way, such as way=5; where it varies, take head "
            "'prototype' or 'shared', which serve any number of classes"
        )
    return LinearHead(dim, way)
