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
    # Of the virtual array a = 0, 1, 2, …, step k swaps a[k] and a[target[k]]. Places below k are
    # never read again, so the swap is remembered as "place target[k] now holds what k held". Asked
    # for are at each step the places target[k] and k: what they hold is chosen, and is moved.
    places = np.empty((2, count, rows), dtype=_narrow(population))
    target = places[0]
    for k in range(count):
        target[k] = k + below(words[:, k], population - k)
        places[1, k] = k
    chosen, moved = held = places.copy()
    for k in range(count - 1):
        # ``held[later][places == target[k]] = moved[k]`` by bits: numpy's own is slow where much is put.
        here = places[:, k + 1 :] == target[k]
        change = here.view(np.uint8) if held.dtype == np.uint8 else here.astype(held.dtype)
        np.negative(change, out=change)
        change &= held[:, k + 1 :] ^ moved[k]
        held[:, k + 1 :] ^= change
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
    placed = words & ~mask
    placed |= np.arange(count, dtype=np.uint64)
    placed.sort(axis=1)
    placed &= mask
    return placed.view(np.int64)
