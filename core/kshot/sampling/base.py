"""What samplers have in common: episodes by number, as positions in a catalogue."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from kshot.sampling.catalogue import Catalogue, IntArray
from kshot.shapes import Shape

BLOCK = 1024
"""Episodes drawn at a time where many are needed; the result does not depend on it."""


@dataclass(frozen=True, eq=False)
class Drawn:
    """Which examples make up T episodes, as positions in a catalogue.

    Attributes:
        classes: (T, way) class numbers; label k stands for ``classes[t, k]``.
        support: (T, way·shot) positions, in random order.
        support_labels: (T, way·shot) labels.
        query: (T, way·queries) positions, in random order.
        query_labels: (T, way·queries) labels.
    """

    classes: IntArray
    support: IntArray
    support_labels: IntArray
    query: IntArray
    query_labels: IntArray

    def __len__(self) -> int:
        """Number of episodes T."""
        return len(self.classes)

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
    def draw(self, start: int, stop: int) -> Drawn:
        """Episodes ``start`` … ``stop`` - 1."""

    @abstractmethod
    def count(self, wanted: int) -> int:
        """How many episodes to score where ``wanted`` are asked for."""

    @final
    def blocks(self, episodes: int, size: int = BLOCK) -> Iterator[Drawn]:
        """Episodes 0 … ``episodes`` - 1, ``size`` at a time."""
        for start in range(0, episodes, size):
            yield self.draw(start, min(start + size, episodes))

    @final
    def manifest(self, episodes: int) -> str:
        """Content hash of the first episodes: equal hashes mean the very same episodes."""
        digest = hashlib.sha256(self.catalogue.fingerprint.encode())
        for drawn in self.blocks(episodes):
            for array in drawn.arrays:
                digest.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
        return "sha256:" + digest.hexdigest()
