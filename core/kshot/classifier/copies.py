"""Which examples are copies of others of their class."""

from __future__ import annotations

import torch
from torch import Tensor

from kshot.classifier.support import Support

_CLOSE = 1e-4
"""Distance of two embeddings, as a share of their length, up to which they are of one content: an encoder's last bits
differ with what an example shares a batch with."""


def originals(support: Support) -> Tensor:
    """(N,) for each example the position of the first of its class that has its embedding, which may be its own.

    Equal embeddings lie side by side in the order of any projection, so that no example is compared with all others.
    """
    embeddings, numbers = support.embeddings.double(), support.numbers
    count, dim = embeddings.shape
    generator = torch.Generator().manual_seed(0)
    line = torch.randn(dim, generator=generator, dtype=torch.float64)
    order = (embeddings @ line).argsort(stable=True)
    order = order[numbers[order].argsort(stable=True)]
    before, after = embeddings[order[:-1]], embeddings[order[1:]]
    apart = torch.linalg.vector_norm(after - before, dim=1)
    length = torch.maximum(*(torch.linalg.vector_norm(one, dim=1) for one in (before, after)))
    new = (apart > _CLOSE * length) | (numbers[order[1:]] != numbers[order[:-1]])
    groups = torch.empty_like(order)
    groups[order] = torch.cat([torch.zeros(min(count, 1), dtype=torch.int64), new.long().cumsum(0)])
    first = torch.full((count,), count).scatter_reduce(0, groups, torch.arange(count), "amin")
    return first[groups]


def differ(support: Support) -> Tensor:
    """(N,) true for the first of every examples that are copies of one another."""
    return originals(support) == torch.arange(len(support))
