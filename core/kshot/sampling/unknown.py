"""Queries that belong to none of their episode's classes."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import final

import numpy as np

from kshot.errors import DataError
from kshot.sampling.base import BLOCK, AnySampler
from kshot.sampling.catalogue import Catalogue, IntArray
from kshot.sampling.streams import Stream, distinct


class UnknownSampler(ABC):
    """Draws unknown queries beside the episodes of a sampler, which stay as they are.

    The random words are a stream's own, so no known query depends on them.

    Args:
        known: draws the episodes.
        catalogue: of the examples that are drawn from.
        queries: of each episode.

    Attributes:
        catalogue, queries: as given.
    """

    def __init__(self, known: AnySampler, catalogue: Catalogue, queries: int) -> None:
        self.catalogue, self.queries = catalogue, queries
        self._known = known

    @abstractmethod
    def take(self, numbers: IntArray) -> IntArray:
        """(T, queries) positions in the catalogue of the unknown queries of the episodes of (T,) numbers.

        Raises:
            ValueError: the episodes are not of one size.
        """

    @final
    def manifest(self, episodes: int) -> str:
        """Content hash of the unknown queries of the first episodes."""
        digest = hashlib.sha256(self.catalogue.fingerprint.encode())
        drawn = np.empty((episodes, self.queries), dtype="<i8")
        for numbers in self._known.batches(0, episodes, BLOCK):
            drawn[numbers] = self.take(numbers)
        digest.update(drawn.tobytes())
        return "sha256:" + digest.hexdigest()


@final
class OtherClasses(UnknownSampler):
    """Queries of classes of the same split.

    An episode's unknown classes are any that its support does not show and that have enough examples, all
    equally likely; ``within`` and ``apart`` of the shape bind its known classes alone. Where examples come from
    several parts, unknown queries are of those that the known ones are of, in the same shares.

    Args:
        known: draws the episodes.
        classes: unknown classes of an episode.
        queries: examples of each.
        seed: another seed gives others.

    Raises:
        DataError: beside an episode's own classes too few have enough examples, or ``queries`` do not divide
            by the shares of the parts.
    """

    def __init__(self, known: AnySampler, classes: int, queries: int, seed: int) -> None:
        super().__init__(known, known.catalogue, classes * queries)
        catalogue, shape = known.catalogue, known.shape
        self._classes = classes
        self._sizes, self._starts, self._counts = _stretches(catalogue, queries)
        self._eligible = np.flatnonzero((self._sizes >= self._counts).all(axis=1))
        left = len(self._eligible) - shape.ways.high
        if left < classes:
            raise DataError(
                f"unknown queries: beside the classes of a {shape} episode the {known.split} split has "
                f"{max(left, 0)} with {queries} examples, and {classes} are asked for; ask for fewer unknown classes "
                "or queries, or a smaller way"
            )
        identity = [catalogue.fingerprint, known.split, str(shape), seed, "unknown", classes, queries]
        self._stream = Stream(identity, classes * (1 + queries))

    def take(self, numbers: IntArray) -> IntArray:
        """Part after part, and in each class after class."""
        own = self._known.take(numbers).classes
        choose, inner = np.split(self._stream.of(numbers), [self._classes], axis=1)
        taken = (self._eligible[None, :, None] == own[:, None, :]).any(axis=2)
        others = np.argsort(taken, axis=1, kind="stable")  # first those that the support does not show
        ranks = distinct(choose, (~taken).sum(axis=1))
        classes = self._eligible[np.take_along_axis(others, ranks, axis=1)].reshape(-1)
        words = np.split(inner.reshape(len(classes), -1), np.cumsum(self._counts)[:-1], axis=1)
        drawn = [
            distinct(some, self._sizes[classes, part]) + self._starts[classes, part][:, None]
            for part, some in enumerate(words)
        ]
        return np.concatenate([one.reshape(len(numbers), -1) for one in drawn], axis=1)


def _stretches(catalogue: Catalogue, queries: int) -> tuple[IntArray, IntArray, IntArray]:
    """Where the examples lie that unknown queries may be.

    Returns:
        (classes, parts) sizes of the stretches, (classes, parts) positions at which they begin, and (parts,)
        how many of a class's ``queries`` come from each part; one part where the catalogue has no others.

    Raises:
        DataError: the parts cannot share them.
    """
    blocks = catalogue.blocks
    if blocks is None:
        return catalogue.sizes[:, None], catalogue.offsets[:-1, None], np.asarray([queries])
    shares = blocks.sides[0].query
    if queries % sum(shares):
        raise DataError(
            f"unknown queries: a query of {blocks.told(shares)} cannot share {queries}; ask for a multiple of "
            f"{sum(shares)} of each class"
        )
    parts = len(shares)
    sizes = np.bincount(catalogue.labels * parts + blocks.of, minlength=parts * len(catalogue.classes))
    sizes = sizes.reshape(-1, parts).astype(np.int64)
    starts = catalogue.offsets[:-1, None] + np.cumsum(sizes, axis=1) - sizes
    return sizes, starts, queries * np.asarray(shares) // sum(shares)


@final
class OutOfScope(UnknownSampler):
    """Queries that are of no class at all, any of them, none twice in an episode.

    Args:
        known: draws the episodes.
        catalogue: of the examples of no class.
        queries: of each episode.
        seed: another seed gives others.

    Raises:
        DataError: there are fewer.
    """

    def __init__(self, known: AnySampler, catalogue: Catalogue, queries: int, seed: int) -> None:
        super().__init__(known, catalogue, queries)
        if queries > len(catalogue):
            raise DataError(
                f"unknown queries: {queries} out of scope are asked for, and the source has {len(catalogue)} such "
                "examples; ask for fewer"
            )
        own = [known.catalogue.fingerprint, known.split, str(known.shape), seed]
        self._stream = Stream([*own, "out of scope", catalogue.fingerprint, queries], queries)

    def take(self, numbers: IntArray) -> IntArray:
        """In any order."""
        return distinct(self._stream.of(numbers), np.full(len(numbers), len(self.catalogue)))
