"""An episode batch: T tasks of equal shape, each with a support set and a query set.

Every tensor of an episode has leading dimensions ``(T, n, …)``: T episodes, n examples each.
This module owns that layout and its checks; nothing else in the house repeats them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

Inputs = Mapping[str, Tensor]
"""Model inputs under the names that Hugging Face models use, such as ``pixel_values``."""

TENSOR = "tensor"
"""Name of the one input of a module that takes a bare tensor, not a mapping."""


@dataclass(frozen=True, eq=False)
class Examples:
    """One block of labelled examples, all of one modality.

    Attributes:
        inputs: each leaf (T, n, …).
        labels: (T, n) integers in 0 … way-1.
        way: number of classes in each episode.
    """

    inputs: Inputs
    labels: Tensor
    way: int

    def __post_init__(self) -> None:
        if self.labels.ndim != 2:
            raise ValueError(f"labels must be (T, n), got {tuple(self.labels.shape)}")
        if self.labels.dtype != torch.int64:
            raise ValueError(f"labels must be int64, got {self.labels.dtype}")
        if not self.inputs:
            raise ValueError("a block of examples needs at least one input tensor")
        for name, leaf in self.inputs.items():
            if leaf.shape[:2] != self.labels.shape:
                raise ValueError(
                    f"input '{name}' is {tuple(leaf.shape)}; its first two dimensions must be "
                    f"{tuple(self.labels.shape)}, episodes and examples, as in the labels"
                )
        if self.way < 2:
            raise ValueError(f"an episode needs at least two classes, got way={self.way}")

    @classmethod
    def of(cls, inputs: Tensor | Inputs, labels: Tensor, way: int | None = None) -> Examples:
        """Examples of one episode, or of T, from what is at hand in a loop of one's own.

        Args:
            inputs: a tensor (n, …) for an encoder that takes bare tensors, or a mapping of such;
                (T, n, …) where ``labels`` are (T, n).
            labels: (n,) or (T, n) integers in 0 … way-1.
            way: number of classes; default: the largest label plus one.
        """
        leaves = {TENSOR: inputs} if isinstance(inputs, Tensor) else inputs
        if labels.ndim == 1:
            leaves, labels = {name: leaf.unsqueeze(0) for name, leaf in leaves.items()}, labels.unsqueeze(0)
        return cls(leaves, labels, int(labels.max()) + 1 if way is None else way)

    def slice(self, start: int, stop: int, step: int = 1) -> Examples:
        """Episodes ``start`` to ``stop`` of the batch, or every ``step``-th of them."""
        which = slice(start, stop, step)
        return Examples(
            {name: leaf[which] for name, leaf in self.inputs.items()}, self.labels[which], self.way
        )

    def to(self, device: torch.device) -> Examples:
        """The same examples on ``device``."""
        moved = {name: leaf.to(device, non_blocking=True) for name, leaf in self.inputs.items()}
        return Examples(moved, self.labels.to(device, non_blocking=True), self.way)

    def pin_memory(self) -> Examples:
        """The same examples where a GPU fetches them by itself; torch's data loader asks for it."""
        pinned = {name: leaf.pin_memory() for name, leaf in self.inputs.items()}
        return Examples(pinned, self.labels.pin_memory(), self.way)


@dataclass(frozen=True, eq=False)
class Episodes:
    """T episodes of one shape.

    Attributes:
        support: blocks of support examples, one per modality (one in the ordinary case).
        query: blocks of query examples, likewise.
        classes: for each episode the names of its classes; label k means ``classes[t][k]``.
    """

    support: tuple[Examples, ...]
    query: tuple[Examples, ...]
    classes: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        blocks = (*self.support, *self.query)
        if not self.support or not self.query:
            raise ValueError("an episode needs at least one support block and one query block")
        counts = {block.labels.shape[0] for block in blocks} | {len(self.classes)}
        if len(counts) != 1:
            raise ValueError(
                f"support, query and classes disagree on the number of episodes: {sorted(counts)}"
            )
        ways = {block.way for block in blocks} | {len(names) for names in self.classes}
        if len(ways) > 1:
            raise ValueError(f"support, query and classes disagree on the way: {sorted(ways)}")

    @classmethod
    def of(
        cls,
        support: Tensor | Inputs,
        support_labels: Tensor,
        query: Tensor | Inputs,
        query_labels: Tensor,
        way: int | None = None,
    ) -> Episodes:
        """One episode, or T, of one modality; arguments as for :meth:`Examples.of`."""
        first = Examples.of(support, support_labels, way)
        second = Examples.of(query, query_labels, first.way)
        names = tuple(str(label) for label in range(first.way))
        return cls((first,), (second,), (names,) * len(first.labels))

    @property
    def way(self) -> int:
        """Classes per episode."""
        return self.support[0].way

    def __len__(self) -> int:
        """Number of episodes T."""
        return len(self.classes)

    @property
    def query_inputs(self) -> tuple[Inputs, ...]:
        """The query's inputs without its labels: all that a classifier may see."""
        return tuple(block.inputs for block in self.query)

    @property
    def query_labels(self) -> Tensor:
        """(T, Q) labels of all query blocks, in order."""
        return labels_of(self.query)

    def slice(self, start: int, stop: int, step: int = 1) -> Episodes:
        """Episodes ``start`` to ``stop``, or every ``step``-th of them."""
        return Episodes(
            tuple(block.slice(start, stop, step) for block in self.support),
            tuple(block.slice(start, stop, step) for block in self.query),
            self.classes[start:stop:step],
        )

    def to(self, device: torch.device) -> Episodes:
        """The same episodes on ``device``."""
        return Episodes(
            tuple(block.to(device) for block in self.support),
            tuple(block.to(device) for block in self.query),
            self.classes,
        )

    def pin_memory(self) -> Episodes:
        """The same episodes where a GPU fetches them by itself; torch's data loader asks for it."""
        return Episodes(
            tuple(block.pin_memory() for block in self.support),
            tuple(block.pin_memory() for block in self.query),
            self.classes,
        )


def inputs_of(blocks: tuple[Examples, ...]) -> tuple[Inputs, ...]:
    """The inputs of each block."""
    return tuple(block.inputs for block in blocks)


def labels_of(blocks: tuple[Examples, ...]) -> Tensor:
    """(T, n) labels of all blocks, in order."""
    return blocks[0].labels if len(blocks) == 1 else torch.cat([block.labels for block in blocks], dim=1)
