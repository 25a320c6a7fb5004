"""Nearest picture by the modified Hausdorff distance: nothing is learnt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self, final

import torch
from kshot.episode import Episodes, Examples, Inputs, inputs_of, labels_of
from kshot.errors import CellError
from kshot.functional import (
    embed,
    per_episode_norms,
    query_cross_entropy,
    query_pass,
    support_pass,
    width_of,
)
from kshot.interfaces import Classifier, Learner
from torch import Tensor, nn

NUMBERS = 2**20
"""Distances between points that are held at a time; bounds memory."""

_INK = 0.5
_FAR = 1e6  # coordinate of a point that fills up a row: never the nearest


@final
class ModifiedHausdorff(Learner):
    """A query belongs to the class of the nearest support picture, by the distance between their ink.

    Dubuisson, Jain, "A modified Hausdorff distance for object matching", ICPR 1994; as the
    baseline of Lake, Salakhutdinov, Tenenbaum, Science 350, 2015, whose demonstration shifts
    each picture's points to mean zero. A picture is the set of its ink pixels; how far two are
    apart is the mean distance of one's points from the nearest of the other's, the larger of
    the two directions::

        d(A, B) = max(mean over a of min over b ||a - b||, mean over b of min over a ||b - a||)
        logits_k = -min of d(query, x) over the support x of class k

    Deviations: none for one shot; for more the nearest picture of a class counts. A picture
    without ink is far from every other.

    Made for the encoder ``pixels`` with one channel and for dark ink on white paper: it reads
    the embedding as the rows of a square picture, paper 0 and ink 1. There is nothing to train,
    and no gradient.

    Args:
        encoder: gives (B, side * side) pixels in 0 … 1.

    Raises:
        ValueError: the embedding's width is not that of a square picture.
    """

    trains = False

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        _side(width_of(encoder))
        self.encoder = per_episode_norms(encoder)

    def adapt(self, support: tuple[Examples, ...]) -> Classifier:
        """Keep the support's points, (T, S) pictures with (T, S) labels."""
        labels, way = labels_of(support), support[0].way
        first = support_pass(self.batch_statistics, len(labels))
        known = _Points.of(embed(self.encoder, inputs_of(support), first))

        def classify(query: tuple[Inputs, ...]) -> Tensor:
            asked = _Points.of(embed(self.encoder, query, query_pass(self.batch_statistics, first)))
            distances = modified_hausdorff(asked, known)
            nearest = distances.new_full((*distances.shape[:2], way), torch.inf)
            return -nearest.scatter_reduce(2, labels.unsqueeze(1).expand_as(distances), distances, "amin")

        return classify

    def loss(self, episodes: Episodes) -> Tensor:
        """Mean cross-entropy of the queries, in nats; it has no gradient."""
        logits = self.adapt(episodes.support)(episodes.query_inputs)
        return query_cross_entropy(logits, episodes.query_labels)


@dataclass(frozen=True, eq=False)
class _Points:
    """The ink of N pictures of each of T episodes as points in the plane, each picture's mean at 0.

    Attributes:
        places: (T, N, P, 2) coordinates; a picture of fewer than P points goes on far away.
        counts: (T, N) points of each picture.
    """

    places: Tensor
    counts: Tensor

    @classmethod
    def of(cls, pixels: Tensor) -> _Points:
        """(T, N, side * side) pixels, paper 0 and ink 1.

        Raises:
            CellError: they are not pixels of a square picture.
        """
        side = _side(pixels.shape[-1])
        if not bool(((pixels >= 0) & (pixels <= 1)).all()):
            raise CellError(
                "modified_hausdorff reads pixels from 0 (paper) to 1 (ink), but the encoder gives other "
                "numbers; pair it with the encoder 'pixels'"
            )
        ink = pixels > _INK
        counts = ink.sum(-1)
        most = max(int(counts.max()), 1)
        numbers = ink.to(torch.uint8).argsort(dim=-1, descending=True, stable=True)[..., :most]
        places = torch.stack((numbers // side, numbers % side), dim=-1).to(pixels.dtype)
        used = (torch.arange(most, device=pixels.device) < counts.unsqueeze(-1)).unsqueeze(-1)
        mean = (places * used).sum(-2, keepdim=True) / counts.clamp(min=1)[..., None, None]
        return cls((places - mean).masked_fill(~used, _FAR), counts)

    def take(self, numbers: Tensor) -> Self:
        """(M,) numbers of pictures, counted through all episodes → these as one episode, cut to their longest."""
        counts = self.counts.flatten()[numbers]
        most = max(int(counts.max()), 1)
        return type(self)(self.places.flatten(0, 1)[numbers, :most], counts)


def modified_hausdorff(a: _Points, b: _Points) -> Tensor:
    """(T, N) and (T, M) pictures → (T, N, M) distances of each pair of an episode."""
    episodes, n, m = len(a.counts), a.counts.shape[1], b.counts.shape[1]
    pairs = torch.arange(episodes * n * m, device=a.counts.device)
    size = max(1, NUMBERS // (a.places.shape[2] * b.places.shape[2]))
    parts = [
        _of_pairs(a.take(some // m), b.take(some // (n * m) * m + some % m)) for some in pairs.split(size)
    ]
    return torch.cat(parts).reshape(episodes, n, m)


def _of_pairs(a: _Points, b: _Points) -> Tensor:
    """M pairs, (M, P, 2) and (M, R, 2) points → (M,)."""
    (ax, ay), (bx, by) = (one.places.unbind(-1) for one in (a, b))
    # Written out: torch.cdist is several times slower for two coordinates.
    down, across = ax.unsqueeze(2) - bx.unsqueeze(1), ay.unsqueeze(2) - by.unsqueeze(1)
    squares = down.square_().addcmul_(across, across)
    return torch.maximum(_mean(squares.amin(2), a.counts), _mean(squares.amin(1), b.counts))


def _mean(squares: Tensor, counts: Tensor) -> Tensor:
    """(M, P) squared distances, (M,) points that count → (M,) mean distances."""
    used = torch.arange(squares.shape[1], device=squares.device) < counts.unsqueeze(1)
    return (squares.sqrt() * used).sum(1) / counts.clamp(min=1)


def _side(width: int) -> int:
    side = math.isqrt(width)
    if side * side != width:
        raise ValueError(
            f"an embedding of {width} numbers is no square picture; modified_hausdorff goes with the encoder "
            "'pixels' of one channel"
        )
    return side
