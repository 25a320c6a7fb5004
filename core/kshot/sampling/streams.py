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
        if len(parts) == 1:
            return parts[0]  # not copied
        return np.concatenate(parts) if parts else np.empty((0, self._width), dtype=np.uint64)


def below(words: Words, bound: IntArray | int) -> IntArray:
    """Integers in 0 … bound-1 from random words, element by element; bound < 2**31.

    The bias is below bound / 2**32: under one in a hundred thousand for 40,000 classes.
    """
    product = (words >> np.uint64(32)).view(np.int64) * bound
    product >>= 32
    return product


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
    rows, count = words.shape
    target = np.empty((count, rows), dtype=_narrow(population))
    for k in range(count):
        target[k] = k + below(words[:, k], population - k)
    # Of the virtual array a = 0, 1, 2, …, step k swaps a[k] and a[target[k]]. Places below k are
    # never read again, so the swap is remembered as "place target[k] now holds what k held".
    chosen = target.copy()
    place = np.arange(count, dtype=target.dtype)[:, None]
    held = np.repeat(place, rows, axis=1)
    for k in range(count - 1):
        later = slice(k + 1, None)
        _put(chosen[later], held[k], target[later] == target[k])
        _put(held[later], held[k], place[later] == target[k])
    return np.ascontiguousarray(chosen.T, dtype=np.int64)


def _put(into: NDArray[Any], value: NDArray[Any], where: NDArray[np.bool_]) -> None:
    """``into[where] = value``, all broadcast. By bits alone: numpy's own is slow where much is put."""
    mask = where.view(np.uint8) if into.dtype == np.uint8 else where.astype(into.dtype)
    np.negative(mask, out=mask)
    mask &= into ^ value
    into ^= mask


def _narrow(population: IntArray) -> type[np.unsignedinteger[Any]]:
    """The smallest type that holds 0 … population-1: the narrower, the more of them a processor takes at once."""
    most = int(population.max(initial=0)) - 1
    return next(kind for kind in (np.uint8, np.uint16, np.uint32) if most <= np.iinfo(kind).max)


def orders(words: Words) -> IntArray:
    """(rows, m) words → in each row a random permutation of 0 … m-1."""
    # Sorting values that end in their own place is several times as fast as sorting places by values.
    count = words.shape[1]
    mask = np.uint64((1 << (count - 1).bit_length()) - 1 if count > 1 else 0)
    placed = words & ~mask
    placed |= np.arange(count, dtype=np.uint64)
    placed.sort(axis=1)
    placed &= mask
    return placed.view(np.int64)
