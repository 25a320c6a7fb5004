"""SimpleShot."""

from __future__ import annotations

from typing import final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kshot.episode import Episodes
from kshot.functional import per_episode_norms, query_cross_entropy, width_of
from kshot.learners.embedding import Comparison, EmbeddingLearner, class_means, shrunk_means


@final
class SimpleShot(EmbeddingLearner):
    """SimpleShot: nearest mean of centred embeddings at length 1.

    Wang, Chao, Weinberger, van der Maaten, "SimpleShot: Revisiting Nearest-Neighbor
    Classification for Few-Shot Learning", 2019, arXiv:1911.04623. Embeddings lose the mean of
    the training set and their length, and the nearest class mean wins (CL2N)::

        e(x) = (f(x) - m) / ‖f(x) - m‖,     logits_k = -‖e(q) - mean of e(x) over class k‖²

    There is no training of its own: the encoder comes pretrained (the paper's by classification
    of the training classes), or as it was built. Deviations: none; the shrinkage is an addition.

    Args:
        encoder: embeds the examples; it must tell its width (an attribute ``dim``).
        shrinkage: draw the means of small classes towards that of all, as :class:`Prototypical` does; nothing
            where classes are of one size.
    """

    trains = False
    wants_base = True
    centre: Tensor

    def __init__(self, encoder: nn.Module, *, shrinkage: bool = False) -> None:
        super().__init__()
        self.means = shrunk_means if shrinkage else class_means
        self.favours_large = not shrinkage  # by squares of distances, as prototypes do
        self.encoder = per_episode_norms(encoder)
        self.register_buffer("centre", torch.zeros(width_of(encoder)))

    @torch.no_grad()
    def begin(self, embeddings: Tensor, labels: Tensor) -> None:
        """Take the mean of the training set: (N, dim) embeddings; the labels do not matter."""
        del labels
        # Some columns at a time: all of them in float64 would be twice what the embeddings need.
        self.centre.copy_(torch.cat([columns.double().mean(0) for columns in embeddings.split(64, dim=1)]))

    def compare(self, support: Tensor, labels: Tensor, way: int) -> Comparison:
        """Average each class's centred and normalised support."""
        means = self.means(self._centred(support), labels, way)
        return lambda query: -torch.cdist(self._centred(query), means.to(query.dtype)).square()

    def loss(self, episodes: Episodes) -> Tensor:
        """Mean cross-entropy of the queries, in nats."""
        logits = self.training_logits(episodes.support, episodes.query_inputs)
        return query_cross_entropy(logits, episodes.query_labels)

    def _centred(self, embedded: Tensor) -> Tensor:
        return F.normalize(embedded - self.centre, dim=-1)
