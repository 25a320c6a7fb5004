"""The interval over classes: how far the score would move with other classes to tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kshot.outcomes import Outcomes
from kshot.statistics.credit import credit

DRAWS: Final = 2000
_NUMBERS: Final = 2**22
"""Multiplicities drawn at once: bounds memory."""


def class_interval(
    outcomes: Outcomes, groups: Sequence[str] | None = None, *, draws: int = DRAWS, seed: int = 0
) -> tuple[float, float] | None:
    """The 95 % percentile interval of accuracy over a bootstrap of the test classes.

    Test episodes can be drawn without end; the classes they are drawn from cannot, and the same few
    appear in many episodes. Each draw takes as many classes as there are, with replacement, and
    weighs every query by how often its own class was taken: Σ m_c·S_c / Σ m_c·N_c, where class c was
    taken m_c times and N_c and S_c are sums over its queries, of 1/Q and of what a query adds to
    accuracy by 1/Q, with Q the queries of its episode: accuracy is a mean over episodes, in which a
    large one counts as much as a small one. The other classes of a query's episode, which
    it was told apart from, are not weighed. This is a cluster bootstrap with classes as clusters
    (Davison and Hinkley 1997, section 3.8); with few classes (less than about twenty) such intervals
    are known to be too narrow.

    Args:
        outcomes: of N queries.
        groups: (C,) the group of each of ``outcomes.classes``, such as its alphabet. Groups are then
            taken in place of classes, as suits episodes that are drawn within one, and classes that were
            made of one (``Catalogue.origins``).
        draws: of the bootstrap.
        seed: of its random numbers.

    Returns:
        the lower and the upper end; None where fewer than two classes, or groups, have queries.
    """
    _, units = np.unique(np.asarray(groups or outcomes.classes), return_inverse=True)
    unit = units[outcomes.labels]
    share = np.repeat(1 / np.maximum(outcomes.queries, 1), outcomes.queries)
    counts = np.bincount(unit, weights=share)
    sums = np.bincount(unit, weights=share * credit(outcomes))[counts > 0]
    counts = counts[counts > 0]
    if len(counts) < 2:
        return None
    low, high = np.quantile(_means(sums, counts, draws, np.random.default_rng(seed)), (0.025, 0.975))
    return float(low), float(high)


def _means(
    sums: NDArray[Any], counts: NDArray[Any], draws: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """(draws,) means, each over clusters that are drawn anew."""
    total = len(counts)
    block = max(1, _NUMBERS // total)
    means: list[NDArray[np.float64]] = []
    for start in range(0, draws, block):
        taken = generator.multinomial(total, np.full(total, 1 / total), size=min(block, draws - start))
        means.append((taken @ sums) / (taken @ counts))
    return np.clip(np.concatenate(means), 0.0, 1.0)
