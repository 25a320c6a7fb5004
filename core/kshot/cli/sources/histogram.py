"""How many examples the classes have, in bars of characters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len, set_cell_size

from kshot.results.text import printable

LISTED = 30
"""Up to this many classes each has a bar of its own; of more, bars count classes of like size."""
BINS = 10
NAMED = 3
"""Largest and smallest classes that are named."""
NAME = 32
"""Columns of a class's name; letters of some scripts take two."""


def histogram(sizes: Mapping[str, int], width: int, bar: str) -> list[str]:
    """Lines of a histogram.

    Args:
        sizes: class → its examples; not empty.
        width: of a line, in characters.
        bar: the character that bars are made of.
    """
    if len(sizes) <= LISTED:
        bars = _bars([(_short(name), size) for name, size in sizes.items()], width, bar)
        return ["examples of each class:", *bars]
    low, high = min(sizes.values()), max(sizes.values())
    if low == high:
        return [f"examples of each class: {low:,}"]
    smallest = sorted(sizes, key=lambda name: (sizes[name], name))[:NAMED]
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:NAMED]
    return [
        "how many classes have how many examples:",
        *_bars(_binned(sizes, low, high), width, bar),
        f"  largest: {_named(largest, sizes)}",
        f"  smallest: {_named(smallest, sizes)}",
    ]


def _binned(sizes: Mapping[str, int], low: int, high: int) -> list[tuple[str, int]]:
    step = -(-(high - low + 1) // BINS)
    counts = [0] * ((high - low) // step + 1)
    for size in sizes.values():
        counts[(size - low) // step] += 1
    starts = [low + step * number for number in range(len(counts))]
    return [
        (f"{start:,}" if step == 1 else f"{start:,} to {start + step - 1:,}", count)
        for start, count in zip(starts, counts, strict=True)
    ]


def _bars(values: Sequence[tuple[str, int]], width: int, bar: str) -> list[str]:
    names = max(cell_len(name) for name, _ in values)
    most = max(value for _, value in values)
    room = max(10, width - names - len(f"{most:,}") - 6)
    return [
        f"  {set_cell_size(name, names)}  {bar * max(value > 0, round(room * value / most))} {value:,}"
        for name, value in values
    ]


def _named(names: list[str], sizes: Mapping[str, int]) -> str:
    return ", ".join(f"{_short(name)} ({sizes[name]:,})" for name in names)


def _short(name: str) -> str:
    line = printable(name)
    return line if cell_len(line) <= NAME else f"{set_cell_size(line, NAME - 1).rstrip()}…"
