"""What a classifier says of one thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What was said of one example.

    Attributes:
        label: its class, or ``unknown``.
        ranked: the likeliest classes with their probabilities, the likeliest first.
    """

    label: str
    ranked: Sequence[tuple[str, float]]
