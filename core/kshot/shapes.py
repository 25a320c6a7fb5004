"""What an episode is drawn from and how large it is: splits and shapes."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, NamedTuple

Split = Literal["train", "validation", "test"]
"""The parts of a source, whose classes are disjoint."""

SPLITS: tuple[Split, ...] = ("train", "validation", "test")

MOST_CONCENTRATION = 100
"""A Dirichlet distribution of a larger concentration is as good as even."""


class Range(NamedTuple):
    """A number that every episode draws anew, uniformly from the integers ``low`` … ``high``."""

    low: int
    high: int

    def __str__(self) -> str:
        return f"{self.low}-{self.high}"


@dataclass(frozen=True)
class Each:
    """A number that every class of an episode draws for itself, so that classes are unbalanced.

    Attributes:
        each: what it is drawn from, uniformly.
    """

    each: Range

    def __str__(self) -> str:
        return f"{self.each} each"


@dataclass(frozen=True)
class Imbalanced:
    """A number of queries that an episode's classes share unevenly.

    How many fall to which class follows a Dirichlet-multinomial distribution: shares by a
    symmetric Dirichlet, queries by these shares. Veilleux et al., "Realistic Evaluation of
    Transductive Few-Shot Learning", NeurIPS 2021, draw the shares alike (concentration 2, 75
    queries) and round them to counts.

    Attributes:
        total: queries of an episode.
        dirichlet: concentration; the smaller, the more uneven. Of three decimals at most.
    """

    total: int
    dirichlet: float

    def __post_init__(self) -> None:
        fits = 0 < self.dirichlet <= MOST_CONCENTRATION and self.concentration.denominator <= 1000
        if self.total < 1 or not fits:
            raise ValueError(
                f"{self}: needs a total >= 1 and a Dirichlet concentration above 0, up to "
                f"{MOST_CONCENTRATION}, of three decimals at most"
            )

    @property
    def concentration(self) -> Fraction:
        """The concentration as the fraction that its decimals say."""
        return Fraction(str(self.dirichlet))

    def __str__(self) -> str:
        return f"{self.total} in all (Dirichlet {self.dirichlet:g})"


Way = int | Range
Shot = int | Range | Each
Queries = int | Imbalanced


@dataclass(frozen=True)
class Shape:
    """One N-way K-shot task, or a distribution of such tasks.

    Args:
        way: classes in the episode.
        shot: support examples per class.
        queries: query examples per class, or all classes' together.
        within: name of a class group (such as an alphabet); all classes of an episode then
            come from one value of it.
        apart: name of an example group (such as an utterance); support and query examples of
            a class then never share a value of it.
        fixed: name of the source's own list of episodes, where these are given and not drawn.
    """

    way: Way
    shot: Shot
    queries: Queries
    within: str | None = None
    apart: str | None = None
    fixed: str | None = None

    def __post_init__(self) -> None:
        for one in (self.ways, self.shots):
            if one.low > one.high:
                raise ValueError(f"{self}: the range {one} ends before it begins")
        queries = self.queries if isinstance(self.queries, int) else self.queries.total
        if self.ways.low < 2 or self.shots.low < 1 or queries < 1:
            raise ValueError(f"{self}: a shape needs way >= 2, shot >= 1 and queries >= 1")

    def __str__(self) -> str:
        shot = f"{self.shots}s each" if isinstance(self.shot, Each) else f"{self.shot}s"
        parts = [f"{self.way}w{'' if self.one_size else ' '}{shot}"]
        if isinstance(self.queries, Imbalanced):
            parts.append(f"{self.queries.total}q Dirichlet {self.queries.dirichlet:g}")
        for word, group in (("within", self.within), ("apart", self.apart), ("fixed", self.fixed)):
            if group:
                parts.append(f"{word} {group}")
        return " ".join(parts)

    @property
    def ways(self) -> Range:
        """The smallest and the largest way."""
        return self.way if isinstance(self.way, Range) else Range(self.way, self.way)

    @property
    def shots(self) -> Range:
        """The smallest and the largest shot of a class."""
        shot = self.shot.each if isinstance(self.shot, Each) else self.shot
        return shot if isinstance(shot, Range) else Range(shot, shot)

    def queries_of(self, way: int) -> int:
        """Queries of an episode of ``way`` classes."""
        return self.queries.total if isinstance(self.queries, Imbalanced) else way * self.queries

    @property
    def most_queries(self) -> int:
        """Queries of an episode at most."""
        return self.queries_of(self.ways.high)

    @property
    def most_examples(self) -> int:
        """Examples of an episode, support and query, at most."""
        return self.ways.high * self.shots.high + self.most_queries

    @property
    def one_size(self) -> bool:
        """True where all episodes have one way and one shot."""
        return isinstance(self.way, int) and isinstance(self.shot, int)

    @property
    def asked(self) -> str:
        """The shape and how many queries it has."""
        return str(self) if isinstance(self.queries, Imbalanced) else f"{self} with {self.queries} queries"

    @property
    def chance(self) -> float:
        """Accuracy of a guess, a mean over the ways."""
        return statistics.fmean(1 / way for way in range(self.ways.low, self.ways.high + 1))


@dataclass(frozen=True)
class Fixed:
    """Test episodes that come with a source, asked for by the name of their list.

    Way, shot, queries and number are the list's own, and known once the source is open.
    """

    name: str

    def __str__(self) -> str:
        return f"fixed {self.name}"
