"""Siamese networks."""

from __future__ import annotations

import math
from typing import Annotated, Literal, final

import torch
from pydantic import Field
from torch import Tensor, nn

from kshot.episode import TENSOR, Episodes, Inputs, inputs_of, labels_of
from kshot.functional import embed_jointly, per_episode_norms, width_of
from kshot.functional.shares import places
from kshot.functional.splitmix import random_words
from kshot.learners.embedding import Comparison, EmbeddingLearner, class_means, full_precision, one_hot
from kshot.learners.pair_metrics import Euclidean, PairMetric, WeightedL1
from kshot.learners.pairs import all_pairs, balanced_mean, draw_pairs, pair_count

Loss = Literal["cross_entropy", "contrastive"]
Aggregate = Literal["mean", "max", "embedding"]


@final
class Siamese(EmbeddingLearner):
    """Siamese networks: a learned distance of pairs; the nearest support examples tell the class.

    Koch, Zemel, Salakhutdinov, "Siamese Neural Networks for One-shot Image Recognition", ICML
    deep learning workshop 2015; the contrastive loss is that of Hadsell, Chopra, LeCun,
    "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006. Training tells pairs
    of one class (y = 1) from pairs of two (y = 0); a query goes to the class whose support it
    lies nearest to::

        cross_entropy   D(a, b) = -(w · |f(a) - f(b)| + b₀)
                        loss    = -y log σ(-D) - (1 - y) log(1 - σ(-D))
        contrastive     D(a, b) = ‖f(a) - f(b)‖
                        loss    = y Dᵉ + (1 - y) max(0, m - D)ᵉ,       e = 1 or 2
        logits_k = mean or max of -D(q, x) over the support of class k, or -D(q, mean embedding)

    Deviations: Koch draws pairs from the whole training set, here they are those of an episode:
    support × support and support × query, never an example with itself. In an episode the pairs
    of one class are few, so the mean over them and the mean over the others weigh one half each.
    Koch classifies by the single support example of a class; how more than one count is an
    addition. The sigmoid on Koch's embeddings, his regularisation and his learning rates are the
    encoder's and the training's business. Contrastive logits are -D for either exponent.

    Args:
        encoder: the embedding function f; its batch norms are converted to work per episode.
            ``cross_entropy`` must know its width (an attribute ``dim``).
        loss: ``cross_entropy``: a learned weight per dimension; ``contrastive``: plain Euclidean.
        margin: m, beyond which pairs of two classes are left alone (contrastive). It must be
            of the size of the encoder's distances: 64 numbers of about one each lie several
            apart, and a margin of 1 then starts by shrinking everything.
        exponent: e (contrastive).
        aggregate: what the support examples of one class make of their scores: their ``mean``,
            their ``max``, or the score of their mean ``embedding``.
        pairs: the most pairs that an episode trains on. Where it has more, half that number are
            drawn of either kind; None: all pairs, whatever their number.
        seed: of these draws, which depend on the number of the episode in training besides, and on
            nothing else: neither on how a batch is shared out nor on the device.

    Raises:
        ValueError: a margin, a bound or an encoder that cannot be used.
    """

    episodes_seen: Tensor

    def __init__(
        self,
        encoder: nn.Module,
        *,
        loss: Loss = "cross_entropy",
        margin: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 5.0,
        exponent: Literal[1, 2] = 2,
        aggregate: Aggregate = "mean",
        pairs: Annotated[int, Field(ge=2)] | None = 4096,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        super().__init__()
        if not (margin > 0 and math.isfinite(margin)):
            raise ValueError(f"margin must be positive, got {margin}")
        if pairs is not None and pairs < 2:
            raise ValueError(f"pairs must be at least 2, one of either kind, got {pairs}")
        self.encoder = per_episode_norms(encoder)
        self.metric: PairMetric = (
            Euclidean(margin, exponent) if loss == "contrastive" else WeightedL1(width_of(encoder))
        )
        self.aggregate: Aggregate = aggregate
        self.pairs = pairs
        self.seed = seed
        self.register_buffer("episodes_seen", torch.zeros((), dtype=torch.int64))

    def distance(self, x1: Tensor | Inputs, x2: Tensor | Inputs) -> Tensor:
        """The learned distance D of B pairs; for ``cross_entropy`` the log-odds of two classes.

        Both sides pass the encoder together; in training mode with the batch's own statistics,
        in evaluation mode with the running ones.

        Args:
            x1: (B, …), a tensor for an encoder that takes bare tensors, or a mapping of such.
            x2: likewise.

        Returns:
            (B,), larger for what is less alike.

        Raises:
            ValueError: the sides are not of one length.
        """
        first, second = embed_jointly(self.encoder, (_one_episode(x1),), (_one_episode(x2),))
        if first.shape != second.shape:
            raise ValueError(
                f"pairs need as many examples on either side: {first.shape[1]}, {second.shape[1]}"
            )
        return self.metric.of_pairs(first, second).squeeze(0)

    def compare(self, support: Tensor, labels: Tensor, way: int) -> Comparison:
        """Keep the support's embeddings, or their class means."""
        if self.aggregate == "embedding":
            means = class_means(support, labels, way)
            return lambda query: -self.metric.between(query, means)
        pool = _largest if self.aggregate == "max" else _mean
        return lambda query: pool(-self.metric.between(query, support), labels, way)

    def loss(self, episodes: Episodes) -> Tensor:
        """Mean loss over pairs, both kinds weighing the same, averaged over episodes."""
        support, query = embed_jointly(self.encoder, inputs_of(episodes.support), episodes.query_inputs)
        embedded = torch.cat([support, query], dim=1)
        labels = torch.cat([labels_of(episodes.support), episodes.query_labels], dim=1)
        numbers = self.episodes_seen + places(len(labels), labels.device)
        self.episodes_seen += len(labels)
        with full_precision(embedded):
            return self._pair_loss(embedded, labels, support.shape[1], numbers)

    def _pair_loss(self, embedded: Tensor, labels: Tensor, count: int, numbers: Tensor) -> Tensor:
        """Of (T, N, dim) embeddings, the first ``count`` of them the support, and T episodes' numbers."""
        if self.pairs is None or pair_count(count, embedded.shape[1] - count) <= self.pairs:
            same, counts = all_pairs(labels, count)
            distances = self.metric.between(embedded[:, :count], embedded).flatten(1)
        else:
            words = random_words(self.seed, numbers, self.pairs // 2 * 2)
            first, second, same, counts = draw_pairs(labels, count, words)
            distances = self.metric.of_pairs(_rows(embedded, first), _rows(embedded, second))
        return balanced_mean(self.metric.losses(distances, same), same, counts)


def _mean(scores: Tensor, labels: Tensor, way: int) -> Tensor:
    """(T, Q, S) scores, (T, S) labels → (T, Q, way) mean over the support of each class."""
    members = one_hot(labels, way, scores)
    return scores @ (members / members.sum(1, keepdim=True))


def _largest(scores: Tensor, labels: Tensor, way: int) -> Tensor:
    """(T, Q, S) scores, (T, S) labels → (T, Q, way) maximum over the support of each class."""
    lowest = scores.new_full((*scores.shape[:2], way), -math.inf)
    return lowest.scatter_reduce(2, labels.unsqueeze(1).expand_as(scores), scores, "amax")


def _rows(embedded: Tensor, positions: Tensor) -> Tensor:
    """(T, N, dim) embeddings, (T, P) positions → (T, P, dim)."""
    return embedded.gather(1, positions.unsqueeze(-1).expand(-1, -1, embedded.shape[-1]))


def _one_episode(x: Tensor | Inputs) -> Inputs:
    """(B, …) → an episode's inputs (1, B, …)."""
    leaves = {TENSOR: x} if isinstance(x, Tensor) else x
    return {name: leaf.unsqueeze(0) for name, leaf in leaves.items()}
