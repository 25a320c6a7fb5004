"""Prototypical networks."""

from __future__ import annotations

import math
from typing import Literal, final

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kshot.episode import Episodes, Examples, Inputs, inputs_of, labels_of
from kshot.functional import embed, embed_jointly, per_episode_norms, query_pass, support_pass
from kshot.interfaces import Classifier, Learner

Distance = Literal["squared_euclidean", "cosine"]


@final
class Prototypical(Learner):
    """Prototypical networks: a class is the mean of its support embeddings.

    Snell, Swersky, Zemel, "Prototypical Networks for Few-shot Learning", NeurIPS 2017. Queries
    are classified by their distance to the class means, the *prototypes*; training lowers the
    cross-entropy of the queries of each episode::

        c_k = mean of f(x) over the support of class k
        logits_k = -scale · ||f(q) - c_k||²       or   scale · cos(f(q), c_k)

    With ``squared_euclidean`` and the default scale this is the paper's method. Support and
    query pass the encoder together in training, as in the paper's code. Deviations: none; the
    cosine distance and the learnable scale are additions.

    Args:
        encoder: the embedding function f; its batch norms are converted to work per episode.
        distance: ``squared_euclidean`` or ``cosine``.
        scale: factor of the logits; default 1 for squared Euclidean, 10 for cosine.
        learn_scale: train the scale along with the encoder (kept positive).
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        distance: Distance = "squared_euclidean",
        scale: float | None = None,
        learn_scale: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = per_episode_norms(encoder)
        self.distance: Distance = distance
        start = scale if scale is not None else 10.0 if distance == "cosine" else 1.0
        if not (start > 0 and math.isfinite(start)):
            raise ValueError(f"scale must be positive, got {start}")
        self.log_scale = nn.Parameter(torch.tensor(math.log(start)), requires_grad=learn_scale)

    def adapt(self, support: tuple[Examples, ...]) -> Classifier:
        """Average the support of each class.

        Args:
            support: blocks with labels (T, n); classes may have different numbers of examples.

        Returns:
            a classifier of queries of the same T episodes.
        """
        labels = labels_of(support)
        first = support_pass(self.batch_statistics, len(labels))
        embedded = embed(self.encoder, inputs_of(support), first)
        prototypes = class_means(embedded, labels, support[0].way)

        def classify(query: tuple[Inputs, ...]) -> Tensor:
            second = query_pass(self.batch_statistics, first)
            return self._logits(prototypes, embed(self.encoder, query, second))

        return classify

    def loss(self, episodes: Episodes) -> Tensor:
        """Mean cross-entropy of the queries, in nats."""
        support, query = embed_jointly(self.encoder, episodes)
        prototypes = class_means(support, labels_of(episodes.support), episodes.way)
        logits = self._logits(prototypes, query)
        return F.cross_entropy(logits.flatten(0, 1), episodes.query_labels.flatten())

    def _logits(self, prototypes: Tensor, query: Tensor) -> Tensor:
        """(T, way, dim) and (T, Q, dim) → (T, Q, way)."""
        scale = self.log_scale.exp()
        if self.distance == "cosine":
            return scale * F.normalize(query, dim=-1) @ F.normalize(prototypes, dim=-1).mT
        products = query @ prototypes.mT
        squares = query.square().sum(-1, keepdim=True) + prototypes.square().sum(-1).unsqueeze(1)
        return scale * (2 * products - squares)


def class_means(embedded: Tensor, labels: Tensor, way: int) -> Tensor:
    """(T, n, dim) embeddings, (T, n) labels → (T, way, dim) mean of each class."""
    members = F.one_hot(labels, way).to(embedded.dtype)
    return members.mT @ embedded / members.sum(1).unsqueeze(-1)
