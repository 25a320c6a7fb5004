"""Prototypical networks."""

from __future__ import annotations

from typing import Annotated, final

import torch
from pydantic import Field
from torch import Tensor, nn

from kshot.episode import Episodes
from kshot.functional import per_episode_norms, query_cross_entropy
from kshot.learners.distances import Distance, likeness, log_scale
from kshot.learners.embedding import Comparison, EmbeddingLearner, class_means, shrunk_means


@final
class Prototypical(EmbeddingLearner):
    """Prototypical networks: a class is the mean of its support embeddings.

    Snell, Swersky, Zemel, "Prototypical Networks for Few-shot Learning", NeurIPS 2017. Queries
    are classified by their distance to the class means, the *prototypes*; training lowers the
    cross-entropy of the queries of each episode::

        c_k = mean of f(x) over the support of class k
        logits_k = -scale · ||f(q) - c_k||²       or   scale · cos(f(q), c_k)

    With ``squared_euclidean`` and the default scale this is the paper's method. Support and
    query pass the encoder together in training, as in the paper's code. Deviations: none; the
    cosine distance, the learnable scale and the shrinkage are additions.

    The paper's classes are of one size. Where they are not, its distances favour the large ones,
    since a mean of few examples is further from everything; ``shrinkage`` draws these towards the
    mean of all (:func:`~kshot.learners.embedding.shrunk_means`).

    Args:
        encoder: the embedding function f; its batch norms are converted to work per episode.
        distance: ``squared_euclidean`` or ``cosine``.
        scale: factor of the logits; default 1 for squared Euclidean, 10 for cosine.
        learn_scale: train the scale along with the encoder (kept positive).
        shrinkage: draw the means of small classes towards that of all; nothing where classes are of one size.

    Raises:
        ValueError: a scale that cannot be used.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        distance: Distance = "squared_euclidean",
        scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None,
        learn_scale: bool = False,
        shrinkage: bool = False,
    ) -> None:
        super().__init__()
        self.encoder = per_episode_norms(encoder)
        self.distance: Distance = distance
        self.means = shrunk_means if shrinkage else class_means
        # The mean of few examples is further from everything than that of many, by squares of distances.
        self.favours_large = distance == "squared_euclidean" and not shrinkage
        self.log_scale = nn.Parameter(torch.tensor(log_scale(distance, scale)), requires_grad=learn_scale)

    def compare(self, support: Tensor, labels: Tensor, way: int) -> Comparison:
        """Average the support of each class."""
        prototypes = self.means(support, labels, way)
        return lambda query: self.log_scale.exp() * likeness(self.distance, query, prototypes)

    def loss(self, episodes: Episodes) -> Tensor:
        """Mean cross-entropy of the queries, in nats."""
        logits = self.training_logits(episodes.support, episodes.query_inputs)
        return query_cross_entropy(logits, episodes.query_labels)
