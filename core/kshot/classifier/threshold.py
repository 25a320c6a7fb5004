"""Below which familiarity an example belongs to none of a classifier's classes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kshot.classifier.neighbours import familiarity, own_familiarity
from kshot.classifier.support import Support
from kshot.errors import KshotError
from kshot.metrics import auroc


@dataclass(frozen=True)
class Threshold:
    """A threshold, and what it does to the examples that it was set by.

    Attributes:
        familiarity: below it an example is unknown.
        known: different support examples that were left out in turn.
        refused: share of them that would be unknown.
        negatives: examples of no class that were given.
        accepted: share of them that would pass for known; None where none were given.
        auroc: how often one of the known is more familiar than a negative; likewise.
    """

    familiarity: float
    known: int
    refused: float
    negatives: int = 0
    accepted: float | None = None
    auroc: float | None = None


def calibrate(support: Support, negatives: Tensor, most_refused: float | None) -> Threshold | None:
    """The threshold for a support set; None where every example is to belong to some class.

    By the support alone: the familiarity below which the share ``most_refused`` of the known lies, each left
    out in turn. With negatives: where known ones refused and negatives accepted are fewest, as the sum of
    both shares; of the thresholds that refuse no more than ``most_refused``, where that is given, and of equal
    ones the lowest.

    Args:
        support: all examples.
        negatives: (m, dim) embeddings of examples of no class.
        most_refused: share of the known.

    Raises:
        KshotError: no class has two different examples, so that none can be left out.
    """
    if most_refused is None and not len(negatives):
        return None
    known = own_familiarity(support).double()
    if not len(known):
        raise KshotError(
            "unknown: no class has two different examples, so nothing tells how alike examples of one class "
            "are; give a second example of some class, or leave `unknown` and negatives out"
        )
    if not len(negatives):
        assert most_refused is not None
        limit = float(torch.quantile(known, most_refused))
        return Threshold(limit, len(known), _share(known < limit))
    others = familiarity(negatives, support).double()
    limits = _between(torch.cat([known, others]))
    refused = _below(known, limits)
    wrong = refused - _below(others, limits)  # and one, of both shares
    wrong[refused > (1.0 if most_refused is None else most_refused)] = torch.inf
    limit = float(limits[wrong.argmin()])
    return Threshold(
        familiarity=limit,
        known=len(known),
        refused=_share(known < limit),
        negatives=len(others),
        accepted=_share(others >= limit),
        auroc=float(auroc(known[None], others[None])),
    )


def _between(values: Tensor) -> Tensor:
    """The lowest of (n,) values, which refuses none, and all middles between neighbours; rising."""
    rising = values.unique()
    return torch.cat([rising[:1], (rising[1:] + rising[:-1]) / 2])


def _below(values: Tensor, limits: Tensor) -> Tensor:
    """(n,) values, (k,) limits → (k,) share of the values below each."""
    return torch.searchsorted(values.sort().values, limits).double() / len(values)


def _share(found: Tensor) -> float:
    return float(found.double().mean())
