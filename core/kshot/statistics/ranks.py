"""Average ranks over tasks, and whether they tell anything apart (Demšar, JMLR 2006)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Friedman:
    """Friedman's test that all rows rank alike.

    Attributes:
        statistic: χ² with R-1 degrees of freedom, corrected for ties.
        p: its p-value.
    """

    statistic: float
    p: float


def average_ranks(scores: Table) -> NDArray[np.float64]:
    """(K tasks, R rows) scores → (R,) mean ranks; 1 is the best, and equal scores share their ranks."""
    from scipy import stats

    return np.mean(stats.rankdata(-np.asarray(scores), axis=1), axis=0)


def friedman(scores: Table) -> Friedman | None:
    """Friedman's test on (K tasks, R rows) scores; None with fewer than three rows or two tasks."""
    from scipy import stats

    tasks, rows = scores.shape
    if rows < 3 or tasks < 2:
        return None
    if np.all(scores == scores[:, :1]):  # all rows tie on every task, where the statistic is 0/0
        return Friedman(0.0, 1.0)
    found = stats.friedmanchisquare(*scores.T)
    return Friedman(float(found.statistic), float(found.pvalue))


def critical_difference(rows: int, tasks: int) -> float:
    """Nemenyi's critical difference: average ranks of R rows over K tasks further apart differ at the 5 % level.

    q √(R (R+1) / 6K), where q is the 95 % quantile of the studentized range of R means with infinite
    degrees of freedom, divided by √2.

    Raises:
        ValueError: fewer than two rows, or no task.
    """
    from scipy import stats

    if rows < 2 or tasks < 1:
        raise ValueError(
            f"{rows} rows over {tasks} tasks cannot be told apart; two rows and a task are needed"
        )
    q = float(stats.studentized_range.ppf(0.95, rows, math.inf)) / math.sqrt(2)
    return q * math.sqrt(rows * (rows + 1) / (6 * tasks))
