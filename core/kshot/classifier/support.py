"""The examples that a classifier was given, ready for a learner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kshot.episode import Examples, Inputs
from kshot.loading import ResidentLoader, collate
from kshot.sampling import Catalogue


@dataclass(frozen=True, eq=False)
class Support:
    """N examples.

    Attributes:
        inputs: what the learner's encoder takes, each leaf (N, …), on the CPU.
        embeddings: (N, dim) of the encoder as it came, by which neighbours are found.
        labels: the N classes' names.
    """

    inputs: Inputs
    embeddings: Tensor
    labels: tuple[str, ...]

    def __len__(self) -> int:
        """Number of examples."""
        return len(self.labels)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, sorted."""
        return tuple(sorted(set(self.labels)))

    @property
    def numbers(self) -> Tensor:
        """(N,) the place of each example's class among the sorted names."""
        place = {name: number for number, name in enumerate(self.classes)}
        return torch.tensor([place[label] for label in self.labels], dtype=torch.int64)

    def with_more(self, other: Support) -> Support:
        """These examples and others."""
        return Support(
            collate([self.inputs, other.inputs]),
            torch.cat([self.embeddings, other.embeddings]),
            self.labels + other.labels,
        )

    def taken(self, positions: Sequence[int] | Tensor) -> Support:
        """Some of the examples, in the order given."""
        index = torch.as_tensor(positions, dtype=torch.int64)
        inputs = {name: leaf[index] for name, leaf in self.inputs.items()}
        return Support(inputs, self.embeddings[index], tuple(self.labels[i] for i in index.tolist()))

    def without(self, label: str) -> Support:
        """All examples but those of one class."""
        return self.taken([i for i, own in enumerate(self.labels) if own != label])

    def block(self, device: torch.device) -> Examples:
        """As the support set of one episode."""
        inputs = {name: leaf.to(device) for name, leaf in self.inputs.items()}
        return Examples.of(inputs, self.numbers.to(device), len(self.classes))

    def loader(self, device: torch.device) -> ResidentLoader:
        """As a split from which episodes are drawn."""
        catalogue = Catalogue.build(self.labels, [f"{i:09d}" for i in range(len(self))], version="support")
        order = torch.from_numpy(catalogue.rows)
        return ResidentLoader(catalogue, {n: leaf[order] for n, leaf in self.inputs.items()}, device)


Answering = Callable[[Support], Tensor]
"""Examples asked about, whose labels do not matter → (n, way) logits on the CPU."""
