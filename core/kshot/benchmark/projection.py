"""Where a trained encoder puts test examples, on the two axes of largest variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from kshot.loading import Loader, embed_examples
from kshot.results import Projection
from kshot.sampling import Catalogue

CLASSES: Final = 10
"""Classes of a projection at most, spread evenly over the split's."""
EXAMPLES: Final = 20
"""Examples of a class at most, the first of it."""
_DIGITS: Final = 4


@dataclass(frozen=True, eq=False)
class Principal:
    """Principal components of n points.

    Attributes:
        points: (n, 2) coordinates along the first two.
        explained: share of the variance along each.
    """

    points: Tensor
    explained: tuple[float, float]


def project(encoder: nn.Module, loader: Loader) -> Projection | None:
    """Embed some examples of a split and project them to a plane.

    Args:
        encoder: embeds with its running statistics.
        loader: the split's tensors.

    Returns:
        None where there is nothing to see: an embedding is not finite, or all are the same.
    """
    catalogue = loader.catalogue
    positions, labels, classes = _chosen(catalogue)
    embedded = embed_examples(encoder, loader, positions)
    found = principal(embedded)
    if found is None:
        return None
    scale = float(found.points.abs().max())
    points = [(round(x / scale, _DIGITS), round(y / scale, _DIGITS)) for x, y in found.points.tolist()]
    return Projection(classes=classes, labels=labels.tolist(), points=points, explained=found.explained)


def principal(embedded: Tensor) -> Principal | None:
    """Project (n, dim) points on the two directions in which they vary most.

    The sign of each is fixed: its largest coordinate by size is positive. The n × n matrix of
    inner products serves, since n is a few hundred and dim may be many thousands.

    Returns:
        None where a value is not finite, or all points are the same.
    """
    points = embedded.detach().to("cpu", torch.float64)
    if not bool(torch.isfinite(points).all()):
        return None
    centred = points - points.mean(dim=0)
    variances, vectors = torch.linalg.eigh(centred @ centred.T)
    variances = variances.clamp(min=0)
    total = float(variances.sum())
    if total <= 1e-12 * max(1.0, float(points.square().sum())):
        return None
    axes = vectors[:, -2:].flip(1) * variances[-2:].flip(0).sqrt()
    if axes.shape[1] < 2:  # a single point varies in nothing, two in one direction
        return None
    largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    axes = axes * torch.where(largest < 0, -1.0, 1.0)
    first, second = (variances[-2:].flip(0) / total).tolist()
    return Principal(axes, (min(first, 1.0), min(second, 1.0)))


def _chosen(catalogue: Catalogue) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Positions of the examples, their labels, and the names of their classes."""
    names = catalogue.classes
    numbers = np.unique(np.linspace(0, len(names) - 1, min(CLASSES, len(names))).round().astype(np.int64))
    groups = [np.flatnonzero(catalogue.labels == number)[:EXAMPLES] for number in numbers]
    labels = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return np.concatenate(groups), labels, [names[number] for number in numbers]
