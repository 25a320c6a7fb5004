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
        fixed: name of the source's own list of episodes, where these are given and not drawn.
    """

    way: int
    shot: int
    queries: int
    within: str | None = None
    apart: str | None = None
    fixed: str | None = None

    def __post_init__(self) -> None:
        if self.way < 2 or self.shot < 1 or self.queries < 1:
            raise ValueError(f"{self}: a shape needs way >= 2, shot >= 1 and queries >= 1")

    def __str__(self) -> str:
        within = f" within {self.within}" if self.within else ""
        apart = f" apart {self.apart}" if self.apart else ""
        fixed = f" fixed {self.fixed}" if self.fixed else ""
        return f"{self.way}w{self.shot}s{within}{apart}{fixed}"

    @property
    def chance(self) -> float:
        """Accuracy of a guess."""
        return 1 / self.way


@dataclass(frozen=True)
class Fixed:
    """Test episodes that come with a source, asked for by the name of their list.

    Way, shot, queries and number are the list's own, and known once the source is open.
    """

    name: str

    def __str__(self) -> str:
        return f"fixed {self.name}"
