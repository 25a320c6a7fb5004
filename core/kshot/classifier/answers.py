"""What a classifier says of one thing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kshot.classifier.neighbours import Neighbour


@dataclass(frozen=True)
class Answer:
    """What was said of one example.

    Attributes:
        label: its class, or ``unknown``.
        ranked: the likeliest classes with their probabilities, the likeliest first.
        familiarity: what is held against the classifier's threshold.
        nearest: support examples, the nearest first; as many as were asked for.
    """

    label: str
    ranked: Sequence[tuple[str, float]]
    familiarity: float
    nearest: Sequence[Neighbour]
