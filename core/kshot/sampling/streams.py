"""Counter-based random words: episode i owns a fixed stretch of one stream.

NumPy promises the raw output of its bit generators, but not the streams of ``Generator``'s
methods; so everything here is made of Philox's raw 64-bit words and integer arithmetic, and
comes out the same on every platform, device and version.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kshot.sampling.blocks import IntArray

Words = NDArray[np.uint64]

_WORDS_PER_COUNT = 4  # Philox4x64 yields four words for each step of its counter


class Stream:
    """A sequence of records of ``width`` random 64-bit words each, addressable by number.

    Args:
        identity: whatever the stream depends on; serialised as JSON and hashed into the key.
        width: words per record.
    """

    def __init__(self, identity: object, width: int) -> None:
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).digest()
        self._key = int.from_bytes(digest[:16], "little")
        self._width = width
        self._counts = -(-width // _WORDS_PER_COUNT)

    def records(self, start: int, stop: int) -> Words:
        """(stop - start, width) words; record i is the same whatever else is asked for."""
        bits = np.random.Philox(key=self._key)
        bits.advance(start * self._counts)
        words = bits.random_raw((stop - start) * self._counts * _WORDS_PER_COUNT)
        return words.reshape(stop - start, -1)[:, : self._width]

    def of(self, numbers: IntArray) -> Words:
        """(T, width) words of the records of (T,) numbers."""
        breaks = np.flatnonzero(np.diff(numbers) != 1) + 1
        runs = np.split(numbers, breaks) if len(numbers) else []
        parts = [self.records(int(run[0]), int(run[-1]) + 1) for run in runs]
        return np.concatenate(parts) if parts else np.empty((0, self._width), dtype=np.uint64)


def below(words: Words, bound: IntArray | int) -> IntArray:
    """Integers in 0 … bound-1 from random words, element by element; bound < 2**31.

    The bias is below bound / 2**32: under one in a hundred thousand for 40,000 classes.
    """
    high = (words >> np.uint64(32)).astype(np.int64)
    return (high * bound) >> 32


def distinct(words: Words, population: IntArray) -> IntArray:
    """Ordered samples without replacement: row i draws from 0 … population[i]-1.

    A Fisher–Yates shuffle that keeps only the m positions it touches, so that its cost does
    not depend on the population.

    Args:
        words: (rows, m) random words.
        population: (rows,) sizes, each at least m.

    Returns:
        (rows, m) integers, distinct within a row.
    """
    count = words.shape[1]
    steps = np.arange(count, dtype=np.int64)
    target = np.ascontiguousarray(
        (steps + below(words, population[:, None] - steps)).T, dtype=_narrow(population)
    )
    # Of the virtual array a = 0, 1, 2, …, step j swaps a[j] and a[target[j]]. Places below j are
    # never read again, so the swap is remembered as "place target[j] now holds moved[j]".
    chosen = target.copy()
    moved = np.empty_like(target)
    for j in range(count):
        moved[j] = j
        for k in range(j):
            np.copyto(chosen[j], moved[k], where=target[k] == target[j])
            np.copyto(moved[j], moved[k], where=target[k] == j)
    return np.ascontiguousarray(chosen.T, dtype=np.int64)


def _narrow(population: IntArray) -> type[np.unsignedinteger[Any]]:
    """The smallest type that holds 0 … population-1: the narrower, the more of them a processor takes at once."""
    most = int(population.max(initial=0)) - 1
    return next(kind for kind in (np.uint8, np.uint16, np.uint32) if most <= np.iinfo(kind).max)


def orders(words: Words) -> IntArray:
    """(rows, m) words → in each row a random permutation of 0 … m-1."""
    # Sorting values that end in their own place is several times as fast as sorting places by values.
    count = words.shape[1]
    mask = np.uint64((1 << (count - 1).bit_length()) - 1 if count > 1 else 0)
    placed = (words & ~mask) | np.arange(count, dtype=np.uint64)
    placed.sort(axis=1)
    return (placed & mask).astype(np.int64)
