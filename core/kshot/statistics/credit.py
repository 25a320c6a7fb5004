"""What each query adds to accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kshot.outcomes import Outcomes


def credit(outcomes: Outcomes) -> NDArray[np.floating[Any]]:
    """(N,) what each query counts: its mean over an episode is the episode's accuracy.

    Outcomes keep a query's rank, which does not tell how many classes tied with the right one. So the
    queries of an episode whose class no other beat share the episode's hits equally. Without ties each
    counts 1; where all logits are equal each counts 1/way.
    """
    unbeaten = (outcomes.rank == 0).astype(np.float64)
    episode = outcomes.episode
    count = np.bincount(episode, weights=unbeaten, minlength=len(outcomes.queries))
    hits = outcomes.accuracy * outcomes.queries
    share = np.divide(hits, count, out=np.zeros_like(count), where=count > 0)
    return unbeaten * share[episode]
