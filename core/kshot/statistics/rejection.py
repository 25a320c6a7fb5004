"""How well unknown queries were told from an episode's own, from the scores that are kept of both."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kshot.metrics import auroc, detection_error, false_positive_rate, oscr
from kshot.outcomes import Outcomes


def rejection(outcomes: Outcomes, score: str) -> dict[str, Tensor]:
    """AUROC, FPR95, OSCR and EER of E episodes, (E,) values in 0 … 1 each, under the names that results have.

    Args:
        outcomes: with unknown queries.
        score: which of those kept.
    """
    assert outcomes.unknown is not None
    known, unknown = (
        torch.from_numpy(one[score].astype(np.float64))
        for one in (outcomes.unknown.known, outcomes.unknown.unknown)
    )
    right, ends = torch.from_numpy(outcomes.unknown.right), np.cumsum(outcomes.queries)
    names = ("unknown_auroc", "unknown_fpr95", "unknown_oscr", "unknown_eer")
    found = {name: torch.empty(len(ends), dtype=torch.float64) for name in names}
    for size in np.unique(outcomes.queries):  # episodes of as many queries together
        some = np.flatnonzero(outcomes.queries == size)
        own = torch.from_numpy(ends[some, None] - size + np.arange(size))
        inside, outside = known[own], unknown[some]
        found["unknown_auroc"][some] = auroc(inside, outside)
        found["unknown_fpr95"][some] = false_positive_rate(inside, outside)
        found["unknown_oscr"][some] = oscr(inside, outside, right[own])
        found["unknown_eer"][some] = detection_error(inside, outside)
    return found
