"""Queries of classes that an episode's support does not show."""

from __future__ import annotations

import hashlib
from typing import final

import numpy as np

from kshot.errors import DataError
from kshot.sampling.base import BLOCK, AnySampler
from kshot.sampling.catalogue import IntArray
from kshot.sampling.streams import Stream, distinct


@final
class UnknownSampler:
    """Draws unknown queries beside the episodes of a sampler, which stay as they are.

    An episode's unknown classes are any of the split's that its support does not show and that have enough
    examples, all equally likely; ``within`` and ``apart`` of the shape bind its known classes alone. The
    random words are a stream's own, so no known query depends on them.

    Args:
        known: draws the episodes.
        classes: unknown classes of an episode.
        queries: examples of each.
        seed: another seed gives others.

    Raises:
        DataError: beside an episode's own classes too few have enough examples.
    """

    def __init__(self, known: AnySampler, classes: int, queries: int, seed: int) -> None:
        catalogue, shape = known.catalogue, known.shape
        self._known, self._classes, self._queries = known, classes, queries
        self._eligible = np.flatnonzero(catalogue.sizes >= queries)
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
        """(T, classes · queries) positions of the unknown queries of the episodes of (T,) numbers,
        class after class.

        Raises:
            ValueError: the episodes are not of one size.
        """
        own = self._known.take(numbers).classes
        choose, inner = np.split(self._stream.of(numbers), [self._classes], axis=1)
        taken = (self._eligible[None, :, None] == own[:, None, :]).any(axis=2)
        others = np.argsort(taken, axis=1, kind="stable")  # first those that the support does not show
        ranks = distinct(choose, (~taken).sum(axis=1))
        classes = self._eligible[np.take_along_axis(others, ranks, axis=1)].reshape(-1)
        members = distinct(inner.reshape(len(classes), -1), self._known.catalogue.sizes[classes])
        return (members + self._known.catalogue.offsets[classes][:, None]).reshape(len(numbers), -1)

    def manifest(self, episodes: int) -> str:
        """Content hash of the unknown queries of the first episodes."""
        digest = hashlib.sha256(self._known.catalogue.fingerprint.encode())
        drawn = np.empty((episodes, self._classes * self._queries), dtype="<i8")
        for numbers in self._known.batches(0, episodes, BLOCK):
            drawn[numbers] = self.take(numbers)
        digest.update(drawn.tobytes())
        return "sha256:" + digest.hexdigest()
