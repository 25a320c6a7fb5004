"""What can be said of scores: intervals, comparisons, ranks, calibration. Arrays in, numbers
out; ``compared`` alone reads a benchmark's folder.

Everything here is computed from the outcomes that each cell keeps; ``docs/statistics.md`` says
which figure answers which question. scipy and scikit-learn are imported inside functions.
"""

from kshot.statistics.calibration import (
    BINS,
    Reliability,
    binned,
    expected_calibration_error,
    reliability,
)
from kshot.statistics.classes import class_interval
from kshot.statistics.columns import compared
from kshot.statistics.comparison import Difference, against, all_pairs, difference, holm
from kshot.statistics.credit import credit
from kshot.statistics.pooled import macro_f1, top_k
from kshot.statistics.ranks import Friedman, average_ranks, critical_difference, friedman
from kshot.statistics.rejection import rejection
from kshot.statistics.seeds import seeds_interval
from kshot.statistics.share import share_interval

__all__ = [
    "BINS",
    "Difference",
    "Friedman",
    "Reliability",
    "against",
    "all_pairs",
    "average_ranks",
    "binned",
    "class_interval",
    "compared",
    "credit",
    "critical_difference",
    "difference",
    "expected_calibration_error",
    "friedman",
    "holm",
    "macro_f1",
    "rejection",
    "reliability",
    "seeds_interval",
    "share_interval",
    "top_k",
]
