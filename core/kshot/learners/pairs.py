"""Pairs of an episode's examples: all of them, or a balanced draw; at least one is of the support."""

from __future__ import annotations

import torch
from torch import Tensor


def pair_count(support: int, query: int) -> int:
    """Number of pairs support × support (unordered, never an example with itself) and support × query."""
    return support * (support - 1) // 2 + support * query


def all_pairs(labels: Tensor, support: int) -> tuple[Tensor, Tensor]:
    """Which places of the grid support × (support and query) hold a pair.

    Args:
        labels: (T, N) of support and query, the support first.
        support: S.

    Returns:
        (T, S·N) whether both are of one class, and (T, S·N) whether the place counts: each
        unordered pair counts once.
    """
    same = labels[:, :support, None] == labels[:, None, :]
    once = torch.ones_like(same).triu(1)
    return same.flatten(1), once.flatten(1)


def draw_pairs(labels: Tensor, support: int, words: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Draw pairs uniformly, with replacement: half of them of one class and half of two.

    The pairs are never listed: with the examples sorted by class, the partners that come after
    an example are a stretch of known length, and a number below the sum of these lengths names
    a pair. Time and memory are those of a sort of N and a search for P.

    Args:
        labels: (T, N) of support and query, the support first.
        support: S.
        words: (T, P) random, from 0 to far above the number of pairs; P is even.

    Returns:
        first, second: (T, P) positions below N; same: (T, P) whether of one class;
        counts: (T, P), False where the episode has no pair of that kind.
    """
    alike, unlike = words.chunk(2, dim=1)
    place = torch.arange(labels.shape[1], device=labels.device)
    order = (2 * labels + (place >= support)).argsort(dim=1, stable=True)
    labels = labels.gather(1, order)
    supports = order < support
    end = torch.searchsorted(labels, labels, right=True)  # where an example's class ends
    before = supports.cumsum(1).gather(1, end - 1)  # support examples up to there

    # Of one class: a support example, and what follows it in its class.
    anchor, step, some = _draw(torch.where(supports, end - 1 - place, 0), alike)
    partner = (anchor + 1 + step).clamp(max=len(place) - 1)
    # Of two: an example, and what follows its class; after a query, the support alone.
    follow = torch.where(supports, len(place) - end, support - before)
    left, further, others = _draw(follow, unlike)
    support_places = (~supports).long().argsort(dim=1, stable=True)
    after_query = support_places.gather(1, (before.gather(1, left) + further).clamp(max=len(place) - 1))
    right = torch.where(supports.gather(1, left), end.gather(1, left) + further, after_query)

    first = order.gather(1, torch.cat([anchor, left], dim=1))
    second = order.gather(1, torch.cat([partner, right.clamp(max=len(place) - 1)], dim=1))
    counts = torch.cat([some, others], dim=1)
    same = torch.cat([torch.ones_like(some), torch.zeros_like(others)], dim=1)
    return first, second, same, counts


def _draw(sizes: Tensor, words: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What (T, P) words draw of N stretches of (T, N) lengths: (T, P) stretch, step in it, whether any."""
    upper = sizes.cumsum(1)
    total = upper[:, -1:]
    number = words % total.clamp(min=1)
    stretch = torch.searchsorted(upper, number, right=True).clamp(max=sizes.shape[1] - 1)
    return stretch, number - (upper - sizes).gather(1, stretch), (total > 0).expand_as(words)


def balanced_mean(losses: Tensor, same: Tensor, counts: Tensor) -> Tensor:
    """Mean over episodes of the mean over kinds of pair, each kind's own mean weighing the same.

    An episode that lacks a kind is the mean of the other.

    Args:
        losses: (T, P).
        same: (T, P) the kind of each pair.
        counts: (T, P) False for what is no pair.
    """
    kinds = torch.stack([counts & same, counts & ~same])
    numbers = kinds.sum(-1)
    means = (losses * kinds).sum(-1) / numbers.clamp(min=1)
    return (means.sum(0) / (numbers > 0).sum(0)).mean()
