"""Calibration: whether a classifier that is sure is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from kshot.outcomes import Outcomes

BINS: Final = 15
"""As in Guo, Pleiss, Sun and Weinberger, ICML 2017."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Queries binned by the probability of the predicted class, in bins of equal width.

    Attributes:
        count: (B,) queries in the bin ((b-1)/B, b/B].
        confidence: (B,) their mean probability; zero where the bin is empty.
        accuracy: (B,) the share of them that was predicted rightly; zero where the bin is empty.
    """

    count: NDArray[np.integer[Any]]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]


def reliability(outcomes: Sequence[Outcomes], bins: int = BINS) -> Reliability:
    """The bins of all queries of some outcomes, such as those of several training seeds."""
    confidence = np.concatenate([one.confidence for one in outcomes])
    return binned(confidence, np.concatenate([one.predicted == one.labels for one in outcomes]), bins)


def binned(confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """The bins of N queries.

    Args:
        confidence: (N,) the probability of each predicted class.
        right: (N,) whether it is the query's.
        bins: number of them.
    """
    confidence = confidence.astype(np.float64)
    place = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence, side="left")
    count = np.bincount(place, minlength=bins)
    filled = np.maximum(count, 1)
    return Reliability(
        count,
        np.bincount(place, weights=confidence, minlength=bins) / filled,
        np.bincount(place, weights=right, minlength=bins) / filled,
    )


def expected_calibration_error(found: Reliability) -> float:
    """Mean gap between confidence and accuracy, each bin weighed by its queries (Guo et al. 2017).

    Zero without a query.
    """
    weights = found.count / max(1, int(found.count.sum()))
    return float(np.sum(weights * np.abs(found.accuracy - found.confidence)))
