"""Random words by number: what an episode draws depends on nothing that is computed beside it.

They are those of SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators",
OOPSLA 2014), where word i of a stream is a function of its seed and i. Integer arithmetic on
tensors makes them, so that every device makes the same ones, and none waits for a number.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_GAMMA, _FIRST, _SECOND = (
    bits - 2**64 for bits in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)
"""The paper's constants, by their bits in int64."""


def random_words(seed: int, numbers: Tensor, count: int) -> Tensor:
    """Words of streams of their own, one stream a number.

    Args:
        seed: of all streams.
        numbers: (T,) int64, whose order and company change nothing.
        count: words of each.

    Returns:
        (T, count) int64, uniform in 0 … 2**63 - 1.
    """
    [first] = np.random.SeedSequence(seed).generate_state(1, np.uint64).view(np.int64)
    streams = _word(int(first), numbers)
    places = torch.arange(count, device=numbers.device)
    return _word(streams.unsqueeze(1), places) & (2**63 - 1)


def _word(stream: Tensor | int, place: Tensor) -> Tensor:
    """Word ``place`` of a stream; sums and products of int64 wrap around, as those of 64 bits without a sign."""
    word = (place + 1) * _GAMMA + stream
    word = (word ^ _shifted(word, 30)) * _FIRST
    word = (word ^ _shifted(word, 27)) * _SECOND
    return word ^ _shifted(word, 31)


def _shifted(word: Tensor, bits: int) -> Tensor:
    """To the right, without the sign that torch would fill up with."""
    return (word >> bits) & (2 ** (64 - bits) - 1)
