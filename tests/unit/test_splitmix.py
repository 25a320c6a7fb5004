"""Random words by number: those of SplitMix64, on every device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kshot.functional.splitmix import random_words

ALL = 2**64 - 1


def splitmix(seed: int, place: int) -> int:
    """Word ``place`` of a stream, as the paper writes it."""
    word = (seed + (place + 1) * 0x9E3779B97F4A7C15) & ALL
    word = ((word ^ (word >> 30)) * 0xBF58476D1CE4E5B9) & ALL
    word = ((word ^ (word >> 27)) * 0x94D049BB133111EB) & ALL
    return word ^ (word >> 31)


def test_the_words_are_those_of_splitmix64() -> None:
    assert [splitmix(1234567, place) for place in range(5)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ], "as published"
    numbers = [0, 1, 7, 10**9]
    for seed in (0, 3, 2**70):
        [first] = np.random.SeedSequence(seed).generate_state(1, np.uint64)
        streams = [splitmix(int(first), number) for number in numbers]
        expected = [[splitmix(stream, place) % 2**63 for place in range(9)] for stream in streams]
        assert random_words(seed, torch.tensor(numbers), 9).tolist() == expected


def test_no_number_is_asked_for() -> None:
    assert random_words(0, torch.arange(3, device="meta"), 5).shape == (3, 5)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")
def test_a_gpu_makes_the_same_words() -> None:
    numbers = torch.arange(1000)
    there = random_words(5, numbers.cuda(), 100)
    assert torch.equal(there.cpu(), random_words(5, numbers, 100))
