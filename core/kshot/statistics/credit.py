"""What each query adds to accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from kshot.outcomes import Outcomes


def credit(outcomes: Outcomes) -> NDArray[np.floating[Any]]:
    """(N,) what each query counts: 1/t where its class and t - 1 others share the largest logit, 0 where one beats it.

    Its mean over an episode is the episode's accuracy. Files that were written before t was kept do not tell
    how many classes tied: there the queries of an episode whose class no other beat share the episode's hits
    equally, which is the same where none tied, or all alike.
    """
    unbeaten = (outcomes.rank == 0).astype(np.float64)
    if outcomes.tied is not None:
        return unbeaten / np.maximum(outcomes.tied, 1)
    episode = outcomes.episode
    count = np.bincount(episode, weights=unbeaten, minlength=len(outcomes.queries))
    hits = outcomes.accuracy * outcomes.queries
    share = np.divide(hits, count, out=np.zeros_like(count), where=count > 0)
    return unbeaten * share[episode]
