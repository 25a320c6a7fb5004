"""Which support examples an example is near to, and whether it is near to any class at all."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from kshot.classifier.copies import originals
from kshot.classifier.support import Support


@dataclass(frozen=True)
class Neighbour:
    """A support example near an example that was asked about.

    Attributes:
        number: its place in the support, counted from 0 in the order in which examples were given.
        label: its class.
        similarity: cosine of the two embeddings.
    """

    number: int
    label: str
    similarity: float


def neighbours(embeddings: Tensor, support: Support, count: int) -> list[list[Neighbour]]:
    """The ``count`` nearest support examples of each of (n, dim) embeddings, nearest first."""
    similarities = F.normalize(embeddings, dim=1) @ F.normalize(support.embeddings, dim=1).T
    values, places = similarities.topk(min(count, len(support)), dim=1)
    return [
        [Neighbour(i, support.labels[i], value) for i, value in zip(row, near, strict=True)]
        for row, near in zip(places.tolist(), values.tolist(), strict=True)
    ]


def familiarity(embeddings: Tensor, support: Support) -> Tensor:
    """(n, dim) embeddings → (n,) cosine with the mean direction of the nearest class."""
    return (F.normalize(embeddings, dim=1) @ F.normalize(_sums(support), dim=1).T).amax(1)


def own_familiarity(support: Support) -> Tensor:
    """(m,) familiarity of each different support example had it not been given: of the m whose class has others.

    Its own class's mean is taken without it and its copies; the other classes stay as they are.
    """
    unit, numbers = F.normalize(support.embeddings, dim=1), support.numbers
    sums, first, places = _sums(support), originals(support), torch.arange(len(unit))
    copies = torch.zeros_like(unit).index_add(0, first, unit)
    similarities = unit @ F.normalize(sums, dim=1).T
    rest = F.normalize(sums[numbers] - copies, dim=1)
    similarities[places, numbers] = (unit * rest).sum(1)
    differs = first == places
    others = torch.bincount(numbers[differs], minlength=len(support.classes))[numbers] > 1
    return similarities[differs & others].amax(1)


def _sums(support: Support) -> Tensor:
    """(classes, dim) sum of each class's directions."""
    sums = support.embeddings.new_zeros(len(support.classes), support.embeddings.shape[1])
    return sums.index_add(0, support.numbers, F.normalize(support.embeddings, dim=1))
