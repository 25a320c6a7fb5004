"""Episodes that come with a source as they were published, not drawn."""

from __future__ import annotations

from typing import final

import numpy as np

from kshot.errors import DataError
from kshot.sampling.base import AnySampler, Drawn
from kshot.sampling.blocks import IntArray
from kshot.sampling.catalogue import Catalogue
from kshot.shapes import Shape


@final
class FixedSampler(AnySampler):
    """A source's own list of episodes.

    Args:
        catalogue: the split's classes and examples.
        split: its name.
        name: of the list.
        drawn: the episodes; way, shot and queries are theirs.

    Raises:
        DataError: an empty list, or episodes that are not of one shape or contradict the catalogue.
    """

    def __init__(self, catalogue: Catalogue, split: str, name: str, drawn: Drawn) -> None:
        self.catalogue = catalogue
        self.split = split
        self.shape = _shape(drawn, name)
        self._drawn = drawn
        for positions, labels in ((drawn.support, drawn.support_labels), (drawn.query, drawn.query_labels)):
            if (catalogue.labels[positions] != np.take_along_axis(drawn.classes, labels, axis=1)).any():
                raise DataError(
                    f"the fixed episodes '{name}' label an example with a class that is not its own"
                )

    def __len__(self) -> int:
        """Number of episodes."""
        return len(self._drawn)

    def take(self, numbers: IntArray) -> Drawn:
        """The episodes of (T,) numbers.

        Raises:
            IndexError: the list is shorter.
        """
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < len(self):
            raise IndexError(f"episodes {numbers.min()} to {numbers.max() + 1} of {len(self)}")
        return Drawn(*(array[numbers] for array in self._drawn.arrays))

    def sizes(self, numbers: IntArray) -> IntArray:
        """All alike."""
        return np.full((len(numbers), 2), (self._drawn.classes.shape[1], self._drawn.support.shape[1]))

    def count(self, wanted: int) -> int:
        """All there are: a published list is scored whole."""
        del wanted
        return len(self)


def _shape(drawn: Drawn, name: str) -> Shape:
    if not len(drawn):
        raise DataError(f"the list of fixed episodes '{name}' is empty")
    way = drawn.classes.shape[1]
    shot, queries = (_per_class(labels, way) for labels in (drawn.support_labels, drawn.query_labels))
    if not shot or not queries:
        raise DataError(
            f"the fixed episodes '{name}' are not of one shape: each class needs as many support examples "
            "as any other, and as many queries"
        )
    return Shape(way, shot, queries, fixed=name)


def _per_class(labels: IntArray, way: int) -> int:
    """How often each of the labels 0 … way-1 stands in each row of (T, n); 0 where that differs."""
    counts = (labels[:, :, None] == np.arange(way)).sum(axis=1)
    return int(counts[0, 0]) if (counts == counts[0, 0]).all() and counts.sum() == labels.size else 0
