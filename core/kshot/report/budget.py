"""How much media a page holds: it is read on phones and sent by mail."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from kshot.results import Sample, SampleExample

MOST: Final = {"image/png": 8, "audio/wav": 2, "text/plain": 2}
"""Examples of a class that are drawn of each set; the others are counted."""

BUDGET: Final = 12 * 2**20
"""Bytes of the media of one section's episodes, as they stand in the page."""


def within_budget(samples: Sequence[Sample], budget: int = BUDGET) -> list[Sample]:
    """The episodes that fit: the first of every source, then the second of every source, and so on."""
    ranks: Counter[str] = Counter()
    ranked: list[tuple[int, int]] = []
    for number, sample in enumerate(samples):
        ranked.append((ranks[sample.source], number))
        ranks[sample.source] += 1
    kept: set[int] = set()
    for _, number in sorted(ranked):
        size = media_size(samples[number])
        if size <= budget:
            budget -= size
            kept.add(number)
    return [sample for number, sample in enumerate(samples) if number in kept]


def media_size(sample: Sample) -> int:
    """Bytes that an episode's drawn examples take in the page, spectrograms aside."""
    return _size(sample.support) + _size(sample.query)


def _size(examples: Iterable[SampleExample]) -> int:
    drawn: Counter[tuple[int, str]] = Counter()
    size = 0
    for example in examples:
        own = example.label, example.media
        drawn[own] += 1
        if drawn[own] <= MOST[example.media]:
            size += len(example.data)
    return size
