"""The interval over training seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def seeds_interval(means: Sequence[float]) -> float | None:
    """Half-width of Student's 95 % interval of the mean over training seeds.

    t · s / √n with n-1 degrees of freedom, of n seeds' mean accuracies with the standard deviation s.
    It answers how far another training would come out, on these very test episodes: all seeds are
    scored on the same ones. None for a single seed.
    """
    from scipy import stats

    count = len(means)
    if count < 2:
        return None
    return float(stats.t.ppf(0.975, count - 1) * np.std(means, ddof=1) / math.sqrt(count))
