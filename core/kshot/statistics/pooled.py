"""Figures of all queries of all test episodes together."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kshot.outcomes import Outcomes
from kshot.statistics.credit import credit


def macro_f1(outcomes: Outcomes) -> float:
    """Unweighted mean over classes of their F1, each over the queries of all episodes pooled.

    Within one episode a class has a handful of queries, and the F1 of so few is mostly noise; pooled,
    each class is scored on all that was ever asked of it, and a class that episodes held rarely
    counts as much as any other.
    """
    from sklearn.metrics import f1_score

    there = np.unique(outcomes.labels)
    zero: Any = 0  # allowed, whatever the stubs say
    return float(
        f1_score(outcomes.labels, outcomes.predicted, labels=there, average="macro", zero_division=zero)
    )


def top_k(outcomes: Outcomes, k: int) -> NDArray[np.float64]:
    """(E,) of each episode the share of queries for which fewer than k classes beat the right one.

    A tie counts by its share, as it does in accuracy: of t equal classes that r others beat, k - r are
    taken. Where all logits are equal this is k/way. Of files that do not tell t, ties for the first
    place count by what :func:`credit` makes of them, and those further down as hits.
    """
    rank = outcomes.rank
    if outcomes.tied is not None:
        counted = np.clip((k - rank) / np.maximum(outcomes.tied, 1), 0.0, 1.0)
    else:
        counted = np.where(rank == 0, np.minimum(1.0, k * credit(outcomes)), rank < k)
    hits = np.bincount(outcomes.episode, weights=counted, minlength=len(outcomes.queries))
    return np.divide(hits, outcomes.queries, out=np.zeros_like(hits), where=outcomes.queries > 0)
