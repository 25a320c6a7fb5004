"""The interval of a share, such as that of right answers."""

from __future__ import annotations

import math


def share_interval(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of Wilson (1927), which lies within 0 and 1, and is no point where all are right.

    Args:
        share: of ``count`` independent trials, or a mean of as many values within 0 and 1, which vary no more than
            trials do.
        count: one at least.

    Returns:
        the lower and the upper end.
    """
    square = 1.96**2 / count
    centre = share + square / 2
    half = math.sqrt(square * (share * (1 - share) + square / 4))
    return max(0.0, (centre - half) / (1 + square)), min(1.0, (centre + half) / (1 + square))
