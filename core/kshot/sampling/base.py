"""What samplers have in common: episodes by number, as positions in a catalogue."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from kshot.sampling.blocks import IntArray
from kshot.sampling.catalogue import Catalogue
from kshot.shapes import Shape

BLOCK = 1024
"""Episodes drawn at a time where many are needed; the result does not depend on it."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Which examples make up T episodes of one size, as positions in a catalogue.

    Of S support and Q query examples each; how many of them are of which class may differ.

    Attributes:
        classes: (T, way) class numbers; label k stands for ``classes[t, k]``.
        support: (T, S) positions, in random order.
        support_labels: (T, S) labels.
        query: (T, Q) positions, in random order.
        query_labels: (T, Q) labels.
    """

    classes: IntArray
    support: IntArray
    support_labels: IntArray
    query: IntArray
    query_labels: IntArray

    def __len__(self) -> int:
        """Number of episodes T."""
        return len(self.classes)

    def slice(self, start: int, stop: int) -> Drawn:
        """Episodes ``start`` to ``stop`` of these."""
        return Drawn(*(array[start:stop] for array in self.arrays))

    @property
    def arrays(self) -> tuple[IntArray, ...]:
        """All five, in the order in which they are listed here."""
        return (self.classes, self.support, self.support_labels, self.query, self.query_labels)


class AnySampler(ABC):
    """Episodes of one shape from one split, by number; the same ones at every call.

    Attributes:
        catalogue: the split's classes and examples.
        split: its name.
        shape: of every episode.
        left_out: classes too small for the shape.
    """

    catalogue: Catalogue
    split: str
    shape: Shape
    left_out: tuple[str, ...] = ()

    @abstractmethod
    def take(self, numbers: IntArray) -> Drawn:
        """The episodes of (T,) numbers, which must be of one size.

        Raises:
            ValueError: they are not.
        """

    @abstractmethod
    def count(self, wanted: int) -> int:
        """How many episodes to score where ``wanted`` are asked for."""

    @abstractmethod
    def sizes(self, numbers: IntArray) -> IntArray:
        """(T, 2) way and number of support examples of the episodes of (T,) numbers.

        Where these agree so does the number of query examples.
        """

    @final
    def draw(self, start: int, stop: int) -> Drawn:
        """Episodes ``start`` … ``stop`` - 1, which must be of one size; a single one always is.

        Raises:
            ValueError: they are not.
        """
        return self.take(np.arange(start, stop))

    @final
    def batches(self, start: int, stop: int, size: int) -> Iterator[IntArray]:
        """The numbers ``start`` … ``stop`` - 1, so cut that the episodes of a batch are of one size.

        Each stretch of ``size`` numbers is one batch where its episodes are of one size, and else
        one for each size, in the order in which the sizes come up.
        """
        for first in range(start, stop, size):
            numbers = np.arange(first, min(first + size, stop))
            rest, sizes = numbers, self.sizes(numbers)
            while len(rest):
                same = (sizes == sizes[0]).all(axis=1)
                yield rest[same]
                rest, sizes = rest[~same], sizes[~same]

    @final
    def drawn(self, start: int, stop: int, size: int) -> Iterator[Drawn]:
        """The episodes of each of :meth:`batches`; many are drawn at a time, which costs little more than one."""
        ahead = max(1, BLOCK // size) * size
        for first in range(start, stop, ahead):
            numbers = np.arange(first, min(first + ahead, stop))
            sizes = self.sizes(numbers)
            if (sizes == sizes[0]).all():
                block = self.take(numbers)
                yield from (block.slice(at, at + size) for at in range(0, len(block), size))
            else:
                yield from map(self.take, self.batches(first, first + len(numbers), size))

    @final
    def blocks(self, episodes: int, size: int = BLOCK) -> Iterator[Drawn]:
        """Episodes 0 … ``episodes`` - 1 in their order, neighbours of one size together, up to ``size``."""
        for start in range(0, episodes, size):
            numbers = np.arange(start, min(start + size, episodes))
            breaks = np.flatnonzero(np.diff(self.sizes(numbers), axis=0).any(axis=1)) + 1
            yield from map(self.take, np.split(numbers, breaks))

    @final
    def manifest(self, episodes: int) -> str:
        """Content hash of the first episodes: equal hashes mean the very same episodes."""
        digest = hashlib.sha256(self.catalogue.fingerprint.encode())
        for drawn in self.blocks(episodes):
            if not self.shape.one_size:
                digest.update(repr([array.shape for array in drawn.arrays]).encode())
            for array in drawn.arrays:
                digest.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
        return "sha256:" + digest.hexdigest()
