"""Episodes that come with a source as they were published, not drawn."""

from __future__ import annotations

from typing import final

import numpy as np

from kshot.errors import DataError
from kshot.sampling.base import AnySampler, Drawn
from kshot.sampling.catalogue import Catalogue, IntArray
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

    def draw(self, start: int, stop: int) -> Drawn:
        """Episodes ``start`` … ``stop`` - 1.

        Raises:
            IndexError: the list is shorter.
        """
        if not 0 <= start <= stop <= len(self._drawn):
            raise IndexError(f"episodes {start} to {stop} of {len(self._drawn)}")
        return Drawn(*(array[start:stop] for array in self._drawn.arrays))

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
