"""How large each episode of a shape is, and how its queries fall to its classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from kshot.sampling.blocks import IntArray
from kshot.sampling.streams import Stream, Words, below
from kshot.shapes import Each, Imbalanced, Shape


@dataclass(frozen=True, eq=False)
class Sizes:
    """How large T episodes are.

    Attributes:
        way: (T,) classes of each.
        shots: (T, most) support examples of each class; 0 beyond an episode's way.
    """

    way: IntArray
    shots: IntArray

    @property
    def support(self) -> IntArray:
        """(T,) support examples of each episode."""
        return self.shots.sum(axis=1)


@final
class SizeStream:
    """Draws way and shots, by the episode's number.

    Args:
        identity: of the episodes.
        shape: what is drawn from.
        together: that many episodes in a row, counted from 0, are of one size.
    """

    def __init__(self, identity: Sequence[object], shape: Shape, together: int) -> None:
        self._shape, self._together = shape, together
        most = shape.ways.high
        # One word picks the way, the others the shot, or each class's own.
        self._stream = Stream([*identity, "size"], 1 + (most if isinstance(shape.shot, Each) else 1))

    def sizes(self, numbers: IntArray) -> Sizes:
        """Of the episodes of (T,) numbers."""
        ways, shots = self._shape.ways, self._shape.shots
        if self._shape.one_size:
            return Sizes(
                np.full(len(numbers), ways.low, dtype=np.int64),
                np.full((len(numbers), ways.low), shots.low, dtype=np.int64),
            )
        words = self._stream.of(numbers // self._together)
        way = ways.low + below(words[:, 0], ways.high - ways.low + 1)
        shot = shots.low + below(words[:, 1:], shots.high - shots.low + 1)
        inside = np.arange(ways.high) < way[:, None]
        return Sizes(way, np.where(inside, shot, 0))


def query_counts(shape: Shape, words: Words, way: int, room: IntArray) -> IntArray:
    """How many queries each class of some episodes has.

    An uneven total is drawn by Pólya's urn: class k is drawn with a probability proportional to
    concentration + (queries that it has already), one query after the other. That gives exactly
    the Dirichlet-multinomial distribution, by integers alone: there is no sampling from a Dirichlet
    distribution that would come out alike on every machine. A class that can give no more
    examples is drawn no more.

    Args:
        shape: of the episodes.
        words: (T, total) random words, where the queries are uneven.
        way: classes of each episode.
        room: (T, way) examples that each class can give for queries.

    Returns:
        (T, way) counts.
    """
    if not isinstance(shape.queries, Imbalanced):
        return np.full(room.shape, shape.queries, dtype=np.int64)
    numerator, denominator = shape.queries.concentration.as_integer_ratio()
    counts = np.zeros(room.shape, dtype=np.int64)
    rows = np.arange(len(counts))
    for step in range(shape.queries.total):
        weights = np.where(counts < room, numerator + denominator * counts, 0)
        upper = np.cumsum(weights, axis=1)
        number = below(words[:, step], upper[:, -1])
        counts[rows, (upper <= number[:, None]).sum(axis=1)] += 1
    return counts


def query_words(shape: Shape) -> int:
    """Random words that the query counts of one episode take."""
    return shape.queries.total if isinstance(shape.queries, Imbalanced) else 0


def fewest_queries(shape: Shape) -> int:
    """Queries that every class must be able to give, so that there are enough of them in any episode."""
    if isinstance(shape.queries, Imbalanced):
        return -(-shape.queries.total // shape.ways.low)
    return shape.queries
