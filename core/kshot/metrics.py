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
    return hits(logits, labels).mean(dim=-1)


def hits(logits: Tensor, labels: Tensor) -> Tensor:
    """(T, Q, way) and (T, Q) → (T, Q) what :func:`accuracy` is the mean of: 1 where right, shares of ties."""
    best = logits == logits.amax(dim=-1, keepdim=True)
    hit = best.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    # Double before the division: in single, a guess among five would be 3e-9 above a fifth, and differ from it.
    return hit.double() / best.sum(dim=-1)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross-entropy of the queries in nats: (T, Q, way) and (T, Q) → (T,)."""
    losses = F.cross_entropy(logits.double().flatten(0, 1), labels.flatten(), reduction="none")
    return losses.unflatten(0, labels.shape).mean(dim=-1)


def equal_error_rate(logits: Tensor, labels: Tensor) -> Tensor:
    """The error rate of verification: every query is claimed to be of every class of its episode.

    A claim is accepted where the query's log-probability of the class exceeds a threshold. The rate is
    read where wrong claims are accepted as often as right ones are rejected, on the straight lines
    between the thresholds at which that changes. Log-probabilities and not the logits themselves: a
    number added to all logits of a query says nothing, and would shift its claims against those of others.

    Args:
        logits: (T, Q, way).
        labels: (T, Q).

    Returns:
        (T,) values in 0 … 1; 0.5 is a guess.
    """
    scores = logits.double().log_softmax(dim=-1).flatten(1)
    return _equal_error(scores, F.one_hot(labels, logits.shape[-1]).flatten(1))


def auroc(known: Tensor, unknown: Tensor) -> Tensor:
    """Area under the ROC curve: how often a known query scores above an unknown one, ties by half.

    Args:
        known: (T, Q) scores of known queries, the higher the more known.
        unknown: (T, U) scores of unknown ones.

    Returns:
        (T,) values in 0 … 1; 0.5 is a guess.
    """
    return _above(known, unknown).mean(dim=-1)


def false_positive_rate(known: Tensor, unknown: Tensor, accepted: float = 0.95) -> Tensor:
    """Share of the unknown queries that pass for known where no fewer than ``accepted`` of the known do.

    Args:
        known: (T, Q) scores of known queries, the higher the more known.
        unknown: (T, U) scores of unknown ones.
        accepted: share of the known that the threshold must let pass (FPR95: 0.95).

    Returns:
        (T,) values in 0 … 1, the lower the better.
    """
    needed = math.ceil(accepted * known.shape[-1] - 1e-9)
    threshold = known.sort(dim=-1, descending=True).values[..., needed - 1 : needed]
    return (unknown >= threshold).double().mean(dim=-1)


def oscr(known: Tensor, unknown: Tensor, right: Tensor) -> Tensor:
    """Area under the open-set classification rate curve (Dhamija, Günther and Boult, NeurIPS 2018).

    Over all thresholds: the share of known queries that are accepted and rightly classified, against the share
    of unknown ones that are accepted. It is at most the accuracy, and at most the AUROC.

    Args:
        known: (T, Q) scores of known queries, the higher the more known.
        unknown: (T, U) scores of unknown ones.
        right: (T, Q) 1 where a known query is classified rightly, else 0; shares of ties.

    Returns:
        (T,) values in 0 … 1.
    """
    return (right * _above(known, unknown)).mean(dim=-1)


def detection_error(known: Tensor, unknown: Tensor) -> Tensor:
    """Equal error rate of telling (T, Q) known from (T, U) unknown by their scores → (T,); 0.5 is a guess.

    Where as large a share of the unknown passes for known as of the known for unknown.
    """
    genuine = torch.cat([torch.ones_like(known), torch.zeros_like(unknown)], dim=-1)
    return _equal_error(torch.cat([known, unknown], dim=-1), genuine)


def _above(known: Tensor, unknown: Tensor) -> Tensor:
    """(T, Q) and (T, U) → (T, Q) the share of the unknown that each known lies above, ties by half."""
    known, ordered = known.contiguous(), unknown.sort(dim=-1).values
    below = torch.searchsorted(ordered, known)
    up_to = torch.searchsorted(ordered, known, right=True)
    return (below + up_to).double() / (2 * unknown.shape[-1])


def _equal_error(scores: Tensor, genuine: Tensor) -> Tensor:
    """(T, n) scores and (T, n) ones and zeros → (T,) where both error rates meet."""
    scores, order = scores.double().sort(dim=-1, descending=True)
    genuine = genuine.double().gather(-1, order)
    accepted = (1 - genuine).cumsum(dim=-1)
    accepted = accepted / accepted[:, -1:]  # wrong ones accepted at each threshold, and right ones rejected
    rejected = 1 - genuine.cumsum(dim=-1) / genuine.sum(dim=-1, keepdim=True)
    # Equal scores share a threshold: each takes the rates at the last of them.
    places = torch.arange(scores.shape[1], device=scores.device).expand_as(scores)
    ends = F.pad(scores[:, 1:] != scores[:, :-1], (0, 1), value=True)
    last = torch.where(ends, places, scores.shape[1]).flip(-1).cummin(dim=-1).values.flip(-1)
    accepted = F.pad(accepted.gather(-1, last), (1, 0), value=0.0)
    rejected = F.pad(rejected.gather(-1, last), (1, 0), value=1.0)
    # The first threshold at which no more are rejected than accepted, and the one before it.
    after = (accepted >= rejected).long().argmax(dim=-1, keepdim=True).clamp(min=1)
    low, high = accepted.gather(-1, after - 1), accepted.gather(-1, after)
    gap_before = rejected.gather(-1, after - 1) - low
    gap_after = high - rejected.gather(-1, after)
    return (low + gap_before / (gap_before + gap_after) * (high - low)).squeeze(-1)


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
