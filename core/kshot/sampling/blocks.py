"""Classes whose examples come from several parts, and which part an episode's sides draw from."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from kshot.shapes import Shape

IntArray = NDArray[np.int64]

Shares = tuple[int, ...]
"""For each part how many of every ``sum`` examples of a class are its own; without a common divisor."""


def shares_of(given: Mapping[str, int | float], names: Sequence[str]) -> Shares:
    """Shares as a user writes them, such as ``{image: 3, text: 2}`` or ``{image: 0.6, text: 0.4}``.

    Args:
        given: share of each part that has one, positive, of which one at least.
        names: of all parts, in their order.
    """
    fractions = [Fraction(str(given.get(name, 0))) for name in names]
    common = math.lcm(*(one.denominator for one in fractions))
    whole = [int(one * common) for one in fractions]
    divisor = math.gcd(*whole)
    return tuple(one // divisor for one in whole)


@dataclass(frozen=True)
class Sides:
    """What the two sides of an episode are made of.

    Attributes:
        support: shares of the parts in the support of a class.
        query: shares of the parts in its queries.
    """

    support: Shares
    query: Shares

    @property
    def turned(self) -> Sides:
        """The other direction."""
        return Sides(self.query, self.support)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Of a catalogue whose classes hold examples of several parts.

    Attributes:
        names: of the parts.
        modalities: of each part.
        of: (N,) number of the part of each position; within a class the parts stand in order.
        place: (N,) position of the same example in the part's own catalogue.
        sides: what episodes are made of; where there are several they take turns.
    """

    names: tuple[str, ...]
    modalities: tuple[str, ...]
    of: IntArray
    place: IntArray
    sides: tuple[Sides, ...]

    def told(self, shares: Shares) -> str:
        """Shares in words, such as ``3 image : 2 text``."""
        some = [(name, share) for name, share in zip(self.names, shares, strict=True) if share]
        return some[0][0] if len(some) == 1 else " : ".join(f"{share} {name}" for name, share in some)

    def direction(self, sides: Sides) -> str:
        """A direction in words, such as ``spoken → written``."""
        return f"{self.told(sides.support)} → {self.told(sides.query)}"

    def runs(self, positions: IntArray) -> list[tuple[int, slice]]:
        """The stretches of one part in (T, n) positions that stand in the parts' order: part, columns.

        All T rows are alike in this.
        """
        of = self.of[positions[0]]
        starts = [0, *(np.flatnonzero(np.diff(of)) + 1).tolist(), len(of)]
        return [(int(of[a]), slice(a, b)) for a, b in itertools.pairwise(starts)]

    def grouped(self, positions: IntArray) -> list[IntArray]:
        """(n,) positions → for each part that has some, their places among them."""
        of = self.of[positions]
        return [np.flatnonzero(of == block) for block in np.unique(of)]


def indivisible(shape: Shape, blocks: Blocks) -> str:
    """Why a shape's shot or queries cannot be shared as the sides ask; empty where they can."""
    for sides in blocks.sides:
        for word, shares, number in (
            ("support", sides.support, shape.shot),
            ("query", sides.query, shape.queries),
        ):
            whole = sum(shares)
            if whole == 1:
                continue
            what = "shot" if word == "support" else "number of queries"
            if not isinstance(number, int):
                return f"a {word} of {blocks.told(shares)} needs a {what} that is one number, not {number}"
            if number % whole:
                return (
                    f"a {word} of {blocks.told(shares)} cannot share {number}: the {what} of a class counts "
                    f"all modalities and must be a multiple of {whole}"
                )
    return ""
