"""What an episode is drawn from and how large it is: splits and shapes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Split = Literal["train", "validation", "test"]
"""The parts of a source, whose classes are disjoint."""

SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Shape:
    """One N-way K-shot task.

    Args:
        way: classes in the episode.
        shot: support examples per class.
        queries: query examples per class.
        within: name of a class group (such as an alphabet); all classes of an episode then
            come from one value of it.
        apart: name of an example group (such as an utterance); support and query examples of
            a class then never share a value of it.
    """

    way: int
    shot: int
    queries: int
    within: str | None = None
    apart: str | None = None

    def __post_init__(self) -> None:
        if self.way < 2 or self.shot < 1 or self.queries < 1:
            raise ValueError(f"{self}: a shape needs way >= 2, shot >= 1 and queries >= 1")

    def __str__(self) -> str:
        within = f" within {self.within}" if self.within else ""
        apart = f" apart {self.apart}" if self.apart else ""
        return f"{self.way}w{self.shot}s{within}{apart}"

    @property
    def chance(self) -> float:
        """Accuracy of a guess."""
        return 1 / self.way
