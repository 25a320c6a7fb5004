"""Metrics of one episode: called with logits (T, Q, way) and labels (T, Q), they return (T,)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of the queries whose largest logit is the right class; a tie counts by its share.

    Ties are no corner case: a collapsed encoder gives equal logits everywhere, and taking the
    first of them would reward a fixed class order.

    Args:
        logits: (T, Q, way).
        labels: (T, Q).

    Returns:
        (T,) values in 0 … 1.
    """
    best = logits == logits.amax(dim=-1, keepdim=True)
    hit = best.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return (hit / best.sum(dim=-1)).double().mean(dim=-1)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of the queries in nats: (T, Q, way) and (T, Q) → (T,)."""
    losses = F.cross_entropy(logits.double().flatten(0, 1), labels.flatten(), reduction="none")
    return losses.unflatten(0, labels.shape).mean(dim=-1)


@dataclass(frozen=True)
class Interval:
    """A mean over episodes with the half-width of its 95 % confidence interval."""

    mean: float
    ci95: float


def interval(values: Tensor) -> Interval:
    """(n,) values of n episodes → mean ± 1.96 · standard deviation / √n."""
    values = values.double()
    if len(values) < 2:
        return Interval(float(values.mean()), math.inf)
    return Interval(float(values.mean()), float(1.96 * torch.std(values) / math.sqrt(len(values))))
