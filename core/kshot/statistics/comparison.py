"""Paired comparisons: learners on the same episodes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.floating[Any]]

_NOISE = 12
"""Decimals after which a difference between two accuracies is rounding, which averaging over seeds brings."""


@dataclass(frozen=True)
class Difference:
    """How one compares with another on E episodes that both were scored on.

    Attributes:
        mean: of the one minus the other, over the episodes.
        ci95: half-width of its 95 % interval; None for a single episode, and where all differences are one
            number other than zero.
        p: of a paired t-test that the mean is zero, two-sided; None for a single episode.
        adjusted: p, corrected for the comparisons made beside it.
    """

    mean: float
    ci95: float | None
    p: float | None
    adjusted: float | None


def difference(one: Values, other: Values) -> Difference:
    """(E,) and (E,) accuracies on the same episodes → their mean difference with its interval and p.

    Student's paired t: d̄ ± t · s / √E, of the E differences with the standard deviation s. Episodes that
    are hard for one are hard for the other, so differences vary less than scores do. Where all
    differences are equal there is no s to go by: p is 1 if they are zero, and if not that of the sign
    test, 2 · ½ᴱ. Accuracies are shares of few queries, so that two or three episodes are often alike
    by chance.
    """
    from scipy import stats

    gaps = np.round(np.asarray(one, dtype=np.float64) - other, _NOISE)
    count, mean = len(gaps), float(np.mean(gaps))
    if count < 2:
        return Difference(mean, None, None, None)
    error = float(np.std(gaps, ddof=1)) / math.sqrt(count)
    if np.all(gaps == 0):
        return Difference(0.0, 0.0, 1.0, 1.0)
    if np.all(gaps == gaps[0]):
        p = 2.0 ** (1 - count)
        return Difference(float(gaps[0]), None, p, p)
    p = float(2 * stats.t.sf(abs(mean) / error, count - 1))
    return Difference(mean, float(stats.t.ppf(0.975, count - 1)) * error, p, p)


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Scandinavian Journal of Statistics, 1979), in the order given.

    The i-th smallest of m p-values is multiplied by m - i + 1, and is at least as large as the one
    before it. All that stay below α are rejected; the chance of any false rejection is at most α.
    """
    order = sorted(range(len(p)), key=lambda index: p[index])
    adjusted = [1.0] * len(p)
    floor = 0.0
    for rank, index in enumerate(order):
        floor = max(floor, min(1.0, (len(p) - rank) * p[index]))
        adjusted[index] = floor
    return adjusted


def against(rows: Sequence[Values], reference: int) -> list[Difference]:
    """Each of R rows of (E,) accuracies minus the reference, corrected over all R(R-1)/2 pairs.

    Over all of them, though R-1 are told: the reference is a table's best row, picked by the same
    episodes, and a correction for R-1 comparisons would let equal rows look worse too often. The
    reference's own entry is no comparison: a difference of zero with p = 1.
    """
    found = [difference(row, rows[reference]) for row in rows]
    for pair, corrected in all_pairs(rows).items():
        if reference in pair:
            index = pair[0] if pair[1] == reference else pair[1]
            found[index] = replace(found[index], adjusted=corrected.adjusted)
    return found


def all_pairs(rows: Sequence[Values]) -> dict[tuple[int, int], Difference]:
    """Of every two of R rows the first minus the second, corrected over all R(R-1)/2 pairs."""
    pairs = list(itertools.combinations(range(len(rows)), 2))
    found = _corrected([difference(rows[one], rows[other]) for one, other in pairs])
    return dict(zip(pairs, found, strict=True))


def _corrected(found: Sequence[Difference]) -> list[Difference]:
    adjusted = iter(holm([one.p for one in found if one.p is not None]))
    return [one if one.p is None else replace(one, adjusted=next(adjusted)) for one in found]
